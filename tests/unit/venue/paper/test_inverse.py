"""Inverse perpetuals: contracts of one dollar, worth, margin, profit and fees in the base coin."""

from fractions import Fraction

import pytest

from risksvc.venue.paper.account_data import execution_list, open_orders, position_list
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.margin import funds, liquidation_price
from risksvc.venue.paper.orders import ExecType, Side
from risksvc.venue.paper.positions import Fill, Position, apply_fill
from tests.unit.venue.paper.builders import INVERSE, D, Venue

LAST_DECIMAL = Fraction(1, 10**18)


def inverse_venue() -> Venue:
    return Venue(coins={"BTC": "10"})


def profit(qty: int, entry: str, leave: str) -> Fraction:
    """qty x (1/entry - 1/exit), in the base coin, for a long."""
    return qty * (1 / Fraction(entry) - 1 / Fraction(leave))


@pytest.mark.parametrize(
    ("opens", "leave", "gain"),
    [
        (Side.BUY, "60000", profit(50_000, "50000", "60000")),
        (Side.BUY, "40000", profit(50_000, "50000", "40000")),
        (Side.SELL, "60000", -profit(50_000, "50000", "60000")),
        (Side.SELL, "40000", -profit(50_000, "50000", "40000")),
    ],
)
def test_a_round_trip_earns_coin(opens: Side, leave: str, gain: Fraction) -> None:
    position = Position(symbol=INVERSE, inverse=True)
    change = None
    for seq, (side, price) in enumerate([(opens, "50000"), (opens.opposite, leave)]):
        fill = Fill(side=side, qty=D(50_000), price=D(price), fee=D(0), seq=seq, at_ms=seq)
        change = apply_fill(change.position if change else position, fill)
    assert change is not None
    assert abs(Fraction(change.pnl) - gain) <= LAST_DECIMAL
    assert (change.position.size, change.position.entry_value, change.closed) == (D(0), D(0), D(50_000))


def test_the_mean_entry_is_harmonic() -> None:
    position = Position(symbol=INVERSE, inverse=True)
    for seq, (qty, price) in enumerate([(10_000, 40_000), (30_000, 60_000)]):
        fill = Fill(side=Side.BUY, qty=D(qty), price=D(price), fee=D(0), seq=seq, at_ms=seq)
        position = apply_fill(position, fill).position
    assert (position.size, position.entry_value, position.average_price) == (D(40_000), D("0.75"), D("53333.33333333"))
    assert position.unrealised(D(80_000)) == D("0.25"), "0.75 BTC paid, worth 0.5 BTC now"


def test_fills_reach_the_wallet_of_the_base_coin() -> None:
    venue = inverse_venue()
    bought = venue.order("Buy", "100000", symbol=INVERSE)
    (fill,) = bought.fills
    assert (fill.price, fill.qty, fill.fee_coin) == (D("50005"), D(100_000), "BTC")
    assert abs(Fraction(fill.value) - 100_000 / Fraction(50_005)) <= LAST_DECIMAL
    assert abs(Fraction(fill.fee) - 100_000 / Fraction(50_005) * Fraction("0.00055")) <= LAST_DECIMAL
    assert venue.account.wallets["BTC"] == 10 - fill.fee
    assert bought.average_price == D("50005")
    venue.price("60000", symbol=INVERSE)
    row = venue.coin("BTC")
    assert abs(Fraction(row["unrealisedPnl"]) - profit(100_000, "50005", "60000")) <= LAST_DECIMAL
    assert D(row["equity"]) == D(row["walletBalance"]) + D(row["unrealisedPnl"])
    assert D(row["usdValue"]) == round(D(row["equity"]) * 50_000, 8), "at the mark of BTCUSDT, the first dollar market"
    assert venue.account.wallets["USDT"] == 1_000_000


def test_without_the_base_coin_there_is_no_margin() -> None:
    venue = Venue()
    with pytest.raises(VenueError, match="110007"):
        venue.order("Buy", "1", symbol=INVERSE)


@pytest.mark.parametrize(("qty", "text"), [("1.5", "not a multiple of 1"), ("0", "minimum")])
def test_quantities_are_whole_contracts(qty: str, text: str) -> None:
    with pytest.raises(VenueError, match=text):
        inverse_venue().order("Buy", qty, symbol=INVERSE)


def test_rows_are_shown_by_category() -> None:
    venue = inverse_venue()
    venue.order("Sell", "5000", symbol=INVERSE)
    resting = venue.order("Buy", "7", "40000", symbol=INVERSE)
    assert position_list(venue.call(category="linear", settleCoin="USDT"))["list"] == []
    (row,) = position_list(venue.call(category="inverse"))["list"]
    assert (row["symbol"], row["side"], row["size"], row["avgPrice"]) == ("BTCUSD", "Sell", "5000", "49995")
    assert row["category"] == "inverse"
    (order,) = open_orders(venue.call(category="inverse"))["list"]
    assert (order["orderId"], order["symbol"], order["leavesValue"]) == (resting.order_id, "BTCUSD", "0.000175")
    assert execution_list(venue.call(category="linear"))["list"] == []
    (execution,) = execution_list(venue.call(category="inverse"))["list"]
    assert (execution["category"], execution["feeCurrency"]) == ("inverse", "BTC")


def test_margin_is_kept_back_in_the_base_coin() -> None:
    venue = inverse_venue()
    venue.order("Buy", "40000", "40000", symbol=INVERSE)
    assert venue.account.order_margin == {"BTC": D("0.1")}, "one BTC at leverage 10"


def test_the_liquidation_price_is_where_the_coin_runs_out() -> None:
    venue = Venue(coins={"BTC": "0.3"})
    venue.order("Buy", "100000", symbol=INVERSE)
    market, position = venue.engine.markets[INVERSE], venue.account.position(INVERSE)
    money_in = funds(venue.account, "BTC", markets=venue.engine.markets)
    price = liquidation_price(position, market=market, money_in=money_in)
    assert price is not None
    assert price < 50_000
    venue.price(str(price), symbol=INVERSE)
    after = funds(venue.account, "BTC", markets=venue.engine.markets)
    assert abs(after.equity - money_in.maintenance) < D("0.0001")


def test_a_liquidation_closes_an_inverse_position() -> None:
    venue = inverse_venue()
    venue.order("Sell", "5000", symbol=INVERSE)
    order = venue.engine.liquidate(venue.account, INVERSE, qty=D(2_000), now_ms=venue.now_ms)
    assert (order.side, order.fills[0].exec_type, order.fills[0].closed) == (Side.BUY, ExecType.BUST_TRADE, D(2_000))
    assert venue.held(INVERSE) == -3_000
