"""Kept-open streams over a real connection: used again, late, refused, ended, outnumbered, forked."""

import asyncio
import gc
import os
import signal
import threading
import time
from typing import Any

import grpc
import pytest

from risksvc.client import AsyncRiskGate, LocalReason, RiskGate
from risksvc.client.streams import MOST_STREAMS
from risksvc.v1 import strategy_pb2
from tests.integration.client.scripted_gate import PATIENCE, Context, RunningGate, ScriptedGate, approval
from tests.integration.client.test_blocking_gate import reason
from tests.integration.client.test_gate_process import gate_process, wait_for
from tests.stopping import stop
from tests.unit.client.messages import INSTRUMENT, an_order

NEVER_SENT = strategy_pb2.ORDER_REPORT_NEVER_SENT


class Late:
    """Answers the first question only when told, and says which question it was."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.answered: list[str] = []

    def __call__(self, request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        first = not self.answered
        self.answered.append(request.client_order_id)
        if first:
            self.release.wait(PATIENCE)
        return approval(request)


def test_one_stream_carries_one_threads_checks(script: ScriptedGate, gate: RiskGate) -> None:
    for _ in range(20):
        assert gate.check(**an_order())
    assert (script.streams, len(script.checks)) == (1, 20)


async def test_one_stream_carries_one_tasks_checks(running: RunningGate, script: ScriptedGate) -> None:
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        for _ in range(20):
            assert await gate.check(**an_order())
        assert (script.streams, len(script.checks)) == (1, 20)
        decisions = await asyncio.gather(*(gate.check(**an_order()) for _ in range(2 * MOST_STREAMS)))
        assert all(decisions)
        assert len(script.checks) == 20 + 2 * MOST_STREAMS


def test_a_late_answer_never_answers_a_later_question(running: RunningGate) -> None:
    late = running.script.answer = Late()
    with RiskGate(running.target, account="main", strategy="mm-1", deadline=0.2) as gate:
        assert gate.wait_ready(PATIENCE)
        assert reason(gate.check(**an_order(client_order_id="first"))) == LocalReason.DEADLINE
        late.release.set()
        for name in ("second", "third"):
            decision = gate.check(**an_order(client_order_id=name))
            assert decision
            assert decision.response is not None
            assert decision.response.client_order_id == name
        assert late.answered == ["first", "second", "third"]
        assert gate.flush(PATIENCE)
        assert running.script.orders_reported(NEVER_SENT) == ["first"]


async def test_an_asyncio_gates_late_answer_never_answers_a_later_question(running: RunningGate) -> None:
    late = running.script.answer = Late()
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=0.2) as gate:
        assert await gate.wait_ready(PATIENCE)
        assert reason(await gate.check(**an_order(client_order_id="first"))) == LocalReason.DEADLINE
        late.release.set()
        for name in ("second", "third"):
            decision = await gate.check(**an_order(client_order_id=name))
            assert decision
            assert decision.response is not None
            assert decision.response.client_order_id == name
        assert late.answered == ["first", "second", "third"]


@pytest.mark.parametrize("code", [grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED])
def test_where_streams_are_refused_every_check_is_a_call(
    script: ScriptedGate, gate: RiskGate, code: grpc.StatusCode
) -> None:
    script.streams_refused = code
    for _ in range(3):
        assert gate.check(**an_order())
    assert (script.streams, len(script.checks)) == (0, 3)
    assert gate.flush(PATIENCE)
    assert not script.reports


async def test_where_streams_are_refused_an_asyncio_gate_asks_by_calls(
    running: RunningGate, script: ScriptedGate
) -> None:
    script.streams_refused = grpc.StatusCode.RESOURCE_EXHAUSTED
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        for _ in range(3):
            assert await gate.check(**an_order())
    assert (script.streams, len(script.checks)) == (0, 3)


def test_a_stream_that_the_gate_ended_meanwhile_costs_no_check(script: ScriptedGate, gate: RiskGate) -> None:
    contexts: list[Context] = []
    over = threading.Event()

    def remember(request: strategy_pb2.CheckOrderRequest, context: Context) -> strategy_pb2.CheckOrderResponse:
        contexts.append(context)
        return approval(request)

    script.answer = remember
    assert gate.check(**an_order())
    contexts[0].add_callback(over.set)
    contexts[0].cancel()
    assert over.wait(PATIENCE)
    decision = gate.check(**an_order())
    assert decision
    assert [asked.client_order_id for asked in script.checks[1:]] == [decision.client_order_id]
    assert gate.flush(PATIENCE)
    assert not script.reports


def test_a_gate_that_stops_is_not_held_up_by_streams_that_wait(script: ScriptedGate, gate: RiskGate) -> None:
    assert gate.check(**an_order())
    assert script.streams_open == 1
    script.stop()  # says its last word on the trading state, and waits for whoever has a call open
    assert script.wait_for(lambda: script.streams_open == 0)


async def test_nor_by_those_of_an_asyncio_gate(running: RunningGate, script: ScriptedGate) -> None:
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        assert await gate.check(**an_order())
        assert script.streams_open == 1
        script.stop()
        assert await asyncio.to_thread(script.wait_for, lambda: script.streams_open == 0)


def test_a_restarted_gate_is_asked_as_if_nothing_had_been(address: str) -> None:
    first = RunningGate(ScriptedGate(), address)
    with RiskGate(first.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert gate.wait_ready(PATIENCE)
        assert gate.check(**an_order())
        first.kill()
        second = RunningGate(ScriptedGate(), address)
        try:
            assert second.script.wait_for(lambda: second.script.watchers > 0)
            assert gate.wait_ready(PATIENCE)
            assert gate.check(**an_order())
        finally:
            second.kill()
    assert len(second.script.checks) == 1


def test_more_threads_than_streams(script: ScriptedGate, gate: RiskGate) -> None:
    approved: list[str] = []

    def trade() -> None:
        for _ in range(10):
            decision = gate.check(**an_order())
            assert decision, decision
            approved.append(decision.client_order_id)

    threads = [threading.Thread(target=trade) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(approved)) == 400
    assert 1 <= script.streams <= MOST_STREAMS
    # Every thread is dead; what they opened is there for whoever asks next, and nothing more.
    opened = script.streams
    assert gate.check(**an_order())
    assert script.streams == opened


def test_closing_denies_a_check_under_way(running: RunningGate) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        asked.set()
        release.wait(PATIENCE)
        return approval(request)

    running.script.answer = hang
    gate = RiskGate(running.target, account="main", strategy="mm-1", deadline=5.0)
    assert gate.wait_ready(PATIENCE)

    def close_when_asked() -> None:
        asked.wait(PATIENCE)
        gate.close(0.1)

    closing = threading.Thread(target=close_when_asked)
    closing.start()
    assert reason(gate.check(**an_order())) == LocalReason.CLOSED
    closing.join()
    release.set()


def test_ctrl_c_while_waiting_leaves_nothing_that_could_answer_later(running: RunningGate) -> None:
    late = running.script.answer = Late()

    def interrupt(_: int, __: Any) -> None:  # noqa: ANN401
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with RiskGate(running.target, account="main", strategy="mm-1", deadline=5.0) as gate:
            assert gate.wait_ready(PATIENCE)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                gate.check(**an_order(client_order_id="first"))
            late.release.set()
            assert gate.check(**an_order())
            assert gate.flush(PATIENCE)
            assert running.script.orders_reported(NEVER_SENT) == ["first"]
    finally:
        signal.signal(signal.SIGALRM, before)


def in_the_child(gate: RiskGate) -> None:
    """Exit with 0 when everything is denied, and nothing of the test run goes on here."""
    code = 1
    try:
        assert reason(gate.check(**an_order())) == LocalReason.CLOSED
        assert gate.compare_position(INSTRUMENT, "1").problem
        assert not gate.sent("a")
        assert not gate.wait_ready(0.1)
        assert gate.flush(0.1)
        gate.close()
        code = 0
    finally:
        os._exit(code)


def test_in_a_forked_child_the_gate_is_closed_and_nothing_there_hangs(script: ScriptedGate, gate: RiskGate) -> None:
    assert gate.check(**an_order())
    child = os.fork()
    if child == 0:
        in_the_child(gate)
    deadline = time.monotonic() + PATIENCE
    ended = (0, 0)
    while ended[0] == 0 and time.monotonic() < deadline:
        ended = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    if ended[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)
    assert gate.check(**an_order())
    assert len(script.checks) == 2


def test_a_forgotten_gates_streams_are_closed(running: RunningGate) -> None:
    gate = RiskGate(running.target, account="main", strategy="mm-1", deadline=2.0)
    assert gate.wait_ready(PATIENCE)
    assert gate.check(**an_order())
    streams = gate._streams
    del gate
    gc.collect()
    assert not len(streams._shelf)


def test_a_gate_paused_in_the_middle_of_a_stream_is_late_once_and_then_itself(address: str) -> None:
    with gate_process(address) as process, RiskGate(address, account="main", strategy="mm-1", deadline=0.5) as gate:
        assert gate.wait_ready(PATIENCE)
        assert gate.check(**an_order())
        stop(process.pid)
        started = time.monotonic()
        decision = gate.check(**an_order())
        assert time.monotonic() - started < 2  # 0.5 is asked for; the rest is for a busy machine
        assert reason(decision) in (LocalReason.DEADLINE, LocalReason.STATE_SILENT)
        process.send_signal(signal.SIGCONT)
        wait_for(gate, ready=True)
        for _ in range(5):
            again = gate.check(**an_order())
            assert again
            assert again.response is not None
            assert again.response.client_order_id == again.client_order_id != decision.client_order_id


def test_a_gate_killed_in_the_middle_of_a_stream(address: str) -> None:
    with RiskGate(address, account="main", strategy="mm-1", deadline=1.0) as gate:
        with gate_process(address) as process:
            assert gate.wait_ready(PATIENCE)
            assert gate.check(**an_order())
            process.kill()
            process.wait()
            assert reason(gate.check(**an_order())) in (LocalReason.GATE_UNREACHABLE, LocalReason.STATE_SILENT)
            wait_for(gate, ready=False)
        with gate_process(address):
            wait_for(gate, ready=True)
            assert gate.check(**an_order())
