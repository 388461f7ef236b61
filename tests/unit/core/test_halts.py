"""What a halt covers, that it is always taken, and what closes the gate besides."""

import itertools

import pytest

from risksvc.core import events
from risksvc.core.denials import DenialReason
from risksvc.core.outputs import HaltRaised, Output, RefusalReason, StepRefused
from risksvc.core.trading_state import Clear, Halt, HaltSet
from risksvc.core.types import SECOND, MalformedInputError, Scope, Severity, Side, TradingState
from tests.unit.core.builders import World, given, reasons, started
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SOL, START, D, feed


def why_not(answer: Output) -> list[RefusalReason]:
    assert isinstance(answer, StepRefused), answer
    return [refusal.reason for refusal in answer.refusals]


# -- what a halt covers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "denied"),
    [
        (Scope(), ["alpha BTC", "alpha ETH", "beta BTC"]),
        (Scope(ACCOUNT), ["alpha BTC", "alpha ETH", "beta BTC"]),
        (Scope(ACCOUNT, strategy=ALPHA), ["alpha BTC", "alpha ETH"]),
        (Scope(ACCOUNT, instrument=BTC), ["alpha BTC", "beta BTC"]),
        (Scope(ACCOUNT, strategy=ALPHA, instrument=BTC), ["alpha BTC"]),
        (Scope("other"), []),
    ],
)
def test_a_halt_covers_its_scope(scope: Scope, denied: list[str]) -> None:
    world = given()
    world.halt(scope)
    orders = {
        "alpha BTC": world.buy("0.1", 50_000),
        "alpha ETH": world.buy(1, 25_000, instrument=ETH),
        "beta BTC": world.buy("0.1", 50_000, strategy=BETA),
    }
    assert [name for name, decision in orders.items() if decision.denials] == denied
    assert all(reasons(decision) in ([], [DenialReason.HALTED]) for decision in orders.values())


def test_the_denial_says_who_and_why() -> None:
    world = given()
    halt = world.halt(reason="fat finger")
    denial = world.buy("0.1", 50_000).denials[0]
    assert denial.message == f"halted by olga: fat finger (halt {halt.halt_id}, OPERATOR)"
    assert denial.scope == Scope(ACCOUNT)


def test_the_strictest_halt_wins() -> None:
    world = given()
    world.halt(state=TradingState.REDUCING)
    assert world.buy("0.1", 50_000).trading_state is TradingState.REDUCING
    second = world.halt(Scope(ACCOUNT, strategy=ALPHA))
    assert world.buy("0.1", 50_000).trading_state is TradingState.HALTED
    world.wait(1)
    world.resume(second)
    assert world.buy("0.1", 50_000).trading_state is TradingState.REDUCING


def test_a_scope_below_an_account_names_it() -> None:
    with pytest.raises(MalformedInputError, match=r"scope\.account"):
        Scope(strategy=ALPHA)
    assert str(Scope()) == "everything"
    assert str(Scope(ACCOUNT, strategy=ALPHA, instrument=BTC)) == f"account main, strategy alpha, instrument {BTC}"
    assert Scope().is_global
    assert not Scope(ACCOUNT).is_global


# -- the observed-remove set --------------------------------------------------------------------------------------


def a_halt(id_: str, state: TradingState = TradingState.HALTED) -> Halt:
    return Halt(id_, Scope(ACCOUNT), state, Severity.P1, "OPERATOR", "why", "olga", START, "g2")


def test_clears_and_halts_commute_and_repeat() -> None:
    first, second = HaltSet(), HaltSet()
    halt, clear = a_halt("h1"), Clear("h1", ("olga",), START, "over")
    assert [first.add_halt(halt), first.add_halt(halt), first.add_clear(clear), first.add_clear(clear)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert [second.add_clear(clear), second.add_halt(halt)] == [True, True]
    for halts in (first, second):
        assert list(halts.active()) == []
        assert halts.is_cleared("h1")
        assert halts.halt("h1") == halt
        assert halts.state(ACCOUNT, "", "") is TradingState.ACTIVE


def test_a_clear_erases_only_the_halts_that_it_names() -> None:
    halts = HaltSet()
    halts.add_halt(a_halt("h1"))
    halts.add_halt(a_halt("h2", TradingState.REDUCING))
    halts.add_clear(Clear("h1", ("olga",), START, "over"))
    assert [halt.halt_id for halt in halts.active()] == ["h2"]
    assert halts.state(ACCOUNT, "", "") is TradingState.REDUCING
    assert halts.state("other", "", "") is TradingState.ACTIVE


def test_halts_and_clears_of_other_gates_take_effect() -> None:
    world = given()
    version = world.gate.state.version
    world.apply(events.HaltSeen(a_halt("far")))
    world.apply(events.HaltSeen(a_halt("far")))
    assert world.gate.state.version == version + 1
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.HALTED]
    clear = Clear("far", ("olga", "rita"), world.now, "over")
    world.apply(events.ClearSeen(clear))
    world.apply(events.ClearSeen(clear))
    assert world.gate.state.version == version + 2
    assert world.buy("0.1", 50_000).approved


