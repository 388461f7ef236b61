"""One strategy, in one instrument and over all: its ledger position, what it works, what it intends, what it believes.

The 150 % rule. I = [low, high] is the latest declared intent, clamped to the limits file. W is what stood when I was
declared (position, and orders already approved); it only moves towards zero. The band is the hull of
{0, 1.5 I_low, 1.5 I_high, W}, inclusive.

A venue enforces reduce-only on the account's position, not on a strategy's part of it: another strategy's position can
let such an order fill past the end of this one's. So here it counts as an ordinary order.
"""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.beliefs import Belief, HeldBeliefs
from risksvc.core.exposure import FLAT, NOTHING_WORKING, Working, WorstCase, worst_case
from risksvc.core.reservations import Reservation
from risksvc.core.types import BUY, HUNDRED, ZERO, Nanoseconds, PositionRange, Side

NOTHING_STANDS: PositionRange = PositionRange(ZERO, ZERO)


@dataclass(slots=True)
class StrategyLine:
    """One strategy in one instrument. Quantities are signed order units.

    `held` is the position's absolute value; `flying_*` are the quantities approved and not known to be at the venue,
    `reported_*` those of fills that it reported and the venue's feed has not told of.
    """

    strategy: str
    position: Decimal = ZERO
    working: Working = NOTHING_WORKING
    worst: WorstCase = FLAT
    held: Decimal = ZERO
    reservations: dict[str, Reservation] = field(default_factory=dict)
    flying_buy: Decimal = ZERO
    flying_sell: Decimal = ZERO
    reported_buy: Decimal = ZERO
    reported_sell: Decimal = ZERO
    young_fills: list[tuple[Nanoseconds, Decimal]] = field(default_factory=list)
    declared: PositionRange | None = None
    standing: PositionRange = NOTHING_STANDS
    belief: Belief | None = None

    def fill(self, signed: Decimal, *, lag: Nanoseconds, now: Nanoseconds) -> None:
        """Adds a fill that is this strategy's; `lag` is how long its tracker may take to hear of it."""
        self.position += signed
        if self.belief is not None:
            self.belief.may_lack(signed)
        self.young_fills.append((now, signed))
        self._forget_old_fills(lag=lag, now=now)

    def declare(self, intent: PositionRange) -> None:
        """Takes a declaration in; the same one again changes nothing."""
        declared = self.declared
        if declared is not None and intent.low == declared.low and intent.high == declared.high:
            return
        self.declared = intent
        low, high = min(ZERO, self.worst.low), max(ZERO, self.worst.high)
        self.standing = PositionRange(low, high) if low or high else NOTHING_STANDS

    def revalue(self, unit: Decimal | None) -> None:
        """Computes worst case and held value anew; without a unit's value only quantities are known."""
        self.worst = worst_case(self.position, self.position, working=self.working, unit=unit or ZERO)
        self.value_held(unit)
        self.shrink_standing()

    def value_held(self, unit: Decimal | None) -> Decimal:
        """Computes the held value anew; gives what it has grown by."""
        before, self.held = self.held, abs(self.position) * (unit or ZERO)
        return self.held - before

    def shrink_standing(self) -> None:
        """Lets what stood at the declaration follow what stands now, towards zero only."""
        if self.standing is NOTHING_STANDS:
            return
        self.standing = PositionRange(
            max(self.standing.low, min(ZERO, self.worst.low)), min(self.standing.high, max(ZERO, self.worst.high))
        )

    def intent(self, *, in_file: PositionRange | None, clamp: Decimal | None) -> PositionRange | None:
        """The intent that counts: declared, else the file's, clamped to the file's `max_intended`."""
        intent = self.declared or in_file
        if intent is None or clamp is None or (-clamp <= intent.low and intent.high <= clamp):
            return intent
        return PositionRange(_clamp(intent.low, clamp), _clamp(intent.high, clamp))

    def band(self, intent: PositionRange, *, percent: Decimal) -> PositionRange:
        """Where the position may be."""
        low = min(ZERO, intent.low * percent / HUNDRED, self.standing.low)
        return PositionRange(low, max(ZERO, intent.high * percent / HUNDRED, self.standing.high))

    def believe(self, quantity: Decimal, *, lag: Nanoseconds, now: Nanoseconds) -> None:
        """Takes a belief in; the ledger stays as it is."""
        self.belief = Belief(quantity, now)
        if self.young_fills:
            self._forget_old_fills(lag=lag, now=now)
            for _, signed in self.young_fills:
                self.belief.may_lack(signed)

    def belief_agrees(self) -> bool:
        """True when fills not heard of and quantity in flight explain what the belief differs by (or there is none)."""
        if self.belief is None or self.belief.quantity == self.position:
            return True  # what may explain a difference only widens what is allowed around it
        # The tracker may have heard of fills before the ledger: of those in flight, and of those that it reported.
        low = self.belief.unheard_low - self.flying_sell - self.reported_sell
        high = self.belief.unheard_high + self.flying_buy + self.reported_buy
        return low <= self.belief.quantity - self.position <= high

    def report(self, side: Side, quantity: Decimal) -> None:
        """So much more (or, negative, less) is reported by it alone."""
        if side is BUY:
            self.reported_buy += quantity
        else:
            self.reported_sell += quantity

    def fly(self, side: Side, quantity: Decimal) -> None:
        """So much more (or, negative, less) is in flight."""
        if side is BUY:
            self.flying_buy += quantity
        else:
            self.flying_sell += quantity

    def _forget_old_fills(self, *, lag: Nanoseconds, now: Nanoseconds) -> None:
        if self.young_fills and now - self.young_fills[0][0] > lag:
            self.young_fills = [(at, signed) for at, signed in self.young_fills if now - at <= lag]


@dataclass(slots=True)
class StrategyBook:
    """One strategy of one account, over all instruments. `held` is the absolute value of its positions, summed.

    `watched`: it follows its trading state; `heard_at`: when it last reported, or began or ceased to follow. Checks are
    not in it: those that are approved, and beliefs, have their own times.
    """

    total: Decimal = ZERO
    held: Decimal = ZERO
    version: str = ""
    resumed_at: Nanoseconds = 0
    beliefs: HeldBeliefs = field(default_factory=HeldBeliefs)
    approvals: deque[Nanoseconds] = field(default_factory=deque)
    breaches: deque[Nanoseconds] = field(default_factory=deque)
    watched: bool = False
    heard_at: Nanoseconds = 0


def _clamp(value: Decimal, bound: Decimal) -> Decimal:
    return max(-bound, min(bound, value))
