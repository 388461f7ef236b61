"""One position key of one account: three ledgers kept apart, and everything that can still change the position.

`ledger` is every fill known plus what was adopted; `venue` is what the last complete read said; beliefs are in the
strategies' lines. `low` and `high` bound what can be true: equal when ledger and venue agree, else their hull.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.events import Fill, VenuePosition
from risksvc.core.exposure import FLAT, NOTHING_WORKING, Working, WorstCase, order_price, unit_value, worst_case
from risksvc.core.marks import MarkState
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import ZERO, Instrument, Nanoseconds

# A trade id is remembered until this many newer ones have come; an older fill is told, not counted (`horizon_ms`).
TRADES_KEPT = 200_000


class DivergenceClass(Enum):
    """What differs; the names are the metric's labels and the runbook's headings."""

    UNEXPECTED_FILL = "UNEXPECTED_FILL"
    UNEXPECTED_ORDER = "UNEXPECTED_ORDER"
    POSITION_DRIFT = "POSITION_DRIFT"
    BELIEF_DRIFT = "BELIEF_DRIFT"


@dataclass(slots=True)
class Suspicion:
    """A difference that is not explained yet; `reads` counts complete reads that showed it."""

    divergence: DivergenceClass
    strategy: str
    message: str
    since: Nanoseconds
    reads: int = 0
    diverged: bool = False


@dataclass(slots=True)
class Line:
    """One instrument (or spot asset) of one account."""

    key: str
    instrument: Instrument | None = None
    ledger: Decimal = ZERO
    base: Decimal = ZERO
    recent: list[Fill] = field(default_factory=list)
    trades: OrderedDict[str, int] = field(default_factory=OrderedDict)
    horizon_ms: int = 0
    venue: Decimal | None = None
    venue_row: VenuePosition | None = None
    low: Decimal = ZERO
    high: Decimal = ZERO
    adopted: Decimal = ZERO
    unexplained: dict[str, Fill] = field(default_factory=dict)
    overfilled: bool = False
    suspicions: dict[tuple[str, str], Suspicion] = field(default_factory=dict)
    strategies: dict[str, StrategyLine] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    working: Working = NOTHING_WORKING
    worst: WorstCase = FLAT
    mark: MarkState | None = None
    unit: Decimal | None = None
    warned: int = 0

    @property
    def symbol(self) -> str:
        """The instrument's symbol, or the key while the venue has not said what it is."""
        return self.key if self.instrument is None else self.instrument.symbol

    @property
    def idle(self) -> bool:
        """Nothing is held and nothing can fill: needs no mark."""
        return not (self.low or self.high or self.reservations)

    @property
    def attributed(self) -> Decimal:
        """What strategies and adoption explain of the ledger."""
        return sum((one.position for one in self.strategies.values()), self.adopted)

    def strategy(self, name: str) -> StrategyLine:
        """The strategy's part, made when first needed."""
        part = self.strategies.get(name)
        if part is None:
            part = self.strategies[name] = StrategyLine(name)
        return part

    def is_suspect(self) -> bool:
        """Something differs and is not explained."""
        return bool(self.suspicions)

    def suspect(self, suspicion: Suspicion) -> Suspicion:
        """Keeps a suspicion, or finds the one that stands for the same."""
        return self.suspicions.setdefault((suspicion.divergence.value, suspicion.strategy), suspicion)

    def price_of(self, reservation: Reservation, *, rate: Decimal, collar: Decimal) -> Decimal:
        """The value of one unit of an order at the worst price that it can fill at; 0 without a mark."""
        if self.mark is None or self.instrument is None:
            return ZERO
        price = order_price(
            reservation.order.side,
            reservation.order.type,
            limit_price=reservation.limit_price,
            mark=self.mark.price,
            collar=collar,
        )
        return unit_value(self.instrument, rate=rate, price=price)

    def move(self, fill: Fill) -> bool:
        """Adds a fill to the ledger, once; False when its trade id is known."""
        if not self.remember(fill):
            return False
        signed = fill.quantity * fill.side.sign
        self.ledger += signed
        self.low += signed
        self.high += signed
        self.recent.append(fill)
        return True

    def remember(self, fill: Fill) -> bool:
        """Keeps a trade id; False when it is known."""
        if fill.trade_id in self.trades:
            return False
        self.trades[fill.trade_id] = fill.venue_time_ms
        if len(self.trades) > TRADES_KEPT:
            _, forgotten_ms = self.trades.popitem(last=False)
            self.horizon_ms = max(self.horizon_ms, forgotten_ms)
        return True

    def prefix_sums(self, *, from_ms: int, to_ms: int) -> tuple[Decimal, list[Decimal], Decimal]:
        """Ledger before the window, the sums that a read inside it may show, and what came after it."""
        self.recent.sort(key=_time_and_id)
        total = self.base
        sums: list[Decimal] = []
        for fill in self.recent:
            signed = fill.quantity * fill.side.sign
            if fill.venue_time_ms < from_ms:
                total += signed
            elif fill.venue_time_ms <= to_ms:
                if not sums:
                    sums.append(total)
                total += signed
                sums.append(total)
            else:
                break
        if not sums:
            sums.append(total)
        return sums[0], sums, self.ledger - total

    def compact(self, *, before_ms: int) -> None:
        """Folds fills that no later window can reach into the base."""
        keep = []
        for fill in self.recent:
            if fill.venue_time_ms < before_ms:
                self.base += fill.quantity * fill.side.sign
            else:
                keep.append(fill)
        self.recent = keep

    def revalue(self) -> Decimal:
        """Computes the worst case anew; gives the change in exposure. Without a mark only quantities are known."""
        before = self.worst.exposure
        self.worst = worst_case(self.low, self.high, working=self.working, unit=self.unit or ZERO)
        return self.worst.exposure - before


def _time_and_id(fill: Fill) -> tuple[int, str]:
    return fill.venue_time_ms, fill.trade_id
