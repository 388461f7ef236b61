"""A venue feed process for every gate: a flat account with marks, read afresh at each of the gate's heartbeats.

It speaks the public VenueFeedService and nothing else. A gate that goes away is tried again until it is back.
"""

import queue
import threading
import time
from collections.abc import Iterator, Sequence

import grpc

from risksvc.v1 import venue_pb2, venue_pb2_grpc
from tests.integration.gate.scripted_feed import PRICES, hello

_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 50),
]
_RETRY_SECONDS = 0.03
_MARKS_EVERY = 3


def feed(targets: Sequence[tuple[str, str]]) -> int:
    """Until it is killed. `targets`: address and account of each gate."""
    threads = [threading.Thread(target=_feed_one, args=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def _feed_one(target: str, account: str) -> None:
    with grpc.insecure_channel(target, options=_OPTIONS) as channel:
        while True:
            session = _Session(account)
            try:
                session.run(venue_pb2_grpc.VenueFeedServiceStub(channel))
            except grpc.RpcError:
                time.sleep(_RETRY_SECONDS)
            finally:
                session.end()


class _Session:
    """One stream."""

    def __init__(self, account: str) -> None:
        self._outgoing: queue.Queue[venue_pb2.FeedRequest | None] = queue.Queue()
        self._outgoing.put(venue_pb2.FeedRequest(hello=hello(account)))
        self._gate_time = 0
        self._beats = 0

    def end(self) -> None:
        self._outgoing.put(None)

    def run(self, stub: venue_pb2_grpc.VenueFeedServiceStub) -> None:
        for response in stub.Feed(self._requests()):
            kind = response.WhichOneof("message")
            if kind == "heartbeat":
                self._beat(response.heartbeat.gate_time_ns)
            elif kind == "command":
                self._do(response.command)

    def _requests(self) -> Iterator[venue_pb2.FeedRequest]:
        while (request := self._outgoing.get()) is not None:
            yield request

    def _beat(self, gate_time: int) -> None:
        self._gate_time = gate_time
        if self._beats % _MARKS_EVERY == 0:
            rows = [venue_pb2.FeedMark(instrument=symbol, mark=price) for symbol, price in PRICES.items()]
            marks = venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=gate_time)
            self._outgoing.put(venue_pb2.FeedRequest(marks=marks))
        self._beats += 1
        self._snapshot()

    def _do(self, command: venue_pb2.FeedCommand) -> None:
        kind = command.WhichOneof("command")
        if kind == "look_up_orders":
            rows = [
                venue_pb2.FeedOrder(
                    instrument=one.instrument,
                    client_order_id=one.client_order_id,
                    status=venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND,
                )
                for one in command.look_up_orders.orders
            ]
            states = venue_pb2.FeedOrderStates(orders=rows, as_of_gate_time_ns=self._gate_time)
            self._outgoing.put(venue_pb2.FeedRequest(order_states=states))
        elif kind == "read_now":
            self._snapshot()
        result = venue_pb2.FeedCommandResult(command_id=command.command_id, ok=True)
        self._outgoing.put(venue_pb2.FeedRequest(command_result=result))

    def _snapshot(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        snapshot = venue_pb2.FeedSnapshot(
            as_of_gate_time_ns=self._gate_time,
            window_start_ms=now_ms - 2,
            window_end_ms=now_ms,
            read_duration_ms=2,
        )
        self._outgoing.put(venue_pb2.FeedRequest(snapshot=snapshot))
