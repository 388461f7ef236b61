"""The words of an assessment's page: shares, costs, values against limits. What is unknown is never 0."""

from decimal import ROUND_UP, Decimal, InvalidOperation

from risksvc.cli.text import UNKNOWN, differ, duration, is_zero, money, over, quantity
from risksvc.v1.incident_pb2 import InstrumentAssessment

_TENTH = Decimal("0.1")
_FAR = "100"
_TWO_HOURS = 120
_MINUTE_NS = 60 * 10**9


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


def distance(text: str) -> str:
    """As a share; what is further away than the price itself is only said to be far."""
    return f"over {_FAR} %" if over(text, _FAR) else share(text)


def closing(minutes: int) -> str:
    """Minutes to a close, and beyond two hours what that is in words."""
    words = f" ({duration(minutes * _MINUTE_NS)})" if minutes >= _TWO_HOURS else ""
    return f"{minutes:,} min{words}"


def by_hand(one: InstrumentAssessment) -> list[str]:
    """The orders that lead to nothing held, for a person at the venue."""
    legs = [("sell", one.long_quantity), ("buy", one.short_quantity)]
    if not has_legs(one):
        side = "buy" if one.quantity.startswith("-") else "sell"
        legs = [(side, one.quantity.removeprefix("-"))]
    slices = f" in {one.slices} slices" if one.slices > 1 else ""
    told = [(side, amount) for side, amount in legs if amount and not is_zero(amount)]
    return [f"{side} {quantity(amount)} {one.instrument}{slices}, reduce-only" for side, amount in told]


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
