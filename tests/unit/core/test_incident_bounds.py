"""What stays of incidents: bounded, the important last to go; the same from the same Inputs, and no clock twice."""

from risksvc.core import events
from risksvc.core.incident import events as incident_events
from risksvc.core.incident import opening
from risksvc.core.incident.record import (
    CLOSED_KEPT,
    HALTS_KEPT,
    MESSAGES_KEPT,
    TEXT_KEPT,
    TIMELINE_KEPT,
    AssessmentRecord,
    EntryKind,
    record,
)
from risksvc.core.incident.severity import ClockName
from risksvc.core.trading_state import Clear
from risksvc.core.types import MILLISECOND, Scope, Severity
from tests.unit.core.an_incident_record import met, opened, the_open, unknown_fill
from tests.unit.core.builders import given
from tests.unit.core.catalogue import ACCOUNT, BTC, ETH


def test_a_long_record_loses_its_oldest_lines_but_the_first() -> None:
    world = given()
    incident = opened(world)
    for number in range(TIMELINE_KEPT + 10):
        kind = EntryKind.OWNER if number % 2 else EntryKind.NOTE
        list(record(incident, kind, f"line {number}", by="olga", now=world.now))
    assert len(incident.timeline) == TIMELINE_KEPT
    assert (incident.timeline[0].kind, incident.forgotten) == (EntryKind.OPENED, 11)
    assert incident.timeline[1].text == "line 11"
    assert len(incident.messages) == MESSAGES_KEPT
    assert incident.messages[-1].message_id == f"g1-i1-m{incident.told}"


def test_a_long_line_is_cut() -> None:
    incident = opened(given())
    list(record(incident, EntryKind.NOTE, "x" * 5_000, by="olga", now=1))
    assert len(incident.timeline[-1].text) == TEXT_KEPT
    assert incident.timeline[-1].text.endswith("…")


def test_of_very_many_halts_those_in_force_are_kept() -> None:
    world = given()
    first = world.halt()
    incident = the_open(world)
    cleared = world.halt(Scope(ACCOUNT, instrument=BTC))
    world.apply(events.ClearSeen(Clear(cleared.halt_id, ("olga",), world.now, "over")))
    for number in range(HALTS_KEPT - 2):
        incident.halts.append(f"made up {number}")
    world.halt(Scope(ACCOUNT, instrument=ETH))
    assert len(incident.halts) == HALTS_KEPT
    assert first.halt_id in incident.halts
    assert cleared.halt_id not in incident.halts
    world.halt(Scope(ACCOUNT, instrument=BTC))
    assert first.halt_id not in incident.halts  # all are in force: the oldest goes


def test_of_closed_ones_the_oldest_are_forgotten_and_those_whose_review_is_due_last() -> None:
    world = given()
    due = opened(world, Severity.P1).incident_id
    world.apply(incident_events.IncidentClosed(due, "over", "olga"))
    for _ in range(CLOSED_KEPT + 1):
        closed = opened(world, Severity.P2).incident_id
        world.apply(incident_events.IncidentClosed(closed, "over", "olga"))
    opened(world, Severity.P2)
    kept = world.gate.state.incidents.by_id
    assert len(kept) == CLOSED_KEPT + 1
    assert due in kept
    assert "g1-i2" not in kept


def test_the_same_inputs_give_the_same_incidents() -> None:
    worlds = [given(), given()]
    for world in worlds:
        unknown_fill(world)
        world.wait(16 * 60, fresh=False).tick()
    first, second = (world.gate.state.incidents for world in worlds)
    assert first == second


def test_taking_what_is_known_already_starts_no_clock_anew() -> None:
    world = given()
    incident = opened(world, Severity.P1)
    world.apply(incident_events.CauseNamed(incident.incident_id, "known", fixed=True, by="olga"))
    due = [clock.due_at for clock in incident.clocks]
    world.now += MILLISECOND
    list(opening.raise_severity(world.gate.state, incident, Severity.P0, by="olga", now=world.now))
    assert [clock.due_at for clock in incident.clocks][: len(due)] == due
    assert ClockName.ROOT_CAUSE in met(incident)


def test_what_was_done_while_no_clock_ran_meets_it() -> None:
    world = given()
    incident = opened(world, Severity.P2)
    world.apply(incident_events.CauseNamed(incident.incident_id, "slow data", fixed=True, by="olga"))
    incident.assessment = AssessmentRecord(world.now, "olga", complete=True, instruments=())
    assert incident.clocks == []
    unknown_fill(world)
    assert set(met(incident)) == {ClockName.HALT, ClockName.ROOT_CAUSE, ClockName.ASSESS}
