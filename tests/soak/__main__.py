"""`make soak`: the proof of reconciliation, once and long: load, drift, faults, silence, the seed, release, cost.

    python -m tests.soak [--only load,drift] [--seconds N] [--runs N] [--trials N] [--seed N] [--report FILE] [--short]

Prints a table with every bar and writes it as JSON. Exit code 1: a bar was missed or a part could not be measured.
Everything is on loopback and ends by itself.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from tests.soak.cpu import cpu, markets
from tests.soak.drift import drift
from tests.soak.faults import faults
from tests.soak.load import load
from tests.soak.options import Options
from tests.soak.release import release
from tests.soak.seed import seed
from tests.soak.silence import silence
from tests.soak.verdict import Verdict

SHORT = Options(seconds=5, runs=12, trials=100, real_trials=1, cycles=20, cpu_seconds=5, windows=2)


Part = Callable[[Options], Iterable[Verdict]]


def _parts() -> dict[str, Part]:
    """Every part by its name, in the order in which they run."""
    return {
        "load": load,
        "drift": drift,
        "faults": faults,
        "silence": silence,
        "seed": seed,
        "release": release,
        "cpu": cpu,
        "markets": markets,
    }


def main() -> int:
    """Runs what was asked for; 1 when a bar was missed."""
    parts = _parts()
    words = _parser(parts).parse_args()
    options = _options(words)
    chosen = [name for name in words.only.split(",") if name] or list(parts)
    unknown = [name for name in chosen if name not in parts]
    if unknown:
        _say(f"soak: {', '.join(unknown)} is no part; there are: {', '.join(parts)}")
        return 2
    _say(f"{platform.machine()}, Python {platform.python_version()}, {options}")
    verdicts = []
    for name in chosen:
        for verdict in parts[name](options):
            verdicts.append(verdict)
            _say(*verdict.lines())
            words.report.write_text(_report(verdicts, options))
    missed = [one.name for one in verdicts if not one.holds]
    bars = sum(len(one.bars) for one in verdicts)
    _say(f"soak: {'MISSED in ' + '; '.join(missed) if missed else f'all {bars} bars hold'}; report: {words.report}")
    return int(bool(missed))


def _options(words: argparse.Namespace) -> Options:
    given = {name: value for name in asdict(SHORT) if (value := getattr(words, name, None)) is not None}
    return replace(SHORT if words.short else Options(), **given)


def _report(verdicts: list[Verdict], options: Options) -> str:
    """Everything, for whoever compares runs."""
    rows = [
        {**asdict(one), "holds": one.holds, "bars": [{**asdict(bar), "holds": bar.holds} for bar in one.bars]}
        for one in verdicts
    ]
    said = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "python": platform.python_version()}
    return json.dumps({**said, "options": asdict(options), "parts": rows}, indent=2, default=str) + "\n"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _parser(parts: Mapping[str, Part]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help=f"parts, comma-separated: {', '.join(parts)}")
    parser.add_argument("--short", action="store_true", help="each part for a moment: does it work?")
    parser.add_argument("--seconds", type=float, help="of each load (300)")
    parser.add_argument("--runs", type=int, help="with faults (500)")
    parser.add_argument("--trials", type=int, help="of drift, in process (1000)")
    parser.add_argument("--real-trials", type=int, dest="real_trials", help="of drift, with real processes (20)")
    parser.add_argument("--cycles", type=int, help="cancels, with the stream and without (200)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--report", type=Path, default=Path("soak-report.json"), help="(soak-report.json)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
