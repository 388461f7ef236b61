"""A venue feed that plays a venue from a script: it owns a thread and a stream, and says what the test tells it to."""

import queue
import threading
import time
from collections.abc import Callable, Iterator

import grpc

from risksvc.v1 import types_pb2, venue_pb2, venue_pb2_grpc

PATIENCE = 20.0
PRICES = {"BTC/USDT:USDT": "50000", "ETH/USDT:USDT": "2500"}


def hello(account: str = "main", *, can_cancel: bool = True) -> venue_pb2.FeedHello:
    return venue_pb2.FeedHello(
        account=account,
        venue="scripted",
        instruments=[
            venue_pb2.InstrumentDefinition(
                instrument=symbol,
                kind=venue_pb2.INSTRUMENT_KIND_LINEAR,
                base=symbol.partition("/")[0],
                quote="USDT",
                contract_size="1",
                quantity_step="0.001",
                price_step="0.1",
            )
            for symbol in PRICES
        ],
        can_cancel=can_cancel,
        client_order_id_max_length=36,
        client_order_id_characters="A-Za-z0-9_-",
        software="scripted feed",
        enforces_reduce_only=True,
    )


class ScriptedFeed:
    """One stream. Answers ReadNow with the positions and orders it was given; marks are sent on demand."""

    def __init__(self, channel: grpc.Channel, *, introduce: venue_pb2.FeedHello | None = None) -> None:
        self.positions: dict[str, str] = {}
        self.orders: list[venue_pb2.FeedOrder] = []
        self.received: list[venue_pb2.FeedResponse] = []
        self.error: grpc.RpcError | None = None
        self.cancelled: list[str] = []
        self.swept: list[tuple[str, ...]] = []
        self.gate_time = 0
        self._beats = 0
        self._changed = threading.Condition()
        self._outgoing: queue.Queue[venue_pb2.FeedRequest | None] = queue.Queue()
        self.send(hello=introduce or hello())
        self._call = venue_pb2_grpc.VenueFeedServiceStub(channel).Feed(iter(self._requests()))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _requests(self) -> Iterator[venue_pb2.FeedRequest]:
        while True:
            request = self._outgoing.get()
            if request is None:
                return
            yield request

    def send(self, **message: object) -> None:
        self._outgoing.put(venue_pb2.FeedRequest(**message))  # type: ignore[arg-type]  # one field of the oneof

    def _listen(self) -> None:
        try:
            for response in self._call:
                self._take(response)
        except grpc.RpcError as error:
            with self._changed:
                self.error = error
                self._changed.notify_all()

    def _take(self, response: venue_pb2.FeedResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "heartbeat":
            self.gate_time = response.heartbeat.gate_time_ns
            self._beats += 1
        elif kind == "command":
            self._do(response.command)
        with self._changed:
            if kind != "heartbeat":
                self.received.append(response)
            self._changed.notify_all()

    def _do(self, command: venue_pb2.FeedCommand) -> None:
        kind = command.WhichOneof("command")
        if kind == "read_now":
            self.snapshot()
        elif kind == "cancel_orders":
            self.cancelled += [one.venue_order_id or one.client_order_id for one in command.cancel_orders.orders]
        elif kind == "cancel_everything":
            self.swept.append(tuple(command.cancel_everything.instruments))
        elif kind == "look_up_orders":
            return
        elif kind == "assess_now":
            self.send(assessment=self._assessment(command.command_id))
        result = venue_pb2.FeedCommandResult(command_id=command.command_id, ok=True)
        self.send(command_result=result)

    def _assessment(self, command_id: str) -> venue_pb2.FeedAssessment:
        """A look at the venue: thick books around the mark, for whatever is held."""
        books = [
            venue_pb2.FeedBook(
                instrument=symbol,
                bids=[venue_pb2.BookLevel(price=PRICES[symbol], quantity="1000")],
                asks=[venue_pb2.BookLevel(price=PRICES[symbol], quantity="1000")],
                mark=PRICES[symbol],
                mark_age_ms=5,
            )
            for symbol in self.positions
        ]
        held = [venue_pb2.FeedPosition(instrument=key, quantity=q) for key, q in self.positions.items()]
        return venue_pb2.FeedAssessment(
            command_id=command_id, positions=held, open_orders=self.orders, books=books, complete=True
        )

    # -- what the venue shows ------------------------------------------------------------------------------------

    def welcome(self) -> venue_pb2.FeedWelcome:
        self.wait(lambda: any(one.HasField("welcome") for one in self.received))
        return next(one.welcome for one in self.received if one.HasField("welcome"))

    def ready(self) -> None:
        """A welcome, a heartbeat, marks and a complete read: what a feed does first."""
        self.welcome()
        self.marks()
        self.snapshot()

    def beat(self) -> int:
        """The gate's time by the next heartbeat, so that a read that follows began after everything before."""
        before = self._beats
        self.wait(lambda: self._beats > before)
        return self.gate_time

    def marks(self, **prices: str) -> None:
        rows = [venue_pb2.FeedMark(instrument=symbol, mark=price) for symbol, price in {**PRICES, **prices}.items()]
        self.send(marks=venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=self.beat()))

    def snapshot(self) -> None:
        # ReadNow comes on the thread that takes heartbeats: then the last one that came must do.
        as_of = self.gate_time if threading.current_thread() is self._thread else self.beat()
        now_ms = time.time_ns() // 1_000_000
        self.send(
            snapshot=venue_pb2.FeedSnapshot(
                positions=[venue_pb2.FeedPosition(instrument=key, quantity=q) for key, q in self.positions.items()],
                open_orders=self.orders,
                as_of_gate_time_ns=as_of,
                window_start_ms=now_ms - 5,
                window_end_ms=now_ms,
                read_duration_ms=5,
            )
        )

    def fill(
        self, trade_id: str, *, quantity: str, client_order_id: str = "", instrument: str = "BTC/USDT:USDT"
    ) -> None:
        one = venue_pb2.FeedFill(
            instrument=instrument,
            trade_id=trade_id,
            venue_order_id=f"v-{trade_id}",
            client_order_id=client_order_id,
            side=types_pb2.SIDE_BUY,
            quantity=quantity,
            price=PRICES[instrument],
            venue_time_ms=time.time_ns() // 1_000_000,
        )
        self.send(fills=venue_pb2.FeedFills(fills=[one]))

    def wait(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.error is not None or holds(), PATIENCE)
        assert holds(), f"the gate did not say what was expected; the stream's error: {self.error}"

    def ended(self) -> grpc.StatusCode:
        with self._changed:
            assert self._changed.wait_for(lambda: self.error is not None, PATIENCE), "the stream goes on"
        return self._call.code()

    def close(self) -> None:
        self._outgoing.put(None)
        self._call.cancel()
        self._thread.join(PATIENCE)