def test_a_clear_may_be_seen_before_its_halt() -> None:
    world = given()
    world.apply(events.ClearSeen(Clear("far", ("olga",), world.now, "over")))
    world.apply(events.HaltSeen(a_halt("far")))
    assert world.buy("0.1", 50_000).approved


# -- halting ------------------------------------------------------------------------------------------------------


def test_a_halt_is_always_taken_even_before_anything_else() -> None:
    world = World(given().config)
    world.apply(events.HaltRequested(Scope(), TradingState.HALTED, "now", "olga"))
    assert world.one(world.outputs, HaltRaised).halt.origin == ""
    assert [halt.reason for halt in world.halts()] == ["now"]


def test_the_same_request_again_joins_the_halt_that_stands() -> None:
    world = given()
    asked = events.HaltRequested(Scope(), TradingState.HALTED, "now", "olga", "mine")
    assert world.one(world.apply(asked), HaltRaised).repeated is False
    again = world.one(world.apply(asked), HaltRaised)
    assert (again.repeated, again.halt.halt_id) == (True, "mine")
    assert len(world.halts()) == 1


def test_a_request_under_the_id_of_a_cleared_halt_halts_anew() -> None:
    world = given()
    asked = events.HaltRequested(Scope(), TradingState.HALTED, "now", "olga", "mine")
    world.apply(asked)
    world.cleared_elsewhere()
    again = world.one(world.apply(asked), HaltRaised)
    assert again.repeated is False
    assert again.halt.halt_id != "mine"
    assert world.state() is TradingState.HALTED


# -- faults and the process's own life ----------------------------------------------------------------------------


def test_a_fault_closes_the_gate_until_a_person_resumes() -> None:
    world = given()
    world.apply(events.FaultLatched("disk full"))
    halt = world.one(world.outputs, HaltRaised).halt
    assert (halt.trigger, halt.severity) == ("GATE_FAULT", Severity.P0)
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.GATE_FAULT, DenialReason.HALTED]
    world.apply(events.FaultLatched("disk full again"))
    assert len(world.halts()) == 1
    world.wait(1)
    other = world.halt(Scope(ACCOUNT, strategy=BETA))
    world.wait(1)
    world.resume(other)
    assert DenialReason.GATE_FAULT in reasons(world.buy("0.1", 50_000))
    world.resume_by_two(halt)
    assert world.buy("0.1", 50_000).approved


def test_a_fault_survives_a_restart() -> None:
    world = given()
    world.apply(events.FaultLatched("disk full"))
    world.apply(events.GateStarted(world.config))
    world.refresh()
    assert DenialReason.GATE_FAULT in reasons(world.buy("0.1", 50_000))


def test_halts_survive_a_restart_and_a_drain_does_not() -> None:
    world = given()
    world.halt()
    world.apply(events.DrainStarted())
    world.apply(events.GateStarted(world.config))
    world.refresh()
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.HALTED]


def test_a_clear_for_an_account_of_another_gate_touches_nobody() -> None:
    world = given()
    far = Halt("far", Scope("other"), TradingState.HALTED, Severity.P1, "OPERATOR", "x", "olga", START, "g2")
    world.apply(events.HaltSeen(far))
    world.cleared_elsewhere()
    assert world.book.strategy(ALPHA).resumed_at == 0


def test_a_resume_of_the_account_forgives_what_was_overfilled() -> None:
    world = given()
    world.buy("0.1", 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "0.2")
    assert world.line().overfilled
    world.wait(1)
    world.resume_by_two(*world.halts())
    assert not world.line().overfilled


def test_versions_grow_with_what_watchers_should_hear_of() -> None:
    world = started()
    versions = [world.gate.state.version]
    for event in (
        events.LeaseRenewed(world.now + SECOND),
        events.LeaseRenewed(world.now + SECOND),
        events.LeaseLost(store_lost=True, why="x"),
        events.LeaseRenewed(world.now + SECOND),
        feed(),
        events.DrainStarted(),
    ):
        world.apply(event)
        versions.append(world.gate.state.version)
    assert [later - before for before, later in itertools.pairwise(versions)] == [1, 0, 1, 1, 1, 1]
    assert world.gate.state.gate_id == "g1"
    assert world.gate.state.limits_hash == ""


def test_a_new_configuration_keeps_the_books() -> None:
    world = given()
    world.hold("a", "0.5")
    book = world.book
    world.apply(events.GateStarted(world.config))
    assert world.book is book
    assert world.position() == D("0.5")
    assert world.line(SOL).ledger == 0
