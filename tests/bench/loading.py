"""The part that measures what a check feels while something large is taken in."""

from tests.bench import busy
from tests.bench.busy import Busy
from tests.bench.gates import World
from tests.bench.grid import Grid, measure_grid
from tests.bench.options import Options
from tests.bench.paired import Ratio
from tests.bench.results import Results

WORLD = World(instruments=200, listed=600, positions=200)
LARGE = World(instruments=10_000, fresh=False)
WORKS = {
    "gate-quiet": busy.quiet,
    "gate-markets": busy.markets,
    "gate-limits": busy.limits,
    "gate-positions": busy.positions,
}
NAMES = tuple(f"{server}/1000/s" for server in WORKS)
LARGE_WORKS = {"large-quiet": busy.quiet, "large-limits": busy.limits}
LARGE_NAMES = tuple(f"{server}/1000/s" for server in LARGE_WORKS)
NOTES = (
    (
        "1,000 checks a second by a clock, at one gate that holds 200 positions. Meanwhile, again and again "
        "with a tenth of a second between: its venue comes back and lists 600 instruments; its limits file is"
        " loaded; a complete read of all positions comes. In operation markets are listed once an hour, and a"
        " read comes every two seconds."
    ),
)
LARGE_NOTES = ("A gate with 10,000 instruments, whose limits file is loaded again and again.",)


def measure(options: Options, results: Results) -> None:
    """Adds its cells, its tables and the longest stall."""
    worlds = dict.fromkeys(WORKS, WORLD)
    measure_grid(Grid("While something loads", NAMES, worlds, WORKS, NOTES), options, results)
    if options.quick and not options.only:
        return
    large = dict.fromkeys(LARGE_WORKS, LARGE)
    grid = Grid("While limits of 10,000 instruments load", LARGE_NAMES, large, LARGE_WORKS, LARGE_NOTES)
    servers = measure_grid(grid, options, results)
    longest = results.cells.get("large-limits/1000/s")
    if longest:
        results.figures["reload stall"] = Ratio(tuple(one.longest / 1000 for one in longest))
    loader = servers.get("large-limits")
    if isinstance(loader, Busy) and loader.took:
        results.figures["reload seconds"] = Ratio(tuple(loader.took))
