"""Writes out what `dataclasses` makes of a module's classes when it is imported, so that it is compiled with it.

The constructor: one that stands in the class is compiled, one that is made later is interpreted. The annotations, which
compiled classes lose and `risksvc.gate.constructing` reads. That a class whose objects never change is in no ring of
references, so that no collection looks for one. And that a module's name is set once: then compiled code keeps what it
names, and does not look the name up each time. Nothing else is changed: fields, defaults, order and `__post_init__`
stay as they are; what is not understood is refused. `risksvc.core.immutable` becomes the dataclass that it makes.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

IMMUTABLE = "@dataclasses.dataclass(slots=True, unsafe_hash=True)"
CONSTANT = re.compile(r"_?([A-Z][A-Z0-9_]*|[a-z][a-z0-9_]*)")
OF_TYPES = ("TypeVar", "TypeVarTuple", "ParamSpec", "NewType")
NO_RING = "@mypyc_attr(acyclic=True)"
IMPORTS = (
    "import dataclasses",
    "import typing",
    "if typing.TYPE_CHECKING:",
    "    from mypy_extensions import mypyc_attr",
)


Lines = defaultdict[int, list[str]]  # by the line of the source that they stand above or below


class NotUnderstoodError(Exception):
    """A statement that this can't write out."""


def written_out(source: str) -> str:
    """The same module with all that written out."""
    module = ast.parse(source)
    lines = source.split("\n")
    above: Lines = defaultdict(list)
    below: Lines = defaultdict(list)
    above[_beginning(module)] += IMPORTS
    for one in _set_once(module):
        lines[one.lineno - 1] = _final(one, lines[one.lineno - 1])
    for statement in module.body:
        if isinstance(statement, ast.ClassDef) and (decorator := _dataclass(statement)) is not None:
            if _name(decorator) == "immutable":
                lines[decorator.lineno - 1] = IMMUTABLE
            if _name(decorator) == "immutable" or _frozen(decorator):
                above[decorator.lineno].append(NO_RING)
            fields = _fields(statement)
            if fields and not _has(statement, "__init__"):
                below[_end(fields[-1])] += _constructor(statement, fields, frozen=_frozen(decorator))
            below[_end(statement)].append(_annotations(statement.name, fields))
    return "\n".join(one for at, line in enumerate(lines, 1) for one in (*above[at], line, *below[at]))


def _dataclass(statement: ast.ClassDef) -> ast.expr | None:
    found = [one for one in statement.decorator_list if _name(one) in ("dataclass", "immutable")]
    return found[0] if found else None


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _frozen(decorator: ast.expr) -> bool:
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return any(one.arg == "frozen" and ast.unparse(one.value) == "True" for one in keywords)


def _fields(statement: ast.ClassDef) -> list[ast.AnnAssign]:
    if statement.bases or statement.keywords:
        raise NotUnderstoodError(f"line {statement.lineno}: the dataclass {statement.name} has bases")
    return [one for one in statement.body if isinstance(one, ast.AnnAssign)]


def _has(statement: ast.ClassDef, name: str) -> bool:
    return any(isinstance(one, ast.FunctionDef) and one.name == name for one in statement.body)


def _constructor(statement: ast.ClassDef, fields: list[ast.AnnAssign], *, frozen: bool) -> Iterator[str]:
    said = "  # type: ignore[misc]" if frozen else ""
    read = [_field(one) for one in fields]
    yield ""
    yield f"    def __init__(self, {', '.join(parameter for _, parameter, _ in read)}) -> None:"
    for name, _, value in read:
        yield f"        self.{name} = {value}{said}"
    if _has(statement, "__post_init__"):
        yield "        self.__post_init__()"


def _set_once(module: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    """Assignments of a module's own names that nothing assigns again, but for names of types."""
    found = [one for one in module.body if isinstance(one, ast.Assign | ast.AnnAssign) and _target(one)]
    often = Counter(_target(one) for one in found)
    for one in found:
        made_by = _name(one.value) if isinstance(one.value, ast.Call) else ""
        if often[_target(one)] == 1 and one.value is not None and made_by not in OF_TYPES:
            yield one


def _target(statement: ast.Assign | ast.AnnAssign) -> str:
    """The name that is set, if it is one, and no name of a type."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    name = targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""
    return name if CONSTANT.fullmatch(name) else ""


def _final(statement: ast.Assign | ast.AnnAssign, line: str) -> str:
    """Its first line, on which the name and the annotation stand."""
    name = _target(statement)
    if isinstance(statement, ast.Assign):
        return line.replace(f"{name} =", f"{name}: typing.Final =", 1)
    kind = ast.unparse(statement.annotation)
    start, end = statement.annotation.col_offset, statement.annotation.end_col_offset
    if statement.annotation.end_lineno != statement.lineno:
        raise NotUnderstoodError(f"line {statement.lineno}: the annotation of {name} goes on on the next line")
    return line if kind.startswith("Final") else f"{line[:start]}typing.Final[{line[start:end]}]{line[end:]}"


def _annotations(name: str, fields: list[ast.AnnAssign]) -> str:
    said = {ast.unparse(one.target): ast.unparse(one.annotation) for one in fields}
    return f'setattr({name}, "__annotations__", {said!r})'


def _field(field: ast.AnnAssign) -> tuple[str, str, str]:
    """Its name, the parameter, and what is assigned."""
    name, annotation = ast.unparse(field.target), ast.unparse(field.annotation)
    if "ClassVar" in annotation or "InitVar" in annotation or "KW_ONLY" in annotation:
        raise NotUnderstoodError(f"line {field.lineno}: {name} is a {annotation}")
    if field.value is None:
        return name, f"{name}: {annotation}", name
    if not (isinstance(field.value, ast.Call) and ast.unparse(field.value.func) == "field"):
        return name, f"{name}: {annotation} = {ast.unparse(field.value)}", name
    said = {one.arg: ast.unparse(one.value) for one in field.value.keywords}
    unknown = set(said) - {"default", "default_factory", "metadata"}
    if unknown or field.value.args or ("default" in said) is ("default_factory" in said):
        raise NotUnderstoodError(f"line {field.lineno}: {name} = {ast.unparse(field.value)}")
    if "default" in said:
        return name, f"{name}: {annotation} = {said['default']}", name
    factory = said["default_factory"]
    return name, f"{name}: {annotation} | None = None", f"{factory}() if {name} is None else {name}"


def _beginning(module: ast.Module) -> int:
    """The line of the first statement behind the module's text."""
    first = next((one for one in module.body if not isinstance(one, ast.Expr)), None)
    if first is None:
        return 0
    decorators = first.decorator_list if isinstance(first, ast.ClassDef | ast.FunctionDef) else []
    return min((first.lineno, *(one.lineno for one in decorators)))


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno
