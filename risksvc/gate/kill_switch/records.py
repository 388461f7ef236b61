"""Halts, clears and heartbeats as JSON text: how they stand in the latch's file, in Redis and on its channel.

An operator under stress can read them with `less` or redis-cli. A field that this version does not know is passed over
(gates of different versions share one store during an upgrade); a record that can't be read at all raises, and whoever
reads it closes. Namespaces: "*" is the global one, every other is an account's name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, RiskError, Scope
from risksvc.gate.constructing import reader

GLOBAL = "*"

_T = TypeVar("_T")


class RecordUnreadableError(RiskError):
    """A record that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The store's history as far as this gate has seen it: the generation, and the highest epoch."""

    namespace: str
    generation: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a gate tells the others with each poll.

    `digest`: the store's contents that it has applied and made durable. `bound_ns`: from the moment of this heartbeat,
    how long an approval of this gate can at most still be used: its lease and the validity of an approval.
    """

    gate_id: str
    incarnation: str
    digest: str
    bound_ns: Nanoseconds
    version: str = ""
    limits_hash: str = ""


Record = Halt | Clear | Mark


def namespace_of(scope: Scope) -> str:
    """Where a halt of this scope stands."""
    return scope.account or GLOBAL


def halt_text(halt: Halt) -> str:
    """A halt as JSON."""
    return _ENCODER.encode(halt).decode()


def clear_text(clear: Clear) -> str:
    """A clear as JSON."""
    return _ENCODER.encode(clear).decode()


def heartbeat_text(heartbeat: Heartbeat) -> str:
    """A heartbeat as JSON."""
    return _ENCODER.encode(heartbeat).decode()


def read_halt(text: str | bytes) -> Halt:
    """Raises RecordUnreadableError."""
    return _read(_HALT, text)


def read_clear(text: str | bytes) -> Clear:
    """Raises RecordUnreadableError."""
    return _read(_CLEAR, text)


def read_heartbeat(text: str | bytes) -> Heartbeat:
    """Raises RecordUnreadableError."""
    return _read(_HEARTBEAT, text)


def record_line(record: Record) -> bytes:
    """A record as the latch's file holds it: `{"Halt": {...}}`."""
    return _ENCODER.encode({type(record).__name__: record})


def read_line(line: bytes) -> Record:
    """The record of a latch's line. Raises RecordUnreadableError."""
    parts = _read(_LINE.decode, line)
    name, body = next(iter(parts.items()), ("", msgspec.Raw()))
    read = _RECORDS.get(name)
    if read is None or len(parts) != 1:
        raise RecordUnreadableError(f"not one of {', '.join(_RECORDS)}: {_shown(line)}")
    return _read(read, bytes(body))


def _read(read: Callable[[str | bytes], _T], text: str | bytes) -> _T:
    try:
        return read(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RecordUnreadableError(f"{error}: {_shown(text)}") from error


def _shown(text: str | bytes) -> str:
    return repr(text[:80])


_ENCODER = msgspec.json.Encoder()
_lenient = partial(reader, decoder=msgspec.json.Decoder, strict=False)
_HALT: Callable[[str | bytes], Halt] = _lenient(Halt)
_CLEAR: Callable[[str | bytes], Clear] = _lenient(Clear)
_HEARTBEAT: Callable[[str | bytes], Heartbeat] = _lenient(Heartbeat)
_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RECORDS: dict[str, Callable[[str | bytes], Record]] = {"Halt": _HALT, "Clear": _CLEAR, "Mark": _lenient(Mark)}
