"""Objects of the core out of MessagePack or JSON, each made by its own constructor.

msgspec makes dataclasses by itself, but passes over what a class does when it is made, and takes no notice of fields
that it does not know. So bytes are read into a form first: a class of msgspec's own with the same fields, which refuses
unknown ones where that is wanted; from the form the object is made as everybody makes it. That holds for classes of
machine code too (`make compiled`), which only their constructors can make.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

Make = Callable[[Any], Any]
_T = TypeVar("_T")


class Form(NamedTuple):
    """What msgspec is to read, and how it becomes what is meant; None: it is that already."""

    kind: Any
    make: Make | None


def reader(
    kind: type[_T], *, decoder: Callable[[Any], Any] = msgspec.msgpack.Decoder, strict: bool = True
) -> Callable[[Any], _T]:
    """Reads bytes as this type. `strict`: a field that it does not have, anywhere inside, is a msgspec.ValidationError.

    Raises MsgspecError, and what constructors raise.
    """
    wanted: Any = kind
    form = _form(wanted, strict)
    read, make = decoder(form.kind).decode, form.make
    if make is None:
        return read  # type: ignore[no-any-return]
    return lambda data: make(read(data))


@functools.cache
def _form(kind: Any, strict: bool) -> Form:  # noqa: ANN401, FBT001 - types are values here
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _object(kind, strict=strict)
    origin = typing.get_origin(kind)
    parts = [_form(one, strict) for one in typing.get_args(kind) if one is not Ellipsis]
    if origin is types.UnionType or origin is typing.Union:
        return _union(parts)
    if origin is tuple:
        return _row(*parts)  # of any length, all alike: the core has no others
    if origin is Mapping:
        return _table(*parts)
    return Form(kind, None)


def _union(parts: Sequence[Form]) -> Form:
    kind = functools.reduce(lambda left, right: left | right, (part.kind for part in parts))
    makes = [part.make for part in parts if part.make is not None]
    if not makes:
        return Form(kind, None)
    (make,) = makes  # of two, nobody could tell which was read
    return Form(kind, lambda value: None if value is None else make(value))


def _row(part: Form) -> Form:
    kind, make = part
    row = tuple[kind, ...]  # type: ignore[valid-type]
    return Form(row, None if make is None else lambda value: tuple(map(make, value)))


def _table(key: Form, part: Form) -> Form:
    name, kind, make = key.kind, *part
    form = dict[name, kind]  # type: ignore[valid-type]
    if make is None:
        return Form(form, None)
    return Form(form, lambda value: {key: make(row) for key, row in value.items()})


def _object(kind: type, *, strict: bool) -> Form:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    forms = [_form(hints[field.name], strict) for field in fields]
    row = [_field(field, form.kind) for field, form in zip(fields, forms, strict=True)]
    form = msgspec.defstruct(kind.__name__, row, forbid_unknown_fields=strict, kw_only=True, gc=False)
    get = _getter([field.name for field in fields])
    parts = [(place, part.make) for place, part in enumerate(forms) if part.make is not None]

    def make(value: Any) -> Any:  # noqa: ANN401
        if type(value) is kind:
            return value  # a default, which was never read
        values = list(get(value))
        for place, part in parts:
            values[place] = part(values[place])
        return kind(*values)

    return Form(form, make)


def _getter(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    if not names:
        return lambda _value: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _field(field: "dataclasses.Field[Any]", kind: Any) -> tuple[str, Any] | tuple[str, Any, Any]:  # noqa: ANN401
    if field.default is not dataclasses.MISSING:
        return field.name, kind, field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.name, kind, msgspec.field(default_factory=field.default_factory)
    return field.name, kind
