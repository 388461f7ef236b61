"""An order is placed once, or not at all; what an unclear answer means, and who may."""

import asyncio
from typing import Any

import aiohttp
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.gate_link import GateClock
from risksvc.venue.placing import Placer, is_refusal
from tests.unit.venue.builders import BTC, connection, settings

NOW_NS = 1_000_000_000
SECOND = 1_000_000_000


class Exchange:
    """Takes orders, or raises the error of its script."""

    def __init__(self, error: Exception | None = None, *, answer: dict[str, Any] | None = None) -> None:
        self.error, self.answer = error, answer if answer is not None else {"id": "v-1"}
        self.asked: list[tuple[Any, ...]] = []

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
    await placer(exchange).place(order(limit_price="", side=types_pb2.SIDE_BUY, leg=venue_pb2.POSITION_LEG_SHORT))
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
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_what_must_not_be_sent_is_not(changes: dict[str, Any]) -> None:
    exchange = Exchange()
    outcome, _ = await placer(exchange).place(order(**changes))
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "not sent" in outcome.error
    assert not exchange.asked


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
