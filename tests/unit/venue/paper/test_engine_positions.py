"""What is held after fills: size, entry, profit, fees, reduce-only, margin, liquidation."""

import random
from decimal import Decimal

import pytest

from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.errors import VenueError
from risksvc.venue.paper.margin import funds, liquidation_price
from risksvc.venue.paper.orders import Ending, ExecType, OrderRequest, OrderStatus, OrderType, Side
from risksvc.venue.paper.positions import Fill, Position, apply_fill
from tests.unit.venue.paper.builders import D, Venue

TAKER = D("0.00055")

# Fills as (side, quantity, price), then size, average price and realised profit before fees.
SEQUENCES = [
    ([("Buy", "1", "100")], "1", "100", "0"),
    ([("Buy", "1", "100"), ("Buy", "3", "120")], "4", "115", "0"),
    ([("Buy", "4", "115"), ("Sell", "1", "125")], "3", "115", "10"),
    ([("Buy", "4", "115"), ("Sell", "4", "110")], "0", "0", "-20"),
    ([("Buy", "1", "100"), ("Sell", "3", "110")], "-2", "110", "10"),
    ([("Sell", "2", "110"), ("Buy", "2", "100")], "0", "0", "20"),
    ([("Sell", "2", "110"), ("Buy", "5", "120")], "3", "120", "-20"),
    ([("Sell", "1", "100"), ("Sell", "1", "110"), ("Buy", "1", "95")], "-1", "105", "10"),
]


@pytest.mark.parametrize(("fills", "size", "average", "realised"), SEQUENCES)
def test_a_position_follows_its_fills(
    fills: list[tuple[str, str, str]], size: str, average: str, realised: str
) -> None:
    position, total = Position(symbol="BTCUSDT"), D(0)
    for seq, (side, qty, price) in enumerate(fills):
        fill = Fill(side=Side(side), qty=D(qty), price=D(price), fee=D(0), seq=seq, at_ms=seq)
        change = apply_fill(position, fill)
        position, total = change.position, total + change.pnl
    assert (position.size, position.average_price, total) == (D(size), D(average), D(realised))
    assert position.realised_total == total
    assert position.seq == len(fills) - 1


def test_profit_adds_up_exactly_over_any_sequence_of_fills() -> None:
    """Cash paid and received equals realised profit less what the open position cost, to the last decimal."""
    chance = random.Random(7)
    for _ in range(200):
        position, cash, realised = Position(symbol="X"), D(0), D(0)
        for seq in range(30):
            side = chance.choice(list(Side))
            qty, price = D(chance.randint(1, 9_999)) / 1000, D(chance.randint(1, 999_999)) / 10
            fill = Fill(side=side, qty=qty, price=price, fee=D(0), seq=seq, at_ms=seq)
            change = apply_fill(position, fill)
            position, realised = change.position, realised + change.pnl
            cash -= side.sign * qty * price
        entry = position.entry_value if position.size > 0 else -position.entry_value
        assert cash == realised - entry
        assert (position.entry_value == 0) is (position.size == 0)


def test_fees_and_profit_reach_the_wallet() -> None:
    venue = Venue()
    bought = venue.order("Buy", "1")
    sold = venue.order("Sell", "1")
    fees = money(D("50005") * TAKER) + money(D("49995") * TAKER)
    assert bought.fees + sold.fees == fees
    assert venue.account.wallets["USDT"] == 1_000_000 - 10 - fees
    position = venue.account.position("BTCUSDT")
    assert (position.size, position.realised_total) == (D(0), -10 - fees)


def test_a_maker_pays_the_maker_fee() -> None:
    venue = Venue()
    order = venue.order("Buy", "1", "49000")
    venue.price("48990")
    assert order.fees == D("9.8")


def test_a_reduce_only_order_is_cut_to_the_position() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    order = venue.order("Sell", "5", reduce_only=True)
    assert (order.qty, order.status) == (D(1), OrderStatus.FILLED)
    assert venue.held() == 0


