"""What a strategy reports speeds proof up: the venue is asked where an order stands, and asked again."""

import pytest

from risksvc.core.events import AdoptItem, OrderReport
from risksvc.core.outputs import LookUp, OrderRef, ReportTaken
from risksvc.core.reservations import ENDS_WHEN, ReservationStatus
from risksvc.core.types import MILLISECOND, SECOND, Side
from risksvc.core.venue_events import FeedDisconnected, VenueStatus
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, BETA, BTC, D

WINDOW = SECOND  # the venue window of the defaults; an approval is valid for 100 ms


def approved() -> World:
    """Buy 0.5 at 50,000 under the id "a"."""
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    return world


def closed(world: World) -> int:
    """The time at which approval and venue window have run out."""
    found = world.reservation("a")
    assert found is not None
    return found.valid_until + WINDOW


def status(world: World) -> ReservationStatus:
    found = world.reservation("a")
    assert found is not None
    return found.status


def look_ups(world: World) -> list[OrderRef]:
    return [ref for output in world.outputs if isinstance(output, LookUp) for ref in output.orders]


# -- asking the venue ---------------------------------------------------------------------------------------------


def test_a_report_of_its_end_asks_the_venue_at_once_and_every_second() -> None:
    world = approved()
    world.report("a", OrderReport.CANCELLED, venue_id="v1")
    assert look_ups(world) == [OrderRef(BTC, "a", "v1")]
    world.tick()
    assert look_ups(world) == []
    world.wait(1, fresh=False)
    world.tick()
    assert look_ups(world) == [OrderRef(BTC, "a", "v1")]


def test_a_cancel_that_the_venue_has_not_done_yet_is_asked_for_again() -> None:
    world = approved()
    world.report("a", OrderReport.CANCELLED)
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000))
    assert status(world) is ReservationStatus.CANCEL_REPORTED
    world.wait(1, fresh=False)
    world.tick()
    assert look_ups(world)


def test_a_rejection_that_the_venue_contradicts_is_dropped() -> None:
    world = approved()
    world.report("a", OrderReport.REJECTED)
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000))
    assert status(world) is ReservationStatus.ACKNOWLEDGED
    world.wait(2, fresh=False)
    world.tick()
    assert look_ups(world) == []


def test_nobody_is_asked_before_approval_and_window_have_run_out() -> None:
    world = approved()
    world.report("a", OrderReport.SENT)
    world.now = closed(world) - MILLISECOND
    world.tick()
    assert look_ups(world) == []
    world.now = closed(world)
    world.tick()
    assert look_ups(world) == [OrderRef(BTC, "a")]
    assert status(world) is ReservationStatus.UNKNOWN


def test_while_the_feed_is_gone_nobody_is_asked() -> None:
    world = approved()
    world.apply(FeedDisconnected(ACCOUNT))
    world.wait(5, fresh=False)
    assert world.tick() == ()


def test_an_order_that_left_the_book_is_asked_for_by_the_read_that_misses_it() -> None:
    world = approved()
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1")])
    assert look_ups(world) == []
    world.wait(1, fresh=False)
    world.read()
    assert look_ups(world) == [OrderRef(BTC, "a", "v1")]


def test_an_acknowledged_order_that_no_read_shows_is_asked_for_too() -> None:
    world = approved()
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    world.read()
    assert look_ups(world) == [OrderRef(BTC, "a", "v1")]


def test_a_read_begun_before_the_approval_asks_for_nothing() -> None:
    world = given()
    began = world.now
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", OrderReport.ACKNOWLEDGED)
    world.read(as_of=began)
    assert look_ups(world) == []


def test_so_many_are_asked_for_at_once() -> None:
    world = given()
    for number in range(60):
        world.buy("0.001", 50_000, client_order_id=f"n{number}")
    world.wait(5, fresh=False)
    asked = [output for output in world.tick() if isinstance(output, LookUp)]
    assert [len(one.orders) for one in asked] == [50, 10]


# -- reports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ("SENT", "SENT"),
        ("SENT ACKNOWLEDGED", "ACKNOWLEDGED"),
        ("SENT NEVER_SENT", "NEVER_SENT"),
        ("NEVER_SENT SENT", "SENT"),
        ("ACKNOWLEDGED SENT", "ACKNOWLEDGED"),
        ("ACKNOWLEDGED NEVER_SENT", "ACKNOWLEDGED"),
        ("CANCELLED ACKNOWLEDGED", "CANCEL_REPORTED"),
        ("CANCELLED SENT", "CANCEL_REPORTED"),
        ("ACKNOWLEDGED CANCELLED", "CANCEL_REPORTED"),
        ("REJECTED NEVER_SENT", "REJECT_REPORTED"),
        ("SENT REJECTED", "REJECT_REPORTED"),
    ],
)
def test_what_reports_make_of_an_order(reports: str, expected: str) -> None:
    world = approved()
    for what in reports.split():
        assert world.report("a", OrderReport[what]).known
    assert status(world).value == expected
    assert world.book.total == 25_000


def test_a_report_after_the_final_answer_changes_nothing() -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.2"))
    world.report("a", OrderReport.CANCELLED)
    assert status(world) is ReservationStatus.FINAL_AWAITING_FILLS


def test_a_report_of_nobodys_or_anothers_order_changes_nothing() -> None:
    world = approved()
    assert world.report("x", OrderReport.CANCELLED) == ReportTaken(known=False)
    assert world.report("a", OrderReport.CANCELLED, strategy=BETA) == ReportTaken(known=False)
    assert status(world) is ReservationStatus.APPROVED


def test_a_strategy_can_not_claim_the_venues_order_of_another() -> None:
    world = approved()
    world.buy("0.1", 50_000, client_order_id="b", strategy=BETA)
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    world.report("b", OrderReport.ACKNOWLEDGED, strategy=BETA, venue_id="v1")
    world.fill("", Side.BUY, "0.1", venue_order_id="v1")
    assert world.position() == D("0.1")


def test_every_status_says_what_would_end_it() -> None:
    assert list(ENDS_WHEN) == list(ReservationStatus)


def test_a_strategy_that_claimed_the_id_of_an_order_that_can_not_be_its_own_loses_it() -> None:
    world = approved()
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    row = world.row("", Side.SELL, "0.3", 50_000, venue_order_id="v1")
    world.read([row])
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED))
    world.fill("", Side.SELL, "0.1", venue_order_id="v1")
    assert world.reservation("a") is None
    assert world.line().working.sell == D("0.2")
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_an_adopted_order_is_asked_for_by_the_names_that_the_venue_knows() -> None:
    for ids, expected in (
        ({"venue_order_id": "v1"}, OrderRef(BTC, "", "v1")),
        ({"client": "desk"}, OrderRef(BTC, "desk", "")),
        ({"client": "desk", "venue_order_id": "v1"}, OrderRef(BTC, "desk", "v1")),
    ):
        world = given()
        client = ids.pop("client", "")
        world.read([world.row(client, Side.BUY, "0.1", 50_000, **ids)])
        world.adopt(AdoptItem(BTC, venue_order_id=ids.get("venue_order_id", client)))
        world.read()
        assert look_ups(world) == [expected]
