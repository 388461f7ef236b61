"""What endangers an open position without any halt: when it begins, how bad it is, when it is over."""

import pytest

from risksvc.core import events, venue_events
from risksvc.core.conditions import Condition
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import StrategyWatched
from risksvc.core.incident import events as incident_events
from risksvc.core.incident.record import CLOSED_KEPT, EntryKind
from risksvc.core.incident.severity import ENDANGERED, Endangered
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import SECOND, Scope, Severity, Side
from tests.unit.core.an_incident_record import changes, kinds, last, the_open
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC

LOST, SILENT, MARKS = Endangered.MONITORING_LOST, Endangered.STRATEGY_SILENT, Endangered.MARKS_STALE
KILL, EQUITY = Endangered.KILL_SWITCH_LOST, Endangered.EQUITY_MISMATCH


def holding() -> World:
    """One strategy holds a little, and follows its state; everything is fresh."""
    world = given()
    world.hold("a1", "0.1")
    watch(world)
    return world


def watch(world: World, *, watched: bool = True) -> None:
    world.apply(StrategyWatched(ACCOUNT, ALPHA, watched))


def standing(world: World) -> list[Endangered]:
    world.tick()
    return [one.name for one in world.gate.state.incidents.standing.values()]


def begin(world: World, name: Endangered) -> None:
    """Brings one about by what the world is like, and lets time pass."""
    if name is SILENT:
        watch(world, watched=False)
        world.wait(31)
    elif name is EQUITY:
        found = Condition(DivergenceClass.EQUITY_MISMATCH, "equity is 1, explained is 2", world.now, diverged=True)
        world.book.conditions[DivergenceClass.EQUITY_MISMATCH.value] = found
    else:
        world.now += 31 * SECOND
        refreshed = {LOST: ("lease",), MARKS: ("lease", "read"), KILL: ("marks", "read")}[name]
        if name is KILL:
            world.apply(events.LeaseLost(store_lost=False, why="test"))
            world.now += 31 * SECOND
        for what in refreshed:
            getattr(world, what)()


@pytest.mark.parametrize("name", list(Endangered))
def test_each_opens_an_incident_once_and_says_when_it_is_over(name: Endangered) -> None:
    world = holding()
    assert standing(world) == []
    begin(world, name)
    assert standing(world) == [name]
    incident = the_open(world)
    assert (incident.trigger, incident.severity) == (name.value, ENDANGERED[name].severity)
    assert kinds(incident) == ["OPENED"]
    assert changes(world.tick()) == []
    world.book.conditions.clear()
    watch(world)
    world.refresh()
    assert standing(world) == []
    assert kinds(incident)[:2] == ["OPENED", "ENDANGERED_OVER"]
    assert ": over after " in last(incident, EntryKind.ENDANGERED_OVER)


@pytest.mark.parametrize("name", list(Endangered))
def test_where_nothing_is_held_nothing_is_endangered(name: Endangered) -> None:
    world = given()
    watch(world)
    begin(world, name)
    assert standing(world) == []


def test_a_working_order_counts_as_well() -> None:
    world = given()
    world.buy("0.1", 40_000)
    world.now += 31 * SECOND
    world.lease()
    assert standing(world) == [LOST]


def test_it_joins_the_open_incident_and_makes_it_worse() -> None:
    world = holding()
    world.apply(incident_events.IncidentOpened(Scope(ACCOUNT), Severity.P2, "odd", "olga"))
    begin(world, LOST)
    standing(world)
    incident = the_open(world)
    assert kinds(incident) == ["OPENED", "ENDANGERED", "SEVERITY"]
    assert incident.severity is Severity.P1
    assert "the venue feed is not connected" not in last(incident, EntryKind.ENDANGERED)
    [one] = world.gate.state.incidents.endangered(incident.incident_id)
    assert one.name is LOST


def test_a_feed_that_is_gone_is_told_as_that() -> None:
    world = holding()
    world.apply(venue_events.FeedDisconnected(ACCOUNT))
    begin(world, LOST)
    standing(world)
    assert "the venue feed is not connected" in the_open(world).timeline[0].text


def test_a_read_that_failed_is_told_with_its_error() -> None:
    world = holding()
    world.apply(venue_events.ReadFailed(ACCOUNT, "positions", "timed out"))
    begin(world, LOST)
    standing(world)
    assert "positions: timed out" in the_open(world).timeline[0].text


def test_marks_are_not_told_beside_reads_that_are_lost() -> None:
    world = holding()
    begin(world, LOST)
    assert standing(world) == [LOST]


def test_stale_marks_that_stand_go_on_standing_when_reads_are_lost_too() -> None:
    world = holding()
    begin(world, MARKS)
    assert standing(world) == [MARKS]
    world.now += 31 * SECOND
    world.lease()
    assert standing(world) == [MARKS, LOST]


# -- across a start -----------------------------------------------------------------------------------------------


def restart(world: World) -> None:
    world.apply(events.GateStarted(world.config))


