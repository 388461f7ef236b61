# ruff: noqa: T201 - it prints its table
"""`python -m tests.simulation --seeds N`: runs seeds, prints what happened in them, and every violation.

    --first S   the first seed (0)          --jobs J   processes at once (1)
    --seed K    only this one               --trace    tell it moment by moment
Exit code 1: a rule was violated; each violation comes with the one command that shows it.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields

from tests.simulation.oracle import Counts
from tests.simulation.world import Outcome, run_seed

PORTION = 50  # seeds between two lines of progress, of one process
SHOWN = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--trace", action="store_true")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _show(run_seed(asked.seed, trace=asked.trace))
    return _run_many(asked.first, asked.seeds, asked.jobs)


def _show(outcome: Outcome) -> int:
    for line in outcome.trace:
        print(line)
    print(f"seed {outcome.seed}: faults {', '.join(outcome.kinds) or 'none'}; {outcome.counts}")
    for violation in outcome.violations:
        print(f"VIOLATION {violation}")
    return 1 if outcome.violations else 0


class Tally:
    """The sums over many seeds."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.seeds = self.steps = self.virtual_ns = self.busy = 0
        self.sums = Counts()
        self.bad: list[tuple[int, str]] = []

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.steps += outcome.steps
        self.virtual_ns += outcome.virtual_ns
        self.busy += outcome.counts.submits >= 10
        for one in fields(Counts):
            setattr(self.sums, one.name, getattr(self.sums, one.name) + getattr(outcome.counts, one.name))
        if outcome.violations:
            self.bad.append((outcome.seed, outcome.violations[0]))
            if len(self.bad) <= SHOWN:
                print(f"VIOLATION in seed {outcome.seed}: {outcome.violations[0]}")
                print(f"  replay: python -m tests.simulation --seed {outcome.seed} --trace", flush=True)

    def progress(self) -> str:
        seconds = max(1e-9, time.monotonic() - self.began)
        return f"{self.seeds} seeds, {self.seeds / seconds:.1f}/s, {len(self.bad)} violating"

    def table(self) -> Iterator[str]:
        sums = self.sums
        yield f"  virtual time    {self.virtual_ns / 1e9:,.0f} s in {self.steps:,} steps"
        yield f"  faults          {sums.faults:,}, of them {sums.crashes:,} kills of a gate"
        asked, share = sums.approvals + sums.denials, 100 * self.busy / max(1, self.seeds)
        yield f"  checks          {asked:,}: {sums.approvals:,} approved, {sums.denials:,} denied"
        yield f"  orders sent     {sums.submits:,}; at least 10 in {share:.0f} % of the seeds"
        yield f"  halts           {sums.halts:,}; answered EFFECTIVE {sums.effective:,}, LATCHED {sums.latched:,}"
        yield f"  clears written  {sums.clears:,}"


def _run_many(first: int, seeds: int, jobs: int) -> int:
    tally = Tally()
    portions = [range(at, min(at + PORTION, first + seeds)) for at in range(first, first + seeds, PORTION)]
    for number, outcomes in enumerate(_portions(portions, jobs)):
        for outcome in outcomes:
            tally.add(outcome)
        if number % 10 == 9:
            print(tally.progress(), flush=True)
    print(*tally.table(), sep="\n")
    last = f"seeds {first} to {first + seeds - 1}"
    print(f"simulation: {tally.progress()} ({last})")
    return 1 if tally.bad else 0


def _portions(portions: list[range], jobs: int) -> Iterator[list[Outcome]]:
    if jobs <= 1:
        yield from map(_portion, portions)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(_portion, portions)


def _portion(seeds: range) -> list[Outcome]:
    """The collector would look again and again at what lives as long as a run: it looks once, afterwards."""
    gc.disable()
    outcomes = [run_seed(seed) for seed in seeds]
    gc.enable()
    gc.collect()
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
