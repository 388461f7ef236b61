"""Two states compared as graphs: every attribute, every type, every order, and which objects are one and the same."""

import re
from collections import OrderedDict, deque
from decimal import Decimal
from enum import Enum

from risksvc.core.line import DERIVED
from risksvc.core.strategy_line import NOTHING_STANDS
from risksvc.gate.state_classes import VALUES

ATOMS = (type(None), bool, int, str, bytes)
MAPPINGS = (dict, OrderedDict)
ROWS = (list, tuple, deque)


def attributes(value: object) -> list[str]:
    """Everything that an object holds, found without the codec's tables; not what follows from the rest."""
    derived = [one.name for one in getattr(value, "__dataclass_fields__", {}).values() if one.metadata == DERIVED]
    return [name for name in every_attribute(value) if name not in derived]


def every_attribute(value: object) -> list[str]:
    """Whether its class is compiled, has slots, or neither."""
    declared: list[str] = []
    for kind in type(value).__mro__:
        declared += getattr(kind, "__mypyc_attrs__", getattr(kind, "__slots__", ()))
    return [*declared, *getattr(value, "__dict__", {})]


class Comparison:
    """One comparison. `objects`: the classes that were seen."""

    def __init__(self) -> None:
        self.objects: dict[type, None] = {}
        self._pairs: dict[int, int] = {}
        self._back: dict[int, int] = {}
        self._inside_values = 0

    def same(self, one: object, other: object, where: str) -> None:
        assert type(one) is type(other), where
        if isinstance(one, Enum):
            assert one is other, where
        elif isinstance(one, Decimal) and isinstance(other, Decimal):
            assert one.as_tuple() == other.as_tuple(), where
        elif isinstance(one, (*ATOMS, re.Pattern)):
            assert one == other, where
        elif one is NOTHING_STANDS or other is NOTHING_STANDS:
            assert one is other, where
        elif self._is_new(one, other, where):
            self._compare_inside(one, other, where)

    def _is_new(self, one: object, other: object, where: str) -> bool:
        """One object on this side is one on the other; values may be shared as one likes."""
        if self._inside_values or type(one) in (*VALUES, tuple):
            return True
        known = self._pairs.get(id(one))
        assert known in (None, id(other)), f"{where}: one object has become two"
        assert self._back.setdefault(id(other), id(one)) == id(one), f"{where}: two objects have become one"
        self._pairs[id(one)] = id(other)
        return known is None

    def _compare_inside(self, one: object, other: object, where: str) -> None:
        if isinstance(one, MAPPINGS) and isinstance(other, MAPPINGS):
            assert list(one) == list(other), where
            for (key, first), (other_key, second) in zip(one.items(), other.items(), strict=True):
                self.same(key, other_key, f"{where} key {key}")
                self.same(first, second, f"{where}[{key}]")
        elif isinstance(one, ROWS) and isinstance(other, ROWS):
            assert len(one) == len(other), where
            assert getattr(one, "maxlen", None) == getattr(other, "maxlen", None), where
            for index, (first, second) in enumerate(zip(one, other, strict=True)):
                self.same(first, second, f"{where}[{index}]")
        else:
            self.objects[type(one)] = None
            names = attributes(one)
            assert names, f"{where}: a {type(one).__name__} shows nothing to compare"
            assert names == attributes(other), where
            self._inside_values += type(one) in VALUES
            for name in names:
                self.same(getattr(one, name), getattr(other, name), f"{where}.{name}")
            self._inside_values -= type(one) in VALUES
