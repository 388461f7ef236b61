"""How the text of one value is read: numbers, durations, names, symbols, choices. Used by both files of a user.

Rule 1: a number is exact decimal text; it never passes through a float. Rule 2: what is refused says what was found and
what is allowed, and the usual mistakes (a unit, a percent sign, an exponent) are named. Rule 3: nothing is guessed: no
unit is stripped, no leading zero is dropped, no case is folded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, TypeVar

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from risksvc.core.types import (
    HUNDRED,
    MILLISECOND,
    ONE,
    SECOND,
    ZERO,
    MalformedInputError,
    Nanoseconds,
    parse_decimal,
    plain,
)
from risksvc.gate.config_problems import did_you_mean, shown

_Member = TypeVar("_Member", bound=Enum)

MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
_UNITS = {"d": DAY, "m": MINUTE, "s": SECOND, "ms": MILLISECOND, "": MILLISECOND}
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|d|)", re.ASCII)
_SIZES = {"TiB": 1024**4, "GiB": 1024**3, "MiB": 1024**2, "KiB": 1024, "": 1}
_SIZE = re.compile(r"([0-9]{1,15})(KiB|MiB|GiB|TiB|)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z0-9.]{2,20}", re.ASCII)
# BASE/QUOTE is spot, BASE/QUOTE:SETTLE a perpetual, BASE/QUOTE:SETTLE-YYMMDD a future. A base may be in any script.
_SYMBOL = re.compile(r"[\w$.+-]{1,40}/([A-Za-z0-9.]{2,20})(?::[A-Za-z0-9.]{2,20}(?:-[0-9]{6})?)?")
_OPTION = re.compile(r"[^/:]+/[^/:]+:[^/:-]+-[0-9]{6}-[^/:]+")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:_[0-9]{3})+(?:\.[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 64
# What people write where a number belongs; the first that fits is named.
_NUMBER_MISTAKES = (
    (re.compile(r"[-+]?\.?(?:nan|inf|infinity)", re.IGNORECASE), "is not a finite number; write digits like 50000"),
    (re.compile(r"[-+]?[0-9._]+e[-+]?[0-9]+", re.IGNORECASE), "has an exponent; write the digits out"),
    (re.compile(r".*%"), "has a percent sign; write the number alone"),
    (re.compile(r".*[$€£¥].*"), "has a currency sign; write the number alone, in the file's `currency`"),
    (re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"), "has commas; group digits with _ as in 50_000"),
    (re.compile(r"[-+]?[0-9][0-9._]*\s*[a-z]+", re.IGNORECASE), "has a unit; write the digits alone, like 50000"),
    (re.compile(r"\+[0-9.]+"), "has a plus sign; write the number without it"),
)
_LEADING_ZERO = re.compile(r"-?0[0-9_]")


def refused(message: str, *, key: str = "") -> PydanticCustomError:
    """A problem with a value, in this project's words. `key`: the key below the value that it is about."""
    return PydanticCustomError("refused", "{message}", {"message": message, "key": key})


# -- numbers ------------------------------------------------------------------------------------------------------


def number(value: object) -> Decimal:
    """Exact decimal text, digits grouped by _ if one likes: 50000, 50_000, 0.5."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        raise refused(f"must be a number; found {shown(value)}, allowed: plain digits like 50000, 50_000 or 0.5")
    try:
        read = parse_decimal(value.replace("_", "") if _GROUPED.fullmatch(value) else value, field="")
    except MalformedInputError as error:
        raise _mistaken(value, error.problem) from error
    if _LEADING_ZERO.match(value):
        raise refused(f"{shown(value)} has a leading zero; write the number without it")
    return read


def _mistaken(text: str, problem: str) -> PydanticCustomError:
    for pattern, mistake in _NUMBER_MISTAKES:
        if pattern.fullmatch(text):
            return refused(f"{shown(text)} {mistake}")
    return refused(f"must be a number; {problem}")


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Reads a number within bounds, both allowed unless `above` (then more than `low`). `what` explains the bounds."""

    low: Decimal
    high: Decimal | None = None
    above: bool = False
    whole: bool = False
    what: str = ""

    def __call__(self, value: object) -> Decimal:
        """The number. Raises what `refused` makes."""
        read = number(value)
        too_low = read <= self.low if self.above else read < self.low
        too_high = self.high is not None and read > self.high
        if too_low or too_high or (self.whole and read % 1):
            raise refused(f"must be {self.allowed}; found {shown(value)}")
        return read

    @property
    def allowed(self) -> str:
        """In words."""
        kind = "a whole number " if self.whole else ""
        low = f"above {plain(self.low)}" if self.above else f"{plain(self.low)} or more"
        bounds = low if self.high is None else f"{low}, at most {plain(self.high)}"
        return f"{kind}{bounds}{self.what}"


