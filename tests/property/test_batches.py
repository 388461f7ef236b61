"""Batches after random walks: each by itself is one check after the other; all or none is that, or leaves nothing.

A walk brings a gate into some state; two copies of it are asked the same orders, one in a batch, the other one by one.
Orders are new, repeat earlier ones (of the walk or of the batch), amend and replace, reduce, and are too large.
"""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.events import ClearSeen, Input, LeaseRenewed, OrderChecked, OrdersChecked
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision, HaltRaised, Notice, NoticeKind, Output
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import SECOND, ZERO, Order, OrderType, ReplaceMode, Side
from risksvc.core.venue_events import Mark, MarksReceived
from risksvc.gate.state_codec import dump_gate, load_gate
from tests.conftest import IN_CI
from tests.property.fake_venue import LOTS
from tests.property.random_walk import STEPS, Walk, recorded
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, WIDE, D
from tests.unit.gate.state_graph import Comparison

WALKS = 600 if IN_CI else 120
SIZES = (1, 1, 1, 2, 3, 40)


def orders(walk: Walk, rng: Random) -> tuple[OrderChecked, ...]:
    """One strategy's batch."""
    who, made = rng.choice((ALPHA, BETA)), list[OrderChecked]()
    for number in range(rng.choice((1, 2, 2, 3, 4, 6, 12))):
        earlier = [*made, *(one for one, _ in walk.asked[-8:] if isinstance(one, OrderChecked))]
        if earlier and rng.random() < 0.1:
            made.append(rng.choice(earlier))
        else:
            made.append(_order(walk, rng, Order(ACCOUNT, who, f"b{number}", *_what(walk, rng)), made))
    return tuple(made)


def _what(walk: Walk, rng: Random) -> tuple[str, Side, OrderType, Decimal, Decimal, bool]:
    symbol, side = rng.choice(tuple(LOTS)), rng.choice(tuple(Side))
    quantity, price = LOTS[symbol] * rng.choice(SIZES), walk.prices[symbol] // D("0.5") * D("0.5")
    return symbol, side, OrderType.LIMIT, quantity, price, rng.random() < 0.1


def _order(walk: Walk, rng: Random, order: Order, made: list[OrderChecked]) -> OrderChecked:
    live = [one.order for one in walk.gate.state.accounts[ACCOUNT].live()] + [one.order for one in made]
    if live and rng.random() < 0.2:
        old, mode = rng.choice(live), rng.choice(tuple(ReplaceMode))
        order = replace(
            order, instrument=old.instrument, side=old.side, replaces=old.client_order_id, replace_mode=mode
        )
    line = walk.gate.state.accounts[ACCOUNT].lines.get(order.instrument)
    part = None if line is None else line.strategies.get(order.strategy)
    position = ZERO if part is None else part.position
    believed = position + (LOTS[order.instrument] if rng.random() < 0.05 else ZERO)
    return OrderChecked(order, WIDE if rng.random() < 0.9 else None, believed if rng.random() < 0.9 else None)


def walked(seed: int) -> Walk:
    """A walk that ends in a state that most orders pass in: nothing is halted, everything is fresh."""
    walk = recorded(seed, STEPS)
    for halt in list(walk.gate.state.halts.active()):
        walk.apply(ClearSeen(Clear(halt.halt_id, ("olga", "rita"), walk.now, "test")))
    marks = tuple(Mark(symbol, price) for symbol, price in walk.prices.items())
    for event in (LeaseRenewed(walk.now + SECOND), MarksReceived(ACCOUNT, walk.now, marks), walk.venue.snapshot()):
        walk.apply(event)
    return walk


def decisions(outputs: tuple[Output, ...]) -> list[Decision]:
    return [one for one in outputs if isinstance(one, Decision)]


def halts(outputs: tuple[Output, ...]) -> list[Halt]:
    return [one.halt for one in outputs if isinstance(one, HaltRaised)]


