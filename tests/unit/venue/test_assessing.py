"""A look at the venue: what can't be read is unknown and named, never flat, and takes nothing else with it."""

import asyncio
import time

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.core.incident.exit_cost import Level
from risksvc.venue import wire
from risksvc.venue.assessing import AGE_UNKNOWN, AccountLook, Assessor, MarketLook
from risksvc.venue.connection import VenueConnection
from risksvc.venue.quirks import QUIRKS
from risksvc.venue.rows import PositionRow
from tests.unit.core.catalogue import D
from tests.unit.venue.builders import BTC, ETH, connection, listing_of, order_row, position_row, settings

TICKER = {"symbol": BTC, "markPrice": "50001", "bid": "49990", "ask": "50010", "info": {}}


def scripted(**script: object) -> dict[str, list[object]]:
    known: dict[str, object] = {"positions": [position_row()], "open_orders": [order_row()], "tickers": [TICKER]}
    return {name: [answer] for name, answer in {**known, **script}.items()}


async def look(connected: VenueConnection, *wanted: str) -> AccountLook:
    return await Assessor(connected).look(wanted)


async def test_a_healthy_venue_is_read_whole() -> None:
    found = await look(connection(scripted()))
    assert found.complete
    assert found.problems == ()
    assert [(row.symbol, row.quantity) for row in found.positions] == [(BTC, D(2))]
    assert [row.client_order_id for row in found.open_orders] == ["c-1"]
    (market,) = found.markets
    assert market.book is not None
    assert (market.symbol, market.book.bids) == (BTC, (Level(D(49990), D(3)),))
    assert market.mark is not None
    assert (market.mark.mark, market.mark_age_ms) == (D(50001), 250)


async def test_books_are_read_for_what_is_asked_and_what_is_held() -> None:
    connected = connection(scripted(tickers=[TICKER, {**TICKER, "symbol": ETH}]))
    found = await look(connected, ETH)
    assert [market.symbol for market in found.markets] == [BTC, ETH]
    assert [argument for name, argument in listing_of(connected).calls if name == "book"] == [(ETH, 100), (BTC, 100)]


async def test_a_tickers_own_time_tells_the_age_of_its_mark() -> None:
    connected = connection(scripted())
    at_ms = listing_of(connected).time_ms - 700
    listing_of(connected).script["tickers"] = [[{**TICKER, "timestamp": at_ms}]]
    (market,) = (await look(connected)).markets
    assert market.mark_age_ms >= 950


async def test_elsewhere_a_ticker_without_a_time_has_no_age() -> None:
    connected = connection(scripted(), quirks=QUIRKS["okx"])
    (market,) = (await look(connected)).markets
    assert market.mark_age_ms == AGE_UNKNOWN


@pytest.mark.parametrize(
    ("list_name", "says"), [("positions", "positions: ExchangeNotAvailable"), ("open_orders", "open_orders: Exchange")]
)
async def test_a_list_that_fails_is_unknown_and_the_other_is_shown(list_name: str, says: str) -> None:
    connected = connection(scripted(**{list_name: ccxt_errors.ExchangeNotAvailable("bybit HTTP 503")}))
    found = await look(connected)
    assert not found.complete
    assert any(problem.startswith(says) for problem in found.problems)
    assert len(found.positions) + len(found.open_orders) == 1
    assert [market.symbol for market in found.markets] == [BTC]


async def test_a_venue_that_hangs_ends_by_the_deadline_and_is_unknown() -> None:
    connected = connection(scripted(positions=asyncio.Event()), config=settings(assess_timeout_ms=50))
    began = time.monotonic()
    found = await look(connected)
    assert time.monotonic() - began < 5
    assert not found.complete
    assert found.positions == ()
    assert "positions: the read took longer than its limit" in found.problems
    assert len(found.open_orders) == 1, "what answers is shown"


async def test_a_row_that_can_not_be_read_makes_the_list_incomplete_and_hides_no_other() -> None:
    garbage = position_row(symbol=ETH, contracts="many")
    found = await look(connection(scripted(positions=[position_row(), garbage])))
    assert not found.complete
    assert [row.symbol for row in found.positions] == [BTC]
    assert found.problems == (f"positions: {ETH} long: contracts is 'many', not a number",)


