"""The words of a message: one text, the same for everybody, by whatever channel it comes.

It says what happened, how bad it is, what is held, who has it, what to type next, and whom to call; the first lines say
the most, since a small screen cuts the rest. Plain text of bounded length. Only reads; the same state gives the same
words.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from risksvc.core.incident.record import Course, Incident, Message
from risksvc.core.incident.severity import SEVERITIES, ClockName
from risksvc.core.incident.telling import Found
from risksvc.core.outputs import IncidentChanged
from risksvc.core.types import SECOND, Nanoseconds, plain
from risksvc.gate.telling.contacts_file import Contacts
from risksvc.gate.telling.contacts_schema import SUPPORT

LONGEST_TITLE = 120
LONGEST_TEXT = 1_900  # what the narrowest of the usual chat services takes in one message
_LONGEST_LINE = 400
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Words:
    """What is sent."""

    title: str
    body: str


def words_of(gate_id: str, changed: IncidentChanged, found: Found | None, contacts: Contacts | None) -> Words:
    """The text of one message. `found` None: the incident is not known any more, so that only the change is told."""
    severity = "" if found is None else f"{found.incident.severity.value} "
    title = f"{severity}{changed.incident_id} {changed.kind}: {changed.text}"
    lines = [changed.text[:_LONGEST_LINE]]
    if found is not None:
        lines += _incident_lines(found.incident, found.message)
    lines += _contact_lines(contacts)
    lines.append(f"(gate {gate_id}, incident {changed.incident_id}, message {changed.message_id})")
    return Words(_one_line(title, LONGEST_TITLE), _bounded(lines))


def closed_words(gate_id: str, what: str, contacts: Contacts | None) -> Words:
    """The gate is closed, and its journal can't take an incident: the one message that is in no record."""
    lines = [
        f"The gate is closed by a fault and decides nothing: {what}"[:_LONGEST_LINE],
        "Everything is halted. Orders that are already at the venue can still fill.",
        "Next: `risksvc status`: how it stands",
        *_contact_lines(contacts),
        f"(gate {gate_id}; not in its record: the journal can't be written)",
    ]
    return Words(_one_line(f"P0 gate {gate_id} is closed: {what}", LONGEST_TITLE), _bounded(lines))


def trial_words(gate_id: str, reason: str, by: str, contacts: Contacts) -> Words:
    """The text of a test: whoever reads it need do nothing."""
    lines = [
        f"TEST by {by}: {reason}"[:_LONGEST_LINE],
        "No incident. You would be told of one by this channel. There is nothing to do.",
        *_contact_lines(contacts),
        f"(gate {gate_id})",
    ]
    return Words(_one_line(f"TEST of risksvc gate {gate_id}", LONGEST_TITLE), _bounded(lines))


def _incident_lines(incident: Incident, message: Message) -> Iterator[str]:
    rule = SEVERITIES[incident.severity]
    yield f"{incident.severity.value}: {rule.says}."
    yield f"At {_time(message.at)}; the incident began at {_time(incident.opened_at)}: {incident.summary}"[
        :_LONGEST_LINE
    ]
    yield from _position_lines(incident)
    yield f"Owner: {incident.owner or f'nobody yet; `risksvc incident take {incident.incident_id}` if you act'}."
    yield f"Next: {next_step(incident)}"


def _position_lines(incident: Incident) -> Iterator[str]:
    assessed = incident.assessment
    if assessed is not None:
        rows = [
            f"{one.account} {one.instrument} {plain(one.quantity)}"
            + ("" if one.believed is None else f" (believed {plain(one.believed)})")
            for one in assessed.instruments
        ]
        whole = "" if assessed.complete else ", not every account could be read"
        yield f"At the venue at {_time(assessed.at)}{whole}: {_some(rows) or 'no position'}."
        return
    rows = [
        f"{one.account} {one.instrument} {'unknown' if one.venue is None else plain(one.venue)}"
        + ("" if one.believed is None else f" (believed {plain(one.believed)})")
        for one in incident.evidence.positions
    ]
    if rows:
        yield f"At the venue when it began: {_some(rows)}."


# What is to be done next: the first that applies.
_STEPS: tuple[tuple[Callable[[Incident], bool], str], ...] = (
    (lambda one: not one.is_open and one.review is None, "`risksvc review`: what it cost, as a number"),
    (lambda one: not one.is_open, "`risksvc incident show {incident}`: the record"),
    (
        lambda one: _runs(one, ClockName.HALT),
        "`risksvc halt{account} --reason TEXT`: stops new orders; due {halt_by}",
    ),
    (lambda one: one.assessment is None, "`risksvc assess{account}`: what is really held, from the venue"),
    (lambda one: one.course is None, "`risksvc decide --incident {incident}`: what is recommended"),
    (
        lambda one: one.course is Course.FLATTEN and not one.flattens,
        "`risksvc flatten{account}`: shows the plan; --execute runs it",
    ),
    (lambda _: True, "`risksvc incident show {incident}`: how it stands, and what is left to do"),
)


def next_step(incident: Incident) -> str:
    """The exact command, and what it is for."""
    step = next(text for applies, text in _STEPS if applies(incident))
    clock = incident.clock(ClockName.HALT)
    return step.format(
        incident=incident.incident_id,
        account=f" --account {incident.scope.account}" if incident.scope.account else "",
        halt_by="" if clock is None else _time(clock.due_at),
    )


def _runs(incident: Incident, name: ClockName) -> bool:
    clock = incident.clock(name)
    return clock is not None and clock.met_at is None


def _contact_lines(contacts: Contacts | None) -> Iterator[str]:
    if contacts is None:
        return
    lines = [f"{one.venue}: {one.name}, {one.reach}, our id {one.participant_id}" for one in contacts.support]
    if lines:
        yield f"Exchange support: {_some(lines)}."
    ours = [one for one in contacts.recipients if one.phone and one.roles[0] != SUPPORT]
    people = [f"{one.name} ({one.roles[0]}) {one.phone}" for one in ours]
    if people:
        yield f"Call: {', '.join(people)}."


def _some(rows: list[str]) -> str:
    more = f"; and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    return "; ".join(rows[:_NAMED]) + more


def _time(at: Nanoseconds) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _one_line(text: str, most: int) -> str:
    whole = " ".join(text.split())
    return whole if len(whole) <= most else f"{whole[: most - 3]}..."


def _bounded(lines: list[str]) -> str:
    """The last line, which names the message, is always whole."""
    *body, last = lines
    text = "\n".join(body)
    room = LONGEST_TEXT - len(last) - 1
    return f"{text if len(text) <= room else f'{text[: room - 3]}...'}\n{last}"
