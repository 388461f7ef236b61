"""Lease, reads and marks: young enough, or denied with that reason. Boundaries to the nanosecond (I8)."""

import itertools
from dataclasses import replace

import pytest

from risksvc.core import events, venue_events
from risksvc.core.config import GateConfig
from risksvc.core.denials import DenialReason
from risksvc.core.state import GateState
from risksvc.core.types import MILLISECOND, SECOND, Side
from tests.unit.core.builders import World, given, reasons, started
from tests.unit.core.catalogue import ACCOUNT, BTC, ETH, SOL, START, D, feed, limits

SNAPSHOT, MARK, LEASE = DenialReason.SNAPSHOT_STALE, DenialReason.MARK_STALE, DenialReason.KILL_SWITCH_UNREACHABLE


def aged(*, read: int = 0, mark: int = 0) -> World:
    """A gate that holds something, whose read and marks will be so old when the next order comes."""
    world = given()
    world.hold("a", "0.5")
    decided = world.now + 60 * SECOND
    world.now = decided - 4 * MILLISECOND
    world.lease()
    marks = (venue_events.Mark(SOL, D(100)), venue_events.Mark(BTC, D(50_000)))
    world.apply(venue_events.MarksReceived(ACCOUNT, decided - mark, marks))
    world.book.snapshot_as_of = decided - read
    world.believe("0.5")
    world.now = decided - MILLISECOND
    return world


@pytest.mark.parametrize(
    ("read", "mark", "expected"),
    [
        (6 * SECOND, 6 * SECOND, []),
        (6 * SECOND + 1, 0, [SNAPSHOT]),
        (0, 6 * SECOND + 1, [MARK]),
        (31 * SECOND, 31 * SECOND, [SNAPSHOT, MARK]),
    ],
)
def test_growth_needs_a_read_and_marks_of_six_seconds_at_most(
    read: int, mark: int, expected: list[DenialReason]
) -> None:
    assert reasons(aged(read=read, mark=mark).buy("0.1", 50_000)) == expected


@pytest.mark.parametrize(
    ("read", "mark", "expected"),
    [
        (30 * SECOND, 30 * SECOND, []),
        (30 * SECOND + 1, 0, [SNAPSHOT]),
        (0, 30 * SECOND + 1, [MARK]),
    ],
)
def test_reducing_needs_them_of_thirty_seconds_at_most(read: int, mark: int, expected: list[DenialReason]) -> None:
    assert reasons(aged(read=read, mark=mark).sell("0.1", 50_000, reduce_only=True)) == expected


def test_growth_needs_fresh_marks_of_everything_that_is_held() -> None:
    world = aged(mark=7 * SECOND)
    world.mark(SOL, 100)
    decision = world.buy(1, 100, instrument=SOL)
    assert reasons(decision) == [MARK]
    assert decision.denials[0].limit == 6_000


def test_a_stale_mark_of_what_is_neither_held_nor_worked_matters_to_nobody_else() -> None:
    world = given()
    world.wait(7, fresh=False)
    world.read()
    world.mark(SOL, 100)
    assert world.buy(1, 100, instrument=SOL).approved
    assert reasons(world.buy(1, 25_000, instrument=ETH)) == [MARK]


def test_a_new_order_in_an_instrument_makes_its_mark_matter() -> None:
    world = given()
    world.wait(5, fresh=False)
    world.mark(SOL, 100)
    world.buy(1, 100, instrument=SOL)
    assert world.buy("0.1", 50_000).approved
    world.wait(2, fresh=False)
    world.read()
    assert reasons(world.buy(1, 100, instrument=SOL)) == [MARK]


def test_the_lease_ends_at_its_nanosecond() -> None:
    world = given()
    world.apply(events.LeaseRenewed(world.now + SECOND))
    until = world.now + SECOND - MILLISECOND
    world.apply(events.LeaseLost(store_lost=False, why="test"))
    world.apply(events.LeaseRenewed(until))
    world.now = until - MILLISECOND - 1
    assert world.buy("0.1", 50_000).approved
    world.now = until - MILLISECOND
    assert reasons(world.buy("0.1", 50_000)) == [LEASE]


