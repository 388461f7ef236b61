"""Limits that were broken while nobody could see it: the actual exposure over one, the believed exposure not.

Exposure is a position's absolute value at the mark; an instrument's is of all its strategies' positions together, and
the total is the sum over instruments, as in `risksvc.core.exposure`. A strategy that never says what it believes counts
as believing what it has. States that last no time are no breach.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.impact.deciding import DecidedLine
from risksvc.core.impact.line import Line
from risksvc.core.impact.report import Breach
from risksvc.core.types import ZERO, Nanoseconds


@dataclass(slots=True)
class _Watch:
    """One limit. `since` is set while it is broken unseen."""

    symbol: str
    limit: Decimal | None
    found: list[Breach] = field(default_factory=list)
    since: Nanoseconds | None = None
    highest: Decimal = ZERO
    believed: Decimal = ZERO

    def see(self, actual: Decimal, believed: Decimal, *, at: Nanoseconds) -> None:
        if self.limit is None:
            return
        if not believed <= self.limit < actual:
            self.close(at)
            return
        if self.since is None:
            self.since, self.highest = at, ZERO
        if actual > self.highest:
            self.highest, self.believed = actual, believed

    def close(self, at: Nanoseconds) -> None:
        if self.since is not None and self.limit is not None and at > self.since:
            self.found.append(Breach(self.symbol, self.since, at, self.limit, self.highest, self.believed))
        self.since = None


@dataclass(slots=True)
class _Held:
    """One instrument: positions and what they are worth at its mark."""

    line: Line  # any of its lines, for its valuation and marks
    watch: _Watch
    actual: Decimal = ZERO
    believed: Decimal = ZERO
    mark: Decimal = ZERO
    actual_value: Decimal = ZERO
    believed_value: Decimal = ZERO

    def revalue(self) -> None:
        exposure = self.line.value.exposure
        self.actual_value = exposure(self.actual, self.mark)
        same = self.actual == self.believed
        self.believed_value = self.actual_value if same else exposure(self.believed, self.mark)


@dataclass(frozen=True, slots=True)
class _Change:
    """What happens to an instrument at a time. `mark` None: it stays."""

    at: Nanoseconds
    symbol: str
    actual: Decimal = ZERO
    believed: Decimal = ZERO
    mark: Decimal | None = None


def breaches(walked: Sequence[DecidedLine], *, total_limit: Decimal | None) -> tuple[Breach, ...]:
    """Every such time up to the horizons, by instrument and for the total, in order."""
    held: dict[str, _Held] = {}
    for each in walked:
        line = each.line
        watch = _Watch(line.symbol, line.listed.max_net_exposure)
        held.setdefault(line.symbol, _Held(line, watch, mark=line.marks.at(line.start).mark))
    total = _Watch("", total_limit)
    if total_limit is None and all(one.watch.limit is None for one in held.values()):
        return ()
    changes = sorted(_changes(walked, held), key=lambda change: change.at)
    _replay(changes, held, total)
    end = max((one.line.horizon for one in held.values()), default=0)
    for one in held.values():
        one.watch.close(one.line.horizon)
    total.close(end)
    found = [breach for watch in (*(one.watch for one in held.values()), total) for breach in watch.found]
    return tuple(sorted(found, key=lambda breach: (breach.since, breach.symbol)))


def _changes(walked: Sequence[DecidedLine], held: dict[str, _Held]) -> Iterator[_Change]:
    for each in walked:
        line, knows = each.line, each.knows_belief
        difference = each.start_difference if knows else ZERO
        yield _Change(line.start, line.symbol, line.actual, line.actual + difference)
        for step in each.steps:
            believed = step.actual + (step.difference if knows else ZERO)
            yield _Change(step.at, line.symbol, step.actual, believed)
    for symbol, one in held.items():
        line = one.line
        for point in line.marks.points:
            if line.start < point.at <= line.horizon:
                yield _Change(point.at, symbol, mark=point.mark)


def _replay(changes: Sequence[_Change], held: dict[str, _Held], total: _Watch) -> None:
    """Takes all changes of a moment, and only then looks."""
    actual = believed = ZERO
    touched: dict[str, _Held] = {}
    for change, following in zip(changes, (*changes[1:], None), strict=True):
        one = touched[change.symbol] = held[change.symbol]
        one.actual += change.actual
        one.believed += change.believed
        one.mark = one.mark if change.mark is None else change.mark
        if following is not None and following.at == change.at:
            continue
        for each in touched.values():
            actual, believed = actual - each.actual_value, believed - each.believed_value
            each.revalue()
            actual, believed = actual + each.actual_value, believed + each.believed_value
            each.watch.see(each.actual_value, each.believed_value, at=change.at)
        total.see(actual, believed, at=change.at)
        touched.clear()
