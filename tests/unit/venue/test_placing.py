"""An order is placed once, or not at all; what an unclear answer means, and who may."""

import asyncio
import inspect
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.gate_link import GateClock
from risksvc.venue.order_outcomes import OUTCOMES, is_refusal
from risksvc.venue.placing import Placer
from risksvc.venue.quirks import CAUTIOUS, QUIRKS, quirks_of
from risksvc.venue.sent_orders import SentOrders
from tests.unit.venue.builders import BTC, connection, linear, settings

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_NS = 1_000_000_000
SECOND = 1_000_000_000


class Exchange:
    """Takes orders, or raises the error of its script."""

    def __init__(self, error: Exception | None = None, *, answer: dict[str, Any] | None = None) -> None:
        self.error, self.answer = error, answer if answer is not None else {"id": "v-1"}
        self.asked: list[tuple[Any, ...]] = []
        self.options: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.amount_to_precision: Callable[[str, str], str] = lambda _symbol, amount: amount
        self.price_to_precision: Callable[[str, str], str] = lambda _symbol, price: price

    async def create_order(self, *words: Any) -> dict[str, Any]:  # noqa: ANN401
        await asyncio.sleep(0)
        self.asked.append(words)
        if self.error is not None:
            raise self.error
        return self.answer


def connected(exchange: Exchange, **changes: Any) -> VenueConnection:  # noqa: ANN401
    changes.setdefault("config", settings(allow_orders=True))
    return connection({}, command=exchange, **changes)


def placer(exchange: Exchange, **changes: Any) -> Placer:  # noqa: ANN401
    clock = GateClock()
    clock.beat(NOW_NS)
    return Placer(connected(exchange, **changes), clock)


def order(**changes: Any) -> venue_pb2.PlaceOrder:  # noqa: ANN401
    chosen: dict[str, Any] = {
        "instrument": BTC,
        "client_order_id": "c-1",
        "side": types_pb2.SIDE_SELL,
        "quantity": "0.5",
        "limit_price": "49990",
        "reduce_only": True,
        "valid_until_ns": NOW_NS + 60 * SECOND,
    }
    return venue_pb2.PlaceOrder(**(chosen | changes))


async def test_a_limit_order_goes_out_immediate_or_cancel_and_reduce_only() -> None:
    exchange = Exchange()
    outcome, venue_order_id = await placer(exchange).place(order())
    assert (outcome, venue_order_id) == (CommandOutcome(ok=True), "v-1")
    params = {"clientOrderId": "c-1", "reduceOnly": True, "timeInForce": "IOC"}
    assert exchange.asked == [(BTC, "limit", "sell", "0.5", "49990", params)]


async def test_a_market_order_has_no_price_and_a_leg_is_named() -> None:
    exchange = Exchange()
    closing = order(limit_price="", side=types_pb2.SIDE_BUY, leg=venue_pb2.POSITION_LEG_SHORT)
    await placer(exchange, hedge_mode=True).place(closing)
    params = {"clientOrderId": "c-1", "reduceOnly": True, "hedged": True}
    assert exchange.asked == [(BTC, "market", "buy", "0.5", None, params)]


async def test_an_id_that_was_sent_is_not_sent_again_whatever_came_of_it() -> None:
    exchange = Exchange(ccxt_errors.RequestTimeout("x"))
    one = placer(exchange)
    first, _ = await one.place(order())
    second, _ = await one.place(order())
    assert (first.ok, first.unknown) == (False, True)
    assert (second.ok, second.unknown, "sent before" in second.error) == (False, False, True)
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until_ns": NOW_NS - 1},
        {"instrument": "NO/USDT:USDT"},
        {"side": types_pb2.SIDE_UNSPECIFIED},
        {"client_order_id": ""},
        {"reduce_only": False},
        {"leg": venue_pb2.POSITION_LEG_LONG},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_must_not_be_sent_is_not(changes: dict[str, Any]) -> None:
    exchange = Exchange()
    outcome, _ = await placer(exchange).place(order(**changes))
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "not sent" in outcome.error
    assert not exchange.asked


