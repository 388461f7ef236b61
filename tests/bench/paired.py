"""Measuring side by side: everything once in each round, in shuffled order, so that ratios are of the same minute.

A ratio is taken round by round; its median and its range are told. What the machine did to one round, it did to both.
"""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True)
class Ratio:
    """One ratio for each round. At least one."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        return f"{figure(self.median)} [{figure(min(self.values))}-{figure(max(self.values))}]"


def figure(value: float) -> str:
    """A ratio as people read it."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours by theirs, round by round. Raises ValueError when the rounds differ."""
    return Ratio(tuple(a / b for a, b in zip(ours, theirs, strict=True)))


@dataclass(slots=True)
class Rounds(Generic[Measured]):
    """What was measured, by name: as many values each as there were rounds."""

    values: dict[str, list[Measured]]

    def of(self, name: str, what: Callable[[Measured], float]) -> list[float]:
        return [what(one) for one in self.values[name]]

    def median(self, name: str, what: Callable[[Measured], float]) -> float:
        return statistics.median(self.of(name, what))

    def ratio(self, ours: str, theirs: str, what: Callable[[Measured], float]) -> Ratio:
        return ratio(self.of(ours, what), self.of(theirs, what))


def measure(cells: Mapping[str, Callable[[], Measured]], *, rounds: int, seed: int = 7) -> Rounds[Measured]:
    """Runs every cell once in each round."""
    order, names = random.Random(seed), list(cells)
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    for _ in range(rounds):
        order.shuffle(names)
        for name in names:
            measured[name].append(cells[name]())
    return Rounds(measured)
