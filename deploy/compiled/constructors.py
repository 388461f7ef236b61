"""Writes out what `dataclasses` makes of a module's classes when it is imported, so that it is compiled with it.

The constructor: one that stands in the class is compiled, one that is made later is interpreted. The annotations, which
compiled classes lose and `risksvc.gate.constructing` reads. And that a class whose objects never change is in no ring
of references, so that no collection looks for one. Nothing else is changed: fields, defaults, order and `__post_init__`
stay as they are; a class that is not understood is refused. `immutable` of `risksvc.core.types` becomes the dataclass
that it makes.
"""

import ast
from collections.abc import Iterator

IMMUTABLE = "@dataclasses.dataclass(slots=True, unsafe_hash=True)"
NO_RING = "@mypyc_attr(acyclic=True)"
IMPORTS = (
    "import dataclasses",
    "import typing",
    "if typing.TYPE_CHECKING:",
    "    from mypy_extensions import mypyc_attr",
)


class NotUnderstoodError(Exception):
    """A dataclass that this can't write a constructor for."""


def with_constructors(source: str) -> str:
    """The same module with the constructors written out."""
    module = ast.parse(source)
    lines = source.split("\n")
    above: dict[int, list[str]] = {_first_import(module): [*IMPORTS]}
    below: dict[int | None, list[str]] = {}
    for statement in module.body:
        if isinstance(statement, ast.ClassDef) and (decorator := _dataclass(statement)) is not None:
            if _name(decorator) == "immutable":
                lines[decorator.lineno - 1] = IMMUTABLE
            if _name(decorator) == "immutable" or _frozen(decorator):
                above[decorator.lineno] = [NO_RING]
            fields = _fields(statement)
            if fields and not _has(statement, "__init__"):
                below[fields[-1].end_lineno] = [*_constructor(statement, fields, frozen=_frozen(decorator))]
            below.setdefault(statement.end_lineno, []).append(_annotations(statement.name, fields))
    return "\n".join(one for at, line in enumerate(lines, 1) for one in (*above.get(at, ()), line, *below.get(at, ())))


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


def _annotations(name: str, fields: list[ast.AnnAssign]) -> str:
    said = {ast.unparse(one.target): ast.unparse(one.annotation) for one in fields}
    return f"{name}.__annotations__ = {said!r}"


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


def _first_import(module: ast.Module) -> int:
    """The line of the first import; a module that imports nothing holds no dataclass."""
    imports = (one.lineno for one in module.body if isinstance(one, ast.Import | ast.ImportFrom))
    return next(imports, 0)
