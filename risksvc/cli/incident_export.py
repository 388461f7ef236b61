"""An incident as a file: JSON for programs, markdown for the review and for whoever asks. Nothing is left out.

A file that exists is never written over.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.output import message_dict
from risksvc.cli.printable import printable
from risksvc.cli.text import moment, scope_words, severity_word
from risksvc.v1 import incident_pb2
from risksvc.v1.incident_pb2 import GetIncidentResponse, Incident, IncidentClock


def write(text: str, output: Path | None) -> None:
    """To a new file that only its owner reads, or to standard output."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise CliError(f"{output} exists; nothing is written over: name another file", code=ExitCode.USAGE) from error
    except OSError as error:
        raise CliError(f"{output} can't be written: {error.strerror}", code=ExitCode.USAGE) from error
    click.echo(f"written: {output}", err=True)


def as_json(answer: GetIncidentResponse) -> str:
    """The answer as it came."""
    return json.dumps(message_dict(answer), indent=2, ensure_ascii=False) + "\n"


def as_markdown(answer: GetIncidentResponse) -> str:
    """The same for people."""
    return "\n".join(_markdown(answer)) + "\n"


def _markdown(answer: GetIncidentResponse) -> Iterator[str]:
    one = answer.incident
    yield f"# Incident {_cell(one.incident_id)}: {severity_word(one.severity)}"
    yield ""
    yield from (f"- **{name}**: {_cell(value)}" for name, value in _facts(one))
    yield from _section("Clocks", ("clock", "due", "met", "missed"), (_clock(clock) for clock in one.clocks))
    lines = ((moment(entry.at_ns), entry.kind, entry.by, entry.text) for entry in one.timeline)
    yield from _section("Timeline", ("time", "what", "by", "text"), lines)
    if one.forgotten:
        yield f"{one.forgotten} lines were dropped; the journal has them."
    yield from _evidence(one.evidence)
    choices = ((moment(it.at_ns), _course(it.course), it.role, it.by, it.reason) for it in one.choices)
    yield from _section("Choices", ("time", "course", "role", "by", "why"), choices)
    yield from _section("Told", ("time", "what", "text", "recipient", "channel", "attempts", "outcome"), _told(one))
    contacts = (
        (it.role, it.name, it.phone, ", ".join(it.channels), it.venue, it.participant_id) for it in answer.contacts
    )
    yield from _section("Contacts", ("role", "name", "phone", "channels", "venue", "our id there"), contacts)


def _facts(one: Incident) -> Iterator[tuple[str, str]]:
    yield "what", f"{one.trigger}: {one.summary}"
    yield "scope", scope_words(one.scope)
    yield "opened", f"{moment(one.opened_at_ns)} by {one.opened_by}"
    yield "closed", f"{moment(one.closed_at_ns)} by {one.closed_by}" if one.closed_at_ns else "no, it is open"
    yield "owner", one.owner or "nobody"
    fixed = "fixed" if one.cause_fixed else "not fixed"
    yield "cause", f"{one.cause} ({fixed}; named by {one.cause_by})" if one.cause else "not known"
    yield "course", _course(one.course)
    yield "halts", ", ".join(one.halt_ids) or "none"
    yield "halts in force", ", ".join(one.active_halt_ids) or "none"
    yield "flattens", ", ".join(one.flatten_ids) or "none"
    yield "last assessment", moment(one.assessed_at_ns)
    yield from (("endangered", line) for line in one.endangered)
    if one.HasField("review"):
        review = one.review
        yield "PnL impact", f"{review.cost} {review.currency} (recorded by {review.by}, {moment(review.at_ns)})"
        yield "review", f"{review.summary}; SHA-256 of the report {review.report_sha256}"
    else:
        yield "PnL impact", "NOT REVIEWED YET: a number is due within 48 hours, even when it is zero"


def _course(course: "incident_pb2.Course.ValueType") -> str:
    return incident_pb2.Course.Name(course).removeprefix("COURSE_") if course else "not decided"


def _clock(clock: IncidentClock) -> Sequence[str]:
    return clock.name, moment(clock.due_at_ns), moment(clock.met_at_ns), moment(clock.missed_at_ns)


def _evidence(evidence: incident_pb2.IncidentEvidence) -> Iterator[str]:
    heads = ("account", "instrument", "believed", "ledger", "venue", "exposure", "mark")
    rows = (
        (one.account, one.instrument, one.believed, one.ledger, one.venue, one.exposure, one.mark)
        for one in evidence.positions
    )
    yield from _section("Evidence when it opened", heads, rows)
    yield ""
    yield f"Limits: {evidence.limits_hash or 'none'}"
    named = (
        ("Differences", evidence.divergences),
        ("Orders", evidence.orders),
        ("Fills", evidence.fills),
        ("Versions", evidence.versions),
    )
    for name, lines in named:
        if lines:
            yield from ("", f"### {name}", "", *(f"- {_cell(line)}" for line in lines))
    if evidence.omitted:
        yield from ("", f"{evidence.omitted} lines more; the journal has them.")


def _told(one: Incident) -> Iterator[Sequence[str]]:
    for message in one.messages:
        if not message.deliveries:
            yield moment(message.at_ns), message.kind, message.text, "", "", "", "nobody was addressed"
        for it in message.deliveries:
            outcome = moment(it.delivered_at_ns) if it.delivered_at_ns else f"not delivered: {it.error or 'not yet'}"
            yield (
                moment(message.at_ns),
                message.kind,
                message.text,
                it.recipient,
                it.channel,
                str(it.attempts),
                outcome,
            )


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A heading and a table; nothing where there are no rows."""
    lines = [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    if lines:
        yield from ("", f"## {title}", "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines)


def _cell(text: str) -> str:
    """Somebody's words, which must not end a cell nor begin a tag."""
    return printable(text).replace("|", "\\|").replace("<", "&lt;") or " "
