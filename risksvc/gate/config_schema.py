"""What both files' schemas are made of: sections that refuse unknown keys, and a reader that tells every problem.

pydantic walks the schema; every word of a message is this project's. A problem in one value hides no other problem: a
section's own rules (`Section.faults`) are asked about what is written even where parts of it can't be read.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from risksvc.gate.config_problems import FileProblem, did_you_mean, shown
from risksvc.gate.config_values import refused
from risksvc.gate.yaml_lines import Document, KeyPath, Node, YamlList, YamlMapping

_Model = TypeVar("_Model", bound="Section")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

# More than this is another kind of file, or a program's mistake: reading it to its end would take minutes and memory.
_MAX_UNKNOWN = 20  # keys of one section
_MAX_ERRORS = 1000  # of one section, all that is below it included
_MAX_NAMES = 20_000  # instruments, strategies, accounts in one place
_MAX_ITEMS = 1000  # of a list
_MISSING = "is missing; it must be written"
_EMPTY = "has no value; write one, or remove the key"


class Section(BaseModel):
    """A mapping with fixed keys. Nothing after its colon means: all defaults."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=False,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def written(cls, value: object) -> object:
        """A place for a section's shorter forms, such as a limit that is just a number."""
        return value

    @classmethod
    def faults(cls, section: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
        """Rules between the keys of a section, asked about the tree as written, whatever shape it has."""
        del section
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        section = as_mapping(cls.written(value))
        keys, empty = cls.key_names(), [key for key in _optional(cls) if key in section and section[key] is None]
        faults = list(cls.faults(section))
        told = {path[0] for path, _ in faults if len(path) == 1}
        errors = [_detail(path, message) for path, message in faults]
        errors += [_detail((key,), message) for key, message in _unknown(section, keys) if key not in told]
        errors += [_detail((key,), _EMPTY) for key in empty]
        try:
            model = handler({key: section[key] for key in keys if key in section and key not in empty})
        except ValidationError as error:
            errors += [_again(detail) for detail in error.errors(include_url=False)[:_MAX_ERRORS]]
        else:
            if not errors:
                return model
        raise ValidationError.from_exception_data(cls.__name__, errors[:_MAX_ERRORS])

    @classmethod
    def key_names(cls) -> tuple[str, ...]:
        """The keys as they are written in the file."""
        return _keys(cls)


@cache
def _keys(model: type[Section]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


@cache
def _optional(model: type[Section]) -> tuple[str, ...]:
    """Keys that needn't be written. Written without a value they are a mistake, not an absence."""
    return tuple(field.alias or name for name, field in model.model_fields.items() if field.get_default() is None)


@cache
def _key_set(keys: tuple[str, ...]) -> frozenset[str]:
    return frozenset(keys)


def as_mapping(value: object) -> dict[str, Any]:
    """A mapping, empty where nothing is written."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refused(f"must be a mapping of keys to values; found {shown(value)}")
    return value


def as_list(value: object) -> tuple[object, ...]:
    """A list."""
    if not isinstance(value, list):
        raise refused(f"must be a list; found {shown(value)}")
    if len(value) > _MAX_ITEMS:
        raise refused(f"has {len(value)} items; at most {_MAX_ITEMS} are allowed")
    return tuple(value)


def raw_mapping(value: object) -> dict[str, Any]:
    """What is written as a mapping; empty for anything else. For rules over a tree that may be wrong elsewhere."""
    return value if isinstance(value, dict) else {}


def raw_value(read: Callable[[object], _Value], value: object) -> _Value | None:
    """What is written, as `read` reads it; None where it can't be read, which its own key tells."""
    try:
        return read(value)
    except PydanticCustomError:
        return None


def _as_names(value: object) -> dict[str, Any]:
    names = as_mapping(value)
    if len(names) > _MAX_NAMES:
        raise refused(f"has {len(names)} entries; at most {_MAX_NAMES} are allowed in one place")
    return names


Named = Annotated[dict[_Key, _Value], BeforeValidator(_as_names)]
Listed = Annotated[tuple[_Value, ...], BeforeValidator(as_list)]


def read_section(model: type[_Model], document: Document) -> tuple[_Model | None, tuple[FileProblem, ...]]:
    """A document by its schema: the section and nothing wrong, or None and every problem, its form's included."""
    try:
        section = model.model_validate(document.root)
    except ValidationError as error:
        found = (_problem(detail, document) for detail in error.errors(include_url=False))
        return None, (*document.problems, *(problem for problem in found if not _told(problem, document)))
    return (None if document.problems else section), document.problems


def _told(problem: FileProblem, document: Document) -> bool:
    return any(problem.key == key or problem.key.startswith(f"{key}.") for key in document.spoiled)


def _unknown(section: dict[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if section.keys() <= _key_set(keys):
        return
    unknown = [key for key in section if key not in keys]
    for key in unknown[:_MAX_UNKNOWN]:
        yield key, f"unknown key{did_you_mean(key, keys)}; allowed: {', '.join(keys)}"
    if len(unknown) > _MAX_UNKNOWN:
        yield unknown[_MAX_UNKNOWN], f"and {len(unknown) - _MAX_UNKNOWN} more unknown keys"


def _detail(path: KeyPath, message: str) -> InitErrorDetails:
    return InitErrorDetails(type=refused(message), loc=path, input=None)


def _again(detail: ErrorDetails) -> InitErrorDetails:
    context = detail.get("ctx", {})
    message = _message(detail)
    error = PydanticCustomError("refused", "{message}", {"message": message, "key": context.get("key", "")})
    return InitErrorDetails(type=error, loc=detail["loc"], input=None)


def _message(detail: ErrorDetails) -> str:
    return _MISSING if detail["type"] == "missing" else detail["msg"]


def _problem(detail: ErrorDetails, document: Document) -> FileProblem:
    path = detail["loc"][:-1] if detail["loc"][-1:] == ("[key]",) else detail["loc"]
    key = detail.get("ctx", {}).get("key", "")
    return document.problem(_written_part((*path, key) if key else path, document), _message(detail))


def _written_part(path: KeyPath, document: Document) -> KeyPath:
    """Cuts what a shorter form stands for: `max_net_exposure: 5x` has no `limit` below it, though its schema has."""
    node: Node = document.root
    for depth, step in enumerate(path):
        if isinstance(node, YamlMapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, YamlList) and isinstance(step, int) and step < len(node):
            node = node[step]
        elif node is not None:
            return path[:depth]
    return path
