"""Who was told what, in the core: addressed once, delivered for good, and the others are told whom to call."""

import itertools

import pytest

from risksvc.core.incident.events import DeliveryRecorded, IncidentClosed, IncidentOpened, MessageAddressed
from risksvc.core.incident.record import Delivery, EntryKind, Incident, Message
from risksvc.core.incident.telling import find_message, unsettled
from risksvc.core.outputs import IncidentChanged, Output
from risksvc.core.types import MILLISECOND, SECOND, Scope, Severity
from tests.unit.core.builders import World, given

TOM, RITA = "Tom Trader", "Rita Risk"
FAILED = EntryKind.DELIVERY_FAILED


class Desk:
    """An open incident, and people who are told of it."""

    def __init__(self, severity: Severity = Severity.P2) -> None:
        self.world: World = given()
        self.world.apply(IncidentOpened(Scope(""), severity, "something is odd", "ann"))
        self.attempts = itertools.count(1)

    @property
    def incident(self) -> Incident:
        return next(reversed(self.world.gate.state.incidents.by_id.values()))

    @property
    def message(self) -> Message:
        return self.incident.messages[0]

    def address(self, *targets: tuple[str, str], message: Message | None = None, why: str = "") -> tuple[Output, ...]:
        found = message or self.message
        deliveries = tuple(Delivery(name, channel, 0) for name, channel in targets)
        return self.world.apply(
            MessageAddressed(self.incident.incident_id, found.message_id, "title\nbody", deliveries, why)
        )

    def record(
        self, name: str, channel: str, *, message: Message | None = None, phone: str = "+41 1", **fields: object
    ) -> tuple[Output, ...]:
        delivery = Delivery(name, channel, next(self.attempts), **fields)  # type: ignore[arg-type]
        found = message or self.message
        return self.world.apply(DeliveryRecorded(self.incident.incident_id, found.message_id, delivery, phone))

    def delivered(self, name: str, channel: str, *, message: Message | None = None) -> tuple[Output, ...]:
        return self.record(name, channel, message=message, delivered_at=self.world.now)

    def gave_up(self, name: str, channel: str, *, message: Message | None = None, **rest: str) -> tuple[Output, ...]:
        return self.record(name, channel, message=message, error="status 500", final=True, **rest)

    def failures(self) -> list[str]:
        return [entry.text for entry in self.incident.timeline if entry.kind is FAILED]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_message_is_addressed_once(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    at = desk.world.now
    desk.address((RITA, "mail"))
    assert list(desk.message.deliveries) == [f"{TOM}/mail"]
    assert desk.message.addressed_at == at
    assert desk.message.sent_text == "title\nbody"


def test_the_text_is_kept_until_nobody_waits(desk: Desk) -> None:
    desk.address((TOM, "mail"), (RITA, "mail"))
    desk.delivered(TOM, "mail")
    assert desk.message.sent_text
    assert [one.message for one in unsettled(desk.world.gate.state.incidents)] == [desk.message]
    desk.gave_up(RITA, "mail")
    assert not desk.message.sent_text
    assert desk.message not in [one.message for one in unsettled(desk.world.gate.state.incidents)]


def test_what_was_delivered_stays_delivered(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.delivered(TOM, "mail")
    first = desk.message.deliveries[f"{TOM}/mail"]
    assert desk.gave_up(TOM, "mail") == ()
    assert desk.message.deliveries[f"{TOM}/mail"] is first


def test_who_was_not_addressed_is_not_recorded(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    assert desk.delivered(RITA, "mail") == ()
    assert f"{RITA}/mail" not in desk.message.deliveries


def test_a_message_or_an_incident_that_is_not_known_changes_nothing(desk: Desk) -> None:
    known, other = desk.incident.incident_id, Delivery(TOM, "mail", 1)
    for incident_id, message_id in ((known, "nothing"), ("nothing", desk.message.message_id)):
        assert desk.world.apply(DeliveryRecorded(incident_id, message_id, other)) == ()
        assert desk.world.apply(MessageAddressed(incident_id, message_id, "t", (other,))) == ()
        assert find_message(desk.world.gate.state.incidents, incident_id, message_id) is None


def test_nobody_addressed_is_one_note_for_an_incident(desk: Desk) -> None:
    desk.address(why="there is no contacts file")
    desk.world.halt()
    for message in desk.incident.messages[1:]:
        desk.address(message=message, why="there is no contacts file")
    notes = [entry.text for entry in desk.incident.timeline if entry.kind is EntryKind.NOTE]
    assert notes == [f"{desk.message.message_id} was told to nobody: there is no contacts file"]
    assert not unsettled(desk.world.gate.state.incidents)


def test_messages_that_wait_come_the_oldest_first(desk: Desk) -> None:
    desk.world.halt()
    waiting = unsettled(desk.world.gate.state.incidents)
    assert [one.message for one in waiting] == desk.incident.messages
    assert len(waiting) > 1


# -- whom to call -------------------------------------------------------------------------------------------------


def test_who_can_not_be_reached_is_to_be_called_and_all_are_told(desk: Desk) -> None:
    desk.address((TOM, "mail"), (TOM, "slack"), (RITA, "mail"))
    assert desk.gave_up(TOM, "mail") == ()  # slack may still reach him
    outputs = desk.gave_up(TOM, "slack")
    changed = World.one(outputs, IncidentChanged)
    assert changed.kind == FAILED.value
    assert changed.message_id
    assert changed.text == (
        f"{TOM} could not be told of {desk.message.message_id} (mail: status 500, slack: status 500): "
        f"call {TOM} at +41 1"
    )


def test_who_was_reached_by_another_channel_need_not_be_called(desk: Desk) -> None:
    desk.address((TOM, "mail"), (TOM, "slack"))
    desk.delivered(TOM, "slack")
    assert desk.gave_up(TOM, "mail") == ()


def test_without_a_number_that_is_said(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.gave_up(TOM, "mail", phone="")
    assert desk.failures()[0].endswith(f"no phone number of {TOM} is known: find another way")


def test_an_attempt_that_failed_is_no_reason_to_call_yet(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.world.now += 100 * SECOND
    assert desk.record(TOM, "mail", error="status 500") == ()


def test_in_a_p0_a_minute_is_the_most_that_anybody_waits() -> None:
    desk = Desk(Severity.P0)
    desk.address((TOM, "mail"), (TOM, "slack"), (RITA, "mail"))
    desk.world.now = desk.message.at + 60 * SECOND - 2 * MILLISECOND
    assert desk.record(TOM, "mail", error="status 500") == ()
    assert World.one(desk.record(TOM, "mail", error="status 500"), IncidentChanged).kind == FAILED.value
    assert "mail: status 500, slack: no answer yet" in desk.failures()[0]
    desk.delivered(RITA, "mail")
    assert len(desk.failures()) == 1


def test_in_a_p0_who_was_reached_need_not_be_called() -> None:
    desk = Desk(Severity.P0)
    desk.address((TOM, "mail"), (TOM, "slack"))
    desk.delivered(TOM, "slack")
    desk.world.now += 120 * SECOND
    assert desk.record(TOM, "mail", error="status 500") == ()


def test_a_recipient_is_to_be_called_once_until_he_is_reached(desk: Desk) -> None:
    desk.world.halt()
    desk.world.halt()
    messages = [one for one in desk.incident.messages if one.kind is not FAILED]
    for message in messages:
        desk.address((TOM, "mail"), (RITA, "mail"), message=message)
    desk.gave_up(TOM, "mail", message=messages[0])
    desk.gave_up(TOM, "mail", message=messages[1])
    assert len(desk.failures()) == 1
    assert desk.incident.unreached == [TOM]
    desk.delivered(RITA, "mail", message=messages[0])
    assert desk.incident.unreached == [TOM]
    desk.delivered(TOM, "mail", message=messages[2])
    assert not desk.incident.unreached


def test_a_message_about_a_failure_never_makes_another(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.gave_up(TOM, "mail")
    about = desk.incident.messages[-1]
    assert about.kind is FAILED
    desk.address((TOM, "mail"), (RITA, "mail"), message=about)
    assert desk.gave_up(RITA, "mail", message=about) == ()
    assert desk.gave_up(TOM, "mail", message=about) == ()
    assert len(desk.failures()) == 1


def test_of_a_closed_incident_nobody_is_called(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.world.apply(IncidentClosed(desk.incident.incident_id, "nothing came of it", "ann"))
    assert not desk.incident.is_open
    assert desk.gave_up(TOM, "mail") == ()


def test_a_long_list_of_reasons_is_cut(desk: Desk) -> None:
    desk.address((TOM, "mail"))
    desk.record(TOM, "mail", error="x" * 1000, final=True)
    assert len(desk.failures()[0]) < 300
