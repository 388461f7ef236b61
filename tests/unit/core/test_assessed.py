# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""One account, from the venue: what is held, what was meant to be, what leaving costs, what is unknown."""

from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.incident.assessed import AccountAssessed, Assessed, Known, assess_account, books_wanted
from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.incident.venue_look import Market, VenueLook, not_seen
from risksvc.core.types import ZERO, PositionRange, Side
from risksvc.core.venue_events import VenueOrder, VenuePosition, VenueStatus
from tests.unit.core import catalogue
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, INVERSE, SPOT, SPOT_USDC, D

MID = D(50_000)


def book(mid: Decimal = MID) -> Book:
    """On each side 4 at 0.1 % off the mid, then 100 at 5 % off."""
    return Book(
        bids=(Level(mid * D("0.999"), D(4)), Level(mid * D("0.95"), D(100))),
        asks=(Level(mid * D("1.001"), D(4)), Level(mid * D("1.05"), D(100))),
    )


def held(key: str, quantity: str, **rest: Any) -> VenuePosition:
    return VenuePosition(key, D(quantity), **rest)


def order(id_: str, **rest: Any) -> VenueOrder:
    return VenueOrder(BTC, Side.SELL, D(1), ZERO, VenueStatus.OPEN, venue_order_id=id_, **rest)


def look(*positions: VenuePosition, **rest: Any) -> VenueLook:
    markets = {symbol: Market(book(price), price, 40) for symbol, price in catalogue.MARKS.items()}
    chosen: dict[str, Any] = {"open_orders": (), "markets": markets, "problems": (), "complete": True} | rest
    return VenueLook(positions, **chosen)


def assessed(seen: VenueLook, world: World | None = None, **rest: Any) -> AccountAssessed:
    account = (world or given()).book
    chosen: dict[str, Any] = {
        "account": ACCOUNT,
        "currency": "USD",
        "instruments": account.instruments,
        "limits": account.limits,
        "rates": account.rates,
        "book": account,
    } | rest
    return assess_account(seen, Known(**chosen))


def only(found: AccountAssessed) -> Assessed:
    (one,) = found.instruments
    return one


def one(*positions: VenuePosition, world: World | None = None, **rest: Any) -> Assessed:
    return only(assessed(look(*positions), world, **rest))


# -- what is held --------------------------------------------------------------------------------------------------


def test_an_empty_account_is_flat() -> None:
    found = assessed(look())
    assert found.instruments == ()
    assert (found.total, found.total_limit, found.exit_cost_now) == (ZERO, D(150_000), ZERO)


def test_value_limit_and_distance_to_liquidation() -> None:
    found = one(held(BTC, "-2", unrealised_pnl=D(-7), liquidation_price=D(60_000), entry_price=D(49_000)))
    assert (found.symbol, found.quantity, found.value, found.limit) == (BTC, D(-2), D(-100_000), D(50_000))
    assert (found.utilisation, found.unrealised_pnl, found.liquidation_distance) == (D(200), D(-7), D(20))


def test_an_inverse_contracts_pnl_is_coin_at_the_mark() -> None:
    found = one(held(INVERSE, "3", unrealised_pnl=D("0.01")))
    assert (found.value, found.unrealised_pnl) == (D(300), D(500))


def test_a_rate_turns_everything_into_the_limits_currency() -> None:
    found = one(held(BTC, "1", unrealised_pnl=D(10)), rates={"USDT": D("1.1")})
    assert found.exit_now is not None
    assert (found.value, found.unrealised_pnl, found.exit_now.cost) == (D(55_000), D(11), D(55))


def test_a_spot_asset_goes_by_a_pair_that_was_looked_at_and_by_its_baseline() -> None:
    seen = look(held("LTC", "12"), markets={SPOT_USDC: Market(book(D(100)), D(100), 5)})
    found = only(assessed(seen, baseline={"LTC": D(2)}))
    assert (found.symbol, found.quantity, found.value) == (SPOT_USDC, D(10), D(1_000))
    nothing = only(assessed(look(markets={}), baseline={"LTC": D(2)}))
    assert (nothing.symbol, nothing.quantity, nothing.value) == (SPOT, D(-2), None)


