"""The small parts of a session: pauses, reports, the gate's clock, the desk of look-ups."""

import asyncio
import logging
from typing import cast

import pytest

from risksvc.v1 import venue_pb2
from risksvc.venue.desk import LookUpDesk
from risksvc.venue.failures import ReadFailure
from risksvc.venue.feed import _ReconnectPause, _SessionEnds
from risksvc.venue.gate_link import CHANNEL_OPTIONS, GateClock
from risksvc.venue.listing import OrderReference
from risksvc.venue.lookup import LookedUp, OrderLookUp
from risksvc.venue.polls import Backoff
from risksvc.venue.reports import FailureReports
from risksvc.venue.rows import OrderRow
from tests.unit.venue.builders import BTC, settings


def test_pauses_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    assert [backoff.next_s() for _ in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.reset()
    assert backoff.next_s(at_least_ms=1_000) == 1.0
    assert backoff.next_s() == 0.4


def test_reconnects_are_quick_and_bounded() -> None:
    pause = _ReconnectPause(settings(reconnect_min_ms=50, reconnect_max_ms=1_000))
    pauses = [pause.next_s(lasted_s=0.0) for _ in range(8)]
    assert 0.0375 <= pauses[0] <= 0.05
    assert all(0.75 <= each <= 1.0 for each in pauses[5:])
    assert pause.next_s(lasted_s=60.0) <= 0.05


def test_a_gate_that_is_down_all_night_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    ends = _SessionEnds()
    for second in range(61):
        ends.log("nobody listens there", now_s=float(second))
    ends.log("the gate ended the stream", now_s=61.0)
    assert len(caplog.records) == 4


def test_channel_options_are_written_out() -> None:
    options = dict(CHANNEL_OPTIONS)
    assert options["grpc.enable_retries"] == 0
    assert options["grpc.use_local_subchannel_pool"] == 1
    assert options["grpc.enable_http_proxy"] == 0
    assert options["grpc.max_reconnect_backoff_ms"] <= 1_000
    assert options["grpc.max_send_message_length"] == options["grpc.max_receive_message_length"]


async def test_the_gates_clock_never_runs_backwards_and_waits_for_its_first_beat() -> None:
    clock = GateClock()
    waiting = asyncio.create_task(clock.as_of_ns())
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.beat(5)
    assert await waiting == 5
    clock.beat(3)
    assert await clock.as_of_ns() == 5
    assert clock.silent_ms() < 60_000


async def test_each_failure_is_told_and_logged_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[venue_pb2.FeedRequest] = []
    reports = FailureReports(sent.append)
    with caplog.at_level(logging.INFO, "risksvc.venue"):
        for error in ("a", "a", "a", "b"):
            reports.tell(ReadFailure("fills", error))
        reports.recovered("fills", "positions")
    assert [message.read_failure.error for message in sent] == ["a", "a", "a", "b"]
    assert [record.getMessage() for record in caplog.records] == [
        "read failed: fills: a",
        "read failed: fills: b",
        "read works again: fills",
    ]
    assert not reports.clock_off.is_set()
    reports.tell(ReadFailure("fills", "c", clock_off=True, markets_stale=True))
    assert reports.clock_off.is_set()
    assert reports.markets_stale.is_set()


class Found:
    """Finds every order but those whose name begins with "bad"."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def look_up(self, references: list[OrderReference]) -> LookedUp:
        self.batches.append(len(references))
        failed = {each: ReadFailure("order", "no") for each in references if each.client_order_id.startswith("bad")}
        found = [
            OrderRow(symbol=BTC, client_order_id=each.client_order_id) for each in references if each not in failed
        ]
        return LookedUp(tuple(found), failed)


async def answers(*commands: tuple[str, list[str]]) -> tuple[list[venue_pb2.FeedRequest], list[int]]:
    sent: list[venue_pb2.FeedRequest] = []
    found, clock, finished = Found(), GateClock(), asyncio.Event()
    clock.beat(7)

    def send(message: venue_pb2.FeedRequest) -> None:
        sent.append(message)
        if sum(each.HasField("command_result") for each in sent) == len(commands):
            finished.set()

    reports = FailureReports(send)
    desk = LookUpDesk(cast("OrderLookUp", found), window_ms=1, clock=clock, send=send, reports=reports)
    running = asyncio.create_task(desk.run())
    for command_id, names in commands:
        desk.ask(command_id, [OrderReference(BTC, name) for name in names])
    async with asyncio.timeout(20):
        await finished.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return sent, found.batches


async def test_look_ups_that_come_together_are_read_together_and_answered_each() -> None:
    sent, batches = await answers(("one", ["a", "b"]), ("two", ["c"]), ("none", []))
    assert batches == [3]
    assert [message.WhichOneof("message") for message in sent] == [
        "command_result",
        "order_states",
        *["command_result"] * 2,
    ]
    results = {
        each.command_result.command_id: each.command_result.ok for each in sent if each.HasField("command_result")
    }
    assert results == {"one": True, "two": True, "none": True}


async def test_a_large_command_is_read_in_bounded_batches_and_answered_once() -> None:
    sent, batches = await answers(("large", [f"n-{number}" for number in range(250)]))
    assert batches == [100, 100, 50]
    assert sum(len(message.order_states.orders) for message in sent) == 250
    assert sent[-1].command_result.ok


async def test_a_failed_look_up_is_told_with_the_rest_of_the_batch() -> None:
    sent, _ = await answers(("mixed", ["a", "bad-1", "bad-2"]), ("good", ["b"]))
    results = {each.command_result.command_id: each.command_result for each in sent if each.HasField("command_result")}
    assert results["good"].ok
    assert not results["mixed"].ok
    assert results["mixed"].error == "order: no"
    assert len([each for each in sent if each.HasField("read_failure")]) == 1
