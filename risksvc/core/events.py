"""Every Input that can change the gate's state. Together with `now` they are all that a decision depends on.

Rules: an Input is a frozen value that a journal can hold and replay; a field is added only with a default, and is never
given another meaning. What a decision gives back is in `risksvc.core.outputs`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.config import GateConfig
from risksvc.core.limits import Limits
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import (
    Instrument,
    Nanoseconds,
    Order,
    PositionRange,
    Scope,
    Severity,
    Side,
    TradingState,
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


# -- venue --------------------------------------------------------------------------------------------------------


class FillKind(Enum):
    """What a fill is. TRANSFER: a spot asset came in or went out; its price means nothing."""

    TRADE = "TRADE"
    LIQUIDATION = "LIQUIDATION"
    ADL = "ADL"
    DELIVERY = "DELIVERY"
    TRANSFER = "TRANSFER"


class Leg(Enum):
    """Which of the two positions of an instrument, in hedge mode."""

    LONG = "LONG"
    SHORT = "SHORT"


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `unresolved`: the feed could not yet find out which order it belongs to.

    `sequence`: the venue's own counter in this instrument, 0 where it has none.
    """

    instrument: str
    trade_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    venue_time_ms: int
    venue_order_id: str = ""
    client_order_id: str = ""
    fee: Decimal | None = None
    fee_currency: str = ""
    kind: FillKind = FillKind.TRADE
    unresolved: bool = False
    sequence: int = 0
    leg: Leg | None = None


class VenueStatus(Enum):
    """Where an order stands at the venue."""

    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue shows it. Empty ids: the venue shows none."""

    instrument: str
    side: Side
    quantity: Decimal
    filled: Decimal
    status: VenueStatus
    venue_order_id: str = ""
    client_order_id: str = ""
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    attached: bool = False
    parent_order_id: str = ""
    leg: Leg | None = None


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """Signed net quantity in the order unit; `key` is the instrument, or the asset for spot.

    `long` and `short` (0 or above) in hedge mode. `sequence`: fills up to this counter are in it; 0: not said.
    """

    key: str
    quantity: Decimal
    entry_price: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    liquidation_price: Decimal | None = None
    long: Decimal | None = None
    short: Decimal | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """The venue's mark; bid and ask where known."""

    instrument: str
    price: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FeedConnected:
    """A venue feed says what the venue lists and can do. `id_characters`: a regular-expression class body."""

    account: str
    venue: str
    instruments: tuple[Instrument, ...]
    enforces_reduce_only: bool
    id_max_length: int
    id_characters: str
    can_cancel: bool
    software: str = ""
    hedge_mode: bool = False
    limitations: tuple[str, ...] = ()
    reads_equity: bool = False
    has_stream: bool = False


@dataclass(frozen=True, slots=True)
class FeedDisconnected:
    """The feed is gone; reads grow old."""

    account: str


@dataclass(frozen=True, slots=True)
class FillsReceived:
    """Fills from the venue's feed, in any order, repeats allowed."""

    account: str
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class SnapshotReceived:
    """One complete read: everything that is held and works; what is absent is flat.

    `as_of`: the read began no earlier than this, on the gate's clock. The window is venue time between the fills reads.
    """

    account: str
    as_of: Nanoseconds
    window_start_ms: int
    window_end_ms: int
    positions: tuple[VenuePosition, ...]
    open_orders: tuple[VenueOrder, ...]


@dataclass(frozen=True, slots=True)
class MarksReceived:
    """Mark prices of one read."""

    account: str
    as_of: Nanoseconds
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class OrderStatesReceived:
    """Results of targeted reads."""

    account: str
    as_of: Nanoseconds
    orders: tuple[VenueOrder, ...]


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """A read that did not succeed; it never changes a position."""

    account: str
    what: str
    error: str
    unknown_instrument: str = ""


class CashFlowKind(Enum):
    """What moved cash, and no position."""

    FUNDING = "FUNDING"
    TRANSFER = "TRANSFER"
    FEE = "FEE"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class CashFlow:
    """One booking; `amount` above zero was received."""

    flow_id: str
    currency: str
    kind: CashFlowKind
    amount: Decimal
    venue_time_ms: int
    instrument: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """Equity (cash and unrealised PnL) of the whole account in one currency; `wallet` is the cash."""

    currency: str
    equity: Decimal
    wallet: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BalancesReceived:
    """Equity by currency, and the bookings since; a flow id counts once."""

    account: str
    as_of: Nanoseconds
    venue_time_ms: int
    balances: tuple[Balance, ...]
    flows: tuple[CashFlow, ...]


@dataclass(frozen=True, slots=True)
class HistoryGapFound:
    """The venue does not list fills of this time (venue milliseconds) any more."""

    account: str
    from_ms: int
    to_ms: int


# -- strategies and operators -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderChecked:
    """A strategy asks. None of `intent` and `belief` means: not said."""

    order: Order
    intent: PositionRange | None = None
    belief: Decimal | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class ReducingOrderChecked:
    """An operator's own reducing order; `order.strategy` empty: the account's unattributed or adopted part."""

    order: Order
    by: str
    reason: str


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


@dataclass(frozen=True, slots=True)
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
    | OrderExpected
    | ReducingOrderChecked
    | OrderReported
    | FillReported
    | PositionReported
    | AdoptRequested
    | AdoptConfirmed
)
