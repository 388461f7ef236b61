"""What the review of an incident takes in: values only, no arithmetic.

Units, everywhere: times are integer nanoseconds UTC; quantities are signed order units (contracts; base units for
spot), above zero long; prices are in the quote currency. *Settle currency* is the quote currency, for an inverse
contract the base coin. Money without another word is in the report's currency.

The sources (journal, CSV, the venue's history) make an `ImpactCase`; `risksvc.core.impact.review.review` makes an
`ImpactReport` (`risksvc.core.impact.report`) of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.types import SECOND, ZERO, Instrument, Nanoseconds


class DecisionKind(Enum):
    """What the strategy did at a decision; each is one, also when nothing was sent."""

    ORDER = "ORDER"
    BELIEF_REPORT = "BELIEF_REPORT"
    INTENT_REPORT = "INTENT_REPORT"


class TargetRule(Enum):
    """What a decision wanted to reach, when both are recorded and they differ (slices, a bug in sizing)."""

    INTENT_FIRST = "INTENT_FIRST"  # the recorded intent, else belief + order sent
    BELIEF_PLUS_ORDER = "BELIEF_PLUS_ORDER"  # belief + order sent, else the recorded intent


@dataclass(frozen=True, slots=True)
class ImpactInstrument:
    """An instrument under review.

    `rate`: report currency per unit of its quote currency. `max_net_exposure`: its limit in the report's currency, None
    where there is none. `proven_at`: when this instrument was proven corrected or flat, where that is not the window's.
    """

    instrument: Instrument
    rate: Decimal
    max_net_exposure: Decimal | None = None
    proven_at: Nanoseconds | None = None

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol


@dataclass(frozen=True, slots=True)
class ImpactFill:
    """One fill of the account; the source gives each once.

    `quantity`: signed, bought above zero. `fee`: in the settle currency, above zero paid (a spot fee in the base coin
    is converted at the fill's price). `decision_id`: empty when no decision of the strategy stands behind it: unknown,
    by hand, a liquidation, a flatten. `strategy`: empty when nobody knows; a decision's fill belongs to the decision's.
    """

    at: Nanoseconds
    symbol: str
    strategy: str
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    fill_id: str = ""
    decision_id: str = ""


@dataclass(frozen=True, slots=True)
class ImpactDecision:
    """One decision of a strategy in one instrument; `decision_id` is unique in the case.

    `intended`: the position it was to reach, where recorded. `believed`: the position that it believed it held, orders
    still working not counted; None: not said. `order`: what went to the venue, signed; zero when nothing was sent or
    the gate denied it. `max_position`: the largest |position| that it was allowed, besides the instrument's limit.
    """

    at: Nanoseconds
    decision_id: str
    symbol: str
    strategy: str
    kind: DecisionKind
    intended: Decimal | None = None
    believed: Decimal | None = None
    order: Decimal = ZERO
    version: str = ""
    max_position: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarkPoint:
    """An instrument's price from this time on, until the next point.

    `low` and `high`: how far it may have been from the mark meanwhile (None: the mark itself). `half_spread`: half of
    ask - bid, in price; None: the assumption's.
    """

    at: Nanoseconds
    mark: Decimal
    low: Decimal | None = None
    high: Decimal | None = None
    half_spread: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FundingPoint:
    """One funding time of an instrument: either of the two is given.

    `rate`: what a long position pays, as a fraction of its value at the mark. `payment`: what the account received for
    all it held then, in the settle currency, below zero when it paid.
    """

    at: Nanoseconds
    symbol: str
    rate: Decimal | None = None
    payment: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StartingPosition:
    """What a strategy held at the window's start, before any fill in it; `believed` None: as held."""

    symbol: str
    strategy: str
    actual: Decimal
    believed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ImpactWindow:
    """What time is under review. Fills from `start` to `end` inclusive count; starting positions are as of `start`.

    `corrected_at`: the belief was proven right again; `flat_at`: the positions were proven flat; the earlier of both is
    the horizon, else `end`. `affected_from`: set when a person knows when the fault began; from then on every decision
    is judged against its target, also one whose belief was right. None: found from the beliefs.
    """

    start: Nanoseconds
    end: Nanoseconds
    discovered_at: Nanoseconds | None = None
    halted_at: Nanoseconds | None = None
    corrected_at: Nanoseconds | None = None
    flat_at: Nanoseconds | None = None
    affected_from: Nanoseconds | None = None


@dataclass(frozen=True, slots=True)
class ImpactAssumptions:
    """What the counterfactual has to assume; the report states each.

    `half_spread_bps`, `impact_bps`: of the mark, for what the market did not show; `fee_rate`: of the value, for a
    decision that has no fill to take it from. `belief_lag`: fills this young need not be in a belief yet.
    `spread_range`: the envelope goes from no spread and impact to this multiple of both.
    """

    half_spread_bps: Decimal = Decimal(1)
    impact_bps: Decimal = ZERO
    fee_rate: Decimal = ZERO
    belief_lag: Nanoseconds = 2 * SECOND
    target: TargetRule = TargetRule.INTENT_FIRST
    spread_range: Decimal = Decimal(2)


@dataclass(frozen=True, slots=True)
class ImpactCase:
    """Everything a review is computed from. Sequences need no order; each instrument traded has at least one mark.

    `max_total_exposure`: the account's limit in the report's currency. `flatten_fill_ids`: fills of the flatten.
    """

    currency: str
    window: ImpactWindow
    instruments: tuple[ImpactInstrument, ...]
    marks: Mapping[str, tuple[MarkPoint, ...]]
    fills: tuple[ImpactFill, ...] = ()
    decisions: tuple[ImpactDecision, ...] = ()
    funding: tuple[FundingPoint, ...] = ()
    starting: tuple[StartingPosition, ...] = ()
    flatten_fill_ids: tuple[str, ...] = ()
    max_total_exposure: Decimal | None = None
    assumptions: ImpactAssumptions = field(default_factory=ImpactAssumptions)
