"""The words and units of the whole project, and the one parser of decimals.

Never does I/O, never reads a clock, never uses a float. Every quantity is in the venue's order unit (contracts for
derivatives, base units for spot); every value is in the limits file's currency; every time is integer nanoseconds.
"""

import decimal
import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, NewType

from risksvc.core.errors import MalformedInputError as MalformedInputError  # noqa: PLC0414 - everybody takes it from here
from risksvc.core.errors import RiskError as RiskError  # noqa: PLC0414 - the same
from risksvc.core.immutable import immutable

Price = NewType("Price", Decimal)
Quantity = NewType("Quantity", Decimal)  # signed where it is a position, positive where it is an order
Notional = NewType("Notional", Decimal)  # in the limits file's currency
Nanoseconds = int

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
MILLISECOND = 1_000_000
SECOND = 1_000_000_000

MAX_DECIMALS = 18
MAX_INTEGER_DIGITS = 15
# A product of quantity, contract size, price and rate has at most 4 x 33 digits: exact, whatever the input.
_PRECISION = 140
_DECIMAL_TEXT = re.compile(rf"-?[0-9]{{1,{MAX_INTEGER_DIGITS}}}(?:\.[0-9]{{1,{MAX_DECIMALS}}})?", re.ASCII)


def use_exact_arithmetic() -> None:
    """Makes this process's decimals exact, and mixing them with floats an error. Called once, at start-up."""
    contexts: tuple[Any, ...] = (decimal.DefaultContext, decimal.getcontext())  # their traps are no dict, as is said
    for context in contexts:
        context.prec = _PRECISION
        context.rounding = decimal.ROUND_HALF_EVEN
        context.traps[decimal.FloatOperation] = True
        context.traps[decimal.InvalidOperation] = True
        context.traps[decimal.DivisionByZero] = True
        context.traps[decimal.Overflow] = True


def parse_decimal(text: str, *, field: str) -> Decimal:
    """Reads plain decimal text: "12", "-0.5". Refuses everything else (exponents, NaN, signs twice, unicode digits)."""
    if not _DECIMAL_TEXT.fullmatch(text):
        shown = text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - an error line's width
        raise MalformedInputError(
            field,
            f"{shown!r} is not a decimal; allowed: plain digits like 0.5 or -12, at most {MAX_INTEGER_DIGITS} before "
            f"and {MAX_DECIMALS} after the point, no exponent",
        )
    value = Decimal(text)
    return value or ZERO  # "-0" is 0


def parse_positive(text: str, *, field: str) -> Decimal:
    """As parse_decimal, above zero."""
    value = parse_decimal(text, field=field)
    if value <= ZERO:
        raise MalformedInputError(field, f"{text!r} must be above 0")
    return value


def plain(value: Decimal) -> str:
    """Decimal text as it goes on the wire: no exponent, no trailing zeros, never "-0"."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if text[-1] != "0":
        return text
    if not value:
        return "0"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Side(Enum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


# Reading a member off its class is slow (Python 3.11 looks twice): what every check asks for has a name of its own.
BUY, SELL = Side.BUY, Side.SELL


class OrderType(Enum):
    """How an order is priced. A stop-market order is checked as MARKET."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET


class ReplaceMode(Enum):
    """How a replacement reaches the venue."""

    CANCEL_REPLACE = "CANCEL_REPLACE"
    AMEND = "AMEND"


class TradingState(IntEnum):
    """What may be traded; the larger is the stricter."""

    ACTIVE = 1
    REDUCING = 2
    HALTED = 3


ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


class Severity(Enum):
    """By the financial direction of the impact."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"


class InstrumentKind(Enum):
    """How an instrument's value follows its price."""

    LINEAR = "LINEAR"
    INVERSE = "INVERSE"
    SPOT = "SPOT"


LINEAR, INVERSE, SPOT = InstrumentKind.LINEAR, InstrumentKind.INVERSE, InstrumentKind.SPOT


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the venue lists. Steps are None where the venue names none.

    `contract_size`: base units per contract (linear), quote units per contract (inverse), 1 for spot.
    """

    symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    contract_size: Decimal
    quantity_step: Decimal | None = None
    price_step: Decimal | None = None

    @property
    def position_key(self) -> str:
        """What a position is held in: the instrument itself, or for spot the base asset across its pairs."""
        return self.base if self.kind is SPOT else self.symbol


@immutable
class Scope:
    """What something applies to: nothing set is global, `account` alone is that account, and so on."""

    account: str = ""
    strategy: str = ""
    instrument: str = ""

    def __post_init__(self) -> None:
        if (self.strategy or self.instrument) and not self.account:
            raise MalformedInputError("scope.account", "needed when a strategy or an instrument is named")

    @property
    def is_global(self) -> bool:
        """Covers everything."""
        return not self.account

    def covers(self, account: str, strategy: str, instrument: str) -> bool:
        """True when an order of this account, strategy and instrument falls under it."""
        return self.account in ("", account) and self.strategy in ("", strategy) and self.instrument in ("", instrument)

    def __str__(self) -> str:
        if self.is_global:
            return "everything"
        parts = [f"account {self.account}"]
        if self.strategy:
            parts.append(f"strategy {self.strategy}")
        if self.instrument:
            parts.append(f"instrument {self.instrument}")
        return ", ".join(parts)


@immutable
class Order:
    """One order as it is checked. `limit_price` is None exactly for MARKET."""

    account: str
    strategy: str
    client_order_id: str
    instrument: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    reduce_only: bool = False
    replaces: str = ""
    replace_mode: ReplaceMode = ReplaceMode.CANCEL_REPLACE


@immutable
class PositionRange:
    """Signed quantities, low <= high."""

    low: Decimal
    high: Decimal
