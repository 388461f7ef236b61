"""The state as bytes: nothing is lost, nothing is confused, nothing depends on a hash seed, nothing is guessed."""

import inspect
import os
import re
import struct
import subprocess
import sys
import types
import typing
from collections import OrderedDict, deque
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from risksvc.core.gate import RiskGate
from risksvc.core.line import Line
from risksvc.core.reservations import Answer
from risksvc.core.state import GateState
from risksvc.core.strategy_line import NOTHING_STANDS, StrategyLine
from risksvc.core.types import ZERO, PositionRange, Side
from risksvc.gate import state_classes
from risksvc.gate.state_classes import ENUMS, OBJECTS, VALUES
from risksvc.gate.state_codec import StateCodecError, dump, dump_gate, load, load_gate, pack, state_hash, unpack
from tests.property.random_walk import Walk, recorded
from tests.unit.gate.state_graph import Comparison, every_attribute

ROOT = Path(__file__).resolve().parents[3]
SEEDS = range(12)
STEPS = 150
PRINT_HASHES = (
    "from tests.property.random_walk import recorded; from risksvc.gate.state_codec import state_hash; "
    f"print([state_hash(recorded(seed, {STEPS}).gate) for seed in range(4)])"
)


@pytest.fixture(scope="module")
def walks() -> list[Walk]:
    return [recorded(seed, STEPS) for seed in SEEDS]


def test_every_attribute_and_identity_of_a_state_survives(walks: list[Walk]) -> None:
    seen: dict[type, None] = {}
    for walk in walks:
        comparison = Comparison()
        again = load_gate(dump_gate(walk.gate))
        comparison.same(walk.gate.state, again.state, "state")
        assert again.last == walk.gate.last
        seen |= comparison.objects

    # Walks make almost everything that a state can hold; the rest is in the tables for certain.
    assert len(seen) > 25
    assert seen.keys() <= {*OBJECTS, *VALUES}


def test_a_state_that_was_read_gives_the_same_bytes(walks: list[Walk]) -> None:
    for walk in walks:
        data = dump_gate(walk.gate)
        assert dump_gate(load_gate(data)) == data


def test_a_state_that_was_read_goes_on_in_the_same_way() -> None:
    for seed in SEEDS:
        log = recorded(seed, STEPS).log
        gate = RiskGate()
        for index, (event, now, outputs) in enumerate(log):
            if index % 97 == 13:
                gate = load_gate(dump_gate(gate))
            assert gate.apply(event, now) == outputs


def test_other_hash_seeds_give_the_same_hash() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", PRINT_HASHES],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert said[0].strip() == str([state_hash(recorded(seed, STEPS).gate) for seed in range(4)])


# -- the tables ---------------------------------------------------------------------------------------------------


def parts(hint: Any) -> typing.Iterator[Any]:  # noqa: ANN401 - types are values here
    """The types that a type hint is made of."""
    yield hint
    for argument in typing.get_args(hint):
        yield from parts(argument)


def reachable(kind: type, found: dict[type, None]) -> None:
    if kind in found:
        return
    found[kind] = None
    hints = dict(typing.get_type_hints(kind))
    for derived in state_classes.SHAPES[kind].derived if kind in state_classes.SHAPES else ():
        del hints[derived]
    if kind in state_classes._ATTRIBUTES:
        source = vars(sys.modules[kind.__module__])
        text = Path(str(source["__file__"])).read_text(encoding="utf-8")
        for annotation in re.findall(r"self\._\w+: (.+?) = ", text):
            hints[annotation] = eval(annotation, dict(source))  # noqa: S307 - the project's own annotations
    for hint in hints.values():
        for part in parts(hint):
            if isinstance(part, type) and part.__module__.startswith("risksvc."):
                reachable(part, found)


def test_the_tables_name_exactly_what_a_state_is_made_of() -> None:
    """A class that the state begins to use is named in state_classes.py, or this fails."""
    found: dict[type, None] = {}
    reachable(GateState, found)

    assert found.keys() == {*OBJECTS, *VALUES, *ENUMS}


def test_what_is_called_a_value_can_not_change_and_what_is_called_an_object_can() -> None:
    for kind in VALUES:
        if kind is not Answer:  # only its fingerprint is taken late
            params = kind.__dataclass_params__  # type: ignore[attr-defined]
            assert params.frozen or params.unsafe_hash, f"{kind}: neither frozen nor `immutable`"
    for kind in OBJECTS:
        assert not getattr(kind, "__dataclass_params__", types.SimpleNamespace(frozen=False)).frozen, kind


def test_every_constant_that_the_core_compares_with_is_survives() -> None:
    part = StrategyLine("alpha")
    equal = StrategyLine("beta", standing=PositionRange(ZERO, ZERO))
    again, other = load(dump((part, equal)))

    assert again.standing is NOTHING_STANDS
    assert other.standing == NOTHING_STANDS
    assert other.standing is not NOTHING_STANDS


