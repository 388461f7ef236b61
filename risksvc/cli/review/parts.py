"""What files and a venue's history give alike: plain parts, from which one case is assembled.

Values only; times are nanoseconds UTC, quantities signed where they are positions.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.impact.types import DecisionKind, FundingPoint, MarkPoint, StartingPosition
from risksvc.core.limits import Limits
from risksvc.core.types import Instrument, Nanoseconds
from risksvc.core.venue_events import Fill


@dataclass(frozen=True, slots=True)
class ListedInstrument:
    """An instrument, and what is said of it beside its shape; None: limits say it, or nobody."""

    instrument: Instrument
    rate: Decimal | None = None
    max_net_exposure: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PartFill:
    """A fill as somebody wrote it down. `strategy`: whose, where no order says so."""

    at: Nanoseconds
    fill: Fill
    strategy: str = ""
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class PartOrder:
    """An order. `sent`: signed quantity that went to the venue; `person` not empty: nobody's decision but theirs."""

    at: Nanoseconds
    strategy: str
    symbol: str
    client_order_id: str
    sent: Decimal
    venue_order_id: str = ""
    belief: Decimal | None = None
    intent: Decimal | None = None
    version: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class PartStatement:
    """What a strategy believed (BELIEF_REPORT) or wanted (INTENT_REPORT), without an order."""

    at: Nanoseconds
    strategy: str
    symbol: str
    quantity: Decimal
    kind: DecisionKind
    version: str = ""


@dataclass(slots=True)
class Parts:
    """Everything that was read. `missing`: what could not be known."""

    instruments: dict[str, ListedInstrument] = field(default_factory=dict)
    fills: list[PartFill] = field(default_factory=list)
    orders: list[PartOrder] = field(default_factory=list)
    statements: list[PartStatement] = field(default_factory=list)
    marks: dict[str, list[MarkPoint]] = field(default_factory=dict)
    funding: list[FundingPoint] = field(default_factory=list)
    starting: list[StartingPosition] = field(default_factory=list)
    limits: Limits | None = None
    missing: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
