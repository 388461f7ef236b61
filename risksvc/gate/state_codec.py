"""The gate's state as bytes and back: the same objects, the same values, the same order, bit for bit.

A stream of records, each a length (u32, little-endian) and a MessagePack array: `[0, class, fields]` names a class the
first time that it is used (an enum without fields), `[1, class, values...]` is one object, `[2, value]` ends it: the
root. Inside, a value that MessagePack has is itself, everything else an array that begins with the class's number or
with one of `_TAGS`.

Rule 1: classes and fields go by name, from a closed table (`risksvc.gate.state_classes`): reading makes nothing else,
runs nothing, and never guesses. A field that the file does not have gets its default; a class, field or tag that this
version does not know is an error. Rule 2: an object that can change is written once and referred to afterwards, so that
one object stays one object. A list or dict that two objects share is refused. Rule 3: the same state gives the same
bytes, in any process, under any hash seed; how immutable values are shared does not show. Rule 4: a Decimal is its
text, so its exponent and sign survive. Never reads a clock or a disk.
"""

import hashlib
import re
import struct
import sys
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from risksvc.core.book import AccountBook
from risksvc.core.gate import RiskGate
from risksvc.core.types import RiskError
from risksvc.gate.memory import no_collections
from risksvc.gate.state_classes import CONSTANTS, ENUMS, ENUMS_BY_NAME, SHAPES, SHAPES_BY_NAME, Shape

_DEFINITION, _OBJECT, _ROOT = 0, 1, 2
_REF, _DECIMAL, _LIST, _TUPLE, _DICT, _ORDERED, _DEQUE, _PATTERN, _CONSTANT = _TAGS = tuple(range(-1, -10, -1))
_ATOMS = frozenset({type(None), bool, int, str, bytes})
_SHARABLE = frozenset({list, dict, OrderedDict, deque})
_UNDER_WAY = -1
_LENGTH = struct.Struct("<I")
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(list).decode


class StateCodecError(RiskError):
    """A state that can't be written, or bytes that this version can't read as one; the text names class and field."""


def dump(root: object) -> bytes:
    """The bytes of an object and everything that it holds. Raises StateCodecError."""
    with no_collections():
        return _Writer().write(root)


