"""Wire values as people read them: amounts, quantities, ages, scopes, states.

Never changes a value on the wire; never uses a float. Amounts of exposure are rounded away from zero, so that what is
over a limit never reads as at it. Everything that came from outside is made printable before it reaches a terminal.
"""

import decimal
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from risksvc.cli.printable import printable
from risksvc.v1 import types_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

UNKNOWN = "unknown"
NONE = "-"

_EXACT = decimal.Context(prec=140)
_CENT = Decimal("0.01")
_SECOND_MS = 1000
_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S

# TradingState → word and colour. What is not known is treated as HALTED.
_STATES = {
    types_pb2.TRADING_STATE_ACTIVE: ("ACTIVE", "bold white on green"),
    types_pb2.TRADING_STATE_REDUCING: ("REDUCING", "bold black on yellow"),
    types_pb2.TRADING_STATE_HALTED: ("HALTED", "bold white on red"),
}
_STATE_UNKNOWN = ("UNKNOWN, treat as HALTED", "bold white on red")


def state_word(state: "types_pb2.TradingState.ValueType") -> str:
    """ACTIVE, REDUCING or HALTED."""
    return _STATES.get(state, _STATE_UNKNOWN)[0]


def state_style(state: "types_pb2.TradingState.ValueType") -> str:
    """The colours of a state."""
    return _STATES.get(state, _STATE_UNKNOWN)[1]


def state_text(state: "types_pb2.TradingState.ValueType") -> Text:
    """The state as a coloured word."""
    return Text(f" {state_word(state)} ", style=state_style(state))


def strictness(state: "types_pb2.TradingState.ValueType") -> int:
    """The larger is the stricter; unknown is the strictest."""
    return int(state) if state in _STATES else int(types_pb2.TRADING_STATE_HALTED) + 1


def money(text: str) -> str:
    """An amount with thousands separators, to the cent, rounded away from zero: "50,000.01". Empty: a dash."""
    value = _decimal(text)
    if value is None:
        return printable(text) or NONE
    return format(value.quantize(_CENT, rounding=decimal.ROUND_UP, context=_EXACT), ",f")


def quantity(text: str, *, empty: str = UNKNOWN) -> str:
    """A quantity in full, with thousands separators: "-1,200.5"."""
    value = _decimal(text)
    if value is None:
        return printable(text) or empty
    return format(value, ",f")


def position(text: str, *, empty: str = UNKNOWN) -> str:
    """A signed quantity: "+0.5", "-12", "0"."""
    value = _decimal(text)
    return ("+" if value is not None and value > 0 else "") + quantity(text, empty=empty)


def interval(low: str, high: str, *, empty: str = UNKNOWN) -> str:
    """One signed quantity, or "-1 … +2" when the ends differ."""
    if low == high:
        return position(low, empty=empty)
    return f"{position(low, empty=empty)} … {position(high, empty=empty)}"


def percent(text: str) -> str:
    """A ratio such as "0.755" as "76 %", rounded up."""
    value = _decimal(text)
    if value is None:
        return printable(text) or NONE
    return f"{_EXACT.multiply(value, Decimal(100)).quantize(Decimal(1), rounding=decimal.ROUND_UP, context=_EXACT)} %"


def differ(first: str, second: str) -> bool:
    """True unless both are the same number. What is not said differs from everything, also from zero."""
    one, other = _decimal(first), _decimal(second)
    return one is None or other is None or one != other


def is_zero(text: str) -> bool:
    """True when it is said and zero."""
    return _decimal(text) == 0


def total(texts: list[str]) -> str:
    """The exact sum, in plain notation; what can't be read is left out."""
    result = Decimal(0)
    for value in map(_decimal, texts):
        result = result if value is None else _EXACT.add(result, value)
    return format(result, "f")


def over(text: str, limit: str) -> bool:
    """True when both are said and the first is above the second."""
    value, bound = _decimal(text), _decimal(limit)
    return value is not None and bound is not None and value > bound


def milliseconds(value: int) -> str:
    """A short duration: "250 ms", "1.5 s"; -1 is "never"."""
    if value < 0:
        return "never"
    return f"{value} ms" if value < _SECOND_MS else duration(value * 1_000_000)


def duration(nanoseconds: int) -> str:
    """A duration: "12 s", "4 min 10 s", "3 h 5 min", "2 d 1 h"; what is below zero is "0 s"."""
    tenths = max(0, nanoseconds) // 100_000_000
    if tenths < 100:  # noqa: PLR2004 - below ten seconds a tenth matters
        return f"{tenths // 10}.{tenths % 10} s"
    seconds = tenths // 10
    for size, unit, smaller_size, smaller in (
        (_DAY_S, "d", _HOUR_S, "h"),
        (_HOUR_S, "h", _MINUTE_S, "min"),
        (_MINUTE_S, "min", 1, "s"),
    ):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // smaller_size} {smaller}"
    return f"{seconds} s"


def moment(nanoseconds: int) -> str:
    """A time in UTC, to the second; 0 is a dash."""
    if nanoseconds <= 0:
        return NONE
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def scope_words(scope: "types_pb2.Scope") -> str:
    """What a scope covers: "everything", "account main, strategy mm"."""
    if not scope.account:
        return "everything"
    parts = [f"account {scope.account}"]
    parts += [f"strategy {scope.strategy}"] if scope.strategy else []
    parts += [f"instrument {scope.instrument}"] if scope.instrument else []
    return printable(", ".join(parts))


def reason_names(reasons: "Iterable[types_pb2.DenialReason.ValueType]") -> str:
    """Denial reasons by their names, without the prefix; a number that this command does not know stays a number."""
    known = types_pb2.DenialReason.values()
    names = [types_pb2.DenialReason.Name(value) if value in known else str(value) for value in reasons]
    return ", ".join(name.removeprefix("DENIAL_REASON_") for name in names)


def side_word(side: "types_pb2.Side.ValueType") -> str:
    """Buy or sell."""
    return {types_pb2.SIDE_BUY: "buy", types_pb2.SIDE_SELL: "sell"}.get(side, UNKNOWN)


def severity_word(severity: "types_pb2.Severity.ValueType") -> str:
    """P0, P1, P2."""
    words = {types_pb2.SEVERITY_P0: "P0", types_pb2.SEVERITY_P1: "P1", types_pb2.SEVERITY_P2: "P2"}
    return words.get(severity, NONE)


def count(number: int, noun: str) -> str:
    """Return "1 order", "3 orders"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except decimal.InvalidOperation:
        return None
    return value if value.is_finite() else None
