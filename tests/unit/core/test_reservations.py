"""A reservation starts with the approval and ends only by proof (I3): what ends one, and what must not."""

import pytest

from risksvc.core.events import OrderReport
from risksvc.core.outputs import NoticeKind
from risksvc.core.reservations import ReservationStatus
from risksvc.core.types import MILLISECOND, SECOND, Side
from risksvc.core.venue_events import FeedDisconnected, FillKind, ReadFailed, VenueStatus
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, SOL, D

WINDOW = SECOND  # the venue window of the defaults; an approval is valid for 100 ms


def approved() -> World:
    """Buy 0.5 at 50,000 under the id "a"."""
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    return world


def live(world: World) -> bool:
    found = world.reservation("a")
    assert (found is not None) is (world.book.total > 0)
    return found is not None


def closed(world: World) -> int:
    """The time at which approval and venue window have run out."""
    found = world.reservation("a")
    assert found is not None
    return found.valid_until + WINDOW


def status(world: World) -> ReservationStatus:
    found = world.reservation("a")
    assert found is not None
    return found.status


def test_an_approval_reserves_in_the_same_step() -> None:
    world = approved()
    assert world.book.total == 25_000
    assert world.line().worst.high == D("0.5")


# -- what ends one ------------------------------------------------------------------------------------------------


def test_filled_whole() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.2")
    assert world.line().working.buy == D("0.3")
    assert world.book.total == 25_000
    world.fill("a", Side.BUY, "0.3")
    assert world.reservation("a") is None
    assert world.line().working.buy == 0
    assert world.book.total == 25_000


@pytest.mark.parametrize("final", [VenueStatus.CANCELLED, VenueStatus.REJECTED])
def test_final_at_the_venue_without_a_fill(final: VenueStatus) -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=final))
    assert not live(world)


def test_final_at_the_venue_and_all_its_fills_applied() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.2")
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.2"))
    assert world.reservation("a") is None
    assert world.book.total == 10_000


def test_final_at_the_venue_waits_for_the_fills_that_the_venue_counts() -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.2"))
    assert status(world) is ReservationStatus.FINAL_AWAITING_FILLS
    assert world.line().working.buy == D("0.2")
    world.fill("a", Side.BUY, "0.15")
    assert live(world)
    world.fill("a", Side.BUY, "0.05")
    assert world.reservation("a") is None


def test_never_sent_and_the_window_has_passed() -> None:
    world = approved()
    world.report("a", OrderReport.NEVER_SENT)
    world.now = closed(world) - MILLISECOND
    world.tick()
    assert live(world)
    world.tick()
    assert not live(world)
    assert [notice.kind for notice in world.notices()] == [NoticeKind.RESERVATION_ENDED]


def test_unknown_to_a_read_begun_after_approval_and_window() -> None:
    world = approved()
    world.not_found("a", as_of=closed(world) + 1)
    assert not live(world)
    assert [notice.kind for notice in world.notices()] == [NoticeKind.RESERVATION_ENDED]


def test_reported_cancelled_or_rejected_and_unknown_to_such_a_read() -> None:
    for what in (OrderReport.CANCELLED, OrderReport.REJECTED):
        world = approved()
        world.report("a", what)
        world.not_found("a", as_of=closed(world) + 1)
        assert not live(world)


def test_reported_acknowledged_but_unknown_to_such_a_read() -> None:
    world = approved()
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    world.not_found("a", venue_id="v1", as_of=closed(world) + 1)
    assert not live(world)


# -- what must not ------------------------------------------------------------------------------------------------


def test_not_by_time() -> None:
    world = approved()
    for _ in range(50):
        world.wait(60)
        world.tick()
    assert live(world)
    assert status(world) is ReservationStatus.UNKNOWN


@pytest.mark.parametrize("what", [OrderReport.CANCELLED, OrderReport.REJECTED])
def test_not_by_a_report_of_its_end(what: OrderReport) -> None:
    world = approved()
    world.report("a", what)
    world.wait(60)
    world.tick()
    assert live(world)


