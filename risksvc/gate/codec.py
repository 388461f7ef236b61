"""Journal entries as bytes: one Input with what it gave, and back again, bit for bit.

An entry is a MessagePack array `[seq, now, input type, input, [[output type, output], ...]]`; every value is a map of
its field names, a Decimal its text, an enum its value. So an entry explains itself, and an old one still reads after a
field was added (added fields have defaults: `risksvc.core.events`). What this version does not know, a type or a field
anywhere inside, is an error and never ignored: a journal written by a newer version must not be half understood.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from risksvc.core.events import Input, OrderChecked
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.gate.constructing import reader
from risksvc.gate.entry_forms import checked, decided


class CodecError(RiskError):
    """An entry that can't be written or read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the gate. `seq` counts from 1 without a gap; `now` is what the owner was given."""

    seq: int
    now: Nanoseconds
    input: Input
    outputs: tuple[Output, ...]


def encode(seq: int, now: Nanoseconds, what: Input, outputs: tuple[Output, ...]) -> bytes:
    """The entry's bytes. Raises CodecError when a value has a type that the journal does not know."""
    try:
        if type(what) is OrderChecked and len(outputs) == 1 and type(outputs[0]) is Decision:  # nearly always
            return _ENCODER.encode((seq, now, "OrderChecked", checked(what), (("Decision", decided(outputs[0])),)))
        given = [(type(output).__name__, output) for output in outputs]
        return _ENCODER.encode((seq, now, type(what).__name__, what, given))
    except (TypeError, ValueError, OverflowError) as error:
        raise CodecError(f"entry {seq}: {type(what).__name__} can't be written: {error}") from error


def decode(data: bytes) -> Entry:
    """The entry of these bytes. Raises CodecError naming the entry, its type and the field."""
    try:
        seq, now, name, body, given = _ENVELOPE.decode(data)
    except msgspec.MsgspecError as error:
        raise CodecError(f"not a journal entry: {error}") from error
    what = _value(_INPUTS, name, body, entry=seq)
    outputs = tuple(_value(_OUTPUTS, kind, part, entry=seq) for kind, part in given)
    return Entry(seq, now, what, outputs)


def _value(known: Mapping[str, Callable[[msgspec.Raw], Any]], name: str, body: msgspec.Raw, *, entry: int) -> Any:  # noqa: ANN401 - typed by the table
    read = known.get(name)
    if read is None:
        raise CodecError(
            f"entry {entry}: unknown type {name!r}; a newer risksvc wrote this journal: run that version or newer"
        )
    try:
        return read(body)
    except msgspec.ValidationError as error:
        raise CodecError(f"entry {entry}: {name}: {error}; run the risksvc version that wrote it, or newer") from error
    except RiskError as error:
        raise CodecError(f"entry {entry}: {name}: {error}") from error


Table = types.MappingProxyType[str, Any]
# Tables whose bytes were made beforehand, by identity.
_PREPARED: dict[int, bytes] = {}


@contextmanager
def prepared(tables: Sequence[tuple[Table, bytes]]) -> Iterator[None]:
    """Inside, an entry that holds one of these tables copies the MessagePack bytes that were made of it beforehand."""
    _PREPARED.update((id(table), data) for table, data in tables)
    try:
        yield
    finally:
        _PREPARED.clear()


def _plain(value: object) -> object:
    """What msgspec does not write by itself: a mapping that is no dict (a read-only view), maybe with its bytes."""
    known = _PREPARED.get(id(value))
    if known is not None:
        return msgspec.Raw(known)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in a journal")


def _readers(union: Any) -> dict[str, Callable[[msgspec.Raw], Any]]:  # noqa: ANN401
    return {kind.__name__: reader(kind) for kind in typing.get_args(union)}


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
_ENVELOPE = msgspec.msgpack.Decoder(tuple[int, int, str, msgspec.Raw, list[tuple[str, msgspec.Raw]]])
_INPUTS = _readers(Input)
_OUTPUTS = _readers(Output)
