"""Numbered records with a bound: open orders, closed orders, executions.

Each log keeps its items sorted by their `number` (rising with time), gives pages newest first by bisection, and
forgets the oldest beyond its cap. Memory stays bounded: a log holds at most its cap and an eighth of it more before
it drops the oldest in one go.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter
from typing import Final, Generic, Protocol, TypeVar


class Numbered(Protocol):
    """An item that knows its place and its instrument."""

    @property
    def number(self) -> int:
        """Give the item's place, unique within a log."""

    @property
    def symbol(self) -> str:
        """Give the instrument's symbol."""


T = TypeVar("T", bound=Numbered)

_number: Final = attrgetter("number")


class Log(Generic[T]):
    """Items by rising number."""

    def __init__(self) -> None:
        self._items: list[T] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> None:
        """Insert an item at its place, usually the end."""
        insort(self._items, item, key=_number)

    def remove(self, item: T) -> None:
        """Take out the item of that number; do nothing when it isn't there."""
        place = bisect_left(self._items, item.number, key=_number)
        if place < len(self._items) and self._items[place].number == item.number:
            del self._items[place]

    def drop_oldest(self, count: int) -> list[T]:
        """Forget the `count` oldest items and give them."""
        dropped = self._items[:count]
        del self._items[:count]
        return dropped

    def newest_first(self, before: int | None = None) -> Iterator[T]:
        """Give the items below number `before` (all without one), newest first; the log must not change meanwhile."""
        place = len(self._items) if before is None else bisect_left(self._items, before, key=_number)
        while place > 0:
            place -= 1
            yield self._items[place]


class SymbolLog(Generic[T]):
    """A log that can also be read by instrument, with a cap over all instruments together."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._slack = max(1, cap // 8)
        self._all: Log[T] = Log()
        self._by_symbol: dict[str, Log[T]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def count(self, symbol: str) -> int:
        """Give how many items an instrument has."""
        found = self._by_symbol.get(symbol)
        return len(found) if found is not None else 0

    def add(self, item: T) -> list[T]:
        """Insert an item and give those that had to be forgotten for it, oldest first."""
        self._all.add(item)
        self._by_symbol.setdefault(item.symbol, Log()).add(item)
        if len(self._all) < self._cap + self._slack:
            return []
        dropped = self._all.drop_oldest(len(self._all) - self._cap)
        for symbol, count in Counter(gone.symbol for gone in dropped).items():
            self._by_symbol[symbol].drop_oldest(count)
        return dropped

    def remove(self, item: T) -> None:
        """Take an item out."""
        self._all.remove(item)
        found = self._by_symbol.get(item.symbol)
        if found is not None:
            found.remove(item)

    def newest_first(self, *, symbol: str = "", before: int | None = None) -> Iterator[T]:
        """Give the items of one instrument, or of all, newest first, from below number `before` on."""
        log = self._by_symbol.get(symbol) if symbol else self._all
        return log.newest_first(before) if log is not None else iter(())