async def test_a_position_in_an_unlisted_instrument_is_shown_as_the_venue_shows_it() -> None:
    unlisted = position_row(symbol="NEWUSDT", side="short", contracts="7")
    found = await look(connection(scripted(positions=[unlisted], open_orders=[])))
    assert not found.complete
    assert found.problems == ("positions: NEWUSDT: not among the loaded markets; the venue shows short 7 of it",)


async def test_the_same_row_twice_makes_positions_unknown() -> None:
    found = await look(connection(scripted(positions=[position_row(), position_row()])))
    assert not found.complete
    assert found.positions == ()


async def test_a_missing_book_is_named_and_the_rest_is_complete() -> None:
    connected = connection(scripted())
    listing_of(connected).books[BTC] = ccxt_errors.RequestTimeout("bybit GET timed out")
    found = await look(connected)
    assert found.complete
    assert found.markets[0].book is None
    assert found.markets[0].mark is not None
    assert found.problems == (f"book: {BTC}: RequestTimeout: bybit GET timed out",)


async def test_a_crossed_book_is_no_book() -> None:
    connected = connection(scripted())
    listing_of(connected).books[BTC] = {"bids": [["50010", "1"]], "asks": [["50000", "1"]]}
    found = await look(connected)
    assert found.markets[0].book is None
    assert found.problems == (f"book: {BTC}: the book is crossed: its best bid is above its best ask",)


async def test_a_missing_mark_is_named() -> None:
    found = await look(connection(scripted(tickers=[{**TICKER, "markPrice": None}])))
    assert found.complete
    assert found.markets[0].mark is None
    assert found.problems == (f"marks: {BTC}: the venue gives no mark price",)


async def test_an_instrument_that_is_asked_for_and_not_listed_is_named() -> None:
    found = await look(connection(scripted()), "XXX/USDT:USDT")
    assert "book: XXX/USDT:USDT: the venue does not list it" in found.problems


async def test_a_wrong_key_is_told_without_showing_it() -> None:
    refused = ccxt_errors.AuthenticationError("bybit {'api_key': 'KEY'} is wrong, as is SECRET")
    connected = connection(scripted(positions=refused, open_orders=refused), config=settings(api_key="K3Y-OF-MINE"))
    listing_of(connected).script["open_orders"] = [
        ccxt_errors.AuthenticationError("K3Y-OF-MINE is wrong, as is SECRET")
    ]
    found = await look(connected)
    assert not found.complete
    assert "K3Y-OF-MINE" not in str(found)
    assert "SECRET" not in str(found)
    assert "AuthenticationError" in str(found.problems)


async def test_both_legs_of_a_hedge_are_shown_though_nobody_announced_them() -> None:
    legs = [
        position_row(contracts="3", info={"positionIdx": "1"}),
        position_row(side="short", contracts="1", info={"positionIdx": "2"}),
    ]
    (row,) = (await look(connection(scripted(positions=legs)))).positions
    assert (row.quantity, row.long, row.short) == (D(2), D(3), D(1))


async def test_where_orders_are_listed_per_instrument_what_is_held_is_asked_for_first() -> None:
    connected = connection(scripted())
    listing_of(connected).orders_per_instrument = True
    found = await look(connected, ETH)
    assert listing_of(connected).followed == {BTC, ETH}
    calls = [name for name in listing_of(connected).names() if name in ("positions", "open_orders")]
    assert calls == ["positions", "open_orders"]
    assert found.complete


def test_a_name_that_the_gate_can_not_carry_makes_it_incomplete() -> None:
    strange = PositionRow(symbol="币/USDT:USDT", quantity=D(1), listed_as="x")
    plain = PositionRow(symbol=BTC, quantity=D(-2), listed_as="y")
    found = AccountLook(
        positions=(strange, plain), open_orders=(), markets=(MarketLook(symbol=BTC),), problems=(), complete=True
    )
    told = wire.assessment("c-1", found).assessment
    assert (told.command_id, told.complete, [row.quantity for row in told.positions]) == ("c-1", False, ["-2"])
    assert list(told.problems) == ["positions: 1 rows have names that the gate can't carry"]
    assert (told.books[0].mark, told.books[0].mark_age_ms, list(told.books[0].bids)) == ("", -1, [])
