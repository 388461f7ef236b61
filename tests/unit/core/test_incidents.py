"""How incidents open, what joins them, what people say of them, and what stays of them."""

from dataclasses import replace

import pytest

from risksvc.core import events
from risksvc.core.config import RULES_2
from risksvc.core.incident import events as incident_events
from risksvc.core.incident.record import (
    TOLD,
    EntryKind,
    record,
)
from risksvc.core.incident.severity import BY_HAND, ENDANGERED, EXAMPLES, SEVERITIES, ClockName, Endangered, Example
from risksvc.core.outputs import HaltRaised, IncidentChanged, RefusalReason, StepRefused
from risksvc.core.trading_state import BY_COMMAND_LINE, Clear, Halt
from risksvc.core.trips import TRIPS
from risksvc.core.types import Scope, Severity, TradingState
from tests.unit.core.an_incident_record import changes, kinds, last, met, opened, refused, the_open, unknown_fill
from tests.unit.core.builders import given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, D

# -- the matrix ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.what[:40])
def test_each_example_of_the_matrix_is_recognised_with_its_severity(example: Example) -> None:
    of_trips = {trigger.value: row.severity for trigger, row in TRIPS.items()}
    of_dangers = {name.value: rule.severity for name, rule in ENDANGERED.items()}
    by_hand = {BY_HAND: example.severity}
    assert (of_trips | of_dangers | by_hand)[example.recognised_by] is example.severity


def test_every_severity_says_what_it_means_and_what_is_to_be_done() -> None:
    assert list(SEVERITIES) == list(Severity)
    assert ClockName.HALT in SEVERITIES[Severity.P0].clocks
    assert {ClockName.ASSESS, ClockName.ROOT_CAUSE, ClockName.REVIEW} <= set(SEVERITIES[Severity.P1].clocks)
    assert set(ENDANGERED) == set(Endangered)


# -- halts --------------------------------------------------------------------------------------------------------


def test_a_trip_opens_an_incident_in_the_same_step() -> None:
    world = given()
    unknown_fill(world)
    incident = the_open(world)
    [raised] = [one for one in world.outputs if isinstance(one, HaltRaised)]
    assert changes(world.outputs) == ["OPENED"]
    assert (incident.incident_id, incident.severity, incident.trigger) == ("g1-i1", Severity.P0, "UNEXPECTED_FILL")
    assert incident.halts == [raised.halt.halt_id]
    assert incident.opened_by == "gate:g1"
    assert incident.timeline[0].text.startswith(
        "P0: HALTED account main: UNEXPECTED_FILL: no approval explains BUY 0.5"
    )
    assert met(incident) == [ClockName.HALT]
    assert [one.message_id for one in incident.messages] == ["g1-i1-m1"]


def test_what_follows_joins_it_and_may_make_it_worse_and_never_better() -> None:
    world = given()
    world.halt(Scope(ACCOUNT, strategy=ALPHA), state=TradingState.REDUCING, severity=Severity.P2)
    incident = the_open(world)
    assert (incident.severity, incident.clocks) == (Severity.P2, [])
    unknown_fill(world)
    assert changes(world.outputs) == ["HALTED", "SEVERITY"]
    assert "P0 now, P2 before" in last(incident, EntryKind.SEVERITY)
    assert met(incident) == [ClockName.HALT]
    world.halt(Scope(ACCOUNT, instrument=ETH), severity=Severity.P2)
    assert the_open(world).severity is Severity.P0
    assert len(incident.halts) == 3


def test_a_halt_of_everything_joins_what_is_open_which_is_then_about_everything() -> None:
    world = given()
    unknown_fill(world)
    world.halt(Scope())
    incident = the_open(world)
    assert incident.scope == Scope()
    assert incident.severity is Severity.P0
    world.halt(Scope())
    assert len(the_open(world).halts) == 3


def test_a_halt_of_everything_opens_one_where_none_is() -> None:
    world = given()
    world.halt(Scope())
    assert the_open(world).scope == Scope()


def test_a_halt_that_stands_already_adds_nothing() -> None:
    world = given()
    first = world.halt()
    outputs = world.apply(events.HaltRequested(Scope(ACCOUNT), TradingState.HALTED, "x", "olga", first.halt_id))
    assert (changes(outputs), len(the_open(world).halts)) == ([], 1)


@pytest.mark.parametrize(
    ("origin", "scope", "opens"),
    [
        ("g1", Scope(ACCOUNT), True),
        ("g2", Scope(ACCOUNT), False),
        (BY_COMMAND_LINE, Scope(ACCOUNT), True),
        (BY_COMMAND_LINE, Scope(), True),
        (BY_COMMAND_LINE, Scope("other"), False),
    ],
)
def test_a_halt_that_is_read_from_the_store_opens_one_where_no_other_gate_has_it(
    origin: str, scope: Scope, *, opens: bool
) -> None:
    world = given()
    halt = replace(_halt("h1"), origin=origin, scope=scope)
    world.apply(events.HaltSeen(halt))
    assert bool(world.gate.state.incidents.open()) is opens
    world.apply(events.HaltSeen(halt))
    assert len(world.gate.state.incidents.by_id) == opens


