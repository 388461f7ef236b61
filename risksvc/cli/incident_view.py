"""How incidents look: a list; one on one page, with its clocks against their deadlines; one step, and what is next."""

from collections.abc import Sequence

from rich.text import Text

from risksvc.cli.incident_steps import NextCommand, clock_runs, next_steps, short_id
from risksvc.cli.output import Cell, Output, add_row, table
from risksvc.cli.text import NONE, count, duration, moment, money, position, scope_words, severity_word
from risksvc.core.incident.severity import CLOCKS, SEVERITIES, ClockName, SeverityRule
from risksvc.core.types import Severity
from risksvc.v1 import incident_pb2, types_pb2
from risksvc.v1.incident_pb2 import GetIncidentResponse, Incident, IncidentClock

_STYLES = {
    types_pb2.SEVERITY_P0: "bold white on red",
    types_pb2.SEVERITY_P1: "bold black on yellow",
    types_pb2.SEVERITY_P2: "bold white on blue",
}
_UNKNOWN_STYLE = "bold white on red"
_LINES = 15
_EVIDENCE = 10
_FEW_STEPS = 4


def severity_text(incident: Incident) -> Text:
    """P0, P1 or P2, as big as a word can be."""
    return Text(f" {severity_word(incident.severity)} ", style=_STYLES.get(incident.severity, _UNKNOWN_STYLE))


# -- the list -----------------------------------------------------------------------------------------------------


def show_list(out: Output, answer: incident_pb2.ListIncidentsResponse, *, closed: bool) -> None:
    """All of them, and what to type about the newest open one."""
    if not answer.incidents:
        out.line("No incident is open." if not closed else "No incident is known.")
        out.next((("status",), "what may be traded"))
        return
    show_rows(out, answer.incidents, now_ns=answer.now_ns)
    out.next(
        *((("incident", "show", short_id(one.incident_id)), "everything about it") for one in answer.incidents[:3])
    )


def show_rows(out: Output, incidents: Sequence[Incident], *, now_ns: int) -> None:
    """One row each: what, since when, who, which clock is the next, what happened."""
    result = table("incident", "severity", "what", "age", "owner", "next clock", "summary")
    for one in incidents:
        add_row(
            result,
            f"{short_id(one.incident_id)} ({one.incident_id})",
            severity_text(one),
            scope_words(one.scope),
            "closed" if one.closed_at_ns else duration(now_ns - one.opened_at_ns),
            one.owner or (NONE if one.closed_at_ns else Text("nobody", style="bold red")),
            next_clock(one, now_ns=now_ns),
            f"{one.trigger}: {one.summary}",
        )
    out.show(result)


def next_clock(incident: Incident, *, now_ns: int) -> Cell:
    """The clock that is the next to run out, or was missed."""
    running = [clock for clock in incident.clocks if clock_runs(incident, clock)]
    if not running:
        return NONE
    first = min(running, key=lambda clock: clock.due_at_ns)
    return Text.assemble(f"{first.name} ", _left(first, now_ns=now_ns))


def _left(clock: IncidentClock, *, now_ns: int) -> Text:
    left = clock.due_at_ns - now_ns
    if clock.missed_at_ns or left <= 0:
        return Text(f"MISSED {duration(-left)} ago", style="bold red")
    return Text(f"{duration(left)} left", style="bold yellow")


# -- one step -----------------------------------------------------------------------------------------------------


def show_step(out: Output, incident: Incident, done: str) -> None:
    """What was recorded, and what is next."""
    out.line(Text.assemble(severity_text(incident), (f" {done}  {incident.incident_id}", "bold green")))
    if incident.timeline:
        out.line(incident.timeline[-1].text)
    if done == "CLOSED" and not incident.HasField("review"):
        out.line("Its review is missing: the clock runs on, and escalates.", style="bold yellow")
    if done == "CLOSED" and incident.endangered:
        out.line(f"Still standing: {'; '.join(incident.endangered)}", style="bold yellow")
    out.next(*next_steps(incident)[:_FEW_STEPS])


# -- one, whole ---------------------------------------------------------------------------------------------------


def show(out: Output, answer: GetIncidentResponse, *, full: bool) -> None:
    """One page."""
    one, now = answer.incident, answer.now_ns
    standing = (
        f"closed {moment(one.closed_at_ns)}" if one.closed_at_ns else f"open for {duration(now - one.opened_at_ns)}"
    )
    out.line(Text.assemble(severity_text(one), (f"  {one.incident_id}  {scope_words(one.scope)}  {standing}", "bold")))
    rule = _rule(one)
    if rule is not None:
        out.line(f"{severity_word(one.severity)}: {rule.says}. To do: {rule.do}.")
    for line in one.endangered:
        out.line(f"! {line}", style="bold red")
    _facts(out, one)
    _clocks(out, one, now_ns=now)
    _timeline(out, one, full=full)
    _evidence(out, one.evidence, full=full)
    _told(out, one, full=full)
    _contacts(out, answer)
    out.next(*next_steps(one), *_more(one, full=full))


def _rule(one: Incident) -> SeverityRule | None:
    word = severity_word(one.severity)
    return SEVERITIES[Severity(word)] if word in Severity.__members__ else None


def _more(one: Incident, *, full: bool) -> list[NextCommand]:
    if full or (len(one.timeline) <= _LINES and len(one.evidence.orders) <= _EVIDENCE):
        return []
    return [(("incident", "show", short_id(one.incident_id), "--full"), "every line")]


