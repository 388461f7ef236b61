"""A clear covers what its author saw, and nothing else: not a second cause, nor one that persists."""

from risksvc.core.adoption import unexplained_items
from risksvc.core.events import ClearSeen, HaltRequested, HaltSeen, ResumeConfirmed, ResumeProposed
from risksvc.core.outputs import ClearsGranted, HaltRaised, RefusalReason, StepProposed, StepRefused
from risksvc.core.trading_state import Halt
from risksvc.core.types import Scope, Severity, Side, TradingState
from risksvc.core.venue_events import FillKind, VenueStatus
from tests.unit.core.builders import World, given


def granted(world: World) -> ClearsGranted:
    proposed = world.apply(ResumeProposed(tuple(halt.halt_id for halt in world.halts()), "over", "olga"))[0]
    assert isinstance(proposed, StepProposed)
    clears = world.apply(ResumeConfirmed(proposed.proposal_id, "rita"))[0]
    assert isinstance(clears, ClearsGranted)
    return clears


def liquidated() -> World:
    world = given()
    world.hold("a", 1)
    world.fill("", Side.SELL, "0.1", kind=FillKind.LIQUIDATION)
    world.wait(3)
    world.believe(world.position())
    assert world.triggers() == ["LIQUIDATION"]
    return world


def test_a_second_cause_between_grant_and_clear_is_a_halt_of_its_own() -> None:
    world = liquidated()
    clears = granted(world)
    world.fill("", Side.SELL, "0.1", kind=FillKind.LIQUIDATION)
    for clear in clears.clears:
        world.apply(ClearSeen(clear))
    assert world.triggers() == ["LIQUIDATION"]
    assert world.state() is TradingState.HALTED


def test_an_operator_who_repeats_a_halt_that_is_being_cleared_halts_anew() -> None:
    world = liquidated()
    first = world.halts()[0]
    clears = granted(world)
    raised = world.apply(HaltRequested(Scope("main"), TradingState.HALTED, "again", "rita", first.halt_id))[0]
    assert isinstance(raised, HaltRaised)
    assert (raised.repeated, raised.halt.halt_id == first.halt_id) == (False, False)
    for clear in clears.clears:
        world.apply(ClearSeen(clear))
    assert world.halts() == [raised.halt]


def test_what_still_differs_halts_again_after_a_clear_from_elsewhere() -> None:
    world = given()
    world.fill("x1", Side.BUY, "0.1")
    world.wait(3)
    assert world.triggers() == ["UNEXPECTED_FILL"]
    world.cleared_elsewhere()
    assert world.triggers() == []
    world.wait(3)
    assert world.triggers() == ["UNEXPECTED_FILL"]
    assert list(unexplained_items(world.book))


def test_an_order_above_its_approval_that_is_gone_before_the_next_read_halts_all_the_same() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    world.look_up(world.row("a", Side.BUY, "0.9", 50_000, venue_order_id="v1"))
    world.look_up(world.row("a", Side.BUY, "0.9", 50_000, venue_order_id="v1", status=VenueStatus.CANCELLED))
    world.wait(3)
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_a_halt_of_an_account_that_this_gate_does_not_read_is_not_resumed_here() -> None:
    world = given()
    halt = Halt("h1", Scope("elsewhere"), TradingState.HALTED, Severity.P1, "OPERATOR", "why", "ann", world.now, "g2")
    world.apply(HaltSeen(halt))
    refused = world.resume(halt)
    assert isinstance(refused, StepRefused)
    assert [one.reason for one in refused.refusals] == [RefusalReason.NO_READ_SINCE_HALT]
