"""The words of an assessment's page: shares, costs, values against limits. What is unknown is never 0."""

from decimal import ROUND_UP, Decimal, InvalidOperation

from risksvc.cli.text import UNKNOWN, differ, is_zero, money, over
from risksvc.v1.incident_pb2 import InstrumentAssessment

_TENTH = Decimal("0.1")


def against(value: str, limit: str) -> str:
    """A value beside its limit."""
    if not value:
        return f"{UNKNOWN} of {money(limit)}" if limit else UNKNOWN
    if not limit:
        return f"{money(value)}, no limit is known"
    return f"{money(value)} of {money(limit)}" + (" OVER IT" if over(value, limit) else "")


def cost(text: str) -> str:
    """What something costs."""
    return money(text) if text else UNKNOWN


def signed(text: str) -> str:
    """An amount with its sign."""
    if not text:
        return UNKNOWN
    return ("+" if not text.startswith("-") and not is_zero(text) else "") + money(text)


def share(text: str) -> str:
    """A percentage that is one already: "415.1 %"; rounded up."""
    return f"{tenths(text)} %" if text else UNKNOWN


def tenths(text: str) -> str:
    """A figure with one decimal at most, rounded up."""
    try:
        return format(Decimal(text).quantize(_TENTH, rounding=ROUND_UP).normalize(), ",f")
    except InvalidOperation:
        return UNKNOWN


def worth(one: InstrumentAssessment) -> str:
    """The value without its sign, as limits count it."""
    return one.value.removeprefix("-")


def believed_otherwise(one: InstrumentAssessment) -> bool:
    """Somebody says what he believes, and the venue says something else."""
    return bool(one.believed and one.quantity) and differ(one.believed, one.quantity)


def has_legs(one: InstrumentAssessment) -> bool:
    """A long and a short position at the same time may be held."""
    return bool(one.long_quantity or one.short_quantity)


def is_flat(one: InstrumentAssessment) -> bool:
    """Nothing is held, on either leg; what is not known is not flat."""
    legs = [leg for leg in (one.long_quantity, one.short_quantity) if leg]
    return is_zero(one.quantity) and all(map(is_zero, legs))


def is_quiet(one: InstrumentAssessment) -> bool:
    """Flat, and nothing to tell about it."""
    return is_flat(one) and not believed_otherwise(one)