def test_a_halt_by_command_has_its_incident_whichever_way_it_comes_first() -> None:
    world = given()
    world.apply(events.HaltSeen(replace(_halt("h1"), origin=BY_COMMAND_LINE)))
    world.apply(events.HaltRequested(Scope(ACCOUNT), TradingState.HALTED, "drill", "olga", "h1"))
    assert the_open(world).halts == ["h1"]


def test_a_halt_that_was_cleared_before_it_was_seen_opens_nothing() -> None:
    world = given()
    world.halt()
    world.cleared_elsewhere()
    world.apply(incident_events.IncidentClosed(the_open(world).incident_id, "over", "olga"))
    seen = replace(world.gate.state.halts.halt("h2") or _halt("h2"), origin="g1")
    world.apply(events.ClearSeen(Clear("h2", ("olga",), 1, "over")))
    assert changes(world.apply(events.HaltSeen(seen))) == []


def _halt(halt_id: str) -> Halt:
    return Halt(halt_id, Scope(ACCOUNT), TradingState.HALTED, Severity.P1, "OPERATOR", "drill", "olga", 1, "g1")


def test_under_older_rules_nothing_opens() -> None:
    world = given(gate={"rules": RULES_2})
    unknown_fill(world)
    assert world.triggers() == ["UNEXPECTED_FILL"]
    assert world.gate.state.incidents.by_id == {}
    assert world.wait(60 * 60, fresh=False).tick() is not None
    assert world.gate.state.incidents.by_id == {}


def test_the_incident_says_when_its_last_halt_is_cleared() -> None:
    world = given()
    first = world.halt(Scope(ACCOUNT, strategy=ALPHA))
    second = world.halt(Scope(ACCOUNT, strategy=BETA))
    world.wait(1)
    world.resume(first)
    incident = the_open(world)
    assert kinds(incident)[-1] == "NOTE"
    assert f"1 still in force: {second.halt_id}" in incident.timeline[-1].text
    world.resume(second)
    assert kinds(incident)[-1] == "RESUMED"
    assert (incident.timeline[-1].by, incident.is_open) == ("olga", True)


def test_a_clear_of_a_halt_that_no_incident_has_changes_none() -> None:
    world = given()
    world.halt()
    stranger = replace(_halt("h9"), origin="g2")
    world.apply(events.HaltSeen(stranger))
    assert changes(world.apply(events.ClearSeen(Clear("h9", ("rita",), 1, "over")))) == []


# -- opened by hand -----------------------------------------------------------------------------------------------


def test_a_person_opens_one_and_the_clock_to_halt_runs() -> None:
    world = given()
    incident = opened(world, Severity.P0)
    assert (incident.trigger, incident.opened_by, incident.halts) == (BY_HAND, "olga", [])
    assert [clock.name for clock in incident.clocks] == list(SEVERITIES[Severity.P0].clocks)
    assert met(incident) == []
    world.halt()
    assert met(the_open(world)) == [ClockName.HALT]


def test_what_is_halted_already_comes_with_it() -> None:
    world = given()
    world.apply(events.HaltSeen(replace(_halt("h9"), origin="g2")))
    world.apply(events.HaltSeen(replace(_halt("h8"), origin="g2", scope=Scope("other"))))
    incident = opened(world, Severity.P0)
    assert incident.halts == ["h9"]
    assert kinds(incident) == ["OPENED", "HALTED"]
    assert met(incident) == [ClockName.HALT]


def test_one_about_everything_is_halted_when_every_account_is() -> None:
    world = given()
    world.halt()
    first = the_open(world)
    world.apply(incident_events.IncidentOpened(Scope(), Severity.P0, "odd", "olga"))
    second = world.gate.state.incidents.open()[-1]
    assert second is not first
    assert met(second) == [ClockName.HALT]
    assert second.halts == []  # the first has it


# -- the record ---------------------------------------------------------------------------------------------------