@pytest.mark.parametrize("changes", [{"quantity": "0.0005"}, {"limit_price": "49990.05"}], ids=str)
async def test_what_is_off_the_venues_grid_is_not_sent(changes: dict[str, Any]) -> None:
    exchange = Exchange()
    gridded = replace(linear(), quantity_step=Decimal("0.001"), price_step=Decimal("0.1"))
    outcome, _ = await placer(exchange, instruments={BTC: gridded}).place(order(**changes))
    assert "not a multiple of the venue's step" in outcome.error
    assert not exchange.asked


async def test_what_ccxt_would_send_as_another_quantity_is_not_sent() -> None:
    exchange = Exchange()
    exchange.amount_to_precision = lambda _symbol, _amount: "0.4"
    outcome, _ = await placer(exchange).place(order())
    assert outcome.error == "not sent: ccxt would send the quantity 0.5 as 0.4"

    def unreadable(_symbol: str, _price: str) -> str:
        raise ccxt_errors.BadSymbol("no precision")

    exchange = Exchange()
    exchange.price_to_precision = unreadable
    outcome, _ = await placer(exchange).place(order())
    assert outcome.error == "not sent: ccxt would send the price 49990 as None"
    assert not exchange.asked


@pytest.mark.parametrize("leg", [venue_pb2.POSITION_LEG_UNSPECIFIED, venue_pb2.POSITION_LEG_SHORT])
async def test_in_hedge_mode_an_order_that_does_not_name_the_leg_it_closes_is_not_sent(leg: Any) -> None:  # noqa: ANN401
    exchange = Exchange()
    outcome, _ = await placer(exchange, hedge_mode=True).place(order(leg=leg))
    assert "names the leg that it closes" in outcome.error
    assert not exchange.asked


async def test_where_ccxt_was_not_proven_to_send_an_order_whole_none_is_sent() -> None:
    exchange = Exchange()
    outcome, _ = await placer(exchange, quirks=CAUTIOUS).place(order())
    assert "not proven" in outcome.error
    legless = order(leg=venue_pb2.POSITION_LEG_LONG)
    outcome, _ = await placer(exchange, quirks=replace(QUIRKS["bitget"]), hedge_mode=True).place(legless)
    assert "names the leg of a hedge" in outcome.error
    assert not exchange.asked


async def test_a_spot_market_buy_is_not_sent_and_a_sale_is() -> None:
    exchange = Exchange()
    spot = quirks_of("bybit", spot=True)
    outcome, _ = await placer(exchange, quirks=spot).place(order(limit_price="", side=types_pb2.SIDE_BUY))
    assert "spot market buy" in outcome.error
    assert (await placer(exchange, quirks=spot).place(order(limit_price="")))[0].ok
    assert exchange.asked == [(BTC, "market", "sell", "0.5", None, {"clientOrderId": "c-1"})]


async def test_an_id_that_was_sent_is_not_sent_again_in_another_session_either() -> None:
    exchange = Exchange()
    made, clock = connected(exchange), GateClock()
    clock.beat(NOW_NS)
    assert (await Placer(made, clock).place(order()))[0].ok
    outcome, _ = await Placer(made, clock).place(order())
    assert "sent before" in outcome.error
    assert len(exchange.asked) == 1


def test_remembered_ids_are_bounded() -> None:
    sent = SentOrders(kept=2)
    assert [sent.take(name) for name in ("a", "b", "a", "c", "b", "a")] == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ("exchange_id", "param", "option"),
    [
        ("bybit", None, 5_000),
        ("binanceusdm", None, 5_000),
        ("krakenfutures", "processBefore", None),
        ("gate", None, None),
    ],
)
async def test_an_order_that_comes_late_is_refused_by_the_venue_where_it_can(
    exchange_id: str, param: str | None, option: int | None
) -> None:
    exchange = Exchange()
    exchange.options = {"recvWindow": 10_000} if option else {}
    await placer(exchange, exchange_id=exchange_id).place(order())
    assert exchange.options.get("recvWindow") == option
    sent = exchange.asked[0][-1]
    assert set(sent) - {"clientOrderId", "reduceOnly", "timeInForce"} == ({param} if param else set())


