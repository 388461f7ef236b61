"""Adoption: how what exists becomes explained, by whom, and what it never does."""

from collections.abc import Callable

import pytest

from risksvc.core.adoption import describe, unexplained_items
from risksvc.core.denials import DenialReason
from risksvc.core.events import AdoptConfirmed, AdoptItem, AdoptRequested, GateStarted, ResumeConfirmed
from risksvc.core.outputs import Adopted, Output, RefusalReason, StepProposed, StepRefused
from risksvc.core.types import SECOND, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import World, given, reasons, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SPOT, SPOT_USDC, D, instrument, limit


def held_before() -> World:
    """A first start on an account that holds 0.5 BTC and works an order."""
    world = unread()
    world.marks()
    world.venue = {BTC: D("0.5")}
    world.read([world.row("", Side.SELL, "0.2", 51_000, venue_order_id="v1")])
    return world


def why_not(answer: Output) -> list[RefusalReason]:
    assert isinstance(answer, StepRefused), answer
    return [refusal.reason for refusal in answer.refusals]


def ask(world: World, *items: AdoptItem, by: str = "olga") -> Output:
    return world.apply(AdoptRequested(ACCOUNT, items, "first-start", "known", by))[0]


POSITION = AdoptItem(BTC, position_quantity=D("0.5"), owner=ALPHA)
ORDER = AdoptItem(BTC, venue_order_id="v1", owner=ALPHA)


# -- the first start ----------------------------------------------------------------------------------------------


def test_an_empty_flat_account_needs_nothing() -> None:
    assert given().buy("0.1", 50_000).approved


def test_an_account_that_holds_something_is_shown_and_denied_until_adopted() -> None:
    world = held_before()
    decision = world.buy("0.1", 50_000)
    assert reasons(decision)[0] is DenialReason.NOT_ADOPTED
    assert world.halts() == []
    assert [describe(item) for item in unexplained_items(world.book)] == [
        "position of 0.5 BTC/USDT:USDT",
        "order v1 of BTC/USDT:USDT",
    ]
    assert world.adopt(POSITION, ORDER) == Adopted(2)
    assert list(unexplained_items(world.book)) == []
    assert world.buy("0.1", 50_000).approved
    assert world.position() == D("0.5")


def test_the_account_opens_only_when_everything_is_explained() -> None:
    world = held_before()
    world.adopt(POSITION)
    assert DenialReason.NOT_ADOPTED in reasons(world.buy("0.1", 50_000))
    world.adopt(ORDER)
    assert world.buy("0.1", 50_000).approved


def test_or_when_it_has_gone() -> None:
    world = held_before()
    world.venue = {}
    world.read()
    assert world.buy("0.1", 50_000).approved


def test_without_an_owner_it_is_the_accounts_own() -> None:
    world = held_before()
    world.adopt(AdoptItem(BTC, position_quantity=D("0.5")), AdoptItem(BTC, venue_order_id="v1"))
    assert (world.line().adopted, world.position()) == (D("0.5"), D(0))
    assert world.line().attributed == world.line().ledger == D("0.5")
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [DenialReason.NOT_REDUCING]
    assert world.exit(Side.SELL, "0.3").approved


def test_fills_from_before_the_first_read_are_history() -> None:
    world = unread()
    world.marks()
    old = world.make_fill("", Side.BUY, 1, venue_time_ms=world.now // 10**6 - 60_000)
    world.tell(old)
    world.tell(old)
    world.read()
    assert world.line().ledger == 0
    world.tell(old)
    assert world.line().ledger == 0
    assert world.buy("0.1", 50_000).approved


def test_a_fill_inside_the_first_read_leaves_the_start_to_the_next() -> None:
    world = unread()
    world.marks()
    world.tell(world.make_fill("", Side.BUY, 1))
    world.read(positions={BTC: 1})
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.SNAPSHOT_MISSING]
    assert "first read" in world.book.last_read_failure
    world.wait(5, fresh=False)
    world.read(positions={BTC: 1})
    assert world.book.anchored
    assert world.book.last_read_failure == ""
    assert [item.position_quantity for item in unexplained_items(world.book)] == [D(1)]


