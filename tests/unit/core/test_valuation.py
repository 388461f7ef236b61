"""What positions and orders are worth: at the mark, or at the worst price an order can fill at."""

import pytest

from risksvc.core import events
from risksvc.core.denials import DenialReason
from risksvc.core.exposure import NOTHING_WORKING, Working, WorstCase, order_price, unit_value, worst_case
from risksvc.core.limits import OrderLimits, StrategyInstrumentLimits
from risksvc.core.outputs import ReportTaken
from risksvc.core.types import Instrument, InstrumentKind, OrderType, Side
from tests.unit.core.builders import given, reasons, unread
from tests.unit.core.catalogue import (
    ALPHA,
    BETA,
    BTC,
    ETH,
    INSTRUMENTS,
    INVERSE,
    SPOT,
    SPOT_USDC,
    D,
    feed,
    instrument,
    limit,
    strategy,
)


def test_a_resting_order_counts_at_the_larger_of_mark_and_limit_on_both_sides() -> None:
    world = given()
    assert world.buy("0.1", 40_000).instrument_exposure.after == 5_000
    assert world.buy("0.1", 51_000).instrument_exposure.after == 10_100
    world = given()
    assert world.sell("0.1", 49_000).instrument_exposure.after == 5_000
    assert world.sell("0.1", 60_000).instrument_exposure.after == 11_000


def test_a_market_buy_counts_a_collar_above_the_mark_and_a_market_sell_at_it() -> None:
    assert given().buy("0.1").instrument_exposure.after == 5_250
    assert given().sell("0.1").instrument_exposure.after == 5_000
    tight = given(instruments={BTC: instrument(price_collar=D("0.5"))})
    assert tight.buy("0.1").instrument_exposure.after == 5_025


def test_a_position_counts_at_the_mark_whatever_it_cost() -> None:
    world = given()
    world.hold("a", "0.5")
    world.mark(BTC, 52_000)
    assert world.book.total == 26_000
    assert world.line().held == 26_000


def test_an_order_far_above_the_mark_keeps_its_own_price_until_the_mark_passes_it() -> None:
    world = given()
    world.buy("0.1", 50_000)
    world.sell("0.1", 54_000)
    worth = []
    for price in (50_000, 52_000, 55_000, 53_000, 50_000):
        world.mark(BTC, price)
        worth.append(world.book.total)
    assert worth == [5_400, 5_400, 5_500, 5_400, 5_400]


def test_orders_are_valued_anew_when_the_mark_moves_past_their_limit() -> None:
    world = given()
    world.buy("0.5", 50_000)
    world.mark(BTC, 52_000)
    assert world.book.total == 26_000
    world.mark(BTC, 50_000)
    assert world.book.total == 25_000


def test_contract_size_multiplies() -> None:
    world = given()
    assert world.buy(2, 25_000, instrument=ETH).instrument_exposure.after == 5_000


def test_an_inverse_contract_is_worth_its_size_at_any_price() -> None:
    world = given()
    assert world.buy(10, 50_000, instrument=INVERSE).instrument_exposure.after == 1_000
    world.mark(INVERSE, 54_000)
    assert world.line(INVERSE).worst.exposure == 1_000
    assert world.buy(490, 52_000, instrument=INVERSE).approved
    assert reasons(world.buy(1, 50_000, instrument=INVERSE)) == [DenialReason.HEADROOM_RESERVED]


def test_a_named_rate_converts_into_the_limits_currency() -> None:
    world = given(rates={"USDT": D("0.5"), "USDC": D(1), "USD": D(1)})
    assert world.buy(2, 50_000).instrument_exposure.after == 50_000
    world.load(rates={"USDT": D(1), "USD": D(1)})
    assert world.book.total == 100_000


def test_without_a_rate_for_what_is_held_nothing_grows() -> None:
    world = given()
    world.hold("a", "0.1")
    world.load(rates={"USD": D(1)})
    denied = world.buy(1, 50_000, instrument=INVERSE)
    assert reasons(denied) == [DenialReason.RATE_MISSING]
    assert denied.denials[0].scope.instrument == BTC
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [DenialReason.RATE_MISSING]
    assert world.sell("0.1", 50_000, reduce_only=True).instrument_exposure.after is None


