"""A spot account: positions are assets out of balances, and whatever moves one is a fill; never flat by mistake."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.core.types import ONE, Instrument, InstrumentKind, Side
from risksvc.venue import wire
from risksvc.venue.balances import normalise_balances
from risksvc.venue.config import AccountKind
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.markets import normalise_market
from risksvc.venue.normalise import normalise_mark
from risksvc.venue.quirks import FillKind, Quirks, quirks_of
from risksvc.venue.reader import AccountReader
from risksvc.venue.rows import FillRow, Row
from risksvc.venue.spot import grains, spot_positions, told_assets
from tests.unit.venue.builders import connection, fill_row, listing_of, order_row, settings

D = Decimal
NOW = 1_700_000_000_000
BTC, ETH, ETH_BTC, USDC = "BTC/USDT", "ETH/USDT", "ETH/BTC", "USDC/USDT"
SPOT = quirks_of("bybit", spot=True)


def pair(symbol: str, step: str = "0.001") -> Instrument:
    base, _, quote = symbol.partition("/")
    return Instrument(
        symbol=symbol, kind=InstrumentKind.SPOT, base=base, quote=quote, contract_size=ONE, quantity_step=D(step)
    )


PAIRS = {symbol: pair(symbol) for symbol in (BTC, ETH, ETH_BTC, USDC)}


def balance(currency: str, total: str, **changes: object) -> Row:
    return {"currency": currency, "total": total, "equity": total, "info": {}, **changes}


BALANCES = [balance("BTC", "2"), balance("ETH", "30"), balance("USDT", "1000"), balance("USDC", "5")]


# --- which assets ---


def test_assets_are_the_bases_of_what_is_announced_and_cash_is_none() -> None:
    assets = told_assets(PAIRS.values(), named=(), quirks=SPOT)
    assert {asset: [each.symbol for each in pairs] for asset, pairs in assets.items()} == {
        "BTC": [BTC],
        "ETH": [ETH, ETH_BTC],
    }


def test_cash_is_an_asset_where_a_pair_of_it_is_named() -> None:
    assert set(told_assets(PAIRS.values(), named=(USDC,), quirks=SPOT)) == {"BTC", "ETH", "USDC"}


def test_positions_are_what_is_not_zero_and_what_is_owed_is_below_it() -> None:
    assets = told_assets(PAIRS.values(), named=(), quirks=SPOT)
    rows = [balance("BTC", "0.5", debt="2"), balance("ETH", "0.000"), balance("USDT", "9"), balance("SHIB", "7")]
    (row,) = spot_positions(normalise_balances(rows), assets)
    assert (row.symbol, row.quantity, row.pair, row.long) == ("BTC", D("-1.5"), BTC, None)
    assert grains(assets) == {"BTC": D("0.001"), "ETH": D("0.001")}


# --- markets, prices, settings ---


def market(**changes: object) -> Row:
    row = {"symbol": BTC, "base": "BTC", "quote": "USDT", "spot": True, "contract": False, "contractSize": None}
    return {**row, "precision": {"amount": "0.001", "price": "0.1"}, **changes}


def test_a_spot_account_trades_spot_pairs_and_nothing_else() -> None:
    found = normalise_market(market(), precision_mode=4, quirks=SPOT)
    assert found == Instrument(
        symbol=BTC,
        kind=InstrumentKind.SPOT,
        base="BTC",
        quote="USDT",
        contract_size=ONE,
        quantity_step=D("0.001"),
        price_step=D("0.1"),
    )
    assert normalise_market(market(spot=False, contract=True, linear=True), precision_mode=4, quirks=SPOT) is None
    assert normalise_market(market(), precision_mode=4, quirks=quirks_of("bybit")) is None


@pytest.mark.parametrize(
    ("bid", "ask", "mark"), [("99", "101", "100"), ("99", "100", "99.5"), (None, "101", None), ("99", "0", None)]
)
def test_the_middle_of_the_book_stands_in_for_a_mark(bid: str | None, ask: str, mark: str | None) -> None:
    row = {"symbol": BTC, "bid": bid, "ask": ask, "last": "500", "markPrice": None, "info": {"markPrice": "7"}}
    found = normalise_mark(row, quirks=SPOT)
    assert (found and found.mark) == (None if mark is None else D(mark))


def test_no_spot_market_knows_reduce_only() -> None:
    assert not SPOT.enforces_reduce_only
    assert SPOT.options["defaultType"] == "spot"
    assert SPOT.options["fetchMarkets"] == {"types": ["spot"]}
    assert quirks_of("okx", spot=True).fills_params == {"instType": "SPOT"}
    assert quirks_of("okx", {"fills_params": {"instType": "MARGIN"}}, spot=True).fills_params == {"instType": "MARGIN"}
    assert quirks_of("kraken").spot
    assert not quirks_of("bybit").spot


def test_a_spot_account_is_named_by_its_kind_or_by_ccxts_own_option() -> None:
    assert settings(kind=AccountKind.SPOT).spot
    assert settings(options={"defaultType": "spot"}).spot
    assert not settings().spot


# --- the read ---


class Desk:
    """A reader of a spot account, with what it passed on."""

    def __init__(self, script: dict[str, list[object]], quirks: Quirks = SPOT) -> None:
        connected = connection({"balances": [BALANCES], **script}, quirks=quirks, instruments=PAIRS)
        self.listing = listing_of(connected)
        self.passed: list[FillRow] = []
        orders, overlaps = OrderIds(), dict.fromkeys(Reach, 10_000)
        cursor = FillCursor(since_ms=NOW, now_ms=NOW, overlaps=overlaps, orders=orders)
        self.reader = AccountReader(connected, cursor=cursor, orders=orders, pass_on=self._take)

    def _take(self, fills: Sequence[FillRow]) -> None:
        self.passed.extend(fills)

    async def held(self) -> dict[str, Decimal]:
        return {row.symbol: row.quantity for row in (await self.reader.read()).positions}

    def told(self) -> list[tuple[str, FillKind, Side, Decimal]]:
        return [(each.symbol, each.kind, each.side, each.quantity) for each in self.passed]


def trade(symbol: str = BTC, **changes: object) -> Row:
    info = {"execType": "Trade", "orderLinkId": "c-1", "seq": "5"}
    return fill_row(symbol=symbol, fee={"cost": "0.001", "currency": symbol[:3]}, info=info, **changes)


def booked(name: str, amount: str, currency: str = "BTC", **changes: object) -> Row:
    row = {"id": "l-1", "currency": currency, "amount": amount, "timestamp": NOW + 1, "info": {"type": name}}
    return {**row, **changes}


async def test_balances_take_the_place_of_positions() -> None:
    desk = Desk({"open_orders": [[order_row(symbol=ETH_BTC)]]})
    read = await desk.reader.read()
    assert desk.listing.names() == ["fills", "balances", "open_orders", "fills"]
    assert {row.symbol: row.quantity for row in read.positions} == {"BTC": D(2), "ETH": D(30)}
    assert read.instruments() == {BTC, ETH, ETH_BTC}, "an asset is valued by one of its pairs"
    told = wire.snapshot(read, as_of_ns=1).snapshot.positions
    assert [(each.instrument, each.quantity, each.long_quantity) for each in told] == [
        ("BTC", "2", ""),
        ("ETH", "30", ""),
    ]


async def test_the_fee_of_a_fill_is_carried_in_its_own_currency() -> None:
    desk = Desk({"fills": [[trade()]]})
    await desk.reader.read()
    (fill,) = desk.passed
    assert (fill.fee, fill.fee_currency, fill.sequence, fill.leg) == (D("0.001"), "BTC", 5, None)


async def test_a_trade_moves_its_quote_too_where_that_is_an_asset() -> None:
    desk = Desk({"fills": [[trade(ETH_BTC, side="sell", amount="2", price="0.05")]]})
    await desk.reader.read()
    assert desk.told() == [
        (ETH_BTC, FillKind.TRADE, Side.SELL, D(2)),
        ("BTC", FillKind.TRANSFER, Side.BUY, D("0.1")),
    ]


async def test_a_fee_in_a_third_asset_moves_that_asset() -> None:
    desk = Desk({"fills": [[{**trade(), "fee": {"cost": "0.2", "currency": "ETH"}}]]})
    await desk.reader.read()
    assert desk.told()[1:] == [("ETH", FillKind.TRANSFER, Side.SELL, D("0.2"))]


async def test_bookings_of_an_asset_are_fills_and_those_of_cash_are_not() -> None:
    ledger = [
        booked("TRANSFER_OUT", "-0.5"),
        booked("TRANSFER_IN", "700", "USDT", id="l-2"),
        booked("INTEREST", "-0.001", "ETH", id="l-3"),
        booked("TRADE", "1", id="l-4"),
        booked("NEW_THING", "1", id="l-5"),
        booked("BONUS", "0", id="l-6"),
    ]
    desk = Desk({"ledger": [ledger]})
    await desk.reader.read()
    assert desk.told() == [
        ("BTC", FillKind.TRANSFER, Side.SELL, D("0.5")),
        ("ETH", FillKind.TRANSFER, Side.SELL, D("0.001")),
    ]
    assert [(each.trade_id, each.price, each.client_order_id) for each in desk.passed] == [
        ("l-1", ONE, ""),
        ("l-3", ONE, ""),
    ]
    await desk.reader.read()
    assert len(desk.passed) == 2, "each once"


async def test_a_quick_read_of_fills_asks_for_no_bookings() -> None:
    desk = Desk({"ledger": [[booked("TRANSFER_OUT", "-0.5")]]})
    await desk.reader.read_fills(desk.listing, Reach.SHORT)
    assert desk.listing.names() == ["fills"]
    await desk.reader.read_fills(desk.listing, Reach.USUAL)
    assert desk.listing.names() == ["fills", "fills", "ledger"]


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [balance("ETH", "30"), balance("USDT", "1000")],
        [balance("BTC", ""), balance("ETH", "30")],
        [balance("BTC", "2"), balance("BTC", "2"), balance("ETH", "30")],
        ccxt_errors.BadResponse("null"),
    ],
    ids=["empty", "one is missing", "no number", "twice", "no answer"],
)
async def test_half_a_read_of_balances_is_a_failure_never_flat(broken: object) -> None:
    desk = Desk({"balances": [BALANCES, broken]})
    await desk.reader.read()
    for _ in range(3):
        with pytest.raises(ReadFailure) as failure:
            await desk.reader.read()
        assert failure.value.what == "positions"


async def test_what_was_bought_must_be_there() -> None:
    script: dict[str, list[object]] = {"balances": [[balance("ETH", "30")]], "fills": [[trade()]]}
    desk = Desk(script)
    with pytest.raises(ReadFailure, match="lack BTC"):
        await desk.reader.read()


async def test_what_was_sold_may_be_gone() -> None:
    rest = [balance("ETH", "30"), balance("USDT", "9")]
    desk = Desk({"balances": [BALANCES, rest], "fills": [[], [], [trade(side="sell", amount="2")]]})
    await desk.reader.read()
    assert await desk.held() == {"ETH": D(30)}


async def test_what_should_be_there_is_asked_for_by_name() -> None:
    desk = Desk({})
    await desk.reader.read()
    await desk.reader.read()
    assert [argument for name, argument in desk.listing.calls if name == "balances"] == [(), ("BTC", "ETH")]


async def test_a_stream_may_tell_of_instruments_that_are_not_read() -> None:
    """Bybit's executions come for all categories of an account: a contract's is no fill of a spot account."""
    desk = Desk({})
    contract = fill_row(symbol="BTC/USDT:USDT")
    assert desk.reader.live_fills_of([contract, trade()]) == desk.reader.live_fills_of([trade()])
    with pytest.raises(ReadFailure, match="BTC/USDT:USDT") as failure:
        await Desk({"fills": [[contract]]}).reader.read()
    assert failure.value.unknown_instrument == "BTC/USDT:USDT"
