"""An approval's reply in protobuf's wire format, written out field by field: the message that is sent most.

A `CheckOrderResponse` would be filled in and then serialised, which costs twice as much. The bytes are the same, and a
test holds them against that way. A field is its tag, its length where it is text, and its value; a field that is empty
is left out. Everything is built as text in which each character is one byte. What does not fit (a part of more than 127
bytes, text that is not ASCII) raises ValueError: then the message says it.
"""

from decimal import Decimal
from functools import lru_cache

from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.types import plain

_SIZES = tuple(map(chr, range(128)))
_MORE = tuple(chr(128 | seven) for seven in range(128))  # seven bits of a number, and more of it follows
_BITS = 28  # so many go by the table, the rest changes four times a second
_LOW = (1 << _BITS) - 1
_DIGITS = "123456789"


def approval(decision: Decision) -> bytes:
    """The reply that tells it. Raises ValueError where it does not fit."""
    id_, until, at = decision.client_order_id, decision.valid_until, decision.decided_at
    if decision.denials or not id_.isascii():
        raise ValueError("not an approval of an order with a usual id")
    try:
        instrument, total = _use(decision.instrument_exposure), _use(decision.total_exposure)
        end, now = until & _LOW, at & _LOW
        text = (
            f"\x08\x01\x12{_SIZES[len(id_)]}{id_}\x22{_SIZES[len(instrument)]}{instrument}"
            f"\x2a{_SIZES[len(total)]}{total}\x30{_SIZES[decision.trading_state]}"
            f"\x38{_MORE[end & 127]}{_MORE[end >> 7 & 127]}{_MORE[end >> 14 & 127]}{_MORE[end >> 21]}"
            f"{_varint(until >> _BITS)}\x40{_varint(until - at)}{_hash(decision.limits_hash)}"
            f"\x50{_MORE[now & 127]}{_MORE[now >> 7 & 127]}{_MORE[now >> 14 & 127]}{_MORE[now >> 21]}"
            f"{_varint(at >> _BITS)}"
        )
    except IndexError:
        raise ValueError("a part is longer than 127 bytes") from None
    return text.encode("latin-1")


def _use(use: ExposureUse) -> str:
    before, after, headroom = use.before, use.after, use.headroom
    if before is None or after is None or headroom is None:
        parts = (_field("\x0a", before), _field("\x12", after), _limit(use.limit), _field("\x22", headroom))
        return "".join(parts)
    # A decimal's own text is nearly always the plain one: it ends in a digit but 0, and has no exponent.
    first, second, third = str(before), str(after), str(headroom)
    if first[-1] not in _DIGITS or "E" in first:
        first = plain(before)
    if second[-1] not in _DIGITS or "E" in second:
        second = plain(after)
    if third[-1] not in _DIGITS or "E" in third:
        third = plain(headroom)
    return (
        f"\x0a{_SIZES[len(first)]}{first}\x12{_SIZES[len(second)]}{second}"
        f"{_limit(use.limit)}\x22{_SIZES[len(third)]}{third}"
    )


def _field(tag: str, value: Decimal | None) -> str:
    text = "" if value is None else plain(value)
    return f"{tag}{_SIZES[len(text)]}{text}" if text else ""


# What stands for long, or comes again: limits, their hash, how long an approval is valid, a time's upper bits.


@lru_cache(1_024)
def _limit(value: Decimal | None) -> str:
    return _field("\x1a", value)


@lru_cache(16)
def _hash(text: str) -> str:
    if not text.isascii():
        raise ValueError("a hash that is not ASCII")
    return f"\x4a{_SIZES[len(text)]}{text}" if text else ""


@lru_cache(64)
def _varint(number: int) -> str:
    if number < 0:
        raise ValueError("a time below 0")
    parts = []
    while number > 127:  # noqa: PLR2004 - seven bits
        parts.append(_MORE[number & 127])
        number >>= 7
    return "".join(parts) + chr(number)
