"""The part that measures whether the size of a gate's world is felt by a check."""

from collections.abc import Mapping

from tests.bench.gates import World
from tests.bench.grid import Grid, measure_grid
from tests.bench.options import Options
from tests.bench.results import Results


def _world(**size: int) -> World:
    return World(fresh=False, **size)  # type: ignore[arg-type]  # sizes by name


WORLDS: Mapping[str, World] = {
    "gate-10-instruments": _world(),
    "gate-1000-instruments": _world(instruments=1_000),
    "gate-10000-instruments": _world(instruments=10_000),
    "gate-100-strategies": _world(strategies=100),
    "gate-10000-working": _world(working=10_000),
    "gate-100000-working": _world(working=100_000),
}
QUICK = ("aio/1", "gate-10-instruments/1", "gate-10000-instruments/1", "gate-100-strategies/1")
FULL = tuple(f"{server}/{load}" for load in ("1", "64") for server in ("aio", *WORLDS))
NOTES = (
    (
        "Checks go over all instruments and strategies by turns. Marks and a complete read came once, before: what they"
        " cost while they come is in the next part."
    ),
)


def measure(options: Options, results: Results) -> None:
    """Adds its cells and its table."""
    measure_grid(Grid("Sizes", QUICK if options.quick else FULL, WORLDS, notes=NOTES), options, results)
