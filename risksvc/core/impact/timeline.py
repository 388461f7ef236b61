"""One line's ledgers over time: positions, what they differ by in money, and that the two ways to compute it agree.

The ledgers are added up here from their changes alone, without a look at the decisions' costs: the cost of a line at
its horizon, PnL(c) - PnL(a), must equal the sum of what its decisions cost, to the last digit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.impact.deciding import DecidedLine
from risksvc.core.impact.filling import Step
from risksvc.core.impact.report import LedgerPoint
from risksvc.core.types import ZERO, Nanoseconds


@dataclass(slots=True)
class Standing:
    """Where a line's ledgers stand. `cash`: of the counterfactual less of the actual, in the settle currency."""

    actual: Decimal
    counterfactual: Decimal
    difference: Decimal
    cash: Decimal = ZERO

    def take(self, step: Step) -> None:
        """Adds a change."""
        self.actual += step.actual
        self.counterfactual += step.counterfactual
        self.difference += step.difference
        self.cash += step.cash

    def cost(self, worth: Decimal) -> Decimal:
        """PnL(c) - PnL(a) in the settle currency, with a unit worth so much."""
        return (self.counterfactual - self.actual) * worth + self.cash


@dataclass(frozen=True, slots=True)
class Timeline:
    """A line over time. `costs`: in the report's currency, one at each time asked for; `end`: at its horizon."""

    points: tuple[LedgerPoint, ...]
    costs: tuple[Decimal, ...]
    end: Standing


def timeline(walked: DecidedLine, times: Sequence[Nanoseconds]) -> Timeline:
    """Adds up a line's changes; `times` run upwards. After the horizon the cost is what it was there."""
    line, standing = walked.line, Standing(walked.line.actual, walked.line.actual, walked.start_difference)
    points = [_point(line.start, standing, knows=walked.knows_belief)]
    costs: list[Decimal] = []
    conversion = line.conversion
    waiting = _Events(walked)
    for time in (*times, line.horizon):
        until = min(time, line.horizon)
        for at in waiting.take(standing, until):
            if points[-1].at == at:
                points.pop()
            points.append(_point(at, standing, knows=walked.knows_belief))
        costs.append(standing.cost(line.value.worth(line.marks.at(until).mark)) * conversion)
    return Timeline(tuple(points), tuple(costs[:-1]), standing)


def _point(at: Nanoseconds, standing: Standing, *, knows: bool) -> LedgerPoint:
    believed = standing.actual + standing.difference if knows else None
    return LedgerPoint(at, believed, standing.actual, standing.counterfactual)


class _Events:
    """A line's changes and funding by time; funding first: it charges what was held before that time's fills."""

    def __init__(self, walked: DecidedLine) -> None:
        self._steps = sorted(walked.steps, key=lambda step: step.at)
        self._charges = walked.line.funding.charges
        self._step = self._charge = 0

    def take(self, standing: Standing, until: Nanoseconds) -> Iterator[Nanoseconds]:
        """Adds everything up to a time; gives each time at which a ledger changed."""
        while self._step < len(self._steps) and self._steps[self._step].at <= until:
            step = self._steps[self._step]
            self._pay(standing, step.at)
            standing.take(step)
            self._step += 1
            yield step.at
        self._pay(standing, until)

    def _pay(self, standing: Standing, until: Nanoseconds) -> None:
        while self._charge < len(self._charges) and self._charges[self._charge][0] <= until:
            standing.cash += (standing.actual - standing.counterfactual) * self._charges[self._charge][1]
            self._charge += 1


def thinned(points: Sequence[LedgerPoint], most: int) -> tuple[LedgerPoint, ...]:
    """At most so many points of a step series (4 or more), for a chart: of each stretch the first and the widest apart.

    The first and the last point stay.
    """
    if len(points) <= most:
        return tuple(points)
    inner, stretches = points[1:-1], (most - 2) // 2
    kept = [points[0]]
    for number in range(stretches):
        stretch = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        widest = max(range(len(stretch)), key=lambda index: _apart(stretch[index]))
        kept += [stretch[index] for index in sorted({0, widest})]
    return (*kept, points[-1])


def _apart(point: LedgerPoint) -> Decimal:
    from_belief = ZERO if point.believed is None else abs(point.believed - point.actual)
    return from_belief + abs(point.counterfactual - point.actual)