def test_a_fill_after_the_first_read_is_in_the_ledger_and_unexplained() -> None:
    world = unread()
    world.marks()
    world.tell(world.make_fill("", Side.BUY, 1, venue_time_ms=world.now // 10**6 + 50))
    world.read()
    assert world.line().ledger == 1
    assert [describe(item) for item in unexplained_items(world.book)] == ["fill t1 of BTC/USDT:USDT"]
    assert world.halts() == []


def test_a_new_instrument_that_was_never_read_is_not_explained() -> None:
    world = unread()
    world.mark(BTC, 50_000)
    world.read(positions={BTC: "0.5"})
    world.tell(world.make_fill("", Side.BUY, 1, instrument=ETH))
    world.adopt(POSITION, *(item for item in unexplained_items(world.book) if item.trade_id))
    assert DenialReason.NOT_ADOPTED in reasons(world.buy("0.1", 50_000))
    world.read(positions={BTC: "0.5", ETH: 1})
    assert world.book.adopted


# -- after a manual trade -----------------------------------------------------------------------------------------


def manual_trade() -> World:
    world = given()
    world.fill("", Side.BUY, "0.5", venue_order_id="desk")
    world.read()
    return world


def test_an_unexplained_fill_is_given_to_its_owner_and_the_ledger_stays() -> None:
    world = manual_trade()
    before = world.line().ledger
    item = next(unexplained_items(world.book))
    assert world.adopt(AdoptItem(BTC, trade_id=item.trade_id, owner=BETA)) == Adopted(1)
    assert (world.line().ledger, world.position(BETA)) == (before, D("0.5"))
    assert world.line().unexplained == {}
    assert world.line().suspicions == {}
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_adoption_clears_no_halt_but_lets_it_be_cleared() -> None:
    world = manual_trade()
    halt = world.halts()[0]
    world.wait(1)
    assert isinstance(world.resume(halt), StepRefused)
    world.adopt(*unexplained_items(world.book))
    world.resume_by_two(halt)
    assert world.halts() == []


def test_a_drift_is_adopted_as_exactly_what_the_venue_shows_beyond_the_ledger() -> None:
    world = given()
    for _ in range(3):
        world.read(positions={BTC: "0.5"})
    for wrong in ("0.4", "-0.5", 0):
        assert why_not(ask(world, AdoptItem(BTC, position_quantity=D(wrong)))) == [RefusalReason.ITEM_MISMATCH]
    world.adopt(POSITION)
    line = world.line()
    assert (line.ledger, line.low, line.high, line.venue) == (D("0.5"), D("0.5"), D("0.5"), D("0.5"))
    assert line.suspicions == {}
    world.read(positions={BTC: "0.5"})
    assert line.suspicions == {}


def test_it_overwrites_no_belief() -> None:
    world = manual_trade()
    world.believe(0)
    world.adopt(AdoptItem(BTC, trade_id=next(unexplained_items(world.book)).trade_id, owner=ALPHA))
    belief = world.part().belief
    assert belief is not None
    assert belief.quantity == 0
    world.wait(3)
    assert not world.believe(0).agrees


def test_what_it_makes_too_large_is_a_passive_breach() -> None:
    world = given(instruments={BTC: instrument(max_net_exposure=limit(24_000))})
    world.fill("", Side.BUY, "0.5", venue_order_id="desk")
    world.adopt(*unexplained_items(world.book))
    assert world.triggers() == ["PASSIVE_BREACH"]


# -- orders -------------------------------------------------------------------------------------------------------


def test_an_adopted_order_is_its_owners_and_its_fills_are_too() -> None:
    world = held_before()
    world.adopt(POSITION, ORDER)
    assert world.part().working.sell == D("0.2")
    world.fill("", Side.SELL, "0.05", venue_order_id="v1")
    assert world.position() == D("0.45")
    assert world.line().working.sell == D("0.15")
    world.fill("", Side.SELL, "0.15", venue_order_id="v1")
    assert world.book.live() == []
    world.read()
    assert world.halts() == []


def test_an_adopted_order_ends_with_all_its_fills_applied() -> None:
    world = held_before()
    world.adopt(POSITION, ORDER)
    final = world.row("", Side.SELL, "0.2", 51_000, venue_order_id="v1", status=VenueStatus.FILLED, filled="0.2")
    world.look_up(final)
    assert world.line().working.sell == D("0.2")
    world.fill("", Side.SELL, "0.2", venue_order_id="v1")
    assert world.line().working.sell == 0
    world.read()
    assert world.halts() == []


def test_what_it_had_filled_before_is_not_taken_off_twice() -> None:
    world = given()
    world.fill("", Side.BUY, "0.1", venue_order_id="v1", trade_id="before")
    row = world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v1", filled="0.1")
    world.read([row])
    world.adopt(AdoptItem(BTC, venue_order_id="v1", owner=ALPHA))
    assert world.line().working.buy == D("0.3")
    again = world.make_fill("", Side.BUY, "0.1", venue_order_id="v1", trade_id="before")
    world.tell(again)
    assert world.position() == D("0.1")
    assert world.line().unexplained == {}
    assert world.line().working.buy == D("0.3")


def test_an_order_of_which_the_venue_shows_only_the_client_id_is_adopted_by_that() -> None:
    world = given()
    world.read([world.row("desk-1", Side.BUY, "0.1", 50_000)])
    item = next(unexplained_items(world.book))
    assert item == AdoptItem(BTC, venue_order_id="desk-1")
    assert world.adopt(item) == Adopted(1)
    assert world.line().suspicions == {}


def test_an_enlarged_order_is_adopted_by_the_venues_id_or_its_own() -> None:
    for venue_id in ("v1", ""):
        world = given()
        world.buy("0.1", 50_000, client_order_id="a")
        world.read([world.row("a", Side.BUY, "0.2", 50_000, venue_order_id=venue_id)])
        world.adopt(AdoptItem(BTC, venue_order_id=venue_id or "a", owner=BETA))
        assert world.part(BETA).working.buy == D("0.2")
        assert world.part(ALPHA).working.buy == 0
        world.fill("a", Side.BUY, "0.2")
        assert world.position(BETA) == D("0.2")


def test_one_of_two_orders_leaves_the_instrument_suspect() -> None:
    world = given()
    rows = [world.row("", Side.BUY, "0.1", 50_000, venue_order_id=name) for name in ("v1", "v2")]
    world.read(rows)
    world.adopt(AdoptItem(BTC, venue_order_id="v1"))
    assert world.line().suspicions
    world.adopt(AdoptItem(BTC, venue_order_id="v2"))
    assert world.line().suspicions == {}


def test_an_adopted_order_that_somebody_then_enlarges_is_unexpected_again() -> None:
    world = held_before()
    world.adopt(POSITION, ORDER)
    world.read([world.row("", Side.SELL, "0.3", 51_000, venue_order_id="v1")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


# -- refusals -----------------------------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[RefusalReason, Callable[[World], tuple[AdoptItem, ...]]]] = {
    "nothing named": (RefusalReason.ITEM_MISMATCH, lambda world: ()),
    "no kind": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem(BTC),)),
    "two kinds": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem(BTC, trade_id="t", venue_order_id="v1"),)),
    "unknown instrument": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem("DOGE", trade_id="t"),)),
    "unknown fill": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem(BTC, trade_id="t"),)),
    "unknown order": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem(BTC, venue_order_id="v9"),)),
    "order elsewhere": (RefusalReason.ITEM_MISMATCH, lambda world: (AdoptItem(ETH, venue_order_id="v1"),)),
    "twice": (RefusalReason.ITEM_MISMATCH, lambda world: (ORDER, ORDER)),
    "unknown owner": (RefusalReason.OWNER_UNKNOWN, lambda world: (AdoptItem(BTC, venue_order_id="v1", owner="x"),)),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_can_not_be_adopted(name: str) -> None:
    world = held_before()
    reason, items = REFUSALS[name]
    world.line(ETH)
    assert why_not(ask(world, *items(world))) == [reason]
    assert not world.book.adopted


