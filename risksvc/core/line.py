"""One position key of one account: three ledgers kept apart, and everything that can still change the position.

`ledger` is every fill that the venue's feed has told of plus what was adopted; `venue` is what the last complete read
said; beliefs are in the strategies' lines. `low` and `high` bound what can be true: equal when ledger and venue agree,
else their hull. What only a strategy has reported is kept apart (`reported`): it moves nothing until the feed tells it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.divergences import DivergenceClass
from risksvc.core.exposure import FLAT, NOTHING_WORKING, Working, WorstCase, worst_case
from risksvc.core.marks import MarkState
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import ZERO, Instrument, InstrumentKind, Nanoseconds
from risksvc.core.venue_events import Fill, Leg
from risksvc.core.windows import NOTHING_HELD, Held, Window, window_of

# Marks a field that follows from the others: no snapshot holds it, and a state that was read finds it anew.
DERIVED: Mapping[str, bool] = {"derived": True}


@dataclass(slots=True)
class Suspicion:
    """A difference that is not explained yet; `reads` counts complete reads that showed it.

    `unconfirmed`: the read took exposure away without a fill. `offsets`: what the venue may have more than the ledger,
    by every read so far; `ambiguous`: the last read would fit with or without them.
    """

    divergence: DivergenceClass
    strategy: str
    message: str
    since: Nanoseconds
    reads: int = 0
    diverged: bool = False
    unconfirmed: bool = False
    offsets: tuple[Held, ...] = ()
    ambiguous: bool = False


@dataclass(slots=True)
class ReportedFill:
    """A fill that a strategy reported, and that the venue's feed has not told of yet."""

    fill: Fill
    strategy: str
    at: Nanoseconds


