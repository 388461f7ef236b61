"""What a strategy's own tracker believes, held against the ledger; neither ever overwrites the other (I10)."""

import pytest

from risksvc.core.beliefs import NEVER, HeldBeliefs
from risksvc.core.denials import DenialReason
from risksvc.core.events import FillReported, GateStarted, OrderReport, PositionReported
from risksvc.core.outputs import NoticeKind, ReportTaken
from risksvc.core.types import SECOND, Scope, Side
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SOL, D, strategy

MISMATCH, STALE, MISSING = DenialReason.BELIEF_MISMATCH, DenialReason.BELIEF_STALE, DenialReason.BELIEF_MISSING


def holding() -> World:
    world = given()
    world.hold("h", "0.5")
    return world


def test_a_tracker_that_is_flat_while_the_ledger_is_long_is_caught_on_the_next_order() -> None:
    world = holding()
    decision = world.buy("0.1", 50_000, belief=0)
    assert reasons(decision) == [DenialReason.INSTRUMENT_SUSPECT, MISMATCH]
    assert (decision.denials[1].limit, decision.denials[1].observed) == (D("0.5"), D(0))
    assert world.position() == D("0.5")
    assert [notice.kind for notice in world.notices()] == [NoticeKind.SUSPECT]


def test_still_wrong_on_the_next_complete_read_it_halts() -> None:
    world = holding()
    world.buy("0.1", 50_000, belief=0)
    since = world.now
    world.read(as_of=since)
    assert world.halts() == []
    world.read(as_of=since + 1)
    assert [(halt.trigger, halt.severity.name) for halt in world.halts()] == [("BELIEF_DRIFT", "P0")]
    assert reasons(world.buy("0.1", 50_000, strategy=BETA)) == [DenialReason.HALTED]


def test_a_belief_that_comes_right_clears_the_suspicion() -> None:
    world = holding()
    world.buy("0.1", 50_000, belief=0)
    taken = world.believe("0.5")
    assert taken == ReportTaken(known=True, agrees=True, ledger_position=D("0.5"))
    assert [notice.kind for notice in world.notices()] == [NoticeKind.SUSPECT_CLEARED]
    world.read()
    assert world.halts() == []
    assert world.buy("0.1", 50_000).approved


def test_a_ledger_that_comes_right_clears_it_at_the_read() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", OrderReport.ACKNOWLEDGED)
    assert world.believe("0.5").agrees is False
    world.fill("a", Side.BUY, "0.5")
    world.read()
    assert [notice.kind for notice in world.notices()] == [NoticeKind.SUSPECT_CLEARED]
    assert world.halts() == []


def test_repeating_a_wrong_belief_is_told_once() -> None:
    world = holding()
    world.believe(0)
    assert len(world.notices()) == 1
    world.believe("0.1")
    assert world.notices() == []
    assert "believes 0.1" in next(iter(world.line().suspicions.values())).message


def test_only_that_strategys_instrument_is_suspect() -> None:
    world = holding()
    world.believe(0)
    assert reasons(world.buy("0.1", 50_000, strategy=BETA)) == [DenialReason.INSTRUMENT_SUSPECT]
    assert world.buy(1, 100, instrument=SOL).approved


# -- what explains a difference -----------------------------------------------------------------------------------


def test_a_fill_younger_than_the_lag_may_be_unknown_to_the_tracker() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "0.5")
    assert world.believe(0).agrees
    assert world.believe("0.5").agrees
    assert not world.believe("0.6").agrees
    assert not world.believe("-0.1").agrees


@pytest.mark.parametrize(("age", "agrees"), [(2 * SECOND, True), (2 * SECOND + 1, False)])
def test_the_lag_is_two_seconds_inclusive(age: int, *, agrees: bool) -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "0.5")
    world.now += age - 1_000_000
    assert world.believe(0).agrees is agrees


def test_the_lag_is_the_strategys_own() -> None:
    world = given(strategies={ALPHA: strategy(belief_lag_ns=10 * SECOND)})
    world.buy("0.5", 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "0.5")
    world.wait(9)
    assert world.believe(0).agrees


def test_young_fills_of_both_sides_may_each_be_unknown() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "0.5")
    world.sell("0.2", 50_000, client_order_id="b")
    world.fill("b", Side.SELL, "0.2")
    for quantity, agrees in (("0.3", True), (0, True), ("0.5", True), ("-0.2", True), ("0.6", False), ("-0.3", False)):
        assert world.believe(quantity).agrees is agrees, quantity


def test_a_belief_is_not_held_against_fills_that_came_after_it() -> None:
    world = holding()
    world.believe(0)
    world.believe("0.5")
    world.buy("0.1", 50_000, client_order_id="b")
    world.fill("b", Side.BUY, "0.1")
    world.wait(10)
    assert world.line().suspicions == {}
    assert world.part().belief_agrees()


def test_quantity_in_flight_may_be_known_to_the_tracker_first() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    assert world.believe("0.5").agrees
    assert not world.believe("0.6").agrees
    assert not world.believe("-0.1").agrees
    world.sell("0.2", 50_000, client_order_id="b")
    assert world.believe("-0.2").agrees
    world.report("a", OrderReport.SENT)
    assert world.believe("0.5").agrees


def test_resting_quantity_explains_nothing() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", OrderReport.ACKNOWLEDGED)
    assert not world.believe("0.5").agrees
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.read([world.row("a", Side.BUY, "0.5", 50_000)])
    assert not world.believe("0.5").agrees


