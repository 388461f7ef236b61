"""Journal entries as bytes: one Input with what it gave, and back again, bit for bit.

An entry is a MessagePack array `[seq, now, input type, input, [[output type, output], ...]]`; every value is a map of
its field names, a Decimal its text, an enum its value. So an entry explains itself, and an old one still reads after a
field was added (added fields have defaults: `risksvc.core.events`). What this version does not know, a type or a field
anywhere inside, is an error and never ignored: a journal written by a newer version must not be half understood.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from risksvc.core.events import Input, OrderChecked
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import Nanoseconds, RiskError
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


def _plain(value: object) -> object:
    """What msgspec does not write by itself: a mapping that is no dict (a read-only view)."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} has no place in a journal")


@functools.cache
def _strict(kind: Any) -> Any:  # noqa: ANN401 - types are values here
    """The same shape, refusing unknown fields (which msgspec ignores in dataclasses, but not in its own structs)."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = [_strict_field(field, hints[field.name]) for field in dataclasses.fields(kind)]
        return msgspec.defstruct(kind.__name__, fields, forbid_unknown_fields=True, kw_only=True, gc=False)
    arguments = tuple(_strict(argument) for argument in typing.get_args(kind) if argument is not Ellipsis)
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        return functools.reduce(lambda left, right: left | right, arguments)
    if origin is tuple:
        return tuple[arguments[0], ...]  # type: ignore[valid-type]
    if origin is Mapping:
        return dict[arguments[0], arguments[1]]  # type: ignore[valid-type]
    return kind


def _strict_field(field: dataclasses.Field[Any], hint: Any) -> tuple[str, Any] | tuple[str, Any, Any]:  # noqa: ANN401
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return (field.name, _strict(hint)) if required else (field.name, _strict(hint), None)


def _reader(kind: Any) -> Callable[[msgspec.Raw], Any]:  # noqa: ANN401 - types are values here
    check = msgspec.msgpack.Decoder(_strict(kind)).decode
    read = msgspec.msgpack.Decoder(kind).decode

    def read_checked(body: msgspec.Raw) -> Any:  # noqa: ANN401
        check(body)
        return read(body)

    return read_checked


def _readers(union: Any) -> dict[str, Callable[[msgspec.Raw], Any]]:  # noqa: ANN401
    return {kind.__name__: _reader(kind) for kind in typing.get_args(union)}


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
_ENVELOPE = msgspec.msgpack.Decoder(tuple[int, int, str, msgspec.Raw, list[tuple[str, msgspec.Raw]]])
_INPUTS = _readers(Input)
_OUTPUTS = _readers(Output)
