"""One strategy in one instrument: its ledger position, what it works, what it intends, what it believes.

The 150 % rule. I = [low, high] is the latest declared intent, clamped to the limits file. W is what stood when I was
declared (position, and orders already approved); it only moves towards zero. The band is the hull of
{0, 1.5 I_low, 1.5 I_high, W}, inclusive.

Belief. What the strategy's own tracker believes is kept beside the ledger position; neither ever overwrites the other.
Only fills younger than the lag and quantity in flight explain a difference, never resting quantity.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.exposure import FLAT, NOTHING_WORKING, Working, WorstCase, worst_case
from risksvc.core.reservations import Reservation
from risksvc.core.types import HUNDRED, ZERO, Nanoseconds, PositionRange, Side

NOTHING_STANDS = PositionRange(ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Belief:
    """What a strategy's tracker believes, and when it said so."""

    quantity: Decimal
    at: Nanoseconds


@dataclass(slots=True)
class StrategyLine:
    """One strategy in one instrument. Quantities are signed order units."""

    strategy: str
    position: Decimal = ZERO
    working: Working = NOTHING_WORKING
    worst: WorstCase = FLAT
    reservations: dict[str, Reservation] = field(default_factory=dict)
    in_flight: dict[str, Reservation] = field(default_factory=dict)
    young_fills: deque[tuple[Nanoseconds, Decimal]] = field(default_factory=deque)
    declared: PositionRange | None = None
    standing: PositionRange = NOTHING_STANDS
    belief: Belief | None = None
    belief_wrong_since: Nanoseconds | None = None

    def fill(self, signed: Decimal, *, now: Nanoseconds) -> None:
        """Adds a fill that is this strategy's."""
        self.position += signed
        self.young_fills.append((now, signed))

    def declare(self, intent: PositionRange) -> None:
        """Takes a declaration in; the same one again changes nothing."""
        if intent == self.declared:
            return
        self.declared = intent
        self.standing = PositionRange(min(ZERO, self.worst.low), max(ZERO, self.worst.high))

    def revalue(self, unit: Decimal | None) -> Decimal:
        """Computes the worst case anew; gives the change in exposure."""
        before = self.worst.exposure
        self.worst = worst_case(self.position, self.position, working=self.working, unit=unit or ZERO)
        self._shrink_standing()
        return self.worst.exposure - before

    def _shrink_standing(self) -> None:
        """Lets what stood at the declaration follow what stands now, towards zero only."""
        self.standing = PositionRange(
            max(self.standing.low, min(ZERO, self.worst.low)), min(self.standing.high, max(ZERO, self.worst.high))
        )

    def intent(self, *, in_file: PositionRange | None, clamp: Decimal | None) -> PositionRange | None:
        """The intent that counts: declared, else the file's, clamped to the file's `max_intended`."""
        intent = self.declared or in_file
        if intent is None or clamp is None:
            return intent
        return PositionRange(_clamp(intent.low, clamp), _clamp(intent.high, clamp))

    def band(self, intent: PositionRange | None, *, percent: Decimal) -> PositionRange:
        """Where the position may be; without an intent only what stood."""
        if intent is None:
            return self.standing
        low = min(ZERO, intent.low * percent / HUNDRED, self.standing.low)
        return PositionRange(low, max(ZERO, intent.high * percent / HUNDRED, self.standing.high))

    def believe(self, quantity: Decimal, *, now: Nanoseconds) -> None:
        """Takes a belief in; the ledger stays as it is."""
        self.belief = Belief(quantity, now)

    def belief_agrees(self, *, lag: Nanoseconds, now: Nanoseconds) -> bool:
        """True when young fills and quantity in flight explain what the belief differs by (or there is no belief)."""
        if self.belief is None:
            return True
        difference = self.belief.quantity - self.position
        low, high = self._explained(lag=lag, now=now)
        return low <= difference <= high

    def _explained(self, *, lag: Nanoseconds, now: Nanoseconds) -> tuple[Decimal, Decimal]:
        while self.young_fills and now - self.young_fills[0][0] > lag:
            self.young_fills.popleft()
        low = high = ZERO
        for _, signed in self.young_fills:  # the tracker may not have heard of these
            low -= max(ZERO, signed)
            high -= min(ZERO, signed)
        for reservation in self.in_flight.values():  # the tracker may have heard of these before the ledger
            if reservation.order.side is Side.BUY:
                high += reservation.remaining
            else:
                low -= reservation.remaining
        return low, high


def _clamp(value: Decimal, bound: Decimal) -> Decimal:
    return max(-bound, min(bound, value))
