"""Fills: each once, to the strategy whose approved order it fills; what no approval explains halts."""

import dataclasses
import itertools

import pytest

from risksvc.core.events import FillReported, OrderReport
from risksvc.core.outputs import NoticeKind, ReportTaken
from risksvc.core.trades import SeenTrades
from risksvc.core.types import Side
from risksvc.core.venue_events import FillKind, FillsReceived, Leg, VenueStatus
from tests.unit.core.builders import World, given, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SPOT, SPOT_USDC, D, feed


def approved() -> World:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    return world


def kinds(world: World) -> list[NoticeKind]:
    return [notice.kind for notice in world.notices()]


def test_a_fill_moves_from_the_reservation_to_the_position_in_one_step() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.2")
    assert (world.position(), world.line().working.buy) == (D("0.2"), D("0.3"))
    assert world.line().low == world.line().high == D("0.2")
    assert world.book.total == 25_000


def test_the_same_fill_again_changes_nothing() -> None:
    world = approved()
    fill = world.fill("a", Side.BUY, "0.2")
    world.tell(fill, fill)
    assert world.position() == D("0.2")


def test_a_fill_from_a_report_and_from_the_feed_counts_once_whoever_is_first() -> None:
    for first, second in itertools.permutations(("report", "feed")):
        world = approved()
        fill = world.make_fill("a", Side.BUY, "0.2")
        for source in (first, second):
            if source == "feed":
                world.tell(fill)
            else:
                world.apply(FillReported(ACCOUNT, ALPHA, fill))
        assert world.outputs[:1] == ((ReportTaken(known=False),) if second == "report" else ())
        assert world.position() == D("0.2")


def test_fills_in_any_order_give_the_same() -> None:
    found = []
    for order in itertools.permutations(range(4)):
        world = given()
        world.buy("0.5", 50_000, client_order_id="a")
        world.sell("0.3", 50_000, client_order_id="b")
        made = [
            world.make_fill("a", Side.BUY, "0.2"),
            world.make_fill("b", Side.SELL, "0.1"),
            world.make_fill("a", Side.BUY, "0.3"),
            world.make_fill("b", Side.SELL, "0.2"),
        ]
        for index in order:
            world.tell(made[index])
        line = world.line()
        found.append((world.position(), line.ledger, line.low, line.high, line.working, world.book.total))
    assert len({str(one) for one in found}) == 1


def test_a_fill_that_names_only_the_venues_id_is_explained_by_the_acknowledgement() -> None:
    world = approved()
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    world.fill("", Side.BUY, "0.5", venue_order_id="v1")
    assert world.position() == D("0.5")


def test_the_venues_id_may_be_learnt_after_the_fill() -> None:
    world = approved()
    world.fill("", Side.BUY, "0.2", venue_order_id="v1")
    assert world.position() == 0
    assert world.line().ledger == D("0.2")
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    assert world.position() == D("0.2")
    assert world.line().unexplained == {}
    assert world.line().suspicions == {}
    world.read()
    assert world.halts() == []


def test_the_venues_id_may_be_learnt_from_a_read() -> None:
    world = approved()
    world.fill("", Side.BUY, "0.2", venue_order_id="v1")
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1", filled="0.2")])
    assert world.position() == D("0.2")
    assert world.halts() == []


def test_the_venues_id_may_be_learnt_from_another_fill() -> None:
    world = approved()
    world.fill("", Side.BUY, "0.2", venue_order_id="v1")
    world.fill("a", Side.BUY, "0.1", venue_order_id="v1")
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1", filled="0.3")])
    assert world.position() == D("0.3")


def test_a_repeat_of_the_fill_may_bring_its_order() -> None:
    world = approved()
    fill = world.fill("", Side.BUY, "0.2", unresolved=True)
    world.tell(dataclasses.replace(fill, client_order_id="a"))
    assert world.position() == D("0.2")
    assert world.line().suspicions == {}


