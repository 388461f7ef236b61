"""The window method over a venue that answers from a script."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.core.types import ONE, ZERO
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.listing import Listed
from risksvc.venue.quirks import CAUTIOUS
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import FillRow
from tests.unit.venue.builders import BTC, ETH, connection, fill_row, listing_of, order_row, position_row, settings

NOW = 1_700_000_000_000
OVERLAPS = {Reach.SHORT: 2_000, Reach.USUAL: 10_000, Reach.DEEP: 120_000}


class Desk:
    """A reader with what it passed on, noted among the calls that it made."""

    def __init__(self, connected: VenueConnection) -> None:
        self.listing = listing_of(connected)
        self.passed: list[FillRow] = []
        orders = OrderIds()
        self.cursor = FillCursor(since_ms=NOW, now_ms=NOW, overlaps=OVERLAPS, orders=orders)
        self.reader = AccountReader(connected, cursor=self.cursor, orders=orders, pass_on=self._take)

    def _take(self, fills: Sequence[FillRow]) -> None:
        self.passed.extend(fills)
        self.listing.calls.append(("passed", [each.trade_id for each in fills]))


async def test_fills_are_read_before_and_after_and_passed_on_first() -> None:
    script: dict[str, list[object]] = {
        "fills": [[fill_row(id="a")], [fill_row(id="a"), fill_row(id="b")]],
        "positions": [[position_row(contracts="2")]],
        "open_orders": [[order_row()]],
    }
    desk = Desk(connection(script))
    snapshot = await desk.reader.read()
    assert desk.listing.names() == ["fills", "passed", "positions", "open_orders", "fills", "passed"]
    assert [each.trade_id for each in desk.passed] == ["a", "b"]
    assert [each.quantity for each in snapshot.positions] == [Decimal(2)]
    assert [each.client_order_id for each in snapshot.open_orders] == ["c-1"]
    assert NOW < snapshot.window_start_ms < snapshot.window_end_ms
    assert snapshot.instruments() == {BTC}


@pytest.mark.parametrize("what", ["positions", "open_orders", "fills"])
@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (ccxt_errors.RequestTimeout("bybit GET"), False),
        (ccxt_errors.BadResponse("null"), False),
        (ccxt_errors.ExchangeNotAvailable("503"), False),
        (ccxt_errors.ExchangeError("10016"), False),
        (ccxt_errors.PermissionDenied("10005"), True),
        (KeyError("a bug in parsing"), False),
        (TypeError("None"), False),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_failed_query_read_as_flat(what: str, error: Exception, *, permanent: bool) -> None:
    """nautilus_trader#4617 and others: whatever a query raises, there is no snapshot."""
    desk = Desk(connection({what: [error]}))
    with pytest.raises(ReadFailure) as failure:
        await desk.reader.read()
    assert failure.value.what == what
    assert failure.value.permanent is permanent


@pytest.mark.parametrize(
    ("what", "row", "where"),
    [
        ("positions", position_row(contracts=None), "contracts is missing"),
        ("positions", position_row(side=None), "long or short"),
        ("open_orders", order_row(amount=None), "amount"),
        ("fills", fill_row(side=None), "buy or sell"),
    ],
)
async def test_one_unreadable_row_fails_the_whole_read(what: str, row: object, where: str) -> None:
    desk = Desk(connection({what: [[row]]}))
    with pytest.raises(ReadFailure, match=where) as failure:
        await desk.reader.read()
    assert failure.value.what == what


@pytest.mark.parametrize(
    ("what", "row"),
    [
        ("positions", position_row(symbol="NEWUSDT", contracts="0")),
        ("open_orders", order_row(symbol="NEWUSDT")),
        ("fills", fill_row(symbol="NEWUSDT")),
    ],
)
async def test_an_unknown_instrument_fails_the_read_and_asks_for_the_markets(what: str, row: object) -> None:
    desk = Desk(connection({what: [[row]]}))
    with pytest.raises(ReadFailure, match="NEWUSDT") as failure:
        await desk.reader.read()
    assert failure.value.markets_stale
    assert not failure.value.permanent


async def test_fills_stay_told_when_the_positions_fail() -> None:
    desk = Desk(connection({"fills": [[fill_row()]], "positions": [ccxt_errors.RequestTimeout("x")]}))
    with pytest.raises(ReadFailure):
        await desk.reader.read()
    assert [each.trade_id for each in desk.passed] == ["t-1"]


