"""The venue of a measured gate: lists instruments, tells marks and complete reads, and says which orders are over.

A stream to the gate's venue listener, as `risksvc venue` holds one. Approved orders are never filled: between two
measurements the venue shows them as cancelled, which is proof, so that the gate's world keeps its size.
"""

import threading
import time
from collections.abc import Iterator

import grpc

from risksvc.v1 import types_pb2, venue_pb2
from tests.integration.gate.scripted_feed import ScriptedFeed

MARK = "50000"
ROWS_AT_ONCE = 2_000
_MARKS_AT_ONCE = 2_000
_READ_SECONDS, _MARKS_SECONDS = 2.0, 1.0  # the settings' default cadences


def symbol(number: int) -> str:
    return f"C{number}/USDT:USDT"


def hello(instruments: int) -> venue_pb2.FeedHello:
    return venue_pb2.FeedHello(
        account="main",
        venue="bench",
        instruments=[
            venue_pb2.InstrumentDefinition(
                instrument=symbol(number),
                kind=venue_pb2.INSTRUMENT_KIND_LINEAR,
                base=f"C{number}",
                quote="USDT",
                contract_size="1",
                quantity_step="0.001",
                price_step="0.1",
            )
            for number in range(instruments)
        ],
        can_cancel=True,
        client_order_id_max_length=36,
        client_order_id_characters="A-Za-z0-9_-",
        software="bench",
        enforces_reduce_only=True,
    )


class Venue(ScriptedFeed):
    """One stream. `keep_fresh` tells marks and complete reads at their default cadences until it is closed."""

    def __init__(self, channel: grpc.Channel, *, instruments: int, listed: int) -> None:
        self.instruments = instruments
        self._closing = threading.Event()
        self._fresh: threading.Thread | None = None
        super().__init__(channel, introduce=hello(listed))

    def marks(self, **_: str) -> None:
        as_of = self.beat()
        for first in range(0, self.instruments, _MARKS_AT_ONCE):
            numbers = range(first, min(first + _MARKS_AT_ONCE, self.instruments))
            rows = [venue_pb2.FeedMark(instrument=symbol(number), mark=MARK) for number in numbers]
            self.send(marks=venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=as_of))

    def keep_fresh(self) -> None:
        self._fresh = threading.Thread(target=self._tell, daemon=True)
        self._fresh.start()

    def _tell(self) -> None:
        marks_at = read_at = 0.0
        while not self._closing.wait(0.05):
            if self.error is not None:
                return
            now = time.monotonic()
            if now >= marks_at:
                self.marks()
                marks_at = now + _MARKS_SECONDS
            if now >= read_at:
                self.snapshot()
                read_at = now + _READ_SECONDS

    def cancelled_unfilled(self, ids: Iterator[tuple[str, int]]) -> None:
        """Shows orders (id, number) as cancelled without a fill."""
        self._show(ids, venue_pb2.VENUE_ORDER_STATUS_CANCELLED)

    def working(self, ids: Iterator[tuple[str, int]]) -> None:
        """Shows orders as open."""
        self._show(ids, venue_pb2.VENUE_ORDER_STATUS_OPEN)

    def _show(self, ids: Iterator[tuple[str, int]], status: "venue_pb2.VenueOrderStatus.ValueType") -> None:
        as_of, rows = self.gate_time, []
        for id_, number in ids:
            rows.append(self._row(id_, number, status))
            if len(rows) == ROWS_AT_ONCE:
                self.send(order_states=venue_pb2.FeedOrderStates(orders=rows, as_of_gate_time_ns=as_of))
                rows = []
        if rows:
            self.send(order_states=venue_pb2.FeedOrderStates(orders=rows, as_of_gate_time_ns=as_of))

    def _row(self, id_: str, number: int, status: "venue_pb2.VenueOrderStatus.ValueType") -> venue_pb2.FeedOrder:
        buys = number % 2 == 1
        return venue_pb2.FeedOrder(
            instrument=symbol(number % self.instruments),
            venue_order_id=f"v{id_}",
            client_order_id=id_,
            side=types_pb2.SIDE_BUY if buys else types_pb2.SIDE_SELL,
            quantity="0.001",
            filled="0",
            limit_price="49999.5" if buys else "50000.5",
            status=status,
        )

    def close(self) -> None:
        self._closing.set()
        if self._fresh is not None:
            self._fresh.join(5)
        super().close()
