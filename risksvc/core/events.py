"""Every Input that can change the gate's state. Together with `now` they are all that a decision depends on.

Rules: an Input is a frozen value that a journal can hold and replay; a field is added only with a default, and is never
given another meaning. What a decision gives back is in `risksvc.core.outputs`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.config import GateConfig
from risksvc.core.flatten.events import (
    FlattenConfirmed,
    FlattenOrderAnswered,
    FlattenRequested,
    FlattenSliced,
    FlattenStopped,
)
from risksvc.core.immutable import immutable
from risksvc.core.incident.events import (
    AssessmentTaken,
    CauseNamed,
    CourseChosen,
    DeliveryRecorded,
    HoldReminded,
    IncidentClosed,
    IncidentNoted,
    IncidentOpened,
    IncidentTaken,
    MessageAddressed,
    ReviewRecorded,
)
from risksvc.core.limits import Limits
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import (
    Nanoseconds,
    Order,
    PositionRange,
    Scope,
    Severity,
    TradingState,
)
from risksvc.core.venue_events import (
    BalancesReceived,
    FeedConnected,
    FeedDisconnected,
    Fill,
    FillsReceived,
    HistoryGapFound,
    Leg,
    MarksReceived,
    OrderStatesReceived,
    ReadFailed,
    SnapshotReceived,
)

# -- the gate itself ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateStarted:
    """A process has started on this state. Leases, feeds and freshness begin anew; everything else stands."""

    config: GateConfig


@dataclass(frozen=True, slots=True)
class DrainStarted:
    """The process is shutting down: nothing more is approved."""


@dataclass(frozen=True, slots=True)
class FaultLatched:
    """An internal error or a failed journal write: nothing more is approved until a person resumes."""

    what: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed. Changes nothing unless it gives Outputs."""


@dataclass(frozen=True, slots=True)
class LimitsLoaded:
    """New limits replace the old, whole."""

    limits: Limits
    by: str
    reason: str


# -- kill switch --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeaseRenewed:
    """The kill switch's store was read whole; until `valid_until` nobody can have halted unseen."""

    valid_until: Nanoseconds


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The lease is given up before its time. `store_lost`: the store's history is not what this gate has seen."""

    store_lost: bool
    why: str


@dataclass(frozen=True, slots=True)
class HaltSeen:
    """A halt from the store, another gate, or this gate's own latch."""

    halt: Halt


@dataclass(frozen=True, slots=True)
class ClearSeen:
    """A clear from the store."""

    clear: Clear


@dataclass(frozen=True, slots=True)
class HaltRequested:
    """An operator halts. `halt_id` empty: the gate makes one."""

    scope: Scope
    state: TradingState
    reason: str
    by: str
    halt_id: str = ""
    severity: Severity = Severity.P1


@dataclass(frozen=True, slots=True)
class ResumeProposed:
    """An operator names halts to clear."""

    halt_ids: tuple[str, ...]
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ResumeConfirmed:
    """Another operator confirms."""

    proposal_id: str
    by: str


# -- strategies and operators -------------------------------------------------------------------------------------


@immutable
class OrderChecked:
    """A strategy asks. None of `intent` and `belief` means: not said."""

    order: Order
    intent: PositionRange | None = None
    belief: Decimal | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class OrdersChecked:
    """A strategy asks about several orders at once: each by itself, or (`all_or_none`) as one decision."""

    orders: tuple[OrderChecked, ...]
    all_or_none: bool = False


@dataclass(frozen=True, slots=True)
class ReducingOrderChecked:
    """An operator's own reducing order; `order.strategy` empty: the account's unattributed or adopted part.

    `valid_for` 0: as long as a person needs.
    """

    order: Order
    by: str
    reason: str
    valid_for: Nanoseconds = 0


@dataclass(frozen=True, slots=True)
class OrderExpected:
    """A person announces an order that he will place by hand: an ordinary check, with a reservation.

    `named`: the order will carry `order.client_order_id` at the venue; else it is known by what it is.
    `valid_for`: how long it may take to get there.
    """

    order: Order
    by: str
    reason: str
    valid_for: Nanoseconds
    named: bool = False


class OrderReport(Enum):
    """What a strategy says became of an approved order."""

    SENT = "SENT"
    NEVER_SENT = "NEVER_SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


@immutable
class OrderReported:
    """What a strategy says became of an approved order."""

    account: str
    strategy: str
    client_order_id: str
    report: OrderReport
    venue_order_id: str = ""


@dataclass(frozen=True, slots=True)
class FillReported:
    """A strategy tells of a fill before the venue's feed does."""

    account: str
    strategy: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class PositionReported:
    """What a strategy's own tracker believes."""

    account: str
    strategy: str
    instrument: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class StrategyWatched:
    """A strategy that holds something follows its trading state (a stream is open), or does not any more."""

    account: str
    strategy: str
    watched: bool


@dataclass(frozen=True, slots=True)
class AdoptItem:
    """Something to be explained: exactly one of trade id, venue order id, lost order, position quantity.

    `position_quantity`: venue less ledger, in hedge mode of one `leg`. `lost_client_order_id`: an approved order that
    the venue does not know any more; adopting it says that it is finished.
    """

    instrument: str
    trade_id: str = ""
    venue_order_id: str = ""
    position_quantity: Decimal | None = None
    owner: str = ""
    lost_client_order_id: str = ""
    leg: Leg | None = None


@dataclass(frozen=True, slots=True)
class AdoptRequested:
    """An operator explains what exists."""

    account: str
    items: tuple[AdoptItem, ...]
    cause: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class AdoptConfirmed:
    """Another operator confirms."""

    proposal_id: str
    by: str


Input = (
    GateStarted
    | DrainStarted
    | FaultLatched
    | Ticked
    | LimitsLoaded
    | LeaseRenewed
    | LeaseLost
    | HaltSeen
    | ClearSeen
    | HaltRequested
    | ResumeProposed
    | ResumeConfirmed
    | FeedConnected
    | FeedDisconnected
    | FillsReceived
    | SnapshotReceived
    | MarksReceived
    | OrderStatesReceived
    | ReadFailed
    | BalancesReceived
    | HistoryGapFound
    | OrderChecked
    | OrdersChecked
    | OrderExpected
    | ReducingOrderChecked
    | OrderReported
    | FillReported
    | PositionReported
    | StrategyWatched
    | AdoptRequested
    | AdoptConfirmed
    | IncidentOpened
    | IncidentNoted
    | IncidentTaken
    | CauseNamed
    | IncidentClosed
    | AssessmentTaken
    | CourseChosen
    | HoldReminded
    | MessageAddressed
    | DeliveryRecorded
    | ReviewRecorded
    | FlattenRequested
    | FlattenConfirmed
    | FlattenStopped
    | FlattenSliced
    | FlattenOrderAnswered
)
