"""What a run has found so far: cells round by round, single figures, and the tables that are told of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bench.loads import Measured
from tests.bench.paired import Ratio, ratio


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the report. `notes`: what its reader must know to read it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Results:
    """`cells`: what was measured, by cell, one for each round. `figures`: ratios or plain values, by name.

    `missing`: what this machine can't measure, and why; `broken`: parts that went wrong.
    """

    cells: dict[str, list[Measured]] = field(default_factory=dict)
    figures: dict[str, Ratio] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)

    def values(self, cell: str, what: Callable[[Measured], float]) -> list[float]:
        return [what(one) for one in self.cells[cell]]

    def ratio(self, ours: str, theirs: str, what: Callable[[Measured], float]) -> Ratio | None:
        """None: one of the two was not measured."""
        if not (self.cells.get(ours) and self.cells.get(theirs)):
            return None
        return ratio(self.values(ours, what), self.values(theirs, what))


def text_table(table: Table) -> str:
    """In columns, for a terminal and for markdown alike."""
    rows: Sequence[Sequence[str]] = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(table.columns))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.ljust(widths[0]) if at == 0 else cell.rjust(widths[at]) for at, cell in enumerate(row)]
        return f"| {' | '.join(cells)} |"

    rule = "|".join(("-" * (width + 1)) + (":" if at else "-") for at, width in enumerate(widths))
    return "\n".join([line(table.columns), f"|{rule}|", *(line(row) for row in table.rows)])