def test_a_reduce_only_order_is_cut_to_what_resting_ones_leave() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    venue.order("Sell", "0.6", "51000", reduce_only=True)
    assert venue.order("Sell", "1", "52000", reduce_only=True).qty == D("0.4")


def test_resting_reduce_only_orders_shrink_with_the_position_newest_first() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    old = venue.order("Sell", "0.6", "51000", reduce_only=True)
    new = venue.order("Sell", "0.4", "52000", reduce_only=True)
    venue.order("Sell", "0.3")
    assert (old.qty, new.qty) == (D("0.6"), D("0.1"))
    venue.order("Sell", "0.2")
    assert (old.qty, new.status, new.ending) == (D("0.5"), OrderStatus.CANCELLED, Ending.REDUCE_ONLY)
    venue.order("Sell", "2")
    assert old.status is OrderStatus.CANCELLED
    assert venue.held() == D("-1.5")


def test_reduce_only_never_flips_a_position_however_the_fills_fall() -> None:
    chance = random.Random(11)
    for _ in range(30):
        venue = Venue()
        for _ in range(60):
            before = venue.held()
            side = chance.choice(["Buy", "Sell"])
            reduce_only = chance.random() < 0.6
            resting = chance.random() < 0.5
            price = str(50_000 + chance.randint(-60, 60)) if resting else None
            try:
                order = venue.order(side, f"0.{chance.randint(100, 999)}", price, reduce_only=reduce_only)
            except VenueError:
                continue
            if reduce_only and order.filled:
                assert before * venue.held() >= 0
                assert abs(venue.held()) <= abs(before)
            _assert_reduce_only_fits(venue)
            venue.price(str(50_000 + chance.randint(-60, 60)))
            _assert_reduce_only_fits(venue)


def _assert_reduce_only_fits(venue: Venue) -> None:
    for side in Side:
        resting = [order for order in venue.account.reducing("BTCUSDT") if order.side is side]
        assert all(order.is_open for order in resting)
        total = sum((order.remaining for order in resting), start=D(0))
        assert total <= venue.account.opposing("BTCUSDT", side)


def test_books_agree_with_each_other_after_a_random_session() -> None:
    """Positions sum up executions, wallets profits and fees, margins open orders; no order is both open and closed."""
    chance = random.Random(3)
    venue = Venue()
    for _ in range(400):
        _act_at_random(venue, chance)
    account = venue.account
    executions = list(account.executions.newest_first())
    for symbol in ("BTCUSDT", "ETHUSDT"):
        signed = (each.side.sign * each.qty for each in executions if each.symbol == symbol)
        assert account.position(symbol).size == sum(signed, start=D(0))
    assert account.wallets["USDT"] == 1_000_000 + sum((each.pnl - each.fee for each in executions), start=D(0))
    opened = list(account.open_orders.newest_first())
    assert account.order_margin["USDT"] == sum((order.margin for order in opened), start=D(0))
    assert all(order.is_open for order in opened)
    assert not any(order.is_open or order.margin for order in account.closed_orders.newest_first())
    for each in account.closed_orders.newest_first():
        assert each.filled == sum((fill.qty for fill in each.fills), start=D(0)) <= each.qty
    resting = sum(len(side) for market in venue.engine.markets.values() for side in market.resting.values())
    assert resting == len(opened)


def _act_at_random(venue: Venue, chance: random.Random) -> None:
    symbol, mid = chance.choice([("BTCUSDT", 50_000), ("ETHUSDT", 2_500)])
    price = str(mid + chance.randint(-40, 40))
    try:
        match chance.randint(0, 4):
            case 0:
                venue.order(chance.choice(["Buy", "Sell"]), f"{chance.randint(1, 200) / 100:.2f}", symbol=symbol)
            case 1 | 2:
                venue.order(chance.choice(["Buy", "Sell"]), f"{chance.randint(1, 300) / 100:.2f}", price, symbol=symbol)
            case 3:
                opened = list(venue.account.open_orders.newest_first())
                if opened:
                    venue.cancel(chance.choice(opened))
            case _:
                venue.wait()
                venue.price(price, symbol=symbol)
    except VenueError:
        pass