# -- belief --------------------------------------------------------------------------------------------------------


def test_an_instrument_that_is_believed_and_not_held_appears_too() -> None:
    world = given()
    world.hold("o", 1)
    world.believe(1)
    found = only(assessed(look(), world))
    assert (found.symbol, found.quantity, found.believed) == (BTC, ZERO, D(1))
    assert books_wanted(world.book) == [BTC]


def test_beliefs_add_up_and_silence_is_not_zero() -> None:
    world = given()
    assert one(held(BTC, "1"), world=world).believed is None
    world.believe(2)
    world.believe(-3, strategy=BETA)
    assert one(held(BTC, "1"), world=world).believed == D(-1)


def test_without_a_gate_there_is_neither_belief_nor_band() -> None:
    found = one(held(BTC, "9"), book=None)
    assert (found.believed, found.ratio, found.outside_band, found.limit) == (None, None, False, D(50_000))


# -- the band ------------------------------------------------------------------------------------------------------


def intending(low: int, high: int) -> World:
    """By an order that is approved."""
    world = given()
    intent = PositionRange(D(low), D(high))
    decision = world.buy("0.01", 1, intent=intent) if high else world.sell("0.01", 50_000, intent=intent)
    assert decision.approved
    return world


@pytest.mark.parametrize(
    ("quantity", "ratio", "outside"),
    [
        ("10", D(100), False),
        ("15", D(150), False),
        ("15.001", D("150.01"), True),
        ("-1", None, True),
        ("4", D(40), False),
    ],
)
def test_the_venues_quantity_against_the_band(quantity: str, ratio: Decimal | None, outside: bool) -> None:  # noqa: FBT001
    found = one(held(BTC, quantity), world=intending(0, 10))
    assert (found.ratio, found.outside_band) == (ratio, outside)


def test_a_short_is_held_against_the_low_end() -> None:
    found = one(held(BTC, "-12"), world=intending(-10, 0))
    assert (found.ratio, found.outside_band) == (D(120), False)


def test_what_nobody_ever_meant_to_hold_is_outside() -> None:
    found = one(held(ETH, "1"))
    assert (found.ratio, found.outside_band) == (None, True)


def test_a_strategy_outside_its_own_band_is_found_though_the_sum_is_inside() -> None:
    world = given()
    world.hold("o", "0.5")
    world.buy("0.01", 1, intent=PositionRange(ZERO, D("0.5")))
    world.buy("0.01", 1, strategy=BETA, intent=PositionRange(ZERO, D(9)))
    assert not one(held(BTC, "0.5"), world=world).outside_band
    other = world.make_fill("o", Side.BUY, 1)
    world.book.give(world.line(), ALPHA, signed=other.quantity, now=world.now)
    assert one(held(BTC, "1.5"), world=world).outside_band


def test_nothing_held_and_nothing_loaded_is_not_outside() -> None:
    world = intending(5, 10)
    assert not one(world=world, baseline={"LTC": ZERO}).outside_band
    assert not one(held(ETH, "5"), limits=None).outside_band


# -- leaving -------------------------------------------------------------------------------------------------------


def test_the_cost_of_leaving_now_and_in_slices() -> None:
    found = one(held(BTC, "5"))
    # 4 at 50 below the mid, 1 at 2,500; a slice is 20 % of the 4 within 1 %.
    assert found.exit_now is not None
    assert found.exit_sliced is not None
    assert (found.depth, found.exit_now.cost, found.exit_sliced.cost) == (D(4), D(2_700), D(250))
    assert found.exit_sliced.orders == 7
    assert (found.whole_exit_now, found.whole_exit_sliced) == (D(2_700), D(250))


def test_what_the_book_does_not_take_has_no_price() -> None:
    found = assessed(look(held(BTC, "200")))
    (seen,) = found.instruments
    assert seen.exit_now is not None
    assert (seen.exit_now.beyond, seen.whole_exit_now, found.exit_cost_now) == (D(96), None, None)
    assert found.exit_cost_sliced == D(10_000)


