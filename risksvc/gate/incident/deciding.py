"""What is to be done about the position: recommends with reasons, records who chose what. Enforcing is the core's.

Looking changes nothing. What is recorded is recorded in the name, and in a role, of the operator who calls.
"""

from collections.abc import Iterator, Mapping

from risksvc.core.incident.choosing import HOLD_ROLES, waiting_for
from risksvc.core.incident.courses import Recommendation, recommend, to_flatten
from risksvc.core.incident.events import CourseChosen
from risksvc.core.incident.record import Course, Incident
from risksvc.core.outputs import Refusal
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.convert_strategy import scope_message
from risksvc.gate.incident.holding import reminders
from risksvc.gate.incident.operations import find_incident
from risksvc.gate.incident.roles import holders, speaks_as
from risksvc.gate.incident.view import incident_message
from risksvc.gate.operating import refusal_message, refused_by
from risksvc.v1 import incident_pb2, operator_pb2

COURSES: Mapping[int, Course] = {
    incident_pb2.COURSE_FLATTEN: Course.FLATTEN,
    incident_pb2.COURSE_REDUCE: Course.REDUCE,
    incident_pb2.COURSE_HOLD: Course.HOLD,
}
_NUMBERS = {course: incident_pb2.Course.ValueType(number) for number, course in COURSES.items()}


async def decide(app: GateApp, request: incident_pb2.DecideRequest, by: str) -> incident_pb2.DecideResponse:
    """Says what is recommended; records a course where one is given."""
    incident = find_incident(app, request.incident_id)
    if isinstance(incident, Refusal):
        return incident_pb2.DecideResponse(refusals=[refusal_message(incident)], now_ns=app.clock.now())
    if not request.course:
        return _answer(app, incident, in_force=incident.course is not None)
    course = convert.member(request.course, COURSES, field="course")
    why = convert.reason(request.reason)
    roles = speaks_as(app.settings, incident, course=course, role=request.role, by=by)
    if isinstance(roles, Refusal):
        return _answer(app, incident, refusals=[refusal_message(roles)])
    for role in roles:
        refusals = refused_by(app.owner.submit(CourseChosen(incident.incident_id, course, role, why, by)))
        if refusals:
            return _answer(app, incident, refusals=refusals)
    return _answer(app, incident, in_force=incident.course is course)


def _answer(
    app: GateApp,
    incident: Incident,
    *,
    in_force: bool = False,
    refusals: "list[operator_pb2.Refusal] | None" = None,
) -> incident_pb2.DecideResponse:
    now = app.clock.now()
    found = recommend(incident, now=now)
    answer = incident_pb2.DecideResponse(
        incident=None if refusals else incident_message(app.owner.state, incident),
        recommended=course_number(found.course),
        reasons=list(_reasons(found)),
        required=found.required,
        in_force=in_force,
        waiting_for=waiting_for(incident),
        refusals=refusals,
        assessed_at_ns=0 if incident.assessment is None else incident.assessment.at,
        holders=[
            incident_pb2.RoleHolders(role=role, operators=holders(app.settings.operators, role)) for role in HOLD_ROLES
        ],
        now_ns=now,
        to_flatten=[scope_message(one) for one in to_flatten(incident.assessment)],
    )
    due = reminders(app.settings, incident)
    if due is not None:
        answer.hold.CopyFrom(
            incident_pb2.HoldState(
                since_ns=incident.course_since,
                reminded_at_ns=incident.reminded_at,
                next_reminder_ns=due.next_at or 0,
                reminded_until_ns=due.until or 0,
            )
        )
    return answer


def course_number(course: Course | None) -> "incident_pb2.Course.ValueType":
    """A course as it goes on the wire; None is unspecified."""
    return incident_pb2.COURSE_UNSPECIFIED if course is None else _NUMBERS[course]


def _reasons(found: Recommendation) -> Iterator[incident_pb2.CourseReason]:
    for one in found.reasons:
        yield incident_pb2.CourseReason(
            name=one.name,
            points_to=course_number(one.points_to),
            observed=one.observed,
            limit=one.limit,
            message=one.message,
        )
