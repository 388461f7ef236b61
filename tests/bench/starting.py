"""The part that measures a start: from the first instruction of `risksvc serve` until a check could be approved."""

import statistics
import time

from tests.bench.gates import MeasuredGate, World
from tests.bench.options import Options
from tests.bench.paired import Ratio
from tests.bench.results import Results, Table

WORLDS = {"10 instruments": World(), "10,000 instruments": World(instruments=10_000, fresh=False)}


def measure(options: Options, results: Results) -> None:
    """Adds its table."""
    if not options.wants("start"):
        return
    rows = []
    for name, world in WORLDS.items():
        if options.quick and world.instruments > 10:
            continue
        taken = [_start(world) for _ in range(2 if options.quick else 5)]
        results.figures[f"start, {name}"] = Ratio(tuple(taken))
        rows.append((name, f"{statistics.median(taken):.2f}", f"{min(taken):.2f}-{max(taken):.2f}"))
    note = "A new state folder, a private Redis server started with it, a venue that tells everything at once."
    results.tables.append(Table("Start to ready", ("what", "seconds", "range"), tuple(rows), (note,)))


def _start(world: World) -> float:
    gate = MeasuredGate(world)
    began = time.monotonic()
    with gate:
        return time.monotonic() - began
