"""Complete reads: the window method, what differs, what is not explained, and what follows."""

import pytest

from risksvc.core import events, venue_events
from risksvc.core.comparing import KEEP_FILLS_MS
from risksvc.core.denials import DenialReason
from risksvc.core.outputs import NoticeKind
from risksvc.core.types import MILLISECOND, SECOND, Side
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, BETA, BTC, ETH, SOL, D, feed

SUSPECT = DenialReason.INSTRUMENT_SUSPECT


def holding(quantity: str = "0.5") -> World:
    world = given()
    world.hold("h", quantity)
    return world


def suspicions(world: World, symbol: str = BTC) -> list[str]:
    return [one.divergence.value for one in world.line(symbol).suspicions.values()]


def told(world: World) -> list[tuple[NoticeKind, str]]:
    return [(notice.kind, notice.name) for notice in world.notices()]


# -- the window method --------------------------------------------------------------------------------------------


def busy() -> World:
    """Held 0.5; three fills at 10, 20 and 30 ms of the read's window: +0.1, -0.3, +0.2."""
    world = holding()
    start = world.now // MILLISECOND
    for at, side, quantity in ((10, Side.BUY, "0.1"), (20, Side.SELL, "0.3"), (30, Side.BUY, "0.2")):
        id_ = f"w{at}"
        world.check(world.order(side, quantity, 50_000, client_order_id=id_))
        world.fill(id_, side, quantity, venue_time_ms=start + at)
    world.now += 100 * MILLISECOND
    return world


@pytest.mark.parametrize("seen", ["0.5", "0.6", "0.3"])
def test_any_point_inside_the_window_may_be_what_the_venue_shows(seen: str) -> None:
    world = busy()
    world.read(positions={BTC: seen}, took_ms=200)
    assert suspicions(world) == []
    assert world.line().low == world.line().high == D("0.5")


@pytest.mark.parametrize("seen", ["0.2", "0.4", "0.7", "0.8"])
def test_what_was_held_at_no_point_inside_it_differs(seen: str) -> None:
    world = busy()
    world.read(positions={BTC: seen}, took_ms=200)
    assert suspicions(world) == ["POSITION_DRIFT"]


def test_fills_older_than_the_window_are_all_in_and_younger_ones_are_none() -> None:
    world = holding()
    now_ms = world.now // MILLISECOND
    for id_, at in (("old", now_ms - 2_300), ("young", now_ms + 500)):
        world.buy("0.1", 50_000, client_order_id=id_)
        world.fill(id_, Side.BUY, "0.1", venue_time_ms=at)
    for seen, fits in (("0.6", True), ("0.5", False), ("0.7", False)):
        world.line().suspicions.clear()
        world.read(positions={BTC: seen}, took_ms=200)
        assert (suspicions(world) == []) is fits, seen
    assert (world.line().low, world.line().high) == (D("0.7"), D("0.8"))


def test_the_settle_time_lets_positions_lag_behind_fills() -> None:
    world = holding()
    world.buy("0.1", 50_000, client_order_id="a")
    fill = world.fill("a", Side.BUY, "0.1")
    world.now = (fill.venue_time_ms + 2_010) * MILLISECOND
    world.read(positions={BTC: "0.5"}, took_ms=10)
    assert suspicions(world) == []
    world.read(positions={BTC: "0.5"}, took_ms=10)
    assert suspicions(world) == ["POSITION_DRIFT"]


def test_fills_that_no_later_window_can_reach_are_folded_away() -> None:
    world = holding()
    assert len(world.line().recent) == 1
    world.wait((KEEP_FILLS_MS + 5_000) / 1_000)
    assert world.line().recent == []
    assert world.line().base == world.line().ledger == D("0.5")
    world.read(positions={BTC: "0.5"})
    assert suspicions(world) == []


def test_while_they_differ_fills_are_kept() -> None:
    world = holding()
    for _ in range(3):
        world.wait(100, fresh=False)
        world.read(positions={BTC: "0.4"})
    assert len(world.line().recent) == 1


# -- drift --------------------------------------------------------------------------------------------------------


def test_one_read_that_differs_is_suspect_and_three_in_a_row_halt() -> None:
    world = holding()
    world.read(positions={BTC: "0.9"})
    assert told(world) == [(NoticeKind.SUSPECT, "POSITION_DRIFT")]
    assert reasons(world.buy("0.01", 50_000))[0] is SUSPECT
    assert world.buy(1, 100, instrument=SOL).approved
    world.read(positions={BTC: "0.9"})
    assert world.halts() == []
    world.read(positions={BTC: "0.9"})
    assert [(halt.trigger, halt.severity.name) for halt in world.halts()] == [("POSITION_DRIFT", "P0")]
    assert (NoticeKind.DIVERGED, "POSITION_DRIFT") in told(world)
    assert "the venue holds 0.9, the ledger says 0.5" in world.halts()[0].reason


