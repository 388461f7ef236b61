"""The part that measures what a gate's memory does over many checks: approved, proven over, and forgotten in time.

A real gate is asked by batches; after each block of them its orders are shown as cancelled, which is proof.
Ids are remembered for ten minutes, a million at most: until then memory grows, as it should.
"""

from tests.bench.gates import MeasuredGate, World
from tests.bench.loads import PIPELINE, Load, ask, generator, new_prefix
from tests.bench.options import Options
from tests.bench.paired import Ratio
from tests.bench.processes import resident_mb
from tests.bench.results import Results, Table

CHECKS, QUICK_CHECKS = 10_000_000, 30_000
BLOCK, QUICK_BLOCK = 20_000, 10_000
WARM_UP = 0.3  # of all checks: by then as many ids are remembered as ever will be
WORLD = World(settings="journal: {max_size: 512MiB, keep: 1s}\n")


def measure(options: Options, results: Results) -> None:
    """Adds its table, and the figure of the bar."""
    if not options.wants("memory"):
        return
    wanted, block = (QUICK_CHECKS, QUICK_BLOCK) if options.quick else (CHECKS, BLOCK)
    done, held = 0, [(0, 0.0)]
    with MeasuredGate(WORLD) as gate:
        held = [(0, resident_mb(gate.pid))]
        while done < wanted:
            done += _block(gate, block)
            held.append((done, resident_mb(gate.pid)))
    warm = next(megabytes for at, megabytes in held if at >= WARM_UP * done)
    if not options.quick:
        results.figures["memory"] = Ratio((held[-1][1] / warm,))
    marks = [held[round(part * (len(held) - 1))] for part in (0, 0.1, 0.2, WARM_UP, 0.5, 0.75, 1)]
    rows = tuple((f"{at:,}", f"{megabytes:.0f}") for at, megabytes in marks)
    note = f"Resident memory of the gate process.{f' A full run takes {CHECKS:,} checks.' if options.quick else ''}"
    results.tables.append(Table("Memory", ("after so many checks", "MB"), rows, (note,)))


def _block(gate: MeasuredGate, number: int) -> int:
    prefix = new_prefix()
    measured = ask(gate, _load(number), prefix=prefix, seconds=600)
    gate.took(prefix, measured.asked)
    gate.finish()
    return measured.asked


def _load(number: int) -> Load:
    if generator()[0] == "C++":
        return Load(mode="batch", most=number // 100, warm=0)
    return Load(mode="stream", inflight=PIPELINE.inflight, most=number, warm=0)
