"""How a round is cut by the books, and what a part may trade."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from risksvc.core.flatten.events import FlattenStyle, Slice
from risksvc.core.flatten.exits import Exit, authorised, exits, exits_of, offsetting
from risksvc.core.flatten.plan import Pace, counted_slices, limit_price, next_round, one_slice
from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.types import Instrument, InstrumentKind, PositionRange, Scope, Side
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, INSTRUMENTS, MARKS, SOL, SPOT, SPOT_USDC, D

LIMIT = FlattenStyle.LIMIT_IOC
PACE = Pace(D(20), D(2), LIMIT)
LISTED = {one.symbol: one for one in INSTRUMENTS}
ALL = Scope(ACCOUNT)


def book(symbol: str = BTC, *, each: str = "0.5", levels: int = 10, gap_bps: int = 10) -> Book:
    mark = MARKS[symbol]
    gap = mark * gap_bps / 10_000
    return Book(
        tuple(Level(mark - gap * (i + 1), D(each)) for i in range(levels)),
        tuple(Level(mark + gap * (i + 1), D(each)) for i in range(levels)),
    )


def way(quantity: str, *, symbol: str = BTC, side: Side = Side.SELL) -> Exit:
    return Exit(symbol, ALPHA, side, D(quantity), D(0), D(quantity), D(quantity))


def cut(*ways: Exit, books: Mapping[str, Book], pace: Pace = PACE) -> tuple[tuple[Slice, ...], dict[str, str]]:
    found = next_round(given().book, ways, books, pace)
    return found.slices, found.problems


# -- a slice --------------------------------------------------------------------------------------------------------


def test_a_slice_is_a_share_of_what_stands_close_to_the_middle_at_the_price_it_reaches() -> None:
    (one,), problems = cut(way("3"), books={BTC: book()})
    assert (one.quantity, one.limit_price, problems) == (D(1), D(50_000) - 100, {})


def test_the_last_slice_is_what_is_left() -> None:
    (one,), _ = cut(way("0.3"), books={BTC: book()})
    assert (one.quantity, one.limit_price) == (D("0.3"), D(49_950))


def test_a_market_order_names_no_price() -> None:
    (one,), _ = cut(way("0.3"), pace=Pace(D(20), D(2), FlattenStyle.MARKET), books={BTC: book()})
    assert one.limit_price is None


@pytest.mark.parametrize(
    ("books", "why"),
    [
        ({}, "could not be read"),
        ({BTC: Book((), (Level(D(1), D(1)),))}, "could not be read"),
        ({BTC: book(gap_bps=500)}, "nothing stands within 2 %"),
        ({BTC: book(each="0.0001", levels=2)}, "less than one step"),
    ],
    ids=["none", "one side", "far", "dust"],
)
def test_without_a_market_nothing_is_cut_and_it_says_why(books: dict[str, Book], why: str) -> None:
    slices, problems = cut(way("3"), books=books)
    assert not slices
    assert why in problems[BTC]


def test_what_the_venue_does_not_list_can_not_be_cut() -> None:
    slices, problems = cut(way("3", symbol="OLD/USDT:USDT"), books={})
    assert (slices, problems) == ((), {"OLD/USDT:USDT": "the venue does not list it"})
    assert one_slice(None, None, Side.BUY, PACE)[0] == 0


def test_parts_of_one_side_are_cut_together() -> None:
    (one,), _ = cut(way("0.1"), way("0.2"), way("0"), books={BTC: book()})
    assert one.quantity == D("0.3")


@pytest.mark.parametrize(
    ("side", "price", "on_tick"),
    [(Side.SELL, "99.995", "100"), (Side.BUY, "100.005", "100"), (Side.BUY, "100.01", "100.01")],
)
def test_a_price_off_the_tick_is_rounded_to_where_it_costs_less(side: Side, price: str, on_tick: str) -> None:
    level = (Level(D(price), D(1)),)
    one = Book(level if side is Side.SELL else (), level if side is Side.BUY else ())
    assert limit_price(one, side, D(1), LISTED[SOL]) == D(on_tick)


def test_without_a_tick_a_price_stays_as_it_is() -> None:
    instrument = Instrument("X", InstrumentKind.LINEAR, "X", "USDT", D(1))
    assert limit_price(Book((Level(D("1.23456"), D(1)),), ()), Side.SELL, D(1), instrument) == D("1.23456")


# -- linked ---------------------------------------------------------------------------------------------------------

HEDGE = Pace(D(20), D(2), LIMIT, ((BTC, ETH),))


def test_linked_instruments_trade_the_same_fraction() -> None:
    thin = book(ETH, each="10")
    slices, _ = cut(way("4"), way("100", symbol=ETH, side=Side.BUY), pace=HEDGE, books={BTC: book(), ETH: thin})
    assert [(one.instrument, one.quantity) for one in slices] == [(BTC, D("0.8")), (ETH, D(20))]


def test_a_leg_without_a_market_holds_the_other_back() -> None:
    slices, problems = cut(way("4"), way("100", symbol=ETH, side=Side.BUY), pace=HEDGE, books={BTC: book()})
    assert not slices
    assert problems[BTC] == f"waits for {ETH}, which it is linked with"


def test_a_leg_that_is_flat_already_holds_nothing_back() -> None:
    slices, _ = cut(way("4"), pace=HEDGE, books={BTC: book()})
    assert slices[0].quantity == D(1)


def test_without_a_step_a_fraction_is_exact() -> None:
    world = given()
    free = {one: Instrument(one, InstrumentKind.LINEAR, one[:3], "USDT", D(1)) for one in (BTC, ETH)}
    world.book.instruments = free
    found = next_round(
        world.book,
        (way("3"), way("20", symbol=ETH, side=Side.BUY)),
        {BTC: book(), ETH: book(ETH, each="0.5")},
        HEDGE,
    )
    assert found.slices[0].quantity == D(3) * D(1) / D(20)


# -- parts ----------------------------------------------------------------------------------------------------------


def parts(world: World, *, scope: Scope = ALL) -> list[tuple[str, Side, Decimal]]:
    return [(one.strategy, one.side, one.quantity) for one in exits(world.book, scope, (), {})]


def test_a_part_off_the_step_passes_what_is_left_of_it_on() -> None:
    world = given()
    world.hold("a", "0.5")
    line = world.line()
    world.book.give(line, ALPHA, signed=D("-0.0004"), now=world.now)
    world.book.give(line, "", signed=D("0.0004"), now=world.now)
    assert parts(world) == [(ALPHA, Side.SELL, D("0.499")), ("", Side.SELL, D("0.001"))]


def test_an_instrument_without_a_step_is_traded_whole() -> None:
    world = given()
    world.hold("a", "0.5")
    world.line().instrument = None
    assert parts(world) == [(ALPHA, Side.SELL, D("0.5"))]
    world.book.limits = None
    assert parts(world) == [(ALPHA, Side.SELL, D("0.5"))]


def test_a_strategy_that_the_file_does_not_list_any_more_comes_after_those_it_does() -> None:
    world = given()
    world.hold("b", "0.2", strategy=BETA)
    world.hold("a", "0.3")
    world.load(strategies={BETA: None})
    assert [name for name, *_ in parts(world)] == [ALPHA, BETA]


def test_no_more_than_the_smaller_end_is_traded() -> None:
    world = given()
    world.hold("a", "0.5")
    world.read(positions={BTC: "0.2"})
    assert parts(world) == [(ALPHA, Side.SELL, D("0.2"))]
    world.read(positions={BTC: "-0.2"})
    assert parts(world) == [(ALPHA, Side.SELL, D(0))]


def test_what_others_work_on_is_left_to_them() -> None:
    world = given()
    world.hold("b", "0.4", strategy=BETA)
    world.hold("a", "0.5")
    world.sell("0.6", 51_000, client_order_id="w", strategy=BETA)
    world.buy("0.1", 49_000, client_order_id="v", strategy=BETA)
    assert parts(world, scope=Scope(ACCOUNT, strategy=ALPHA)) == [(ALPHA, Side.SELL, D("0.3"))]


def test_a_spot_asset_is_sold_in_the_pair_that_the_scope_names() -> None:
    world = given()
    world.buy("1", 100, client_order_id="l", instrument=SPOT)
    world.fill("l", Side.BUY, "1", 100, instrument=SPOT)
    world.wait(3)
    line = world.line(SPOT)
    for named, traded in ((SPOT_USDC, SPOT_USDC), ("", SPOT), (BTC, SPOT)):
        (one,) = exits_of(world.book, line, strategy="", symbol=named, targets={})
        assert one.instrument == traded


def test_what_is_authorised_is_what_is_intended_as_far_as_it_reduces() -> None:
    world = given()
    world.hold("a", "0.5")
    world.hold("b", "-2", strategy=BETA, instrument=ETH)
    for id_, low, high, expected in (
        ("i1", "0.1", "0.2", "0.2"),
        ("i2", "0.7", "0.9", "0.5"),
        ("i3", "-0.9", "-0.7", None),
    ):
        world.buy("0.001", 49_000, client_order_id=id_, intent=PositionRange(D(low), D(high)))
        found = authorised(world.book, Scope(ACCOUNT, strategy=ALPHA), ())
        assert found == ({} if expected is None else {(BTC, ALPHA): D(expected)})
    world.buy(
        "1", 25_000, client_order_id="i4", strategy=BETA, instrument=ETH, intent=PositionRange(D(-1), D(5)), belief=-2
    )
    assert authorised(world.book, ALL, (ETH,)) == {(ETH, BETA): D(-1)}
    world.load(strategies={BETA: None})
    assert authorised(world.book, ALL, (ETH,)) == {}
    world.book.limits = None
    assert authorised(world.book, ALL, ()) == {}


def test_offsetting_parts_are_named() -> None:
    world = given()
    world.hold("a", "0.3")
    assert not list(offsetting(world.book, ()))
    world.hold("b", "-0.1", strategy=BETA)
    assert list(offsetting(world.book, ())) == [
        f"{BTC}: parts offset each other inside the account (alpha 0.3, beta -0.1); the venue holds only the net"
    ]


@pytest.mark.parametrize(
    ("wanted", "each", "slices"),
    [("1", "0", []), ("1", "0.4", ["0.4", "0.4", "0.2"]), ("1", "0.5", ["0.5", "0.5"]), ("0.1", "0.5", ["0.1"])],
)
def test_slices_are_counted_while_the_book_stays_as_it_is(wanted: str, each: str, slices: list[str]) -> None:
    assert counted_slices(D(wanted), D(each), most=100) == [D(one) for one in slices]


def test_a_large_position_before_an_empty_book_does_not_fill_the_memory_with_its_slices() -> None:
    assert counted_slices(D(10**12), D("0.001"), most=100) == [D("0.001")] * 100
