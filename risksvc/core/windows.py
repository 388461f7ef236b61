"""What a read may show: the quantities that a position had inside the read's window, by the fills known.

Positions lag behind the fills that made them, so a position that was read is true of some moment, not of now. Where the
venue counts (`sequence`), the moment is known exactly; elsewhere any moment of the window will do. Pure arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.core.venue_events import Fill, Leg

UNKNOWN_LAG = -1


@dataclass(frozen=True, slots=True)
class Held:
    """Signed net quantity; in hedge mode also the legs, each 0 or above."""

    net: Decimal = ZERO
    long: Decimal = ZERO
    short: Decimal = ZERO

    def plus(self, signed: Decimal, leg: Leg | None) -> "Held":
        """After a change by so much; a leg grows by what goes its way."""
        if leg is Leg.LONG:
            return Held(self.net + signed, self.long + signed, self.short)
        if leg is Leg.SHORT:
            return Held(self.net + signed, self.long, self.short - signed)
        return Held(self.net + signed, self.long, self.short)

    def less(self, other: "Held") -> "Held":
        """What this has more than another."""
        return Held(self.net - other.net, self.long - other.long, self.short - other.short)

    def within(self, tolerance: Decimal, *, legs: bool) -> bool:
        """No further from nothing than this; the legs count where the account has them."""
        if abs(self.net) > tolerance:
            return False
        return not legs or (abs(self.long) <= tolerance and abs(self.short) <= tolerance)


NOTHING_HELD = Held()


@dataclass(frozen=True, slots=True)
class Moment:
    """What was held between two fills. `until_ms`: the venue time of the next fill; None: none has come yet."""

    held: Held
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """The moments that a read may show, oldest first. `exact`: the venue's own counter names the one moment."""

    moments: tuple[Moment, ...]
    exact: bool = False

    def lag_ms(self, held: Held, *, start_ms: int, tolerance: Decimal, legs: bool) -> int:
        """By how much at least the read lagged behind the fills known at its start, if it shows `held`."""
        lags = [
            0 if moment.until_ms is None else max(0, start_ms - moment.until_ms)
            for moment in self.moments
            if held.less(moment.held).within(tolerance, legs=legs)
        ]
        return min(lags, default=UNKNOWN_LAG)


def window_of(
    base: Held, changes: Sequence[tuple[Fill, Decimal]], *, from_ms: int, to_ms: int, sequence: int
) -> Window:
    """The moments of a read. `changes`: fills in order of time, each with what it changed the position by."""
    if sequence and all(fill.sequence for fill, _ in changes):
        counted = _at(base, changes, sequence)
        until_ms = counted.moments[0].until_ms
        if until_ms is None or until_ms >= from_ms:
            return counted
        # The row is older than a read can be: the venue's counter stands still, and proves nothing of now.
    held = base
    moments: list[Moment] = []
    for fill, signed in changes:
        if fill.venue_time_ms > to_ms:
            return Window((*moments, Moment(held, fill.venue_time_ms)))
        if fill.venue_time_ms >= from_ms:
            moments.append(Moment(held, fill.venue_time_ms))
        held = held.plus(signed, fill.leg)
    return Window((*moments, Moment(held, None)))


def _at(base: Held, changes: Sequence[tuple[Fill, Decimal]], sequence: int) -> Window:
    held, later = base, None
    for fill, signed in changes:
        if fill.sequence <= sequence:
            held = held.plus(signed, fill.leg)
        elif later is None:
            later = fill.venue_time_ms
    return Window((Moment(held, later),), exact=True)
