"""Every shape of account, read off the paper venue by both listings: inverse, USDC, hedge mode, spot, cash.

No gate: one connection and its readers, each account with coins of its own; at the end, two whole feeds.
"""

import time
from decimal import Decimal

import pytest

from risksvc.core.types import InstrumentKind, Side
from risksvc.v1 import venue_pb2
from risksvc.venue.balances import BalancesRead
from risksvc.venue.config import AccountKind
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import OrderIds
from risksvc.venue.listing import OrderReference
from risksvc.venue.lookup import OrderLookUp
from risksvc.venue.marks import MarkReader
from risksvc.venue.paper.server import PaperServer
from risksvc.venue.quirks import FillKind, LedgerKind, Leg
from tests.integration.venue.rig import Rig
from tests.integration.venue.shapes import BTC, BTC_SPOT, BTC_USD, BTC_USDC, COINS, ETH_BTC, D, Desk, spot_desk

# --- several settle coins ---


async def test_contracts_of_every_settle_coin_are_in_one_complete_read(paper: PaperServer) -> None:
    async with Desk(paper, "one-way", "bybit") as desk:
        await desk.order(BTC, "buy", "0.3")
        await desk.order(BTC_USDC, "sell", "0.2")
        await desk.order(BTC_USD, "sell", "5000")
        await desk.limit(BTC_USD, "buy", "100", "40000")
        read = await desk.read()
        assert {row.symbol: row.quantity for row in read.positions} == {
            BTC: D("0.3"),
            BTC_USDC: D("-0.2"),
            BTC_USD: D(-5000),
        }
        assert all(row.long is None and row.sequence for row in read.positions)
        assert [(row.symbol, row.quantity) for row in read.open_orders] == [(BTC_USD, D(100))]
        for symbol in (BTC, BTC_USDC, BTC_USD):
            assert desk.moved(symbol) == next(row.quantity for row in read.positions if row.symbol == symbol)
        instrument = desk.connection.instruments[BTC_USD]
        assert (instrument.kind, instrument.contract_size, instrument.quote) == (InstrumentKind.INVERSE, D(1), "USD")
        (fee,) = {fill.fee_currency for fill in desk.fills if fill.symbol == BTC_USD}
        assert fee == "BTC", "inverse contracts settle in the coin"


# --- hedge mode ---


async def test_both_legs_of_a_hedge(paper: PaperServer, listing: str) -> None:
    async with Desk(paper, "hedged", listing) as desk:
        assert desk.connection.hedge_mode is (listing == "bybit"), "unified calls of ccxt can't ask bybit"
        await desk.order(BTC, "buy", "0.5", positionIdx=1)
        await desk.order(BTC, "sell", "0.2", positionIdx=2)
        if listing == "unified":
            with pytest.raises(ReadFailure, match="hedge mode"):
                await desk.read()
            assert await desk.connection.load_markets(), "the hello is said again"
        assert not desk.connection.enforces_reduce_only
        await desk.order(BTC, "sell", "0.1", positionIdx=1, reduceOnly=True)
        (row,) = (await desk.read()).positions
        assert (row.quantity, row.long, row.short, row.sequence) == (D("0.2"), D("0.4"), D("0.2"), 0)
        fills = desk.fills if listing == "bybit" else desk.fills[2:]
        assert [(fill.leg, fill.side) for fill in fills][-1] == (Leg.LONG, Side.SELL)
        assert all(fill.sequence for fill in desk.fills)


async def test_orders_say_their_leg_and_what_made_them(paper: PaperServer, listing: str) -> None:
    async with Desk(paper, "hedged", listing) as desk:
        desk.connection.hedge_mode = True
        await desk.limit(BTC, "sell", "0.1", "60000", positionIdx=2)
        await desk.order(BTC, "buy", "0.5", positionIdx=1)
        await desk.event("stops", symbol="BTCUSDT", takeProfit="60000", stopLoss="40000", positionIdx="1")
        orders = (await desk.read()).open_orders
        assert sorted((each.attached, each.leg is Leg.LONG) for each in orders) == [
            (False, False),
            (True, True),
            (True, True),
        ]


async def test_a_one_way_account_says_so(paper: PaperServer) -> None:
    async with Desk(paper, "one-way", "bybit") as desk:
        assert not desk.connection.hedge_mode
        assert desk.connection.enforces_reduce_only


# --- spot ---


async def test_a_spot_account_is_its_assets(paper: PaperServer, listing: str) -> None:
    async with spot_desk(paper, listing) as desk:
        assert {each.kind for each in desk.connection.announced()} == {InstrumentKind.SPOT}
        assert await desk.held() == {"BTC": D(10), "ETH": D(50)}, "USDT and USDC are what they are paid with"
        await desk.order(BTC_SPOT, "buy", "0.5")
        await desk.limit(BTC_SPOT, "buy", "0.1", "40000")
        read = await desk.read()
        assert {row.symbol for row in read.open_orders} == {BTC_SPOT}
        assert {row.symbol: row.quantity - COINS[row.symbol] for row in read.positions} == {
            "BTC": desk.moved("BTC"),
            "ETH": D(0),
        }
        assert {fill.fee_currency for fill in desk.fills} == {"BTC"}
        assert sum(fill.quantity for fill in desk.fills) == D("0.5")
        assert desk.moved("BTC") < D("0.5"), "the fee was taken out of what was bought"
        assert read.instruments() == {BTC_SPOT, "ETH/USDT"}


