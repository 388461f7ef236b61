"""What an incident has cost: two parallel ledgers, and the difference between what was done and what was meant.

Ledgers, of one strategy in one instrument. a (actual): the starting position and all fills. c (counterfactual): the
same start, the same fills that no decision of the strategy made, and for each decision k the order that would have
taken *c* to the target g(k) instead of the one that was sent:

    q*(k) = g(k) - c      g(k) = recorded intent, else belief + order sent

brought within limits and whole steps. So c walks on its own path. After it has corrected a divergence once there is
nothing left to correct: with D = believed - a constant and e = a - c, g(k) = a + D + order gives q* = order + D + e;
the first decision makes e = -D, and for every later one q* = order, so a hundred decisions cost what one does. (Taking
each decision against *a*, and adding what that carried, counts one divergence a hundred times.)

Cost. v(M) is what one long unit is worth at M in the settle currency: size x M; inverse: - size / M, in the coin. The
profit of fills q at prices p by the horizon H is the sum of q (v(M_H) - v(p)), less fees and funding. Fills that are in
both ledgers cancel. For a decision that filled Q in a and f in c, delta = Q - f, with M_k the mark at the decision:

    f v_H - sum_c q v(p) - (Q v_H - sum_a q v(p)) = - delta (v_H - v_k)                                  direction
                                   + [sum_a q v(p) - Q v_k] - [sum_c q v(p) - f v_k]                     execution

by adding and taking away delta v_k. Fees and funding follow: a's less c's. Summed over k that is PnL(c) - PnL(a), the
*belief cost*, above zero a loss. Nothing is left over, so there is no plug: `timeline` adds the ledgers up without
looking at the decisions, and both must be equal to the last digit. All of it runs in a context that refuses to round;
the few quotients (coins per price, an average price, a fee per unit) are rounded once, to 24 decimals, where they enter
both sides. Inverse: the coin's profit x M_H.

What a decision at right belief does: while D = 0 and e = 0 it is the same in both ledgers, whatever it sent (a slice of
its intent, a quote that never fills). So without a divergence the cost is the number 0. When a person says since when
the fault was there (`affected_from`), every decision from then on is held against its target instead.

Fills of an order that come later than the decision move the ledgers when they come, but count at the decision for what
the next one should have sent. Origin cost, the flatten and the halt's delay are lines of their own: `impact_beside`.

Everything is O(n log n). Never does I/O, never reads a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.impact.attribution import (
    affected_period,
    day_costs,
    day_ends,
    day_name,
    decision_costs,
    shares,
    version_name,
)
from risksvc.core.impact.beside import flatten_costs, halt_delay, origin_costs
from risksvc.core.impact.breaches import breaches
from risksvc.core.impact.deciding import DecidedLine, decide
from risksvc.core.impact.line import Lines, horizon_of, lines_of
from risksvc.core.impact.market import highest, lowest
from risksvc.core.impact.money import exact
from risksvc.core.impact.report import CostPieces, CostPoint, DecisionCost, ImpactReport, LineImpact, OtherTarget
from risksvc.core.impact.timeline import Timeline, timeline
from risksvc.core.impact.types import ImpactAssumptions, ImpactCase, TargetRule
from risksvc.core.impact.words import FORMULAS, assumptions
from risksvc.core.types import ZERO, Nanoseconds

POINTS = 500  # of the cumulative cost, evenly over the window


def review(case: ImpactCase) -> ImpactReport:
    """Reviews an incident. Raises MalformedInputError where the case contradicts itself."""
    with exact():
        gathered = lines_of(case)
        return _report(case, gathered, [_review_line(one) for one in _decided(case, gathered, case.assumptions)])


def _decided(case: ImpactCase, gathered: Lines, assumed: ImpactAssumptions) -> list[DecidedLine]:
    return [decide(line, assumed, affected_from=case.window.affected_from) for line in gathered.lines]


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """One line and what its decisions cost."""

    walked: DecidedLine
    costs: tuple[DecisionCost, ...]
    total: CostPieces


def _review_line(walked: DecidedLine) -> _Reviewed:
    costs = tuple(decision_costs(walked))
    return _Reviewed(walked, costs, sum((cost.cost for cost in costs), CostPieces()))


def _report(case: ImpactCase, gathered: Lines, reviewed: Sequence[_Reviewed]) -> ImpactReport:
    walked = [each.walked for each in reviewed]
    horizon = max((each.line.horizon for each in walked), default=horizon_of(case))
    ends, evenly = day_ends(case.window.start, horizon), _evenly(case.window.start, horizon)
    times = sorted({*ends, *evenly})
    lines = [(each, timeline(each.walked, times)) for each in reviewed]
    at = dict(zip(times, _summed(lines, len(times)), strict=True))
    low, high = _envelope(lines)
    costs = tuple(
        sorted((cost for each in reviewed for cost in each.costs), key=lambda cost: (cost.at, cost.decision_id))
    )
    belief_cost = sum((each.total for each in reviewed), CostPieces())
    assert belief_cost.total == at[horizon], "what the decisions cost is what the ledgers differ by"
    return ImpactReport(
        currency=case.currency,
        window=case.window,
        horizon=horizon,
        decided=any(taken.judged for each in walked for taken in each.decided),
        belief_cost=belief_cost,
        low=low,
        high=high,
        affected=affected_period(walked, case.window, horizon=horizon),
        lines=tuple(_line_impact(each, over_time) for each, over_time in lines),
        divergences=tuple(
            sorted((one for each in walked for one in each.divergences), key=lambda one: (one.since, one.symbol))
        ),
        decisions=sum(len(each.decided) for each in walked),
        decision_costs=costs,
        by_instrument=shares(costs, lambda cost: cost.symbol, also=(each.line.symbol for each in walked)),
        by_strategy=shares(costs, lambda cost: cost.strategy, also=(each.line.strategy for each in walked)),
        by_version=shares(costs, lambda cost: version_name(cost.strategy, cost.version)),
        by_decision_day=shares(costs, lambda cost: day_name(cost.at)),
        by_day=day_costs(ends, [at[end] for end in ends]),
        cost_over_time=tuple(CostPoint(time, at[time]) for time in times),
        origin=tuple(sorted((one for each in walked for one in origin_costs(each)), key=lambda one: one.since)),
        halt_delay=halt_delay(walked, case.window, horizon=horizon),
        flatten=flatten_costs(walked),
        breaches=breaches(walked, total_limit=case.max_total_exposure),
        other_target=_other_target(case, gathered, walked),
        notes=(*gathered.notes, *_notes(walked)),
        assumptions=assumptions(case),
        formulas=FORMULAS,
    )


def _evenly(start: Nanoseconds, horizon: Nanoseconds) -> list[Nanoseconds]:
    return [start + (horizon - start) * number // POINTS for number in range(POINTS + 1)]


def _summed(lines: Sequence[tuple[_Reviewed, Timeline]], count: int) -> list[Decimal]:
    return [sum((over_time.costs[index] for _, over_time in lines), ZERO) for index in range(count)]


def _line_impact(each: _Reviewed, over_time: Timeline) -> LineImpact:
    line = each.walked.line
    return LineImpact(
        strategy=line.strategy,
        symbol=line.symbol,
        horizon=line.horizon,
        horizon_mark=line.marks.at(line.horizon).mark,
        points=over_time.points,
        belief_cost=each.total,
    )


def _envelope(lines: Sequence[tuple[_Reviewed, Timeline]]) -> tuple[Decimal, Decimal]:
    """The least and the most that the cost can be, with each line's marks and spreads at their extremes."""
    low = high = ZERO
    for each, over_time in lines:
        line, end = each.walked.line, over_time.end
        extras = [taken.filling.extra for taken in each.walked.decided if taken.filling.extra is not None]
        better = sum((extra.quantity * (extra.worth - extra.best) for extra in extras), ZERO)
        worse = sum((extra.quantity * (extra.worth - extra.worst) for extra in extras), ZERO)
        point = line.marks.at(line.horizon)
        found = [
            (end.cost(line.value.worth(mark)) + change) * line.value.into_report(mark)
            for mark in (lowest(point), point.mark, highest(point))
            for change in (worse, ZERO, better)
        ]
        low, high = low + min(found), high + max(found)
    return low, high


def _other_target(case: ImpactCase, gathered: Lines, walked: Sequence[DecidedLine]) -> OtherTarget | None:
    """The cost under the other rule, where it could be another; None: no decision's target depends on the rule."""
    unclear = sum(taken.unclear for each in walked for taken in each.decided)
    if not unclear:
        return None
    first = case.assumptions.target is TargetRule.INTENT_FIRST
    rule = TargetRule.BELIEF_PLUS_ORDER if first else TargetRule.INTENT_FIRST
    others = _decided(case, gathered, replace(case.assumptions, target=rule))
    cost = sum((_review_line(each).total.total for each in others), ZERO)
    return OtherTarget(rule, unclear, cost)


def _notes(walked: Sequence[DecidedLine]) -> list[str]:
    found = []
    for each in walked:
        line = each.line
        where = f"{line.strategy or 'no strategy'} in {line.symbol}"
        untold = sum(taken.decision.intended is None and not each.knows_belief for taken in each.decided)
        if untold:
            found.append(f"{where}: {untold} decisions say neither intent nor belief: the same in every ledger")
        if line.marks.times[0] > line.start:
            found.append(f"{where}: prices begin after the window; the first one counts before it")
    return found
