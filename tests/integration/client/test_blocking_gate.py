"""The blocking gate over a real connection."""

import threading
import time
from typing import Any

import grpc
import pytest

from risksvc.client import LocalReason, RiskGate, TradingState
from risksvc.core.types import MILLISECOND
from risksvc.v1 import strategy_pb2, types_pb2
from tests.integration.client.scripted_gate import PATIENCE, Context, RunningGate, ScriptedGate, approval, halted
from tests.unit.client.messages import INSTRUMENT, a_denial, an_order
from tests.unit.client.test_judgement import UNCLEAR

NEVER_SENT = strategy_pb2.ORDER_REPORT_NEVER_SENT


def reason(decision: Any) -> str | None:  # noqa: ANN401
    assert not decision
    return decision.headline.reason if decision.headline is not None else None


def test_approval_and_denial_over_any_transport(anywhere: str) -> None:
    server = RunningGate(ScriptedGate(), anywhere)
    try:
        with RiskGate(server.target, account="main", strategy="mm-1", strategy_version="1.2", deadline=2.0) as gate:
            assert gate.wait_ready(PATIENCE)
            assert gate.ready
            decision = gate.check(**an_order(believed_position="0", intended_position=("-1", "1")))
            assert decision
            assert 0 < decision.remaining() <= 5
            (asked,) = server.script.checks
            assert (asked.account, asked.strategy, asked.strategy_version) == ("main", "mm-1", "1.2")
            server.script.answer = lambda request, _: a_denial(request)
            assert reason(gate.check(**an_order())) == "MAX_NET_EXPOSURE"
    finally:
        server.kill()
    assert not server.script.reports


@pytest.mark.parametrize("changes", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_every_unclear_answer_is_a_denial_and_is_reported_never_sent(
    script: ScriptedGate, gate: RiskGate, changes: dict[str, Any]
) -> None:
    script.answer = lambda request, _: approval(request, **changes)
    decision = gate.check(**an_order())
    assert reason(decision) in (LocalReason.UNCLEAR_ANSWER, LocalReason.EXPIRED)
    assert script.wait_for(lambda: script.orders_reported(NEVER_SENT) == [decision.client_order_id])


def abort(code: grpc.StatusCode) -> Any:  # noqa: ANN401
    def answer(_: strategy_pb2.CheckOrderRequest, context: Context) -> strategy_pb2.CheckOrderResponse:
        context.abort(code, "scripted")

    return answer


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_is_a_denial(script: ScriptedGate, gate: RiskGate, code: grpc.StatusCode) -> None:
    script.answer = abort(code)
    expected = {
        grpc.StatusCode.UNAVAILABLE: LocalReason.GATE_UNREACHABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED: LocalReason.DEADLINE,
        grpc.StatusCode.INVALID_ARGUMENT: LocalReason.INVALID_REQUEST,
    }
    decision = gate.check(**an_order())
    assert reason(decision) == expected.get(code, LocalReason.GATE_UNDECIDED)
    assert gate.flush(PATIENCE)
    nothing_decided = code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED)
    assert script.orders_reported(NEVER_SENT) == ([] if nothing_decided else [decision.client_order_id])


GARBAGE = b"\x0b\xff\xff"


class Garbling(grpc.ServerInterceptor):
    """Answers checks with a group that never ends: no parser takes that."""

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401
        if handler_call_details.method.endswith("/CheckOrder"):
            return grpc.unary_unary_rpc_method_handler(lambda _, __: GARBAGE)
        if handler_call_details.method.endswith("/CheckOrders"):
            return grpc.stream_stream_rpc_method_handler(lambda questions, _: (GARBAGE for _ in questions))
        return continuation(handler_call_details)


def test_an_answer_that_is_no_message_is_a_denial(address: str) -> None:
    server = RunningGate(ScriptedGate(), address, Garbling())
    try:
        with RiskGate(server.target, account="main", strategy="mm-1", deadline=2.0) as gate:
            assert gate.wait_ready(PATIENCE)
            decision = gate.check(**an_order())
            assert reason(decision) in (LocalReason.UNCLEAR_ANSWER, LocalReason.GATE_UNDECIDED)
            assert server.script.wait_for(lambda: bool(server.script.orders_reported(NEVER_SENT)))
    finally:
        server.kill()


def test_a_hung_gate_costs_the_deadline_and_no_more(running: RunningGate) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    running.script.answer = hang
    with RiskGate(running.target, account="main", strategy="mm-1") as gate:
        assert gate.wait_ready(PATIENCE)
        started = time.monotonic()
        decision = gate.check(**an_order())
        took = time.monotonic() - started
        assert reason(decision) == LocalReason.DEADLINE
        assert took < 1  # 0.1 is asked for; the rest is for a busy machine
        assert running.script.wait_for(lambda: running.script.orders_reported(NEVER_SENT) == [decision.client_order_id])
        release.set()


