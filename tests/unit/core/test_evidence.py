"""What is written down when an incident opens: what matters most, bounded, at no cost to the halt."""

import time
from dataclasses import replace

from risksvc.core.conditions import Condition
from risksvc.core.divergences import DivergenceClass
from risksvc.core.incident import evidence
from risksvc.core.incident.record import Evidence, EvidencePosition
from risksvc.core.types import Scope, Side
from tests.unit.core.an_incident_record import the_open
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, ETH, SOL, D

MANY = 10_000
A_FEW_MS = 25  # measured: 0.5 ms; a shared machine may be many times slower


def of(world: World, scope: Scope | None = None) -> Evidence:
    return evidence.gather(world.gate.state, scope or Scope(ACCOUNT))


def test_the_three_ledgers_side_by_side() -> None:
    world = given()
    world.hold("a1", "0.2")
    world.fill("never-asked", Side.BUY, "0.5")
    world.read()
    found = the_open(world).evidence
    assert found.limits_hash == "v1"
    assert found.positions == (EvidencePosition(ACCOUNT, BTC, D(0), D("0.7"), D("0.7"), D(35_000), D(50_000)),)
    assert found.fills[0] == f"main: BUY 0.5 {BTC} at 50000 (order never-asked) (NO APPROVAL EXPLAINS IT)"
    assert found.fills[1:] == (f"main: BUY 0.2 {BTC} at 50000 (order a1)",)
    assert found.divergences[0].startswith(f"main {BTC}: UNEXPECTED_FILL DIVERGED: ")
    assert found.omitted == 0


def test_what_the_scope_names_comes_first_then_by_exposure() -> None:
    world = given()
    world.hold("a1", "0.1")
    world.hold("a2", 1, instrument=ETH)
    world.hold("a3", 400, instrument=SOL)
    assert [one.instrument for one in of(world).positions] == [SOL, BTC, ETH]
    assert [one.instrument for one in of(world, Scope(ACCOUNT, instrument=ETH)).positions] == [ETH, SOL, BTC]
    assert of(world, Scope()).positions == of(world).positions
    assert of(world, Scope("other")).positions == ()


def test_an_instrument_that_only_a_belief_holds_is_evidence() -> None:
    world = given()
    world.believe(3, instrument=ETH)
    world.believe(0, instrument=SOL)
    [one] = of(world).positions
    assert (one.instrument, one.believed, one.ledger, one.venue) == (ETH, D(3), D(0), D(0))


def test_an_instrument_without_mark_or_read_is_not_known_and_not_zero() -> None:
    world = given()
    world.book.line_for("NEW/USDT:USDT").ledger = D(1)
    [one] = of(world).positions
    assert (one.believed, one.venue, one.mark) == (None, None, None)


def test_orders_are_told_with_what_explains_them_and_the_unexplained_first() -> None:
    world = given()
    world.buy("0.1", 40_000, client_order_id="mine")
    world.exit(Side.SELL, "0.1")
    world.read([world.row("theirs", Side.SELL, "0.2", 60_000, venue_order_id="v9")])
    found = the_open(world).evidence.orders
    assert "NO APPROVAL EXPLAINS IT" in found[0]
    assert "SELL 0.2 at 60000" in found[0]
    assert found[1] == f"main {BTC}: BUY 0.1 at 40000, filled 0, APPROVED, strategy alpha, mine"


def test_suspicions_and_conditions_are_told_and_long_words_are_cut() -> None:
    world = given()
    world.hold("a1", "0.1")
    world.believe("0.3")
    world.book.conditions["x"] = Condition(DivergenceClass.UNREADABLE_VENUE, "y" * 1_000, world.now)
    suspect, condition = of(world).divergences
    assert suspect == f"main {BTC}: BELIEF_DRIFT SUSPECT: alpha believes 0.3, the ledger says 0.1"
    assert len(condition) == evidence.WORDS_KEPT
    assert condition.endswith("…")


def test_versions_are_those_that_the_strategies_told() -> None:
    world = given()
    world.check(world.order(Side.BUY, "0.1", 40_000), version="v7")
    assert of(world).versions == ((f"{ACCOUNT}/{ALPHA}", "v7"),)


def test_an_order_at_market_and_one_of_no_strategy_are_told_as_that() -> None:
    world = given()
    world.hold("a1", "0.2")
    world.exit(Side.SELL, "0.1", client_order_id="out")
    assert of(world).orders == (f"main {BTC}: SELL 0.1 at market, filled 0, APPROVED, no strategy, out",)


def test_ten_thousand_working_orders_cost_a_few_milliseconds_and_are_counted() -> None:
    world = given()
    world.buy("0.001", 40_000, client_order_id="first")
    book, line = world.book, world.line()
    [pattern] = line.reservations.values()
    for number in range(MANY):
        order = replace(pattern.order, client_order_id=f"m{number}")
        one = replace(pattern, order=order)
        book.reservations[order.client_order_id] = line.reservations[order.client_order_id] = one
    took = []
    for _ in range(5):
        began = time.perf_counter()
        found = of(world)
        took.append((time.perf_counter() - began) * 1000)
    assert len(found.orders) == evidence.ORDERS_KEPT
    assert found.omitted == MANY + 1 - evidence.ORDERS_KEPT
    assert min(took) < A_FEW_MS, took
