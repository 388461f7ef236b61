"""What a decision pays for being written down: append alone, and group commit with 1, 8 and 64 waiting.

Ratios of durability "power" against "process" in the same run, on the same disk, in shuffled order. What a disk write
costs is the disk's: a virtual disk may answer from its host's memory, so only the ratios travel, and not far.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from risksvc.gate.journal import POWER, PROCESS, Journal

ENTRY = b"x" * 600  # about one check with its decision
APPENDS = 4_000
COMMITS = 1_024
WAITING = (1, 8, 64)
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One row: medians over the rounds of power and process, and the ratio of each round."""

    name: str
    power: float
    process: float
    unit: str
    ratios: list[float]

    def __str__(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return (
            f"{self.name:<62} {self.power:8.1f} {self.process:8.1f}   "
            f"{statistics.median(self.ratios):5.3f} [{low:.3f}-{high:.3f}]  {self.unit}"
        )


@contextmanager
def _journal(folder: Path, durability: str) -> Iterator[Journal]:
    with Journal(folder / durability, durability=durability) as journal:
        list(journal.recover())
        yield journal


def _append(journal: Journal) -> tuple[float, float]:
    """Microseconds of one append: p50, p99."""
    taken = []
    for _ in range(APPENDS):
        began = time.perf_counter_ns()
        journal.append(ENTRY)
        taken.append((time.perf_counter_ns() - began) / 1000)
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49], cuts[98]


def _commit(journal: Journal, waiting: int) -> float:
    """Thousands of durable entries each second, with so many callers that each wait for their own."""

    async def caller() -> None:
        for _ in range(COMMITS // waiting):
            journal.append(ENTRY)
            await journal.durable()

    async def together() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(waiting)))
        return COMMITS / (time.perf_counter() - began) / 1000

    return asyncio.run(together())


def _measure(journal: Journal) -> list[float]:
    return [*_append(journal), *(_commit(journal, waiting) for waiting in WAITING)]


NAMES = (
    ("  append p50", "us"),
    ("  append p99", "us"),
    *((f"  durable entries with {waiting} waiting", "thousand/s") for waiting in WAITING),
)


def durability_lines() -> list[Line]:
    """Every row. Columns: power, process, power / process."""
    rounds: dict[str, list[list[float]]] = {POWER: [], PROCESS: []}
    order = random.Random(7)
    with (
        tempfile.TemporaryDirectory(prefix="rs", dir=Path.cwd()) as folder,  # a real disk: /tmp may be memory
        _journal(Path(folder), POWER) as power,
        _journal(Path(folder), PROCESS) as process,
    ):
        journals = [(POWER, power), (PROCESS, process)]
        for _ in range(ROUNDS):
            order.shuffle(journals)
            for name, journal in journals:
                rounds[name].append(_measure(journal))
    return [_line(index, rounds) for index in range(len(NAMES))]


def _line(index: int, rounds: dict[str, list[list[float]]]) -> Line:
    name, unit = NAMES[index]
    power = [one[index] for one in rounds[POWER]]
    process = [one[index] for one in rounds[PROCESS]]
    ratios = [ours / other for ours, other in zip(power, process, strict=True)]
    return Line(name, statistics.median(power), statistics.median(process), unit, ratios)
