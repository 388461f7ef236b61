"""Wire to core, field by field: what a message may hold, and the error that says which field and what is allowed.

Rule 1: a value is read whole or refused with MalformedInputError; nothing is guessed, cut or rounded. Rule 2: enum
numbers that this version does not know are refused like any other wrong value. Never looks at the gate's state.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from risksvc.core.types import (
    MalformedInputError,
    OrderType,
    PositionRange,
    Scope,
    Side,
    parse_decimal,
    parse_positive,
)
from risksvc.v1 import types_pb2

MAX_NAME = 64
MAX_VENUE_ID = 128
MAX_REASON = 500
_NAME = re.compile(rf"[A-Za-z0-9_.:/-]{{1,{MAX_NAME}}}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]+", re.ASCII)
# Line breaks and terminal codes, and what makes a line read otherwise than it was written.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_MAX_MS = 9_999_999_999_999  # the year 2286
_SHOWN = 40

_T = TypeVar("_T")

SIDES: Mapping[int, Side] = {types_pb2.SIDE_BUY: Side.BUY, types_pb2.SIDE_SELL: Side.SELL}
ORDER_TYPES: Mapping[int, OrderType] = {
    types_pb2.ORDER_TYPE_LIMIT: OrderType.LIMIT,
    types_pb2.ORDER_TYPE_MARKET: OrderType.MARKET,
}


def name(text: str, *, field: str) -> str:
    """An account, strategy or instrument."""
    if not _NAME.fullmatch(text):
        problem = f"{shown(text)} is not a name; allowed: 1 to {MAX_NAME} characters of A-Z a-z 0-9 _ . : / -"
        raise MalformedInputError(field, problem)
    return text


def optional_name(text: str, *, field: str) -> str:
    """A name, or nothing."""
    return name(text, field=field) if text else ""


def order_id(text: str, *, field: str, longest: int = MAX_NAME) -> str:
    """An id as strategies, operators and venues make them. Whether the venue can carry it is the core's to say."""
    if len(text) > longest or not _ID.fullmatch(text):
        problem = f"{shown(text)} is not an id; allowed: 1 to {longest} printable ASCII characters without blanks"
        raise MalformedInputError(field, problem)
    return text


def optional_id(text: str, *, field: str, longest: int = MAX_NAME) -> str:
    """An id, or nothing."""
    return order_id(text, field=field, longest=longest) if text else ""


def free_text(text: str, *, field: str, longest: int) -> str:
    """Words for people, on one line; may be empty."""
    if len(text) > longest:
        raise MalformedInputError(field, f"has {len(text)} characters; at most {longest} are allowed")
    if _CONTROL.search(text):
        raise MalformedInputError(field, f"{shown(text)} holds control characters; allowed: one line of plain text")
    return text


def reason(text: str, *, field: str = "reason") -> str:
    """Why somebody acts: required, in words."""
    if not text.strip():
        raise MalformedInputError(field, f"is required: say in words why, in at most {MAX_REASON} characters")
    return free_text(text, field=field, longest=MAX_REASON)


def member(number: int, allowed: Mapping[int, _T], *, field: str) -> _T:
    """An enum's value; unspecified and unknown numbers are refused."""
    found = allowed.get(number)
    if found is None:
        names = ", ".join(str(getattr(value, "name", value)) for value in allowed.values())
        raise MalformedInputError(field, f"{number or 'unspecified'} is not allowed; allowed: {names}")
    return found


def milliseconds(value: int, *, field: str) -> int:
    """A venue's time."""
    if not 0 < value <= _MAX_MS:
        raise MalformedInputError(field, f"{value} is not a time; allowed: milliseconds since the epoch, above 0")
    return value


def optional_decimal(text: str, *, field: str) -> Decimal | None:
    """A decimal, or None where nothing is said."""
    return parse_decimal(text, field=field) if text else None


def optional_positive(text: str, *, field: str) -> Decimal | None:
    """A decimal above zero, or None where nothing is said."""
    return parse_positive(text, field=field) if text else None


def limit_price(text: str, order_type: OrderType, *, field: str = "limit_price") -> Decimal | None:
    """Required for LIMIT, refused for MARKET."""
    if order_type is OrderType.LIMIT:
        if not text:
            raise MalformedInputError(field, "is required for a LIMIT order; allowed: a decimal above 0")
        return parse_positive(text, field=field)
    if text:
        raise MalformedInputError(field, "is not allowed for a MARKET order; leave it empty")
    return None


def position_range(low: str, high: str, *, field: str) -> PositionRange:
    """Two signed quantities, low <= high."""
    lowest = parse_decimal(low, field=f"{field}.low")
    highest = parse_decimal(high, field=f"{field}.high")
    if lowest > highest:
        raise MalformedInputError(field, f"low {low} is above high {high}; allowed: low <= high")
    return PositionRange(lowest, highest)


def scope(message: types_pb2.Scope, *, field: str = "scope") -> Scope:
    """What something applies to; nothing set is everything."""
    account = optional_name(message.account, field=f"{field}.account")
    strategy = optional_name(message.strategy, field=f"{field}.strategy")
    instrument = optional_name(message.instrument, field=f"{field}.instrument")
    return Scope(account, strategy, instrument)


def shown(text: str) -> str:
    """A wrong value, short enough for one line."""
    return ascii(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


def one_line(text: str) -> str:
    """Somebody else's words, made fit for one line of a log."""
    return _CONTROL.sub(" ", text)
