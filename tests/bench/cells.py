"""Cells: one server asked in one way. Run in rounds, each round in shuffled order; what was approved is then over.

A cell is named SERVER/LOAD. Its references are the same load at the bare echoes: measured whenever it is.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from tests.bench.busy import Busy
from tests.bench.gates import MeasuredGate
from tests.bench.loads import BATCH, EIGHT, ONE, PING, PIPELINE, SIXTY_FOUR, Load, Measured, Target, ask, new_prefix
from tests.bench.paired import figure, measure
from tests.bench.results import Results, Table

AIO, ENGINE, CPP, GO = "aio", "engine", "cpp", "go"
REFERENCES = (AIO, ENGINE, CPP, GO)
P50: Callable[[Measured], float] = lambda one: one.p50  # noqa: E731 - three names in one glance
P99: Callable[[Measured], float] = lambda one: one.p99  # noqa: E731
RATE: Callable[[Measured], float] = lambda one: one.rate  # noqa: E731

LOADS: Mapping[str, Load] = {
    "1": ONE,
    "8": EIGHT,
    "64": SIXTY_FOUR,
    "ping": PING,
    "pipeline": PIPELINE,
    "batch": BATCH,
    "1000/s": Load(inflight=2, rate=1_000),
    "10000/s": Load(inflight=2, rate=10_000),
    "blocking": Load(by="blocking"),
    "asyncio": Load(by="asyncio"),
}
TRIES, TOLERATED = 2, 0.01
# Where many ask at once, what counts is how many are answered.
BY_RATE = frozenset({"8", "64", "pipeline", "batch"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One server, asked in one way."""

    server: str
    load: str
    with_load: Load

    @property
    def name(self) -> str:
        return f"{self.server}/{self.load}"


def cell(name: str, *, instruments: int = 10, strategies: int = 1) -> Cell:
    """A cell by its name, asked over so much."""
    server, _, load = name.partition("/")
    known = LOADS[load]
    words = ("stub=1",) if known.by != "generator" and _is_reference(name) else ()
    return Cell(server, load, replace(known, words=words, instruments=instruments, strategies=strategies))


def selected(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those that a pattern names, and their references; all of them where there is no pattern."""
    if not patterns:
        return list(names)
    wanted = [name for name in names if any(_matches(name, one) for one in patterns)]
    kinds = {(_carried(name), name.partition("/")[2]) for name in wanted}
    return [
        name
        for name in names
        if name in wanted or (_is_reference(name) and (_carried(name), name.partition("/")[2]) in kinds)
    ]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch(name, pattern) or name.partition("/")[0] == pattern


def _carried(name: str) -> str:
    """Over what: encrypted calls are compared with plain ones over the same TCP."""
    server = name.partition("/")[0]
    return "-tcp" if server.endswith(("-tcp", "-tls")) else ""


def _is_reference(name: str) -> bool:
    return name.partition("/")[0].partition("-")[0] in REFERENCES


def run(
    servers: Mapping[str, Target], cells: Sequence[Cell], *, rounds: int, seconds: float
) -> dict[str, list[Measured]]:
    """Measures them all, `rounds` times."""
    return measure({one.name: _measuring(servers[one.server], one, seconds) for one in cells}, rounds=rounds).values


def _measuring(server: Target, one: Cell, seconds: float) -> Callable[[], Measured]:
    """A cell in which the gate lost its lease, since the machine was elsewhere, is measured again."""

    def once() -> Measured:
        for _ in range(TRIES):
            measured = _measure_once(server, one, seconds)
            if measured.denied <= TOLERATED * measured.asked:
                break
        return measured

    return once


def _measure_once(server: Target, one: Cell, seconds: float) -> Measured:
    prefix, gate = new_prefix(), server.gate if isinstance(server, Busy) else server
    with server.at_work() if isinstance(server, Busy) else nullcontext():
        measured = ask(server, one.with_load, prefix=prefix, seconds=seconds)
    if isinstance(gate, MeasuredGate):
        gate.took(prefix, measured.asked)
        gate.finish()
    return measured


# -- telling ----------------------------------------------------------------------------------------------------------

COLUMNS = (
    "cell",
    "p50 us",
    "p99",
    "p99.9",
    "orders/s",
    "server us",
    "gen. cores",
    *(f"/ {name}" for name in REFERENCES),
    "not approved",
)


def table(title: str, results: Results, cells: Sequence[Cell], *, notes: tuple[str, ...] = ()) -> Table:
    """One row for each cell, and its ratio to each reference: of p50, or of orders/s where many ask at once."""
    rows = tuple(_row(results, one) for one in cells if results.cells.get(one.name))
    return Table(title, COLUMNS, rows, (*notes, *_problems(results, cells)))


def _problems(results: Results, cells: Sequence[Cell]) -> Iterator[str]:
    """Why what was not approved was not, once for each cell."""
    for one in cells:
        said = next((each.problem for each in results.cells.get(one.name, []) if not each.good), "")
        if said:
            yield f"{one.name}, the first that was not approved: {said}"


def _row(results: Results, one: Cell) -> tuple[str, ...]:
    def median(what: Callable[[Measured], float]) -> float:
        return statistics.median(results.values(one.name, what))

    measured = results.cells[one.name]
    bad = sum(each.denied + each.failed for each in measured)
    asked = sum(each.asked for each in measured)
    return (
        one.name,
        f"{median(P50):,.0f}",
        f"{median(P99):,.0f}",
        f"{median(lambda each: each.p999):,.0f}",
        f"{median(RATE):,.0f}",
        f"{median(lambda each: each.server_us):,.0f}",
        figure(median(lambda each: each.generator_cores)),
        *(_against(results, one, reference) for reference in REFERENCES),
        f"{bad / asked:.1%}" if bad else "",
    )


def _against(results: Results, one: Cell, reference: str) -> str:
    theirs = f"{reference}{_carried(one.name)}/{one.load}"
    found = results.ratio(one.name, theirs, RATE if one.load in BY_RATE else P50)
    return "" if found is None or one.name == theirs else str(found)
