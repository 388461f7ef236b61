# ruff: noqa: ANN401 - a builder takes whatever the message that it builds takes
"""What people's requests about incidents become, which incident is meant, and what goes back on the wire."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from risksvc.core import events, outputs
from risksvc.core.incident.record import (
    AssessmentRecord,
    Course,
    CourseChoice,
    Delivery,
    EntryKind,
    Incident,
    record,
)
from risksvc.core.types import MalformedInputError, Scope, Severity, Side
from risksvc.gate.incident import operations as steps
from risksvc.gate.incident import view as incident_view
from risksvc.gate.incident.watched import tell_watched
from risksvc.gate.operating import refusal_message
from risksvc.gate.telling.contacts_file import load_contacts
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.v1 import incident_pb2, operator_pb2, types_pb2
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp

SHA = "ab" * 32
GOOD = Path(__file__).resolve().parents[2] / "fixtures/contacts/good.yaml"


class Desk:
    """A gate of which only the core is real, and who follows their state."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or given()
        self.watching: set[tuple[str, str]] = set()
        self.contacts = ContactsKeeper(GOOD)
        owner = SimpleNamespace(state=self.world.gate.state, submit=self.world.apply)
        parts = {
            "owner": owner,
            "settings": SimpleNamespace(accounts={ACCOUNT: None}),
            "clock": SimpleNamespace(now=lambda: self.world.now),
            "notifying": SimpleNamespace(keeper=self.contacts),
            "watchers": SimpleNamespace(watches=lambda *who: who in self.watching),
        }
        self.app = cast("GateApp", SimpleNamespace(**parts))

    def open(self, **changes: Any) -> incident_pb2.Incident:
        values: dict[str, Any] = {
            "scope": types_pb2.Scope(account=ACCOUNT),
            "severity": types_pb2.SEVERITY_P1,
            "summary": "odd",
        }
        request = incident_pb2.OpenIncidentRequest(**(values | changes))
        return asyncio.run(steps.open_incident(self.app, request, "olga")).incident

    def update(self, **step: Any) -> incident_pb2.UpdateIncidentResponse:
        return asyncio.run(steps.update_incident(self.app, incident_pb2.UpdateIncidentRequest(**step), "olga"))

    def get(self, incident_id: str = "") -> incident_pb2.GetIncidentResponse:
        request = incident_pb2.GetIncidentRequest(incident_id=incident_id)
        return asyncio.run(steps.get_incident(self.app, request, "olga"))

    def ids(self, *, closed: bool = False) -> list[str]:
        request = incident_pb2.ListIncidentsRequest(include_closed=closed)
        answer = asyncio.run(steps.list_incidents(self.app, request, "olga"))
        assert answer.now_ns == self.world.now
        return [one.incident_id for one in answer.incidents]

    def review(self, **changes: Any) -> incident_pb2.RecordReviewResponse:
        values = {"cost": "42000.50", "currency": "USD", "report_sha256": SHA, "summary": "hedges undersized"}
        request = incident_pb2.RecordReviewRequest(**(values | changes))
        return asyncio.run(steps.record_review(self.app, request, "rita"))

    def incident(self, incident_id: str = "g1-i1") -> Incident:
        return self.world.gate.state.incidents.by_id[incident_id]


def why_not(answer: incident_pb2.UpdateIncidentResponse | incident_pb2.RecordReviewResponse) -> list[int]:
    assert not answer.HasField("incident")
    return [one.reason for one in answer.refusals]


# -- steps --------------------------------------------------------------------------------------------------------


def test_the_record_from_the_first_word_to_the_review() -> None:
    desk = Desk()
    assert desk.open().incident_id == "g1-i1"
    assert desk.update(note="the desk sees it too").incident.timeline[-1].kind == "NOTE"
    assert desk.update(take=incident_pb2.TakeIncident()).incident.owner == "olga"
    named = desk.update(incident_id="i1", cause=incident_pb2.NameCause(cause="tracker", fixed=True)).incident
    assert (named.cause, named.cause_by, named.cause_fixed) == ("tracker", "olga", True)
    closed = desk.update(close=incident_pb2.CloseIncident(summary="mended")).incident
    assert (closed.closed_by, closed.closed_at_ns) == ("olga", desk.world.now)
    reviewed = desk.review().incident
    assert (reviewed.review.cost, reviewed.review.by, reviewed.review.report_sha256) == ("42000.5", "rita", SHA)
    assert [(one.name, bool(one.met_at_ns)) for one in reviewed.clocks] == [
        ("ASSESS", False),
        ("ROOT_CAUSE", True),
        ("REVIEW", True),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"severity": 0}, "severity"),
        ({"summary": " "}, "summary"),
        ({"summary": "x" * 501}, "summary"),
        ({"scope": types_pb2.Scope(account="other")}, "scope.account"),
    ],
)
def test_what_can_not_be_read_opens_nothing(changes: dict[str, Any], field: str) -> None:
    desk = Desk()
    with pytest.raises(MalformedInputError) as error:
        desk.open(**changes)
    assert error.value.field == field
    assert desk.ids(closed=True) == []


