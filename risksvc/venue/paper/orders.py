"""The words of trading: sides, types, states, and the records of an order and of an execution.

Records only: what may change them is in `matching.py` and `accounts.py`. `symbol` is the instrument's key (of a spot
pair not the bare symbol). Quantities are in the instrument's order unit, values in the settle coin, fees in the coin
that they are taken in, times in milliseconds since the epoch. Invariants: `filled` is the sum of the quantities of
`fills`; a final order has no margin and is never changed again.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from risksvc.core.types import ZERO
from risksvc.venue.paper.decimals import money

ONE_WAY: Final = 0
LONG_LEG: Final = 1
SHORT_LEG: Final = 2


class Side(StrEnum):
    """Which way an order trades, as Bybit writes it."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def sign(self) -> int:
        """Give +1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Give the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order names its price."""

    LIMIT = "Limit"
    MARKET = "Market"


class TimeInForce(StrEnum):
    """How long an order may wait."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class OrderStatus(StrEnum):
    """The states of an order.

    Bybit ends a partly filled derivative order as `Cancelled` with an executed quantity; `PartiallyFilledCanceled` is
    what spot says. A stop waits as `Untriggered` and is `Deactivated` when it ends before its price was reached.
    """

    UNTRIGGERED = "Untriggered"
    DEACTIVATED = "Deactivated"
    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    PARTIALLY_FILLED_CANCELED = "PartiallyFilledCanceled"
    REJECTED = "Rejected"


class ExecType(StrEnum):
    """Why an execution happened."""

    TRADE = "Trade"
    BUST_TRADE = "BustTrade"
    ADL_TRADE = "AdlTrade"
    FUNDING = "Funding"
    DELIVERY = "Delivery"
    SETTLE = "Settle"


class StopType(StrEnum):
    """Which side of a position's price a stop guards, in Bybit's `stopOrderType` words."""

    TAKE_PROFIT = "TakeProfit"
    STOP_LOSS = "StopLoss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What a stop waits for: the mark at `price` or beyond it, upwards when `rises`.

    `closes` is the side on which it then trades; stops that belong together share `parent`, an order's id.
    """

    stop_type: StopType
    price: Decimal
    rises: bool
    closes: Side
    parent: str

    def is_reached(self, mark: Decimal) -> bool:
        """Whether the mark has got there."""
        return mark >= self.price if self.rises else mark <= self.price


class Ending(StrEnum):
    """Why an order ended without being filled, in Bybit's `rejectReason` words."""

    NONE = "EC_NoError"
    BY_USER = "EC_PerCancelRequest"
    POST_ONLY = "EC_PostOnlyWillTakeLiquidity"
    NOT_ENOUGH_DEPTH = "EC_NoImmediateQtyToFill"
    REDUCE_ONLY = "EC_ReduceOnlyRejected"
    REJECTED = "EC_Others"


OPEN_STATUSES: Final = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNTRIGGERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as it is asked for; `price` is None for a market order, `leg` is Bybit's positionIdx.

    `take_profit` and `stop_loss` are the marks at which what it opens is to be closed again.
    """

    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    link_id: str = ""
    created_by: str = "CreateByUser"
    leg: int = ONE_WAY
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the venue knows it; `price` of a market order is the worst price it may trade at.

    `margin` is what it keeps back: initial margin, for a spot order the coins that it would pay with. `fee_coin` is
    what `fees` are in. `trigger` is what a stop waits for, or waited for.
    """

    number: int
    order_id: str
    link_id: str
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    qty: Decimal
    reduce_only: bool
    created_by: str
    created_ms: int
    updated_ms: int
    mark_at_creation: Decimal
    fee_coin: str
    inverse: bool = False
    spot: bool = False
    leg: int = ONE_WAY
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    trigger: Trigger | None = None
    status: OrderStatus = OrderStatus.NEW
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO
    margin: Decimal = ZERO
    ending: Ending = Ending.NONE
    closed_number: int = 0
    fills: list["Execution"] = field(default_factory=list)

    @property
    def remaining(self) -> Decimal:
        """Give the quantity that can still trade; 0 once the order is final."""
        return self.qty - self.filled if self.is_open else ZERO

    @property
    def is_open(self) -> bool:
        """Whether the order can still trade."""
        return self.status in OPEN_STATUSES

    @property
    def average_price(self) -> Decimal:
        """Give the mean price of the fills, 0 without any."""
        if not self.filled:
            return ZERO
        return money(self.filled / self.value if self.inverse else self.value / self.filled)

    @property
    def is_waiting(self) -> bool:
        """Whether the order is a stop whose price hasn't been reached."""
        return self.status is OrderStatus.UNTRIGGERED

    @property
    def stop_type(self) -> str:
        """Give Bybit's `stopOrderType`, empty for an ordinary order."""
        return self.trigger.stop_type.value if self.trigger else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One fill, or a funding payment; `seq` is the instrument's cross sequence, which one matching event's share.

    `order_type` is None for funding; `value` is in the settle coin; `fee` (positive when paid) is in `fee_coin`.
    It carries what it shows of its order instead of the order itself, which may be forgotten before it.
    """

    number: int
    exec_id: str
    symbol: str
    order_id: str
    link_id: str
    side: Side
    order_type: OrderType | None
    order_price: Decimal
    order_qty: Decimal
    created_by: str
    price: Decimal
    qty: Decimal
    value: Decimal
    fee: Decimal
    fee_coin: str
    fee_rate: Decimal
    leaves: Decimal
    closed: Decimal
    pnl: Decimal
    mark: Decimal
    is_maker: bool
    exec_type: ExecType
    seq: int
    at_ms: int
    leg: int = ONE_WAY
    stop_type: str = ""
