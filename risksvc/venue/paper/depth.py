"""The synthetic depth: what stands on each side of a mid price before anybody trades.

A ladder of price levels whose sizes grow by the same notional from level to level, so that a bigger order visibly
moves further. Pure: a ladder follows from mid, profile and instrument alone. Taking from it changes only the list
that was handed out; what was taken comes back as `Taken` says.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.paper.decimals import BPS, ceil_to, floor_to
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.orders import Side

MAX_LEVELS = 200
MAX_REFILL_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthProfile:
    """The shape of both sides: the best of `levels` is `half_spread_bps` off the mid, each next one `gap_bps` further.

    `first_notional` is the worth of the best level in dollars, each further level is worth `growth_notional` more;
    `level_qty` above 0 is what every level holds instead, in the instrument's order unit. What was taken is back with
    the next step, or, with `refill_ms`, a whole level within so many milliseconds of the venue's clock, evenly. No
    levels means an empty book: nothing can trade.
    """

    levels: int = 25
    half_spread_bps: Decimal = Decimal("0.5")
    gap_bps: Decimal = Decimal(1)
    first_notional: Decimal = Decimal(25_000)
    growth_notional: Decimal = Decimal(25_000)
    level_qty: Decimal = ZERO
    refill_ms: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"depth: levels must lie between 0 and {MAX_LEVELS}")
        if self.half_spread_bps < 0 or self.gap_bps < 0 or self.first_notional < 0 or self.growth_notional < 0:
            raise ValueError("depth: half_spread_bps, gap_bps, first_notional and growth_notional must not be negative")
        if self.level_qty < 0 or not 0 <= self.refill_ms <= MAX_REFILL_MS:
            raise ValueError(f"depth: level_qty must not be negative, refill_ms lies between 0 and {MAX_REFILL_MS}")
        if (self.half_spread_bps + self.levels * self.gap_bps) >= BPS:
            raise ValueError("depth: the last level would lie at or below zero; lower levels or gap_bps")


@dataclass(slots=True)
class Level:
    """A price and what is left to take there; `place` counts levels from the mid, those that were taken included."""

    price: Decimal
    size: Decimal
    place: int


def ladder(mid: Decimal, *, side: Side, profile: DepthProfile, instrument: Instrument) -> list[Level]:
    """Build the bids (`side` Buy) or asks (Sell): best first, strictly ordered, on the instrument's grid."""
    levels: list[Level] = []
    for index in range(profile.levels):
        price = _level_price(
            mid, side=side, bps=profile.half_spread_bps + index * profile.gap_bps, tick=instrument.tick
        )
        if levels and side.sign * (levels[-1].price - price) < instrument.tick:
            price = levels[-1].price - side.sign * instrument.tick
        if price <= 0:
            break
        size = profile.level_qty or _worth_of(profile, index, price=price, instrument=instrument)
        levels.append(Level(price, max(instrument.step, floor_to(size, instrument.step)), index))
    return levels


def _worth_of(profile: DepthProfile, index: int, *, price: Decimal, instrument: Instrument) -> Decimal:
    """Give the quantity that a level's worth in dollars is."""
    dollars = profile.first_notional + index * profile.growth_notional
    return dollars if instrument.is_inverse else dollars / instrument.quote_worth / price


class Taken:
    """What was taken from one side and is not back yet, by a level's place."""

    def __init__(self) -> None:
        self._by_place: dict[int, Decimal] = {}

    def __bool__(self) -> bool:
        return bool(self._by_place)

    def add(self, place: int, qty: Decimal) -> None:
        """Note what an order took."""
        self._by_place[place] = self._by_place.get(place, ZERO) + qty

    def refill(self, full: Iterable[Level], share: Decimal) -> None:
        """Let `share` of each level (as it is when full) come back."""
        left = {level.place: self._by_place.get(level.place, ZERO) - level.size * share for level in full}
        self._by_place = {place: qty for place, qty in left.items() if qty > 0}

    def left_of(self, full: Iterable[Level], step: Decimal) -> list[Level]:
        """Give what is there of full levels now, on the grid of `step`; a level of which nothing is there is absent."""
        sizes = ((each, floor_to(each.size - self._by_place.get(each.place, ZERO), step)) for each in full)
        return [Level(each.price, size, each.place) for each, size in sizes if size > 0]


def _level_price(mid: Decimal, *, side: Side, bps: Decimal, tick: Decimal) -> Decimal:
    """Round away from the mid, and never onto it: the best bid is always below the best ask."""
    if side is Side.BUY:
        return min(floor_to(mid * (1 - bps / BPS), tick), ceil_to(mid, tick) - tick)
    return max(ceil_to(mid * (1 + bps / BPS), tick), floor_to(mid, tick) + tick)
