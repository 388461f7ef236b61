"""What a venue does to accounts: ADL, funding, delivery, delisting, transfers."""

import pytest

from risksvc.venue.paper import forced
from risksvc.venue.paper.account_data import execution_list, position_list
from risksvc.venue.paper.engine import Rules
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.instruments import CLOSED, DELIVERING
from risksvc.venue.paper.ledger_log import EntryType
from risksvc.venue.paper.market_data import instruments_info
from risksvc.venue.paper.orders import LONG_LEG, SHORT_LEG, ExecType, OrderRequest, OrderStatus, OrderType, Side
from tests.unit.venue.paper.builders import INVERSE, SPOT, D, Venue


def fund(venue: Venue, rate: str, symbol: str = "BTCUSDT") -> None:
    market = venue.engine.markets[symbol]
    forced.fund(venue.engine, market, D(rate), accounts=venue.engine.accounts.values())


def newest_type(venue: Venue) -> EntryType:
    return next(venue.account.ledger.newest_first()).entry_type


@pytest.mark.parametrize(("price", "expected"), [(None, "50000"), ("50500", "50500")])
def test_adl_closes_a_winner_against_somebody_elses_loss(price: str | None, expected: str) -> None:
    venue = Venue()
    venue.order("Buy", "3")
    resting = venue.order("Sell", "3", "51000", reduce_only=True)
    order = forced.deleverage(
        venue.engine, venue.account, "BTCUSDT", qty=D(1), price=None if price is None else D(price)
    )
    assert (order.created_by, order.status, order.link_id) == (
        "CreateByAdl_PassThrough",
        OrderStatus.FILLED,
        "",
    )
    (row,) = execution_list(venue.call(category="linear", execType="AdlTrade"))["list"]
    assert (row["execPrice"], row["closedSize"], row["createType"]) == (expected, "1", "CreateByAdl_PassThrough")
    assert (venue.held(), resting.qty) == (D(2), D(2))
    assert newest_type(venue) is EntryType.ADL


def test_adl_needs_a_position_that_is_large_enough() -> None:
    venue = Venue(hedge=True)
    with pytest.raises(VenueError, match="holds no BTCUSDT to deleverage"):
        forced.deleverage(venue.engine, venue.account, "BTCUSDT", leg=LONG_LEG)
    venue.order("Buy", "1", leg=LONG_LEG)
    with pytest.raises(VenueError, match="between 0 and the position's 1"):
        forced.deleverage(venue.engine, venue.account, "BTCUSDT", qty=D(2), leg=LONG_LEG)
    with pytest.raises(VenueError, match=r"multiple of 0\.1"):
        forced.deleverage(venue.engine, venue.account, "BTCUSDT", price=D("1.23"), leg=LONG_LEG)


@pytest.mark.parametrize(("side", "paid"), [("Buy", "10"), ("Sell", "-10")])
def test_longs_pay_funding_and_shorts_receive_it(side: str, paid: str) -> None:
    venue = Venue()
    venue.order(side, "2")
    before, realised = venue.account.wallets["USDT"], venue.account.position("BTCUSDT").realised
    fund(venue, "0.0001")
    assert venue.account.wallets["USDT"] == before - D(paid)
    (row,) = execution_list(venue.call(category="linear", execType="Funding"))["list"]
    assert (row["execFee"], row["execQty"], row["execPrice"], row["feeRate"]) == (paid, "2", "50000", "0.0001")
    assert (row["closedSize"], row["orderType"], row["side"]) == ("0", "UNKNOWN", side)
    position = venue.account.position("BTCUSDT")
    assert (abs(position.size), position.realised, position.seq) == (D(2), realised - D(paid), row["seq"])
    assert newest_type(venue) is EntryType.SETTLEMENT


def test_a_negative_rate_turns_funding_round() -> None:
    venue = Venue()
    venue.order("Buy", "2")
    before = venue.account.wallets["USDT"]
    fund(venue, "-0.0003")
    assert venue.account.wallets["USDT"] == before + 30


def test_funding_of_an_inverse_contract_is_paid_in_coin_leg_by_leg() -> None:
    venue = Venue(hedge=True, coins={"BTC": "5"})
    venue.order("Buy", "50000", symbol=INVERSE, leg=LONG_LEG)
    venue.order("Sell", "20000", symbol=INVERSE, leg=SHORT_LEG)
    before = venue.account.wallets["BTC"]
    fund(venue, "0.0001", INVERSE)
    assert venue.account.wallets["BTC"] == before - D("0.0001") + D("0.00004")