def test_each_step_is_a_line_with_who_said_it() -> None:
    world = given()
    incident = opened(world)
    id_ = incident.incident_id
    for step in (
        incident_events.IncidentNoted(id_, "the desk sees it too", "olga"),
        incident_events.IncidentTaken(id_, "olga"),
        incident_events.IncidentTaken(id_, "olga"),
        incident_events.IncidentTaken(id_, "rita"),
        incident_events.CauseNamed(id_, "tracker dropped fills", fixed=False, by="olga"),
        incident_events.CauseNamed(id_, "tracker dropped fills", fixed=True, by="rita"),
        incident_events.ReviewRecorded(id_, D(42_000), "USD", "ab" * 32, "hedges undersized", "rita"),
        incident_events.IncidentClosed(id_, "mended", "rita"),
    ):
        world.apply(step)
        assert isinstance(world.outputs[0], IncidentChanged), world.outputs
    assert kinds(incident) == [
        "OPENED", "NOTE", "OWNER", "OWNER", "OWNER", "CAUSE", "CAUSE", "REVIEWED", "CLOSED",
    ]  # fmt: skip
    assert [one.text for one in incident.timeline if one.kind is EntryKind.OWNER] == [
        "olga owns it",
        "olga owns it",
        "rita owns it, olga before",
    ]
    assert "NOT FIXED" in incident.timeline[5].text
    assert (incident.owner, incident.cause_by, incident.cause_fixed) == ("rita", "rita", True)
    assert set(met(incident)) == {ClockName.ROOT_CAUSE, ClockName.REVIEW}
    assert incident.review is not None
    assert incident.review.cost == 42_000
    assert incident.timeline[-1].text == "mended"
    assert (incident.closed_by, incident.is_open) == ("rita", False)


def test_only_what_everybody_must_know_is_told() -> None:
    world = given()
    incident = opened(world)
    outputs = world.apply(incident_events.IncidentNoted(incident.incident_id, "x", "olga"))
    assert outputs == (IncidentChanged(incident.incident_id, "NOTE", "x"),)
    assert [message.kind for message in incident.messages] == [EntryKind.OPENED]
    assert EntryKind.ENDANGERED in TOLD


Step = (
    incident_events.IncidentNoted
    | incident_events.IncidentTaken
    | incident_events.CauseNamed
    | incident_events.IncidentClosed
    | incident_events.ReviewRecorded
)
UNKNOWN: list[Step] = [
    incident_events.IncidentNoted("g1-i9", "x", "olga"),
    incident_events.IncidentTaken("g1-i9", "olga"),
    incident_events.CauseNamed("g1-i9", "x", fixed=True, by="olga"),
    incident_events.IncidentClosed("g1-i9", "x", "olga"),
    incident_events.ReviewRecorded("g1-i9", D(0), "USD", "ab" * 32, "x", "olga"),
]


@pytest.mark.parametrize("step", UNKNOWN, ids=lambda one: type(one).__name__)
def test_a_step_of_an_incident_that_is_not_known_is_refused(step: Step) -> None:
    assert refused(given().apply(step)) == [RefusalReason.INCIDENT_UNKNOWN]


@pytest.mark.parametrize("step", UNKNOWN, ids=lambda one: type(one).__name__)
def test_a_closed_one_takes_notes_and_its_review_and_nothing_else(step: Step) -> None:
    world = given()
    incident = opened(world)
    world.apply(incident_events.IncidentClosed(incident.incident_id, "over", "olga"))
    assert "(the review is not recorded yet)" in incident.timeline[-1].text
    outputs = world.apply(replace(step, incident_id=incident.incident_id))
    late = isinstance(step, incident_events.IncidentNoted | incident_events.ReviewRecorded)
    assert refused(outputs) == ([] if late else [RefusalReason.INCIDENT_CLOSED])


def test_it_is_not_closed_while_a_halt_is_in_force_or_a_flatten_runs() -> None:
    world = given()
    halts = [world.halt(), world.halt(Scope(ACCOUNT, instrument=BTC))]
    incident = the_open(world)
    incident.flattens.append("f1")
    for output in record(incident, EntryKind.FLATTEN_STARTED, "flatten f1", by="olga", now=world.now):
        assert isinstance(output, IncidentChanged)
    close = incident_events.IncidentClosed(incident.incident_id, "over", "olga")
    answer = world.apply(close)[0]
    assert isinstance(answer, StepRefused)
    assert [one.reason for one in answer.refusals] == [RefusalReason.HALT_IN_FORCE, RefusalReason.FLATTEN_RUNNING]
    assert all(halt.halt_id in answer.refusals[0].message for halt in halts)
    assert "flatten f1 runs" in answer.refusals[1].message
    list(record(incident, EntryKind.FLAT, "flatten f1: flat", by="gate:g1", now=world.now))
    world.cleared_elsewhere()
    assert refused(world.apply(close)) == []


def test_one_halt_in_force_is_told_as_one() -> None:
    world = given()
    world.halt()
    answer = world.apply(incident_events.IncidentClosed(the_open(world).incident_id, "over", "olga"))[0]
    assert isinstance(answer, StepRefused)
    assert answer.refusals[0].message.startswith("1 halt is in force: `risksvc resume ")


def test_after_it_is_closed_the_next_halt_opens_another() -> None:
    world = given()
    incident = opened(world)
    world.apply(incident_events.IncidentClosed(incident.incident_id, "over", "olga"))
    world.halt()
    assert the_open(world).incident_id == "g1-i2"
    assert world.gate.state.incidents.of_halt(the_open(world).halts[0]) is the_open(world)
    assert world.gate.state.incidents.of_halt("no such") is None
