"""What the review of an incident gives back: values only, no arithmetic but sums.

Units as in `risksvc.core.impact.types`. All money here is in the report's currency, and **above zero is a cost**, below
zero a gain. Whatever is said to add up does so exactly: equal Decimals, nothing rounded in between (who adds rows up
does so in `risksvc.core.impact.money.exact`, or where `use_exact_arithmetic` was called).
"""

from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.impact.money import exact
from risksvc.core.impact.types import DecisionKind, ImpactWindow, TargetRule
from risksvc.core.types import ZERO, Nanoseconds


@dataclass(frozen=True, slots=True)
class CostPieces:
    """A cost in the report's currency, in the pieces that it is the exact sum of; below zero is a gain."""

    direction: Decimal = ZERO
    execution: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        with exact():
            return self.direction + self.execution + self.fees + self.funding

    def __add__(self, other: "CostPieces") -> "CostPieces":
        with exact():
            return CostPieces(
                self.direction + other.direction,
                self.execution + other.execution,
                self.fees + other.fees,
                self.funding + other.funding,
            )


@dataclass(frozen=True, slots=True)
class LedgerPoint:
    """The three ledgers of a line from this time on; `believed` None: the strategy never said."""

    at: Nanoseconds
    believed: Decimal | None
    actual: Decimal
    counterfactual: Decimal


@dataclass(frozen=True, slots=True)
class LineImpact:
    """One strategy in one instrument. `horizon`: where it is valued, at `horizon_mark`. `points`: a step series."""

    strategy: str
    symbol: str
    horizon: Nanoseconds
    horizon_mark: Decimal
    points: tuple[LedgerPoint, ...]
    belief_cost: CostPieces


@dataclass(frozen=True, slots=True)
class Divergence:
    """A time in which belief and actual position differed.

    `until` None: still at the horizon. `first`, `largest`: believed - actual, signed, order units.
    """

    strategy: str
    symbol: str
    since: Nanoseconds
    until: Nanoseconds | None
    first: Decimal
    largest: Decimal
    decisions: int


@dataclass(frozen=True, slots=True)
class VersionPeriod:
    """The decisions that a strategy's version took on a wrong belief. `version` empty: not recorded."""

    strategy: str
    version: str
    first: Nanoseconds
    last: Nanoseconds
    decisions: int


@dataclass(frozen=True, slots=True)
class AffectedPeriod:
    """From the first divergence to its correction, else to the horizon (`corrected` False)."""

    start: Nanoseconds
    end: Nanoseconds
    corrected: bool
    versions: tuple[VersionPeriod, ...]


@dataclass(frozen=True, slots=True)
class DecisionCost:
    """One decision that the counterfactual changed, or whose cost is not zero.

    `order`: what was sent; `filled`: what filled of it; `would_send`, `would_fill`: the same in the counterfactual;
    `delta` = filled - would_fill. `target` is where the counterfactual went to, `mark` the mark at the decision.
    """

    decision_id: str
    at: Nanoseconds
    strategy: str
    symbol: str
    version: str
    kind: DecisionKind
    believed: Decimal | None
    target: Decimal
    order: Decimal
    filled: Decimal
    would_send: Decimal
    would_fill: Decimal
    delta: Decimal
    mark: Decimal
    cost: CostPieces


@dataclass(frozen=True, slots=True)
class Share:
    """One row of an attribution; the rows' costs add up to the belief cost, exactly, piece by piece."""

    name: str
    decisions: int
    cost: CostPieces


@dataclass(frozen=True, slots=True)
class DayCost:
    """What accrued on a UTC day ("2022-01-10"), positions marked at its end; the days add up exactly."""

    day: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class CostPoint:
    """The belief cost as it stood at a time, at the mark of that time."""

    at: Nanoseconds
    cost: Decimal


@dataclass(frozen=True, slots=True)
class OriginCost:
    """What a position that nobody knew of cost until the next decision, which could first have known.

    `fill_id` empty: what was held and not believed at the window's start.
    """

    strategy: str
    symbol: str
    fill_id: str
    quantity: Decimal
    price: Decimal
    since: Nanoseconds
    until: Nanoseconds
    cost: Decimal


@dataclass(frozen=True, slots=True)
class HaltDelay:
    """What the orders decided between discovery and halt have cost by the horizon. Not added: part of what is above."""

    since: Nanoseconds
    until: Nanoseconds
    decisions: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class FlattenCost:
    """One instrument's flatten against `arrival`, the mark when its first fill came."""

    symbol: str
    quantity: Decimal
    arrival: Decimal
    slippage: Decimal
    fees: Decimal

    @property
    def cost(self) -> Decimal:
        """All of it."""
        with exact():
            return self.slippage + self.fees


@dataclass(frozen=True, slots=True)
class Breach:
    """A time in which the actual exposure was over a limit and the believed one was not. `symbol` empty: the total.

    `highest` is the largest actual exposure in it, `believed` the believed one at that moment, both as values.
    """

    symbol: str
    since: Nanoseconds
    until: Nanoseconds
    limit: Decimal
    highest: Decimal
    believed: Decimal


@dataclass(frozen=True, slots=True)
class OtherTarget:
    """The belief cost under the other target rule, where recorded intent and belief + order differ in `decisions`."""

    rule: TargetRule
    decisions: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class ImpactReport:
    """The answer. `belief_cost` is the number; `low` and `high` are an envelope around it, not a confidence interval.

    `by_day` is by accrual, `by_decision_day` by the day of the decision. `decided` False: there were no records of
    decisions, and only what was carried is reported. `decision_costs` holds those of all decisions that are not zero.
    """

    currency: str
    window: ImpactWindow
    horizon: Nanoseconds
    decided: bool
    belief_cost: CostPieces
    low: Decimal
    high: Decimal
    affected: AffectedPeriod | None
    lines: tuple[LineImpact, ...]
    divergences: tuple[Divergence, ...]
    decisions: int
    decision_costs: tuple[DecisionCost, ...]
    by_instrument: tuple[Share, ...]
    by_strategy: tuple[Share, ...]
    by_version: tuple[Share, ...]
    by_decision_day: tuple[Share, ...]
    by_day: tuple[DayCost, ...]
    cost_over_time: tuple[CostPoint, ...]
    origin: tuple[OriginCost, ...]
    halt_delay: HaltDelay | None
    flatten: tuple[FlattenCost, ...]
    breaches: tuple[Breach, ...]
    other_target: OtherTarget | None
    notes: tuple[str, ...]
    assumptions: tuple[str, ...]
    formulas: tuple[str, ...]

    @property
    def origin_cost(self) -> Decimal:
        """What was carried until it could be known."""
        with exact():
            return sum((one.cost for one in self.origin), ZERO)

    @property
    def flatten_cost(self) -> Decimal:
        """What the flatten cost against the marks on arrival."""
        with exact():
            return sum((one.cost for one in self.flatten), ZERO)

    @property
    def total(self) -> Decimal:
        """Belief, origin and flatten: what the incident cost, as a number. The halt's delay is no part of it."""
        with exact():
            return self.belief_cost.total + self.origin_cost + self.flatten_cost
