"""A part that is a table of cells: starts their servers, runs them in rounds, adds what was found."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.bench import cells, servers
from tests.bench.busy import Busy, Work
from tests.bench.gates import MeasuredGate, World
from tests.bench.loads import Target
from tests.bench.options import Options
from tests.bench.results import Results


@dataclass(frozen=True, slots=True)
class Grid:
    """`names`: its cells, in the order of the table. `works`: what its one gate does meanwhile, by server."""

    title: str
    names: Sequence[str]
    worlds: Mapping[str, World]
    works: Mapping[str, Work] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def measure_grid(grid: Grid, options: Options, results: Results) -> dict[str, Target]:
    """Adds the cells that are wanted and their table. Gives the servers, ended, for what they remember."""
    names = cells.selected(grid.names, options.only)
    if not names:
        return {}
    with ExitStack() as stack:
        wanted_servers = list(dict.fromkeys(name.partition("/")[0] for name in names))
        running, missing = servers.start([one for one in wanted_servers if one not in grid.works], grid.worlds, stack)
        results.missing.update(missing)
        running |= _busy(grid, wanted_servers, stack)
        wanted = [_cell(name, grid) for name in names if name.partition("/")[0] in running]
        results.cells.update(cells.run(running, wanted, rounds=options.rounds, seconds=options.seconds))
    results.tables.append(cells.table(grid.title, results, _in_order(wanted), notes=grid.notes))
    return running


def _busy(grid: Grid, names: Sequence[str], stack: ExitStack) -> dict[str, Target]:
    """One gate under several names: what differs is what else it does."""
    busy = [name for name in names if name in grid.works]
    if not busy:
        return {}
    gate = stack.enter_context(MeasuredGate(grid.worlds[busy[0]]))
    return {name: Busy(gate, grid.works[name]) for name in busy}


def _cell(name: str, grid: Grid) -> cells.Cell:
    world = grid.worlds.get(name.partition("/")[0], World())
    return cells.cell(name, instruments=world.instruments, strategies=world.strategies)


def _in_order(wanted: Sequence[cells.Cell]) -> list[cells.Cell]:
    """By load, then by server, as they are named."""
    loads = list(dict.fromkeys(one.load for one in wanted))
    return sorted(wanted, key=lambda one: loads.index(one.load))