def test_a_difference_that_explains_itself_is_cleared_and_counts_from_nothing() -> None:
    world = holding()
    for _ in range(2):
        world.read(positions={BTC: "0.9"})
        world.read(positions={BTC: "0.9"})
        world.read()
        assert told(world) == [(NoticeKind.SUSPECT_CLEARED, "POSITION_DRIFT")]
    assert world.halts() == []
    assert world.buy("0.01", 50_000).approved


def test_neither_ledger_nor_belief_is_ever_overwritten() -> None:
    world = holding()
    world.believe("0.5")
    for _ in range(5):
        world.read(positions={BTC: 3})
    line = world.line()
    assert (line.ledger, line.venue, world.position()) == (D("0.5"), D(3), D("0.5"))
    belief = world.part().belief
    assert belief is not None
    assert belief.quantity == D("0.5")


def test_while_they_differ_the_worst_end_counts() -> None:
    world = holding()
    world.read(positions={BTC: "-0.7"})
    line = world.line()
    assert (line.low, line.high) == (D("-0.7"), D("0.5"))
    assert world.book.total == 35_000
    assert line.held == 0


def test_an_empty_read_never_makes_a_position_flat() -> None:
    world = holding()
    world.hold("e", 10, instrument=ETH)
    world.read(positions={})
    assert (world.line().low, world.line().high) == (D(0), D("0.5"))
    assert world.book.total == 50_000
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [DenialReason.NOT_REDUCING]
    world.read(positions={})
    assert world.halts() == []
    world.read(positions={})
    assert world.triggers() == ["POSITION_DRIFT"]


def test_fills_while_they_differ_move_both_ends() -> None:
    world = holding()
    world.sell("0.1", 50_000, client_order_id="s")
    world.read(positions={BTC: "0.8"})
    world.fill("s", Side.SELL, "0.1")
    assert (world.line().low, world.line().high) == (D("0.4"), D("0.7"))


def test_a_single_bad_read_over_the_limit_halts_nothing() -> None:
    world = holding()
    world.read(positions={BTC: 5})
    assert world.halts() == []
    world.read()
    assert suspicions(world) == []


def test_how_many_reads_is_a_setting() -> None:
    world = given(account={"drift_reads": 1})
    world.read(positions={BTC: 1})
    assert world.triggers() == ["POSITION_DRIFT"]


def test_a_halt_is_raised_once_for_one_cause() -> None:
    world = given()
    for _ in range(6):
        world.read(positions={BTC: 1})
    assert world.triggers() == ["POSITION_DRIFT"]


def test_a_position_in_an_instrument_that_nobody_listed_stops_growth_and_halts() -> None:
    world = given()
    world.read(positions={"NEWUSDT": 7})
    decision = world.buy("0.1", 50_000)
    assert reasons(decision) == [DenialReason.MARK_MISSING]
    assert decision.denials[0].scope.instrument == "NEWUSDT"
    world.read(positions={"NEWUSDT": 7})
    world.read(positions={"NEWUSDT": 7})
    assert world.triggers() == ["POSITION_DRIFT"]


def test_an_instrument_that_is_listed_later_is_the_same_position() -> None:
    world = given()
    world.read(positions={"NEW/USDT:USDT": 7})
    listed = world.line().instrument
    assert listed is not None
    new = type(listed)("NEW/USDT:USDT", listed.kind, "NEW", "USDT", D(1))
    world.apply(feed(instruments=(listed, new)))
    world.mark("NEW/USDT:USDT", 10)
    assert world.line("NEW/USDT:USDT").worst.exposure == 70


# -- orders -------------------------------------------------------------------------------------------------------


def rogue_row(world: World, **rest: object) -> venue_events.VenueOrder:
    return world.row("", Side.BUY, "0.4", 50_000, venue_order_id="rogue", **rest)


def test_an_order_that_no_approval_explains_halts_on_one_read_and_counts_in_exposure() -> None:
    world = given()
    world.read([rogue_row(world)])
    assert [(halt.trigger, halt.severity.name) for halt in world.halts()] == [("UNEXPECTED_ORDER", "P0")]
    assert "no approval explains order rogue: BUY 0.4" in world.halts()[0].reason
    assert world.book.total == 20_000


def test_it_is_kept_once_however_often_it_is_shown() -> None:
    world = given()
    for _ in range(3):
        world.read([rogue_row(world)])
    assert world.book.total == 20_000
    world.read([rogue_row(world, filled="0.1")])
    assert world.line().working.buy == D("0.3")


def test_it_stops_counting_when_a_complete_read_does_not_show_it() -> None:
    world = given()
    world.read([rogue_row(world)])
    world.read(as_of=world.now - SECOND)
    assert world.book.total == 20_000
    world.read()
    assert world.book.total == 0
    assert suspicions(world) == []
    assert told(world) == [(NoticeKind.SUSPECT_CLEARED, "UNEXPECTED_ORDER")]
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_its_fills_are_unexplained_too_and_count_once() -> None:
    world = given()
    world.read([rogue_row(world)])
    world.fill("", Side.BUY, "0.1", venue_order_id="rogue")
    assert (world.line().ledger, world.line().working.buy) == (D("0.1"), D("0.3"))
    world.read([rogue_row(world, filled="0.1")])
    assert world.line().working.buy == D("0.3")
    assert set(world.triggers()) == {"UNEXPECTED_ORDER", "UNEXPECTED_FILL"}


