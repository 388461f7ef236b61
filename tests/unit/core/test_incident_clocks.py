"""Clocks: met by what is done, or missed once, escalated by themselves and told to all; the review's runs on."""

from typing import TYPE_CHECKING

import pytest

from risksvc.core.incident import events as incident_events
from risksvc.core.incident.record import EntryKind, Incident
from risksvc.core.incident.severity import CLOCKS, MINUTE, SEVERITIES, ClockName
from risksvc.core.types import MILLISECOND, Scope, Severity
from tests.unit.core.an_incident_record import HOUR, changes, kinds, last, met, missed, the_open
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, D

if TYPE_CHECKING:
    from risksvc.core.outputs import Output


def opened(severity: Severity) -> tuple[World, Incident]:
    world = given()
    world.apply(incident_events.IncidentOpened(Scope(ACCOUNT), severity, "odd prices", "olga"))
    return world, the_open(world)


def tick_at(world: World, at: int) -> "tuple[Output, ...]":
    world.now = at - MILLISECOND
    return world.tick()


@pytest.mark.parametrize("name", SEVERITIES[Severity.P0].clocks)
def test_a_clock_that_runs_out_escalates_once_and_everybody_is_told(name: ClockName) -> None:
    world, incident = opened(Severity.P0)
    due = incident.opened_at + CLOCKS[name].within
    tick_at(world, due - MILLISECOND)
    assert name not in missed(incident)
    outputs = tick_at(world, due)
    assert "ESCALATED" in changes(outputs)
    assert name in missed(incident)
    assert any(CLOCKS[name].missed in entry.text for entry in incident.timeline)
    assert any(message.kind is EntryKind.ESCALATED for message in incident.messages)
    assert changes(world.tick()) == []


def test_what_is_told_names_the_time_and_the_next_command() -> None:
    world, incident = opened(Severity.P1)
    tick_at(world, incident.opened_at + 15 * MINUTE)
    assert last(incident, EntryKind.ESCALATED) == (
        "ROOT_CAUSE: the root cause is not known within 15 minutes. "
        "Next: risksvc incident cause g1-i1 '<what it was>' --fixed"
    )
    tick_at(world, incident.opened_at + 48 * HOUR)
    assert "within 48 hours" in last(incident, EntryKind.ESCALATED)


def test_what_is_done_in_time_is_not_escalated() -> None:
    world, incident = opened(Severity.P0)
    world.halt()
    world.apply(incident_events.CauseNamed(incident.incident_id, "tracker", fixed=True, by="olga"))
    incident.met(ClockName.ASSESS, now=world.now)
    tick_at(world, incident.opened_at + HOUR)
    assert missed(incident) == []
    assert ClockName.REVIEW not in met(incident)


def test_what_is_done_late_stays_missed_and_is_met() -> None:
    world, incident = opened(Severity.P0)
    tick_at(world, incident.opened_at + 3 * MINUTE)
    world.halt()
    assert ClockName.HALT in missed(incident)
    assert ClockName.HALT in met(incident)


def test_a_degraded_system_runs_no_clock() -> None:
    world, incident = opened(Severity.P2)
    tick_at(world, incident.opened_at + 100 * HOUR)
    assert incident.clocks == []
    incident.met(ClockName.ASSESS, now=world.now)
    assert kinds(incident) == ["OPENED"]


def test_of_a_closed_incident_only_the_review_is_still_due() -> None:
    world, incident = opened(Severity.P0)
    world.apply(incident_events.IncidentClosed(incident.incident_id, "over", "olga"))
    tick_at(world, incident.opened_at + HOUR)
    assert missed(incident) == []
    tick_at(world, incident.opened_at + 48 * HOUR)
    assert missed(incident) == [ClockName.REVIEW]
    assert kinds(incident)[-1] == "ESCALATED"


def test_a_review_in_time_ends_its_clock() -> None:
    world, incident = opened(Severity.P1)
    world.apply(incident_events.IncidentClosed(incident.incident_id, "over", "olga"))
    recorded = incident_events.ReviewRecorded(incident.incident_id, D(0), "USD", "ab" * 32, "nothing", "rita")
    world.apply(recorded)
    assert "PnL impact 0 USD" in incident.timeline[-1].text
    assert changes(tick_at(world, incident.opened_at + 49 * HOUR)) == []