def _facts(out: Output, one: Incident) -> None:
    fixed = "fixed" if one.cause_fixed else "NOT FIXED"
    course = incident_pb2.Course.Name(one.course).removeprefix("COURSE_") if one.course else "not decided"
    review = (
        f"{one.review.cost} {one.review.currency}, by {one.review.by}" if one.HasField("review") else "not recorded"
    )
    rows: tuple[tuple[str, Cell], ...] = (
        ("what", f"{one.trigger}: {one.summary}"),
        ("opened", f"{moment(one.opened_at_ns)} by {one.opened_by}"),
        ("owner", one.owner or Text("nobody yet", style="bold red")),
        ("cause", f"{one.cause} ({fixed}, {one.cause_by})" if one.cause else Text("not known", style="bold red")),
        ("assessed", moment(one.assessed_at_ns) if one.assessed_at_ns else Text("never", style="bold red")),
        ("course", course),
        ("halts", f"{len(one.halt_ids)}, in force: {', '.join(one.active_halt_ids) or 'none'}"),
        ("flattens", f"{', '.join(one.flatten_ids) or 'none'}{' (running)' if one.flattening else ''}"),
        ("review", f"PnL impact {review}"),
    )
    result = table("", "")
    for name, value in rows:
        add_row(result, name, value)
    out.show(result)


def _clocks(out: Output, one: Incident, *, now_ns: int) -> None:
    if not one.clocks:
        return
    out.heading("Clocks")
    result = table("clock", "due", "stands", "if missed")
    for clock in one.clocks:
        missed = next((CLOCKS[name].missed for name in ClockName if name.value == clock.name), NONE)
        add_row(result, clock.name, moment(clock.due_at_ns), _stands(one, clock, now_ns=now_ns), missed)
    out.show(result)


def _stands(one: Incident, clock: IncidentClock, *, now_ns: int) -> Cell:
    if clock.met_at_ns:
        late = clock.met_at_ns - clock.due_at_ns
        return "done in time" if late <= 0 else Text(f"done {duration(late)} late", style="yellow")
    return _left(clock, now_ns=now_ns) if clock_runs(one, clock) else "ended with the incident"


def _timeline(out: Output, one: Incident, *, full: bool) -> None:
    shown = one.timeline if full else one.timeline[-_LINES:]
    left = len(one.timeline) - len(shown) + one.forgotten
    out.heading(f"Timeline ({count(len(one.timeline) + one.forgotten, 'line')})")
    if left:
        out.line(f"… {left} earlier" + (f", {one.forgotten} of them in the journal only" if one.forgotten else ""))
    result = table("time", "what", "by", "text")
    for entry in shown:
        add_row(result, moment(entry.at_ns), entry.kind, entry.by, entry.text)
    out.show(result)


def _evidence(out: Output, evidence: incident_pb2.IncidentEvidence, *, full: bool) -> None:
    out.heading(f"When it opened (limits {evidence.limits_hash[:12] or 'none'})")
    if evidence.positions:
        result = table("account", "instrument", "believed", "ledger", "venue", "exposure", "mark", right=("exposure",))
        for one in evidence.positions if full else evidence.positions[:_EVIDENCE]:
            held = (position(one.believed), position(one.ledger), position(one.venue))
            add_row(result, one.account, one.instrument, *held, money(one.exposure), one.mark or "unknown")
        out.show(result)
    else:
        out.line("nothing was held or working")
    parts = (("differed", evidence.divergences), ("order", evidence.orders), ("fill", evidence.fills))
    for name, lines in (*parts, ("version", evidence.versions)):
        for line in lines if full else lines[:_EVIDENCE]:
            out.line(f"{name:<9}{line}")
        if len(lines) > _EVIDENCE and not full:
            out.line(f"{name:<9}… and {len(lines) - _EVIDENCE} more")
    if evidence.omitted:
        out.line(f"{count(evidence.omitted, 'line')} more: the journal has them")


def _told(out: Output, one: Incident, *, full: bool) -> None:
    if not one.messages:
        return
    out.heading(f"Told to everybody ({count(len(one.messages), 'message')})")
    result = table("time", "what", "reached", "not reached")
    for message in one.messages if full else one.messages[-_LINES:]:
        reached = [delivery for delivery in message.deliveries if delivery.delivered_at_ns]
        failed = [
            f"{delivery.recipient} by {delivery.channel}{': ' if delivery.error else ''}{delivery.error}"
            for delivery in message.deliveries
            if not delivery.delivered_at_ns
        ]
        of = f"{len(reached)} of {len(message.deliveries)}" if message.deliveries else "nobody was addressed"
        missing = Text("; ".join(failed), style="bold red") if failed else NONE
        add_row(result, moment(message.at_ns), message.kind, of, missing)
    out.show(result)


def _contacts(out: Output, answer: GetIncidentResponse) -> None:
    if not answer.contacts:
        return
    out.heading("Contacts")
    result = table("role", "name", "phone", "channels", "at the exchange")
    for one in answer.contacts:
        line = " ".join(part for part in (one.venue, one.participant_id and f"our id {one.participant_id}") if part)
        add_row(result, one.role, one.name, one.phone or NONE, ", ".join(one.channels) or NONE, line or NONE)
    out.show(result)
