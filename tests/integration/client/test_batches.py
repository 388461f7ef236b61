"""Batches through the blocking and the asyncio gate, over a real connection: the same answers from both."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import grpc
import pytest

from risksvc.client import AsyncRiskGate, Decision, LocalReason, MalformedInputError, OrderArguments, RiskGate
from risksvc.client.batches import MAX_BATCH
from risksvc.v1 import strategy_pb2, types_pb2
from tests.integration.client.scripted_gate import PATIENCE, Context, RunningGate, ScriptedGate, approval, halted
from tests.integration.client.test_blocking_gate import abort, reason
from tests.unit.client.messages import a_denial, an_order

NEVER_SENT = strategy_pb2.ORDER_REPORT_NEVER_SENT
OTHER = "ETH/USDT:USDT"


class Gate(Protocol):
    """Either gate, to be called alike."""

    def ask(self, *orders: OrderArguments, all_or_none: bool = False) -> list[Decision]: ...

    def flush(self) -> bool: ...

    def close(self) -> None: ...


class Blocking:
    def __init__(self, target: str, deadline: float) -> None:
        self.gate = RiskGate(target, account="main", strategy="mm-1", deadline=deadline)
        assert self.gate.wait_ready(PATIENCE)

    def ask(self, *orders: OrderArguments, all_or_none: bool = False) -> list[Decision]:
        return self.gate.check_batch(orders, all_or_none=all_or_none)

    def flush(self) -> bool:
        return self.gate.flush(PATIENCE)

    def close(self) -> None:
        self.gate.close()


class Asyncio:
    def __init__(self, target: str, deadline: float) -> None:
        self.loop = asyncio.Runner()
        self.gate = AsyncRiskGate(target, account="main", strategy="mm-1", deadline=deadline)
        assert self.loop.run(self.gate.wait_ready(PATIENCE))

    def ask(self, *orders: OrderArguments, all_or_none: bool = False) -> list[Decision]:
        return self.loop.run(self.gate.check_batch(orders, all_or_none=all_or_none))

    def flush(self) -> bool:
        return self.loop.run(self.gate.flush(PATIENCE))

    def close(self) -> None:
        self.loop.run(self.gate.close())
        self.loop.close()


KINDS: list[Callable[[str, float], Gate]] = [Blocking, Asyncio]


@pytest.fixture(params=KINDS, ids=["blocking", "asyncio"])
def gate(request: pytest.FixtureRequest, running: RunningGate) -> Iterator[Gate]:
    connected: Gate = request.param(running.target, 2.0)
    yield connected
    connected.close()


def reasons(decisions: list[Decision]) -> list[str]:
    """By order: approved, or the first reason."""
    return ["approved" if one else str(reason(one)) for one in decisions]


def orders(*ids: str) -> list[OrderArguments]:
    return [an_order(client_order_id=one) for one in ids]


def deny(*ids: str) -> Any:  # noqa: ANN401
    return lambda request, _: (a_denial if request.client_order_id in ids else approval)(request)


def test_one_call_and_a_decision_for_each_order(script: ScriptedGate, gate: Gate) -> None:
    script.answer = deny("b")
    decisions = gate.ask(*orders("a", "b", "c"))
    assert reasons(decisions) == ["approved", "MAX_NET_EXPOSURE", "approved"]
    assert [one.client_order_id for one in decisions] == ["a", "b", "c"]
    [batch] = script.batches
    assert batch.mode == strategy_pb2.BATCH_MODE_EACH
    assert {(one.account, one.strategy) for one in batch.orders} == {("main", "mm-1")}
    assert gate.flush()
    assert not script.reports


def test_all_or_none(script: ScriptedGate, gate: Gate) -> None:
    assert reasons(gate.ask(*orders("a", "b"), all_or_none=True)) == ["approved"] * 2
    assert script.batches[0].mode == strategy_pb2.BATCH_MODE_ALL_OR_NONE


def test_an_all_or_none_that_is_neither_leaves_nothing_that_may_be_sent(script: ScriptedGate, gate: Gate) -> None:
    script.answer = deny("b")
    decisions = gate.ask(*orders("a", "b", "c"), all_or_none=True)
    assert reasons(decisions) == [LocalReason.BATCH_DENIED, "MAX_NET_EXPOSURE", LocalReason.BATCH_DENIED]
    assert "order b of this batch was denied (MAX_NET_EXPOSURE" in str(decisions[0].headline)
    assert gate.flush()
    assert script.orders_reported(NEVER_SENT) == ["a", "c"]


def test_what_a_halt_covers_is_not_asked(script: ScriptedGate, gate: Gate) -> None:
    scope = types_pb2.Scope(account="main", instrument=OTHER)
    script.say(**{**halted(scope=scope), "trading_state": types_pb2.TRADING_STATE_ACTIVE})
    probe = an_order(instrument=OTHER)
    assert script.wait_for(lambda: reasons(gate.ask(probe)) == [LocalReason.STATE_HALTED])
    script.batches.clear()
    mixed = [*orders("a"), an_order(instrument=OTHER, client_order_id="b"), *orders("c")]

    assert reasons(gate.ask(*mixed)) == ["approved", LocalReason.STATE_HALTED, "approved"]
    assert [[one.client_order_id for one in batch.orders] for batch in script.batches] == [["a", "c"]]

    assert reasons(gate.ask(*mixed[::-1], all_or_none=True)) == [
        LocalReason.BATCH_DENIED,
        LocalReason.STATE_HALTED,
        LocalReason.BATCH_DENIED,
    ]
    assert len(script.batches) == 1
    assert gate.flush()
    assert not {"a", "b", "c"} & set(script.orders_reported(NEVER_SENT)), "of the second batch nothing was asked"


@pytest.mark.parametrize("all_or_none", [False, True])
def test_too_few_decisions_are_none(script: ScriptedGate, gate: Gate, all_or_none: bool) -> None:  # noqa: FBT001
    script.batch_answer = lambda request: request.orders[:1]
    decisions = gate.ask(*orders("a", "b"), all_or_none=all_or_none)
    assert reasons(decisions) == [LocalReason.UNCLEAR_ANSWER] * 2
    assert "1 decisions on 2 orders" in str(decisions[0].headline)
    assert gate.flush()
    assert script.orders_reported(NEVER_SENT) == ["a", "b"]


def test_decisions_in_another_order_are_unclear(script: ScriptedGate, gate: Gate) -> None:
    script.batch_answer = lambda request: request.orders[::-1]
    assert reasons(gate.ask(*orders("a", "b"))) == [LocalReason.UNCLEAR_ANSWER] * 2


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED])
def test_a_status_denies_every_order(script: ScriptedGate, gate: Gate, code: grpc.StatusCode) -> None:
    script.answer = abort(code)
    unreachable = code is grpc.StatusCode.UNAVAILABLE
    expected = LocalReason.GATE_UNREACHABLE if unreachable else LocalReason.GATE_UNDECIDED
    assert reasons(gate.ask(*orders("a", "b"))) == [expected] * 2
    assert len(script.batches) == (2 if unreachable else 1), "asked again with the same ids when the connection broke"
    assert script.batches[0] == script.batches[-1]
    assert gate.flush()
    nothing_decided = code is grpc.StatusCode.UNIMPLEMENTED
    assert script.orders_reported(NEVER_SENT) == ([] if nothing_decided else ["a", "b"])


@pytest.mark.parametrize("kind", KINDS, ids=["blocking", "asyncio"])
def test_a_hung_gate_costs_the_deadline(running: RunningGate, kind: Callable[[str, float], Gate]) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    running.script.answer = hang
    gate = kind(running.target, 0.1)
    try:
        assert reasons(gate.ask(*orders("a", "b"))) == [LocalReason.DEADLINE] * 2
    finally:
        release.set()
        gate.close()


async def test_a_batch_that_is_cancelled_is_reported_never_sent(running: RunningGate, script: ScriptedGate) -> None:
    release, begun = threading.Event(), threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        begun.set()
        release.wait(PATIENCE)
        return approval(request)

    script.answer = hang
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=5.0) as gate:
        assert await gate.wait_ready(PATIENCE)
        asking = asyncio.create_task(gate.check_batch(orders("a", "b")))
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        release.set()
        assert await gate.flush(PATIENCE)
    assert script.orders_reported(NEVER_SENT) == ["a", "b"]


def test_what_the_caller_got_wrong_is_raised(script: ScriptedGate, gate: Gate) -> None:
    with pytest.raises(MalformedInputError, match="'a' is used twice in one batch"):
        gate.ask(*orders("a", "b", "a"))
    with pytest.raises(MalformedInputError, match="orders: has 101 orders; allowed: at most 100"):
        gate.ask(*[an_order() for _ in range(MAX_BATCH + 1)])
    with pytest.raises(TypeError, match="is a float"):
        gate.ask(an_order(quantity=0.5))
    with pytest.raises(TypeError, match="all_or_none: 'yes' is neither True nor False"):
        gate.ask(*orders("a"), all_or_none="yes")  # type: ignore[arg-type]
    assert gate.ask() == []
    assert not script.batches
