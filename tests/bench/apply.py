"""The part that measures the rules alone: RiskGate.apply in process, beside NautilusTrader's RiskEngine, by size.

Each has a process of its own. `python -m tests.bench.apply INSTRUMENTS STRATEGIES WORKING` is the one of a RiskGate.
"""

import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from risksvc.core.types import use_exact_arithmetic
from tests.bench.compiled import environment
from tests.bench.loads import TOOLS
from tests.bench.options import Options
from tests.bench.paired import Rounds
from tests.bench.paired import measure as in_rounds
from tests.bench.processes import module
from tests.bench.results import Results, Table
from tests.bench.workers import Worker, serve
from tests.bench.world import SMALL, BenchGate, Size

NAUTILUS = "NautilusTrader RiskEngine"
SMALLEST = "RiskGate.apply, 10 instruments"
PLAIN = f"{SMALLEST}, not compiled"
SIZES: Mapping[str, Size] = {
    SMALLEST: SMALL,
    PLAIN: SMALL,
    "RiskGate.apply, 10,000 instruments": Size(10_000, 1, 0),
    "RiskGate.apply, 100 strategies": Size(10, 100, 0),
    "RiskGate.apply, 10,000 working orders": Size(10, 1, 10_000),
    "RiskGate.apply, 100,000 working orders": Size(10, 1, 100_000),
}
QUICK = (SMALLEST, "RiskGate.apply, 10,000 instruments")
CHECKS = 500
Times = list[float]


def measure(options: Options, results: Results) -> None:
    """Adds its table, and the figures of the bars."""
    if not options.wants("apply"):
        return
    names = QUICK if options.quick else tuple(SIZES)
    with ExitStack() as stack:
        cells: dict[str, Callable[[], Times]] = {}
        for name in names:
            size = SIZES[name]
            words = module("tests.bench.apply", str(size.instruments), str(size.strategies), str(size.working))
            cells[name] = _timing(stack.enter_context(Worker(words, environment(compiled=name != PLAIN))))
        python = TOOLS / "nautilus" / "bin" / "python"
        if python.exists():
            words = [str(python), str(Path(__file__).with_name("nautilus.py"))]
            cells[NAUTILUS] = _timing(stack.enter_context(Worker(words)))
        else:
            results.missing[NAUTILUS] = "nautilus_trader is not installed here: make bench-tools says why"
        for cell in cells.values():
            cell()  # warm-up
        rounds = in_rounds(cells, rounds=options.rounds)
    _tell(rounds, results)


def _timing(worker: Worker) -> Callable[[], Times]:
    return lambda: worker.times(CHECKS)


def _tell(rounds: Rounds[Times], results: Results) -> None:
    rows = []
    for name in rounds.values:
        against = []
        for reference, figure in ((NAUTILUS, f"{name} / nautilus"), (SMALLEST, f"{name} / small")):
            if reference in rounds.values and name != reference:
                results.figures[figure] = rounds.ratio(name, reference, statistics.median)
            against.append(str(results.figures.get(figure, "")))
        p50, p99 = rounds.median(name, statistics.median), rounds.median(name, _p99)
        rows.append((name, f"{p50:.1f}", f"{p99:.1f}", *against))
    note = (
        f"Timed one by one, {CHECKS} in a round; NautilusTrader's on a cash account, before an execution engine's mock."
    )
    columns = ("in process", "p50 us", "p99", "p50 / NautilusTrader", "p50 / 10 instruments")
    results.tables.append(Table("Rules alone", columns, tuple(rows), (note,)))


def _p99(times: Times) -> float:
    return statistics.quantiles(times, n=100)[98]


if __name__ == "__main__":
    use_exact_arithmetic()
    serve(BenchGate(Size(*map(int, sys.argv[1:4]))).time_checks)
