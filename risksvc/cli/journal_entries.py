"""Journal entries as plain values: picked by number, time, type and order, and told in words.

An entry is what its bytes say (`risksvc.gate.codec`): `[seq, now, type, input, [[type, output], ...]]`, every value a
map by field names, decimals as text. It is not interpreted here, so that an entry of any version can be looked at.
"""

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum

import click
import msgspec

from risksvc.cli.printable import printable
from risksvc.core.denials import DenialReason
from risksvc.core.events import Input, OrdersChecked
from risksvc.core.types import RiskError, TradingState
from risksvc.gate.config_problems import did_you_mean
from risksvc.gate.journal_check import ENTRY_PARTS

TYPES = tuple(kind.__name__ for kind in typing.get_args(Input))
_DECODER = msgspec.msgpack.Decoder()
_SECOND = 1_000_000_000
_SHOWN_ITEMS = 3
_ORDER_HEAD = ("side", "quantity", "instrument", "limit_price")


@dataclasses.dataclass(frozen=True, slots=True)
class PlainEntry:
    """One entry. `now`: nanoseconds; `outputs`: type and value of each."""

    seq: int
    now: int
    kind: str
    input: Mapping[str, typing.Any]
    outputs: tuple[tuple[str, typing.Any], ...]

    @property
    def time(self) -> str:
        """In UTC, to the microsecond, as ISO 8601 writes it."""
        whole = datetime.fromtimestamp(self.now // _SECOND, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{whole}.{self.now % _SECOND // 1000:06d}Z"

    def document(self) -> dict[str, object]:
        """For programs."""
        outputs = [{"type": kind, "output": value} for kind, value in self.outputs]
        return {
            "seq": self.seq,
            "time": self.time,
            "now_ns": str(self.now),
            "type": self.kind,
            "input": self.input,
            "outputs": outputs,
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. `last` None: to the end; `since` 0, `kind` and `order` empty: any."""

    first: int = 1
    last: int | None = None
    since: int = 0
    kind: str = ""
    order: str = ""


def known_type(text: str) -> str:
    """The type of input that is meant; empty: any."""
    by_name = {name.lower(): name for name in TYPES}
    if text and text.lower() not in by_name:
        raise click.BadParameter(f"{text!r} is no type of input{did_you_mean(text, TYPES)}", param_hint="--type")
    return str(by_name.get(text.lower(), ""))


def read_entry(payload: bytes) -> PlainEntry:
    """The entry of these bytes. Raises RiskError."""
    try:
        parts = _DECODER.decode(payload)
    except msgspec.MsgspecError as error:
        raise RiskError(f"not a journal entry: {error}") from error
    if not isinstance(parts, list) or len(parts) < ENTRY_PARTS:
        raise RiskError("not a journal entry: it is no list of number, time, type, input and outputs")
    seq, now, kind, given, outputs = parts[:ENTRY_PARTS]
    return PlainEntry(seq, now, kind, given, tuple((one[0], one[1]) for one in outputs))


def read_wanted(payloads: Iterable[bytes], wanted: Wanted) -> Iterator[PlainEntry]:
    """Those that are wanted, oldest first."""
    sought = wanted.order.encode()
    for payload in payloads:
        if sought not in payload:
            continue
        entry = read_entry(payload)
        if wanted.last is not None and entry.seq > wanted.last:
            return
        if entry.seq >= wanted.first and entry.now >= wanted.since and _fits(entry, wanted):
            yield entry


def _fits(entry: PlainEntry, wanted: Wanted) -> bool:
    if wanted.kind and entry.kind != wanted.kind:
        return False
    return not wanted.order or _names(wanted.order, entry.input) or _names(wanted.order, entry.outputs)


def apart(entry: PlainEntry, order: str = "") -> Iterator[PlainEntry]:
    """A batch order by order, each with its own decision; what else came of it goes with the last. Others as they are.

    `order` not empty: of a batch only what names this order.
    """
    orders = entry.input.get("orders") if entry.kind == OrdersChecked.__name__ else None
    if not orders:
        yield entry
        return
    rest = entry.outputs[len(orders) :]
    for place, one in enumerate(orders):
        outputs = (*entry.outputs[place : place + 1], *(rest if place == len(orders) - 1 else ()))
        if not order or _names(order, one) or _names(order, outputs):
            yield dataclasses.replace(entry, input=one, outputs=outputs)


def _names(text: str, value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_names(text, one) for one in value.values())
    if isinstance(value, list | tuple):
        return any(_names(text, one) for one in value)
    return value == text


# -- in words -----------------------------------------------------------------------------------------------------


def input_words(entry: PlainEntry) -> str:
    """What was asked or seen."""
    return _words(entry.input)


def output_words(entry: PlainEntry) -> str:
    """What came of it."""
    return "; ".join(_output(kind, value) for kind, value in entry.outputs)


def _output(kind: str, value: object) -> str:
    if kind == "Decision" and isinstance(value, Mapping):
        return _decision(value)
    return f"{kind} {_words(value)}".strip()


def _decision(value: Mapping[str, typing.Any]) -> str:
    denials = value.get("denials") or ()
    if not denials:
        return "APPROVED"
    return "DENIED " + ", ".join(f"{reason_name(one)}: {printable(str(one.get('message', '')))}" for one in denials)


def reason_name(denial: Mapping[str, typing.Any]) -> str:
    """By its name; a number that this version does not know stays one."""
    return _name(DenialReason, denial.get("reason"))


def _name(kind: type[Enum], value: object) -> str:
    try:
        return kind(value).name
    except ValueError:
        return printable(str(value))


def _order(order: Mapping[str, typing.Any]) -> str:
    """`buy 0.1 BTC/USDT:USDT at 50000`, then the rest of it."""
    head = [order.get("side"), order.get("quantity"), order.get("instrument")]
    words = " ".join(printable(str(one)).lower() if at == 0 else printable(str(one)) for at, one in enumerate(head))
    price = order.get("limit_price")
    at_price = f" at {printable(str(price))}" if price is not None else ""
    rest = {name: one for name, one in order.items() if name not in _ORDER_HEAD}
    return f"{words}{at_price} ({_words(rest)})"


def _words(value: object) -> str:
    """Field by field; what is empty is left out, and of a long list only how long it is."""
    if isinstance(value, Mapping):
        kept = ((name, one) for name, one in value.items() if one not in (None, "", [], {}, False))
        return ", ".join(f"{name} {_named(name, one)}" for name, one in kept)
    return _word(value)


def _named(name: str, value: object) -> str:
    if name == "state":
        return _name(TradingState, value)
    if name == "order" and isinstance(value, Mapping) and "side" in value:
        return _order(value)
    return _word(value)


def _word(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_words(value)})"
    if isinstance(value, list):
        return f"{len(value)} items" if len(value) > _SHOWN_ITEMS else f"[{'; '.join(_words(one) for one in value)}]"
    return printable(str(value))
