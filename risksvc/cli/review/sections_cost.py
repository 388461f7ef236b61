"""The number and what it is made of: pieces, envelope, method, formulas, assumptions, and attributions that add up.

Shown figures are rounded to the cent, so a shown sum may be a cent off; JSON and CSV hold what was computed, which adds
up exactly.
"""

from collections.abc import Iterator, Sequence

from risksvc.cli.review import wording
from risksvc.cli.review.document import Block, Bullets, Chart, Formulas, Grid, Paragraph, Series
from risksvc.cli.review.reviewed import Reviewed, moments_of
from risksvc.core.impact.report import CostPieces, DecisionCost, ImpactReport, Share
from risksvc.core.types import ZERO

_LARGEST = 20
_SHARE_COLUMNS = ("decisions", "direction", "execution", "fees", "funding", "cost")


def cost(reviewed: Reviewed) -> Iterator[Block]:
    """The section with the number."""
    report = reviewed.report
    belief, whole = report.belief_cost.total, report.total
    yield Paragraph(f"The wrong belief: {wording.result(belief, report.currency)}.", strong=True)
    yield Paragraph(f"With what was carried unknown and the flatten: {wording.result(whole, report.currency)}.")
    if not report.decided:
        yield Paragraph(
            "No decision could be held against a target, so there is no belief cost: only what was carried."
        )
    yield _lines(reviewed)
    low, high = wording.money(report.low), wording.money(report.high)
    yield Paragraph(
        f"The belief cost lies between {low} and {high} {report.currency} when what the counterfactual trades fills at "
        "the best and at the worst price that the marks and the spread allow. That is an envelope, not a confidence "
        "interval."
    )
    if report.cost_over_time:
        points = [(point.at, point.cost) for point in report.cost_over_time]
        says = f"The belief cost as it stood, at the mark of each time; {wording.money(points[-1][1])} at the end."
        series = (Series("belief cost so far", points, step=False),)
        start, moments = report.window.start, moments_of(reviewed)
        yield Chart("Cumulative cost", says, report.currency, series, start, report.horizon, moments)
    if report.other_target is not None:
        other = report.other_target
        rule = other.rule.value.replace("_", " ").lower()
        decided = wording.many(other.decisions, "decision")
        yield Paragraph(
            f"In {decided} the recorded intent, and belief plus order, name different targets. By the other rule "
            f"({rule}) the belief cost is {wording.money(other.cost)} {report.currency}."
        )
    yield Paragraph("Method")
    yield Formulas(report.formulas)
    yield Paragraph("Assumptions")
    yield Bullets(report.assumptions)


def _lines(reviewed: Reviewed) -> Grid:
    report = reviewed.report
    pieces, delay = report.belief_cost, report.halt_delay
    rows = [
        ("direction: wrong size, at the marks", wording.money(pieces.direction)),
        ("execution: at other prices", wording.money(pieces.execution)),
        ("fees", wording.money(pieces.fees)),
        ("funding", wording.money(pieces.funding)),
        ("belief cost (sum of the above)", wording.money(pieces.total)),
        ("origin cost: carried until it could be known", wording.money(report.origin_cost)),
        ("cost of the flatten", wording.money(report.flatten_cost)),
        ("all together", wording.money(report.total)),
    ]
    if delay is not None:
        late = f"{wording.span(delay.since, delay.until)}, {wording.many(delay.decisions, 'decision')}"
        name = f"cost of the halt's delay ({late}), part of the belief cost"
        rows.insert(-1, (name, f"({wording.money(delay.cost)})"))
    caption = f"What it is made of ({report.currency}, above zero is a loss)"
    return Grid(caption, ("piece", "cost"), tuple(rows), 1, total=True)


def attribution(reviewed: Reviewed) -> Iterator[Block]:
    """The belief cost by instrument, strategy, version, day and decision; each adds up to all of it."""
    report, whole = reviewed.report, reviewed.report.belief_cost
    for what, shares in (
        ("instrument", report.by_instrument),
        ("strategy", report.by_strategy),
        ("version", report.by_version),
        ("day of the decision", report.by_decision_day),
    ):
        yield _shares(what, shares, whole, report.currency)
    days = [(one.day, wording.money(one.cost)) for one in report.by_day]
    total = ("all", wording.money(sum((one.cost for one in report.by_day), ZERO)))
    caption = f"By day as it accrued, positions marked at each day's end ({report.currency})"
    yield Grid(caption, ("day", "cost"), (*days, total), 1, total=True)
    yield _decisions(report.decision_costs, report.currency)
    if report.origin:
        yield _origin(report)
    if report.flatten:
        yield _flatten(report)


def _origin(report: ImpactReport) -> Grid:
    rows = [
        (
            one.strategy or "nobody's",
            one.symbol,
            one.fill_id or "held at the start",
            wording.moment(one.since),
            wording.moment(one.until),
            wording.signed(one.quantity),
            wording.quantity(one.price),
            wording.money(one.cost),
        )
        for one in report.origin
    ]
    columns = ("strategy", "instrument", "fill", "since", "until", "quantity", "price", "cost")
    return Grid(f"Origin cost ({report.currency})", columns, tuple(rows), 3)


def _flatten(report: ImpactReport) -> Grid:
    rows = [
        (
            one.symbol,
            wording.signed(one.quantity),
            wording.quantity(one.arrival),
            wording.money(one.slippage),
            wording.money(one.fees),
            wording.money(one.cost),
        )
        for one in report.flatten
    ]
    columns = ("instrument", "quantity", "mark on arrival", "slippage", "fees", "cost")
    return Grid(f"The flatten ({report.currency})", columns, tuple(rows), 5)


def _shares(what: str, shares: Sequence[Share], whole: CostPieces, currency: str) -> Grid:
    rows = [(one.name, f"{one.decisions:,}", *_pieces(one.cost)) for one in shares]
    decisions = sum(one.decisions for one in shares)
    rows.append(("all", f"{decisions:,}", *_pieces(whole)))
    return Grid(f"By {what} ({currency})", (what, *_SHARE_COLUMNS), tuple(rows), len(_SHARE_COLUMNS), total=True)


def _pieces(pieces: CostPieces) -> tuple[str, ...]:
    values = (pieces.direction, pieces.execution, pieces.fees, pieces.funding, pieces.total)
    return tuple(wording.money(value) for value in values)


def _decisions(costs: Sequence[DecisionCost], currency: str) -> Grid:
    largest = sorted(costs, key=lambda one: (-abs(one.cost.total), one.at, one.decision_id))[:_LARGEST]
    rows: list[tuple[str, ...]] = [
        (
            one.decision_id,
            wording.moment(one.at),
            one.strategy,
            one.symbol,
            wording.quantity(one.believed),
            wording.quantity(one.target),
            wording.signed(one.order),
            wording.signed(one.would_send),
            wording.signed(one.delta),
            wording.money(one.cost.total),
        )
        for one in largest
    ]
    shown = {id(one) for one in largest}
    rest = [one.cost.total for one in costs if id(one) not in shown]
    if rest:
        rows.append((f"{len(rest):,} others", *[""] * 8, wording.money(sum(rest, ZERO))))
    rows.append(("all", *[""] * 8, wording.money(sum((one.cost.total for one in costs), ZERO))))
    columns = (
        "decision",
        "time",
        "strategy",
        "instrument",
        "believed",
        "target",
        "sent",
        "would have sent",
        "filled too much",
        "cost",
    )
    return Grid(f"By decision, the largest first ({currency})", columns, tuple(rows), 6, total=True)
