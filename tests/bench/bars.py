"""The bars: what speed was promised, as ratios of the same run, and how far off is too far.

`bar` is the promise. `loose` is where the benchmark fails: a machine is noisy, so it is half as much again as the bar,
unless `why` says otherwise: a bar that is known not to be met has the bound at which it would have become worse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.bench.cells import P50, P99, RATE
from tests.bench.loads import Measured
from tests.bench.paired import Ratio, figure
from tests.bench.results import Results, Table

LOOSE = 1.5

# Why a bar is known not to be met; its loose bound is where things would have become worse.
RULES_COST = "the rules, the entry and the answer of a check cost two to three times what the engine's echo does"
SPIN = "a spinning thread needs a core of its own, which two cores with a load generator do not have"
TAIL = "in a second of checks the p99 is the ten worst, and another program on the machine is most of them"

Find = Callable[[Results], Ratio | None]


def paired(ours: str, theirs: str, what: Callable[[Measured], float]) -> Find:
    """Two cells of the same rounds."""
    return lambda results: results.ratio(ours, theirs, what)


def named(name: str) -> Find:
    """A figure that a part of the benchmark found."""
    return lambda results: results.figures.get(name)


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise. `at_least`: larger is better. `loose` 0: half as much again."""

    number: str
    text: str
    find: Find
    bar: float
    at_least: bool = False
    loose: float = 0.0
    why: str = ""

    @property
    def bound(self) -> float:
        """The loose bound."""
        if self.loose:
            return self.loose
        return self.bar / LOOSE if self.at_least else self.bar * LOOSE

    def met(self, value: float) -> bool:
        return value >= self.bar if self.at_least else value <= self.bar

    def tolerable(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def allowed(self, value: float) -> str:
        return f"{'>=' if self.at_least else '<='} {figure(value)}"


BARS: Sequence[Bar] = (
    Bar("1", "full check, one caller, p50 / grpc.aio echo", paired("gate/1", "aio/1", P50), 0.60),
    Bar("1", "the same with spin", paired("gate-spin/1", "aio/1", P50), 0.40, loose=1.0, why=SPIN),
    Bar(
        "2",
        "full check, one caller, p50 / echo on the same engine",
        paired("gate/1", "engine/1", P50),
        1.15,
        loose=2.8,
        why=RULES_COST,
    ),
    Bar("2", "the same, p99", paired("gate/1", "engine/1", P99), 1.25, loose=4.0, why=TAIL),
    Bar(
        "2",
        "64 in flight, checks/s / the same echo",
        paired("gate/64", "engine/64", RATE),
        0.70,
        at_least=True,
        loose=0.2,
        why=RULES_COST,
    ),
    Bar("3", "full check, one caller, p50 / C++ echo", paired("gate/1", "cpp/1", P50), 1.75, loose=4.5, why=RULES_COST),
    Bar("3", "the same with spin", paired("gate-spin/1", "cpp/1", P50), 1.15, loose=4.5, why=SPIN),
    Bar("4", "full check, one caller, p99 / grpc.aio echo", paired("gate/1", "aio/1", P99), 0.70),
    Bar(
        "5",
        "64 in flight, checks/s / grpc.aio echo",
        paired("gate/64", "aio/64", RATE),
        5.0,
        at_least=True,
        loose=1.2,
        why=RULES_COST,
    ),
    Bar(
        "5",
        "64 in flight, checks/s / C++ echo",
        paired("gate/64", "cpp/64", RATE),
        0.40,
        at_least=True,
        loose=0.12,
        why=RULES_COST,
    ),
    Bar(
        "6",
        "a stream's ping-pong p50 / own single call",
        paired("gate/ping", "gate/1", P50),
        0.5,
        loose=0.9,
        why=RULES_COST,
    ),
    Bar(
        "6",
        "batches of 100, orders/s / single calls, 64 in flight",
        paired("gate/batch", "gate/64", RATE),
        4.0,
        at_least=True,
        loose=1.5,
        why=RULES_COST,
    ),
    Bar(
        "7",
        "durable before the answer, 64 in flight / not",
        paired("gate-power/64", "gate/64", RATE),
        0.7,
        at_least=True,
    ),
    Bar(
        "7",
        "the same / grpc.aio echo",
        paired("gate-power/64", "aio/64", RATE),
        3.0,
        at_least=True,
        loose=0.9,
        why=RULES_COST,
    ),
    Bar(
        "8",
        "Redis commands for each check, beyond the gate's own polling",
        named("redis commands"),
        0.005,
        loose=0.01,
        why="what is counted is 0 or 1 more in the seconds that it takes",
    ),
    Bar(
        "8",
        "a halt's arrival p99 / bare pub/sub p99",
        named("halt arrival"),
        1.5,
        loose=5.0,
        why="the server writes a halt to its disk before it tells of it, and the gate latches it",
    ),
    Bar(
        "9",
        "RiskGate.apply p50 / NautilusTrader's RiskEngine, cash path",
        named("RiskGate.apply, 10 instruments / nautilus"),
        2.5,
    ),
    Bar(
        "10", "blocking client library p50 / a stub to the C++ echo", paired("gate/blocking", "cpp/blocking", P50), 1.35
    ),
    Bar(
        "10",
        "asyncio client library p50 / a stub to the C++ echo",
        paired("gate/asyncio", "cpp/asyncio", P50),
        1.35,
        loose=2.6,
        why=RULES_COST,
    ),
    Bar("11", "10,000 instruments / 10, p50", paired("gate-10000-instruments/1", "gate-10-instruments/1", P50), 1.1),
    Bar("11", "100 strategies / 1, p50", paired("gate-100-strategies/1", "gate-10-instruments/1", P50), 1.1),
    Bar("11", "100,000 working orders / none, p50", paired("gate-100000-working/1", "gate-10-instruments/1", P50), 1.1),
    Bar(
        "12",
        "p99 while 600 markets load / quiet",
        paired("gate-markets/1000/s", "gate-quiet/1000/s", P99),
        1.5,
        loose=6.0,
        why=TAIL,
    ),
    Bar(
        "12",
        "p99 while limits load / quiet",
        paired("gate-limits/1000/s", "gate-quiet/1000/s", P99),
        1.5,
        loose=6.0,
        why=TAIL,
    ),
    Bar(
        "12",
        "p99 while a read of 200 positions loads / quiet",
        paired("gate-positions/1000/s", "gate-quiet/1000/s", P99),
        1.5,
        loose=6.0,
        why=TAIL,
    ),
    Bar(
        "12",
        "longest check while limits of 10,000 instruments load, ms",
        named("reload stall"),
        5.0,
        loose=25.0,
        why="the longest of thousands is what the machine did at its worst moment",
    ),
    Bar("13", "memory after all checks / after warm-up", named("memory"), 1.05),
    Bar("13", "recovery of 1,000,000 entries, s", named("recovery"), 5.0),
)

COLUMNS = ("#", "what", "found [range]", "bar", "", "fails at")


def judged(results: Results, *, every: bool) -> tuple[Table, bool]:
    """Bars beside what was found, those that were not measured too if wanted; False: one is beyond its loose bound."""
    rows = tuple(row for row in _rows(results) if every or row[4])
    notes = tuple(
        f"{bar.number}, {bar.text}: fails at {bar.allowed(bar.bound)}, since {bar.why}" for bar in BARS if bar.why
    )
    return Table("Bars", COLUMNS, rows, notes), not any(row[4] == "FAILED" for row in rows)


def _rows(results: Results) -> Iterator[tuple[str, ...]]:
    for bar in BARS:
        found = bar.find(results)
        if found is None:
            yield bar.number, bar.text, "not measured", bar.allowed(bar.bar), "", ""
            continue
        mark = "met" if bar.met(found.median) else "missed" if bar.tolerable(found.median) else "FAILED"
        yield bar.number, bar.text, str(found), bar.allowed(bar.bar), mark, bar.allowed(bar.bound)