def reserved(gate: RiskGate, now: int) -> object:
    """Everything that an approval would add to; rates of the last second only."""
    book = gate.state.accounts[ACCOUNT]
    rates = (book.approvals, *(one.approvals for one in book.strategies.values()))
    parts = [part for line in book.lines.values() for part in line.strategies.values()]
    return (
        [(line.working, line.worst, line.held, line.warned) for line in book.lines.values() if not line.idle],
        [(one.working, one.worst, one.held, one.flying_buy, one.flying_sell) for one in parts if one.reservations],
        [(one.ids, one.versions, one.counted_quantity, one.counted_value) for one in book.live()],
        [[(id_, one.decision) for id_, one in each.answers.items()] for each in book.live()],
        [(one.total, one.held) for one in book.strategies.values() if one.total or one.held],
        [[at for at in each if at > now - SECOND] for each in rates if each and each[-1] > now - SECOND],
        (book.total, book.held, book.total_warned, [*book.watched], [*book.reservations], [*book.finished]),
        (book.oldest_mark, [*book.unvalued], [*book.unproven_marks]),
    )


@pytest.mark.parametrize("seed", range(WALKS))
def test_a_batch(seed: int) -> None:
    walk, rng = walked(seed), Random(seed)
    asked = orders(walk, rng)
    before, one_by_one, each, whole = (walk.gate, *(load_gate(dump_gate(walk.gate)) for _ in range(3)))

    single = [one_by_one.apply(one, walk.now) for one in asked]
    in_each = each.apply(OrdersChecked(asked), walk.now)
    in_whole = whole.apply(OrdersChecked(asked, all_or_none=True), walk.now)

    assert decisions(in_each) == [found for outputs in single for found in decisions(outputs)]
    assert halts(in_each) == [halt for outputs in single for halt in halts(outputs)]
    # An incident's evidence is taken at the end of a step: of a batch, it knows also what its later orders said.
    assert list(each.state.incidents.by_id) == list(one_by_one.state.incidents.by_id)
    each.state.incidents = one_by_one.state.incidents
    Comparison().same(each.state, one_by_one.state, "state")
    if all(one.approved for one in decisions(in_each)):
        assert in_whole == in_each
        Comparison().same(whole.state, one_by_one.state, "state")
    else:
        _assert_nothing_left(whole, before, in_whole, decisions(in_each))
    _assert_repeats(whole, asked, walk.now)


def _assert_nothing_left(whole: RiskGate, before: RiskGate, outputs: tuple[Output, ...], each: list[Decision]) -> None:
    now = whole.last
    assert reserved(whole, now) == reserved(before, now)
    for answer, alone in zip(decisions(outputs), each, strict=True):
        denied = [one.reason for one in alone.denials] or [DenialReason.BATCH_DENIED]
        assert [one.reason for one in answer.denials] == denied
    assert not any(isinstance(one, Notice) and one.kind is NoticeKind.UTILISATION for one in outputs)


def _assert_repeats(gate: RiskGate, asked: tuple[OrderChecked, ...], now: int) -> None:
    """The same batch again: approved with the same answers, or denied; nothing is reserved anew."""
    kept = reserved(gate, now)
    question: Input = OrdersChecked(asked, all_or_none=True)
    first = [gate.state.accounts[ACCOUNT].reservations.get(one.order.client_order_id) for one in asked]
    again = decisions(gate.apply(question, now))
    if all(one.approved for one in again):
        answers = [None if one is None else one.answers for one in first]
        assert all(
            known is not None and known[one.client_order_id].decision == one
            for known, one in zip(answers, again, strict=True)
        )
    assert reserved(gate, now) == kept


def test_the_walks_meet_every_case() -> None:
    """What the test above is worth: batches that were approved whole, broken late, and broken by what came before."""
    approved = broken = mixed = 0
    for seed in range(WALKS):
        walk = walked(seed)
        asked = orders(walk, Random(seed))
        answers = decisions(walk.gate.apply(OrdersChecked(asked), walk.now))
        passed = sum(one.approved for one in answers)
        approved += passed == len(answers)
        broken += not passed
        mixed += 0 < passed < len(answers)
    assert min(approved, broken, mixed) > WALKS // 30, (approved, broken, mixed)
