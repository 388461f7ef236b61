"""What a decision pays for being written down: append alone, and group commit with 1, 8 and 64 waiting.

Ratios of durability "power" against "process" in the same run, on the same disk, in shuffled order. What a disk write
costs is the disk's: a virtual disk may answer from its host's memory, so only the ratios travel, and not far.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

from risksvc.gate.journal import POWER, PROCESS, Journal
from tests.bench.options import Options
from tests.bench.paired import Rounds
from tests.bench.paired import measure as in_rounds
from tests.bench.results import Results, Table

ENTRY = b"x" * 600  # about one check with its decision
APPENDS = 4_000
COMMITS = 1_024
WAITING = (1, 8, 64)


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


COLUMNS = (POWER, PROCESS, "power / process")
NOTE = "A virtual disk may answer from its host's memory: what a disk write costs is this disk's own."
NAMES = (
    ("append p50", "us"),
    ("append p99", "us"),
    *((f"durable entries with {waiting} waiting", "thousand/s") for waiting in WAITING),
)


def measure(options: Options, results: Results) -> None:
    """Adds its table."""
    if not options.wants("journal"):
        return
    with (
        tempfile.TemporaryDirectory(prefix="rs", dir=Path.cwd()) as folder,  # a real disk: /tmp may be memory
        _journal(Path(folder), POWER) as power,
        _journal(Path(folder), PROCESS) as process,
    ):
        cells = {POWER: lambda: _measure(power), PROCESS: lambda: _measure(process)}
        rounds = in_rounds(cells, rounds=options.rounds)
    rows = tuple(_row(name, unit, itemgetter(at), rounds) for at, (name, unit) in enumerate(NAMES))
    results.tables.append(Table("Journal alone", ("entries of 600 bytes", *COLUMNS), rows, (NOTE,)))


def _row(name: str, unit: str, value: Callable[[list[float]], float], rounds: Rounds[list[float]]) -> tuple[str, ...]:
    each = (f"{rounds.median(durability, value):,.1f}" for durability in (POWER, PROCESS))
    return f"{name}, {unit}", *each, str(rounds.ratio(POWER, PROCESS, value))