def test_both_legs_of_a_hedge_are_left() -> None:
    found = one(held(BTC, "0", long=D(1), short=D(1)))
    assert found.exit_now is not None
    assert (found.quantity, found.exit_now.cost, found.exit_now.orders) == (ZERO, D(100), 2)
    single = one(held(BTC, "3", long=D(3)))
    assert single.exit_now is not None
    assert single.exit_now.orders == 1


def test_a_flat_instruments_depth_is_that_of_its_thinner_side() -> None:
    world = given()
    world.believe(1)
    found = only(assessed(look(), world))
    assert (found.depth, found.whole_exit_now) == (D(4), ZERO)


# -- what is not known ---------------------------------------------------------------------------------------------


def test_a_look_that_could_not_be_taken_is_unknown_and_never_flat() -> None:
    world = given()
    world.hold("o", 1)
    found = assessed(not_seen("positions: no venue feed is connected"), world)
    seen = only(found)
    assert not found.complete
    assert (seen.quantity, seen.value, seen.depth, seen.exit_now, seen.outside_band) == (None, None, None, None, False)
    assert "what is held is NOT KNOWN" in seen.problems
    assert (found.total, found.exit_cost_now, found.exit_cost_sliced) == (None, None, None)


@pytest.mark.parametrize(
    ("market", "says"),
    [
        (Market(book(), None), "no mark"),
        (Market(None, D(50_000)), "no order book"),
        (Market(Book((), (Level(D(1), D(1)),)), D(50_000)), "one side of the order book is empty"),
    ],
)
def test_a_market_that_was_not_read_is_said(market: Market, says: str) -> None:
    found = assessed(look(held(BTC, "1"), markets={BTC: market}))
    assert any(says in problem for problem in only(found).problems)
    assert found.total is None or found.exit_cost_now is None


def test_an_inverse_pnl_without_a_mark_is_not_known() -> None:
    found = only(assessed(look(held(INVERSE, "1", unrealised_pnl=D(1)), markets={})))
    assert (found.unrealised_pnl, found.value) == (None, None)


def test_an_instrument_that_nobody_lists() -> None:
    found = one(held("NEWUSDT", "3"))
    assert (found.symbol, found.quantity, found.value, found.outside_band) == ("NEWUSDT", D(3), None, True)
    assert any("not an instrument that the venue process lists" in problem for problem in found.problems)


def test_a_missing_rate_or_limit_is_said() -> None:
    found = one(held(BTC, "1"), rates={}, limits=catalogue.limits(instruments={BTC: None}).accounts[ACCOUNT])
    assert (found.value, found.limit, found.utilisation) == (None, None, None)
    assert any("no rate from USDT to USD" in problem for problem in found.problems)
    assert any("not in the limits file" in problem for problem in found.problems)
    assert assessed(look(), limits=None).total_limit is None


# -- orders --------------------------------------------------------------------------------------------------------


def test_orders_that_no_approval_explains_are_told_apart() -> None:
    world = given()
    world.buy(1, 40_000, client_order_id="mine")
    orders = (
        order("v1", client_order_id="mine"),
        order("v2", attached=True, parent_order_id="mine"),
        order("v3"),
        order("v4", attached=True),
    )
    found = assessed(look(open_orders=orders), world)
    assert [row.venue_order_id for row in found.open_orders] == ["v1", "v2", "v3", "v4"]
    assert [row.venue_order_id for row in found.unexplained] == ["v3", "v4"]
    assert assessed(look(open_orders=orders), world, book=None).unexplained == ()
    assert [seen.symbol for seen in found.instruments] == [BTC], "what is worked is shown"


def test_an_order_that_was_found_and_not_adopted_is_unexplained() -> None:
    world = given()
    stray = order("v9")
    world.read([stray])
    assert assessed(look(open_orders=(stray,)), world).unexplained == (stray,)
