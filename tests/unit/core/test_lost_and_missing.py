"""Fills that only one side knows, orders that the venue forgot, suspicions that repeat; how each ends."""

import pytest

from risksvc.core import fills
from risksvc.core.adoption import describe, unexplained_items
from risksvc.core.events import AdoptItem, FillReported, OrderReport
from risksvc.core.outputs import Adopted, LookUp, NoticeKind, ReportTaken, StepRefused
from risksvc.core.types import Side
from risksvc.core.venue_events import Fill, VenueStatus
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, SOL, D

MISSING, PHANTOM, LOST = ("MISSING_FILL", ""), ("PHANTOM_FILL", ALPHA), ("LOST_ORDER", ALPHA)


def with_order(quantity: str = "0.5") -> World:
    world = given()
    assert world.buy(quantity, 50_000, client_order_id="a").approved
    return world


def reported(world: World, quantity: str) -> Fill:
    made = world.make_fill("a", Side.BUY, quantity)
    assert world.apply(FillReported(ACCOUNT, ALPHA, made))[0] == ReportTaken(known=True)
    return made


# -- reported fills -----------------------------------------------------------------------------------------------


def test_a_reported_fill_moves_nothing_and_frees_nothing_until_the_venue_tells_it() -> None:
    world = with_order()
    before = (world.line().worst, world.book.total)
    made = reported(world, "0.2")
    assert (world.line().worst, world.book.total) == before
    assert (world.line().ledger, world.position()) == (D(0), D(0))
    assert world.part().reported_buy == D("0.2")
    world.tell(made)
    assert (world.line().ledger, world.position(), world.part().reported_buy) == (D("0.2"), D("0.2"), D(0))


@pytest.mark.parametrize(("believed", "agrees"), [("0", True), ("0.2", True), ("0.3", False), ("-0.1", False)])
def test_a_belief_may_rest_on_what_was_reported(believed: str, *, agrees: bool) -> None:
    world = with_order()
    reported(world, "0.2")
    assert world.believe(believed).agrees is agrees


def test_a_reported_sale_counts_the_other_way() -> None:
    world = given()
    assert world.sell("0.5", 50_000, client_order_id="a").approved
    world.apply(FillReported(ACCOUNT, ALPHA, world.make_fill("a", Side.SELL, "0.2")))
    assert world.part().reported_sell == D("0.2")
    assert world.believe("-0.2").agrees


def test_more_than_the_order_can_fill_is_not_heard() -> None:
    world = with_order()
    made = reported(world, "0.4")
    assert world.apply(FillReported(ACCOUNT, ALPHA, made))[0] == ReportTaken(known=False)
    more = world.make_fill("a", Side.BUY, "0.2")
    assert world.apply(FillReported(ACCOUNT, ALPHA, more))[0] == ReportTaken(known=False)


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fills, "REPORTED_KEPT", 2)
    world = with_order()
    reported(world, "0.1")
    reported(world, "0.1")
    one_more = world.make_fill("a", Side.BUY, "0.1")
    assert world.apply(FillReported(ACCOUNT, ALPHA, one_more))[0] == ReportTaken(known=False)


def test_an_order_reported_whole_is_looked_up_at_once() -> None:
    world = with_order()
    reported(world, "0.2")
    assert not [one for one in world.outputs if isinstance(one, LookUp)]
    reported(world, "0.3")
    assert [one.orders[0].client_order_id for one in world.outputs if isinstance(one, LookUp)] == ["a"]


def test_a_fill_that_the_venue_never_lists_is_a_phantom_and_halts() -> None:
    world = with_order()
    reported(world, "0.2")
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.read([row])
    assert PHANTOM not in world.line().suspicions  # venues list fills a moment late
    for _ in range(2):
        world.wait(3, fresh=False)
        world.read([row])
    assert "which the venue does not list" in world.line().suspicions[PHANTOM].message
    assert world.halts() == []
    for _ in range(3):
        world.wait(3, fresh=False)
        world.read([row])
    assert world.triggers() == ["PHANTOM_FILL"]
    assert world.line().ledger == 0


def test_a_phantom_that_is_listed_after_all_is_explained() -> None:
    world = with_order()
    made = reported(world, "0.2")
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.wait(3, fresh=False)
    world.read([row])
    assert PHANTOM in world.line().suspicions
    world.executed(made)
    world.tell(made)
    world.read([world.row("a", Side.BUY, "0.5", 50_000, filled="0.2", venue_order_id="v")])
    assert not world.line().suspicions