async def test_a_failed_read_of_fills_does_not_move_the_cursor() -> None:
    desk = Desk(connection({"fills": [ccxt_errors.RequestTimeout("x"), [fill_row()]]}))
    with pytest.raises(ReadFailure):
        await desk.reader.read()
    await desk.reader.read()
    starts = [start for name, start in desk.listing.calls if name == "fills"]
    assert starts[0] == starts[1] == NOW - 10_000


async def test_positions_that_are_older_than_the_fills_before_them_are_refused() -> None:
    desk = Desk(connection({"positions": [Listed([], NOW - 60_000)]}))
    with pytest.raises(ReadFailure, match="older than the fills"):
        await desk.reader.read()


async def test_a_read_that_hangs_ends() -> None:
    connected = connection({}, config=settings(read_timeout_ms=20))

    async def hang() -> Listed:
        await asyncio.sleep(3_600)
        raise AssertionError

    desk = Desk(connected)
    desk.listing.positions = hang  # type: ignore[method-assign]
    with pytest.raises(ReadFailure, match="longer than its limit"):
        await desk.reader.read()


async def test_an_order_shown_twice_counts_once_with_its_newest_row() -> None:
    rows = [order_row(filled="0"), order_row(filled="1"), order_row(id="v-2", clientOrderId="c-2")]
    snapshot = await Desk(connection({"open_orders": [rows]})).reader.read()
    assert [(each.client_order_id, each.filled) for each in snapshot.open_orders] == [("c-1", ONE), ("c-2", ZERO)]


async def test_finished_orders_in_the_list_of_open_ones_are_not_working() -> None:
    rows = [order_row(status="canceled"), order_row(id="v-2", status="closed", filled="2")]
    snapshot = await Desk(connection({"open_orders": [rows]})).reader.read()
    assert snapshot.open_orders == ()


async def test_a_fill_without_a_client_id_is_resolved_by_the_open_orders_of_the_same_read() -> None:
    script: dict[str, list[object]] = {"fills": [[fill_row(info={})]], "open_orders": [[order_row()]]}
    desk = Desk(connection(script, quirks=CAUTIOUS))
    await desk.reader.read()
    assert [each.client_order_id for each in desk.passed] == [None, "c-1"]


async def test_a_fill_without_a_client_id_is_looked_up_until_it_is_resolved() -> None:
    script: dict[str, list[object]] = {
        "fills": [[fill_row(info={})]],
        "order": [ccxt_errors.RequestTimeout("x"), [order_row(status="closed", filled="2")]],
    }
    desk = Desk(connection(script, quirks=CAUTIOUS))
    await desk.reader.read()
    with pytest.raises(ReadFailure):
        await desk.reader.resolve_fills()
    assert [each.client_order_id for each in desk.passed] == [None]
    await desk.reader.resolve_fills()
    assert [each.client_order_id for each in desk.passed] == [None, "c-1"]
    await desk.reader.resolve_fills()
    assert desk.listing.names().count("order") == 2


async def test_an_order_that_no_complete_look_up_knows_leaves_its_fill_without_an_id() -> None:
    desk = Desk(connection({"fills": [[fill_row(info={})]], "order": [[]]}, quirks=CAUTIOUS))
    await desk.reader.read()
    await desk.reader.resolve_fills()
    assert [each.client_order_id for each in desk.passed] == [None, ""]


async def test_what_is_held_or_worked_is_followed() -> None:
    script: dict[str, list[object]] = {"positions": [[position_row(symbol=ETH)]], "open_orders": [[order_row()]]}
    desk = Desk(connection(script))
    await desk.reader.read()
    assert desk.listing.followed == {BTC, ETH}


async def test_a_failure_shows_no_secret() -> None:
    error = ccxt_errors.ExchangeError("GET https://x/y?api_key=KEY&signature=abcdef&q=1 SECRET")
    with pytest.raises(ReadFailure) as failure:
        await Desk(connection({"positions": [error]})).reader.read()
    assert not any(secret in str(failure.value) for secret in ("KEY&", "SECRET", "abcdef"))
    assert "q=1" in str(failure.value)
