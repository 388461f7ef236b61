"""A look at the paper venue by the unmodified ccxt: what it finds, how long it takes, and what a fault makes of it."""

import time
from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.types import Side
from risksvc.v1 import venue_pb2
from risksvc.venue.assessing import AccountLook, Assessor
from risksvc.venue.connection import VenueConnection
from tests.integration.venue.rig import BTC, Message, Rig

ETH = "ETH/USDT:USDT"
POSITIONS, ORDERS, BOOK, TICKERS = (
    "/v5/position/list",
    "/v5/order/realtime",
    "/v5/market/orderbook",
    "/v5/market/tickers",
)


async def look(rig: Rig, *wanted: str, **overrides: object) -> AccountLook:
    connection = VenueConnection(rig.config(**overrides))
    try:
        await connection.load_markets()
        return await Assessor(connection).look(wanted)
    finally:
        await connection.close()


async def assess(rig: Rig, *wanted: str) -> Message:
    """As the gate asks."""
    after = rig.gate.mark()
    result = await rig.gate.command(assess_now=venue_pb2.AssessNow(instruments=wanted))
    assert result.ok
    return await rig.gate.until("assessment", lambda told: told.command_id == result.command_id, after=after)


async def test_the_gate_hears_positions_orders_books_and_marks(rig: Rig) -> None:
    await rig.start()
    await rig.order("held", "buy", "0.3")
    await rig.order("working", "buy", "0.1", "40000")
    found = await assess(rig, ETH)
    assert found.complete
    assert list(found.problems) == []
    (position,) = found.positions
    assert (position.instrument, position.quantity) == (BTC, "0.3")
    assert Decimal(position.entry_price) > 0
    assert position.unrealised_pnl
    assert [order.client_order_id for order in found.open_orders] == ["working"]
    books = {book.instrument: book for book in found.books}
    assert set(books) == {BTC, ETH}
    for book in books.values():
        assert 0 <= book.mark_age_ms < 5_000
        bids, asks = [Decimal(level.price) for level in book.bids], [Decimal(level.price) for level in book.asks]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < Decimal(book.mark) < asks[0]


@pytest.mark.parametrize("listing", ["bybit", "unified"])
async def test_both_ways_of_listing_look_alike(rig: Rig, listing: str) -> None:
    await rig.order("held", "sell", "0.3")
    await rig.order("stop", "buy", "0.1", "40000")
    found = await look(rig, quirks={"listing": listing})
    assert found.complete, found.problems
    assert [(row.symbol, row.quantity) for row in found.positions] == [(BTC, Decimal("-0.3"))]
    assert [row.client_order_id for row in found.open_orders] == ["stop"]
    (market,) = found.markets
    assert market.book is not None
    assert market.book.depth(Side.BUY) > 0


async def test_a_trigger_order_is_among_the_open_ones(rig: Rig) -> None:
    await rig.order("held", "buy", "0.3")
    await rig.event("stops", account="main", symbol="BTCUSDT", stopLoss="30000")
    found = await look(rig)
    assert found.complete, found.problems
    (order,) = found.open_orders
    assert (order.trigger_price, order.reduce_only) == (Decimal(30000), True)


@pytest.mark.parametrize(
    ("fault", "values", "says"),
    [
        (("hang", POSITIONS), {}, "positions: RequestTimeout"),
        (("http_error", POSITIONS), {"status": 500}, "positions: "),
        (("null_body", POSITIONS), {}, "positions: BadResponse"),
        (("empty_body", ORDERS), {}, "open_orders: BadResponse"),
        (("truncated_body", POSITIONS), {"percent": 50}, "positions: "),
    ],
)
async def test_positions_and_orders_are_unknown_and_never_flat(
    rig: Rig, fault: tuple[str, str], values: dict[str, Any], says: str
) -> None:
    await rig.order("held", "buy", "0.3")
    rig.fault(*fault, **values)
    began = time.monotonic()
    found = await look(rig, BTC)
    assert time.monotonic() - began < 10
    assert not found.complete
    assert any(problem.startswith(says) for problem in found.problems), found.problems
    assert [market.symbol for market in found.markets if market.book is not None] == [BTC], "the rest is read"


@pytest.mark.parametrize(("path", "says"), [(BOOK, f"book: {BTC}: "), (TICKERS, "marks: ")])
async def test_a_book_or_mark_that_fails_leaves_the_account_known(rig: Rig, path: str, says: str) -> None:
    await rig.order("held", "buy", "0.3")
    rig.fault("http_error", path, status=503)
    found = await look(rig)
    assert found.complete
    assert [row.quantity for row in found.positions] == [Decimal("0.3")]
    assert any(problem.startswith(says) for problem in found.problems), found.problems


async def test_a_wrong_key_is_named_and_not_shown(rig: Rig) -> None:
    found = await look(rig, api_secret="wr0ng-secret")
    assert not found.complete
    assert any("AuthenticationError" in problem or "10004" in problem for problem in found.problems), found.problems
    assert "wr0ng-secret" not in str(found)
    assert "paper-read" not in str(found.problems)


async def test_a_look_takes_well_under_two_seconds(rig: Rig) -> None:
    await rig.order("held", "buy", "0.3")
    connection = VenueConnection(rig.config())
    try:
        await connection.load_markets()
        began = time.monotonic()
        found = await Assessor(connection).look([ETH])
        assert found.complete
        assert time.monotonic() - began < 2
    finally:
        await connection.close()
