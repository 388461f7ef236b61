"""What venues tell late, in part or out of date: it neither halts by mistake nor hides a difference for good."""

from dataclasses import replace

import pytest

from risksvc.core import comparing
from risksvc.core.adoption import unexplained_items
from risksvc.core.events import AdoptItem, FillReported, OrderReport
from risksvc.core.outputs import Adopted, StepProposed
from risksvc.core.types import SECOND, Side
from risksvc.core.venue_events import Fill, FillKind, VenueOrder, VenuePosition, VenueStatus
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, D

DRIFT, MISSING = ("POSITION_DRIFT", ""), ("MISSING_FILL", "")


def row(world: World, filled: str = "0", status: VenueStatus = VenueStatus.OPEN, id_: str = "a") -> VenueOrder:
    return world.row(id_, Side.BUY, "0.2", 50_000, venue_order_id=f"v{id_}", filled=filled, status=status)


def working(id_: str = "a", *, rules: int = 2) -> World:
    world = given(gate={"rules": rules})
    assert world.buy("0.2", 50_000, client_order_id=id_).approved
    world.read([row(world, id_=id_)])
    return world


def read_on(world: World, *rows: VenueOrder, held: str, seconds: int = 2, times: int = 1) -> None:
    for _ in range(times):
        world.wait(seconds, fresh=False)
        world.read(rows, positions={BTC: D(held)})


# -- fills that are listed late ---------------------------------------------------------------------------------------


def test_an_order_gone_from_the_list_may_have_filled_and_late_fills_do_not_add_up_to_a_latch() -> None:
    world = given()
    for number in range(4):
        assert world.buy("0.1", 50_000, client_order_id=f"a{number}").approved
        world.report(f"a{number}", OrderReport.ACKNOWLEDGED, venue_id=f"v{number}")
        made = world.make_fill(f"a{number}", Side.BUY, "0.1", venue_order_id=f"v{number}")
        world.executed(made)
        world.read()
        assert list(world.line().suspicions) == [MISSING]
        world.wait(4, fresh=False)
        world.tell(made)
        world.refresh()
        assert not world.line().suspicions
    assert world.halts() == []


def test_a_difference_that_such_an_order_does_not_explain_is_drift() -> None:
    world = working()
    read_on(world, held="0.3", times=3)
    assert world.triggers() == ["POSITION_DRIFT"]


def test_late_listed_fills_that_strategies_reported_do_not_add_up_to_a_latch() -> None:
    world = given()
    for number in range(4):
        assert world.buy("0.1", 50_000, client_order_id=f"a{number}").approved
        made = world.make_fill(f"a{number}", Side.BUY, "0.1")
        world.apply(FillReported(ACCOUNT, ALPHA, made))
        world.wait(3)
        assert ("PHANTOM_FILL", ALPHA) in world.line().suspicions
        world.executed(made)
        world.tell(made)
        world.wait(3)
    assert world.halts() == []


# -- a difference that takes turns with another ---------------------------------------------------------------------


def test_a_drift_beside_a_missing_fill_that_does_not_explain_it_halts_all_the_same() -> None:
    world = working()
    read_on(world, row(world, "0.1"), held="0.5", times=3)
    assert world.triggers() == ["POSITION_DRIFT"]


def test_once_the_position_fits_a_missing_fill_counts_again() -> None:
    world = working()
    read_on(world, row(world, "0.1"), held="0.1", times=2)
    suspicion = world.line().suspicions[MISSING]
    suspicion.ambiguous = True  # as a read leaves it that fits by chance
    read_on(world, row(world, "0.1"), held="0", times=2)
    assert not suspicion.ambiguous
    assert suspicion.offsets == ()
    read_on(world, row(world, "0.1"), held="0", times=3)
    assert world.triggers() == ["MISSING_FILL"]


def test_while_a_read_fits_by_chance_all_that_it_may_mean_counts() -> None:
    world = given()
    world.hold("a", "0.5")
    world.read(positions={BTC: "0.8"})
    for _ in range(2):
        world.tell(world.make_fill("", Side.BUY, "0.3", venue_order_id="x", kind=FillKind.ADL))
    world.read(positions={BTC: "1.1"})  # all of it lags, or a part, or nothing differs
    assert world.line().suspicions[DRIFT].ambiguous
    assert (world.line().low, world.line().high) == (D("1.1"), D("1.7"))


