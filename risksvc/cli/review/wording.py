"""Figures as a report shows them. Rounded here, for eyes, and nowhere else: JSON and CSV hold what was computed."""

import decimal
from datetime import UTC, datetime
from decimal import Decimal

from risksvc.cli.text import duration
from risksvc.core.types import Nanoseconds, plain

NONE = "-"
_EXACT = decimal.Context(prec=140)
_CENT = Decimal("0.01")
_DIGITS = 12  # of a quantity: what a ratio leaves behind it is nobody's concern
_SECOND = 1_000_000_000


def money(value: Decimal) -> str:
    """An amount to the cent, with thousands separators: "1,234.50", "-0.20"."""
    rounded = value.quantize(_CENT, rounding=decimal.ROUND_HALF_EVEN, context=_EXACT)
    return format(rounded or Decimal("0.00"), ",f")


def result(cost: Decimal, currency: str) -> str:
    """A cost in words, zero included: "1,234.50 USD lost"."""
    if not cost:
        return f"0.00 {currency}"
    return f"{money(abs(cost))} {currency} {'lost' if cost > 0 else 'gained'}"


def quantity(value: Decimal | None) -> str:
    """A signed quantity in full, with thousands separators; None: a dash."""
    if value is None:
        return NONE
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DIGITS:
        value = value.quantize(Decimal(1).scaleb(-_DIGITS), context=_EXACT)
    return format(Decimal(plain(value)), ",f")


def signed(value: Decimal | None) -> str:
    """As `quantity`, with a plus."""
    return f"+{quantity(value)}" if value is not None and value > 0 else quantity(value)


def moment(at: Nanoseconds | None) -> str:
    """A time in UTC, to the second; None: a dash."""
    if at is None:
        return NONE
    return datetime.fromtimestamp(at // _SECOND, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def exact_moment(at: Nanoseconds) -> str:
    """A time in UTC as ISO 8601, in full."""
    whole = datetime.fromtimestamp(at // _SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    rest = f"{at % _SECOND:09d}".rstrip("0")
    return f"{whole}.{rest}Z" if rest else f"{whole}Z"


def span(start: Nanoseconds, end: Nanoseconds) -> str:
    """How long from one to the other."""
    return duration(end - start)


def many(number: int, noun: str, plural: str = "") -> str:
    """Return "1 order", "3 orders"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
