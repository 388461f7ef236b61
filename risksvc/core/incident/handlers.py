"""What people say of an incident: open it, note, take it, name the cause, close it, record the review.

The first Output is the answer: a StepRefused, or the line that was recorded. Who may say it was judged at the door.
"""

from collections.abc import Iterator

from risksvc.core.incident.events import (
    CauseNamed,
    IncidentClosed,
    IncidentNoted,
    IncidentOpened,
    IncidentTaken,
    ReviewRecorded,
)
from risksvc.core.incident.opening import Opening, adopt_halts, open_incident
from risksvc.core.incident.record import EntryKind, Incident, ReviewRecord, in_force, record
from risksvc.core.incident.severity import BY_HAND, ClockName
from risksvc.core.outputs import Output, Refusal, RefusalReason, StepRefused
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, plain

_SHOWN = 5


def incident_opened(state: GateState, event: IncidentOpened, now: Nanoseconds) -> Iterator[Output]:
    """A person opens one, whatever else is open; halts in force in its scope that nobody owns come with it."""
    opening = Opening(event.scope, event.severity, BY_HAND, event.summary, event.by)
    incident = open_incident(state, opening, now=now)
    text = f"{event.severity.value}: {event.scope}: {event.summary}"
    yield from record(incident, EntryKind.OPENED, text, by=event.by, now=now)
    yield from adopt_halts(state, incident, now=now)


def incident_noted(state: GateState, event: IncidentNoted, now: Nanoseconds) -> Iterator[Output]:
    """A line; a closed incident takes it too."""
    found = known(state, event.incident_id)
    if isinstance(found, Refusal):
        yield StepRefused((found,))
        return
    yield from record(found, EntryKind.NOTE, event.text, by=event.by, now=now)


def incident_taken(state: GateState, event: IncidentTaken, now: Nanoseconds) -> Iterator[Output]:
    """Somebody owns it."""
    found = still_open(state, event.incident_id)
    if isinstance(found, Refusal):
        yield StepRefused((found,))
        return
    before, found.owner = found.owner, event.by
    text = f"{event.by} owns it" + (f", {before} before" if before and before != event.by else "")
    yield from record(found, EntryKind.OWNER, text, by=event.by, now=now)


def cause_named(state: GateState, event: CauseNamed, now: Nanoseconds) -> Iterator[Output]:
    """The root cause is known."""
    found = still_open(state, event.incident_id)
    if isinstance(found, Refusal):
        yield StepRefused((found,))
        return
    found.cause, found.cause_by, found.cause_fixed = event.cause, event.by, event.fixed
    found.met(ClockName.ROOT_CAUSE, now=now)
    fixed = "fixed: it can't happen again" if event.fixed else "NOT FIXED: it can happen again"
    yield from record(found, EntryKind.CAUSE, f"{event.cause} ({fixed})", by=event.by, now=now)


def incident_closed(state: GateState, event: IncidentClosed, now: Nanoseconds) -> Iterator[Output]:
    """The end, unless something of it goes on. The review's clock runs on."""
    found = still_open(state, event.incident_id)
    if isinstance(found, Refusal):
        yield StepRefused((found,))
        return
    refusals = tuple(_goes_on(state, found))
    if refusals:
        yield StepRefused(refusals)
        return
    found.closed_at, found.closed_by = now, event.by
    text = event.summary if found.review is not None else f"{event.summary} (the review is not recorded yet)"
    yield from record(found, EntryKind.CLOSED, text, by=event.by, now=now)


def _goes_on(state: GateState, incident: Incident) -> Iterator[Refusal]:
    standing = in_force(state, incident)
    if standing:
        many = "halt is" if len(standing) == 1 else "halts are"
        shown = " ".join(standing[:_SHOWN])
        text = f"{len(standing)} {many} in force: `risksvc resume {shown} --reason …` first"
        yield Refusal(RefusalReason.HALT_IN_FORCE, text)
    if incident.flattening:
        text = f"flatten {' '.join(incident.flattens[-1:])} runs: await its end, or stop it (`risksvc flatten --help`)"
        yield Refusal(RefusalReason.FLATTEN_RUNNING, text)


def review_recorded(state: GateState, event: ReviewRecorded, now: Nanoseconds) -> Iterator[Output]:
    """The review's result, open or closed, in time or late; a later one replaces an earlier one."""
    found = known(state, event.incident_id)
    if isinstance(found, Refusal):
        yield StepRefused((found,))
        return
    found.review = ReviewRecord(now, event.by, event.cost, event.currency, event.report_sha256, event.summary)
    found.met(ClockName.REVIEW, now=now)
    text = f"PnL impact {plain(event.cost)} {event.currency}: {event.summary} (report {event.report_sha256[:12]})"
    yield from record(found, EntryKind.REVIEWED, text, by=event.by, now=now)


def known(state: GateState, incident_id: str) -> Incident | Refusal:
    """The incident of this id, open or closed."""
    text = f"no incident {incident_id}; `risksvc incident list --all` has them"
    return state.incidents.by_id.get(incident_id) or Refusal(RefusalReason.INCIDENT_UNKNOWN, text)


def still_open(state: GateState, incident_id: str) -> Incident | Refusal:
    """The same, which must be open."""
    found = known(state, incident_id)
    if isinstance(found, Incident) and not found.is_open:
        text = f"incident {incident_id} was closed by {found.closed_by}: it takes notes and its review, nothing else"
        return Refusal(RefusalReason.INCIDENT_CLOSED, text)
    return found