@dataclass(slots=True)
class Line:
    """One instrument (or spot asset, with a mark per pair) of one account.

    `unit` is the value of one order unit of position, None while it is not known; `held` the value that is certainly
    held, at the interval's smaller end; `unexplained` the fills without an approval, by instrument and trade id, as are
    `reported` ones. `long`, `short` are the ledger's legs in hedge mode. `residual`: venue less ledger, within
    tolerance; `drift`: the same beyond it, while they differ. `suspected`: when this line became suspect and a complete
    read showed it, within the last hour. `asleep`: a complete read that does not show it changes nothing.
    """

    key: str
    instrument: Instrument | None = None
    ledger: Decimal = ZERO
    base: Decimal = ZERO
    recent: list[Fill] = field(default_factory=list)
    venue: Decimal | None = None
    low: Decimal = ZERO
    high: Decimal = ZERO
    adopted: Decimal = ZERO
    unexplained: dict[tuple[str, str], Fill] = field(default_factory=dict)
    overfilled: bool = False
    suspicions: dict[tuple[str, str], Suspicion] = field(default_factory=dict)
    strategies: dict[str, StrategyLine] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    working: Working = NOTHING_WORKING
    worst: WorstCase = FLAT
    held: Decimal = ZERO
    marks: dict[str, MarkState] = field(default_factory=dict)
    unit: Decimal | None = None
    warned: int = 0
    long: Decimal = ZERO
    short: Decimal = ZERO
    base_long: Decimal = ZERO
    base_short: Decimal = ZERO
    venue_long: Decimal | None = None
    venue_short: Decimal | None = None
    drift: Held = NOTHING_HELD
    residual: Decimal = ZERO
    reported: dict[tuple[str, str], ReportedFill] = field(default_factory=dict)
    suspected: list[Nanoseconds] = field(default_factory=list)
    asleep: bool = field(default=False, metadata=DERIVED)

    @property
    def symbol(self) -> str:
        """The instrument's symbol, or the key while the venue has not said what it is."""
        return self.key if self.instrument is None else self.instrument.symbol

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every instrument that trades this position and has a mark; its symbol while none has."""
        return tuple(self.marks) or (self.symbol,)

    @property
    def mark(self) -> MarkState | None:
        """The mark; for a spot asset, of its first pair."""
        return next(iter(self.marks.values()), None)

    @property
    def drifting(self) -> bool:
        """Ledger and venue differ, in the net or in a leg."""
        return self.drift != NOTHING_HELD

    def leg_drift(self, leg: Leg) -> Decimal:
        """By how much one leg differs, signed as the position that it makes."""
        return self.drift.long if leg is Leg.LONG else -self.drift.short

    @property
    def legs_drift(self) -> bool:
        """Whether a leg differs."""
        return bool(self.drift.long or self.drift.short)

    @property
    def idle(self) -> bool:
        """Nothing is held and nothing can fill: needs no mark."""
        return not (self.low or self.high or self.reservations)

    def may_sleep(self, *, legs: bool) -> bool:
        """True when nothing is held, works or is doubted, and the next complete read would leave all as this one did.

        `legs`: the account has a long and a short position per instrument.
        """
        stirs = self.reservations or self.suspicions or self.unexplained or self.reported or self.recent
        if stirs or self.low or self.high or self.ledger or self.drifting:
            return False
        if any(part.position for part in self.strategies.values()):
            return False
        return self._was_read_as_flat(legs=legs)

    def _was_read_as_flat(self, *, legs: bool) -> bool:
        """To the digit: 0 is what a read says that does not show it, 0.00 what one says that does."""
        read, flat = [self.venue, self.residual], [ZERO, ZERO - self.base]
        if legs:
            read += [self.venue_long, self.venue_short, self.long, self.short, self.base_long, self.base_short]
            flat += [ZERO] * 6
        return all(one is not None and not one.compare_total(zero) for one, zero in zip(read, flat, strict=True))

    @property
    def attributed(self) -> Decimal:
        """What strategies and adoption explain of the ledger."""
        return sum((one.position for one in self.strategies.values()), self.adopted)

    @property
    def tolerance(self) -> Decimal:
        """What venue and ledger may differ by: nothing, but for a spot balance, which the venue rounds, one step."""
        if self.instrument is None or self.instrument.kind is not InstrumentKind.SPOT:
            return ZERO
        return self.instrument.quantity_step or ZERO

    def strategy(self, name: str) -> StrategyLine:
        """The strategy's part, made when first needed."""
        part = self.strategies.get(name)
        if part is None:
            part = self.strategies[name] = StrategyLine(name)
        return part

    def suspect(self, suspicion: Suspicion) -> Suspicion:
        """Keeps a suspicion, or finds the one that stands for the same."""
        self.asleep = False
        return self.suspicions.setdefault((suspicion.divergence.value, suspicion.strategy), suspicion)

    def change(self, fill: Fill) -> Decimal:
        """What a fill changes the position by: the venue takes a spot fee in the base asset out of it."""
        signed = fill.quantity * fill.side.sign
        if fill.fee is not None and fill.fee_currency == self.key:
            signed -= fill.fee
        return signed

    def move(self, fill: Fill) -> None:
        """Adds a fill to the ledger."""
        self.asleep = False
        signed = self.change(fill)
        self.ledger += signed
        self.low += signed
        self.high += signed
        self._set_legs(Held(ZERO, self.long, self.short).plus(signed, fill.leg))
        self.recent.append(fill)

    def enter(self, signed: Decimal, leg: Leg | None) -> None:
        """Adds to the ledger what no fill tells of: an adopted difference."""
        self.asleep = False
        self.ledger += signed
        self._set_legs(Held(ZERO, self.long, self.short).plus(signed, leg))
        self._set_base(self._base.plus(signed, leg))
        self.differ((self.drift.less(NOTHING_HELD.plus(signed, leg)),))

    def agree(self) -> None:
        """Ledger and venue are the same."""
        self.drift = NOTHING_HELD
        self.low = self.high = self.ledger

    def differ(self, offsets: Sequence[Held]) -> None:
        """The venue has more than the ledger by one of these, the last the likeliest: the position is an interval."""
        self.drift = offsets[-1]
        self.low = self.ledger + min(ZERO, *(one.net for one in offsets))
        self.high = self.ledger + max(ZERO, *(one.net for one in offsets))

    def widen(self, offsets: Sequence[Held]) -> None:
        """Any of these may be the difference by now, beside what was possible before."""
        self.low = min(self.low, self.ledger + min(one.net for one in offsets))
        self.high = max(self.high, self.ledger + max(one.net for one in offsets))

    def _set_legs(self, held: Held) -> None:
        self.long, self.short = held.long, held.short

    @property
    def _base(self) -> Held:
        return Held(self.base, self.base_long, self.base_short)

    def _set_base(self, held: Held) -> None:
        self.base, self.base_long, self.base_short = held.net, held.long, held.short

    def window(self, *, from_ms: int, to_ms: int, sequence: int = 0) -> Window:
        """The moments that a read may show. `sequence`: the venue's own counter in it; 0: none."""
        self.recent.sort(key=_time_and_id)
        changes = [(fill, self.change(fill)) for fill in self.recent]
        return window_of(self._base, changes, from_ms=from_ms, to_ms=to_ms, sequence=sequence)

    def compact(self, *, before_ms: int) -> None:
        """Folds fills that no later window can reach into the base."""
        keep = []
        base = self._base
        for fill in self.recent:
            if fill.venue_time_ms < before_ms:
                base = base.plus(self.change(fill), fill.leg)
            else:
                keep.append(fill)
        self._set_base(base)
        self.recent = keep

    def revalue(self) -> None:
        """Computes worst case and held value anew. Without a unit's value only quantities are known."""
        unit = self.unit or ZERO
        self.worst = worst_case(self.low, self.high, working=self.working, unit=unit)
        self.held = max(ZERO, self.low, -self.high) * unit
        if not (self.low or self.high):
            self.overfilled = False  # what was filled too much has gone


def _time_and_id(fill: Fill) -> tuple[int, str]:
    return fill.venue_time_ms, fill.trade_id
