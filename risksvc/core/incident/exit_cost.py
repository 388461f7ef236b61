"""What it costs to leave a position, by the order book: now, in one order, and in slices that the book refills between.

Cost is against the mid, in the limits' currency, without fees: what is received less (or paid more) than at the mid.
Only what the book shows is priced; what lies beyond it is named, never guessed. Invariants: a cost is never negative;
it never falls when the quantity grows; slices never cost more than what one order takes at once. Decimals throughout:
exact for linear and spot; an inverse cost is a quotient, as exact as the arithmetic's 140 digits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from risksvc.core.types import HUNDRED, ONE, ZERO, Instrument, InstrumentKind, MalformedInputError, Side

DEPTH_WITHIN = ONE  # percent of the mid: what counts as visible depth, where nobody asks for another reach
BASIS_POINTS = Decimal(10_000)
_HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book and the quantity that waits there, in the order unit; both above zero."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """One instrument's book, the best prices first. A side may be empty; a crossed or unordered book is refused."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def __post_init__(self) -> None:
        for side, sign, levels in (("bids", -1, self.bids), ("asks", 1, self.asks)):
            if any(level.price <= ZERO or level.quantity <= ZERO for level in levels):
                raise MalformedInputError(side, "a level's price and quantity must be above 0")
            if any((after.price - before.price) * sign < ZERO for before, after in pairwise(levels)):
                raise MalformedInputError(side, "the best price must come first")
        if self.bids and self.asks and self.bids[0].price > self.asks[0].price:
            raise MalformedInputError("bids", "the book is crossed: its best bid is above its best ask")

    @property
    def mid(self) -> Decimal | None:
        """The middle between best bid and best ask; None while a side is empty."""
        return (self.bids[0].price + self.asks[0].price) * _HALF if self.bids and self.asks else None

    @property
    def spread_bps(self) -> Decimal | None:
        """The spread in basis points of the mid; None while a side is empty."""
        mid = self.mid
        return None if mid is None else (self.asks[0].price - self.bids[0].price) / mid * BASIS_POINTS

    def facing(self, side: Side) -> tuple[Level, ...]:
        """The levels that an order of this side trades against."""
        return self.asks if side is Side.BUY else self.bids

    def depth(self, side: Side, *, within: Decimal = DEPTH_WITHIN) -> Decimal:
        """What an order of this side finds within so many percent of the mid, inclusive; 0 without a mid."""
        mid = self.mid
        if mid is None:
            return ZERO
        reach = mid * within / HUNDRED
        return sum((level.quantity for level in self.facing(side) if abs(level.price - mid) <= reach), ZERO)


@dataclass(frozen=True, slots=True)
class Take:
    """A part of an order at one price of the book."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class ExitCost:
    """What leaving costs. `taken`: the quantity that the book takes, `beyond` the rest, which no figure here covers.

    `cost`: of what is taken, in the limits' currency. `worst`: the furthest price that is touched; None: nothing is
    taken. `orders`: how many orders it needs.
    """

    taken: Decimal
    beyond: Decimal
    cost: Decimal
    worst: Decimal | None
    orders: int

    def __add__(self, other: "ExitCost") -> "ExitCost":
        """Both together: the two legs of a hedge; their worst prices are on two sides, so none is kept."""
        return ExitCost(
            self.taken + other.taken,
            self.beyond + other.beyond,
            self.cost + other.cost,
            None,
            self.orders + other.orders,
        )


NO_COST = ExitCost(ZERO, ZERO, ZERO, None, 0)


def exit_side(position: Decimal) -> Side:
    """The side that leads from a position to zero."""
    return Side.SELL if position > ZERO else Side.BUY


def walk(levels: Iterable[Level], quantity: Decimal) -> Iterator[Take]:
    """What an order of this quantity takes, price by price, until it is filled or the levels end."""
    left = quantity
    for level in levels:
        if left <= ZERO:
            return
        taken = min(left, level.quantity)
        left -= taken
        yield Take(level.price, taken)


def cost_against(mid: Decimal, take: Take, *, instrument: Instrument, rate: Decimal) -> Decimal:
    """What one fill on the exit side costs against the mid. `rate`: limits' currency per unit of the quote currency.

    Linear and spot: quantity x contract size x distance. Inverse: the difference in coin, valued at the mid.
    """
    cost = take.quantity * instrument.contract_size * abs(mid - take.price) * rate
    return cost / take.price if instrument.kind is InstrumentKind.INVERSE else cost


def cost_now(book: Book, side: Side, quantity: Decimal, *, instrument: Instrument, rate: Decimal) -> ExitCost | None:
    """What one order of this side and quantity costs now; None while the book has no mid."""
    mid = book.mid
    if mid is None:
        return None
    return _walked(book, mid, side, quantity, instrument=instrument, rate=rate)


def slice_quantity(
    book: Book, side: Side, *, participation: Decimal, step: Decimal | None, within: Decimal = DEPTH_WITHIN
) -> Decimal:
    """How large one slice may be: `participation` percent of the visible depth, rounded down to the step.

    Where nothing is within reach, the best level counts as the depth; never less than one step, so that a slice can be
    sent at all; 0: that side is empty, or less than one step waits there.
    """
    levels = book.facing(side)
    if not levels:
        return ZERO
    depth = book.depth(side, within=within) or levels[0].quantity
    wanted = depth * participation / HUNDRED
    if step is None:
        return wanted
    return min(max(wanted // step, ONE) * step, depth // step * step)


def slices(quantity: Decimal, each: Decimal) -> tuple[int, Decimal]:
    """How many whole slices a quantity makes, and what is left for one last, smaller one."""
    whole = int(quantity // each)
    return whole, quantity - whole * each


def cost_sliced(
    book: Book, side: Side, quantity: Decimal, *, each: Decimal, instrument: Instrument, rate: Decimal
) -> ExitCost | None:
    """What the quantity costs in slices of `each`, every one meeting the book as it is now; None without a mid.

    `each` 0: no slice can be sent, so all of it lies beyond the book.
    """
    mid = book.mid
    if mid is None:
        return None
    if each <= ZERO:
        return ExitCost(ZERO, quantity, ZERO, None, 0)
    whole, rest = slices(quantity, each)
    one = _walked(book, mid, side, each if whole else ZERO, instrument=instrument, rate=rate)
    last = _walked(book, mid, side, rest, instrument=instrument, rate=rate)
    return ExitCost(
        taken=one.taken * whole + last.taken,
        beyond=one.beyond * whole + last.beyond,
        cost=one.cost * whole + last.cost,
        worst=one.worst if whole else last.worst,
        orders=whole + last.orders,
    )


def _walked(
    book: Book, mid: Decimal, side: Side, quantity: Decimal, *, instrument: Instrument, rate: Decimal
) -> ExitCost:
    takes = tuple(walk(book.facing(side), quantity))
    taken = sum((take.quantity for take in takes), ZERO)
    return ExitCost(
        taken=taken,
        beyond=max(ZERO, quantity - taken),
        cost=sum((cost_against(mid, take, instrument=instrument, rate=rate) for take in takes), ZERO),
        worst=takes[-1].price if takes else None,
        orders=1 if takes else 0,
    )
