"""The asyncio gate over a real connection: the same answers as the blocking one."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio

from risksvc.client import AsyncRiskGate, LocalReason, TradingState
from risksvc.v1 import strategy_pb2
from tests.integration.client.scripted_gate import PATIENCE, Context, RunningGate, ScriptedGate, approval, halted
from tests.integration.client.test_blocking_gate import Garbling, abort, reason
from tests.unit.client.messages import INSTRUMENT, a_denial, an_order
from tests.unit.client.test_judgement import UNCLEAR

NEVER_SENT = strategy_pb2.ORDER_REPORT_NEVER_SENT


@pytest_asyncio.fixture
async def gate(running: RunningGate) -> AsyncIterator[AsyncRiskGate]:
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as connected:
        assert await connected.wait_ready(PATIENCE)
        yield connected


async def until(happened: Any) -> bool:  # noqa: ANN401
    deadline = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < deadline:  # noqa: ASYNC110 - a server's thread makes it happen
        await asyncio.sleep(0.005)
    return bool(happened())


async def test_approval_and_denial_over_any_transport(anywhere: str) -> None:
    server = RunningGate(ScriptedGate(), anywhere)
    try:
        async with AsyncRiskGate(server.target, account="main", strategy="mm-1", deadline=2.0) as gate:
            assert await gate.wait_ready(PATIENCE)
            assert await gate.check(**an_order())
            server.script.answer = lambda request, _: a_denial(request)
            assert reason(await gate.check(**an_order())) == "MAX_NET_EXPOSURE"
    finally:
        server.kill()


@pytest.mark.parametrize("changes", UNCLEAR.values(), ids=UNCLEAR.keys())
async def test_every_unclear_answer_is_a_denial_and_is_reported_never_sent(
    script: ScriptedGate, gate: AsyncRiskGate, changes: dict[str, Any]
) -> None:
    script.answer = lambda request, _: approval(request, **changes)
    decision = await gate.check(**an_order())
    assert reason(decision) in (LocalReason.UNCLEAR_ANSWER, LocalReason.EXPIRED)
    assert await gate.flush(PATIENCE)
    assert script.orders_reported(NEVER_SENT) == [decision.client_order_id]


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_every_status_is_a_denial(script: ScriptedGate, gate: AsyncRiskGate, code: grpc.StatusCode) -> None:
    script.answer = abort(code)
    expected = {
        grpc.StatusCode.UNAVAILABLE: LocalReason.GATE_UNREACHABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED: LocalReason.DEADLINE,
        grpc.StatusCode.INVALID_ARGUMENT: LocalReason.INVALID_REQUEST,
    }
    decision = await gate.check(**an_order())
    assert reason(decision) == expected.get(code, LocalReason.GATE_UNDECIDED)
    assert await gate.flush(PATIENCE)
    nothing_decided = code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED)
    assert script.orders_reported(NEVER_SENT) == ([] if nothing_decided else [decision.client_order_id])


async def test_an_answer_that_is_no_message_is_a_denial(address: str) -> None:
    server = RunningGate(ScriptedGate(), address, Garbling())
    try:
        async with AsyncRiskGate(server.target, account="main", strategy="mm-1", deadline=2.0) as gate:
            assert await gate.wait_ready(PATIENCE)
            decision = await gate.check(**an_order())
            assert reason(decision) in (LocalReason.UNCLEAR_ANSWER, LocalReason.GATE_UNDECIDED)
    finally:
        server.kill()


async def test_a_hung_gate_costs_the_deadline_and_no_more(running: RunningGate) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    running.script.answer = hang
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1") as gate:
        assert await gate.wait_ready(PATIENCE)
        started = time.monotonic()
        decision = await gate.check(**an_order())
        took = time.monotonic() - started
        assert reason(decision) == LocalReason.DEADLINE
        assert took < 1
        assert await gate.flush(PATIENCE)
        assert running.script.orders_reported(NEVER_SENT) == [decision.client_order_id]
        release.set()


async def test_a_check_that_is_cancelled_is_reported_never_sent(running: RunningGate, script: ScriptedGate) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    script.answer = hang
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=5.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        checking = asyncio.create_task(gate.check(**an_order(client_order_id="mine-1")))
        assert await until(lambda: script.checks)
        checking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await checking
        assert await gate.flush(PATIENCE)
        assert script.orders_reported(NEVER_SENT) == ["mine-1"]
        release.set()


async def test_closing_denies_a_check_under_way_and_does_not_cancel_its_task(running: RunningGate) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    running.script.answer = hang
    gate = AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=5.0)
    assert await gate.wait_ready(PATIENCE)
    checking = asyncio.create_task(gate.check(**an_order()))
    assert await until(lambda: running.script.checks)
    await gate.close()
    assert reason(await checking) == LocalReason.CLOSED
    release.set()


async def test_one_retry_with_the_same_id_when_the_connection_broke(script: ScriptedGate, gate: AsyncRiskGate) -> None:
    def first_breaks(request: strategy_pb2.CheckOrderRequest, context: Context) -> strategy_pb2.CheckOrderResponse:
        if len(script.checks) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        return approval(request)

    script.answer = first_breaks
    decision = await gate.check(**an_order())
    assert decision
    assert [asked.client_order_id for asked in script.checks] == [decision.client_order_id] * 2
    script.answer = abort(grpc.StatusCode.UNAVAILABLE)
    assert not await gate.check(**an_order())
    assert len(script.checks) == 4


async def test_without_a_gate_everything_is_denied_at_once_and_nothing_raises(address: str) -> None:
    async with AsyncRiskGate(address, account="main", strategy="mm-1") as gate:
        assert not await gate.wait_ready(0.05)
        assert reason(await gate.check(**an_order())) == LocalReason.STATE_SILENT
        assert (await gate.compare_position(INSTRUMENT, "1")).problem


async def test_it_recovers_by_itself_when_the_gate_comes_back(address: str) -> None:
    first = RunningGate(ScriptedGate(), address)
    async with AsyncRiskGate(first.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        await asyncio.to_thread(first.kill)
        assert reason(await gate.check(**an_order())) in (LocalReason.GATE_UNREACHABLE, LocalReason.STATE_SILENT)
        second = RunningGate(ScriptedGate(), address)
        try:
            assert await until(lambda: second.script.watchers > 0)
            assert await gate.wait_ready(PATIENCE)
            assert await gate.check(**an_order())
        finally:
            await asyncio.to_thread(second.kill)


async def test_silence_denies_without_asking(running: RunningGate) -> None:
    script = running.script
    script.heartbeat_ms = 60
    seen: list[TradingState | None] = []
    async with AsyncRiskGate(
        running.target, account="main", strategy="mm-1", deadline=2.0, on_state=lambda state, _: seen.append(state)
    ) as gate:
        assert await gate.wait_ready(PATIENCE)
        script.silent = True
        assert await until(lambda: not gate.ready)
        asked = len(script.checks)
        assert reason(await gate.check(**an_order())) == LocalReason.STATE_SILENT
        assert len(script.checks) == asked
        assert await until(lambda: seen[-1] is None)
        script.silent = False
        assert await gate.wait_ready(PATIENCE)
        assert await until(lambda: seen[-1] is TradingState.ACTIVE)


async def test_a_halt_is_heard_at_once_and_denies_without_asking(script: ScriptedGate, gate: AsyncRiskGate) -> None:
    held = await gate.check(**an_order())
    assert held
    script.say(**halted())
    assert await until(lambda: not held)
    asked = len(script.checks)
    decision = await gate.check(**an_order())
    assert reason(decision) == LocalReason.STATE_HALTED
    assert decision.headline is not None
    assert "by ana" in decision.headline.message
    assert len(script.checks) == asked
    script.say()
    assert await until(lambda: gate.trading_state is TradingState.ACTIVE)
    assert await gate.check(**an_order())
    assert not held


async def test_a_blocked_event_loop_has_heard_nothing(running: RunningGate) -> None:
    running.script.heartbeat_ms = 60
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        time.sleep(0.25)  # noqa: ASYNC251 - the mistake that is tested
        assert reason(await gate.check(**an_order())) == LocalReason.STATE_SILENT
        assert await gate.wait_ready(PATIENCE)


async def test_reports_arrive_in_order(script: ScriptedGate, gate: AsyncRiskGate) -> None:
    decision = await gate.check(**an_order())
    order_id = decision.client_order_id
    assert gate.sent(order_id)
    assert gate.acknowledged(order_id, "v-1")
    assert gate.cancelled(order_id)
    assert gate.position(INSTRUMENT, "0.5")
    assert await gate.flush(PATIENCE)
    assert [getattr(report, "report", None) for report in script.reports] == [
        strategy_pb2.ORDER_REPORT_SENT,
        strategy_pb2.ORDER_REPORT_ACKNOWLEDGED,
        strategy_pb2.ORDER_REPORT_CANCELLED,
        None,
    ]
    assert (await gate.compare_position(INSTRUMENT, "1")).agrees


async def test_reports_are_repeated_until_the_gate_takes_them_in(script: ScriptedGate, gate: AsyncRiskGate) -> None:
    script.reports_fail = grpc.StatusCode.UNAVAILABLE
    assert gate.sent("a")
    assert gate.sent("b")
    assert not await gate.flush(0.2)
    script.reports_fail = None
    assert await gate.flush(PATIENCE)
    assert script.orders_reported(strategy_pb2.ORDER_REPORT_SENT) == ["a", "b"]


async def test_never_sent_is_told_again_to_a_gate_that_does_not_know_the_order_yet(
    script: ScriptedGate, gate: AsyncRiskGate
) -> None:
    script.answer = abort(grpc.StatusCode.INTERNAL)
    script.known = lambda _: len(script.reports) > 1
    decision = await gate.check(**an_order())
    assert await until(lambda: script.orders_reported(NEVER_SENT) == [decision.client_order_id] * 2)


async def test_what_was_reported_before_the_loop_ran_is_delivered(running: RunningGate) -> None:
    gate = await asyncio.to_thread(AsyncRiskGate, running.target, account="main", strategy="mm-1")
    assert await asyncio.to_thread(gate.sent, "a")
    assert await gate.flush(PATIENCE)
    assert running.script.orders_reported(strategy_pb2.ORDER_REPORT_SENT) == ["a"]
    await gate.close()


async def test_a_closed_gate_denies_and_reports_nothing_more(script: ScriptedGate, gate: AsyncRiskGate) -> None:
    held = await gate.check(**an_order())
    for number in range(100):
        gate.sent(f"id-{number}")
    await gate.close(timeout=PATIENCE)
    await gate.close()
    assert len(script.reports) == 100
    assert reason(await gate.check(**an_order())) == LocalReason.CLOSED
    assert not held
    assert not gate.sent("a")
    assert not await gate.wait_ready(0.01)
    assert (await gate.compare_position(INSTRUMENT, "1")).problem


async def test_a_gate_that_was_never_used_closes(address: str) -> None:
    await AsyncRiskGate(address, account="main", strategy="mm-1").close()


def test_another_event_loop_is_the_callers_mistake(running: RunningGate) -> None:
    gate = AsyncRiskGate(running.target, account="main", strategy="mm-1")
    asyncio.run(gate.wait_ready(PATIENCE))
    with pytest.raises(RuntimeError, match="one gate for each loop"):
        asyncio.run(gate.wait_ready(PATIENCE))


def test_a_gate_that_its_loop_forgot_does_not_disturb_the_next_loop(
    running: RunningGate, caplog: pytest.LogCaptureFixture
) -> None:
    async def forget() -> None:
        gate = AsyncRiskGate(running.target, account="main", strategy="mm-1")
        assert await gate.wait_ready(PATIENCE)
        gate.sent("a")

    for _ in range(10):
        asyncio.run(forget())
    assert not [record.message for record in caplog.records if record.name == "asyncio"]


def test_on_state_is_a_plain_function(address: str) -> None:
    async def told(_: object, __: object) -> None: ...

    with pytest.raises(TypeError, match="on_state: must be a plain function"):
        AsyncRiskGate(address, account="main", strategy="mm-1", on_state=told)  # type: ignore[arg-type]


async def test_only_the_callers_own_mistakes_raise(gate: AsyncRiskGate) -> None:
    with pytest.raises(TypeError, match=r"quantity: 0\.5 is a float"):
        await gate.check(**an_order(quantity=0.5))