def test_without_a_mark_for_what_is_held_nothing_grows() -> None:
    world = unread()
    world.mark(ETH, 25_000)
    world.read()
    world.mark(BTC, 50_000)
    world.buy("0.1", 50_000)
    world.apply(feed())
    world.fill("x", Side.BUY, 1, 100, instrument=SPOT)
    denied = world.buy(1, 25_000, instrument=ETH)
    assert reasons(denied) == [DenialReason.MARK_MISSING]
    assert denied.denials[0].scope.instrument == SPOT


def test_an_instrument_that_the_venue_has_delisted_keeps_its_value() -> None:
    world = given()
    world.hold("a", "0.5")
    world.apply(feed(instruments=tuple(one for one in INSTRUMENTS if one.symbol != BTC)))
    world.marks()
    assert world.book.total == 25_000


def test_a_contract_size_that_changes_is_valued_anew() -> None:
    world = given()
    world.hold("a", "0.5")
    doubled = Instrument(BTC, InstrumentKind.LINEAR, "BTC", "USDT", D(2), D("0.001"), D("0.01"))
    world.apply(feed(instruments=(doubled,)))
    assert world.book.total == 50_000


# -- spot ---------------------------------------------------------------------------------------------------------


def test_a_spot_position_is_the_asset_across_its_pairs() -> None:
    world = given()
    assert world.buy(200, 100, instrument=SPOT).approved
    assert world.buy(300, 100, instrument=SPOT_USDC).approved
    assert world.line(SPOT) is world.line(SPOT_USDC)
    assert world.line(SPOT).worst.exposure == 50_000
    assert set(reasons(world.buy(1, 100, instrument=SPOT))) == {DenialReason.HEADROOM_RESERVED}


def test_a_spot_asset_is_worth_what_it_is_in_its_dearest_pair() -> None:
    world = given(rates={"USDT": D(1), "USDC": D("1.1"), "USD": D(1)})
    world.mark(SPOT, 101)
    assert world.buy(10, 100, instrument=SPOT).instrument_exposure.after == 1_010
    world.fill("o1", Side.BUY, 10, 100, instrument=SPOT)
    assert world.line(SPOT).held == 1_100
    assert world.line(SPOT).symbols == (SPOT, SPOT_USDC)
    assert world.line(SPOT).mark is world.line(SPOT).marks[SPOT]


def test_an_order_in_a_pair_without_a_mark_is_denied() -> None:
    world = unread()
    world.mark(SPOT, 100)
    world.read()
    assert reasons(world.buy(1, 100, instrument=SPOT_USDC)) == [DenialReason.MARK_MISSING]


def test_a_pair_whose_quote_has_no_rate_does_not_hide_the_other() -> None:
    world = given(rates={"USDT": D(1), "USD": D(1)})
    world.buy(10, 100, instrument=SPOT)
    assert world.line(SPOT).unit == 100
    assert reasons(world.buy(1, 100, instrument=SPOT_USDC)) == [DenialReason.RATE_MISSING]


def test_a_spot_position_counts_against_its_inventory_baseline() -> None:
    world = given(account={"spot_baseline": {"LTC": D(40)}})
    assert not world.book.adopted
    world = unread(account={"spot_baseline": {"LTC": D(40)}})
    world.marks()
    world.read(positions={"LTC": 40})
    assert world.book.adopted
    assert world.line(SPOT).venue == 0
    world.read(positions={"LTC": 42})
    assert (world.line(SPOT).low, world.line(SPOT).high) == (D(0), D(2))


def test_a_spot_fee_in_the_asset_itself_is_taken_out_of_the_position() -> None:
    world = given()
    world.buy(10, 100, instrument=SPOT, client_order_id="a")
    world.fill("a", Side.BUY, 10, 100, instrument=SPOT, fee=D("0.01"), fee_currency="LTC")
    assert world.line(SPOT).ledger == D("9.99")
    assert world.position(ALPHA, SPOT) == D("9.99")
    world.wait(3, fresh=False)
    world.read(positions={"LTC": "9.9899"})
    assert world.line(SPOT).suspicions == {}
    world.read(positions={"LTC": "9.9898"})
    assert world.line(SPOT).suspicions