def test_not_by_never_sent_before_the_window_has_passed() -> None:
    world = approved()
    world.report("a", OrderReport.NEVER_SENT)
    world.wait(1)
    world.tick()
    assert live(world)


def test_not_by_never_sent_once_the_venue_has_shown_it() -> None:
    world = approved()
    world.report("a", OrderReport.NEVER_SENT)
    world.read([world.row("a", Side.BUY, "0.5", 50_000)])
    assert status(world) is ReservationStatus.ACKNOWLEDGED
    world.report("a", OrderReport.NEVER_SENT)
    world.wait(5, fresh=False)
    world.tick()
    assert live(world)


def test_not_by_never_sent_once_it_has_filled_a_little() -> None:
    world = approved()
    world.report("a", OrderReport.NEVER_SENT)
    world.fill("a", Side.BUY, "0.1")
    world.wait(5, fresh=False)
    world.tick()
    assert world.reservation("a") is not None


def test_not_by_never_sent_of_an_order_that_was_then_sent() -> None:
    world = approved()
    world.report("a", OrderReport.NEVER_SENT)
    world.report("a", OrderReport.SENT)
    world.wait(5, fresh=False)
    world.tick()
    assert live(world)


def test_not_by_never_sent_of_an_order_that_was_acknowledged() -> None:
    world = approved()
    world.report("a", OrderReport.ACKNOWLEDGED)
    world.report("a", OrderReport.NEVER_SENT)
    world.wait(5, fresh=False)
    world.tick()
    assert live(world)


@pytest.mark.parametrize("early", [SECOND, 1, 0])
def test_not_by_a_look_up_that_began_before_the_window_had_passed(early: int) -> None:
    world = approved()
    until = closed(world)
    world.wait(5)
    world.not_found("a", as_of=until - early)
    assert live(world)


def test_not_by_a_look_up_that_misses_what_the_venue_has_shown() -> None:
    world = approved()
    world.read([world.row("a", Side.BUY, "0.5", 50_000)])
    world.not_found("a", as_of=closed(world) + SECOND)
    assert live(world)


def test_not_by_a_look_up_that_misses_what_has_filled_a_little() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.1")
    world.not_found("a", as_of=closed(world) + SECOND)
    assert world.reservation("a") is not None


def test_not_by_a_look_up_that_misses_what_was_final() -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.1"))
    world.not_found("a", as_of=closed(world) + SECOND)
    assert live(world)


def test_not_by_a_complete_read_that_does_not_show_it() -> None:
    world = approved()
    world.wait(5)
    world.read()
    assert live(world)
    world.read([world.row("a", Side.BUY, "0.5", 50_000)])
    world.read()
    assert live(world)


def test_not_by_a_failed_read_or_a_lost_feed() -> None:
    world = approved()
    world.wait(5)
    world.apply(ReadFailed(ACCOUNT, "order", "timeout"))
    world.apply(FeedDisconnected(ACCOUNT))
    world.tick()
    assert live(world)


def test_not_by_a_fill_of_the_other_side_or_another_instrument() -> None:
    world = approved()
    world.fill("a", Side.SELL, "0.5")
    world.fill("a", Side.BUY, "0.5", instrument=SOL)
    assert world.line().working.buy == D("0.5")


def test_not_by_the_word_final_with_fewer_fills_than_it_says() -> None:
    """FILLED means the whole quantity: a count that lags must not end it."""
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.FILLED, filled=0))
    assert world.line().working.buy == D("0.5")


def test_not_by_a_second_final_answer_that_counts_less() -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.2"))
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled=0))
    assert live(world)


def test_not_by_an_open_answer_that_comes_after_the_final_one() -> None:
    world = approved()
    world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, filled="0.2"))
    world.read([world.row("a", Side.BUY, "0.5", 50_000, filled="0.1")])
    assert status(world) is ReservationStatus.FINAL_AWAITING_FILLS
    assert world.line().working.buy == D("0.2")


def test_not_by_a_liquidation_that_names_it() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.5", kind=FillKind.DELIVERY)
    assert world.reservation("a") is not None
