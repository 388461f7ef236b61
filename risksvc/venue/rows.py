"""The shapes that ccxt's rows are read into, and the reader that takes fields out of a row.

Pure, and never imports ccxt. A field is read exactly or refused (`UnreadableRowError` says what and where); nothing is
guessed into existence. Floats (a ccxt built without `number=str`, recorded data) are read by their shortest text, never
by their binary value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from enum import Enum
from typing import Any

from risksvc.core.types import MAX_DECIMALS, ZERO, MalformedInputError, RiskError, Side, parse_decimal
from risksvc.venue.quirk_fields import FillKind, LedgerKind, Leg

Row = Mapping[str, Any]

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LAST_SHOWN_DIGIT = Decimal(1).scaleb(-MAX_DECIMALS)
_MAX_COUNTER = 2**64 - 1  # what the wire carries
_WIDE = Context(prec=140)  # a rounding must not depend on who set this process's decimal context


def rounded(value: Decimal) -> Decimal:
    """Round to what the wire carries."""
    return value.quantize(_LAST_SHOWN_DIGIT, context=_WIDE)


class UnreadableRowError(RiskError):
    """A row that can't be read. `what` names the list: positions, open_orders, order, fills, marks, markets."""

    def __init__(self, what: str, where: str, problem: str) -> None:
        super().__init__(f"{what}: {where}: {problem}")
        self.what = what
        self.where = where
        self.problem = problem


class UnknownInstrumentError(UnreadableRowError):
    """A row names an instrument that the loaded markets don't have: they must be loaded again."""


class OrderStatus(Enum):
    """Where an order stands at the venue."""

    OPEN = "OPEN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_FOUND = "NOT_FOUND"

    @property
    def final(self) -> bool:
        """True when the order can't fill any more."""
        return self is not OrderStatus.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """One position, one leg of a hedge until `net_positions` has put the two together, or one spot asset.

    `quantity` is signed, in the order unit; `base_quantity` in base units and `notional` in the quote currency at the
    mark, both None where the row gives no way to know them. `listed_as` tells two rows of one instrument apart, `leg`
    says which leg of a hedge it is. `long` and `short` (0 or above) in hedge mode: `quantity` is then long - short.
    `sequence`: the venue's counter of executions up to which they are in it; 0: not said. `pair`: of a spot asset, the
    instrument that it is valued by (`symbol` is the asset).
    """

    symbol: str
    quantity: Decimal
    listed_as: str
    leg: Leg | None = None
    long: Decimal | None = None
    short: Decimal | None = None
    sequence: int = 0
    pair: str = ""
    base_quantity: Decimal | None = None
    notional: Decimal | None = None
    entry_price: Decimal | None = None
    unrealised_pnl: Decimal | None = None
    liquidation_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order; quantities in the order unit.

    `limit_price` is None for a market order, `trigger_price` unless the order waits for one. `attached`: the venue made
    it for another order's take-profit or stop-loss; `parent_order_id` is that order, empty where the venue does not
    say. `leg`: which leg of a hedge it changes.
    """

    symbol: str
    client_order_id: str
    venue_order_id: str = ""
    side: Side | None = None
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    status: OrderStatus = OrderStatus.NOT_FOUND
    created_ms: int = 0
    attached: bool = False
    parent_order_id: str = ""
    leg: Leg | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution. `client_order_id`: "" when the order has none, None when the row does not say.

    `sequence`: the venue's counter in this instrument, 0 where it has none. `leg`: which leg of a hedge it changed.
    """

    symbol: str
    trade_id: str
    venue_order_id: str
    client_order_id: str | None
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal | None
    fee_currency: str
    venue_time_ms: int
    kind: FillKind
    sequence: int = 0
    leg: Leg | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one fill: trade ids are unique per instrument only."""
        return (self.symbol, self.trade_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """What an account has of one currency, less what it has borrowed of it.

    `wallet` is cash alone, `equity` cash and unrealised profit; each None where the venue does not say it.
    """

    currency: str
    held: Decimal
    wallet: Decimal | None = None
    equity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRow:
    """One entry of the account's ledger. `amount`: received above zero, paid below.

    `kind` is None where the table of venues does not know the entry's `name`: it explains nothing then.
    """

    flow_id: str
    name: str
    currency: str
    kind: LedgerKind | None
    amount: Decimal
    venue_time_ms: int
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """Prices of one instrument; bid and ask are None where the venue gives none."""

    symbol: str
    mark: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None


class RowReader:
    """Takes fields out of one row, and names row and field when that fails."""

    def __init__(self, row: Row, what: str) -> None:
        self.row = row
        self.what = what
        info = row.get("info")
        self.info: Row = info if isinstance(info, Mapping) else {}
        self.where = f"{row.get('symbol') or 'no symbol'} {row.get('id') or row.get('side') or ''}".strip()

    def refuse(self, problem: str) -> UnreadableRowError:
        """Make the error for this row."""
        return UnreadableRowError(self.what, self.where, problem)

    def instead(self, key: str, value: object) -> "RowReader":
        """Read the same row with one field from elsewhere."""
        return RowReader({**self.row, key: value}, self.what)

    def decimal(self, key: str) -> Decimal | None:
        """Give the field; None when the venue says nothing ("" included)."""
        value = self.row.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
            raise self.refuse(f"{key} is {value!r}, not a number")
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise self.refuse(f"{key} is {value!r}, not a number") from None
        if not number.is_finite():
            raise self.refuse(f"{key} is {value!r}, not a finite number")
        return number

    def exact(self, key: str) -> Decimal | None:
        """As `decimal`, within what the wire carries: dropping digits would make it another quantity."""
        number = self.decimal(key)
        if number is None:
            return None
        try:
            return parse_decimal(format(number, "f"), field=key)
        except MalformedInputError as error:
            raise self.refuse(str(error)) from None

    def positive(self, key: str) -> Decimal:
        """As `exact`, above 0."""
        number = self.exact(key)
        if number is None or number <= ZERO:
            raise self.refuse(f"{key} is {self.row.get(key)!r}; a number above 0 is needed")
        return number

    def figure(self, key: str) -> Decimal | None:
        """Give a figure that nothing is decided on, rounded to what the wire carries."""
        number = self.decimal(key)
        return None if number is None else rounded(number)

    def price_figure(self, key: str) -> Decimal | None:
        """As `figure`; several venues write 0 for "none"."""
        return self.figure(key) or None

    def text(self, key: str) -> str:
        """Give the field as text; empty when it is missing."""
        value = self.row.get(key)
        return "" if value is None else str(value)

    def counter(self, key: str) -> int:
        """Give a growing number of `info`; 0 when the venue has none. `key` empty: it has none anywhere."""
        value = self.info.get(key) if key else None
        if value is None or value == "":
            return 0
        text = str(value)
        if not (text.isascii() and text.isdigit()) or int(text) > _MAX_COUNTER:
            raise self.refuse(f"{key} is {value!r}, not a whole number from 0")
        return int(text)

    def side(self) -> Side:
        """Give buy or sell."""
        side = _SIDES.get(self.text("side").lower())
        if side is None:
            raise self.refuse(f"side is {self.row.get('side')!r}; buy or sell is needed")
        return side

    def milliseconds(self, key: str) -> int:
        """Give a time; 0 when the venue says none."""
        value = self.row.get(key)
        if value is None:
            return 0
        try:
            return int(value)
        except (TypeError, ValueError):
            raise self.refuse(f"{key} is {value!r}, not milliseconds") from None
