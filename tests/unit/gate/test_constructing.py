"""What is read from bytes is made by its constructor: defaults, checks and all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest

from risksvc.core.types import MalformedInputError, Scope
from risksvc.gate.constructing import reader


class Way(Enum):
    UP = "UP"


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Part:
    size: Decimal
    way: Way = Way.UP


STANDARD = Part(Decimal(7))


@dataclass(slots=True)
class Whole:
    name: str
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] = field(default_factory=dict)
    maybe: Part | None = None
    standard: Part = STANDARD
    numbers: tuple[int, ...] = ()
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    made: int = field(default=0)

    def __post_init__(self) -> None:
        self.made += 1


def packed(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def test_everything_that_is_said_and_every_default_that_is_not() -> None:
    read = reader(Whole)
    part = {"size": "1.50"}
    said: dict[str, Any] = {
        "name": "a",
        "parts": [part, part],
        "by_name": {"x": part},
        "maybe": part,
        "standard": part,
        "numbers": [1, 2],
        "prices": {"y": "0.10"},
    }
    made = Part(Decimal("1.50"))
    whole = Whole("a", (made, made), {"x": made}, made, made, (1, 2), {"y": Decimal("0.10")})
    assert read(packed(said)) == whole
    assert str(read(packed(said)).prices["y"]) == "0.10"
    assert read(packed({"name": "a"})) == Whole("a")
    assert read(packed({"name": "a"})).standard is STANDARD
    assert read(packed({"name": "a", "maybe": None})).maybe is None
    assert read(packed({"name": "a"})).by_name is not read(packed({"name": "a"})).by_name
    assert read(packed({"name": "a"})).made == 1, "the constructor was asked, once"
    assert reader(Nothing)(packed({})) == Nothing()


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"name": "a", "other": 1}, "other"),
        ({"name": "a", "parts": [{"size": "1", "other": 1}]}, r"\$.parts\[0\]|other"),
        ({"name": "a", "maybe": {"size": "1", "other": 1}}, "other"),
        ({"name": "a", "by_name": {"x": {"size": "1", "other": 1}}}, "other"),
    ],
)
def test_what_is_not_known_is_refused_or_passed_over(said: dict[str, Any], where: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=where):
        reader(Whole)(packed(said))
    assert reader(Whole, strict=False)(packed(said)).name == "a"


@pytest.mark.parametrize("said", [{}, {"name": 1}, {"name": "a", "parts": [{"size": "x"}]}, {"name": "a", "maybe": 1}])
def test_what_is_wrong_is_refused(said: dict[str, Any]) -> None:
    for strict in (True, False):
        with pytest.raises(msgspec.ValidationError):
            reader(Whole, strict=strict)(packed(said))


def test_what_a_constructor_refuses_is_refused() -> None:
    with pytest.raises(MalformedInputError, match=r"scope\.account"):
        reader(Scope, decoder=msgspec.json.Decoder)(b'{"strategy": "alpha"}')


def test_what_is_no_object_of_the_core_is_read_as_it_is() -> None:
    assert reader(int)(packed(3)) == 3
