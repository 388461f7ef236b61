"""Inputs of the incident flow: what people say and do after a halt, and what became of telling them.

As in `risksvc.core.events`: frozen values that a journal holds and replays; a field is added only with a default.
`by` is the operator whose credential it was; a `role` was held against the settings file at the door.
"""

from dataclasses import dataclass
from decimal import Decimal

from risksvc.core.incident.record import AssessmentRecord, Course, Delivery
from risksvc.core.types import Nanoseconds, Scope, Severity


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """A person opens an incident."""

    scope: Scope
    severity: Severity
    summary: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentNoted:
    """A person adds a line to the timeline."""

    incident_id: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentTaken:
    """A person owns the incident from now on."""

    incident_id: str
    by: str


@dataclass(frozen=True, slots=True)
class CauseNamed:
    """The root cause, in words; `fixed`: what caused it can't do it again."""

    incident_id: str
    cause: str
    fixed: bool
    by: str


@dataclass(frozen=True, slots=True)
class IncidentClosed:
    """A person closes it."""

    incident_id: str
    summary: str
    by: str


@dataclass(frozen=True, slots=True)
class AssessmentTaken:
    """Somebody looked at the venue itself."""

    incident_id: str
    record: AssessmentRecord
    by: str


@dataclass(frozen=True, slots=True)
class CourseChosen:
    """One person, in a role, says what is to be done about the position."""

    incident_id: str
    course: Course
    role: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class HoldReminded:
    """The PnL of what is held, for everybody. `text` is the reminder; `held_since`: of the hold that began then."""

    incident_id: str
    text: str
    held_since: Nanoseconds


@dataclass(frozen=True, slots=True)
class MessageAddressed:
    """Who is to be told of one message, and by what words. `deliveries` empty: nobody, `why` says why."""

    incident_id: str
    message_id: str
    text: str
    deliveries: tuple[Delivery, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRecorded:
    """What became of telling one recipient by one channel. `phone`: how else he is reached; empty: nobody knows."""

    incident_id: str
    message_id: str
    delivery: Delivery
    phone: str = ""


@dataclass(frozen=True, slots=True)
class ReviewRecorded:
    """The review's result. `cost` above zero: what it cost, all together, in `currency`."""

    incident_id: str
    cost: Decimal
    currency: str
    report_sha256: str
    summary: str
    by: str
