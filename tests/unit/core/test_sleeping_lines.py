"""Lines on which nothing happens cost a read, a mark and a reload nothing, and nobody can tell from what is decided."""

from dataclasses import replace

import pytest

from risksvc.core import events, venue_events
from risksvc.core.deadlines import SPARE
from risksvc.core.line import Line
from risksvc.core.outputs import LookUp
from risksvc.core.types import SECOND, Side
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import (
    ACCOUNT,
    ALPHA,
    BETA,
    BTC,
    ETH,
    INSTRUMENTS,
    MARKS,
    SOL,
    SPOT,
    D,
    feed,
    instrument,
)


def asleep(world: World) -> list[str]:
    return [line.key for line in world.book.lines.values() if line.asleep]


def read_twice(world: World) -> World:
    """The second read finds the fills that the first one had beside it a minute old."""
    world.wait(90)
    return world.wait(90)


def test_a_line_falls_asleep_when_a_read_shows_it_flat_and_wakes_with_its_next_fill() -> None:
    world = given().refresh()
    assert BTC in asleep(world)

    world.hold("a", "0.1")
    assert BTC not in asleep(world)
    world.sell("0.1", 50_000, client_order_id="b")
    world.fill("b", Side.SELL, "0.1", 50_000)
    assert BTC not in asleep(world)

    read_twice(world)
    assert BTC in asleep(world)


def test_an_order_that_works_is_compared_though_its_line_sleeps() -> None:
    world = given().refresh()
    world.buy("0.1", 50_000, client_order_id="a")
    line = world.line()

    assert line.asleep
    assert line in world.book.stirring()


def test_what_two_strategies_hold_against_each_other_keeps_their_line_awake() -> None:
    world = given()
    world.hold("a", "0.1")
    world.hold("b", "-0.1", strategy=BETA)
    read_twice(world)

    assert world.line().ledger == 0
    assert BTC not in asleep(world)


def test_a_wrong_belief_and_a_reported_fill_wake_a_line() -> None:
    world = given().refresh()
    world.believe("0.5")
    assert BTC not in asleep(world)

    world = given().refresh()
    world.buy("0.1", 50_000, client_order_id="a")
    told = world.make_fill("a", Side.BUY, "0.1", 50_000)
    world.apply(events.FillReported(ACCOUNT, ALPHA, told))
    assert BTC not in asleep(world)


def test_a_read_that_shows_a_position_in_a_line_that_slept_differs() -> None:
    world = given().refresh()
    world.read(positions={ETH: 3})

    assert world.line(ETH).drifting
    assert world.line(ETH).suspicions
    assert ETH not in asleep(world)


def test_in_hedge_mode_both_legs_must_be_read_as_flat() -> None:
    world = given()
    world.apply(feed(hedge_mode=True))
    assert asleep(world) == []
    world.refresh()
    assert BTC in asleep(world)

    world.line().long, world.line().short, world.line().asleep = D(1), D(1), False
    world.refresh()
    assert BTC not in asleep(world)


# -- what is valued anew --------------------------------------------------------------------------------------------


def test_another_collar_counts_for_the_market_orders_that_work_under_it() -> None:
    world = given()
    world.buy("0.1", client_order_id="a")
    assert world.book.total == D(5_250)

    world.load(instruments={BTC: instrument(price_collar=D(10))})
    assert world.book.total == D(5_500)


def test_another_rate_counts_for_what_is_quoted_in_it() -> None:
    world = given()
    world.hold("a", "0.1")
    world.load(rates={"USDT": D("0.5"), "USDC": D(1), "USD": D(1)})

    assert world.book.total == D(2_500)
    assert world.line(ETH).unit == MARKS[ETH] * D("0.1") * D("0.5")
    assert world.book.held == D(2_500)


def test_another_contract_size_counts_once_the_venue_lists_it() -> None:
    world = given()
    world.hold("a", "0.1")
    doubled = tuple(replace(one, contract_size=D(2)) if one.symbol == BTC else one for one in INSTRUMENTS)
    world.apply(feed(instruments=doubled))

    assert world.book.total == D(10_000)