async def test_a_trade_between_two_held_assets_moves_both(paper: PaperServer, listing: str) -> None:
    async with spot_desk(paper, listing) as desk:
        await desk.order(ETH_BTC, "sell", "2")
        held = await desk.held()
        assert {name: held[name] - COINS[name] for name in held} == {"BTC": desk.moved("BTC"), "ETH": desk.moved("ETH")}
        assert {fill.kind for fill in desk.fills} == {FillKind.TRADE, FillKind.TRANSFER}


async def test_what_comes_and_goes_is_told_as_a_transfer(paper: PaperServer) -> None:
    async with spot_desk(paper, "bybit") as desk:
        await desk.event("transfer", coin="BTC", amount="-2.5")
        await desk.event("transfer", coin="USDT", amount="1000")
        assert (await desk.held())["BTC"] == D("7.5")
        (fill,) = desk.fills
        assert (fill.symbol, fill.kind, fill.side, fill.quantity) == ("BTC", FillKind.TRANSFER, Side.SELL, D("2.5"))
        await desk.read()
        assert len(desk.fills) == 1, "each booking once"


async def test_an_asset_that_is_sold_out_is_absent_and_no_failure(paper: PaperServer) -> None:
    async with spot_desk(paper, "bybit") as desk:
        await desk.order("ETH/USDT", "sell", "50")
        assert "ETH" not in await desk.held()


async def test_spot_orders_and_prices(paper: PaperServer, listing: str) -> None:
    async with spot_desk(paper, listing) as desk:
        await desk.limit(BTC_SPOT, "sell", "0.1", "60000", clientOrderId="a")
        look_up = OrderLookUp(desk.connection, reader=desk.reader, orders=OrderIds())
        found = await look_up.look_up([OrderReference(BTC_SPOT, "a")])
        (order,) = found.orders
        assert (order.symbol, order.quantity) == (BTC_SPOT, D("0.1"))
        (mark,) = await MarkReader(desk.connection, [BTC_SPOT]).read()
        assert mark.bid is not None
        assert mark.ask is not None
        assert mark.mark == (mark.bid + mark.ask) / 2


# --- cash ---


def equity(read: BalancesRead) -> dict[str, Decimal]:
    return {row.currency: row.equity or D(0) for row in read.balances}


async def test_equity_and_what_moved_it(paper: PaperServer, listing: str) -> None:
    async with Desk(paper, "one-way", listing) as desk:
        assert desk.connection.reads_equity
        before = equity(await desk.balances.read())
        assert before == COINS
        await desk.order(BTC, "buy", "1")
        await desk.order(BTC_USD, "buy", "10000")
        await desk.event("funding", symbol="BTCUSDT", rate="0.001")
        await desk.event("transfer", coin="USDC", amount="-500")
        read = await desk.balances.read()
        assert sorted((flow.kind or LedgerKind.OTHER).value for flow in read.flows) == ["FUNDING", "TRANSFER"]
        funding, transfer = sorted(read.flows, key=lambda flow: (flow.kind or LedgerKind.OTHER).value)
        assert (transfer.currency, transfer.amount) == ("USDC", D(-500))
        assert funding.currency == "USDT"
        assert funding.amount == D(-50)
        after = equity(read)
        assert after["USDC"] == COINS["USDC"] - 500
        # Both orders paid a fee and crossed the spread; the marks stand still.
        assert 0 < COINS["USDT"] - 50 - after["USDT"] < 100
        assert 0 < COINS["BTC"] - after["BTC"] < D("0.001")
        wallet = {row.currency: row.wallet for row in read.balances}
        assert wallet["USDC"] == after["USDC"]
        assert (await desk.balances.read()).flows == ()
        assert abs(read.venue_time_ms - time.time_ns() // 1_000_000) < 5_000


# --- the whole feed ---


async def test_a_feed_whose_account_goes_into_hedge_mode_says_hello_again(rig: Rig) -> None:
    gate = await rig.start(balances_every_ms=300)
    first = gate.hellos[0]
    assert (first.hedge_mode, first.enforces_reduce_only, first.reads_equity) == (False, True, True)
    told = await gate.until("balances")
    assert {each.currency: each.equity for each in told.balances} == {"USDT": "1000000"}
    await rig.event("hedge", account="main", on="true")
    await rig.trader.create_order(BTC, "market", "buy", "0.3", None, {"positionIdx": 1})
    held = await gate.until("snapshot", lambda snapshot: len(snapshot.positions) == 1)
    again = gate.hellos[-1]
    assert (again.hedge_mode, again.enforces_reduce_only) == (True, False), "said before what it explains"
    (row,) = held.positions
    assert (row.quantity, row.long_quantity, row.short_quantity) == ("0.3", "0.3", "0")


async def test_a_feed_of_a_spot_account(rig: Rig) -> None:
    gate = await rig.start(kind=AccountKind.SPOT, instruments=(BTC_SPOT, ETH_BTC))
    gate.mark_instruments = [BTC_SPOT]
    hello = gate.hellos[0]
    assert {each.kind for each in hello.instruments} == {venue_pb2.INSTRUMENT_KIND_SPOT}
    assert not hello.enforces_reduce_only
    await rig.event("transfer", account="main", coin="BTC", amount="3")
    held = await gate.until("snapshot", lambda snapshot: len(snapshot.positions) == 1)
    assert [(each.instrument, each.quantity) for each in held.positions] == [("BTC", "3")]
    (fill,) = gate.fills(before=gate.index("snapshot", held)).values()
    assert (fill.instrument, fill.kind, fill.quantity) == ("BTC", venue_pb2.FILL_KIND_TRANSFER, "3")
    marks = await gate.until("marks", lambda message: any(each.instrument == BTC_SPOT for each in message.marks))
    assert marks.marks