@pytest.mark.parametrize("what", [OrderReport.NEVER_SENT, OrderReport.CANCELLED, OrderReport.REJECTED])
def test_what_is_not_on_its_way_explains_nothing(what: OrderReport) -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", what)
    assert not world.believe("0.5").agrees


def test_a_fill_that_the_strategy_reports_is_in_the_ledger_at_once() -> None:
    world = given()
    world.buy("0.5", 50_000, client_order_id="a")
    world.report("a", OrderReport.ACKNOWLEDGED)
    world.apply(FillReported(ACCOUNT, ALPHA, world.make_fill("a", Side.BUY, "0.5")))
    assert world.believe("0.5").agrees


# -- missing and stale --------------------------------------------------------------------------------------------


def test_missing_is_unknown_and_not_zero() -> None:
    world = given()
    assert reasons(world.buy("0.1", 50_000, belief=None)) == [MISSING]
    assert world.part().belief is None


def test_a_strategy_that_opts_out_need_not_say_but_what_it_says_is_compared() -> None:
    world = given(strategies={ALPHA: strategy(belief_required=False)})
    assert world.buy("0.1", 50_000, belief=None).approved
    world.fill("o1", Side.BUY, "0.1")
    world.wait(40)
    assert world.buy("0.1", 50_000, belief=None).approved
    assert MISMATCH in reasons(world.buy("0.1", 50_000, belief=0))


def test_silence_about_any_held_position_for_thirty_seconds_stops_growth() -> None:
    world = holding()
    world.believe("0.5")
    world.wait(30)
    assert world.buy(1, 100, instrument=SOL).approved is False
    world.believe("0.5")
    assert world.buy(1, 100, instrument=SOL).approved
    world.wait(31)
    denied = world.buy(1, 100, instrument=SOL)
    assert reasons(denied) == [STALE]
    assert denied.denials[0].scope.instrument == BTC
    assert denied.denials[0].transient
    assert world.sell("0.1", 50_000, reduce_only=True, belief=None).approved
    assert world.buy(1, 100, instrument=SOL, strategy=BETA).approved


def test_silence_about_what_is_not_held_any_more_matters_to_nobody() -> None:
    world = holding()
    world.sell("0.5", 50_000, client_order_id="s")
    world.fill("s", Side.SELL, "0.5")
    world.wait(100)
    assert world.buy(1, 100, instrument=SOL).approved


def test_a_position_that_was_never_spoken_of_is_the_oldest() -> None:
    world = holding()
    world.buy(1, 25_000, instrument=ETH, strategy=BETA, client_order_id="e")
    world.fill("e", Side.BUY, 1, instrument=ETH)
    world.line(SOL)
    world.book.give(world.line(SOL), BETA, signed=D(1), now=world.now)
    denied = world.buy(1, 25_000, instrument=ETH, strategy=BETA)
    assert reasons(denied) == [STALE]
    assert denied.denials[0].scope.instrument == SOL


def test_after_a_resume_a_fresh_belief_comes_before_the_first_approval() -> None:
    world = holding()
    world.believe("0.5")
    world.resume(world.halt(Scope(ACCOUNT)), by="olga")
    world.wait(1)
    world.resume(*world.halts())
    assert world.halts() == []
    assert reasons(world.buy(1, 100, instrument=SOL)) == [STALE]
    world.believe("0.5")
    assert world.buy(1, 100, instrument=SOL).approved


def test_a_resume_of_one_strategy_asks_that_one_only() -> None:
    world = holding()
    world.hold("b", 1, instrument=ETH, strategy=BETA)
    for name, symbol, held in ((ALPHA, BTC, "0.5"), (BETA, ETH, 1)):
        world.believe(held, strategy=name, instrument=symbol)
    halt = world.halt(Scope(ACCOUNT, strategy=BETA))
    world.wait(1)
    world.resume(halt)
    assert reasons(world.buy(1, 100, instrument=SOL, strategy=BETA)) == [STALE]
    assert world.buy(1, 100, instrument=SOL).approved


def test_a_strategys_version_is_kept() -> None:
    world = given()
    world.check(world.order(Side.BUY, "0.1", 50_000), version="1.2.3")
    world.check(world.order(Side.BUY, "0.1", 50_000))
    assert world.book.strategy(ALPHA).version == "1.2.3"


def test_a_belief_survives_a_restart_and_grows_old() -> None:
    world = holding()
    world.believe("0.5")
    world.apply(GateStarted(world.config))
    world.refresh()
    assert world.buy(1, 100, instrument=SOL).approved


@pytest.mark.parametrize(
    ("account", "name", "symbol"), [("other", ALPHA, BTC), (ACCOUNT, "gamma", BTC), (ACCOUNT, ALPHA, "DOGE")]
)
def test_a_belief_about_something_unknown_is_not_taken(account: str, name: str, symbol: str) -> None:
    world = given()
    assert world.apply(PositionReported(account, name, symbol, D(1))) == (ReportTaken(known=False),)


# -- finding the oldest -------------------------------------------------------------------------------------------


def test_the_oldest_belief_is_found_without_walking_them() -> None:
    held = HeldBeliefs()
    assert held.oldest() is None
    held.hold("a", spoken_at=5)
    held.hold("b", spoken_at=NEVER)
    assert held.oldest() == (NEVER, "b")
    held.speak("b", now=7)
    assert held.oldest() == (5, "a")
    held.speak("c", now=8)
    held.drop("c")
    held.drop("a")
    assert held.oldest() == (7, "b")
    held.hold("b", spoken_at=9)
    assert held.oldest() == (9, "b")
