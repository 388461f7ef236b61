"""The guard of a synchronous exchange object, with a real connection to a scripted gate."""

import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest
from aiohttp.client_reqrep import ConnectionKey

from risksvc.client import (
    AsyncRiskGate,
    GuardedExchange,
    LocalReason,
    MalformedInputError,
    OrderDenied,
    PastTheGateError,
    RiskGate,
    guard,
)
from risksvc.core.types import MILLISECOND
from risksvc.v1 import strategy_pb2, types_pb2
from tests.integration.client.fake_exchange import FakeAsyncExchange, FakeExchange, failing
from tests.integration.client.scripted_gate import PATIENCE, RunningGate, ScriptedGate, approval, halted
from tests.unit.client.messages import INSTRUMENT, a_denial

KIND = strategy_pb2.OrderReport
BUY = (INSTRUMENT, "limit", "buy", 0.5, 50_000)
KEY = ConnectionKey("venue", 443, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
REFUSED = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Desk:
    """A guarded exchange object, and everything behind it."""

    guarded: GuardedExchange
    exchange: FakeExchange
    gate: RiskGate
    running: RunningGate

    @property
    def script(self) -> ScriptedGate:
        return self.running.script

    def told(self) -> list[tuple[str, str]]:
        """What was reported of orders: kind and id, in order."""
        assert self.gate.flush(PATIENCE)
        reports = [(KIND.Name(report.report), report.client_order_id) for report in self.script.reports]
        return [(name.removeprefix("ORDER_REPORT_"), order_id) for name, order_id in reports]


@pytest.fixture
def desk(gate: RiskGate, running: RunningGate) -> Desk:
    exchange = FakeExchange()
    return Desk(guard(exchange, gate), exchange, gate, running)


def test_an_approved_order_is_passed_on_as_it_was_checked(desk: Desk) -> None:
    order = desk.guarded.create_order(*BUY, {"timeInForce": "PostOnly"}, intended_position="1", believed_position=0.0)
    assert order == {"id": "v-1"}
    (asked,) = desk.script.checks
    assert (asked.quantity, asked.limit_price, asked.intended_position, asked.believed_position) == (
        "0.5",
        "50000",
        "1",
        "0",
    )
    order_id = asked.client_order_id
    assert desk.exchange.placed() == [(*BUY, {"timeInForce": "PostOnly", "clientOrderId": order_id})]
    assert desk.told() == [("SENT", order_id), ("ACKNOWLEDGED", order_id)]
    assert desk.script.reports[1].venue_order_id == "v-1"


@pytest.mark.parametrize("amount", [0.1, "0.10", Decimal("0.10"), 3], ids=repr)
def test_the_amount_goes_on_as_it_came(desk: Desk, amount: Any) -> None:  # noqa: ANN401
    desk.guarded.create_order(INSTRUMENT, "market", "sell", amount, None, {"reduceOnly": True})
    ((_, _, _, passed, price, params),) = desk.exchange.placed()
    assert passed is amount
    assert price is None
    assert params["reduceOnly"] is True


def test_a_denied_order_is_not_sent(desk: Desk) -> None:
    desk.script.answer = lambda request, _: a_denial(request)
    with pytest.raises(OrderDenied, match="MAX_NET_EXPOSURE: worst-case net exposure would be") as caught:
        desk.guarded.create_order(*BUY)
    assert caught.value.decision.denials[0].limit == "50000"
    assert not desk.exchange.placed()
    assert desk.told() == []


def test_an_approval_that_ran_out_before_sending_is_not_used_and_reported(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.script.answer = lambda request, _: approval(request, valid_for_ns=400 * MILLISECOND)
    check = desk.gate.check

    def slow(**order: Any) -> Any:  # noqa: ANN401
        decision = check(**order)
        assert decision
        time.sleep(decision.remaining() + 0.01)  # the process is held up between the answer and the sending
        return decision

    monkeypatch.setattr(desk.gate, "check", slow)
    with pytest.raises(OrderDenied) as caught:
        desk.guarded.create_order(*BUY)
    assert caught.value.denial.reason == LocalReason.EXPIRED
    assert caught.value.decision.approved
    assert not desk.exchange.placed()
    assert desk.told() == [("NEVER_SENT", desk.script.checks[0].client_order_id)]


def test_an_approval_that_a_halt_overtook_is_not_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    check = desk.gate.check

    def overtaken(**order: Any) -> Any:  # noqa: ANN401
        decision = check(**order)
        desk.script.say(**halted())
        assert desk.script.wait_for(lambda: not decision)
        return decision

    monkeypatch.setattr(desk.gate, "check", overtaken)
    with pytest.raises(OrderDenied) as caught:
        desk.guarded.create_order(*BUY)
    assert caught.value.denial.reason == LocalReason.STATE_HALTED
    assert not desk.exchange.placed()
    assert desk.told() == [("NEVER_SENT", desk.script.checks[0].client_order_id)]


@pytest.mark.parametrize(
    ("error", "cause", "outcome"),
    [
        (ccxt.InsufficientFunds("no"), None, ["SENT", "REJECTED"]),
        (ccxt.InvalidOrder("no"), None, ["SENT", "REJECTED"]),
        (ccxt.AuthenticationError("no"), None, ["SENT", "REJECTED"]),
        (ccxt.ExchangeNotAvailable("bybit POST"), REFUSED, ["SENT", "NEVER_SENT"]),
        (ccxt.ExchangeNotAvailable("502"), None, ["SENT"]),
        (ccxt.RequestTimeout("?"), TimeoutError(), ["SENT"]),
        (ccxt.NetworkError("?"), ConnectionResetError(104), ["SENT"]),
        (ccxt.ExchangeError("10016"), None, ["SENT"]),
        (ccxt.BadResponse("?"), None, ["SENT"]),
        (ccxt.DuplicateOrderId("there"), None, ["SENT"]),
        (ccxt.RateLimitExceeded("429"), None, ["SENT"]),
        (KeyboardInterrupt(), None, ["SENT"]),
        (ZeroDivisionError(), None, ["SENT"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_only_what_is_certain_is_reported_and_every_error_is_raised(
    desk: Desk, error: BaseException, cause: BaseException | None, outcome: list[str]
) -> None:
    desk.exchange.then = failing(error, cause)
    with pytest.raises(type(error)) as caught:
        desk.guarded.create_order(*BUY)
    assert caught.value is error
    assert [kind for kind, _ in desk.told()] == outcome
    assert len(desk.exchange.placed()) == 1


@pytest.mark.parametrize("result", [{"id": None}, {}, None, "ok"], ids=repr)
def test_a_success_without_an_id_proves_nothing(desk: Desk, result: object) -> None:
    """ccxt makes {"id": None} out of an empty body."""
    desk.exchange.then = lambda: result
    assert desk.guarded.create_order(*BUY) == result
    assert [kind for kind, _ in desk.told()] == ["SENT"]


def test_the_same_id_is_never_sent_twice(desk: Desk) -> None:
    """Retrying after a timeout: the first order may be working, so neither is it sent again nor its headroom freed."""
    desk.exchange.then = failing(ccxt.RequestTimeout("?"))
    for error in (ccxt.RequestTimeout, OrderDenied):
        with pytest.raises(error):
            desk.guarded.create_order(*BUY, {"clientOrderId": "mine-1"})
    assert len(desk.exchange.placed()) == 1
    assert desk.told() == [("SENT", "mine-1")]


def test_a_cancel_is_never_held_up(desk: Desk) -> None:
    desk.guarded.create_order(*BUY)
    order_id = desk.script.checks[0].client_order_id
    desk.script.say(**halted())
    assert desk.script.wait_for(lambda: bool(desk.gate.halts))
    desk.guarded.cancel_order("v-1", INSTRUMENT)
    desk.guarded.cancelOrder("of another program")
    assert desk.told()[2:] == [("CANCELLED", order_id)]
    desk.running.kill()
    desk.guarded.cancel_order(None, INSTRUMENT, {"clientOrderId": order_id})
    desk.gate.close(timeout=0.1)
    desk.guarded.cancel_order("v-1", INSTRUMENT)
    assert desk.exchange.placed("cancel_order") == [
        ("v-1", INSTRUMENT, {}),
        ("of another program", None, {}),
        (None, INSTRUMENT, {"clientOrderId": order_id}),
        ("v-1", INSTRUMENT, {}),
    ]


def test_a_cancel_that_failed_is_not_reported(desk: Desk) -> None:
    desk.guarded.create_order(*BUY)
    desk.exchange.then = failing(ccxt.OrderNotFound("gone"))
    with pytest.raises(ccxt.OrderNotFound):
        desk.guarded.cancel_order("v-1", INSTRUMENT)
    assert [kind for kind, _ in desk.told()] == ["SENT", "ACKNOWLEDGED"]


def test_an_edit_is_checked_as_an_amendment_and_keeps_the_id(desk: Desk) -> None:
    desk.guarded.create_order(*BUY, {"reduceOnly": True})
    first = desk.script.checks[0].client_order_id
    desk.guarded.edit_order("v-1", INSTRUMENT, "limit", "buy", 0.75)
    desk.guarded.editOrder("v-1", INSTRUMENT, "limit", "buy", None, "49000.5")
    second, third = desk.script.checks[1:]
    assert second.replaces_client_order_id == third.replaces_client_order_id == first
    assert second.replace_mode == strategy_pb2.REPLACE_MODE_AMEND
    assert (second.quantity, second.limit_price, second.reduce_only) == ("0.75", "50000", True)
    assert (third.quantity, third.limit_price) == ("0.75", "49000.5")
    assert desk.exchange.placed("edit_order") == [
        ("v-1", INSTRUMENT, "limit", "buy", 0.75, 50_000, {}),
        ("v-1", INSTRUMENT, "limit", "buy", 0.75, "49000.5", {}),
    ]


def test_where_ccxt_emulates_edits_the_order_is_another_one(desk: Desk) -> None:
    desk.exchange.has = {"editOrder": "emulated"}
    desk.guarded.create_order(*BUY)
    desk.exchange.then = lambda: {"id": "v-2"}
    desk.guarded.edit_order("v-1", INSTRUMENT, "limit", "buy", 0.75)
    first, second = desk.script.checks
    assert second.replace_mode == strategy_pb2.REPLACE_MODE_CANCEL_REPLACE
    ((*_, params),) = desk.exchange.placed("edit_order")
    assert params == {"clientOrderId": second.client_order_id}
    desk.guarded.cancel_order("v-2")
    assert desk.told()[-1] == ("CANCELLED", second.client_order_id)
    assert first.client_order_id != second.client_order_id


def test_an_edit_that_was_never_sent_says_nothing_of_the_order_that_works(desk: Desk) -> None:
    desk.guarded.create_order(*BUY)
    desk.exchange.then = failing(ccxt.NetworkError("?"), REFUSED)
    with pytest.raises(ccxt.NetworkError):
        desk.guarded.edit_order("v-1", INSTRUMENT, "limit", "buy", 0.75)
    assert "NEVER_SENT" not in [kind for kind, _ in desk.told()]


def test_an_edit_of_an_order_that_is_not_known_here_is_denied(desk: Desk) -> None:
    with pytest.raises(OrderDenied, match="was not placed through this guard") as caught:
        desk.guarded.edit_order("v-9", INSTRUMENT, "limit", "buy", 0.75)
    assert caught.value.denial.reason == LocalReason.INVALID_REQUEST
    assert not desk.exchange.placed("edit_order")
    assert not desk.script.checks


@pytest.mark.parametrize(
    "name", ["create_orders", "createOrders", "create_market_order", "private_post_v5_order_create"]
)
def test_nothing_places_orders_past_the_gate(desk: Desk, name: str) -> None:
    with pytest.raises(PastTheGateError, match=f"{name} would pass the risk gate by; use create_order"):
        getattr(desk.guarded, name)
    assert not hasattr(desk.guarded, name)
    assert name not in dir(desk.guarded)


def test_everything_else_is_the_exchange_objects(desk: Desk) -> None:
    assert desk.guarded.fetch_balance() == {"USDT": 1}
    desk.guarded.timeout = 5
    assert desk.exchange.timeout == 5
    assert "fetch_balance" in dir(desk.guarded)
    with pytest.raises(AttributeError):
        desk.guarded.not_there  # noqa: B018 - reading it is the test


def test_options_are_tightened_when_wrapped_and_again_before_every_order(desk: Desk) -> None:
    assert desk.exchange.options == {"recvWindow": 1000, "maxRetriesOnFailure": 0}
    desk.guarded.options["recvWindow"] = 60_000
    desk.guarded.create_order(*BUY)
    assert desk.exchange.options["recvWindow"] == 1000


def test_the_venue_gets_a_deadline_with_each_order_and_nothing_after_it(desk: Desk) -> None:
    assert desk.guarded.venue_window_ms is None, "an object that is no exchange that is known"
    exchange: Any = desk.exchange
    exchange.id, exchange.headers = "okx", {}
    seen: list[dict[str, str]] = []

    def take() -> dict[str, str]:
        seen.append(dict(exchange.headers))
        return {"id": "v-1"}

    exchange.then = take
    guarded = guard(exchange, desk.gate, venue_window_ms=500)
    guarded.create_order(*BUY)
    assert guarded.venue_window_ms == 500
    assert -5_000 < int(seen[0]["expTime"]) - time.time() * 1000 < 501
    assert not exchange.headers
    exchange.then = failing(TimeoutError())
    with pytest.raises(TimeoutError):
        guarded.create_order(*BUY)
    assert not exchange.headers


def test_markets_are_loaded_before_the_approval_starts_to_run(desk: Desk) -> None:
    desk.guarded.create_order(*BUY)
    desk.guarded.create_order(*BUY)
    assert [name for name, _ in desk.exchange.calls] == ["load_markets", "create_order", "create_order"]


def test_a_callers_mistake_asks_and_sends_nothing(desk: Desk) -> None:
    with pytest.raises(MalformedInputError, match="trade something else"):
        desk.guarded.create_order(*BUY, {"qty": "100"})
    with pytest.raises(MalformedInputError, match="limit_price"):
        desk.guarded.create_order(INSTRUMENT, "limit", "buy", 1)
    with pytest.raises(TypeError):
        desk.guarded.create_order(INSTRUMENT, "limit", "buy", None, 1)  # type: ignore[arg-type]
    assert not desk.exchange.placed()
    assert not desk.script.checks


def test_the_wrong_pair_is_refused(gate: RiskGate, address: str) -> None:
    with pytest.raises(TypeError, match="FakeExchange is a synchronous exchange object; it needs a RiskGate"):
        guard(FakeExchange(), AsyncRiskGate(address, account="a", strategy="s"))
    with pytest.raises(
        TypeError, match="FakeAsyncExchange is an asynchronous exchange object; it needs a AsyncRiskGate"
    ):
        guard(FakeAsyncExchange(), gate)
    with pytest.raises(TypeError, match="has no create_order"):
        guard({}, gate)


def test_reducing_lets_reduce_only_orders_through(desk: Desk) -> None:
    desk.script.say(**halted(state=types_pb2.TRADING_STATE_REDUCING))
    desk.script.answer = lambda request, _: approval(request, trading_state=types_pb2.TRADING_STATE_REDUCING)
    assert desk.script.wait_for(lambda: bool(desk.gate.halts))
    with pytest.raises(OrderDenied, match="send reduce_only orders only"):
        desk.guarded.create_order(*BUY)
    assert desk.guarded.create_order(*BUY, {"reduceOnly": True}) == {"id": "v-1"}


def test_five_lines_put_the_gate_in_front_of_the_real_ccxt(running: RunningGate) -> None:
    """Unmodified ccxt, and a venue that refuses the connection: checked, passed on, and told that it never left."""
    program = textwrap.dedent("""
        import sys
        import ccxt
        BASE = "http://127.0.0.1:9"
        KEYS = {"apiKey": "k", "secret": "s", "urls": {"api": {"public": BASE, "private": BASE}}}
        KEYS |= {"options": {"enableUnifiedMargin": False, "enableUnifiedAccount": True}}
        MARKET = {
            "id": "BTCUSDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT",
            "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "type": "swap", "spot": False, "swap": True,
            "future": False, "option": False, "contract": True, "linear": True, "inverse": False, "contractSize": 1,
            "precision": {"amount": 0.001, "price": 0.1}, "limits": {}, "active": True, "info": {},
        }

        from risksvc.client import RiskGate, guard

        gate = RiskGate(sys.argv[1], account="main", strategy="mm-1", deadline=2.0)
        exchange = guard(ccxt.bybit(KEYS), gate)
        exchange.session.trust_env = False
        exchange.set_markets([MARKET])
        try:
            exchange.create_order(
                "BTC/USDT:USDT", "limit", "buy", 0.5, 50_000, intended_position="1", believed_position="0"
            )
        except ccxt.NetworkError as error:
            print(type(error.__cause__).__name__)
        gate.close(timeout=10)
    """)
    command = [sys.executable, "-c", program, running.target]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (ended.stdout, ended.stderr) == ("ConnectionError\n", "")
    (asked,) = running.script.checks
    assert (asked.instrument, asked.quantity, asked.limit_price) == (INSTRUMENT, "0.5", "50000")
    assert running.script.orders_reported(KIND.ORDER_REPORT_NEVER_SENT) == [asked.client_order_id]
