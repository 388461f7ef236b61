"""The guard of an asynchronous exchange object, with a real connection to a scripted gate."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import ccxt
import pytest
import pytest_asyncio

from risksvc.client import AsyncGuardedExchange, AsyncRiskGate, LocalReason, OrderDenied, PastTheGateError, guard
from risksvc.core.types import MILLISECOND
from risksvc.v1 import strategy_pb2
from tests.integration.client.fake_exchange import FakeAsyncExchange, failing
from tests.integration.client.scripted_gate import PATIENCE, Context, RunningGate, ScriptedGate, approval, halted
from tests.integration.client.test_async_gate import until
from tests.integration.client.test_guard import BUY, KIND, REFUSED
from tests.unit.client.messages import INSTRUMENT, a_denial


@dataclass(frozen=True)
class Desk:
    """A guarded exchange object, and everything behind it."""

    guarded: AsyncGuardedExchange
    exchange: FakeAsyncExchange
    gate: AsyncRiskGate
    script: ScriptedGate

    async def told(self) -> list[str]:
        """What was reported of orders, in order."""
        assert await self.gate.flush(PATIENCE)
        return [KIND.Name(report.report).removeprefix("ORDER_REPORT_") for report in self.script.reports]


@pytest_asyncio.fixture
async def desk(running: RunningGate) -> AsyncIterator[Desk]:
    """Nobody has waited until the gate was heard: the guard's first order does."""
    async with AsyncRiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as gate:
        exchange = FakeAsyncExchange()
        yield Desk(guard(exchange, gate), exchange, gate, running.script)


async def test_an_approved_order_is_passed_on_as_it_was_checked(desk: Desk) -> None:
    order = await desk.guarded.create_order(*BUY, intended_position=("-1", "1"), believed_position="0")
    assert order == {"id": "v-1"}
    (asked,) = desk.script.checks
    assert [name for name, _ in desk.exchange.calls] == ["load_markets", "create_order"]
    assert desk.exchange.placed() == [(*BUY, {"clientOrderId": asked.client_order_id})]
    assert await desk.told() == ["SENT", "ACKNOWLEDGED"]
    assert desk.exchange.options["recvWindow"] == 1000


async def test_a_denied_order_is_not_sent(desk: Desk) -> None:
    desk.script.answer = lambda request, _: a_denial(request)
    with pytest.raises(OrderDenied, match="MAX_NET_EXPOSURE"):
        await desk.guarded.create_order(*BUY)
    assert not desk.exchange.placed()


async def test_an_approval_that_ran_out_before_sending_is_not_used_and_reported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.script.answer = lambda request, _: approval(request, valid_for_ns=400 * MILLISECOND)
    check = desk.gate.check

    async def slow(**order: Any) -> Any:  # noqa: ANN401
        decision = await check(**order)
        assert decision
        await asyncio.sleep(decision.remaining() + 0.01)
        return decision

    monkeypatch.setattr(desk.gate, "check", slow)
    with pytest.raises(OrderDenied) as caught:
        await desk.guarded.create_order(*BUY)
    assert caught.value.denial.reason == LocalReason.EXPIRED
    assert not desk.exchange.placed()
    assert await desk.told() == ["NEVER_SENT"]