def test_an_older_promise_never_shortens_the_lease_and_giving_it_up_does() -> None:
    world = given()
    world.lease(10)
    world.lease(5)
    world.wait(7, fresh=False)
    assert world.gate.state.has_lease(world.now)
    world.apply(events.LeaseLost(store_lost=False, why="paused"))
    assert not world.gate.state.has_lease(world.now)
    world.lease()
    world.refresh()
    assert world.buy("0.1", 50_000).approved


def test_a_lost_store_stays_lost_until_the_lease_is_renewed() -> None:
    world = given()
    world.apply(events.LeaseLost(store_lost=True, why="empty"))
    world.apply(events.LeaseLost(store_lost=False, why="reconnected"))
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.KILL_SWITCH_STORE_LOST]
    world.lease()
    assert world.buy("0.1", 50_000).approved


def test_a_new_process_starts_closed_and_keeps_what_it_knew() -> None:
    world = given()
    world.hold("a", "0.5")
    world.apply(events.GateStarted(world.config))
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.STARTING]
    world.lease()
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.SNAPSHOT_MISSING]
    world.read()
    world.marks()
    assert world.buy("0.1", 50_000).approved
    assert world.position() == D("0.5")


def test_an_older_read_is_ignored() -> None:
    world = given()
    world.read(positions={BTC: 9}, as_of=world.now - SECOND)
    assert world.line().venue == 0
    assert not world.line().suspicions


def test_a_read_that_fails_changes_nothing_but_is_shown() -> None:
    world = given()
    world.hold("a", "0.5")
    before = (world.line().low, world.line().high, world.book.snapshot_as_of, world.book.total)
    world.apply(venue_events.ReadFailed(ACCOUNT, "positions", "HTTP 502"))
    assert (world.line().low, world.line().high, world.book.snapshot_as_of, world.book.total) == before
    assert world.book.last_read_failure == "positions: HTTP 502"
    world.read()
    assert world.book.last_read_failure == ""


def test_why_nothing_is_approved_is_told_without_an_order() -> None:
    def because(world: World) -> list[DenialReason]:
        return list(world.gate.closed_because(ACCOUNT, world.now))

    world = started()
    assert because(world) == [
        DenialReason.STARTING,
        DenialReason.LIMITS_NOT_LOADED,
        DenialReason.SNAPSHOT_MISSING,
    ]
    assert list(world.gate.closed_because("other", world.now))[-1] is DenialReason.ACCOUNT_UNKNOWN
    world = given()
    assert because(world) == []
    world.wait(7, fresh=False)
    assert because(world) == [SNAPSHOT]
    world.book.adopted = False
    assert because(world) == [DenialReason.NOT_ADOPTED]
    world.load(replace(limits(), accounts={}))
    assert because(world) == [DenialReason.ACCOUNT_UNKNOWN]


def test_time_runs_forwards() -> None:
    world = given()
    with pytest.raises(AssertionError, match="time runs forwards"):
        world.gate.apply(events.Ticked(), world.now - 1)


def test_an_account_of_another_gate_is_nobodys() -> None:
    world = given()
    for event in (
        feed(account="other"),
        venue_events.FeedDisconnected("other"),
        venue_events.FillsReceived("other", (world.make_fill("a", Side.BUY, 1),)),
        venue_events.SnapshotReceived("other", world.now, 0, 1, (), ()),
        venue_events.MarksReceived("other", world.now, ()),
        venue_events.OrderStatesReceived("other", world.now, ()),
        venue_events.ReadFailed("other", "marks", "x"),
    ):
        assert world.apply(event) == ()
    assert list(world.gate.state.accounts) == [ACCOUNT]


@pytest.mark.parametrize("flags", list(itertools.product((False, True), repeat=6)))
def test_open_is_where_nothing_is_closed(flags: tuple[bool, ...]) -> None:
    started, seen, fault, draining, loaded, lost = flags
    for lease_until in (START, START + 1):
        state = GateState(
            config=GateConfig("g1", {}) if started else None,
            limits=limits() if loaded else None,
            lease_until=lease_until,
            lease_seen=seen,
            store_lost="why" if lost else "",
            draining=draining,
            fault="why" if fault else "",
        )
        assert state.is_open(START) is (not list(state.closed(START)))