async def test_a_header_that_bounds_an_order_is_gone_after_it() -> None:
    exchange, seen = Exchange(), []

    class Headers(dict[str, str]):
        def __setitem__(self, key: str, value: str) -> None:
            seen.append(key)
            super().__setitem__(key, value)

    exchange.headers = Headers()
    await placer(exchange, exchange_id="okx").place(order())
    assert seen == ["expTime"]
    assert exchange.headers == {}


async def test_a_feed_that_was_not_started_to_place_orders_does_not() -> None:
    exchange = Exchange()
    outcome, _ = await placer(exchange, config=settings()).place(order())
    assert "may not place orders" in outcome.error
    assert not exchange.asked


async def test_an_answer_without_an_id_is_not_known() -> None:
    outcome, venue_order_id = await placer(Exchange(answer={"id": None})).place(order())
    assert (outcome.ok, outcome.unknown, venue_order_id) == (False, True, "")


async def test_a_call_that_is_cancelled_does_not_cut_the_request_off() -> None:
    exchange = Exchange()
    placing = asyncio.ensure_future(placer(exchange).place(order()))
    while not exchange.asked and not placing.done():
        await asyncio.sleep(0)
        placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    assert len(exchange.asked) <= 1


def never_connected() -> Exception:
    error: Exception = ccxt_errors.ExchangeNotAvailable("x")
    error.__cause__ = aiohttp.ClientConnectorError.__new__(aiohttp.ClientConnectorError)
    return error


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ccxt_errors.InvalidOrder("110017 reduce only"), True),
        (ccxt_errors.InvalidOrder('{"retCode":110072,"retMsg":"OrderLinkedID is duplicate"}'), False),
        (ccxt_errors.DuplicateOrderId("x"), False),
        (ccxt_errors.InsufficientFunds("x"), True),
        (ccxt_errors.AuthenticationError("x"), True),
        (ccxt_errors.InvalidNonce("x"), True),
        (ccxt_errors.RequestTimeout("x"), False),
        (ccxt_errors.ExchangeNotAvailable("x"), False),
        (ccxt_errors.ExchangeError("10016 system error"), False),
        (ccxt_errors.BadResponse("x"), False),
        (never_connected(), True),
        (ValueError("a bug"), False),
    ],
    ids=lambda one: f"{type(one).__name__}" if isinstance(one, Exception) else str(one),
)
def test_only_what_proves_that_there_is_no_order_is_a_refusal(error: Exception, refused: bool) -> None:  # noqa: FBT001
    assert is_refusal(error) is refused


# Every class of ccxt's errors, and whether it proves that there is no order.
PROOFS = {
    "AccountNotEnabled": True, "AccountSuspended": True, "AddressPending": False, "ArgumentsRequired": True,
    "AuthenticationError": True, "BadRequest": True, "BadResponse": False, "BadSymbol": True, "BaseError": False,
    "CancelPending": False, "ChecksumError": False, "ContractUnavailable": True, "DDoSProtection": False,
    "DuplicateOrderId": False, "ExchangeClosedByUser": False, "ExchangeError": False, "ExchangeNotAvailable": False,
    "InsufficientFunds": True, "InvalidAddress": False, "InvalidNonce": True, "InvalidOrder": True,
    "InvalidProxySettings": True, "ManualInteractionNeeded": False, "MarginModeAlreadySet": False,
    "MarketClosed": True, "NetworkError": False, "NoChange": False, "NotSupported": True, "NullResponse": False,
    "OnMaintenance": False, "OperationFailed": False, "OperationRejected": False, "OrderImmediatelyFillable": True,
    "OrderNotCached": False, "OrderNotFillable": True, "OrderNotFound": False, "PermissionDenied": True,
    "RateLimitExceeded": True, "RequestTimeout": False, "RestrictedLocation": True, "UnsubscribeError": False,
}  # fmt: skip
CLASSES: dict[str, type[Exception]] = dict(inspect.getmembers(ccxt_errors, inspect.isclass))


def test_the_outcome_of_every_class_of_ccxts_errors_is_decided() -> None:
    assert set(CLASSES) == set(PROOFS), "a release of ccxt has another class: decide what it proves"
    assert {name: is_refusal(kind("x")) for name, kind in CLASSES.items()} == PROOFS
    assert all(why for _, _, why in OUTCOMES)
