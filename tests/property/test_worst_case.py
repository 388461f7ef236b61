"""Property: the worst-case formula against an exhaustive walk through every order of fills, whole and partial.

Small integer quantities; ordinary buys and sells, and reduce-only ones that the venue lets fill only while they reduce.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from risksvc.core.exposure import Working, is_within, order_price, with_order, worst_case
from risksvc.core.types import ZERO, OrderType, Side
from tests.conftest import IN_CI

MARK = Decimal(10)
COLLAR = Decimal(5)
PRICES = st.sampled_from([None, Decimal(8), Decimal(10), Decimal(13)])  # None: a market order


class Resting(NamedTuple):
    side: Side
    quantity: int
    price: Decimal | None
    reduces: bool

    @property
    def worst_price(self) -> Decimal:
        kind = OrderType.MARKET if self.price is None else OrderType.LIMIT
        return order_price(self.side, kind, limit_price=self.price, mark=MARK, collar=COLLAR)


MANY = settings(max_examples=10_000 if IN_CI else 200)  # small cases, all of which can be enumerated
RESTING = st.builds(Resting, st.sampled_from(Side), st.integers(1, 3), PRICES, st.booleans())


def working(orders: list[Resting]) -> Working:
    total = Working()
    for one in orders:
        value = one.quantity * one.worst_price
        total = total.plus(one.side, Decimal(one.quantity), value=value, reduces=one.reduces)
    return total


def next_fills(position: int, left: tuple[int, ...], orders: list[Resting]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Every unit that the venue could fill next: (index, what is left then). Units make every partial fill."""
    for index, one in enumerate(orders):
        reducing = position * one.side.sign < 0
        if left[index] and (reducing or not one.reduces):
            yield index, (*left[:index], left[index] - 1, *left[index + 1 :])


def reachable(start: int, orders: list[Resting]) -> set[tuple[int, tuple[int, ...]]]:
    """Every (position, quantities left) that some order of fills reaches."""
    first = (start, tuple(one.quantity for one in orders))
    found, open_ = {first}, [first]
    while open_:
        position, left = open_.pop()
        for index, rest in next_fills(position, left, orders):
            state = (position + orders[index].side.sign, rest)
            if state not in found:
                found.add(state)
                open_.append(state)
    return found


def value_of(start: int, left: tuple[int, ...], orders: list[Resting]) -> Decimal:
    """The held position at the mark (what reduces it too: it was valued there), every other fill at its worst price."""
    value = start * MARK
    for one, rest in zip(orders, left, strict=True):
        price = MARK if one.reduces else one.worst_price
        value += one.side.sign * (one.quantity - rest) * price
    return value


@MANY
@given(st.integers(-4, 4), st.lists(RESTING, max_size=4))
@example(4, [Resting(Side.SELL, 3, None, reduces=True), Resting(Side.SELL, 2, Decimal(13), reduces=False)])
@example(-4, [Resting(Side.BUY, 3, None, reduces=True), Resting(Side.BUY, 3, Decimal(13), reduces=False)])
def test_every_reachable_quantity_is_bounded_and_the_bounds_are_reached(start: int, orders: list[Resting]) -> None:
    worst = worst_case(Decimal(start), Decimal(start), working=working(orders), unit=MARK)
    positions = [Decimal(position) for position, _ in reachable(start, orders)]

    assert (worst.low, worst.high) == (min(positions), max(positions))


@MANY
@given(st.integers(-4, 4), st.lists(RESTING, max_size=4))
@example(2, [Resting(Side.SELL, 2, Decimal(13), reduces=True), Resting(Side.BUY, 1, None, reduces=False)])
def test_the_exposure_is_the_largest_value_that_any_order_of_fills_reaches(start: int, orders: list[Resting]) -> None:
    worst = worst_case(Decimal(start), Decimal(start), working=working(orders), unit=MARK)
    largest = max(abs(value_of(start, left, orders)) for _, left in reachable(start, orders))

    assert worst.exposure == largest


@MANY
@given(st.integers(-4, 4), st.integers(0, 3), st.lists(RESTING, max_size=3))
def test_of_an_interval_the_worst_end_counts(low: int, width: int, orders: list[Resting]) -> None:
    worst = worst_case(Decimal(low), Decimal(low + width), working=working(orders), unit=MARK)
    positions: list[Decimal] = []
    largest = ZERO
    for start in range(low, low + width + 1):
        found = reachable(start, orders)
        positions += [Decimal(position) for position, _ in found]
        largest = max(largest, *(abs(value_of(start, left, orders)) for _, left in found))

    assert (worst.low, worst.high) == (min(positions), max(positions))
    assert worst.exposure == largest


@MANY
@given(low=st.integers(-4, 4), width=st.integers(0, 3), orders=st.lists(RESTING, max_size=4), limit=st.integers(0, 90))
def test_within_a_limit_says_what_the_worst_case_says(low: int, width: int, orders: list[Resting], limit: int) -> None:
    sums, ends = working(orders), (Decimal(low), Decimal(low + width))
    expected = worst_case(*ends, sums, MARK).exposure <= limit
    assert is_within(*ends, sums, MARK, limit=Decimal(limit)) is expected


@MANY
@given(low=st.integers(-4, 4), width=st.integers(0, 3), orders=st.lists(RESTING, max_size=4), one=RESTING, mark=PRICES)
def test_an_order_more_in_one_step_or_two(
    *, low: int, width: int, orders: list[Resting], one: Resting, mark: Decimal | None
) -> None:
    sums, ends, unit = working(orders), (Decimal(low), Decimal(low + width)), mark or ZERO
    quantity, value = Decimal(one.quantity), one.quantity * one.worst_price
    added = sums.plus(one.side, quantity, value=value, reduces=False)
    found = with_order(*ends, sums, unit, more=(one.side is Side.BUY, quantity, value))
    assert found == (added, worst_case(*ends, added, unit))
