"""What deploy/compiled writes into a module before it is compiled: what `dataclasses` would make, and what is final."""

import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Callable
from typing import Any

import pytest

from deploy.compiled.writing_out import NotUnderstoodError, written_out

SOURCE = '''
"""A module."""

from dataclasses import dataclass, field
from typing import Final, TypeVar
from risksvc.core.immutable import immutable

_T = TypeVar("_T")
Row = dict[str, int]
ZERO, ONE = 0, 1
HUNDRED = (
    100
)
_rows: dict[str, int] = {}
said: Final = 1
twice = 1
twice = 2
later: int

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
    exec(compile(written_out(source), "written", "exec"), names)  # noqa: S102 - what is tested
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


def test_what_is_set_once_is_final() -> None:
    lines = written_out(SOURCE).split("\n")
    assert [line for line in lines if "Final" in line and "import" not in line] == [
        "HUNDRED: typing.Final = (",
        "_rows: typing.Final[dict[str, int]] = {}",
        "said: Final = 1",
    ]


def test_a_module_that_imports_nothing_gets_what_it_needs_behind_its_text() -> None:
    written = written_out('"""A text\nof two lines."""\n\nMOST = 3\n').split("\n")
    assert written[:5] == ['"""A text', 'of two lines."""', "", "import dataclasses", "import typing"]
    assert written[-2:] == ["MOST: typing.Final = 3", ""]
    assert written_out('"""Only a text."""\n').startswith('"""Only a text."""')


def test_an_annotation_over_several_lines_is_refused() -> None:
    with pytest.raises(NotUnderstoodError, match="line 1: the annotation of MOST goes on"):
        written_out("MOST: dict[\n    str, int\n] = {}\n")


def test_what_never_changes_is_in_no_ring() -> None:
    lines = written_out(SOURCE).split("\n")
    marked = [lines[at + 2] for at, line in enumerate(lines) if line == "@mypyc_attr(acyclic=True)"]
    assert marked == ["class Frozen:", "class Given:"]


def test_a_frozen_one_is_marked_for_the_type_checker() -> None:
    assert "        self.low = low  # type: ignore[misc]\n" in written_out(SOURCE)


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
        written_out(source)


def test_a_dataclass_with_bases_is_refused() -> None:
    with pytest.raises(NotUnderstoodError, match="line 3: the dataclass One has bases"):
        written_out("import dataclasses\n@dataclass\nclass One(Other):\n    one: int\n")