def test_not_so_many_can_be_open_that_nobody_can_read_them() -> None:
    desk = Desk()
    for _ in range(steps.MOST_OPEN):
        desk.open()
    with pytest.raises(MalformedInputError, match="100 are open"):
        desk.open()


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({}, "step"),
        ({"note": ""}, "note"),
        ({"cause": incident_pb2.NameCause()}, "cause.cause"),
        ({"close": incident_pb2.CloseIncident(summary="a\nb")}, "close.summary"),
    ],
)
def test_a_step_is_read_whole_or_refused(step: dict[str, Any], field: str) -> None:
    desk = Desk()
    desk.open()
    with pytest.raises(MalformedInputError) as error:
        desk.update(**step)
    assert error.value.field == field
    assert len(desk.incident().timeline) == 1


def test_what_the_core_refuses_is_told_with_its_reason() -> None:
    desk = Desk()
    desk.world.halt()
    answer = desk.update(close=incident_pb2.CloseIncident(summary="over"))
    assert why_not(answer) == [operator_pb2.REFUSAL_REASON_HALT_IN_FORCE]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cost": ""}, "cost"),
        ({"cost": "immaterial"}, "cost"),
        ({"currency": "US D"}, "currency"),
        ({"summary": ""}, "summary"),
        ({"report_sha256": "AB" * 32}, "report_sha256"),
        ({"report_sha256": ""}, "report_sha256"),
    ],
)
def test_a_review_is_a_number_and_names_its_report(changes: dict[str, Any], field: str) -> None:
    desk = Desk()
    desk.open()
    with pytest.raises(MalformedInputError) as error:
        desk.review(**changes)
    assert error.value.field == field


def test_a_review_that_cost_nothing_is_a_review() -> None:
    desk = Desk()
    desk.open()
    assert desk.review(cost="0").incident.review.cost == "0"


# -- which one ----------------------------------------------------------------------------------------------------


def test_an_incident_is_found_by_its_id_its_end_or_as_the_newest() -> None:
    desk = Desk()
    for _ in range(11):
        desk.open()
    assert desk.ids() == [f"g1-i{number}" for number in range(11, 0, -1)]
    for named, found in (("g1-i1", "g1-i1"), ("i1", "g1-i1"), ("i11", "g1-i11"), ("", "g1-i11")):
        assert desk.get(named).incident.incident_id == found
    desk.update(incident_id="i11", close=incident_pb2.CloseIncident(summary="over"))
    assert desk.get().incident.incident_id == "g1-i10"
    assert desk.ids()[0] == "g1-i10"
    assert desk.ids(closed=True)[0] == "g1-i11"


def test_where_none_is_open_the_newest_is_shown() -> None:
    desk = Desk()
    desk.open()
    desk.update(close=incident_pb2.CloseIncident(summary="over"))
    assert desk.get().incident.incident_id == "g1-i1"
    assert why_not(desk.update(note="x")) == [operator_pb2.REFUSAL_REASON_INCIDENT_UNKNOWN]


def test_one_that_is_not_known_is_refused_and_says_where_they_are() -> None:
    desk = Desk()
    assert why_not(desk.update(incident_id="i7", note="x")) == [operator_pb2.REFUSAL_REASON_INCIDENT_UNKNOWN]
    assert why_not(desk.review()) == [operator_pb2.REFUSAL_REASON_INCIDENT_UNKNOWN]
    for named in ("", "i7"):
        with pytest.raises(MalformedInputError, match="incident"):
            desk.get(named)


def test_an_end_that_two_have_is_refused_with_both() -> None:
    desk = Desk()
    desk.open()
    held = desk.incident()
    desk.world.gate.state.incidents.by_id["old-i1"] = held
    answer = desk.update(incident_id="i1", note="x")
    assert why_not(answer) == [operator_pb2.REFUSAL_REASON_INCIDENT_UNKNOWN]
    assert "the end of more than one" in answer.refusals[0].message
    assert steps.find_incident(desk.app, "g1-i1") is held


