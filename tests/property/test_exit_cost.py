"""Property: the cost of leaving is never negative, grows with the quantity, and equals a naive unit-by-unit walk.

The naive walk sells (or buys) the smallest unit again and again at the best price that is left, with exact fractions.
"""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.core.incident.exit_cost import Book, Level, cost_now, cost_sliced, slice_quantity
from risksvc.core.types import ONE, ZERO, Instrument, InstrumentKind, Side, use_exact_arithmetic

use_exact_arithmetic()

KINDS = st.sampled_from([
    Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1")),
    Instrument("BTC/USD:BTC", InstrumentKind.INVERSE, "BTC", "USD", Decimal(10)),
    Instrument("BTC/USDT", InstrumentKind.SPOT, "BTC", "USDT", ONE),
])  # fmt: skip
SIDES = st.sampled_from(Side)
QUANTITIES = st.integers(0, 60).map(Decimal)
SOME = settings(max_examples=min(1_000, settings().max_examples))  # the whole file in seconds
ORDERS = st.tuples(SIDES, QUANTITIES)
RATE = Decimal("1.25")
NEGLIGIBLE = Fraction(1, 10**100)  # an inverse cost is a quotient


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Both sides filled, the best bid at most at the best ask."""
    levels = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=5)
    bids = sorted(draw(levels), reverse=True)
    above = bids[0][0]
    asks = sorted(draw(levels))
    return Book(
        bids=tuple(Level(Decimal(price), Decimal(quantity)) for price, quantity in bids),
        asks=tuple(Level(Decimal(price + above), Decimal(quantity)) for price, quantity in asks),
    )


def naive(book: Book, side: Side, quantity: int, instrument: Instrument) -> tuple[int, Fraction]:
    """Units taken and their cost, one unit after the other."""
    prices = [level.price for level in book.facing(side) for _ in range(int(level.quantity))][:quantity]
    mid = Fraction(book.bids[0].price + book.asks[0].price) / 2
    size, cost = Fraction(instrument.contract_size), Fraction(0)
    for price in prices:
        if instrument.kind is InstrumentKind.INVERSE:
            cost += abs(size / Fraction(price) - size / mid) * mid
        else:
            cost += abs(mid - Fraction(price)) * size
    return len(prices), cost * Fraction(RATE)


@SOME
@given(book=books(), side=SIDES, quantity=QUANTITIES, instrument=KINDS)
def test_it_equals_the_naive_walk(book: Book, side: Side, quantity: Decimal, instrument: Instrument) -> None:
    cost = cost_now(book, side, quantity, instrument=instrument, rate=RATE)
    assert cost is not None
    taken, expected = naive(book, side, int(quantity), instrument)
    assert (cost.taken, cost.beyond) == (Decimal(taken), quantity - taken)
    exact = instrument.kind is not InstrumentKind.INVERSE
    assert abs(Fraction(cost.cost) - expected) <= (0 if exact else NEGLIGIBLE)


@SOME
@given(book=books(), side=SIDES, quantities=st.tuples(QUANTITIES, QUANTITIES), instrument=KINDS)
def test_it_is_never_negative_and_never_falls_with_the_quantity(
    book: Book, side: Side, quantities: tuple[Decimal, Decimal], instrument: Instrument
) -> None:
    less = cost_now(book, side, min(quantities), instrument=instrument, rate=RATE)
    larger = cost_now(book, side, max(quantities), instrument=instrument, rate=RATE)
    assert less is not None
    assert larger is not None
    assert ZERO <= less.cost <= larger.cost


@SOME
@given(book=books(), order=ORDERS, share=st.integers(1, 100), instrument=KINDS)
def test_slices_take_everything_and_cost_no_more_than_one_order(
    book: Book, order: tuple[Side, Decimal], share: int, instrument: Instrument
) -> None:
    side, quantity = order
    each = slice_quantity(book, side, participation=Decimal(share), step=ONE)
    at_once = cost_now(book, side, quantity, instrument=instrument, rate=RATE)
    assert at_once is not None
    sliced = cost_sliced(book, side, at_once.taken, each=each, instrument=instrument, rate=RATE)
    assert sliced is not None
    assert (sliced.taken, sliced.beyond) == (at_once.taken, ZERO)
    assert ZERO <= Fraction(sliced.cost) <= Fraction(at_once.cost) + NEGLIGIBLE


@SOME
@given(book=books(), order=ORDERS, share=st.integers(1, 100), instrument=KINDS)
def test_slices_equal_the_naive_walk_of_each(
    book: Book, order: tuple[Side, Decimal], share: int, instrument: Instrument
) -> None:
    side, quantity = order
    each = slice_quantity(book, side, participation=Decimal(share), step=ONE)
    sliced = cost_sliced(book, side, quantity, each=each, instrument=instrument, rate=RATE)
    assert sliced is not None
    left, orders, expected = int(quantity), 0, Fraction(0)
    while left:
        taken, cost = naive(book, side, min(left, int(each)), instrument)
        left, orders, expected = left - taken, orders + 1, expected + cost
    assert (sliced.taken, sliced.orders) == (quantity, orders)
    assert abs(Fraction(sliced.cost) - expected) <= NEGLIGIBLE
