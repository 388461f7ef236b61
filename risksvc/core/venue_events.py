"""What the venue feed says: the Inputs of `risksvc.core.gate` that come from an exchange, and their parts.

Data only. Rule 1: every one names its account. Rule 2: a field that is added has a default, so that journals written
before it still read. What is absent from a complete read is flat; a read that is not complete is a `ReadFailed`.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.types import Instrument, Nanoseconds, Side


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
