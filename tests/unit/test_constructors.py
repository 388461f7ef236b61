"""What deploy/compiled writes into a module before it is compiled: the constructor that `dataclasses` would make."""

import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Callable
from typing import Any

import pytest

from deploy.compiled.constructors import NotUnderstoodError, with_constructors

SOURCE = '''
"""A module."""

from dataclasses import dataclass, field
from risksvc.core.types import immutable

@dataclass(slots=True)
class Changes:
    """One that changes."""

    name: str
    rows: dict[str, list[int]] = field(default_factory=dict)
    kept: int | None = None
    told: bool = field(default=False, metadata={"derived": True})

    def rename(self) -> None:
        self.name = ""

@dataclass(frozen=True)
class Frozen:
    low: int
    high: int = 3

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low")

@immutable
class Given:
    one: int

@dataclass
class Own:
    one: int

    def __init__(self) -> None:
        self.one = 7
'''


def no_attribute(**said: bool) -> Callable[[type], type]:
    """What mypyc takes out."""
    assert said == {"acyclic": True}
    return lambda kind: kind


def made(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": __name__, "mypyc_attr": no_attribute}
    exec(compile(with_constructors(source), "written", "exec"), names)  # noqa: S102 - what is tested
    return names


def test_what_is_written_is_what_dataclasses_would_make() -> None:
    plain: dict[str, Any] = {"__name__": __name__}
    exec(compile(SOURCE, "plain", "exec"), plain)  # noqa: S102 - what is compared
    written = made(SOURCE.replace("@dataclass(frozen=True)", "@dataclass"))  # compiled code may set what is frozen
    for name in ("Changes", "Frozen", "Given"):
        assert [*inspect.signature(written[name]).parameters] == [*inspect.signature(plain[name]).parameters]
    one, other = written["Changes"]("a"), written["Changes"]("a")
    assert repr(one) == repr(plain["Changes"]("a"))
    assert one == other
    assert one.rows is not other.rows
    assert written["Given"](1) == written["Given"](one=1)
    assert hash(written["Given"](1)) == hash(plain["Given"](1))
    assert written["Own"]().one == 7
    with pytest.raises(ValueError, match="low"):
        written["Frozen"](4)


def test_annotations_are_kept_where_compiled_classes_lose_them() -> None:
    names = made(SOURCE.replace("@dataclass(frozen=True)", "@dataclass"))
    for name in ("Changes", "Frozen", "Given", "Own"):
        hints = typing.get_type_hints(names[name], names)
        assert hints == {field.name: field.type for field in dataclasses.fields(names[name])}
    assert names["Changes"].__annotations__["rows"] == "dict[str, list[int]]", "written out"


def test_what_never_changes_is_in_no_ring() -> None:
    lines = with_constructors(SOURCE).split("\n")
    marked = [lines[at + 2] for at, line in enumerate(lines) if line == "@mypyc_attr(acyclic=True)"]
    assert marked == ["class Frozen:", "class Given:"]


def test_a_frozen_one_is_marked_for_the_type_checker() -> None:
    assert "        self.low = low  # type: ignore[misc]\n" in with_constructors(SOURCE)


@pytest.mark.parametrize(
    "field",
    ["one: ClassVar[int] = 1", "one: KW_ONLY", "one: int = field(default=1, init=False)", "one: int = field()"],
)
def test_what_is_not_understood_is_refused(field: str) -> None:
    source = textwrap.dedent(f"""
        import dataclasses
        @dataclass
        class One:
            {field}
        """)
    with pytest.raises(NotUnderstoodError, match="line 5: one"):
        with_constructors(source)


def test_a_dataclass_with_bases_is_refused() -> None:
    with pytest.raises(NotUnderstoodError, match="line 3: the dataclass One has bases"):
        with_constructors("import dataclasses\n@dataclass\nclass One(Other):\n    one: int\n")
