"""Limits as people and programs read them: everything in effect by its dotted key, the differences, and the hash.

Keys and values are those of the file. The hash covers every field of the core's limits (one that is added to them is in
it without anyone's doing) and nothing else: comments, order, layout and the way a number is written don't change it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from risksvc.core.limits import (
    DEFAULT_WARN_AT,
    AccountLimits,
    InstrumentLimits,
    Limit,
    LimitMode,
    Limits,
    OnBreach,
    OrderLimits,
    StrategyInstrumentLimits,
    StrategyLimits,
)
from risksvc.core.types import PositionRange, plain
from risksvc.gate.config_values import duration_text

# Part of what is hashed: changes when the same limits would be written down in another way.
_FORM = "risksvc-limits-1"
# The limits that trip. All others deny and latch nothing.
HEADLINE_KEYS = frozenset({"max_net_exposure", "max_total_exposure", "band"})
_SCOPES = (Limits, AccountLimits, InstrumentLimits, StrategyLimits, StrategyInstrumentLimits)
# Fields whose name or form differs from the file's.
_AS_WRITTEN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "belief_required": ("belief", lambda required: "required" if required else "optional"),
    "belief_lag_ns": ("belief_lag", duration_text),
    "belief_max_age_ns": ("belief_max_age", duration_text),
}


def effective(limits: Limits) -> list[tuple[str, str]]:
    """Every limit in effect, defaults filled in: dotted key and value as one could write them, in a fixed order.

    A limit is its number, or the mapping that says what is unusual about it.
    """
    return list(_scope("", limits))


def diff_limits(old: Limits, new: Limits) -> list[tuple[str, str, str]]:
    """What changes: dotted key, before, after; empty where it is not set. By key; nothing when the hashes agree."""
    return diff_entries(effective(old), effective(new))


def diff_entries(old: Sequence[tuple[str, str]], new: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """The same of what `effective` gives."""
    before, after = dict(old), dict(new)
    keys = sorted(before.keys() | after.keys())
    return [(key, before.get(key, ""), after.get(key, "")) for key in keys if before.get(key) != after.get(key)]


def hash_of(entries: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over what `effective` gives, as 64 hexadecimal digits."""
    canonical = json.dumps([_FORM, *entries], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _scope(prefix: str, scope: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any dataclass of _SCOPES
    for field in fields(scope):
        value = getattr(scope, field.name)
        if value is None or field.name == "hash":
            continue
        if field.name in _AS_WRITTEN:
            name, text = _AS_WRITTEN[field.name]
            yield prefix + name, text(value)
        elif isinstance(value, OrderLimits):
            yield from _scope(prefix, value)
        else:
            yield from _value(prefix, field.name, value)


def _value(prefix: str, name: str, value: object) -> Iterator[tuple[str, str]]:
    key = prefix + name
    if isinstance(value, _SCOPES):
        yield from _scope(f"{key}.", value)
    elif isinstance(value, Mapping):
        for step in sorted(value):
            yield from _value(f"{key}.", step, value[step])
    else:
        yield key, _text(name, value)


def _text(name: str, value: object) -> str:
    if isinstance(value, Limit):
        return _limit_text(name, value)
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, PositionRange):
        low, high = plain(value.low), plain(value.high)
        return low if low == high else f"{{low: {low}, high: {high}}}"
    if not isinstance(value, str):
        raise TypeError(f"{name} of the limits has no written form: {type(value).__name__}")
    return value


def _limit_text(name: str, limit: Limit) -> str:
    unusual = []
    if limit.warn_at != DEFAULT_WARN_AT:
        unusual.append(f"warn_at: [{', '.join(map(plain, limit.warn_at))}]")
    if limit.mode is not LimitMode.ENFORCE:
        unusual.append(f"mode: {limit.mode.value}")
    if limit.on_breach is not (OnBreach.REDUCE if name in HEADLINE_KEYS else OnBreach.DENY):
        unusual.append(f"on_breach: {limit.on_breach.value}")
    return f"{{limit: {plain(limit.value)}, {', '.join(unusual)}}}" if unusual else plain(limit.value)
