"""What the market showed in a review's window: marks by time, and what holding one unit was charged from a time on."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from risksvc.core.impact.money import Valuation, ratio
from risksvc.core.impact.types import FundingPoint, MarkPoint
from risksvc.core.types import ZERO, MalformedInputError, Nanoseconds


class Marks:
    """One instrument's marks; each holds from its time until the next, and the first also before it."""

    def __init__(self, symbol: str, points: Sequence[MarkPoint]) -> None:
        if not points:
            raise MalformedInputError(f"marks of {symbol}", "none; give at least one price of each instrument traded")
        self.points = sorted(points, key=lambda point: point.at)
        self.times = [point.at for point in self.points]
        for point in self.points:
            low, high = lowest(point), highest(point)
            if not ZERO < low <= point.mark <= high or (point.half_spread or ZERO) < ZERO:
                raise MalformedInputError(
                    f"mark of {symbol} at {point.at}", "needs 0 < low <= mark <= high and no half spread below 0"
                )

    def at(self, time: Nanoseconds) -> MarkPoint:
        """The point that holds at a time."""
        return self.points[max(bisect_right(self.times, time) - 1, 0)]


def lowest(point: MarkPoint) -> Decimal:
    """The low, else the mark itself."""
    return point.mark if point.low is None else point.low


def highest(point: MarkPoint) -> Decimal:
    """The high, else the mark itself."""
    return point.mark if point.high is None else point.high


class Funding:
    """What one long unit paid at each funding time, in the settle currency.

    A funding at a time charges what was held before any fill of that time.
    """

    def __init__(self, charges: Sequence[tuple[Nanoseconds, Decimal]]) -> None:
        self.charges = sorted(charges, key=lambda charge: charge[0])
        self._times = [at for at, _ in self.charges]
        self._sums = list(accumulate((unit for _, unit in self.charges), initial=ZERO))

    def between(self, since: Nanoseconds, until: Nanoseconds) -> Decimal:
        """What a unit held from fills at `since` to fills at `until` paid."""
        first, after = bisect_right(self._times, since), bisect_right(self._times, until)
        return self._sums[max(first, after)] - self._sums[first]


@dataclass(frozen=True, slots=True)
class AccountPosition:
    """All that the account held of one instrument, over time."""

    times: list[Nanoseconds]
    positions: list[Decimal]  # one more than times: the first is before them all

    def before(self, time: Nanoseconds) -> Decimal:
        """Held before the fills of this time."""
        return self.positions[bisect_left(self.times, time)]


def charge(point: FundingPoint, *, marks: Marks, value: Valuation, held: AccountPosition) -> Decimal | None:
    """What one long unit paid at this point; None: a payment while nothing is known to have been held."""
    if (point.rate is None) == (point.payment is None):
        raise MalformedInputError(f"funding of {point.symbol} at {point.at}", "give either its rate or its payment")
    if point.rate is not None:
        return point.rate * abs(value.worth(marks.at(point.at).mark))
    assert point.payment is not None, "one of the two is given"
    position = held.before(point.at)
    return ratio(-point.payment, position) if position else None
