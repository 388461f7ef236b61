"""Spot pairs: balances move, the fee is taken from what is received, nothing is borrowed, nothing is a position."""

import pytest

from risksvc.venue.paper.account_data import execution_list, open_orders, order_history, position_list
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.orders import OrderStatus, TimeInForce
from risksvc.venue.paper.trading import create
from tests.unit.venue.paper.builders import CROSS, SPOT, D, Venue


def test_a_buy_pays_quote_and_receives_base_less_the_fee() -> None:
    venue = Venue()
    order = venue.order("Buy", "0.5", symbol=SPOT)
    assert (order.average_price, order.fees, order.fee_coin) == (D(50_005), D("0.0005"), "BTC")
    assert venue.account.wallets == {"USDT": 1_000_000 - D("25002.5"), "BTC": D("0.4995")}
    assert venue.account.positions == {}
    assert venue.account.realised == {}


def test_a_sell_pays_base_and_receives_quote_less_the_fee() -> None:
    venue = Venue(coins={"BTC": "2"})
    order = venue.order("Sell", "0.5", symbol=SPOT)
    assert (order.fees, order.fee_coin) == (D("24.9975"), "USDT")
    assert venue.account.wallets == {"USDT": 1_000_000 + D("24997.5") - D("24.9975"), "BTC": D("1.5")}


def test_a_pair_of_two_coins_moves_no_dollars() -> None:
    venue = Venue(coins={"BTC": "1"})
    order = venue.order("Buy", "2", "0.0502", symbol=CROSS)
    assert order.status is OrderStatus.FILLED
    paid = order.value
    assert venue.account.wallets == {"USDT": D(1_000_000), "BTC": 1 - paid, "ETH": D("1.998")}


def test_coins_are_locked_while_an_order_rests_and_given_back() -> None:
    venue = Venue(coins={"BTC": "2"})
    bid = venue.order("Buy", "1", "49000", symbol=SPOT)
    ask = venue.order("Sell", "1.5", "51000", symbol=SPOT)
    assert venue.account.locked == {"USDT": D(49_000), "BTC": D("1.5")}
    assert venue.account.order_margin == {}
    row = venue.coin("BTC")
    assert (row["locked"], row["walletBalance"], row["equity"], row["usdValue"]) == ("1.5", "2", "2", "100000")
    venue.amend(bid, qty="0.4")
    assert venue.account.locked["USDT"] == 19_600
    venue.cancel(ask)
    venue.price("48990", symbol=SPOT)
    assert bid.status is OrderStatus.FILLED
    assert set(venue.account.locked.values()) == {D(0)}


def test_what_is_locked_cannot_be_spent_elsewhere() -> None:
    venue = Venue(usdt="50000")
    venue.order("Buy", "1", "49000", symbol=SPOT)
    with pytest.raises(VenueError, match="110007"):
        venue.order("Buy", "1")
    with pytest.raises(VenueError, match="170131"):
        venue.order("Buy", "1", "49000", symbol=SPOT)


@pytest.mark.parametrize(
    ("side", "qty", "price", "code"),
    [
        ("Sell", "0.1", None, "170131"),
        ("Buy", "30", "50000", "170131"),
        ("Buy", "0.00001", "50000", "170140"),
        ("Buy", "0.0000001", None, "10001"),
    ],
)
def test_a_bad_spot_order_is_refused_in_spots_own_words(side: str, qty: str, price: str | None, code: str) -> None:
    with pytest.raises(VenueError, match=code):
        Venue().order(side, qty, price, symbol=SPOT)


def test_reduce_only_and_stops_are_not_for_spot() -> None:
    venue = Venue(coins={"BTC": "1"})
    with pytest.raises(VenueError, match="reduceOnly is not for spot"):
        venue.order("Sell", "0.1", symbol=SPOT, reduce_only=True)
    with pytest.raises(VenueError, match="open a position"):
        venue.order("Buy", "0.1", "50000", symbol=SPOT, take_profit="51000")


def test_a_partly_filled_spot_order_ends_as_spot_says() -> None:
    venue = Venue()
    order = venue.order("Buy", "3", "50005", symbol=SPOT, time_in_force=TimeInForce.IOC)
    assert (order.status, order.filled) == (OrderStatus.PARTIALLY_FILLED_CANCELED, D("1.9998"))


def test_contract_and_spot_pair_of_one_symbol_are_apart() -> None:
    venue = Venue(coins={"BTC": "1"})
    spot = venue.order("Buy", "0.1", "49000", symbol=SPOT)
    contract = venue.order("Buy", "0.1", "49000")
    venue.order("Sell", "0.2", symbol=SPOT)
    (row,) = open_orders(venue.call(category="spot"))["list"]
    assert (row["orderId"], row["symbol"]) == (spot.order_id, "BTCUSDT")
    assert "tpslMode" not in row, "clients take its presence for a contract"
    (row,) = open_orders(venue.call(category="linear", symbol="BTCUSDT"))["list"]
    assert row["orderId"] == contract.order_id
    assert "tpslMode" in row
    assert order_history(venue.call(category="linear"))["list"] == []
    (execution,) = execution_list(venue.call(category="spot", symbol="BTCUSDT"))["list"]
    assert (execution["category"], execution["feeCurrency"], execution["closedSize"]) == ("spot", "USDT", "0")
    assert position_list(venue.call(category="spot"))["list"] == []
    assert venue.engine.cancel_all(venue.account, category="spot", now_ms=venue.now_ms) == [spot]
    assert contract.is_open


@pytest.mark.parametrize(
    ("side", "qty", "unit", "filled"),
    [
        ("Buy", "0.2", "baseCoin", "0.2"),
        ("Buy", "10001", "quoteCoin", "0.2"),
        ("Buy", "10001", "", "0.2"),
        ("Sell", "0.2", "", "0.2"),
        ("Sell", "9999", "quoteCoin", "0.2"),
        ("Buy", "150000", "quoteCoin", "2.9996"),
    ],
)
def test_a_market_order_may_name_either_coin(side: str, qty: str, unit: str, filled: str) -> None:
    venue = Venue(coins={"BTC": "1"})
    create(venue.call(category="spot", symbol="BTCUSDT", side=side, orderType="Market", qty=qty, marketUnit=unit))
    (order,) = venue.account.closed_orders.newest_first()
    assert order.filled == D(filled)