def test_one_that_no_approval_explains_halts_on_one_complete_read() -> None:
    world = given()
    world.fill("", Side.BUY, 4, venue_order_id="rogue")
    assert world.line().ledger == 4
    assert world.book.total == 200_000
    assert world.halts() == []
    world.read()
    assert [(halt.trigger, halt.severity.name, halt.scope.account) for halt in world.halts()] == [
        ("UNEXPECTED_FILL", "P0", ACCOUNT),
        ("POSITION_OVER_LIMIT", "P0", ACCOUNT),
    ]
    assert "BUY 4 BTC/USDT:USDT" in world.halts()[0].reason


def test_one_whose_order_the_feed_could_not_find_out_halts_on_the_third_read() -> None:
    world = given()
    world.fill("", Side.BUY, "0.1", unresolved=True)
    world.read()
    world.read()
    assert world.halts() == []
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_one_that_is_unexplained_beside_one_that_is_unresolved_halts_at_once() -> None:
    world = given()
    world.fill("", Side.BUY, "0.1", unresolved=True)
    world.fill("", Side.BUY, "0.1", venue_order_id="rogue")
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_an_unresolved_fill_is_no_proof_that_too_much_is_held() -> None:
    world = given()
    world.hold("a", 1)
    world.fill("", Side.BUY, "0.1", unresolved=True)
    world.marks()
    assert world.triggers() == ["PASSIVE_BREACH"]


@pytest.mark.parametrize("change", [{"side": Side.SELL}, {"instrument": ETH}])
def test_one_on_the_wrong_side_or_instrument_of_its_order_is_not_explained_by_it(change: dict[str, object]) -> None:
    world = approved()
    side = change.pop("side", Side.BUY)
    world.fill("a", side, "0.1", **change)  # type: ignore[arg-type]
    assert world.position() == 0
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_more_than_was_approved_halts_at_once() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.4")
    world.fill("a", Side.BUY, "0.2")
    assert world.triggers() == ["UNEXPECTED_FILL"]
    assert "approved for 0.5 and has filled 0.6" in world.halts()[0].reason
    assert world.position() == D("0.6")
    assert world.reservation("a") is None


def test_one_more_after_the_order_was_filled_whole_halts_on_the_next_read() -> None:
    world = approved()
    world.fill("a", Side.BUY, "0.5")
    world.fill("a", Side.BUY, "0.1")
    assert world.position() == D("0.5")
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


# -- late ---------------------------------------------------------------------------------------------------------


def finished_too_soon(how: str) -> World:
    world = approved()
    if how == "cancelled":
        world.look_up(world.row("a", Side.BUY, "0.5", 50_000, status=VenueStatus.CANCELLED, venue_order_id="v1"))
    else:
        world.report("a", OrderReport.NEVER_SENT)
        world.wait(2)
        world.tick()
    assert world.reservation("a") is None
    return world


@pytest.mark.parametrize("how", ["cancelled", "never sent"])
def test_a_fill_of_an_order_that_was_proven_finished_counts_and_is_told(how: str) -> None:
    world = finished_too_soon(how)
    world.fill("a", Side.BUY, "0.2")
    assert kinds(world) == [NoticeKind.LATE_FILL]
    assert world.position() == D("0.2")
    world.read()
    assert world.halts() == []


def test_it_is_known_by_the_venues_id_too() -> None:
    world = finished_too_soon("cancelled")
    world.fill("", Side.BUY, "0.2", venue_order_id="v1")
    assert kinds(world) == [NoticeKind.LATE_FILL]


def test_late_fills_are_explained_up_to_what_was_left() -> None:
    world = finished_too_soon("cancelled")
    world.fill("a", Side.BUY, "0.4")
    world.fill("a", Side.BUY, "0.2")
    assert world.position() == D("0.4")
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


