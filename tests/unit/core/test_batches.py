# ruff: noqa: ANN401 - a builder takes whatever the order that it builds takes
"""Batches: each order by itself as one check after the other, or all or none, which leaves nothing behind."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risksvc.core import events
from risksvc.core.beliefs import Belief
from risksvc.core.denials import DenialReason
from risksvc.core.events import OrderChecked, OrdersChecked
from risksvc.core.gate import RiskGate
from risksvc.core.limits import LimitMode
from risksvc.core.outputs import Decision, HaltRaised, Notice, NoticeKind
from risksvc.core.types import MILLISECOND, SECOND, Order, PositionRange, ReplaceMode, Side, TradingState
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, SOL, WIDE, D, instrument, limit
from tests.unit.gate.state_graph import Comparison

BATCH, REUSED = DenialReason.BATCH_DENIED, DenialReason.CLIENT_ORDER_ID_REUSED
NET, RESERVED = DenialReason.MAX_NET_EXPOSURE, DenialReason.HEADROOM_RESERVED


def ask(order: Order, *, intent: PositionRange | None = WIDE, belief: Decimal | int | str = 0) -> OrderChecked:
    return OrderChecked(order, intent, D(belief))


def buy(world: World, id_: str, quantity: str, price: int | None = 50_000, **rest: Any) -> OrderChecked:
    return ask(world.order(Side.BUY, quantity, price, client_order_id=id_, **rest))


def sol(world: World, id_: str, **rest: Any) -> OrderChecked:
    """A small order in another instrument."""
    return buy(world, id_, "1", 100, instrument=SOL, **rest)


def off_step(world: World, id_: str) -> OrderChecked:
    """An order that is denied, whatever else there is."""
    return buy(world, id_, "0.1005")


def amend(world: World, id_: str, quantity: str, old: str) -> OrderChecked:
    return buy(world, id_, quantity, replaces=old, replace_mode=ReplaceMode.AMEND)


def batch(world: World, *asked: OrderChecked, all_or_none: bool = True) -> list[Decision]:
    outputs = world.apply(OrdersChecked(asked, all_or_none))
    answers = [one for one in outputs[: len(asked)] if isinstance(one, Decision)]
    assert [one.client_order_id for one in answers] == [one.order.client_order_id for one in asked]
    assert not any(isinstance(one, Decision) for one in outputs[len(asked) :])
    return answers


def told(world: World) -> list[str]:
    return [one.kind.value for one in world.outputs if isinstance(one, Notice)]


def sums(world: World) -> dict[str, Any]:
    """Everything that an approval adds to; of lines and parts those that hold or work something."""
    book, mine = world.book, world.book.strategy(ALPHA)
    parts = [(line, part) for line in book.lines.values() for part in line.strategies.values()]
    return {
        "totals": (book.total, book.held, mine.total, mine.held),
        "lines": [
            (line.key, line.working, line.worst, line.held, list(line.reservations))
            for line in book.lines.values()
            if not line.idle
        ],
        "parts": [
            (line.key, part.working, part.worst, part.held, part.flying_buy, part.flying_sell, list(part.reservations))
            for line, part in parts
            if part.position or part.reservations
        ],
        "orders": [(one.ids, one.versions, list(one.answers), one.counted_value) for one in book.live()],
        "ids": (list(book.reservations), list(book.watched), list(book.finished)),
        "rates": [[at for at in each if at > world.now - SECOND] for each in (book.approvals, mine.approvals)],
        "warned": (book.total_warned, [line.warned for line in book.lines.values() if line.warned]),
        "marks": (book.oldest_mark, list(book.unvalued), list(book.unproven_marks)),
    }


def same_state(one: World, other: World) -> None:
    Comparison().same(one.gate.state, other.gate.state, "state")


# -- each by itself -----------------------------------------------------------------------------------------------


def one_after_the_other(world: World, *asked: OrderChecked) -> list[Decision]:
    world.now += MILLISECOND
    return [world.one(world.gate.apply(one, world.now), Decision) for one in asked]


EACH: dict[str, Callable[[World], list[OrderChecked]]] = {
    "all approved": lambda world: [buy(world, "a", "0.1"), sol(world, "b")],
    "one denied": lambda world: [buy(world, "a", "0.1"), buy(world, "b", "1.1"), buy(world, "c", "0.1")],
    "what is approved counts": lambda world: [buy(world, "a", "0.6"), buy(world, "b", "0.6"), buy(world, "c", "0.4")],
    "three breaches": lambda world: [buy(world, id_, "1.1") for id_ in "abc"] + [buy(world, "d", "0.1")],
    "the same order twice": lambda world: [buy(world, "a", "0.1"), buy(world, "a", "0.1")],
    "another order under an id": lambda world: [buy(world, "a", "0.1"), buy(world, "a", "0.2")],
    "an amendment of a new order": lambda world: [
        buy(world, "a", "0.1"),
        amend(world, "b", "0.2", "a"),
    ],
    "an unknown account": lambda world: [buy(world, "a", "0.1", account="other"), buy(world, "b", "0.1")],
    "a market order": lambda world: [buy(world, "a", "0.1", None), buy(world, "b", "0.1")],
}


@pytest.mark.parametrize("case", EACH)
def test_each_by_itself_is_one_check_after_the_other(case: str) -> None:
    world = given()
    other = world.twin()
    asked = EACH[case](world)

    assert batch(world, *asked, all_or_none=False) == one_after_the_other(other, *asked)

    same_state(world, other)


def test_each_by_itself_trips_as_single_checks_do_and_says_so_after_the_answers() -> None:
    world = given()
    asked = [buy(world, "a", "0.1"), buy(world, "b", "1.1"), buy(world, "c", "0.1")]

    first, second, third = batch(world, *asked, all_or_none=False)

    assert (first.approved, reasons(second), reasons(third)) == (True, [NET], [DenialReason.REDUCING_ONLY])
    assert world.one(world.outputs, HaltRaised).halt.state is TradingState.REDUCING
    assert [type(one) for one in world.outputs[:4]] == [Decision] * 3 + [HaltRaised]


def test_an_empty_batch_decides_nothing() -> None:
    world = given()
    assert batch(world, all_or_none=False) == batch(world) == []


# -- all or none --------------------------------------------------------------------------------------------------


def test_all_or_none_approves_all_as_each_by_itself_would() -> None:
    world = given()
    other = world.twin()
    asked = [buy(world, "a", "0.7"), sol(world, "b")]

    assert batch(world, *asked) == batch(other, *asked, all_or_none=False)

    same_state(world, other)
    assert told(world) == ["UTILISATION"]


OFF = DenialReason.QUANTITY_OFF_STEP
Case = tuple[Callable[[World], list[OrderChecked]], list[DenialReason]]
NONE: dict[str, Case] = {
    "the first is denied": (
        lambda world: [buy(world, "a", "1.1"), sol(world, "b")],
        [NET, DenialReason.REDUCING_ONLY],
    ),
    "the last is denied": (lambda world: [sol(world, "a"), buy(world, "b", "1.1")], [BATCH, NET]),
    "one in the middle": (lambda world: [sol(world, "a"), off_step(world, "b"), sol(world, "c")], [BATCH, OFF, BATCH]),
    "together they are too much": (
        lambda world: [buy(world, "a", "0.6"), buy(world, "b", "0.6"), buy(world, "c", "0.1")],
        [BATCH, RESERVED, BATCH],
    ),
    "a warning mark is crossed": (lambda world: [buy(world, "a", "0.95"), off_step(world, "b")], [BATCH, OFF]),
    "an unlisted strategy": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "b", "0.1", strategy="gamma")],
        [BATCH, DenialReason.STRATEGY_UNKNOWN],
    ),
    "an unknown account": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "b", "0.1", account="other")],
        [BATCH, DenialReason.ACCOUNT_UNKNOWN],
    ),
    "an unlisted instrument": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "b", "1", instrument="DOGE")],
        [BATCH, DenialReason.INSTRUMENT_UNKNOWN],
    ),
    "another order under an id of the batch": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "a", "0.2")],
        [BATCH, REUSED],
    ),
    "the same order twice": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "a", "0.1"), off_step(world, "b")],
        [BATCH, BATCH, OFF],
    ),
    "an amendment of a new order": (
        lambda world: [buy(world, "a", "0.1"), amend(world, "b", "0.2", "a"), off_step(world, "c")],
        [BATCH, BATCH, OFF],
    ),
    "a new order for an old one": (
        lambda world: [buy(world, "a", "0.1"), buy(world, "b", "0.2", replaces="a"), off_step(world, "c")],
        [BATCH, BATCH, OFF],
    ),
    "an amendment of a denied order": (
        lambda world: [off_step(world, "a"), amend(world, "b", "0.2", "a"), sol(world, "c")],
        [OFF, DenialReason.REPLACED_ORDER_UNKNOWN, BATCH],
    ),
}


@pytest.mark.parametrize("case", NONE)
def test_one_denied_leaves_nothing_reserved(case: str) -> None:
    make, expected = NONE[case]
    world = given()
    before = sums(world)

    answers = batch(world, *make(world))

    assert [one.denials[0].reason for one in answers] == expected
    assert sums(world) == before
    assert "UTILISATION" not in told(world)


@pytest.mark.parametrize("case", NONE)
def test_the_same_batch_again_is_denied_for_the_same_reasons(case: str) -> None:
    make, expected = NONE[case]
    world = given()
    asked = make(world)
    batch(world, *asked)
    before = sums(world)
    world.cleared_elsewhere()

    again = batch(world, *asked)

    assert [expected_one in reasons(one) for one, expected_one in zip(again, expected, strict=True)] == [True] * len(
        expected
    )
    assert sums(world) == before


def test_the_denial_names_the_first_order_that_broke_the_batch() -> None:
    world = given()
    fine, _, broken, _ = batch(world, sol(world, "a"), sol(world, "b"), off_step(world, "c"), buy(world, "d", "1.1"))
    [denial] = fine.denials
    assert denial.message == (
        "all or none: order c of this batch was denied (QUANTITY_OFF_STEP); a new attempt needs new client order ids"
    )
    assert (denial.scope.account, denial.transient, fine.valid_until) == (ACCOUNT, False, 0)
    assert reasons(broken) == [DenialReason.QUANTITY_OFF_STEP]


def test_an_order_of_a_denied_batch_is_never_approved_under_its_id() -> None:
    world = given()
    fine = buy(world, "a", "0.1")
    batch(world, fine, off_step(world, "b"))

    [alone] = batch(world, fine)
    assert reasons(alone) == [BATCH]
    assert reasons(world.check(fine.order)) == [BATCH]
    assert reasons(world.check(replace(fine.order, quantity=D("0.2")))) == [REUSED]
    assert world.check(replace(fine.order, client_order_id="new")).approved


def test_an_approved_batch_asked_again_gets_the_same_answer_and_one_reservation_each() -> None:
    world = given()
    asked = [buy(world, "a", "0.6"), buy(world, "b", "0.4")]
    first = batch(world, *asked)
    before = sums(world)

    assert batch(world, *asked) == first
    assert batch(world, *asked, all_or_none=False) == first
    assert sums(world) == before


def test_what_an_earlier_call_approved_stays_reserved() -> None:
    world = given()
    earlier = buy(world, "a", "0.5")
    assert world.check(earlier.order).approved
    before = sums(world)

    answer, new, _ = batch(world, earlier, buy(world, "b", "0.1"), off_step(world, "c"))

    assert reasons(answer) == reasons(new) == [BATCH]
    assert answer.denials[0].message.endswith("what was approved under this id before stays reserved")
    assert sums(world) == before
    assert world.check(earlier.order).approved


def test_an_amendment_of_an_older_order_is_taken_back() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    world.read([world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v1")])
    before = sums(world)
    larger = buy(world, "b", "0.8", 50_100, replaces="a", replace_mode=ReplaceMode.AMEND)
    largest = buy(world, "c", "0.9", 50_000, replaces="b", replace_mode=ReplaceMode.AMEND)

    answers = batch(world, larger, largest, off_step(world, "d"))

    assert [one.denials[0].reason for one in answers[:2]] == [BATCH, BATCH]
    assert sums(world) == before
    old = world.reservation("a")
    assert old is not None
    assert (old.aliases, list(old.answers), len(old.versions)) == ([], ["a"], 1)


def test_a_reducing_order_is_taken_back() -> None:
    world = given()
    world.hold("a", "0.5")
    before = sums(world)
    out = ask(world.order(Side.SELL, "0.5", 50_000, client_order_id="b", reduce_only=True), belief="0.5")

    more = ask(world.order(Side.SELL, "0.1", client_order_id="c", reduce_only=True), belief="0.5")

    answers = batch(world, out, more)

    assert [reasons(one)[0] for one in answers] == [BATCH, DenialReason.NOT_REDUCING]
    assert sums(world) == before


def test_a_rate_counts_within_the_batch_and_not_after_it() -> None:
    world = given(max_orders_per_second=limit(2))
    answers = batch(world, *(buy(world, id_, "0.1") for id_ in "abc"))
    assert [reasons(one)[0] for one in answers] == [BATCH, BATCH, DenialReason.MAX_ORDERS_PER_SECOND]
    assert all(one.approved for one in batch(world, buy(world, "d", "0.1"), buy(world, "e", "0.1")))


def test_the_oldest_mark_is_what_it_was() -> None:
    world = given()
    world.now += 5 * SECOND
    world.mark(BTC, 50_000)
    world.read()
    batch(world, sol(world, "a"), off_step(world, "b"))
    world.now += 2 * SECOND
    assert world.buy("0.1", 50_000).approved, "nothing works in SOL, whose mark is too old"


# -- what stands all the same -------------------------------------------------------------------------------------


def test_breaches_trip_and_count_as_single_checks_would() -> None:
    world = given()
    answers = batch(world, buy(world, "a", "0.1"), *(buy(world, id_, "1.1") for id_ in "bcd"))
    assert [NET in reasons(one) for one in answers] == [False, True, True, True]
    assert reasons(answers[0]) == [BATCH]
    assert world.triggers() == ["LIMIT_BREACH", "REPEATED_LIMIT_BREACH"]
    assert answers[0].trading_state is TradingState.HALTED
    assert world.state(ALPHA) is TradingState.HALTED


def test_what_a_batch_says_stands_when_it_is_denied() -> None:
    world = given()
    said = OrderChecked(buy(world, "a", "0.1").order, PositionRange(D(-3), D(3)), D(0), "v7")

    batch(world, said, sol(world, "b", replaces="x"))

    assert world.part().declared == PositionRange(D(-3), D(3))
    assert world.part().belief == Belief(D(0), world.now)
    assert world.book.strategy(ALPHA).version == "v7"


def test_an_intent_declared_after_an_order_that_is_taken_back_does_not_rest_on_it() -> None:
    world = given()
    narrow = PositionRange(D(0), D("0.1"))
    later = ask(world.order(Side.BUY, "0.1", 50_000, client_order_id="b"), intent=narrow)
    batch(world, buy(world, "a", "0.6"), later, sol(world, "c", replaces="x"))
    assert world.part().standing == PositionRange(D(0), D(0))


def test_a_belief_that_only_a_taken_back_order_explained_is_suspect() -> None:
    world = given()
    knows = ask(world.order(Side.BUY, "0.1", 50_000, client_order_id="b"), belief="0.1")
    asked = [buy(world, "a", "0.1"), knows, sol(world, "c", replaces="x")]
    other = world.twin()
    assert [one.approved for one in batch(other, *asked, all_or_none=False)] == [True, True, False]

    batch(world, *asked)

    assert told(other) == []
    assert told(world) == ["SUSPECT"]
    assert reasons(world.buy("0.1", 50_000, belief=None))[0] is DenialReason.INSTRUMENT_SUSPECT


def test_a_limit_that_is_only_told_is_told() -> None:
    rows = {BTC: instrument(max_net_exposure=limit(10_000, mode=LimitMode.SHADOW))}
    world = given(instruments=rows)
    batch(world, buy(world, "a", "0.5"), off_step(world, "b"))
    assert told(world) == [NoticeKind.SHADOW_BREACH.value] * 2


def test_a_gate_that_is_closed_denies_every_order() -> None:
    world = given()
    world.apply(events.DrainStarted())
    for all_or_none in (False, True):
        answers = batch(world, buy(world, "a", "0.1"), buy(world, "b", "0.1"), all_or_none=all_or_none)
        assert [reasons(one) for one in answers] == [[DenialReason.DRAINING]] * 2


def test_a_journal_with_batches_replays_to_the_same() -> None:
    world = given()
    batch(world, buy(world, "a", "0.1"), buy(world, "b", "1.1"))
    batch(world, buy(world, "c", "0.1"), buy(world, "d", "0.1", strategy=BETA), all_or_none=False)
    fresh = RiskGate()

    assert [fresh.apply(event, now) for event, now in world.inputs][-1] == world.outputs
    Comparison().same(fresh.state, world.gate.state, "state")
