"""`make chaos`: real processes, real faults, and an oracle on what strategies really submitted.

    python -m tests.chaos [--cycles N] [--halts N] [--outages N] [--only NAME] [--seed S] [--long] [--server NAME]

`--only flatten --cycles 200` is kill -9 in the middle of flattens; it runs only where it is named.

Short by default. Exit code 1: something was violated; the folder with logs and journals is kept and named.
"""

import argparse
import platform
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.oracle import Verdict
from tests.chaos.scenarios import BY_NAME, MEASURED, SCENARIOS
from tests.chaos.stage import Options, Scenario
from tests.chaos.table import HEADER, details, row, summary


def main() -> int:
    """Prints the table; 1 when anything was violated."""
    words = _parser().parse_args()
    chosen = _chosen(words.only.split(","))
    if not chosen:
        _say(f"chaos: no scenario has {words.only!r} in its name; there are: {', '.join((*SCENARIOS, *BY_NAME))}")
        return 2
    options = Options(words.cycles, words.halts, words.outages, words.seed, words.long, words.server, not words.no_bars)
    _say(f"{platform.machine()}, Python {platform.python_version()}, seed {options.seed}")
    _say(HEADER)
    # Those that measure have the machine for themselves, in so far as it is ours.
    together = [name for name in chosen if not name.startswith(MEASURED)]
    verdicts: list[Verdict] = []
    if words.jobs > 1:
        with ThreadPoolExecutor(words.jobs) as pool:
            verdicts += pool.map(lambda name: _run(name, chosen.pop(name), options), together)
    verdicts += [_run(name, run, options) for name, run in chosen.items()]
    _say(summary(verdicts))
    return int(any(verdict.violations for verdict in verdicts))


def _chosen(words: Sequence[str]) -> dict[str, Scenario]:
    """By name, or by a part of it where that is no name."""
    known = {**SCENARIOS, **BY_NAME}
    exact = {name: known[name] for name in words if name in known}
    parts = [word for word in words if word not in known]
    return exact | {name: run for name, run in SCENARIOS.items() if any(part in name for part in parts)}


def _run(name: str, run: Scenario, options: Options) -> Verdict:
    try:
        verdict = run(options)
    except Exception as error:  # noqa: BLE001 - a world that does not even begin is a failure like any other
        verdict = Verdict(name, violations=[f"did not begin: {type(error).__name__}: {error}"])
    _say(row(verdict), *details(verdict))
    return verdict


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=100, help="kill -9 cycles (100)")
    parser.add_argument("--halts", type=int, default=40, help="timed halts (40)")
    parser.add_argument("--outages", type=int, default=3, help="timed halts with Redis hung, and killed (3 each)")
    parser.add_argument("--only", default="", help="scenarios with one of these words in their name, comma-separated")
    parser.add_argument("--no-bars", action="store_true", help="print timings without judging them: a busy machine")
    parser.add_argument("--jobs", type=int, default=1, help="scenarios at the same time, but for the timed ones (1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--long", action="store_true", help="longer pauses, every network fault, more rounds")
    parser.add_argument("--server", default="", choices=("", "redis", "valkey"), help="which server is Redis")
    return parser


if __name__ == "__main__":
    sys.exit(main())