def test_the_fills_kept_in_sight_of_a_difference_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "EVIDENCE_KEPT", 1)
    world = given()
    world.hold("a", "0.2")
    world.hold("b", "0.2")
    read_on(world, held="0.5", seconds=100)
    assert world.line().recent == []
    assert world.line().base == world.line().ledger == D("0.4")
    assert world.line().drift.net == D("0.1")


# -- lists and counters that lag --------------------------------------------------------------------------------------


def test_an_order_that_was_proven_finished_while_the_read_was_under_way_is_no_surprise() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    row = world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v1")
    world.read([row])
    began = world.now
    world.look_up(replace(row, status=VenueStatus.CANCELLED))
    for as_of in (began, None):  # a list lags as positions do
        world.read([row], as_of=as_of)
        assert world.halts() == []
    world.wait(3, fresh=False)
    world.read([row])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_an_order_that_only_absence_proved_finished_is_unexpected_at_once() -> None:
    world = given()
    assert world.buy("0.2", 50_000, client_order_id="a").approved
    world.wait(3)
    world.not_found("a")
    assert world.reservation("a") is None
    world.read([row(world)])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_a_counter_that_stands_still_longer_than_positions_lag_proves_nothing() -> None:
    world = given()
    assert world.buy("0.4", 50_000, client_order_id="a").approved
    for number in (1, 2):
        world.tell(world.make_fill("a", Side.BUY, "0.1", sequence=number, venue_order_id="v"))
    old = [VenuePosition(BTC, D("0.1"), sequence=1)]
    world.read(shown=old)
    assert not world.line().suspicions
    world.now += 3 * SECOND
    world.read(shown=old)
    assert DRIFT in world.line().suspicions


# -- what operators end -----------------------------------------------------------------------------------------------


def test_fills_that_the_venue_never_lists_are_ended_by_adoption() -> None:
    world = working()
    world.look_up(row(world, "0.2", VenueStatus.FILLED))
    read_on(world, held="0.2", seconds=4, times=4)
    assert world.triggers() == ["MISSING_FILL"]
    items = list(unexplained_items(world.book))
    assert items == [AdoptItem(BTC, position_quantity=D("0.2")), AdoptItem(BTC, lost_client_order_id="a")]
    assert isinstance(world.adopt(*items), Adopted)
    world.lease()
    world.marks()
    read_on(world, held="0.2")
    assert not world.line().suspicions
    assert isinstance(world.resume(*world.halts()), StepProposed)


def test_a_fill_listed_after_its_adoption_shows_as_a_difference() -> None:
    world = working()
    world.look_up(row(world, "0.2", VenueStatus.FILLED))
    read_on(world, held="0.2", seconds=4, times=4)
    world.adopt(*unexplained_items(world.book))
    late: Fill = world.make_fill("a", Side.BUY, "0.2", venue_order_id="va", venue_time_ms=world.now // 10**6 - 15_000)
    world.tell(late)
    read_on(world, held="0.2")
    assert world.line().drift.net == D("-0.2")
    assert isinstance(world.adopt(*unexplained_items(world.book)), Adopted)
    assert (world.line().ledger, world.position()) == (D("0.2"), D("0.2"))


# -- orders that were found -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rules", "left"), [(1, "0.1"), (2, "0.3")])
def test_a_found_orders_earlier_fill_that_is_told_late_does_not_shrink_it(rules: int, left: str) -> None:
    world = given(gate={"rules": rules})
    found = world.row("", Side.BUY, "0.5", 50_000, venue_order_id="x", filled="0.2")
    world.read([found], positions={BTC: "0.2"})
    world.tell(world.make_fill("", Side.BUY, "0.2", venue_order_id="x"))
    world.read([found], positions={BTC: "0.2"})
    assert world.line().working.buy == D(left)


def test_what_is_attached_to_an_order_that_nobody_approved_is_nobodys() -> None:
    world = given()
    world.hold("a", "0.2")
    world.hold("b", "0.2", strategy=BETA)
    parent = world.row("", Side.BUY, "0.5", 50_000, venue_order_id="x")
    child = world.row(
        "", Side.SELL, "0.5", 60_000, venue_order_id="y", attached=True, parent_order_id="x", reduce_only=True
    )
    world.read([parent, child])
    assert [one.explained for one in world.book.live()] == [False, False]
