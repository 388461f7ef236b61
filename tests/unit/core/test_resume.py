"""Halting is easy, resuming is hard: what a resume needs, and who must agree."""

from collections.abc import Callable

import pytest

from risksvc.core import events, venue_events
from risksvc.core.config import SecondPerson
from risksvc.core.denials import DenialReason
from risksvc.core.outputs import ClearsGranted, NoticeKind, Output, RefusalReason, StepProposed, StepRefused
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MILLISECOND, SECOND, Scope, Severity, Side
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, instrument, limit


def why_not(answer: Output) -> list[RefusalReason]:
    assert isinstance(answer, StepRefused), answer
    return [refusal.reason for refusal in answer.refusals]


# -- resuming -----------------------------------------------------------------------------------------------------


def halted(**scope: str) -> tuple[World, Halt]:
    world = given()
    return world, world.halt(Scope(ACCOUNT, **scope))


def test_a_resume_takes_effect_when_it_is_read_back() -> None:
    world, halt = halted()
    world.wait(1)
    world.apply(events.ResumeProposed((halt.halt_id,), "over", "olga"))
    granted = world.one(world.outputs, ClearsGranted)
    assert granted.clears == (Clear(halt.halt_id, ("olga",), world.now, "over"),)
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.HALTED]
    world.apply(events.ClearSeen(granted.clears[0]))
    assert world.buy("0.1", 50_000).approved


def test_it_names_halts_that_are_in_force() -> None:
    world, halt = halted()
    world.wait(1)
    assert why_not(world.apply(events.ResumeProposed((), "over", "olga"))[0]) == [RefusalReason.HALT_UNKNOWN]
    assert why_not(world.apply(events.ResumeProposed(("x",), "over", "olga"))[0]) == [RefusalReason.HALT_UNKNOWN]
    world.resume(halt)
    assert why_not(world.resume(halt)) == [RefusalReason.HALT_CLEARED]


def test_it_needs_a_complete_read_that_began_after_the_halt() -> None:
    world, halt = halted()
    world.read(as_of=halt.at)
    assert why_not(world.resume(halt)) == [RefusalReason.NO_READ_SINCE_HALT]
    world.read(as_of=halt.at + 1)
    assert isinstance(world.resume(halt), ClearsGranted)


def lost_lease(world: World) -> None:
    world.apply(events.LeaseLost(store_lost=False, why="gone"))


def unexplained_fill(world: World) -> None:
    world.fill("", Side.BUY, "0.1", venue_order_id="desk")


def unexplained_order(world: World) -> None:
    world.read([world.row("", Side.BUY, "0.1", 50_000, venue_order_id="desk")])


def drift(world: World) -> None:
    world.read(positions={BTC: 1})


def wrong_belief(world: World) -> None:
    world.believe(1)


CAUSES: dict[str, tuple[Callable[[World], None], list[RefusalReason]]] = {
    "lost lease": (lost_lease, [RefusalReason.KILL_SWITCH_UNREACHABLE]),
    "unexplained fill": (unexplained_fill, [RefusalReason.UNEXPLAINED, RefusalReason.DIVERGED]),
    "unexplained order": (unexplained_order, [RefusalReason.UNEXPLAINED, RefusalReason.DIVERGED]),
    "drift": (drift, [RefusalReason.DIVERGED]),
    "wrong belief": (wrong_belief, [RefusalReason.DIVERGED]),
}


@pytest.mark.parametrize("name", CAUSES)
def test_it_is_refused_while_a_cause_persists(name: str) -> None:
    world, halt = halted()
    world.wait(1)
    cause, expected = CAUSES[name]
    cause(world)
    assert why_not(world.resume(halt)) == expected


def test_many_unexplained_fills_are_counted_and_some_are_named() -> None:
    world, halt = halted()
    for number in range(7):
        world.fill("", Side.BUY, "0.001", trade_id=f"t{number}", venue_order_id="desk")
    answer = world.resume(halt)
    assert isinstance(answer, StepRefused)
    assert any("7 fills that no approval explains (t0, t1, t2, t3, t4, …)" in one.message for one in answer.refusals)


def test_a_difference_in_another_instrument_does_not_matter_to_one_instruments_halt() -> None:
    world, halt = halted(instrument=ETH)
    world.wait(1)
    drift(world)
    assert isinstance(world.resume(halt), ClearsGranted)


def test_it_is_refused_while_an_orders_fate_is_unknown() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a", strategy=BETA)
    world.buy("0.1", 50_000, client_order_id="b")
    world.report("b", events.OrderReport.ACKNOWLEDGED)
    mine, theirs = world.halt(Scope(ACCOUNT, strategy=ALPHA)), world.halt(Scope(ACCOUNT, strategy=BETA))
    row = world.row("b", Side.BUY, "0.1", 50_000)
    world.wait(5, fresh=False)
    world.lease()
    world.read([row])
    assert isinstance(world.resume(mine), ClearsGranted)
    assert why_not(world.resume(theirs)) == [RefusalReason.ORDER_UNKNOWN]
    world.not_found("a")
    assert isinstance(world.resume(theirs), ClearsGranted)