def test_its_last_fill_after_it_was_released_is_unexplained() -> None:
    world = given()
    row = world.row("r1", Side.BUY, "0.4", 50_000, venue_order_id="rogue")
    world.read([row])
    world.read()
    world.fill("r1", Side.BUY, "0.4", venue_order_id="rogue")
    assert told(world) == []
    assert len(world.line().unexplained) == 1


def test_orders_without_limit_or_with_a_trigger_count_as_market_orders() -> None:
    world = given()
    world.read([world.row("x", Side.BUY, "0.4", trigger_price=D(60_000))])
    assert world.book.total == 21_000


def test_one_that_reduces_counts_as_reducing_where_the_venue_enforces_it() -> None:
    world = holding()
    row = world.row("", Side.SELL, "0.5", 50_000, venue_order_id="tp", reduce_only=True)
    world.read([row])
    assert world.line().working.reduce_sell == D("0.5")
    world = holding()
    world.apply(feed(enforces_reduce_only=False))
    world.read([row])
    assert world.line().working.sell == D("0.5")


def test_an_order_that_the_venue_shows_larger_than_approved_is_unexpected() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    world.read([world.row("a", Side.BUY, "0.6", 50_000)])
    assert world.triggers() == ["UNEXPECTED_ORDER"]
    assert world.book.total == 30_000
    world.fill("a", Side.BUY, "0.1")
    assert world.position() == D("0.1")
    world.read([world.row("a", Side.BUY, "0.6", 50_000, filled="0.1")])
    assert world.book.total == 30_000


def test_even_when_it_was_amended_before() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    world.amend("a", Side.BUY, "0.3", 50_000)
    world.read([world.row("a", Side.BUY, "0.6", 50_000)])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


@pytest.mark.parametrize(("side", "price", "expected"), [
    (Side.BUY, "50000.01", True), (Side.BUY, 49_999, False), (Side.SELL, 49_999, True), (Side.SELL, "50000.01", False),
])  # fmt: skip
def test_a_price_that_is_worse_than_approved_is_unexpected(side: Side, price: str | int, *, expected: bool) -> None:
    world = given()
    world.check(world.order(side, "0.2", 50_000, client_order_id="a"))
    world.read([world.row("a", side, "0.2", price)])
    assert (world.triggers() == ["UNEXPECTED_ORDER"]) is expected


def test_a_market_order_may_be_shown_with_any_price() -> None:
    world = given()
    world.buy("0.2", client_order_id="a")
    world.read([world.row("a", Side.BUY, "0.2", 52_000)])
    assert world.halts() == []


@pytest.mark.parametrize("change", [{"side": Side.SELL}, {"instrument": SOL}, {"venue_order_id": "v2"}])
def test_a_second_order_under_an_approved_id_is_another_order(change: dict[str, object]) -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    first = world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v1")
    world.read([first])
    side = change.pop("side", Side.BUY)
    second = world.row("a", side, "0.2", 50_000, **change)  # type: ignore[arg-type]
    for _ in range(3):
        world.read([first, second])
    assert world.triggers() == ["UNEXPECTED_ORDER"]
    assert len(world.book.live()) == 2
    found = world.reservation("a")
    assert found is not None
    assert found.explained
    total = sum(one.counted_value for one in world.book.live())
    assert total == sum(line.working.buy_value + line.working.sell_value for line in world.book.lines.values())


def test_an_order_that_was_reported_never_sent_and_is_there_all_the_same_is_unexpected() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a", strategy=BETA)
    world.report("a", events.OrderReport.NEVER_SENT, strategy=BETA)
    world.wait(2)
    world.tick()
    world.read([world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v1")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_the_result_of_a_look_up_for_nobodys_order_changes_nothing() -> None:
    world = given()
    world.look_up(world.row("x", Side.BUY, "0.2", 50_000))
    world.not_found("y")
    assert world.book.live() == []


def test_two_orders_that_the_look_up_finds_under_one_id() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    open_one = world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v1")
    ended = world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v2", status=venue_events.VenueStatus.CANCELLED)
    world.look_up(open_one, ended)
    assert len(world.book.live()) == 1
    assert suspicions(world) == ["UNEXPECTED_ORDER"]
    world.read([open_one])
    assert world.triggers() == ["UNEXPECTED_ORDER"]  # it is gone, but it was there, and nobody had approved it
    world.read([open_one])
    assert suspicions(world) == []


def test_a_read_that_shows_what_is_known_costs_nothing_and_says_nothing() -> None:
    world = given()
    world.buy("0.2", 50_000, client_order_id="a")
    row = world.row("a", Side.BUY, "0.2", 50_000, venue_order_id="v1")
    world.read([row])
    before = world.book.total
    assert world.read([row]) == ()
    assert world.book.total == before
    assert world.apply(events.Ticked()) == ()
    assert world.book.feed is not None
    assert world.book.feed.account == ACCOUNT