def test_what_could_be_adopted_is_listed() -> None:
    world = lost()
    assert world.buy("0.1", 50_000, client_order_id="b", instrument=SOL).approved is False
    assert list(unexplained_items(world.book)) == [AdoptItem(BTC, lost_client_order_id="a")]
    phantom = with_order()
    made = reported(phantom, "0.2")
    assert not list(unexplained_items(phantom.book))  # it may still be listed
    phantom.wait(3, fresh=False)
    phantom.read([phantom.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")])
    assert list(unexplained_items(phantom.book)) == [AdoptItem(BTC, trade_id=made.trade_id)]


def test_a_phantom_is_adopted_as_what_never_happened() -> None:
    world = with_order()
    made, other = reported(world, "0.2"), reported(world, "0.1")
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.wait(3, fresh=False)
    world.read([row])
    assert isinstance(world.adopt(AdoptItem(BTC, trade_id=made.trade_id)), Adopted)
    assert PHANTOM in world.line().suspicions
    assert isinstance(world.adopt(AdoptItem(BTC, trade_id=other.trade_id)), Adopted)
    assert not world.line().suspicions
    assert (world.line().ledger, world.part().reported_buy) == (D(0), D(0))


def test_under_the_rules_of_before_a_reported_fill_counted_as_the_venues() -> None:
    world = given(gate={"rules": 1})
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    reported(world, "0.2")
    assert (world.line().ledger, world.position()) == (D("0.2"), D("0.2"))
    assert not world.line().reported


# -- missing fills ------------------------------------------------------------------------------------------------


def test_an_order_filled_further_than_its_fills_is_missing_them_from_the_second_read_on() -> None:
    world = with_order()
    row = world.row("a", Side.BUY, "0.5", 50_000, filled="0.2", venue_order_id="v")
    world.read([row], positions={})
    assert not world.line().suspicions
    world.read([row], positions={})
    assert "filled by 0.2 more" in world.line().suspicions[MISSING].message
    made = world.make_fill("a", Side.BUY, "0.2", venue_order_id="v")
    world.executed(made)
    world.tell(made)
    world.read([row])
    assert not world.line().suspicions


def test_a_position_that_missing_fills_explain_is_patient_and_then_halts() -> None:
    world = with_order()
    row = world.row("a", Side.BUY, "0.5", 50_000, filled="0.2", venue_order_id="v")
    for _ in range(3):
        world.wait(2, fresh=False)
        world.read([row], positions={BTC: "0.2"})
    assert list(world.line().suspicions) == [MISSING]
    assert (world.line().low, world.line().high) == (D(0), D("0.2"))
    assert world.halts() == []
    for _ in range(3):
        world.wait(3, fresh=False)
        world.read([row], positions={BTC: "0.2"})
    assert world.triggers() == ["MISSING_FILL"]


def test_a_drift_becomes_a_missing_fill_once_the_order_shows_it() -> None:
    world = with_order()
    open_row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.read([open_row], positions={BTC: "0.2"})
    assert ("POSITION_DRIFT", "") in world.line().suspicions
    world.read([world.row("a", Side.BUY, "0.5", 50_000, filled="0.2", venue_order_id="v")], positions={BTC: "0.2"})
    assert list(world.line().suspicions) == [MISSING]


# -- lost orders --------------------------------------------------------------------------------------------------


def lost() -> World:
    world = with_order()
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.read([row])
    world.wait(3, fresh=False)
    world.read()
    world.not_found("a", venue_id="v")
    return world


def test_an_order_that_the_venue_forgot_is_lost_stays_counted_and_halts() -> None:
    world = lost()
    assert "had order a and does not know it" in world.line().suspicions[LOST].message
    assert world.reservation("a") is not None
    for _ in range(3):
        world.wait(2, fresh=False)
        world.read()
    assert world.halts() == []  # venues list finished orders late
    world.wait(5, fresh=False)
    world.read()
    assert world.triggers() == ["LOST_ORDER"]
    assert world.line().working.buy == D("0.5")


def test_one_that_was_acknowledged_a_moment_ago_may_not_be_listed_yet() -> None:
    world = with_order()
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v")
    world.not_found("a", venue_id="v")
    assert not world.line().suspicions


def test_one_that_is_shown_again_is_not_lost() -> None:
    world = lost()
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")])
    assert not world.line().suspicions
    found = world.reservation("a")
    assert found is not None
    assert not found.lost


def test_one_that_turns_out_cancelled_is_not_lost() -> None:
    world = lost()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v", status=VenueStatus.CANCELLED))
    assert world.reservation("a") is None
    world.read()
    assert not world.line().suspicions


def test_a_lost_order_is_ended_by_adoption_alone() -> None:
    world = lost()
    assert describe(AdoptItem(BTC, lost_client_order_id="a")) == f"lost order a of {BTC}"
    refused = world.adopt(AdoptItem(BTC, lost_client_order_id="b"))
    assert isinstance(refused, StepRefused)
    assert "no such lost order" in refused.refusals[0].message
    assert isinstance(world.adopt(AdoptItem(SOL, lost_client_order_id="a")), StepRefused)
    assert isinstance(world.adopt(AdoptItem(BTC, lost_client_order_id="a")), Adopted)
    assert world.reservation("a") is None
    assert not world.line().suspicions


def test_one_of_two_lost_orders_leaves_the_other() -> None:
    world = with_order("0.2")
    assert world.buy("0.2", 50_000, client_order_id="b").approved
    rows = [world.row(id_, Side.BUY, "0.2", 50_000, venue_order_id=f"v{id_}") for id_ in "ab"]
    world.read(rows)
    world.wait(3, fresh=False)
    world.read()
    for id_ in "ab":
        world.not_found(id_, venue_id=f"v{id_}")
    assert isinstance(world.adopt(AdoptItem(BTC, lost_client_order_id="a")), Adopted)
    assert LOST in world.line().suspicions


# -- again and again ----------------------------------------------------------------------------------------------


def test_the_third_suspicion_within_an_hour_stays() -> None:
    world = given()
    world.hold("a", "0.5")
    for _ in range(2):
        world.read(positions={BTC: "0.8"})
        world.read()
    assert world.halts() == []
    world.read(positions={BTC: "0.8"})
    assert [(one.trigger, one.state.name, one.scope.instrument) for one in world.halts()] == [
        ("REPEATED_SUSPICION", "REDUCING", BTC)
    ]
    world.read()
    assert not world.line().suspicions
    assert world.triggers() == ["REPEATED_SUSPICION"]


def test_suspicions_more_than_an_hour_apart_do_not_add_up() -> None:
    world = given()
    world.hold("a", "0.5")
    for _ in range(4):
        world.read(positions={BTC: "0.8"})
        world.read()
        world.wait(1801)
    assert world.halts() == []


def test_nothing_is_told_twice() -> None:
    world = lost()
    world.told.clear()
    world.not_found("a", venue_id="v")
    assert NoticeKind.SUSPECT not in [one.kind for one in world.told]