def load(data: bytes) -> Any:  # noqa: ANN401 - whatever was dumped
    """What was dumped. Raises StateCodecError."""
    with no_collections():
        try:
            return _Reader().read(data)
        except (msgspec.MsgspecError, struct.error, LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise StateCodecError(f"not a state of this version: {error!r}") from error


def dump_gate(gate: RiskGate) -> bytes:
    """The bytes of a gate; `load_gate` reads them."""
    return dump((gate.state, gate.last))


def load_gate(data: bytes) -> RiskGate:
    """The gate of these bytes."""
    state, last = load(data)
    return RiskGate(state, last=last)


def state_hash(gate: RiskGate) -> str:
    """SHA-256 over a gate's bytes, in hex: equal exactly when the states are."""
    return hashlib.sha256(dump_gate(gate)).hexdigest()


def pack(ids: dict[int, int]) -> bytes:
    """Keys, then values, each 8 bytes, little-endian."""
    numbers = array("Q", ids.keys())
    numbers.extend(ids.values())
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpack(data: bytes) -> dict[int, int]:
    """What was packed."""
    numbers = array("Q")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    half = len(numbers) // 2
    return dict(zip(numbers[:half], numbers[half:], strict=True))


# -- writing ------------------------------------------------------------------------------------------------------


class _Writer:
    """One dump."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._objects = 0
        self._numbers: dict[int, int] = {}  # of objects, by identity
        self._containers: dict[int, str] = {}
        self._classes: dict[type, int] = {}
        self._constants = {id(one): name for name, one in CONSTANTS.items()}
        self._writers: dict[type, Callable[[Any], object]] = {
            Decimal: lambda value: [_DECIMAL, str(value)],
            list: lambda value: [_LIST, *map(self._value, value)],
            tuple: lambda value: [_TUPLE, *map(self._value, value)],
            dict: lambda value: [_DICT, *self._items(value.items())],
            MappingProxyType: lambda value: [_DICT, *self._items(value.items())],
            OrderedDict: lambda value: [_ORDERED, *self._items(value.items())],
            deque: lambda value: [_DEQUE, value.maxlen, *map(self._value, value)],
            re.Pattern: lambda value: [_PATTERN, value.pattern, value.flags],
        }
        self._writers.update(dict.fromkeys(ENUMS, self._enum))
        self._writers.update({kind: self._for(shape) for kind, shape in SHAPES.items()})

    def write(self, root: object) -> bytes:
        value = self._value(root)
        self._record([_ROOT, value])
        return b"".join(self._records)

    def _for(self, shape: Shape) -> Callable[[Any], object]:
        read = attrgetter(*shape.fields)
        whole: Callable[[Any], Sequence[object]] = read if len(shape.fields) > 1 else lambda value: (read(value),)
        return partial(self._frozen if shape.is_value else self._object, shape, whole)

    def _record(self, record: list[object]) -> None:
        try:
            data = _ENCODE(record)
        except OverflowError as error:
            name = next((kind.__name__ for kind, number in self._classes.items() if number == record[1]), "the root")
            raise StateCodecError(f"{name}: {error}") from error
        self._records += (_LENGTH.pack(len(data)), data)

    def _value(self, value: Any) -> object:  # noqa: ANN401
        kind = type(value)
        if kind in _ATOMS:
            return value
        write = self._writers.get(kind)
        if write is None:
            text = f"a {kind.__name__} has no place in a snapshot; name it in risksvc/gate/state_classes.py"
            raise StateCodecError(text)
        return write(value)

    def _items(self, items: Iterable[tuple[object, object]]) -> Iterator[object]:
        for key, value in items:
            yield self._value(key)
            yield self._value(value)

    def _class(self, kind: type, fields: tuple[str, ...] | None) -> int:
        number = self._classes.get(kind)
        if number is None:
            number = self._classes[kind] = len(self._classes)
            self._record([_DEFINITION, kind.__name__, fields])
        return number

    def _enum(self, value: Enum) -> object:
        return [self._class(type(value), None), value.name]

    def _frozen(self, shape: Shape, read: Callable[[Any], Sequence[object]], value: object) -> object:
        name = self._constants.get(id(value))
        if name is not None:
            return [_CONSTANT, name]
        number = self._class(shape.kind, shape.fields)
        return [number, *map(self._value, read(value))]

    def _object(self, shape: Shape, read: Callable[[Any], Sequence[object]], value: object) -> object:
        number = self._numbers.get(id(value))
        if number is None:
            self._numbers[id(value)] = _UNDER_WAY
            record: list[object] = [_OBJECT, self._class(shape.kind, shape.fields)]
            for name, held in zip(shape.fields, read(value), strict=True):
                record.append(self._field(shape, name, held))
            self._record(record)
            number = self._numbers[id(value)] = self._objects
            self._objects += 1
        elif number == _UNDER_WAY:
            raise StateCodecError(f"a {shape.name} holds itself")
        return [_REF, number]

    def _field(self, shape: Shape, name: str, held: Any) -> object:  # noqa: ANN401
        where = f"{shape.name}.{name}"
        if type(held) in _SHARABLE:
            other = self._containers.setdefault(id(held), where)
            if other is not where:
                raise StateCodecError(f"{where} and {other} are one and the same {type(held).__name__}")
        try:
            return pack(held) if name in shape.packed else self._value(held)
        except StateCodecError as error:
            raise StateCodecError(f"{where}: {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise StateCodecError(f"{where}: {error}") from error


# -- reading ------------------------------------------------------------------------------------------------------


class _Reader:
    """One load. Equal texts and decimals become one object: a snapshot of a busy gate has each many times."""

    def __init__(self) -> None:
        self._objects: list[object] = []
        self._classes: list[Callable[[list[Any]], object]] = []  # take an array as it stands inside: [number, ...]
        self._texts: dict[str, str] = {}
        self._decimals: dict[str, Decimal] = {}
        self._tags: dict[int, Callable[[list[Any]], object]] = {
            _REF: lambda value: self._objects[value[1]],
            _DECIMAL: self._decimal,
            _LIST: lambda value: self._values(value, 1),
            _TUPLE: lambda value: tuple(self._values(value, 1)),
            _DICT: lambda value: dict(self._pairs(value)),
            _ORDERED: lambda value: OrderedDict(self._pairs(value)),
            _DEQUE: lambda value: deque(self._values(value, 2), maxlen=value[1]),
            _PATTERN: lambda value: re.compile(value[1], value[2]),
            _CONSTANT: lambda value: CONSTANTS[value[1]],
        }

    def read(self, data: bytes) -> object:
        offset, end, view = 0, len(data), memoryview(data)
        while offset < end:
            (length,) = _LENGTH.unpack_from(data, offset)
            offset += _LENGTH.size
            record = _DECODE(view[offset : offset + length])
            offset += length
            if record[0] == _OBJECT:
                del record[0]
                self._objects.append(self._classes[record[0]](record))
            elif record[0] == _DEFINITION:
                self._classes.append(self._define(record[1], record[2]))
            elif record[0] == _ROOT and offset == end:
                return self._value(record[1])
            else:
                raise StateCodecError(f"a record of kind {record[0]!r} at byte {offset}")
        raise StateCodecError("it ends too early")

    def _value(self, value: Any) -> Any:  # noqa: ANN401
        kind = type(value)
        if kind is list:
            tag = value[0]
            return self._classes[tag](value) if tag >= 0 else self._tags[tag](value)
        return self._texts.setdefault(value, value) if kind is str else value

    def _values(self, values: list[Any], start: int) -> list[Any]:
        return [self._value(one) for one in values[start:]]

    def _pairs(self, values: list[Any]) -> Iterator[tuple[Any, Any]]:
        found = iter(self._values(values, 1))
        return zip(found, found, strict=True)

    def _decimal(self, value: list[Any]) -> Decimal:
        text = value[1]
        known = self._decimals.get(text)
        if known is None:
            known = self._decimals[text] = Decimal(text)
        return known

    # -- classes -------------------------------------------------------------------------------------------------

    def _define(self, name: str, fields: list[str] | None) -> Callable[[list[Any]], object]:
        if fields is None:
            return _enum_reader(name)
        shape = SHAPES_BY_NAME.get(name)
        if shape is None:
            raise StateCodecError(f"class {name!r} is not known; a newer risksvc wrote it")
        unknown = [one for one in fields if one not in shape.fields]
        missing = [one for one in shape.required if one not in fields]
        if unknown or missing:
            said = f"does not know {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
            raise StateCodecError(f"{name}: this version {said}; another risksvc wrote it")
        if not shape.is_value:
            return partial(self._object, shape, tuple(fields))
        if tuple(fields) == shape.fields:
            return partial(self._frozen, shape.kind)
        return partial(self._frozen_by_name, shape.kind, tuple(fields))

    def _frozen(self, kind: Callable[..., object], value: list[Any]) -> object:
        return kind(*self._values(value, 1))

    def _frozen_by_name(self, kind: Callable[..., object], fields: tuple[str, ...], value: list[Any]) -> object:
        return kind(**dict(zip(fields, self._values(value, 1), strict=True)))

    def _object(self, shape: Shape, fields: tuple[str, ...], value: list[Any]) -> object:
        held = dict(zip(fields, self._values(value, 1), strict=True))
        for name in shape.packed:
            if name in held:
                held[name] = unpack(held[name])
        made = shape.make(held)
        if isinstance(made, AccountBook):
            made.derive()
        return made


def _enum_reader(name: str) -> Callable[[list[Any]], object]:
    kind = ENUMS_BY_NAME.get(name)
    if kind is None:
        raise StateCodecError(f"enum {name!r} is not known; a newer risksvc wrote it")
    members = dict(kind.__members__)
    return lambda value: members[value[1]]
