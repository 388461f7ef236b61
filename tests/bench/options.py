"""What a run was asked for."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results.md"


@dataclass(frozen=True, slots=True)
class Options:
    """`only`: patterns of cells, and names of parts; none: everything. `skip`: names of parts.

    `write`: where the report goes.
    """

    quick: bool
    only: tuple[str, ...]
    rounds: int
    seconds: float
    write: Path | None
    skip: tuple[str, ...] = ()

    def wants(self, part: str) -> bool:
        """Whether a part that has no cells is to be measured."""
        return not self.only or part in self.only


def parse(words: Sequence[str]) -> Options:
    """From the command line; ends the program with a usage line when it can't be read."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="measures, in ratios of the same run")
    parser.add_argument("--quick", action="store_true", help="the bars' cells only, shorter: under two minutes")
    parser.add_argument("--only", default="", help="parts and cells, separated by commas: gate, gate/1, */64, halts")
    parser.add_argument("--skip", default="", help="parts to leave out, separated by commas: memory takes long")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.0, help="of one cell; 0: 1.2, or 0.15 when quick")
    asked = parser.parse_args(words)
    only = tuple(one for one in asked.only.split(",") if one)
    seconds = asked.seconds or (0.15 if asked.quick else 1.2)
    skip = tuple(one for one in asked.skip.split(",") if one)
    return Options(asked.quick, only, asked.rounds, seconds, None if only else RESULTS, skip)