def test_a_start_gives_everybody_time_and_forgets_who_watched() -> None:
    world = holding()
    world.now += 3600 * SECOND
    restart(world)
    assert standing(world) == []
    world.now += 31 * SECOND
    assert standing(world) == [LOST, SILENT]


@pytest.mark.parametrize("name", [LOST, SILENT])
def test_a_start_ends_nothing_that_stands(name: Endangered) -> None:
    world = holding()
    begin(world, name)
    assert standing(world) == [name]
    restart(world)
    assert name in standing(world)


# -- who is silent ------------------------------------------------------------------------------------------------


def ask(world: World) -> None:
    world.buy("0.001", 40_000)


def ask_without_a_belief(world: World) -> None:
    world.buy("0.001", 40_000, belief=None)


def report(world: World) -> None:
    world.report("a2", events.OrderReport.SENT)


def believe(world: World) -> None:
    world.believe("0.1")


def believe_of_another_instrument(world: World) -> None:
    world.buy(1, 20_000, instrument="ETH/USDT:USDT")


def tell_a_fill(world: World) -> None:
    fill = world.make_fill("a2", Side.BUY, "0.001", 40_000)
    world.apply(events.FillReported(ACCOUNT, ALPHA, fill))


@pytest.mark.parametrize(
    "speak", [ask, report, believe, believe_of_another_instrument, tell_a_fill], ids=lambda one: one.__name__
)
def test_who_says_anything_is_not_silent(speak: object) -> None:
    world = holding()
    world.buy("0.001", 40_000, client_order_id="a2")
    watch(world, watched=False)
    world.wait(25)
    speak(world)  # type: ignore[operator]
    world.wait(25)
    assert standing(world) == []
    world.wait(6)
    assert standing(world) == [SILENT]


def test_who_follows_its_state_is_not_silent_and_who_holds_nothing_may_be() -> None:
    world = holding()
    world.believe("0", strategy=BETA)
    world.wait(3600)
    assert standing(world) == []
    watch(world, watched=False)
    world.wait(31)
    assert standing(world) == [SILENT]
    assert the_open(world).scope == Scope(ACCOUNT, strategy=ALPHA)


def test_of_an_account_that_is_not_known_nothing_is_kept() -> None:
    assert holding().apply(StrategyWatched("other", ALPHA, watched=True)) == ()


# -- after it was closed ------------------------------------------------------------------------------------------


def test_what_is_over_after_the_incident_was_closed_is_still_in_its_record() -> None:
    world = holding()
    begin(world, MARKS)
    standing(world)
    incident = the_open(world)
    world.apply(incident_events.IncidentClosed(incident.incident_id, "we know", "olga"))
    assert standing(world) == [MARKS]
    world.refresh()
    assert standing(world) == []
    assert kinds(incident)[-1] == "ENDANGERED_OVER"


def test_what_is_over_when_its_incident_is_forgotten_is_told_as_a_notice() -> None:
    world = holding()
    begin(world, MARKS)
    standing(world)
    world.apply(incident_events.IncidentClosed(the_open(world).incident_id, "we know", "olga"))
    for _ in range(CLOSED_KEPT + 1):
        world.apply(incident_events.IncidentOpened(Scope(ACCOUNT), Severity.P2, "x", "olga"))
        world.apply(incident_events.IncidentClosed(the_open(world).incident_id, "x", "olga"))
    world.refresh()
    outputs = world.tick()
    assert [one.kind for one in outputs if isinstance(one, Notice)] == [NoticeKind.CONDITION_CLEARED]


def test_an_equity_that_differs_once_endangers_nothing() -> None:
    world = holding()
    found = Condition(DivergenceClass.EQUITY_MISMATCH, "x", world.now)
    world.book.conditions[DivergenceClass.EQUITY_MISMATCH.value] = found
    assert standing(world) == []


def test_a_lease_that_is_given_up_again_does_not_start_the_wait_anew() -> None:
    world = holding()
    world.apply(events.LeaseLost(store_lost=False, why="test"))
    lost = world.gate.state.lease_lost_at
    world.now += 20 * SECOND
    world.apply(events.LeaseLost(store_lost=False, why="test"))
    assert world.gate.state.lease_lost_at == lost
    assert BTC in world.book.lines


def test_a_danger_that_stands_an_hour_after_its_incident_was_closed_begins_anew() -> None:
    world = holding()
    begin(world, SILENT)
    world.tick()
    first = the_open(world)
    world.apply(incident_events.IncidentClosed(first.incident_id, "seen to", "alice"))
    world.wait(3500)
    world.refresh()
    assert not world.gate.state.incidents.open()
    world.wait(200)
    world.refresh()
    world.tick()
    again = the_open(world)
    assert again.incident_id != first.incident_id
    assert again.trigger == SILENT.value
    assert changes(world.tick()) == []


def test_a_danger_whose_incident_is_forgotten_begins_anew_at_once() -> None:
    world = holding()
    begin(world, SILENT)
    world.tick()
    del world.gate.state.incidents.by_id[the_open(world).incident_id]
    world.tick()
    assert the_open(world).trigger == SILENT.value
