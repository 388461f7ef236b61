"""The cost of leaving, by hand: one order, slices, what lies beyond the book, and the three kinds of instruments."""

import pytest

from risksvc.core.incident.exit_cost import (
    NO_COST,
    Book,
    ExitCost,
    Level,
    cost_now,
    cost_sliced,
    exit_side,
    slice_quantity,
    slices,
)
from risksvc.core.types import Instrument, InstrumentKind, MalformedInputError, Side
from tests.unit.core.catalogue import D

ONE = D(1)
LINEAR = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", D("0.1"))
INVERSE = Instrument("BTC/USD:BTC", InstrumentKind.INVERSE, "BTC", "USD", D(10))
SPOT = Instrument("BTC/USDT", InstrumentKind.SPOT, "BTC", "USDT", D(1))


def side_of(*levels: tuple[str, str]) -> tuple[Level, ...]:
    return tuple(Level(D(price), D(quantity)) for price, quantity in levels)


# The mid is 100.
BOOK = Book(bids=side_of(("99", "5"), ("98", "10"), ("90", "20")), asks=side_of(("101", "5"), ("102", "10")))


def now(side: Side, quantity: str, instrument: Instrument = SPOT, rate: str = "1") -> ExitCost:
    cost = cost_now(BOOK, side, D(quantity), instrument=instrument, rate=D(rate))
    assert cost is not None
    return cost


def test_one_order_walks_down_the_book() -> None:
    # 5 at 1 below the mid, 7 at 2 below.
    assert now(Side.SELL, "12") == ExitCost(D(12), D(0), D(19), D(98), 1)


def test_a_short_is_left_through_the_asks() -> None:
    assert exit_side(D(-3)) is Side.BUY
    assert exit_side(D(3)) is Side.SELL
    assert now(Side.BUY, "6").cost == 5 * 1 + 1 * 2


def test_what_the_book_does_not_take_is_named_and_not_priced() -> None:
    cost = now(Side.BUY, "40")
    assert (cost.taken, cost.beyond, cost.cost) == (D(15), D(25), D(5 + 20))


def test_nothing_costs_nothing() -> None:
    assert now(Side.SELL, "0") == NO_COST


@pytest.mark.parametrize(
    ("instrument", "expected"),
    [
        (SPOT, D(5)),
        (LINEAR, D("0.5")),
        # 5 contracts of 10 USD sold at 99 rather than at 100: 50/99 - 50/100 of a coin, which is worth 100.
        (INVERSE, D(50) / 99),
    ],
    ids=["spot", "linear", "inverse"],
)
def test_the_kind_says_what_a_distance_costs(instrument: Instrument, expected: object) -> None:
    assert now(Side.SELL, "5", instrument).cost == expected


def test_an_inverse_cost_is_the_difference_in_coin_at_the_mid() -> None:
    coin = D(50) / D(99) - D(50) / D(100)
    assert abs(now(Side.SELL, "5", INVERSE).cost - coin * 100) < D("1e-100")


def test_the_rate_turns_it_into_the_limits_currency() -> None:
    assert now(Side.SELL, "5", LINEAR, rate="1.2").cost == D("0.6")


def test_slices_meet_the_book_anew() -> None:
    cost = cost_sliced(BOOK, Side.SELL, D(12), each=D(5), instrument=SPOT, rate=ONE)
    assert cost == ExitCost(D(12), D(0), D(12), D(99), 3)


def test_slices_take_what_one_order_can_not() -> None:
    cost = cost_sliced(BOOK, Side.BUY, D(40), each=D(5), instrument=SPOT, rate=ONE)
    assert cost == ExitCost(D(40), D(0), D(40), D(101), 8)


def test_a_slice_larger_than_the_quantity_is_one_order() -> None:
    cost = cost_sliced(BOOK, Side.SELL, D(3), each=D(5), instrument=SPOT, rate=ONE)
    assert cost == now(Side.SELL, "3")


def test_slices_that_can_not_be_sent_leave_everything_beyond_the_book() -> None:
    assert cost_sliced(BOOK, Side.SELL, D(3), each=D(0), instrument=SPOT, rate=ONE) == ExitCost(
        D(0), D(3), D(0), None, 0
    )


def test_quantity_in_slices() -> None:
    assert slices(D("12.5"), D(5)) == (2, D("2.5"))


@pytest.mark.parametrize(
    ("within", "participation", "step", "expected"),
    [
        ("1", "20", "0.1", "1"),  # 5 within 1 %
        ("2", "20", "0.1", "3"),  # 15 within 2 %
        ("2", "23", "1", "3"),  # 3.45, rounded down
        ("1", "1", "1", "1"),  # never less than a step
        ("0.5", "20", "1", "1"),  # nothing within reach: the best level
        ("1", "20", "10", "0"),  # less than a step waits there
        ("2", "25", None, "3.75"),
    ],
)
def test_a_slice_is_a_share_of_the_depth(within: str, participation: str, step: str | None, expected: str) -> None:
    each = slice_quantity(
        BOOK, Side.SELL, participation=D(participation), step=None if step is None else D(step), within=D(within)
    )
    assert each == D(expected)


def test_an_empty_side_takes_no_slice() -> None:
    book = Book(bids=(), asks=BOOK.asks)
    assert slice_quantity(book, Side.SELL, participation=D(20), step=D(1)) == 0


def test_without_a_mid_nothing_is_known() -> None:
    book = Book(bids=BOOK.bids, asks=())
    assert (book.mid, book.spread_bps, book.depth(Side.SELL)) == (None, None, D(0))
    assert cost_now(book, Side.SELL, D(1), instrument=SPOT, rate=ONE) is None
    assert cost_sliced(book, Side.SELL, D(1), each=ONE, instrument=SPOT, rate=ONE) is None


def test_mid_spread_and_depth() -> None:
    assert (BOOK.mid, BOOK.spread_bps) == (D(100), D(200))
    assert (BOOK.depth(Side.SELL), BOOK.depth(Side.BUY), BOOK.depth(Side.SELL, within=D(10))) == (D(5), D(5), D(35))


def test_two_legs_add_up() -> None:
    both = now(Side.SELL, "5") + now(Side.BUY, "20")
    assert both == ExitCost(D(20), D(5), D(5 + 5 + 20), None, 2)


@pytest.mark.parametrize(
    ("bids", "asks", "field"),
    [
        ((("101", "1"),), (("100", "1"),), "bids"),
        ((("98", "1"), ("99", "1")), (), "bids"),
        ((), (("102", "1"), ("101", "1")), "asks"),
        ((("98", "0"),), (), "bids"),
        ((), (("0", "1"),), "asks"),
    ],
    ids=["crossed", "bids unordered", "asks unordered", "no quantity", "no price"],
)
def test_a_book_that_can_not_be_is_refused(
    bids: tuple[tuple[str, str], ...], asks: tuple[tuple[str, str], ...], field: str
) -> None:
    with pytest.raises(MalformedInputError) as refused:
        Book(bids=side_of(*bids), asks=side_of(*asks))
    assert refused.value.field == field