def test_a_mark_of_what_is_idle_values_it_for_the_next_order() -> None:
    world = given()
    world.mark(SOL, 200)
    assert world.line(SOL).unit == D(200)
    assert world.line(SOL).worst.exposure == 0
    assert world.buy(10, 200, instrument=SOL).instrument_exposure.after == D(2_000)


def test_a_line_that_was_warned_and_is_idle_warns_again() -> None:
    world = given()
    world.buy("0.6", 50_000, client_order_id="a")
    world.mark(BTC, 50_001)
    assert world.line().warned
    world.wait(3)
    world.report("a", events.OrderReport.NEVER_SENT)
    world.wait(60)
    world.tick()
    assert world.line().idle
    world.mark(BTC, 50_000)
    assert not world.line().warned


# -- how old the marks are ------------------------------------------------------------------------------------------


def test_the_oldest_mark_is_of_what_is_held_or_works() -> None:
    world = given()
    world.hold("a", "0.1")
    world.hold("b", "2", instrument=ETH, strategy=ALPHA)
    early = world.line(ETH).marks[ETH].as_of
    world.mark(BTC, 50_000)
    world.mark(SOL, 100)

    assert world.book.oldest_mark == early
    world.mark(ETH, 25_000)
    assert world.book.oldest_mark == world.line().marks[BTC].as_of


def test_of_a_spot_asset_each_pair_s_mark_counts_until_nothing_is_held() -> None:
    world = given()
    world.hold("a", "1", instrument=SPOT)
    book, line = world.book, world.line(SPOT)
    assert sum(book.busy.ages.values()) == len(line.marks)

    world.sell("1", 100, instrument=SPOT, client_order_id="b")
    world.fill("b", Side.SELL, "1", 100, instrument=SPOT)
    assert list(book.busy) == []
    assert book.busy.ages == {}


@pytest.mark.parametrize("times", [1, 2])
def test_a_line_is_busy_once(times: int) -> None:
    world = given()
    line = Line("X")
    for _ in range(times):
        world.book.busy.add(line)
    for _ in range(times):
        world.book.busy.drop(line)
    assert list(world.book.busy) == []


# -- when time brings something about -------------------------------------------------------------------------------


def test_an_order_that_was_approved_anew_is_due_when_its_last_approval_is_over() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    first = world.book.reservations["a"]
    early = first.valid_until + world.book.config.venue_window_ns
    world.wait(0.2)
    assert world.amend("a", Side.BUY, "0.1", 50_000).approved

    world.now = early
    assert not any(isinstance(one, LookUp) for one in world.tick())
    world.now = first.valid_until + world.book.config.venue_window_ns
    assert any(isinstance(one, LookUp) for one in world.tick())


def test_what_is_due_while_no_feed_is_there_is_asked_when_one_comes() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    world.apply(venue_events.FeedDisconnected(ACCOUNT))
    world.now += 60 * SECOND
    assert not any(isinstance(one, LookUp) for one in world.tick())

    world.apply(feed())
    assert [one for one in world.tick() if isinstance(one, LookUp)]
    assert not any(isinstance(one, LookUp) for one in world.tick())


def test_a_restart_under_another_venue_window_waits_for_that() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    until = world.book.reservations["a"].valid_until
    account = replace(world.book.config, venue_window_ns=100 * SECOND)
    world.apply(events.GateStarted(replace(world.config, accounts={ACCOUNT: account})))
    world.apply(feed())
    world.now = until + 99 * SECOND
    assert not any(isinstance(one, LookUp) for one in world.tick())
    world.now = until + 101 * SECOND
    assert any(isinstance(one, LookUp) for one in world.tick())


def test_moments_of_orders_that_are_over_do_not_pile_up_without_ticks() -> None:
    world = given()
    world.buy("0.001", 50_000, client_order_id="stays")
    for number in range(SPARE + 100):
        world.buy("0.001", 50_000, client_order_id=f"x{number}")
        world.look_up(world.row(f"x{number}", Side.BUY, "0.001", 50_000, status=venue_events.VenueStatus.CANCELLED))

    assert list(world.book.watched) == ["stays"]
    assert len(world.book.deadlines.waiting) <= SPARE + 4
    world.now += 60 * SECOND
    assert [one for one in world.tick() if isinstance(one, LookUp)]