def test_a_strategy_can_not_report_a_spot_fill_since_it_does_not_say_the_fee() -> None:
    world = given()
    world.buy(10, 100, instrument=SPOT, client_order_id="a")
    told = events.FillReported("main", ALPHA, world.make_fill("a", Side.BUY, 10, 100, instrument=SPOT))
    assert world.apply(told) == (ReportTaken(known=False),)
    assert world.line(SPOT).ledger == 0


def test_a_spot_asset_without_a_step_has_no_tolerance() -> None:
    world = given()
    plain = Instrument(SPOT, InstrumentKind.SPOT, "LTC", "USDT", D(1))
    world.apply(feed(instruments=(plain,)))
    assert world.line(SPOT).tolerance == 0
    assert world.buy("0.00000001", "100.0000001", instrument=SPOT).approved


def test_the_limits_of_all_pairs_bind_the_asset() -> None:
    world = given(instruments={SPOT: instrument(max_net_exposure=limit(900))})
    assert reasons(world.buy(10, 100, instrument=SPOT_USDC)) == [DenialReason.MAX_NET_EXPOSURE]
    assert world.buy(9, 100, instrument=SPOT_USDC, strategy=BETA).approved


def test_a_pair_is_tripped_by_its_own_limit() -> None:
    world = given()
    world.buy(10, 100, instrument=SPOT, client_order_id="a")
    world.fill("a", Side.BUY, 10, 100, instrument=SPOT)
    world.load(instruments={SPOT: instrument(max_net_exposure=limit(900))})
    assert [(halt.trigger, halt.scope.instrument) for halt in world.halts()] == [("PASSIVE_BREACH", SPOT)]


# -- the formula --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "working", "expected"),
    [
        (0, 0, NOTHING_WORKING, (0, 0, 0)),
        (5, 5, Working(sell=D(8), sell_value=D(800)), (-3, 5, 500)),
        (5, 5, Working(reduce_sell=D(8)), (0, 5, 500)),
        (-5, -5, Working(reduce_buy=D(8), buy=D(1), buy_value=D(100)), (-5, 1, 500)),
        (5, 5, Working(reduce_sell=D(2), sell=D(9), sell_value=D(900)), (-6, 5, 600)),
        (-2, 5, Working(buy=D(1), buy_value=D(120)), (-2, 6, 620)),
        (-2, 5, Working(reduce_buy=D(9), reduce_sell=D(9)), (-2, 5, 500)),
    ],
)
def test_the_worst_case_in_numbers(low: int, high: int, working: Working, expected: tuple[int, int, int]) -> None:
    found = worst_case(D(low), D(high), working=working, unit=D(100))
    assert found == WorstCase(*map(D, expected))


def test_the_price_of_an_order_and_the_value_of_a_unit() -> None:
    mark, collar = D(100), D(5)
    assert order_price(Side.BUY, OrderType.LIMIT, limit_price=D(90), mark=mark, collar=collar) == 100
    assert order_price(Side.SELL, OrderType.LIMIT, limit_price=D(110), mark=mark, collar=collar) == 110
    assert order_price(Side.BUY, OrderType.MARKET, limit_price=None, mark=mark, collar=collar) == 105
    assert order_price(Side.SELL, OrderType.MARKET, limit_price=None, mark=mark, collar=collar) == 100
    inverse = Instrument("x", InstrumentKind.INVERSE, "BTC", "USD", D(10))
    assert unit_value(inverse, rate=D(2), price=D(7)) == 20


def test_max_order_notional_is_at_the_worst_price() -> None:
    pair = StrategyInstrumentLimits(order=OrderLimits(max_order_notional=limit(5_000)))
    world = given(strategies={ALPHA: strategy(instruments={BTC: pair})})
    assert world.buy("0.1", 50_000).approved
    assert reasons(world.buy("0.1")) == [DenialReason.MAX_ORDER_NOTIONAL]
