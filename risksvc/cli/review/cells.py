"""What may stand in one cell of a review's files, and how it is read. Every mistake says what is allowed.

Pure: text in, value out, or MalformedInputError. A time is nanoseconds since 1970, a quantity a Decimal; nothing is
guessed, and a float is never made.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from risksvc.core.types import (
    MILLISECOND,
    MalformedInputError,
    Nanoseconds,
    Side,
    parse_decimal,
    parse_positive,
)
from risksvc.gate.config_problems import did_you_mean, shown

T = TypeVar("T")
Reader = Callable[[str], T]

_NAME = re.compile(r"[A-Za-z0-9_.:/@-]{1,64}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e]{1,128}")
_MILLISECONDS = re.compile(r"[0-9]{12,14}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FLAGS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def moment(text: str) -> Nanoseconds:
    """Read `2026-11-22T14:30:00.250Z` (UTC unless it says otherwise), or milliseconds since 1970."""
    if _MILLISECONDS.fullmatch(text):
        return int(text) * MILLISECOND
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedInputError(
            "",
            f"{shown(text)} is not a time; allowed: ISO 8601 like 2026-11-22T14:30:00.250Z (UTC unless it says "
            "+02:00), or milliseconds since 1970 like 1795444200250",
        ) from None
    return (read.replace(tzinfo=UTC) if read.tzinfo is None else read).__sub__(_EPOCH) // _MICROSECOND * 1_000


def number(text: str) -> Decimal:
    """Read a signed decimal."""
    return parse_decimal(text, field="")


def positive(text: str) -> Decimal:
    """Read a decimal above zero."""
    return parse_positive(text, field="")


def name(text: str) -> str:
    """Read the name of an account, a strategy, an instrument or a currency."""
    if not _NAME.fullmatch(text):
        raise MalformedInputError("", f"{shown(text)} is no name; allowed: 1 to 64 of A-Z a-z 0-9 _ . : / @ -")
    return text


def identifier(text: str) -> str:
    """Read an id of a trade or an order."""
    if not _ID.fullmatch(text):
        raise MalformedInputError("", f"{shown(text)} is no id; allowed: 1 to 128 printable characters, no blanks")
    return text


def words(text: str) -> str:
    """Read free text of one line."""
    if not text.isprintable():
        raise MalformedInputError("", f"{shown(text)} has characters that can't be printed; allowed: one line of text")
    return text


def flag(text: str) -> bool:
    """Read yes or no."""
    return one_of(_FLAGS)(text)


def side(text: str) -> Side:
    """Read buy or sell."""
    return _SIDE(text)


def one_of(choices: Mapping[str, T]) -> Reader[T]:
    """Make a reader of one of these words, in upper or lower case."""

    def read(text: str) -> T:
        found = choices.get(text.lower())
        if found is None:
            allowed = ", ".join(choices)
            raise MalformedInputError(
                "", f"{shown(text)} is not known{did_you_mean(text, choices)}; allowed: {allowed}"
            )
        return found

    return read


_SIDE = one_of({"buy": Side.BUY, "sell": Side.SELL})
