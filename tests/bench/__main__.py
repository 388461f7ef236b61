"""`make bench`: what a check costs, as ratios against a reference measured in the same run, in shuffled order.

Never part of the suite: a noisy machine must not break a build. Exits non-zero when a bar is missed.
"""

import platform
import random
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass

from risksvc.core.types import use_exact_arithmetic
from tests.bench.durability import durability_lines
from tests.bench.recovery import recovery, snapshot_cost
from tests.bench.world import LARGE, SMALL, BenchGate, Size

ROUNDS = 9
CHECKS_PER_ROUND = 400
SIZE_BAR = 1.2
MEMORY_BAR_MB = 250
IDS = 1_000_000
RECOVERED = 100_000  # entries; `python -m tests.bench --recovery` takes a million, and half an hour on a busy machine


@dataclass(frozen=True, slots=True)
class Ratio:
    """One row: medians of both, and the ratios round by round."""

    name: str
    ours_us: float
    reference_us: float
    ratios: list[float]
    bar: float

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        return self.median <= self.bar

    def __str__(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        mark = "ok" if self.holds else "MISSED"
        return (
            f"{self.name:<62} {self.ours_us:8.1f} {self.reference_us:8.1f}   "
            f"{self.median:5.2f} [{low:.2f}-{high:.2f}]  <= {self.bar}  {mark}"
        )


def compare(name: str, ours: Size, reference: Size, *, bar: float) -> Ratio:
    """Times checks on two gates, round by round in shuffled order."""
    gates = {"ours": BenchGate(ours), "reference": BenchGate(reference)}
    for gate in gates.values():
        gate.time_checks(CHECKS_PER_ROUND)  # warm-up
    times: dict[str, list[float]] = {"ours": [], "reference": []}
    order = random.Random(7)
    for _ in range(ROUNDS):
        names = list(gates)
        order.shuffle(names)
        for each in names:
            times[each].append(statistics.median(gates[each].time_checks(CHECKS_PER_ROUND)))
    ratios = [a / b for a, b in zip(times["ours"], times["reference"], strict=True)]
    return Ratio(name, statistics.median(times["ours"]), statistics.median(times["reference"]), ratios, bar)


def memory_mb() -> float:
    """Peak memory of a process of its own that holds the large world and a million ids, with the gate's imports."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--memory"], capture_output=True, text=True, check=True, timeout=900
    )
    return float(done.stdout)


def _measure_memory() -> None:
    import risksvc.gate.serve  # noqa: F401, PLC0415 - what the real process has loaded

    gate = BenchGate(LARGE)
    gate.deny_many(IDS)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> int:
    """Prints the table; 1 when a bar is missed."""
    use_exact_arithmetic()
    if "--memory" in sys.argv:
        _measure_memory()
        return 0
    if "--recovery" in sys.argv:
        return 0 if recovery(*map(int, sys.argv[2:])) else 1
    print(f"{platform.machine()}, Python {platform.python_version()}, {ROUNDS} rounds of {CHECKS_PER_ROUND} checks")
    print(f"{'what':<62} {'us':>8} {'ref us':>8}   ratio [range]      bar")
    print(f"RiskGate.apply, {LARGE}")
    ratio = compare(f"  against {SMALL}", LARGE, SMALL, bar=SIZE_BAR)
    print(ratio)
    print(f"{'journal: durability power, against process':<62} {'power':>8} {'process':>8}   ratio [range]")
    for line in durability_lines():
        print(line)
    megabytes = memory_mb()
    fits = megabytes <= MEMORY_BAR_MB
    what = f"peak memory, {LARGE}, {IDS:,} ids"
    print(f"{what:<62} {megabytes:8.0f} MB{'':>22}  <= {MEMORY_BAR_MB}  {'ok' if fits else 'MISSED'}")
    snapshot_cost(BenchGate(LARGE).gate, f"{LARGE}")
    recovered = recovery(RECOVERED)
    good = ratio.holds and fits and recovered
    print(f"bench: {'all bars held' if good else 'a bar was missed'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