def test_what_is_explained_already_can_not_be_adopted() -> None:
    world = held_before()
    world.adopt(POSITION, ORDER)
    assert why_not(ask(world, ORDER)) == [RefusalReason.ITEM_MISMATCH]
    assert why_not(ask(world, POSITION)) == [RefusalReason.ITEM_MISMATCH]


def test_nothing_is_adopted_without_a_read_or_by_an_unknown_account() -> None:
    world = held_before()
    world.apply(GateStarted(world.config))
    assert why_not(ask(world, POSITION)) == [RefusalReason.NO_SNAPSHOT]
    other = world.apply(AdoptRequested("other", (POSITION,), "x", "y", "olga"))[0]
    assert why_not(other) == [RefusalReason.ITEM_MISMATCH]


def test_an_owner_needs_limits() -> None:
    world = held_before()
    world.book.limits = None
    assert RefusalReason.OWNER_UNKNOWN in why_not(ask(world, ORDER))


def test_a_spot_position_is_not_adopted_twice_under_two_pairs() -> None:
    world = unread()
    world.marks()
    world.read(positions={"LTC": 3})
    twice = [AdoptItem(symbol, position_quantity=D(3)) for symbol in (SPOT, SPOT_USDC)]
    assert why_not(ask(world, *twice)) == [RefusalReason.ITEM_MISMATCH]
    world.adopt(twice[1])
    assert world.line(SPOT).ledger == 3
    assert world.book.adopted


