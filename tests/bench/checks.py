"""The part that measures checks: every way to carry one, beside the bare echoes."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import cells, servers
from tests.bench.options import Options
from tests.bench.results import Results

QUICK = (
    "aio/1", "engine/1", "cpp/1", "gate/1",
    "aio/64", "engine/64", "cpp/64", "gate/64", "gate-power/64",
    "gate/ping", "gate/batch",
    "cpp/blocking", "gate/blocking", "cpp/asyncio", "gate/asyncio",
)  # fmt: skip
FULL = (
    *QUICK,
    "go/1", "go/64",
    "aio/8", "engine/8", "cpp/8", "go/8", "gate/8", "gate-power/8", "gate-power/1",
    "aio/ping", "engine/ping", "cpp/ping", "go/ping",
    "aio/pipeline", "engine/pipeline", "cpp/pipeline", "go/pipeline", "gate/pipeline",
    "aio/blocking", "aio/asyncio",
    "aio-tcp/1", "cpp-tcp/1", "gate-tcp/1", "aio-tcp/64", "cpp-tcp/64", "gate-tcp/64",
    "aio/1000/s", "engine/1000/s", "cpp/1000/s", "go/1000/s", "gate/1000/s",
    "engine/10000/s", "cpp/10000/s", "go/10000/s", "gate/10000/s",
)  # fmt: skip


def measure(options: Options, results: Results) -> None:
    """Adds its cells and its table."""
    names = cells.selected(QUICK if options.quick else FULL, options.only)
    if not names:
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rsb")))
        running, missing = servers.start(dict.fromkeys(name.partition("/")[0] for name in names), stack, folder)
        results.missing.update(missing)
        wanted = [cells.cell(name) for name in names if name.partition("/")[0] in running]
        results.cells.update(cells.run(running, wanted, rounds=options.rounds, seconds=options.seconds))
    results.tables.append(cells.table("Checks", results, _in_order(wanted), notes=NOTES))


def _in_order(wanted: Sequence[cells.Cell]) -> list[cells.Cell]:
    """By load, then by server, as they are named above."""
    loads = list(dict.fromkeys(one.load for one in wanted))
    return sorted(wanted, key=lambda one: loads.index(one.load))


NOTES = (
    "SERVER/LOAD: how many are in flight (64: over two connections), or asked each second by a clock; `ping`: one stream,"
    " one at a time; `pipeline`: one stream, 64 on their way; `batch`: 100 orders in a call, one call at a time.",
    "Ratios are of p50, and of orders/s where more than one is in flight. The echoes answer as much as a gate does, and"
    " decide nothing: `aio` is `grpc.aio`, `engine` the gate's own engine.",
)
