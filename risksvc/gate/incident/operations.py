"""Steps of risksvc.v1.IncidentService that concern the incident itself: open, list, look, add to the record, review.

An incident is named by its id, by an end of it that only one has (people type "i3", not the whole), or by nothing: the
newest open one. Deciding is the core's; here requests are read whole or refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from risksvc.core.incident.events import (
    CauseNamed,
    IncidentClosed,
    IncidentNoted,
    IncidentOpened,
    IncidentTaken,
    ReviewRecorded,
)
from risksvc.core.incident.record import Incident
from risksvc.core.outputs import IncidentChanged, Output, Refusal, RefusalReason
from risksvc.core.types import MalformedInputError, parse_decimal
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.incident.view import SEVERITIES, incident_message
from risksvc.gate.operating import check_scope, refusal_message, refused_by
from risksvc.gate.telling.contacts import contact_messages
from risksvc.v1 import incident_pb2

MOST_OPEN = 100
_SHOWN = 10
_ID_LENGTH = 128
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NONE_OPEN = "no incident is open: a halt opens one, and so does `risksvc incident open`"
_ALL = "`risksvc incident list --all` has them"

Step = IncidentNoted | IncidentTaken | CauseNamed | IncidentClosed


def find_incident(app: GateApp, incident_id: str) -> Incident | Refusal:
    """The incident of this id, or of this end of an id; none named: the newest open one."""
    incidents = app.owner.state.incidents
    if not incident_id:
        newest = incidents.open()[-1:]
        return newest[0] if newest else Refusal(RefusalReason.INCIDENT_UNKNOWN, _NONE_OPEN)
    named = convert.order_id(incident_id, field="incident_id", longest=_ID_LENGTH)
    if named in incidents.by_id:
        return incidents.by_id[named]
    ending = [one for id_, one in incidents.by_id.items() if id_.endswith(f"-{named}")]
    if len(ending) == 1:
        return ending[0]
    if not ending:
        return Refusal(RefusalReason.INCIDENT_UNKNOWN, f"incident {named} is not known here; {_ALL}")
    ids = ", ".join(one.incident_id for one in ending[:_SHOWN])
    return Refusal(RefusalReason.INCIDENT_UNKNOWN, f"{named} is the end of more than one: {ids}; give more of it")


async def open_incident(
    app: GateApp, request: incident_pb2.OpenIncidentRequest, by: str
) -> incident_pb2.OpenIncidentResponse:
    """A person opens one."""
    scope = convert.scope(request.scope)
    check_scope(app, scope)
    severity = convert.member(request.severity, SEVERITIES, field="severity")
    summary = convert.reason(request.summary, field="summary")
    if len(app.owner.state.incidents.open()) >= MOST_OPEN:
        raise MalformedInputError("incident", f"{MOST_OPEN} are open; close some first (`risksvc incident list`)")
    outputs = app.owner.submit(IncidentOpened(scope, severity, summary, by))
    return incident_pb2.OpenIncidentResponse(incident=_changed(app, outputs))


async def list_incidents(
    app: GateApp, request: incident_pb2.ListIncidentsRequest, _by: str
) -> incident_pb2.ListIncidentsResponse:
    """The newest first."""
    state = app.owner.state
    found = [one for one in state.incidents.by_id.values() if request.include_closed or one.is_open]
    return incident_pb2.ListIncidentsResponse(
        incidents=[incident_message(state, one, whole=False) for one in reversed(found)], now_ns=app.clock.now()
    )


async def get_incident(
    app: GateApp, request: incident_pb2.GetIncidentRequest, _by: str
) -> incident_pb2.GetIncidentResponse:
    """Everything about one; none named: the newest open one, or, where none is open, the newest."""
    open_one = app.owner.state.incidents.open()
    found = find_incident(app, request.incident_id or ("" if open_one else _newest(app)))
    if isinstance(found, Refusal):
        raise MalformedInputError("incident_id", found.message)
    return incident_pb2.GetIncidentResponse(
        incident=incident_message(app.owner.state, found),
        contacts=contact_messages(app.notifying.keeper.contacts),
        now_ns=app.clock.now(),
    )


# -- the record ---------------------------------------------------------------------------------------------------


async def update_incident(
    app: GateApp, request: incident_pb2.UpdateIncidentRequest, by: str
) -> incident_pb2.UpdateIncidentResponse:
    """A line, the cause, an owner, or the end."""
    read = _STEPS.get(request.WhichOneof("step") or "")
    if read is None:
        raise MalformedInputError("step", f"is required; allowed: {', '.join(_STEPS)}")
    found = find_incident(app, request.incident_id)
    if isinstance(found, Refusal):
        return incident_pb2.UpdateIncidentResponse(refusals=[refusal_message(found)])
    outputs = app.owner.submit(read(request, found.incident_id, by))
    refusals = refused_by(outputs)
    incident = None if refusals else _changed(app, outputs)
    return incident_pb2.UpdateIncidentResponse(incident=incident, refusals=refusals)


def _note(request: incident_pb2.UpdateIncidentRequest, incident_id: str, by: str) -> Step:
    return IncidentNoted(incident_id, convert.reason(request.note, field="note"), by)


def _cause(request: incident_pb2.UpdateIncidentRequest, incident_id: str, by: str) -> Step:
    cause = convert.reason(request.cause.cause, field="cause.cause")
    return CauseNamed(incident_id, cause, request.cause.fixed, by)


def _take(_request: incident_pb2.UpdateIncidentRequest, incident_id: str, by: str) -> Step:
    return IncidentTaken(incident_id, by)


def _close(request: incident_pb2.UpdateIncidentRequest, incident_id: str, by: str) -> Step:
    return IncidentClosed(incident_id, convert.reason(request.close.summary, field="close.summary"), by)


_STEPS: Mapping[str, Callable[[incident_pb2.UpdateIncidentRequest, str, str], Step]] = {
    "note": _note,
    "cause": _cause,
    "take": _take,
    "close": _close,
}


async def record_review(
    app: GateApp, request: incident_pb2.RecordReviewRequest, by: str
) -> incident_pb2.RecordReviewResponse:
    """The review's result: a number, even when it is zero; none named: of the newest, open or closed."""
    cost = parse_decimal(request.cost, field="cost")
    currency = convert.name(request.currency, field="currency")
    summary = convert.reason(request.summary, field="summary")
    if not _SHA256.fullmatch(request.report_sha256):
        problem = f"{convert.shown(request.report_sha256)} is not allowed; allowed: 64 digits of 0-9 a-f"
        raise MalformedInputError("report_sha256", problem)
    found = find_incident(app, request.incident_id or _newest(app))
    if isinstance(found, Refusal):
        return incident_pb2.RecordReviewResponse(refusals=[refusal_message(found)])
    event = ReviewRecorded(found.incident_id, cost, currency, request.report_sha256, summary, by)
    return incident_pb2.RecordReviewResponse(incident=_changed(app, app.owner.submit(event)))


def _newest(app: GateApp) -> str:
    """Open or closed; empty: none is known."""
    return next(reversed(app.owner.state.incidents.by_id), "")


def _changed(app: GateApp, outputs: Sequence[Output]) -> incident_pb2.Incident:
    """The incident that a step changed, as it is now."""
    first = outputs[0]
    if not isinstance(first, IncidentChanged):
        raise TypeError(f"a step of an incident gave {type(first).__name__}")
    return incident_message(app.owner.state, app.owner.state.incidents.by_id[first.incident_id])