def test_funding_comes_by_itself_when_the_rules_say_so() -> None:
    venue = Venue(rules=Rules(funding_every_ms=10_000, funding_rate=D("0.0002")))
    venue.order("Buy", "2")
    before = venue.account.wallets["USDT"]
    venue.wait(9_750)
    assert venue.account.wallets["USDT"] == before
    venue.wait(250)
    assert venue.account.wallets["USDT"] == before - 20
    venue.wait(30_000)
    assert venue.account.wallets["USDT"] == before - 40, "once, however long nobody looked"


def test_nobody_is_funded_for_nothing() -> None:
    venue = Venue()
    fund(venue, "0.0001")
    assert not len(venue.account.executions)
    with pytest.raises(VenueError, match="no positions to settle"):
        fund(venue, "0.0001", SPOT)


@pytest.mark.parametrize("exec_type", [ExecType.DELIVERY, ExecType.SETTLE])
def test_delivery_closes_every_position_and_ends_the_contract(exec_type: ExecType) -> None:
    venue = Venue()
    venue.order("Buy", "2")
    resting = venue.order("Buy", "1", "49000")
    other = venue.engine.accounts["other"]
    short = OrderRequest(symbol="BTCUSDT", side=Side.SELL, order_type=OrderType.MARKET, qty=D(1))
    venue.engine.create(other, short, now_ms=venue.now_ms)
    before = venue.account.wallets["USDT"]
    unrealised = venue.account.position("BTCUSDT").unrealised(D(51_000))
    orders = forced.deliver(venue.engine, venue.engine.markets["BTCUSDT"], D(51_000), exec_type=exec_type)
    assert [(order.created_by, order.status) for order in orders] == [("CreateBySettle", OrderStatus.FILLED)] * 2
    assert (venue.held(), other.position("BTCUSDT").size) == (D(0), D(0))
    assert venue.account.wallets["USDT"] == before + unrealised, "without a fee"
    assert resting.status is OrderStatus.CANCELLED
    (row,) = execution_list(venue.call(category="linear", execType=exec_type.value))["list"]
    assert (row["execPrice"], row["closedSize"], row["execFee"]) == ("51000", "2", "0")
    assert newest_type(venue) is EntryType.DELIVERY
    assert venue.engine.markets["BTCUSDT"].instrument.status == CLOSED
    with pytest.raises(VenueError, match="110074"):
        venue.order("Buy", "1")


def test_a_delisted_instrument_keeps_its_positions_but_takes_no_orders() -> None:
    venue = Venue()
    venue.order("Buy", "2")
    resting = venue.order("Buy", "1", "49000")
    assert forced.delist(venue.engine, venue.engine.markets["BTCUSDT"], status=DELIVERING) == [resting]
    assert not resting.is_open
    symbols = [row["symbol"] for row in instruments_info(venue.call(category="linear"))["list"]]
    assert symbols == ["ETHUSDT"]
    (row,) = position_list(venue.call(category="linear", settleCoin="USDT"))["list"]
    assert row["size"] == "2"
    with pytest.raises(VenueError, match="its status is Delivering"):
        venue.order("Sell", "2", reduce_only=True)


def test_transfers_move_a_wallet_and_are_no_profit() -> None:
    venue = Venue()
    forced.transfer(venue.engine, venue.account, "ETH", D(3))
    assert newest_type(venue) is EntryType.TRANSFER_IN
    forced.transfer(venue.engine, venue.account, "ETH", D("-1.5"))
    assert newest_type(venue) is EntryType.TRANSFER_OUT
    assert venue.account.wallets["ETH"] == D("1.5")
    assert venue.account.realised == {}
    assert venue.coin("ETH")["usdValue"] == "3750"


@pytest.mark.parametrize(
    ("coin", "amount", "text"),
    [("USDT", "0", "above 0"), ("USDT", "-900001", "only 900000"), ("SOL", "-1", "only 0 SOL")],
)
def test_what_is_not_free_cannot_be_transferred_out(coin: str, amount: str, text: str) -> None:
    venue = Venue()
    venue.order("Buy", "2", "50000", symbol=SPOT)
    with pytest.raises(VenueError, match=text):
        forced.transfer(venue.engine, venue.account, coin, D(amount))
    assert not len(venue.account.ledger)


def test_a_fill_from_outside_cannot_close_more_than_its_leg_holds() -> None:
    venue = Venue(hedge=True)
    venue.order("Buy", "1", leg=LONG_LEG)
    request = forced._closing(venue.account.position("BTCUSDT", LONG_LEG), qty=None, price=None, created_by="")
    venue.engine.fill_outside(venue.account, request, now_ms=venue.now_ms)
    with pytest.raises(VenueError, match="cannot close more"):
        venue.engine.fill_outside(venue.account, request, now_ms=venue.now_ms)
    assert request.side is Side.SELL