# -- the second person --------------------------------------------------------------------------------------------


def test_growth_needs_a_second_person_and_shrinking_does_not() -> None:
    world = held_before()
    assert isinstance(ask(world, POSITION), StepProposed)
    assert isinstance(ask(world, ORDER), StepProposed)
    world.adopt(POSITION, ORDER)
    world.tell(world.make_fill("", Side.SELL, "0.2", venue_order_id="desk", trade_id="x"))
    assert ask(world, AdoptItem(BTC, trade_id="x")) == Adopted(1)
    world.tell(world.make_fill("", Side.SELL, "0.7", venue_order_id="desk", trade_id="y"))
    assert isinstance(ask(world, AdoptItem(BTC, trade_id="y")), StepProposed)


def test_items_of_one_instrument_are_weighed_together() -> None:
    world = given()
    world.tell(world.make_fill("", Side.BUY, "0.2", venue_order_id="desk", trade_id="x"))
    world.tell(world.make_fill("", Side.SELL, "0.2", venue_order_id="desk", trade_id="y"))
    assert ask(world, AdoptItem(BTC, trade_id="x"), AdoptItem(BTC, trade_id="y")) == Adopted(2)


def test_the_same_person_can_not_confirm_and_another_can_once() -> None:
    world = held_before()
    proposed = ask(world, POSITION)
    assert isinstance(proposed, StepProposed)
    for by, reason in (("olga", RefusalReason.SAME_PERSON), ("rita", None), ("rita", RefusalReason.PROPOSAL_UNKNOWN)):
        answer = world.apply(AdoptConfirmed(proposed.proposal_id, by))[0]
        assert answer == Adopted(1) if reason is None else why_not(answer) == [reason]


def test_everything_is_judged_again_when_it_is_confirmed() -> None:
    world = held_before()
    proposed = ask(world, POSITION)
    assert isinstance(proposed, StepProposed)
    world.read(positions={BTC: "0.6"})
    answer = world.apply(AdoptConfirmed(proposed.proposal_id, "rita"))[0]
    assert why_not(answer) == [RefusalReason.ITEM_MISMATCH]


def test_a_proposal_to_adopt_is_not_confirmed_as_a_resume() -> None:
    world = held_before()
    proposed = ask(world, POSITION)
    assert isinstance(proposed, StepProposed)
    answer = world.apply(ResumeConfirmed(proposed.proposal_id, "rita"))[0]
    assert why_not(answer) == [RefusalReason.PROPOSAL_UNKNOWN]
    assert world.apply(AdoptConfirmed(proposed.proposal_id, "rita"))[0] == Adopted(1)


def test_a_proposal_runs_out() -> None:
    world = held_before()
    proposed = ask(world, POSITION)
    assert isinstance(proposed, StepProposed)
    assert proposed.expires_at == world.now + 15 * 60 * SECOND
    world.now = proposed.expires_at
    answer = world.apply(AdoptConfirmed(proposed.proposal_id, "rita"))[0]
    assert why_not(answer) == [RefusalReason.PROPOSAL_UNKNOWN]
