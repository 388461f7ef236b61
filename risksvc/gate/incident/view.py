"""An incident as it goes on the wire. Only reads; every answer that shows an incident is made here."""

from collections.abc import Mapping

from risksvc.core.incident.record import (
    Clock,
    Course,
    CourseChoice,
    Evidence,
    Incident,
    Message,
    ReviewRecord,
    in_force,
)
from risksvc.core.incident.severity import ENDANGERED
from risksvc.core.state import GateState
from risksvc.core.types import Severity, plain
from risksvc.gate.convert_strategy import number, scope_message
from risksvc.v1 import incident_pb2, types_pb2

SEVERITIES: Mapping[int, Severity] = {
    types_pb2.SEVERITY_P0: Severity.P0,
    types_pb2.SEVERITY_P1: Severity.P1,
    types_pb2.SEVERITY_P2: Severity.P2,
}
SEVERITY_NUMBERS = {severity: types_pb2.Severity.ValueType(number) for number, severity in SEVERITIES.items()}
_COURSES = {
    None: incident_pb2.COURSE_UNSPECIFIED,
    Course.FLATTEN: incident_pb2.COURSE_FLATTEN,
    Course.REDUCE: incident_pb2.COURSE_REDUCE,
    Course.HOLD: incident_pb2.COURSE_HOLD,
}


def incident_message(state: GateState, incident: Incident, *, whole: bool = True) -> incident_pb2.Incident:
    """One incident; not `whole`: without timeline, evidence and messages."""
    message = incident_pb2.Incident(
        incident_id=incident.incident_id,
        severity=SEVERITY_NUMBERS[incident.severity],
        trigger=incident.trigger,
        scope=scope_message(incident.scope),
        summary=incident.summary,
        opened_at_ns=incident.opened_at,
        opened_by=incident.opened_by,
        owner=incident.owner,
        halt_ids=incident.halts,
        active_halt_ids=in_force(state, incident),
        clocks=[_clock(one) for one in incident.clocks],
        forgotten=incident.forgotten,
        cause=incident.cause,
        cause_by=incident.cause_by,
        cause_fixed=incident.cause_fixed,
        course=_COURSES[incident.course],
        choices=[_choice(one) for one in incident.choices],
        flatten_ids=incident.flattens,
        review=None if incident.review is None else _review(incident.review),
        closed_at_ns=incident.closed_at or 0,
        closed_by=incident.closed_by,
        assessed_at_ns=0 if incident.assessment is None else incident.assessment.at,
        endangered=[
            f"{one.name.value} {one.scope}: {ENDANGERED[one.name].says}"
            for one in state.incidents.endangered(incident.incident_id)
        ],
        flattening=incident.flattening > 0,
    )
    if whole:
        _add_the_record(message, incident)
    return message


def _add_the_record(message: incident_pb2.Incident, incident: Incident) -> None:
    for entry in incident.timeline:
        message.timeline.add(at_ns=entry.at, kind=entry.kind.value, by=entry.by, text=entry.text)
    message.messages.extend(_message(one) for one in incident.messages)
    message.evidence.CopyFrom(_evidence(incident.evidence))


def _clock(clock: Clock) -> incident_pb2.IncidentClock:
    return incident_pb2.IncidentClock(
        name=clock.name.value,
        due_at_ns=clock.due_at,
        met_at_ns=clock.met_at or 0,
        missed_at_ns=clock.missed_at or 0,
    )


def _choice(choice: CourseChoice) -> incident_pb2.CourseChoice:
    return incident_pb2.CourseChoice(
        course=_COURSES[choice.course], role=choice.role, by=choice.by, reason=choice.reason, at_ns=choice.at
    )


def _message(message: Message) -> incident_pb2.IncidentMessage:
    return incident_pb2.IncidentMessage(
        message_id=message.message_id,
        at_ns=message.at,
        kind=message.kind.value,
        text=message.text,
        deliveries=[
            incident_pb2.MessageDelivery(
                recipient=one.recipient,
                channel=one.channel,
                attempts=one.attempts,
                delivered_at_ns=one.delivered_at or 0,
                error=one.error,
                gave_up=one.final and one.delivered_at is None,
            )
            for one in message.deliveries.values()
        ],
    )


def _evidence(evidence: Evidence) -> incident_pb2.IncidentEvidence:
    return incident_pb2.IncidentEvidence(
        limits_hash=evidence.limits_hash,
        positions=[
            incident_pb2.EvidencePosition(
                account=one.account,
                instrument=one.instrument,
                believed=number(one.believed),
                ledger=plain(one.ledger),
                venue=number(one.venue),
                exposure=plain(one.exposure),
                mark=number(one.mark),
            )
            for one in evidence.positions
        ],
        orders=evidence.orders,
        fills=evidence.fills,
        divergences=evidence.divergences,
        versions=[f"{who} {version or 'no version told'}" for who, version in evidence.versions],
        omitted=evidence.omitted,
    )


def _review(review: ReviewRecord) -> incident_pb2.IncidentReview:
    return incident_pb2.IncidentReview(
        at_ns=review.at,
        by=review.by,
        cost=plain(review.cost),
        currency=review.currency,
        report_sha256=review.report_sha256,
        summary=review.summary,
    )