def test_one_retry_with_the_same_id_when_the_connection_broke(script: ScriptedGate, gate: RiskGate) -> None:
    def first_breaks(request: strategy_pb2.CheckOrderRequest, context: Context) -> strategy_pb2.CheckOrderResponse:
        if len(script.checks) == 1:
            context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        return approval(request)

    script.answer = first_breaks
    decision = gate.check(**an_order())
    assert decision
    assert [asked.client_order_id for asked in script.checks] == [decision.client_order_id] * 2
    assert gate.flush(PATIENCE)
    assert not script.reports


def test_no_third_attempt_and_no_retry_of_anything_else(script: ScriptedGate, gate: RiskGate) -> None:
    script.answer = abort(grpc.StatusCode.UNAVAILABLE)
    assert reason(gate.check(**an_order())) == LocalReason.GATE_UNREACHABLE
    assert len(script.checks) == 2
    script.answer = abort(grpc.StatusCode.ABORTED)
    assert not gate.check(**an_order())
    assert len(script.checks) == 3


def test_without_a_gate_everything_is_denied_at_once_and_nothing_raises(address: str) -> None:
    with RiskGate(address, account="main", strategy="mm-1") as gate:
        assert not gate.wait_ready(0.05)
        decision = gate.check(**an_order())
        assert reason(decision) == LocalReason.STATE_SILENT
        assert gate.trading_state is None
        answer = gate.compare_position(INSTRUMENT, "1")
        assert (answer.agrees, answer.ledger_position) == (False, None)
        assert answer.problem
        assert gate.position(INSTRUMENT, "1")


def test_a_gate_that_dies_while_it_is_asked(running: RunningGate) -> None:
    asked = threading.Event()

    def hang(_: strategy_pb2.CheckOrderRequest, context: Context) -> strategy_pb2.CheckOrderResponse:
        asked.set()
        gone = threading.Event()
        context.add_callback(gone.set)
        gone.wait(PATIENCE)
        raise AssertionError("the call was cancelled; nobody reads this")

    def kill_when_asked() -> None:
        asked.wait(PATIENCE)
        running.kill()

    running.script.answer = hang
    with RiskGate(running.target, account="main", strategy="mm-1", deadline=5.0) as gate:
        assert gate.wait_ready(PATIENCE)
        killer = threading.Thread(target=kill_when_asked)
        killer.start()
        decision = gate.check(**an_order())
        killer.join()
        assert reason(decision) in (LocalReason.GATE_UNREACHABLE, LocalReason.GATE_UNDECIDED)


