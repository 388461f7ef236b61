"""One page for the person who asked: the number first, what it is made of, what is missing, and what to type next."""

from pathlib import Path

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.review import wording
from risksvc.cli.review.output_folder import PAGE
from risksvc.cli.review.recording import Recording
from risksvc.cli.review.reviewed import Reviewed
from risksvc.cli.review.sections import divergence_sentence, horizon_words

_SHOWN = 5


def show(out: Output, reviewed: Reviewed, folder: Path, recording: Recording) -> None:
    """Print it."""
    report = reviewed.report
    out.line(f"What it cost: {wording.result(report.total, report.currency)}", style="bold")
    low, high = wording.money(report.low), wording.money(report.high)
    envelope = f"between {low} and {high} by the marks and spreads, an envelope"
    out.line(f"  a wrong belief: {wording.result(report.belief_cost.total, report.currency)} ({envelope})")
    for what, cost in (("carried until it could be known", report.origin_cost), ("the flatten", report.flatten_cost)):
        out.line(f"  {what}: {wording.result(cost, report.currency)}")
    if not report.decided:
        out.line("There are no records of decisions: only what was carried is reported.", style="yellow")
    out.line()
    out.line(divergence_sentence(reviewed) if report.affected is not None else "No divergence was found.")
    out.line(f"Valued at {wording.moment(report.horizon)}: {horizon_words(reviewed)}.")
    _largest(out, reviewed)
    if report.breaches:
        breaches = wording.many(len(report.breaches), "limit breach", "limit breaches")
        out.line(f"{breaches} caused by a wrong belief: tell compliance, disclosure may be due", style="bold red")
    _missing(out, reviewed)
    due = reviewed.due_at
    if due is not None:
        late = "  (passed)" if reviewed.made_at > due else ""
        out.line(f"Due: {wording.moment(due)}{late}")
    out.line(f"Written: {folder / PAGE}, review.md, review.json and the ledgers, decisions and attribution as CSV")
    _recorded(out, recording)


def _largest(out: Output, reviewed: Reviewed) -> None:
    report = reviewed.report
    costs = [share for share in report.by_instrument if share.cost.total or share.decisions]
    if not costs:
        return
    shown = table("instrument", "decisions", "cost", right=("decisions", "cost"))
    for share in sorted(costs, key=lambda one: -abs(one.cost.total))[:_SHOWN]:
        add_row(shown, share.name, f"{share.decisions:,}", wording.money(share.cost.total))
    out.heading(f"By instrument ({report.currency}, above zero is a loss)")
    out.show(shown)


def _missing(out: Output, reviewed: Reviewed) -> None:
    lines = (*reviewed.material.missing, *reviewed.report.notes)
    for line in lines[:_SHOWN]:
        out.line(f"not known: {line}", style="yellow")
    if len(lines) > _SHOWN:
        out.line(f"and {len(lines) - _SHOWN:,} more in the report", style="yellow")


def _recorded(out: Output, recording: Recording) -> None:
    if recording.why:
        out.line(f"Not recorded in an incident: {recording.why}")
    elif recording.incident_id:
        out.line(f"Recorded in incident {recording.incident_id}")