def test_the_liquidation_price_is_where_equity_meets_maintenance() -> None:
    venue = Venue(usdt="10000")
    venue.order("Buy", "1.5")
    market = venue.engine.markets["BTCUSDT"]
    position = venue.account.position("BTCUSDT")

    def money_in() -> tuple[Decimal, Decimal]:
        found = funds(venue.account, "USDT", markets=venue.engine.markets)
        return found.equity, found.maintenance

    price = liquidation_price(
        position, market=market, money_in=funds(venue.account, "USDT", markets=venue.engine.markets)
    )
    assert price is not None
    assert price < 50_000
    _, maintenance = money_in()
    venue.price(str(price))
    equity, _ = money_in()
    assert abs(equity - maintenance) < 1


def test_a_well_funded_position_has_no_liquidation_price() -> None:
    venue = Venue()
    venue.order("Buy", "1")
    market, money_in = venue.engine.markets["BTCUSDT"], funds(venue.account, "USDT", markets=venue.engine.markets)
    assert liquidation_price(venue.account.position("BTCUSDT"), market=market, money_in=money_in) is None


def test_a_liquidation_is_a_bust_trade_that_nobody_ordered() -> None:
    venue = Venue()
    venue.order("Buy", "3")
    resting = venue.order("Sell", "3", "51000", reduce_only=True)
    order = venue.engine.liquidate(venue.account, "BTCUSDT", qty=None, now_ms=venue.now_ms)
    assert venue.held() == 0
    assert (order.created_by, order.link_id, order.status) == ("CreateByLiq", "", OrderStatus.FILLED)
    assert [fill.exec_type for fill in order.fills] == [ExecType.BUST_TRADE]
    assert resting.status is OrderStatus.CANCELLED
    with pytest.raises(VenueError, match="holds no BTCUSDT"):
        venue.engine.liquidate(venue.account, "BTCUSDT", qty=None, now_ms=venue.now_ms)


def test_a_partial_liquidation_must_fit_the_position() -> None:
    venue = Venue()
    venue.order("Sell", "3")
    venue.engine.liquidate(venue.account, "BTCUSDT", qty=D(1), now_ms=venue.now_ms)
    assert venue.held() == -2
    with pytest.raises(VenueError, match="between 0 and the position's 2"):
        venue.engine.liquidate(venue.account, "BTCUSDT", qty=D(3), now_ms=venue.now_ms)


@pytest.mark.parametrize(("price", "expected"), [(None, "50000"), ("49000", "49000")])
def test_a_fill_from_outside_is_entered_like_a_trade(price: str | None, expected: str) -> None:
    venue = Venue()
    request = OrderRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        order_type=OrderType.MARKET,
        qty=D("0.5"),
        price=None if price is None else D(price),
    )
    order = venue.engine.fill_outside(venue.account, request, now_ms=venue.now_ms)
    assert (order.average_price, order.status) == (D(expected), OrderStatus.FILLED)
    assert venue.held() == D("-0.5")
    assert venue.account.order_margin["USDT"] == 0


def test_earlier_positions_can_be_seen_for_a_while() -> None:
    venue = Venue()
    start = venue.now_ms
    for _ in range(4):
        venue.wait(10_000)
        venue.order("Buy", "1")
    sizes = [venue.account.position_at("BTCUSDT", start + ms).size for ms in (10_000, 19_999, 20_000, 35_000, 40_000)]
    assert sizes == [1, 1, 2, 3, 4]
    assert venue.account.position_at("ETHUSDT", start).size == 0
