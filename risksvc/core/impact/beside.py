"""The lines that stand beside the belief cost: what was carried unknown, the halt's delay, the flatten.

None of them is inside the belief cost: an unknown fill and a flatten are the same in both ledgers and cancel there. The
halt's delay is told, not added: the orders of that time have their part in the belief cost already.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal

from risksvc.core.impact.deciding import DecidedLine
from risksvc.core.impact.line import Line
from risksvc.core.impact.report import FlattenCost, HaltDelay, OriginCost
from risksvc.core.impact.types import ImpactFill, ImpactWindow
from risksvc.core.types import ZERO, Nanoseconds


def origin_costs(walked: DecidedLine) -> Iterator[OriginCost]:
    """Of each position that nobody knew of, what it cost until the next decision judged, else until the horizon."""
    line = walked.line
    decisions = [taken.decision.at for taken in walked.decided if taken.judged]
    if walked.start_difference:
        price = line.marks.at(line.start).mark
        held = ImpactFill(line.start, line.symbol, line.strategy, -walked.start_difference, price)
        yield _carried(line, held, decisions)
    for fill in line.unknown:
        yield _carried(line, fill, decisions)


def _carried(line: Line, fill: ImpactFill, decisions: Sequence[Nanoseconds]) -> OriginCost:
    following = bisect_left(decisions, fill.at)
    until = decisions[following] if following < len(decisions) else line.horizon
    worth = line.value.worth
    lost = fill.quantity * (worth(fill.price) - worth(line.marks.at(until).mark))
    paid = fill.quantity * line.funding.between(fill.at, until)
    return OriginCost(
        strategy=line.strategy,
        symbol=line.symbol,
        fill_id=fill.fill_id,
        quantity=fill.quantity,
        price=fill.price,
        since=fill.at,
        until=until,
        cost=(lost + paid + fill.fee) * line.conversion,
    )


def halt_delay(walked: Sequence[DecidedLine], window: ImpactWindow, *, horizon: Nanoseconds) -> HaltDelay | None:
    """What the orders decided from discovery to halt have cost by the horizon; None: nothing was discovered."""
    since = window.discovered_at
    if since is None:
        return None
    until = horizon if window.halted_at is None else window.halted_at
    decisions, cost = 0, ZERO
    for each in walked:
        for taken in each.decided:
            if since <= taken.decision.at < until:
                decisions += 1
                cost += _cost_by_horizon(each.line, each.line.fills_of.get(taken.decision.decision_id, ()))
    return HaltDelay(since, max(since, until), decisions, cost)


def _cost_by_horizon(line: Line, fills: Sequence[ImpactFill]) -> Decimal:
    if not fills:
        return ZERO
    worth, cost = line.value.worth, ZERO
    at_horizon = worth(line.marks.at(line.horizon).mark)
    for fill in fills:
        paid = line.funding.between(fill.at, line.horizon)
        cost += fill.quantity * (worth(fill.price) - at_horizon + paid) + fill.fee
    return cost * line.conversion


def flatten_costs(walked: Sequence[DecidedLine]) -> tuple[FlattenCost, ...]:
    """Each instrument's flatten, against the mark when its first fill came."""
    lines: dict[str, Line] = {}
    fills: dict[str, list[ImpactFill]] = {}
    for each in walked:
        lines.setdefault(each.line.symbol, each.line)
        fills.setdefault(each.line.symbol, []).extend(each.line.flatten)
    return tuple(_flatten_cost(lines[symbol], own) for symbol, own in fills.items() if own)


def _flatten_cost(line: Line, fills: Sequence[ImpactFill]) -> FlattenCost:
    worth, conversion = line.value.worth, line.conversion
    arrival = line.marks.at(min(fill.at for fill in fills)).mark
    slippage = sum((fill.quantity * (worth(fill.price) - worth(arrival)) for fill in fills), ZERO)
    return FlattenCost(
        symbol=line.symbol,
        quantity=sum((fill.quantity for fill in fills), ZERO),
        arrival=arrival,
        slippage=slippage * conversion,
        fees=sum((fill.fee for fill in fills), ZERO) * conversion,
    )