def test_it_recovers_by_itself_when_the_gate_comes_back(address: str) -> None:
    first = RunningGate(ScriptedGate(), address)
    with RiskGate(first.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        assert gate.wait_ready(PATIENCE)
        first.kill()
        assert reason(gate.check(**an_order())) in (LocalReason.GATE_UNREACHABLE, LocalReason.STATE_SILENT)
        second = RunningGate(ScriptedGate(), address)
        try:
            assert second.script.wait_for(lambda: second.script.watchers > 0)
            assert second.script.wait_for(lambda: bool(gate.check(**an_order())))
        finally:
            second.kill()


def test_silence_denies_without_asking(running: RunningGate) -> None:
    script = running.script
    script.heartbeat_ms = 60
    seen: list[TradingState | None] = []
    with RiskGate(
        running.target, account="main", strategy="mm-1", deadline=2.0, on_state=lambda state, _: seen.append(state)
    ) as gate:
        assert gate.wait_ready(PATIENCE)
        script.silent = True
        assert script.wait_for(lambda: not gate.ready)
        asked = len(script.checks)
        assert reason(gate.check(**an_order())) == LocalReason.STATE_SILENT
        assert reason(gate.check(**an_order(reduce_only=True))) == LocalReason.STATE_SILENT
        assert len(script.checks) == asked
        assert script.wait_for(lambda: seen[-1] is None)
        script.silent = False
        assert gate.wait_ready(PATIENCE)
        assert script.wait_for(lambda: seen[-1] is TradingState.ACTIVE)


def test_a_halt_is_heard_at_once_and_denies_without_asking(script: ScriptedGate, gate: RiskGate) -> None:
    held = gate.check(**an_order())
    assert held
    script.say(**halted())
    assert script.wait_for(lambda: not held)
    refusal = held.refusal()
    assert refusal is not None
    assert refusal.reason == LocalReason.STATE_HALTED
    asked = len(script.checks)
    decision = gate.check(**an_order())
    assert reason(decision) == LocalReason.STATE_HALTED
    assert decision.headline is not None
    assert "by ana: OPERATOR: position looks wrong (halt halt-1)" in decision.headline.message
    assert len(script.checks) == asked
    assert (gate.trading_state, gate.halts[0].by) == (TradingState.HALTED, "ana")
    script.say(closed_because=[types_pb2.DENIAL_REASON_SNAPSHOT_STALE])
    assert script.wait_for(lambda: gate.closed_because == ("SNAPSHOT_STALE",))
    script.say()
    assert script.wait_for(lambda: gate.trading_state is TradingState.ACTIVE)
    assert gate.check(**an_order())
    assert not held  # an approval from before a halt stays void


def test_while_reducing_only_reduce_only_orders_are_asked_for(script: ScriptedGate, gate: RiskGate) -> None:
    script.say(**halted(state=types_pb2.TRADING_STATE_REDUCING))
    assert script.wait_for(lambda: gate.trading_state is TradingState.REDUCING)
    assert reason(gate.check(**an_order())) == LocalReason.STATE_REDUCING
    assert not script.checks
    script.answer = lambda request, _: approval(request, trading_state=types_pb2.TRADING_STATE_REDUCING)
    assert gate.check(**an_order(reduce_only=True))


def test_an_instruments_halt_leaves_the_others(script: ScriptedGate, gate: RiskGate) -> None:
    scope = types_pb2.Scope(account="main", instrument=INSTRUMENT)
    script.say(**{**halted(scope=scope), "trading_state": types_pb2.TRADING_STATE_ACTIVE})
    assert script.wait_for(lambda: bool(gate.halts))
    assert reason(gate.check(**an_order())) == LocalReason.STATE_HALTED
    assert gate.check(**an_order(instrument="ETH/USDT:USDT"))


def test_on_state_is_told_of_every_change_once(running: RunningGate) -> None:
    told: list[tuple[TradingState | None, tuple[str, ...]]] = []
    with RiskGate(
        running.target,
        account="main",
        strategy="mm-1",
        on_state=lambda state, halts: told.append((state, tuple(halt.halt_id for halt in halts))),
    ) as gate:
        assert gate.wait_ready(PATIENCE)
        running.script.say(**halted())
        assert running.script.wait_for(lambda: len(told) == 2)
        running.script.say()
        assert running.script.wait_for(lambda: len(told) == 3)
        time.sleep(0.2)  # several heartbeats
    assert told == [(TradingState.ACTIVE, ()), (TradingState.HALTED, ("halt-1",)), (TradingState.ACTIVE, ())]


def test_an_on_state_that_fails_stops_nothing(running: RunningGate, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object, __: object) -> None:
        raise ValueError("my own mistake")

    with RiskGate(running.target, account="main", strategy="mm-1", deadline=2.0, on_state=fail) as gate:
        assert gate.wait_ready(PATIENCE)
        assert gate.check(**an_order())
        running.script.say(**halted())
        assert running.script.wait_for(lambda: gate.trading_state is TradingState.HALTED)
    assert "my own mistake" in caplog.text


def test_an_on_state_may_close_the_gate(running: RunningGate) -> None:
    gates: list[RiskGate] = []
    closed = threading.Event()

    def close(state: TradingState | None, _: object) -> None:
        if state is TradingState.HALTED:
            gates[0].close()
            closed.set()

    gate = RiskGate(running.target, account="main", strategy="mm-1", on_state=close)
    gates.append(gate)
    assert gate.wait_ready(PATIENCE)
    running.script.say(**halted())
    assert closed.wait(PATIENCE)
    assert reason(gate.check(**an_order())) == LocalReason.CLOSED


def test_only_the_callers_own_mistakes_raise(gate: RiskGate, script: ScriptedGate) -> None:
    with pytest.raises(TypeError, match=r"quantity: 0\.5 is a float"):
        gate.check(**an_order(quantity=0.5))
    with pytest.raises(TypeError, match="unknown argument 'force'"):
        gate.check(**an_order(force=True))
    assert not script.checks


def test_many_threads_may_share_a_gate(script: ScriptedGate, gate: RiskGate) -> None:
    decisions: list[Any] = []

    def trade() -> None:
        for _ in range(20):
            decision = gate.check(**an_order())
            decisions.append((bool(decision), decision.client_order_id))
            gate.sent(decision.client_order_id)

    threads = [threading.Thread(target=trade) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({order_id for approved, order_id in decisions if approved}) == 160
    assert gate.flush(PATIENCE)
    assert len(script.reports) == 160


def test_an_approval_runs_out(script: ScriptedGate, gate: RiskGate) -> None:
    script.answer = lambda request, _: approval(request, valid_for_ns=300 * MILLISECOND)
    decision = gate.check(**an_order())
    assert script.wait_for(lambda: not decision)
    refusal = decision.refusal()
    assert refusal is not None
    assert refusal.reason == LocalReason.EXPIRED