# -- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "1E+3", "1E-18", "123456789012345.000000000000000001", "-5.10"])
def test_a_decimal_survives_with_exponent_and_sign(text: str) -> None:
    assert load(dump(Decimal(text))).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        2**63,
        "",
        b"\0",
        [1, [2]],
        (1, ("a", Side.BUY)),
        {("a", "b"): 1, ("b", "a"): 2},
        OrderedDict([("b", 1), ("a", 2)]),
        deque([1, 2, 3], maxlen=4),
        deque([1], maxlen=None),
        re.compile("[a-z]{1,3}", re.ASCII),
        [True, 1, Decimal(1)],
    ],
    ids=repr,
)
def test_a_value_survives(value: object) -> None:
    Comparison().same(value, load(dump(value)), "value")


def test_a_read_only_view_is_written_as_the_dict_that_it_shows() -> None:
    assert dump(MappingProxyType({"a": 1})) == dump({"a": 1})


def test_packed_numbers_survive_in_order() -> None:
    ids = {2**60 - 1: 5, 3: 2**60 - 1, 1: 0}

    assert list(unpack(pack(ids)).items()) == list(ids.items())
    assert unpack(pack({})) == {}


# -- what is refused ----------------------------------------------------------------------------------------------


class Stranger(Enum):
    ONE = 1


@pytest.mark.parametrize("value", [{1, 2}, frozenset({1}), 1.5, Stranger.ONE, object(), 2**70, lambda: 0])
def test_what_has_no_place_in_a_state_is_not_written(value: object) -> None:
    line = Line("BTC")
    line.ledger = value  # type: ignore[assignment]

    with pytest.raises(StateCodecError, match="Line"):
        dump(line)


def test_a_list_that_two_objects_share_is_not_written() -> None:
    one, other = Line("a"), Line("b")
    other.recent = one.recent

    with pytest.raises(StateCodecError, match=r"Line\.recent and Line\.recent are one and the same list"):
        dump([one, other])


def test_an_object_that_holds_itself_is_not_written() -> None:
    one = Line("a")
    one.strategies["x"] = one  # type: ignore[assignment]

    with pytest.raises(StateCodecError, match="a Line holds itself"):
        dump(one)


def test_a_class_that_is_no_dataclass_has_no_attribute_that_nobody_named() -> None:
    for kind, make in state_classes._EMPTY.items():
        assert set(every_attribute(make())) == set(state_classes._ATTRIBUTES[kind])


def written(*records: object) -> bytes:
    encoded = [msgspec.msgpack.encode(record) for record in records]
    return b"".join(struct.pack("<I", len(data)) + data for data in encoded)


LINE = ["key"]
REF = [2, [-1, 0]]


def test_a_field_that_was_added_later_gets_its_default() -> None:
    line = load(written([0, "Line", LINE], [1, 0, "BTC"], REF))

    Comparison().same(Line("BTC"), line, "line")
    assert line.recent is not load(written([0, "Line", LINE], [1, 0, "BTC"], REF)).recent


def test_a_value_whose_fields_stand_in_another_order_is_read_by_their_names() -> None:
    record = [0, [-2, "2"], [-2, "1"]]
    found = load(written([0, "PositionRange", ["high", "low"]], [2, record]))

    assert found == PositionRange(Decimal(1), Decimal(2))


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (([0, "Nobody", []], [2, None]), "class 'Nobody' is not known"),
        (([0, "Popen", ["args"]], [2, None]), "class 'Popen' is not known"),
        (([0, "Nobody", None], [2, None]), "enum 'Nobody' is not known"),
        (([0, "Line", ["key", "shoe"]], [2, None]), "Line: this version does not know shoe"),
        (([0, "Line", ["ledger"]], [2, None]), "Line: this version needs key"),
        (([0, "Side", None], [2, [0, "UP"]]), "KeyError"),
        (([2, [-77]],), "KeyError"),
        (([2, [-1, 5]],), "IndexError"),
        (([2, [5]],), "IndexError"),
        (([2, [-2, "one"]],), "InvalidOperation"),
        (([2, [-9, "NOBODY"]],), "KeyError"),
        (([7, 1],), "a record of kind 7"),
        (([2, 1], [2, 1]), "a record of kind 2"),
        ((), "it ends too early"),
        (([0, "Line", LINE], [1, 0, "a", "b"], REF), "ValueError"),
        (([0, "Line", LINE], [1, 0], REF), "ValueError"),
    ],
)
def test_what_can_not_be_understood_is_refused(records: tuple[object, ...], problem: str) -> None:
    with pytest.raises(StateCodecError, match=problem):
        load(written(*records))


def test_names_are_unique() -> None:
    names = [kind.__name__ for kind in (*OBJECTS, *VALUES, *ENUMS)]
    assert len(names) == len(set(names))


def test_every_field_of_a_value_can_be_given_by_name() -> None:
    for kind in VALUES:
        assert tuple(inspect.signature(kind).parameters) == state_classes.SHAPES[kind].fields, kind
    assert isinstance(state_classes.SHAPES, Mapping)