@pytest.mark.parametrize("rest", [{"side": Side.SELL}, {"side": Side.BUY, "venue_order_id": "v2"}])
def test_a_fill_of_another_order_under_the_id_is_not_late(rest: dict[str, object]) -> None:
    world = finished_too_soon("cancelled")
    world.fill("a", rest.pop("side"), "0.1", **rest)  # type: ignore[arg-type]
    assert kinds(world) == []
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_late_fills_over_the_limit_are_more_than_was_approved_at_once() -> None:
    world = finished_too_soon("cancelled")
    world.buy("0.8", 50_000, client_order_id="b")
    world.fill("b", Side.BUY, "0.8")
    world.fill("a", Side.BUY, "0.5")
    world.marks()
    assert world.triggers() == ["POSITION_OVER_LIMIT"]


def test_a_late_fill_is_forgiven_when_the_position_is_gone() -> None:
    world = finished_too_soon("cancelled")
    world.fill("a", Side.BUY, "0.5")
    assert world.line().overfilled
    world.sell("0.5", 50_000, client_order_id="s", belief="0.5")
    world.fill("s", Side.SELL, "0.5")
    assert not world.line().overfilled


def test_so_many_finished_orders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risksvc.core.reservations.FINISHED_KEPT", 2)
    world = given()
    for id_ in "abc":
        world.buy("0.1", 50_000, client_order_id=id_)
        world.look_up(world.row(id_, Side.BUY, "0.1", 50_000, status=VenueStatus.CANCELLED))
    assert list(world.book.finished) == ["b", "c"]


def test_a_strategy_may_report_a_late_fill_of_its_own() -> None:
    world = finished_too_soon("cancelled")
    fill = world.make_fill("a", Side.BUY, "0.2")
    assert world.apply(FillReported(ACCOUNT, BETA, fill))[0] == ReportTaken(known=False)
    assert world.apply(FillReported(ACCOUNT, ALPHA, fill))[0] == ReportTaken(known=True)
    assert world.position() == 0
    world.apply(FillsReceived(ACCOUNT, (fill,)))
    assert world.position() == D("0.2")
    assert not world.line().reported


# -- what a strategy may report -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong", [{"strategy": BETA}, {"id": "x"}, {"side": Side.SELL}, {"instrument": ETH}, {"account": "other"}]
)
def test_a_reported_fill_must_be_of_an_order_that_it_had_approved(wrong: dict[str, object]) -> None:
    world = approved()
    chosen = {"strategy": ALPHA, "id": "a", "side": Side.BUY, "instrument": BTC, "account": ACCOUNT} | wrong
    fill = world.make_fill(chosen["id"], chosen["side"], "0.1", instrument=chosen["instrument"])  # type: ignore[arg-type]
    told = FillReported(chosen["account"], chosen["strategy"], fill)  # type: ignore[arg-type]
    assert world.apply(told) == (ReportTaken(known=False),)
    assert world.line().ledger == 0


def test_before_the_first_read_no_report_is_taken() -> None:
    world = unread()
    assert world.apply(FillReported(ACCOUNT, ALPHA, world.make_fill("a", Side.BUY, 1))) == (ReportTaken(known=False),)


# -- what the venue does of its own accord ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "halts"),
    [
        (FillKind.LIQUIDATION, [("LIQUIDATION", "HALTED", "P0", "")]),
        (FillKind.ADL, [("ADL", "REDUCING", "P1", BTC)]),
        (FillKind.DELIVERY, []),
    ],
)
def test_liquidation_adl_and_delivery(kind: FillKind, halts: list[tuple[str, str, str, str]]) -> None:
    world = given()
    world.hold("h", "0.5")
    world.fill("", Side.SELL, "0.5", kind=kind)
    found = [(one.trigger, one.state.name, one.severity.name, one.scope.instrument) for one in world.halts()]
    assert found == halts
    line = world.line()
    assert (line.ledger, line.adopted, line.attributed) == (D(0), D(0), D(0))
    world.read()
    assert world.triggers() == [one[0] for one in halts]
    assert line.suspicions == {}


