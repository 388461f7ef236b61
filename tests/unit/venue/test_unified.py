"""Any venue through ccxt's unified calls: what ccxt cuts is noticed, what can't be known is not guessed."""

from dataclasses import replace
from typing import Any

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.failures import ReadFailure, StartError
from risksvc.venue.listing import OrderReference
from risksvc.venue.quirks import CAUTIOUS, PageLimits, Quirks
from risksvc.venue.rows import Row
from risksvc.venue.unified import UnifiedListing
from tests.unit.venue.builders import BTC, ETH, fill_row, linear, order_row, position_row

NOW = 1_700_000_000_000
ABLE = dict.fromkeys(("fetchPositions", "fetchOpenOrders", "fetchMyTrades", "fetchTickers", "fetchOrder"), True)
UNCUT = Quirks(pages=PageLimits(positions=0, open_orders=0, fills=0))


class Scripted:
    """The part of a ccxt exchange that is used, over plain lists."""

    id = "scripted"

    def __init__(self, *, features: dict[str, Any] | None = None, **has: object) -> None:
        self.has: dict[str, object] = {**ABLE, **has}
        self.features = {"swap": {"linear": features or {}}}
        self.options = {"timeDifference": 500}
        self.position_rows: list[Row] | None = []
        self.order_rows: list[Row] = []
        self.fill_rows: list[Row] = []
        self.page = 10_000
        self.order: Row | Exception = ccxt_errors.OrderNotFound("no")
        self.asked: list[tuple[str, object]] = []

    def milliseconds(self) -> int:
        return NOW

    async def fetch_positions(self, symbols: object, params: object) -> list[Row] | None:
        return self.position_rows

    async def fetch_open_orders(
        self, symbol: str | None, since: object, limit: int | None, params: object
    ) -> list[Row]:
        self.asked.append(("open", symbol))
        return [row for row in self.order_rows if symbol in (None, row["symbol"]) and row["status"] == "open"]

    async def fetch_orders(self, symbol: str) -> list[Row]:
        return [row for row in self.order_rows if symbol == row["symbol"]]

    async def fetch_my_trades(self, symbol: str | None, since: int, limit: int, params: dict[str, Any]) -> list[Row]:
        self.asked.append(("fills", (symbol, since, params.get("until"))))
        until = params.get("until", NOW * 2)
        fits = [row for row in self.fill_rows if since <= row["timestamp"] <= until and symbol in (None, row["symbol"])]
        return fits[-self.page :]

    async def fetch_order(self, order_id: str | None, symbol: str, params: object) -> Row:
        self.asked.append(("order", (order_id, symbol, params)))
        if isinstance(self.order, Exception):
            raise self.order
        return self.order

    async def fetch_tickers(self, symbols: list[str]) -> dict[str, Row]:
        return {symbol: {"symbol": symbol, "bid": "1", "info": {}} for symbol in symbols}

    async def fetch_mark_prices(self, symbols: list[str]) -> dict[str, Row]:
        return {symbols[0]: {"markPrice": "7"}}


def listing(exchange: Scripted, quirks: Quirks = UNCUT, named: tuple[str, ...] = ()) -> UnifiedListing:
    instruments = {BTC: linear(), ETH: linear(ETH)}
    return UnifiedListing(exchange, quirks=quirks, instruments=lambda: instruments, named=named)


async def test_rows_are_stamped_with_the_venues_time() -> None:
    exchange = Scripted()
    exchange.position_rows = [position_row()]
    found = await listing(exchange).positions()
    assert len(found.rows) == 1
    assert found.venue_time_ms == NOW - 500


async def test_nothing_is_not_an_empty_list() -> None:
    exchange = Scripted()
    exchange.position_rows = None
    with pytest.raises(ReadFailure, match="answered with nothing"):
        await listing(exchange).positions()


@pytest.mark.parametrize(
    ("count", "limit", "cut"),
    [
        (3, None, False),
        (20, None, True),
        (100, None, True),
        (101, None, False),
        (50, 50, True),
        (49, 50, False),
        (50, 0, False),
    ],
    ids=str,
)
async def test_a_full_page_is_a_cut_list(count: int, limit: int | None, *, cut: bool) -> None:
    exchange = Scripted()
    exchange.order_rows = [order_row(id=f"v-{number}") for number in range(count)]
    lists = listing(exchange, Quirks(pages=PageLimits(open_orders=limit)))
    if cut:
        with pytest.raises(ReadFailure, match=r"full page.*quirks\.pages"):
            await lists.open_orders()
    else:
        assert len((await lists.open_orders()).rows) == count


async def test_page_sizes_of_ccxts_feature_table_are_used() -> None:
    exchange = Scripted(features={"fetchOpenOrders": {"limit": 7}})
    exchange.order_rows = [order_row(id=f"v-{number}") for number in range(7)]
    with pytest.raises(ReadFailure, match="full page"):
        await listing(exchange, CAUTIOUS).open_orders()


async def test_a_full_page_of_fills_is_read_again_in_halves() -> None:
    exchange = Scripted()
    exchange.fill_rows = [fill_row(id=f"t-{number}", timestamp=NOW - 10_000 + number * 7) for number in range(500)]
    exchange.page = 30
    found = await listing(exchange, Quirks(pages=PageLimits(fills=30))).fills(NOW - 20_000)
    assert {row["id"] for row in found.rows} == {f"t-{number}" for number in range(500)}


