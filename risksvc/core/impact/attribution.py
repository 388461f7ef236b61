"""Whose the belief cost is: by instrument, strategy, version and day. Every table adds up to it, piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from risksvc.core.impact.deciding import Decided, DecidedLine
from risksvc.core.impact.line import Line
from risksvc.core.impact.report import (
    AffectedPeriod,
    CostPieces,
    DayCost,
    DecisionCost,
    Divergence,
    Share,
    VersionPeriod,
)
from risksvc.core.impact.types import ImpactWindow
from risksvc.core.types import SECOND, ZERO, Nanoseconds

DAY = 86_400 * SECOND
_DAYS_IN_400_YEARS = 146_097
_MARCH_0000 = 719_468  # days from the first of March of year 0 to the first of January 1970


def decision_costs(walked: DecidedLine) -> Iterator[DecisionCost]:
    """Every decision of a line that the counterfactual took differently, with what it cost by the horizon."""
    line, conversion = walked.line, walked.line.conversion
    at_horizon = line.value.worth(line.marks.at(line.horizon).mark)
    for taken in walked.decided:
        if taken.would_send != taken.sent:
            cost = _cost(line, taken, at_horizon=at_horizon, conversion=conversion)
            yield _as_row(taken, cost)


def _cost(line: Line, taken: Decided, *, at_horizon: Decimal, conversion: Decimal) -> CostPieces:
    filling = taken.filling
    moved = at_horizon - line.value.worth(taken.mark.mark)
    funding = ZERO
    if line.funding.charges:
        for step in filling.steps:
            funding += (step.actual - step.counterfactual) * line.funding.between(step.at, line.horizon)
    return CostPieces(
        direction=-filling.delta * moved * conversion,
        execution=filling.execution * conversion,
        fees=filling.fees * conversion,
        funding=funding * conversion,
    )


def _as_row(taken: Decided, cost: CostPieces) -> DecisionCost:
    decision, filling = taken.decision, taken.filling
    return DecisionCost(
        decision_id=decision.decision_id,
        at=decision.at,
        strategy=decision.strategy,
        symbol=decision.symbol,
        version=decision.version,
        kind=decision.kind,
        believed=decision.believed,
        target=taken.target,
        order=taken.sent,
        filled=filling.filled,
        would_send=taken.would_send,
        would_fill=filling.would_fill,
        delta=filling.delta,
        mark=taken.mark.mark,
        cost=cost,
    )


def shares(
    costs: Iterable[DecisionCost], name: Callable[[DecisionCost], str], *, also: Iterable[str] = ()
) -> tuple[Share, ...]:
    """One attribution; `also` names rows that stand in it even when nothing is theirs."""
    rows = {each: Share(each, 0, CostPieces()) for each in sorted(also)}
    for cost in costs:
        row = rows.get(name(cost)) or Share(name(cost), 0, CostPieces())
        rows[row.name] = Share(row.name, row.decisions + 1, row.cost + cost.cost)
    return tuple(rows[each] for each in sorted(rows))


def version_name(strategy: str, version: str) -> str:
    """A strategy's version in a table."""
    return f"{strategy} {version or '(version not recorded)'}"


# -- days ---------------------------------------------------------------------------------------------------------


def day_name(at: Nanoseconds) -> str:
    """The UTC day of a time, "2022-01-10"."""
    days = at // DAY + _MARCH_0000
    era, day_of_era = divmod(days, _DAYS_IN_400_YEARS)
    year = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)  # from the first of March
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    after_new_year = month >= 10  # noqa: PLR2004 - months count from March here
    return f"{era * 400 + year + after_new_year:04d}-{(month + 2) % 12 + 1:02d}-{day:02d}"


def day_ends(start: Nanoseconds, horizon: Nanoseconds) -> list[Nanoseconds]:
    """Every UTC midnight between, then the horizon."""
    first = start // DAY + 1
    return [day * DAY for day in range(first, (horizon - 1) // DAY + 1)] + [horizon]


def day_costs(ends: Sequence[Nanoseconds], costs: Sequence[Decimal]) -> tuple[DayCost, ...]:
    """What accrued on each day, from the cost as it stood at each day's end."""
    before = (ZERO, *costs[:-1])
    return tuple(
        DayCost(day_name(end - 1), cost - earlier) for end, cost, earlier in zip(ends, costs, before, strict=True)
    )


# -- the affected period ------------------------------------------------------------------------------------------


def affected_period(
    walked: Sequence[DecidedLine], window: ImpactWindow, *, horizon: Nanoseconds
) -> AffectedPeriod | None:
    """From the first divergence to its correction, and the versions that decided in it; None: there was none.

    Of a strategy that never says what it believes, the first decision that should have been another counts.
    """
    told = window.affected_from
    divergences = [divergence for each in walked for divergence in each.divergences]
    wrong = [taken for each in walked for taken in each.decided if _is_wrong(each, taken, told=told is not None)]
    starts = [divergence.since for divergence in divergences] + [taken.decision.at for taken in wrong]
    if told is not None:
        starts = [told]
    if not starts:
        return None
    versions = _versions(wrong)
    ended = _ended(divergences)
    if told is not None or ended is None or any(not each.knows_belief for each in walked if each.decided):
        return AffectedPeriod(min(starts), horizon, window.corrected_at == horizon, versions)
    return AffectedPeriod(min(starts), ended, corrected=True, versions=versions)


def _is_wrong(walked: DecidedLine, taken: Decided, *, told: bool) -> bool:
    if walked.knows_belief and not told:
        return taken.diverged
    return taken.would_send != taken.sent


def _ended(divergences: Sequence[Divergence]) -> Nanoseconds | None:
    ends = [divergence.until for divergence in divergences]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _versions(wrong: Iterable[Decided]) -> tuple[VersionPeriod, ...]:
    rows: dict[tuple[str, str], VersionPeriod] = {}
    for taken in wrong:
        decision = taken.decision
        key, at = (decision.strategy, decision.version), decision.at
        row = rows.get(key) or VersionPeriod(*key, first=at, last=at, decisions=0)
        rows[key] = VersionPeriod(*key, first=min(row.first, at), last=max(row.last, at), decisions=row.decisions + 1)
    return tuple(sorted(rows.values(), key=lambda row: (row.first, row.strategy, row.version)))