# -- the wire -----------------------------------------------------------------------------------------------------


def test_everything_of_an_incident_goes_on_the_wire() -> None:
    desk = Desk()
    world = desk.world
    world.hold("a1", "0.2")
    halt = world.halt(severity=Severity.P0)
    world.fill("nobody", Side.BUY, "0.1")
    incident = desk.incident()
    incident.choices.append(CourseChoice(Course.HOLD, "risk", "rita", "cheap to wait", 5))
    incident.course, incident.assessment = Course.HOLD, AssessmentRecord(7, "olga", complete=True, instruments=())
    incident.flattens.append("f1")
    list(record(incident, EntryKind.FLATTEN_STARTED, "flatten f1", by="olga", now=world.now))
    incident.messages[0].deliveries |= {
        "rita/slack": Delivery("rita", "slack", 1, delivered_at=9),
        "sam/mail": Delivery("sam", "mail", 3, error="no such host", final=True),
    }
    world.now += 40 * 10**9
    world.lease()
    world.tick()

    message = desk.get("i1").incident

    assert (message.severity, message.trigger, message.scope.account) == (types_pb2.SEVERITY_P0, "OPERATOR", ACCOUNT)
    assert list(message.active_halt_ids) == list(message.halt_ids) == [halt.halt_id]
    assert (message.course, message.assessed_at_ns, message.flattening) == (incident_pb2.COURSE_HOLD, 7, True)
    assert (message.choices[0].role, message.choices[0].course) == ("risk", incident_pb2.COURSE_HOLD)
    assert [(one.recipient, one.delivered_at_ns, one.gave_up) for one in message.messages[0].deliveries] == [
        ("rita", 9, False),
        ("sam", 0, True),
    ]
    position = message.evidence.positions[0]
    assert (position.instrument, position.believed, position.ledger, position.mark) == (BTC, "0", "0.2", "50000")
    assert list(message.evidence.versions) == [f"{ACCOUNT}/{ALPHA} no version told"]
    assert [line.split(":")[0] for line in message.endangered] == [
        "MONITORING_LOST account main",
        "STRATEGY_SILENT account main, strategy alpha",
    ]
    assert not message.HasField("review")
    brief = incident_view.incident_message(world.gate.state, incident, whole=False)
    assert (list(brief.timeline), list(brief.messages), brief.HasField("evidence")) == ([], [], False)


def test_who_is_told_and_exchange_support_with_our_id_stand_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.open()
    assert list(desk.get().contacts) == []  # no contacts file has been read yet
    monkeypatch.setattr(desk.contacts, "contacts", load_contacts(GOOD))
    assert any(one.role == "exchange_support" and one.participant_id for one in desk.get().contacts)


@pytest.mark.parametrize("reason", list(outputs.RefusalReason), ids=lambda one: one.value)
def test_every_refusal_has_a_number_on_the_wire(reason: outputs.RefusalReason) -> None:
    assert refusal_message(outputs.Refusal(reason, "x")).reason


@pytest.mark.parametrize("course", list(Course))
def test_every_course_has_a_number_on_the_wire(course: Course) -> None:
    incident = Incident("i", Severity.P2, "OPERATOR", Scope(), "x", opened_at=1, opened_by="olga", course=course)
    message = incident_view.incident_message(given().gate.state, incident)
    assert incident_pb2.Course.Name(message.course) == f"COURSE_{course.value}"


# -- who follows --------------------------------------------------------------------------------------------------


def test_the_core_hears_of_a_strategy_that_holds_and_begins_or_ceases_to_follow() -> None:
    desk = Desk()
    desk.watching = {(ACCOUNT, ALPHA), (ACCOUNT, BETA)}
    tell_watched(desk.app)
    assert not any(isinstance(event, events.StrategyWatched) for event, _ in desk.world.inputs)
    desk.world.hold("a1", "0.1")
    for _ in range(2):
        tell_watched(desk.app)
    desk.watching = set()
    for _ in range(2):
        tell_watched(desk.app)
    told = [event for event, _ in desk.world.inputs if isinstance(event, events.StrategyWatched)]
    assert told == [
        events.StrategyWatched(ACCOUNT, ALPHA, watched=True),
        events.StrategyWatched(ACCOUNT, ALPHA, watched=False),
    ]