@pytest.mark.parametrize("kind", [FillKind.LIQUIDATION, FillKind.ADL, FillKind.DELIVERY])
def test_a_strategy_that_believes_what_the_venue_left_it_is_right(kind: FillKind) -> None:
    world = given()
    world.hold("h", "0.5")
    world.fill("", Side.SELL, "0.3", kind=kind)
    world.wait(5)
    world.believe("0.2")
    world.read()
    assert world.line().suspicions == {}
    world.believe("0.5")
    world.read()
    assert world.triggers()[-1] == "BELIEF_DRIFT"


def test_what_the_venue_closes_is_first_what_nobody_owns_then_the_largest_holders() -> None:
    world = given()
    world.hold("a", "0.2")
    world.hold("b", "0.3", strategy=BETA)
    world.fill("", Side.BUY, "0.1")
    world.fill("", Side.SELL, "0.15", kind=FillKind.ADL)
    line = world.line()
    assert (line.ledger, line.adopted) == (D("0.45"), D("-0.1"))
    assert (world.position(), world.position(BETA)) == (D("0.2"), D("0.25"))
    world.fill("", Side.SELL, "0.7", kind=FillKind.LIQUIDATION)
    assert (line.ledger, world.position(), world.position(BETA)) == (D("-0.25"), D(0), D(0))


def test_a_closed_leg_of_the_only_strategy_of_a_hedging_account_is_its_own() -> None:
    world = given()
    world.apply(feed(hedge_mode=True))
    world.hold("a", "0.2")
    world.hold("b", "-0.2")
    world.fill("", Side.SELL, "0.2", kind=FillKind.LIQUIDATION, leg=Leg.LONG)
    assert world.position() == D("-0.2")


# -- which trades are known ---------------------------------------------------------------------------------------


def test_a_trade_id_is_unique_per_instrument_only() -> None:
    world = given()
    for symbol in (SPOT, SPOT_USDC, ETH):
        world.buy(1, 100 if symbol != ETH else 25_000, instrument=symbol, client_order_id=symbol[-4:])
        world.fill(symbol[-4:], Side.BUY, 1, instrument=symbol, trade_id="t")
    assert world.line(SPOT).ledger == 2
    assert world.line(ETH).ledger == 1


def test_two_unexplained_fills_with_one_trade_id_in_two_pairs_are_two() -> None:
    world = given()
    for symbol in (SPOT, SPOT_USDC):
        world.fill("", Side.BUY, 1, instrument=symbol, trade_id="t", venue_order_id="x")
    assert len(world.line(SPOT).unexplained) == 2


def test_an_unknown_trade_older_than_what_was_forgotten_is_told_and_not_counted() -> None:
    world = approved()
    world.book.trades.keep = 1
    world.fill("a", Side.BUY, "0.1", venue_time_ms=1000)
    world.fill("a", Side.BUY, "0.1", venue_time_ms=2000)
    world.fill("a", Side.BUY, "0.1", venue_time_ms=1000)
    assert kinds(world) == [NoticeKind.FILL_TOO_OLD]
    assert world.position() == D("0.2")
    world.fill("a", Side.BUY, "0.1", venue_time_ms=1001)
    assert world.position() == D("0.3")


def test_the_memory_of_trades_is_bounded() -> None:
    world = given()
    trades = SeenTrades(keep=3)
    for number in range(5):
        fill = world.make_fill("", Side.BUY, 1, trade_id=str(number), venue_time_ms=number)
        assert trades.add(fill)
        assert not trades.add(fill)
    assert trades.horizon_ms == 1
    assert trades.too_old(world.make_fill("", Side.BUY, 1, trade_id="0", venue_time_ms=0))
    assert not trades.too_old(world.make_fill("", Side.BUY, 1, trade_id="4", venue_time_ms=0))
