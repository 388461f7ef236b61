"""What a review says, section by section, in the order in which people ask.

Words only; every figure is the report's. A section is there even when it has nothing to tell: it says so.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.cli.review import wording
from risksvc.cli.review.document import Block, Bullets, Chart, Document, Grid, Paragraph, Section, Series
from risksvc.cli.review.reviewed import Reviewed, moments_of
from risksvc.cli.review.sections_cost import attribution, cost
from risksvc.core.impact.report import Divergence, LineImpact
from risksvc.core.types import ZERO
from risksvc.gate.review.material import Happening

_ACTIONS = 5
_SHOWN_DIVERGENCES = 50
_SHOWN_LINES = 12
_SHOWN_HAPPENINGS = 400


def document(reviewed: Reviewed) -> Document:
    """The whole report."""
    report, material = reviewed.report, reviewed.material
    incident = material.incident
    name = (
        f"incident {incident.incident_id}" if incident is not None else f"account {material.account or 'under review'}"
    )
    return Document(
        title=f"Review of {name}",
        headline=f"What it cost: {wording.result(report.total, report.currency)}",
        facts=tuple(_facts(reviewed)),
        sections=(
            Section("What happened", tuple(_happened(reviewed))),
            Section("Timeline", tuple(_timeline(reviewed))),
            Section("Cause", tuple(_cause(reviewed))),
            Section("PnL impact", tuple(cost(reviewed))),
            Section("Attribution", tuple(attribution(reviewed))),
            Section("Limit breaches", tuple(_breaches(reviewed))),
            Section("What changes", tuple(_changes(reviewed))),
            Section("What this review does not know", tuple(_unknown(reviewed))),
        ),
    )


def _facts(reviewed: Reviewed) -> Iterator[tuple[str, str]]:
    report, material = reviewed.report, reviewed.material
    window, affected = report.window, report.affected
    yield "All together", wording.result(report.total, report.currency)
    yield "Cost of the wrong belief", wording.result(report.belief_cost.total, report.currency)
    yield "With origin and flatten", wording.result(report.total, report.currency)
    yield "Account", material.account or wording.NONE
    yield "Source", material.source
    yield "Window", f"{wording.moment(window.start)} to {wording.moment(window.end)}"
    if affected is not None:
        length = wording.span(affected.start, affected.end)
        yield "Affected", f"{wording.moment(affected.start)} to {wording.moment(affected.end)} ({length})"
    yield "Discovered", wording.moment(reviewed.discovered_at)
    yield "Halted", wording.moment(window.halted_at)
    yield "Valued at", f"{wording.moment(report.horizon)} ({horizon_words(reviewed)})"
    yield "Due", _due(reviewed)
    yield "Made", f"{wording.moment(reviewed.made_at)} by {reviewed.software}"


def horizon_words(reviewed: Reviewed) -> str:
    """What the horizon is."""
    window, horizon = reviewed.report.window, reviewed.report.horizon
    if horizon == window.corrected_at:
        return "the belief was proven right again"
    if horizon == window.flat_at:
        return "the positions were proven flat"
    return "the end of the window: neither corrected nor flat was proven in it"


def _due(reviewed: Reviewed) -> str:
    due = reviewed.due_at
    if due is None:
        return "48 hours after the discovery; when that was is not known"
    late = reviewed.made_at - due
    return wording.moment(due) + (f", passed {wording.span(due, reviewed.made_at)} ago" if late > 0 else "")


# -- what happened ------------------------------------------------------------------------------------------------


def _happened(reviewed: Reviewed) -> Iterator[Block]:
    report, affected = reviewed.report, reviewed.report.affected
    if affected is None:
        yield Paragraph(
            "Believed and actual positions agreed at every decision of this time: no divergence was found."
            if report.decided
            else "There are no records of what strategies believed or decided: only what was carried can be reported."
        )
        if report.origin:
            carried = wording.result(report.origin_cost, report.currency)
            yield Paragraph(
                f"{wording.many(len(report.origin), 'fill')} came from no decision of a strategy (an unapproved "
                f"process, a hand, the venue): until it could be known, what was carried came to {carried}."
            )
    else:
        yield Paragraph(divergence_sentence(reviewed))
        yield _divergences(report.divergences)
        if affected.versions:
            yield _versions(reviewed)
    lines = sorted((one for one in report.lines if one.points), key=_interest)
    for line in lines[:_SHOWN_LINES]:
        yield from _line_charts(reviewed, line)
    hidden = len(lines) - _SHOWN_LINES
    if hidden > 0:
        yield Paragraph(f"Charts of {wording.many(hidden, 'more line')} are left out; ledgers.csv has them all.")


def _interest(line: LineImpact) -> tuple[bool, Decimal, str, str]:
    """Lines that diverged come first, then what they cost."""
    apart = any(point.believed not in (None, point.actual) for point in line.points)
    return not apart, -abs(line.belief_cost.total), line.symbol, line.strategy


def divergence_sentence(reviewed: Reviewed) -> str:
    """What differed, from when to when, and how many decisions it touched."""
    report, affected = reviewed.report, reviewed.report.affected
    first = min(report.divergences, key=lambda one: one.since, default=None)
    if affected is None or first is None:
        return "A person named the time from which decisions are judged; belief and actual position never differed."
    decided = sum(one.decisions for one in report.divergences)
    ended = "corrected" if affected.corrected else "not proven corrected within the window, which ends"
    amount = f"{wording.quantity(abs(first.first))} {first.symbol} {'more' if first.first > ZERO else 'less'}"
    return (
        f"From {wording.moment(affected.start)} on {first.strategy or 'nobody'} believed that it held {amount} than it "
        f"did; {ended} at {wording.moment(affected.end)}, after {wording.span(affected.start, affected.end)}. "
        f"{wording.many(decided, 'decision')} of {report.decisions:,} were taken on a wrong belief."
    )


def _divergences(found: tuple[Divergence, ...]) -> Grid:
    rows = [
        (
            one.strategy or "nobody's",
            one.symbol,
            wording.moment(one.since),
            wording.moment(one.until) if one.until is not None else "still there",
            f"{one.decisions:,}",
            wording.signed(one.first),
            wording.signed(one.largest),
        )
        for one in found[:_SHOWN_DIVERGENCES]
    ]
    more = f"; the first {_SHOWN_DIVERGENCES} of {len(found):,}" if len(found) > _SHOWN_DIVERGENCES else ""
    columns = ("strategy", "instrument", "since", "until", "decisions", "first", "largest")
    return Grid(f"Divergences (believed less actual, in order units{more})", columns, tuple(rows), numbers=3)


def _versions(reviewed: Reviewed) -> Grid:
    affected = reviewed.report.affected
    rows = [
        (
            one.strategy,
            one.version or "not recorded",
            wording.moment(one.first),
            wording.moment(one.last),
            f"{one.decisions:,}",
        )
        for one in (() if affected is None else affected.versions)
    ]
    columns = ("strategy", "version", "first wrong decision", "last", "decisions")
    return Grid("Versions that decided on a wrong belief", columns, tuple(rows), numbers=1)


def _line_charts(reviewed: Reviewed, line: LineImpact) -> Iterator[Chart]:
    name = f"{line.strategy or 'nobody'} in {line.symbol}"
    start, moments = reviewed.report.window.start, moments_of(reviewed)
    actual = [(point.at, point.actual) for point in line.points]
    wished = [(point.at, point.counterfactual) for point in line.points]
    believed = [(point.at, point.believed) for point in line.points if point.believed is not None]
    series = [Series("actual", actual), Series("counterfactual: what it would have held", wished)]
    series = [Series("believed", believed), *series] if believed else series
    last = line.points[-1]
    yield Chart(
        f"Ledgers of {name}",
        f"Positions over time. At the end: believed {wording.quantity(last.believed)}, actual "
        f"{wording.quantity(last.actual)}, counterfactual {wording.quantity(last.counterfactual)}.",
        "position",
        tuple(series),
        start,
        line.horizon,
        moments,
    )
    if believed:
        apart = [(at, held - point.actual) for (at, held), point in zip(believed, _with_belief(line), strict=True)]
        largest = max((value for _, value in apart), key=abs, default=ZERO)
        says = f"Believed less actual position over time; at most {wording.signed(largest)}."
        divergence = (Series("believed less actual", apart),)
        if not largest:
            return
        yield Chart(f"Divergence of {name}", says, "position", divergence, start, line.horizon, moments)


def _with_belief(line: LineImpact) -> list:  # type: ignore[type-arg]
    return [point for point in line.points if point.believed is not None]


# -- timeline and cause -------------------------------------------------------------------------------------------


def _timeline(reviewed: Reviewed) -> Iterator[Block]:
    incident = reviewed.material.incident
    lines = () if incident is None else incident.timeline
    said = {(line.at, line.what.partition(" (halt ")[0].partition(": ")[2].partition(": ")[2]) for line in lines}
    told = [one for one in reviewed.material.happenings if (one.at, one.what) not in said]
    told += [*lines, *(Happening(one.at, one.name) for one in moments_of(reviewed))]
    told.sort(key=lambda one: one.at)
    if not told:
        yield Paragraph("Nothing was recorded of this time.")
        return
    rows = [(wording.moment(one.at), one.what, one.who or wording.NONE) for one in told[:_SHOWN_HAPPENINGS]]
    yield Grid("What happened, in order", ("time", "what", "who"), tuple(rows))
    if len(told) > _SHOWN_HAPPENINGS:
        yield Paragraph(f"{len(told) - _SHOWN_HAPPENINGS:,} more lines are in review.json.")


def _cause(reviewed: Reviewed) -> Iterator[Block]:
    incident = reviewed.material.incident
    if incident is None:
        yield Paragraph("To be filled in: no incident's record goes with this review.", strong=True)
        return
    if incident.cause:
        yield Paragraph(incident.cause)
    else:
        yield Paragraph("To be filled in: no cause was named in the incident's record.", strong=True)
    opened = f"{incident.severity or 'no severity'}, trigger {incident.trigger or 'not recorded'}"
    closed = wording.moment(incident.closed_at) if incident.closed_at else "not closed"
    yield Bullets(
        (
            f"Incident {incident.incident_id}: {opened}, opened {wording.moment(incident.opened_at)}, {closed}.",
            f"Owner: {incident.owner or 'nobody took it'}.",
            *(f"Contact: {line}" for line in reviewed.contacts),
        )
    )


# -- limits, changes, what is missing -----------------------------------------------------------------------------


def _breaches(reviewed: Reviewed) -> Iterator[Block]:
    report = reviewed.report
    if not report.breaches:
        yield Paragraph("None was found: the actual exposure was over no limit while the believed one was within it.")
        return
    yield Paragraph(
        "Limits were exceeded while the believed position was within them, so every check that used the belief gave a "
        "wrong answer. Whether this must be disclosed is for compliance to decide: give them this section.",
        strong=True,
    )
    rows = [
        (
            one.symbol or "all instruments together",
            wording.moment(one.since),
            wording.moment(one.until),
            wording.span(one.since, one.until),
            wording.money(one.limit),
            wording.money(one.highest),
            wording.money(one.believed),
        )
        for one in report.breaches
    ]
    columns = ("what", "since", "until", "for", "limit", "highest", "believed then")
    yield Grid(f"Breaches caused by a wrong belief ({report.currency})", columns, tuple(rows), numbers=3)


def _changes(reviewed: Reviewed) -> Iterator[Block]:
    yield Paragraph("To be filled in: what is changed so that it does not happen again, by whom, by when.")
    rows = tuple((str(number), "", "", "") for number in range(1, _ACTIONS + 1))
    yield Grid("Action items", ("no.", "what changes", "owner", "by when"), rows)
    yield Paragraph(f"This review is due: {_due(reviewed)}.")


def _unknown(reviewed: Reviewed) -> Iterator[Block]:
    material, report = reviewed.material, reviewed.report
    lines = (*material.missing, *material.remarks, *report.notes)
    if lines:
        yield Bullets(lines)
    else:
        yield Paragraph("Nothing is known to be missing.")
