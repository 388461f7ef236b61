"""Cancels: who may, how they are named, and what an unclear answer means."""

import socket
from typing import Any

import aiohttp
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.commands import Canceller, CommandOutcome
from risksvc.venue.connection import VenueConnection
from risksvc.venue.listing import OrderReference
from risksvc.venue.quirks import CAUTIOUS
from tests.unit.venue.builders import BTC, connection, listing_of, order_row, settings


class Exchange:
    """Takes cancels, or raises the next error of its script."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.cancelled: list[tuple[str | None, str, dict[str, Any]]] = []

    async def cancel_order(self, order_id: str | None, symbol: str, params: dict[str, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.cancelled.append((order_id, symbol, params))


def connected(exchange: Exchange, **changes: Any) -> VenueConnection:  # noqa: ANN401
    changes.setdefault("config", settings(allow_orders=True))
    return connection({"order": [[order_row()]]}, command=exchange, **changes)


async def cancel(exchange: Exchange, *references: OrderReference, **changes: Any) -> CommandOutcome:  # noqa: ANN401
    return await Canceller(connected(exchange, **changes)).cancel(references)


async def test_the_venues_id_is_used_where_it_is_known_and_the_clients_elsewhere() -> None:
    exchange = Exchange()
    outcome = await cancel(exchange, OrderReference(BTC, "c-1", "v-1"), OrderReference(BTC, "c-2"))
    assert outcome == CommandOutcome(ok=True)
    assert exchange.cancelled == [("v-1", BTC, {}), (None, BTC, {"orderLinkId": "c-2"})]


async def test_where_cancels_take_the_venues_id_only_it_is_looked_up() -> None:
    exchange = Exchange()
    assert (await cancel(exchange, OrderReference(BTC, "c-1"), quirks=CAUTIOUS)).ok
    assert exchange.cancelled == [("v-1", BTC, {})]


async def test_an_order_that_the_look_up_does_not_know_needs_no_cancel() -> None:
    exchange = Exchange()
    made = connected(exchange, quirks=CAUTIOUS)
    listing_of(made).script["order"] = [[]]
    assert (await Canceller(made).cancel([OrderReference(BTC, "c-1")])).ok
    assert exchange.cancelled == []


@pytest.mark.parametrize("apart", [True, False])
async def test_an_order_that_is_not_there_is_cancelled_among_those_that_wait_where_they_are_kept_apart(
    *, apart: bool
) -> None:
    exchange = Exchange(ccxt_errors.OrderNotFound("x"))
    assert (await cancel(exchange, OrderReference(BTC, "c-1", "v-1"), triggers_apart=apart)).ok
    assert exchange.cancelled == ([("v-1", BTC, {"trigger": True})] if apart else [])


async def test_a_failed_look_up_means_not_sent() -> None:
    exchange = Exchange()
    made = connected(exchange, quirks=CAUTIOUS)
    listing_of(made).script["order"] = [ccxt_errors.RequestTimeout("x")]
    outcome = await Canceller(made).cancel([OrderReference(BTC, "c-1")])
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert "not sent" in outcome.error


@pytest.mark.parametrize(
    "reference", [OrderReference(BTC), OrderReference("NO/USDT:USDT", "c-1"), OrderReference("", "c-1")], ids=str
)
async def test_a_reference_that_names_nothing_is_not_sent(reference: OrderReference) -> None:
    exchange = Exchange()
    outcome = await cancel(exchange, reference)
    assert (outcome.ok, outcome.unknown) == (False, False)
    assert exchange.cancelled == []


async def test_one_unclear_answer_makes_the_whole_result_unknown_and_the_rest_is_still_cancelled() -> None:
    exchange = Exchange(ccxt_errors.RequestTimeout("x"), ccxt_errors.OrderNotFound("y"))
    outcome = await cancel(exchange, *(OrderReference(BTC, f"c-{number}") for number in range(4)))
    assert (outcome.ok, outcome.unknown) == (False, True)
    assert "c-0" in outcome.error
    assert "c-1" not in outcome.error
    assert len(exchange.cancelled) == 2


async def test_what_never_left_this_machine_is_not_unknown() -> None:
    error = ccxt_errors.ExchangeNotAvailable("x")
    key: Any = None  # of the connection; the text of the error does not need it
    error.__cause__ = aiohttp.ClientConnectorDNSError(key, socket.gaierror())
    outcome = await cancel(Exchange(error), OrderReference(BTC, "c-1"))
    assert (outcome.ok, outcome.unknown) == (False, False)


async def test_a_refused_time_stamp_is_repaired_once() -> None:
    exchange = Exchange(ccxt_errors.InvalidNonce("10002"))
    made = connected(exchange)
    assert (await Canceller(made).cancel([OrderReference(BTC, "c-1")])).ok
    assert listing_of(made).names() == ["measure_clock"]
    twice = Exchange(ccxt_errors.InvalidNonce("10002"), ccxt_errors.InvalidNonce("10002"))
    outcome = await cancel(twice, OrderReference(BTC, "c-1"))
    assert (outcome.ok, outcome.unknown) == (False, False)


@pytest.mark.parametrize(("config", "can_cancel"), [(settings(), True), (settings(allow_orders=True), False)])
async def test_without_permission_nothing_is_sent(config: object, *, can_cancel: bool) -> None:
    exchange = Exchange()
    outcome = await cancel(exchange, OrderReference(BTC, "c-1"), config=config, can_cancel=can_cancel)
    assert not outcome.ok
    assert "by hand" in outcome.error
    assert exchange.cancelled == []


async def test_an_error_shows_no_secret() -> None:
    outcome = await cancel(Exchange(ccxt_errors.ExchangeError("SECRET at KEY")), OrderReference(BTC, "c-1"))
    assert "SECRET" not in outcome.error
    assert outcome.unknown