async def test_a_full_page_within_one_millisecond_is_a_failure() -> None:
    exchange = Scripted()
    exchange.fill_rows = [fill_row(id=f"t-{number}", timestamp=NOW - 10) for number in range(50)]
    exchange.page = 30
    with pytest.raises(ReadFailure, match="within a millisecond"):
        await listing(exchange, Quirks(pages=PageLimits(fills=30))).fills(NOW - 20_000)


async def test_a_long_absence_is_read_in_spans() -> None:
    exchange = Scripted()
    day = 86_400_000
    await listing(exchange).fills(NOW - 16 * day)
    spans = [argument for name, argument in exchange.asked if name == "fills"]
    assert len(spans) == 3


async def test_fills_per_instrument_are_read_for_those_named_and_those_held() -> None:
    exchange = Scripted(features={"fetchMyTrades": {"symbolRequired": True}})
    exchange.fill_rows = [fill_row(), fill_row(symbol=ETH)]
    lists = listing(exchange, named=(BTC,))
    assert [row["symbol"] for row in (await lists.fills(NOW - 1)).rows] == [BTC]
    lists.follow(frozenset({ETH}))
    assert [row["symbol"] for row in (await lists.fills(NOW - 1)).rows] == [BTC, ETH]


@pytest.mark.parametrize("missing", ["fetchPositions", "fetchOpenOrders", "fetchMyTrades", "fetchTickers"])
@pytest.mark.parametrize("value", [False, None, "emulated"], ids=repr)
def test_a_venue_that_cannot_be_read_ends_the_start(missing: str, value: object) -> None:
    with pytest.raises(StartError, match=missing):
        listing(Scripted(features=None, **{missing: value}))


def test_a_venue_that_lists_orders_per_instrument_needs_their_names() -> None:
    features = {"fetchOpenOrders": {"symbolRequired": True}}
    with pytest.raises(StartError, match="name the account's `instruments`"):
        listing(Scripted(features=features))
    listing(Scripted(features=features), named=(BTC,))


# --- look-ups ---

BY_CLIENT_ID = Quirks(client_id_param="clientOrderId", pages=UNCUT.pages)


async def test_an_order_is_fetched_by_client_id_where_the_venue_can() -> None:
    exchange = Scripted()
    exchange.order = order_row()
    found = await listing(exchange, BY_CLIENT_ID).order(OrderReference(BTC, "c-1"))
    assert [row["id"] for row in found.rows] == ["v-1"]
    assert exchange.asked == [("order", (None, BTC, {"clientOrderId": "c-1"}))]


async def test_an_answer_about_another_order_is_a_failure() -> None:
    exchange = Scripted()
    exchange.order = order_row(clientOrderId="c-2")
    with pytest.raises(ReadFailure, match="asked for c-1"):
        await listing(exchange, BY_CLIENT_ID).order(OrderReference(BTC, "c-1"))
    exchange.order = order_row(clientOrderId=None)
    found = await listing(exchange, BY_CLIENT_ID).order(OrderReference(BTC, "c-1"))
    assert found.rows[0]["clientOrderId"] == "c-1"


async def test_unknown_by_id_is_checked_against_the_open_orders() -> None:
    exchange = Scripted()
    lists = listing(exchange, BY_CLIENT_ID)
    assert (await lists.order(OrderReference(BTC, "c-1"))).rows == []
    exchange.order_rows = [order_row()]
    assert len((await lists.order(OrderReference(BTC, "c-1"))).rows) == 1


async def test_where_an_order_cannot_be_asked_for_by_id_absence_is_never_proven() -> None:
    exchange = Scripted(fetchOrders=True)
    exchange.order_rows = [order_row(status="closed")]
    lists = listing(exchange)
    assert len((await lists.order(OrderReference(BTC, "c-1"))).rows) == 1
    with pytest.raises(ReadFailure, match="absence is not proven"):
        await lists.order(OrderReference(BTC, "c-9"))


async def test_marks_are_merged_where_the_venue_lists_them() -> None:
    found = await listing(Scripted(fetchMarkPrices=True)).tickers([BTC, ETH])
    assert [row.get("markPrice") for row in found.rows] == ["7", None]
    assert len((await listing(Scripted()).tickers([BTC])).rows) == 1
    assert (await listing(Scripted()).tickers([])).rows == []


def test_no_features_is_no_crash() -> None:
    exchange = Scripted()
    exchange.features = {}
    assert isinstance(listing(exchange), UnifiedListing)


# --- what this project's table says ---


async def test_the_table_overrules_ccxt_about_instruments() -> None:
    features = {name: {"symbolRequired": True} for name in ("fetchOpenOrders", "fetchMyTrades")}
    exchange = Scripted(features=features)
    all_at_once = replace(UNCUT, symbol_required={"fetchOpenOrders": False, "fetchMyTrades": False})
    lists = listing(exchange, all_at_once)  # names none, and needs none
    await lists.open_orders()
    await lists.fills(NOW - 1_000)
    assert exchange.asked == [("open", None), ("fills", (None, NOW - 1_000, None))]


def test_a_class_that_can_not_be_used_ends_the_start() -> None:
    with pytest.raises(StartError, match="scripted can't be read: it fails"):
        listing(Scripted(), replace(UNCUT, unreadable="it fails"))