@pytest.mark.parametrize("how", ["left the book", "final without its fills", "cancel reported"])
def test_an_orders_fate_is_unknown_too_when_it(how: str) -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    world.read([world.row("a", Side.BUY, "0.1", 50_000)])
    halt = world.halt()
    world.wait(5, fresh=False)
    world.lease()
    if how == "left the book":
        world.read()
    elif how == "final without its fills":
        row = world.row("a", Side.BUY, "0.1", 50_000, status=venue_events.VenueStatus.CANCELLED, filled="0.05")
        world.read([world.row("a", Side.BUY, "0.1", 50_000)])
        world.look_up(row)
    else:
        world.read([world.row("a", Side.BUY, "0.1", 50_000)])
        world.report("a", events.OrderReport.CANCELLED)
    assert why_not(world.resume(halt)) == [RefusalReason.ORDER_UNKNOWN]


def test_an_acknowledged_order_that_was_not_missed_is_no_unknown_one() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    world.report("a", events.OrderReport.ACKNOWLEDGED)
    halt = world.halt()
    world.wait(5)
    assert isinstance(world.resume(halt), ClearsGranted)


def test_a_position_over_its_limit_by_quantity_holds_every_resume_up() -> None:
    world = given()
    world.fill("", Side.BUY, 2, venue_order_id="desk")
    world.read()
    over = next(halt for halt in world.halts() if halt.trigger == "POSITION_OVER_LIMIT")
    mine = world.halt(Scope(ACCOUNT, strategy=ALPHA))
    world.wait(1)
    for halt in (over, mine):
        assert RefusalReason.LIMIT_EXCEEDED in why_not(world.resume(halt))


def test_a_passive_breach_holds_up_its_own_resume_until_it_is_over() -> None:
    world = given()
    world.hold("a", "0.9")
    world.hold("e", 18, instrument=ETH)
    world.load(instruments={BTC: instrument(max_net_exposure=limit(40_000))})
    passive = world.halts()[0]
    mine = world.halt(Scope(ACCOUNT, strategy=ALPHA))
    world.wait(1)
    assert isinstance(world.resume(mine), ClearsGranted)
    assert why_not(world.resume(passive)) == [RefusalReason.LIMIT_EXCEEDED]
    world.load()
    assert isinstance(world.resume(passive), ClearsGranted)


# -- the second person --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "severity"), [(Scope(ACCOUNT), Severity.P0), (Scope(), Severity.P1), (Scope(), Severity.P2)]
)
def test_p0_and_global_halts_need_a_second_person(scope: Scope, severity: Severity) -> None:
    world = given()
    halt = world.halt(scope, severity=severity)
    world.wait(1)
    proposed = world.resume(halt)
    assert isinstance(proposed, StepProposed)
    assert world.halts() == [halt]
    assert why_not(world.confirm(proposed.proposal_id, by="olga")) == [RefusalReason.SAME_PERSON]
    granted = world.confirm(proposed.proposal_id)
    assert isinstance(granted, ClearsGranted)
    assert granted.clears[0].by == ("olga", "rita")
    assert world.halts() == []
    assert why_not(world.confirm(proposed.proposal_id)) == [RefusalReason.PROPOSAL_UNKNOWN]


def test_everything_is_judged_again_when_it_is_confirmed() -> None:
    world = given()
    halt = world.halt(Scope())
    world.wait(1)
    proposed = world.resume(halt)
    assert isinstance(proposed, StepProposed)
    drift(world)
    assert why_not(world.confirm(proposed.proposal_id)) == [RefusalReason.DIVERGED]
    world.read()
    assert isinstance(world.confirm(proposed.proposal_id), ClearsGranted)


def test_a_proposal_to_resume_is_not_confirmed_as_an_adoption_and_runs_out_aloud() -> None:
    world = given()
    halt = world.halt(Scope())
    world.wait(1)
    proposed = world.resume(halt)
    assert isinstance(proposed, StepProposed)
    wrong = world.apply(events.AdoptConfirmed(proposed.proposal_id, "rita"))[0]
    assert why_not(wrong) == [RefusalReason.PROPOSAL_UNKNOWN]
    world.now = proposed.expires_at - MILLISECOND
    world.read()
    world.tick()
    assert [one.kind for one in world.notices()] == [NoticeKind.PROPOSAL_EXPIRED]
    assert world.tick() == ()


def test_a_firm_of_one_waits_out_a_cool_down_instead() -> None:
    world = given(gate={"second_person": SecondPerson.NONE})
    halt = world.halt(Scope())
    world.wait(30)
    answer = world.resume(halt)
    assert why_not(answer) == [RefusalReason.COOLING_DOWN]
    world.now = halt.at + 60 * SECOND - MILLISECOND
    assert isinstance(world.resume(halt), ClearsGranted)


def test_a_small_halt_of_a_firm_of_one_needs_no_cool_down() -> None:
    world = given(gate={"second_person": SecondPerson.NONE})
    halt = world.halt()
    world.wait(1)
    assert isinstance(world.resume(halt), ClearsGranted)
