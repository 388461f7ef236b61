"""One contract, two implementations: Bybit's own lists and ccxt's unified calls say the same of one account."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure
from risksvc.venue.listing import Listing, OrderReference
from risksvc.venue.normalise import normalise_fill, normalise_mark, normalise_order, normalise_position
from risksvc.venue.rows import OrderRow, OrderStatus
from tests.integration.venue.rig import BTC, Rig

UNIFIED = {"listing": "unified"}


@pytest.fixture(params=["bybit", "unified"])
async def connection(rig: Rig, request: pytest.FixtureRequest) -> AsyncIterator[VenueConnection]:
    connected = VenueConnection(rig.config(quirks={"listing": request.param}))
    await connected.measure_clock()
    await connected.load_markets()
    yield connected
    await connected.close()


async def test_positions(rig: Rig, connection: VenueConnection) -> None:
    assert (await connection.poll_listing.positions()).rows == []
    await rig.order("a", "sell", "0.3")
    found = await connection.poll_listing.positions()
    (row,) = [
        normalise_position(row, instrument=connection.instruments[row["symbol"]], quirks=connection.quirks)
        for row in found.rows
    ]
    assert row is not None
    assert (row.symbol, row.quantity) == (BTC, Decimal("-0.3"))
    assert abs(found.venue_time_ms - time.time_ns() // 1_000_000) < 5_000


async def test_open_orders(rig: Rig, connection: VenueConnection) -> None:
    await rig.order("a", "buy", "0.3", "40000")
    found = await connection.poll_listing.open_orders()
    (order,) = [normalise_order(row, quirks=connection.quirks, listed_open=True) for row in found.rows]
    assert (order.symbol, order.client_order_id, order.status) == (BTC, "a", OrderStatus.OPEN)


async def test_fills(rig: Rig, connection: VenueConnection) -> None:
    await rig.order("a", "buy", "0.3")
    found = await connection.poll_listing.fills(time.time_ns() // 1_000_000 - 60_000)
    fills = [fill for row in found.rows if (fill := normalise_fill(row, quirks=connection.quirks)) is not None]
    assert sum(fill.quantity for fill in fills) == Decimal("0.3")
    assert {fill.client_order_id for fill in fills} == {"a"}
    assert (await connection.poll_listing.fills(time.time_ns() // 1_000_000 + 60_000)).rows == []


async def looked_up(listing: Listing, client_id: str, connection: VenueConnection) -> OrderRow:
    found = await listing.order(OrderReference(BTC, client_id))
    (row,) = found.rows
    return normalise_order(row, quirks=connection.quirks)


async def test_one_order(rig: Rig, connection: VenueConnection) -> None:
    await rig.order("done", "buy", "0.3")
    placed = await rig.order("gone", "buy", "0.3", "40000")
    await rig.order("open", "buy", "0.3", "41000")
    await rig.trader.cancel_order(placed["id"], BTC)
    for name, status in (
        ("done", OrderStatus.FILLED),
        ("gone", OrderStatus.CANCELLED),
        ("open", OrderStatus.OPEN),
    ):
        assert (await looked_up(connection.command_listing, name, connection)).status is status


async def test_an_order_that_never_was(connection: VenueConnection) -> None:
    """Absence is proven, or it is no answer; it is never a guess."""
    if connection.quirks.listing == "unified":
        with pytest.raises(ReadFailure, match="absence is not proven"):
            await connection.command_listing.order(OrderReference(BTC, "never"))
    else:
        assert (await connection.command_listing.order(OrderReference(BTC, "never"))).rows == []


async def test_marks(connection: VenueConnection) -> None:
    found = await connection.command_listing.tickers([BTC])
    (mark,) = [normalise_mark(row, quirks=connection.quirks) for row in found.rows]
    assert mark is not None
    assert (mark.symbol, mark.mark) == (BTC, Decimal(50_000))


async def test_the_whole_feed_runs_on_unified_calls(rig: Rig) -> None:
    gate = await rig.start(quirks=UNIFIED)
    await rig.order("a", "buy", "0.3")
    await rig.order("b", "buy", "0.1", "40000")
    snapshot = await gate.until("snapshot", lambda each: each.positions and each.open_orders)
    assert gate.fills(before=gate.index("snapshot", snapshot))
    assert (await gate.look_up("a", "b")).ok


async def test_a_contract_that_has_ended_is_known_again_when_a_fill_names_it(rig: Rig) -> None:
    await rig.order("a", "buy", "0.3")
    await rig.event("delivery", symbol="BTCUSDT")
    connected = VenueConnection(rig.config())
    try:
        await connected.measure_clock()
        await connected.load_markets()
        assert BTC not in connected.instruments
        assert await connected.load_markets("BTCUSDT"), "the hello is said again"
        assert not await connected.load_markets(), "it stays"
        found = await connected.poll_listing.fills(time.time_ns() // 1_000_000 - 60_000)
        fills = [fill for row in found.rows if (fill := normalise_fill(row, quirks=connected.quirks)) is not None]
        assert {fill.symbol for fill in fills} == {BTC} <= connected.instruments.keys()
        assert sum(fill.quantity * fill.side.sign for fill in fills) == 0
    finally:
        await connected.close()