AnyNumber = Annotated[Decimal, PlainValidator(number)]
ZeroOrMore = Annotated[Decimal, PlainValidator(NumberRange(ZERO))]
Positive = Annotated[Decimal, PlainValidator(NumberRange(ZERO, above=True))]
PerSecond = Annotated[Decimal, PlainValidator(NumberRange(ONE, high=Decimal(1_000_000), whole=True))]
Percent = Annotated[Decimal, PlainValidator(NumberRange(ZERO, high=HUNDRED, above=True, what=" (percent)"))]
BandPercent = Annotated[
    Decimal,
    PlainValidator(NumberRange(HUNDRED, high=Decimal(1000), what=" (percent of the intended size; 150 is the rule)")),
]


# -- durations ----------------------------------------------------------------------------------------------------


def duration_text(nanoseconds: Nanoseconds) -> str:
    """A duration as one writes it in a file: 100ms, 2s, 5m."""
    for unit, size in _UNITS.items():
        if unit and nanoseconds and nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return f"{nanoseconds // MILLISECOND}ms"


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Reads a duration into nanoseconds, within bounds, both allowed."""

    low: Nanoseconds
    high: Nanoseconds

    def __call__(self, value: object) -> Nanoseconds:
        """The duration. Raises what `refused` makes."""
        text = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if text is None:
            examples = "2s, 5m, 30d" if self.high >= DAY else "100ms, 2s, 5m"
            raise refused(f"must be a duration; found {shown(value)}, allowed: {examples} or whole milliseconds")
        return _within(int(text[1]) * _UNITS[text[2]], self, value=value, tell=duration_text)


# -- sizes --------------------------------------------------------------------------------------------------------


def size_text(size: int) -> str:
    """A size as one writes it in a file: 512MiB, 20GiB."""
    unit = next(unit for unit, one in _SIZES.items() if size % one == 0 and size >= one) if size else ""
    return f"{size // _SIZES[unit]}{unit or ' bytes'}"


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Reads a size into bytes, within bounds, both allowed. Units are powers of 1024; GB means two things."""

    low: int
    high: int

    def __call__(self, value: object) -> int:
        """The size. Raises what `refused` makes."""
        text = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if text is None:
            raise refused(f"must be a size; found {shown(value)}, allowed: 512MiB, 20GiB, 1TiB or whole bytes")
        return _within(int(text[1]) * _SIZES[text[2]], self, value=value, tell=size_text)


def _within(read: int, bounds: DurationRange | SizeRange, *, value: object, tell: Callable[[int], str]) -> int:
    """What was read, if it is within the bounds."""
    if not bounds.low <= read <= bounds.high:
        low, high = tell(bounds.low), tell(bounds.high)
        raise refused(f"must be {low} or more, at most {high}; found {shown(value)}")
    return read


# -- words --------------------------------------------------------------------------------------------------------


def name(value: object) -> str:
    """An account's, strategy's, operator's or gate's name: it goes into metrics, keys and file names."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise refused(
            f"{shown(value)} is not a name; allowed: letters, digits, _ and -, a letter or digit first, at most 64"
        )
    return str(value)


def currency(value: object) -> str:
    """A currency's code, as the venue writes it."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise refused(f"{shown(value)} is not a currency; allowed: its code, like USD or USDT")
    return str(value)


def symbol(value: object) -> str:
    """A ccxt unified symbol of what this project can value."""
    if isinstance(value, str) and _SYMBOL.fullmatch(value):
        return str(value)
    if isinstance(value, str) and _OPTION.fullmatch(value):
        raise refused(f"{shown(value)} is an option; allowed: spot, perpetuals and futures")
    raise refused(
        f"{shown(value)} is not a ccxt unified symbol; allowed: BTC/USDT:USDT (perpetual), BTC/USDT:USDT-261225 "
        "(future), BTC/USDT (spot)"
    )


def quote_of(text: str) -> str | None:
    """The currency that an instrument is quoted in; None where the text isn't a symbol."""
    match = _SYMBOL.fullmatch(text)
    return match[1] if match else None


def choice(members: type[_Member]) -> Callable[[object], _Member]:
    """Reads one of an enumeration's values."""
    by_text = {str(member.value): member for member in members}

    def read(value: object) -> _Member:
        if isinstance(value, str) and value in by_text:
            return by_text[value]
        meant = did_you_mean(value, by_text) if isinstance(value, str) else ""
        raise refused(f"must be one of {', '.join(by_text)}; found {shown(value)}{meant}")

    return read


Name = Annotated[str, PlainValidator(name)]
Currency = Annotated[str, PlainValidator(currency)]
Symbol = Annotated[str, PlainValidator(symbol)]
