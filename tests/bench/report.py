"""The report of a run: `results.md`, with the machine and the date, and nothing else about where it was made."""

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

from tests.bench.loads import TOOLS, generator
from tests.bench.results import Results, Table, text_table

_HEAD = """\
# What a check costs

Made by `make bench`; not edited by hand. Every comparison is of the same run: everything once in each round, in
shuffled order; ratios are taken round by round, and told as their median [lowest-highest]. Times are microseconds
unless another unit stands there. The generator shares the machine with what it measures: its cores are told, so
that it is never the hidden limit.
"""


def machine() -> list[str]:
    """What it was measured on: never a name or a path."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), platform.machine()
    )
    return [
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}",
        (
            f"Python {platform.python_version()}, grpcio {importlib.metadata.version('grpcio')},"
            f" protobuf {importlib.metadata.version('protobuf')}, {_version('redis-server', '--version')}"
        ),
        (
            f"load generator in {generator()[0]}; C++ gRPC {_version('pkg-config', '--modversion', 'grpc++')},"
            f" {_version('go', 'version')}"
        ),
    ]


def _cpu_lines() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _version(*words: str) -> str:
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return f"no {words[0]}"
    return " ".join(said.split()[:4])


def markdown(results: Results, bars: Table, *, how: str) -> str:
    """The whole report."""
    parts = [_HEAD, f"{time.strftime('%d %B %Y')}, {how}.", *(f"- {line}" for line in machine())]
    for table in [bars, *results.tables]:
        parts += ["", f"## {table.title}", "", text_table(table)]
        if table.notes:
            parts += ["", *(f"- {note}" for note in table.notes)]
    absent = {**results.missing, **results.broken}
    if absent:
        parts += ["", "## Not measured", "", *(f"- {what}: {why}" for what, why in sorted(absent.items()))]
    return "\n".join(parts).replace(str(TOOLS.parent), ".") + "\n"