@pytest.mark.parametrize(
    ("error", "cause", "outcome"),
    [
        (ccxt.InsufficientFunds("no"), None, ["SENT", "REJECTED"]),
        (ccxt.ExchangeNotAvailable("bybit POST"), REFUSED, ["SENT", "NEVER_SENT"]),
        (ccxt.RequestTimeout("?"), TimeoutError(), ["SENT"]),
        (ccxt.ExchangeError("10016"), None, ["SENT"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
async def test_only_what_is_certain_is_reported_and_every_error_is_raised(
    desk: Desk, error: Exception, cause: BaseException | None, outcome: list[str]
) -> None:
    desk.exchange.then = failing(error, cause)
    with pytest.raises(type(error)):
        await desk.guarded.create_order(*BUY)
    assert await desk.told() == outcome


async def test_cancelling_the_task_does_not_stop_an_order_under_way(desk: Desk) -> None:
    """Cancelled mid-flight, ccxt leaves an order at the venue all the same: its fate must be learnt."""
    desk.exchange.go_on.clear()
    placing = asyncio.create_task(desk.guarded.create_order(*BUY))
    await desk.exchange.arrived.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert await desk.told() == ["SENT"]
    desk.exchange.go_on.set()
    assert await until(lambda: len(desk.script.reports) == 2)
    assert await desk.told() == ["SENT", "ACKNOWLEDGED"]


async def test_an_order_that_fails_after_its_task_was_cancelled_is_reported_and_stays_out_of_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.exchange.go_on.clear()
    desk.exchange.then = failing(ccxt.InsufficientFunds("no"))
    placing = asyncio.create_task(desk.guarded.create_order(*BUY))
    await desk.exchange.arrived.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    desk.exchange.go_on.set()
    assert await until(lambda: len(desk.script.reports) == 2)
    assert await desk.told() == ["SENT", "REJECTED"]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_task_cancelled_while_it_asks_sends_nothing(desk: Desk) -> None:
    release = threading.Event()

    def hang(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
        release.wait(PATIENCE)
        return approval(request)

    desk.script.answer = hang
    placing = asyncio.create_task(desk.guarded.create_order(*BUY))
    assert await until(lambda: desk.script.checks)
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    release.set()
    assert await desk.told() == ["NEVER_SENT"]
    assert not desk.exchange.placed()


async def test_a_cancel_is_never_held_up(desk: Desk) -> None:
    await desk.guarded.create_order(*BUY)
    desk.script.say(**halted())
    assert await until(lambda: desk.gate.halts)
    await desk.guarded.cancel_order("v-1", INSTRUMENT)
    await desk.guarded.cancelOrder("of another program", INSTRUMENT, {"x": 1})
    assert await desk.told() == ["SENT", "ACKNOWLEDGED", "CANCELLED"]
    await desk.gate.close()
    await desk.guarded.cancel_order("v-1")
    assert len(desk.exchange.placed("cancel_order")) == 3


async def test_an_edit_is_checked_as_an_amendment(desk: Desk) -> None:
    await desk.guarded.create_order(*BUY)
    await desk.guarded.edit_order("v-1", INSTRUMENT, "limit", "buy", 0.75)
    first, second = desk.script.checks
    assert second.replaces_client_order_id == first.client_order_id
    assert second.replace_mode == strategy_pb2.REPLACE_MODE_AMEND
    assert desk.exchange.placed("edit_order") == [("v-1", INSTRUMENT, "limit", "buy", 0.75, 50_000, {})]


async def test_the_same_id_is_never_sent_twice_not_even_at_once(desk: Desk) -> None:
    both = [desk.guarded.create_order(*BUY, {"clientOrderId": "mine-1"}) for _ in range(2)]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert len(desk.exchange.placed()) == 1
    assert sorted(isinstance(result, OrderDenied) for result in results) == [False, True]
    assert await desk.told() == ["SENT", "ACKNOWLEDGED"]


async def test_everything_else_is_the_exchange_objects(desk: Desk) -> None:
    assert await desk.guarded.fetch_balance() == {"USDT": 1}
    with pytest.raises(PastTheGateError):
        desk.guarded.create_orders  # noqa: B018 - reading it is the test
    async with desk.guarded as guarded:
        assert desk.exchange.is_open
        assert guarded is desk.guarded
    assert not desk.exchange.is_open


async def test_without_a_gate_orders_are_denied(address: str) -> None:
    async with AsyncRiskGate(address, account="main", strategy="mm-1") as gate:
        exchange = FakeAsyncExchange()
        guarded = guard(exchange, gate)
        with pytest.raises(OrderDenied, match="the trading state is not known"):
            await guarded.create_order(*BUY)
        assert not exchange.placed()
