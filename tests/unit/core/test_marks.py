"""Marks: when one is trusted, and what counts while it is not."""

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.marks import MarkState, next_mark
from risksvc.core.venue_events import Mark
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import BTC, SOL, D

UNCONFIRMED = DenialReason.MARK_UNCONFIRMED


def after(
    state: MarkState | None, price: int, *, bid: int | None = None, ask: int | None = None, at: int = 1
) -> MarkState:
    sides = [None if one is None else D(one) for one in (bid, ask)]
    return next_mark(state, Mark(BTC, D(price), *sides), as_of=at, collar=D(5))


@pytest.mark.parametrize(("to", "confirmed"), [(110, True), (111, False), (90, True), (89, False)])
def test_a_jump_of_more_than_ten_percent_is_not_confirmed(to: int, *, confirmed: bool) -> None:
    state = after(after(None, 100), to, at=2)
    assert state.confirmed is confirmed
    assert state.price == (to if confirmed else max(to, 100))


def test_a_second_read_that_agrees_confirms_a_jump() -> None:
    jumped = after(after(None, 100), 150, at=2)
    assert after(jumped, 155, at=3) == MarkState(D(155), D(155), 3, confirmed=True)


def test_a_second_read_that_differs_again_does_not_and_the_larger_price_counts() -> None:
    jumped = after(after(None, 100), 150, at=2)
    back = after(jumped, 100, at=3)
    assert (back.confirmed, back.price, back.last) == (False, D(150), D(100))
    assert after(back, 100, at=4) == MarkState(D(100), D(100), 4, confirmed=True)


@pytest.mark.parametrize(("mark", "near"), [(105, True), (106, False), (95, True), (94, False)])
def test_a_mark_further_from_the_mid_than_the_collar_is_not_confirmed(mark: int, *, near: bool) -> None:
    assert after(None, mark, bid=99, ask=101).confirmed is near


def test_a_stuck_mark_does_not_confirm_itself_while_the_book_has_gone_elsewhere() -> None:
    state = after(None, 100, bid=120, ask=122)
    assert not after(state, 100, bid=120, ask=122, at=2).confirmed


def test_a_one_sided_book_says_nothing() -> None:
    assert after(None, 100, bid=50).confirmed


def test_an_older_read_changes_nothing() -> None:
    state = after(None, 100, at=5)
    assert after(state, 105, at=4) is state


def jumped() -> World:
    world = given()
    world.hold("a", "0.5")
    world.mark(BTC, 60_000)
    return world


def test_growth_is_denied_in_the_instrument_and_in_all_others_while_it_is_held() -> None:
    world = jumped()
    assert reasons(world.buy("0.1", 60_000)) == [UNCONFIRMED]
    denied = world.buy(1, 100, instrument=SOL)
    assert reasons(denied) == [UNCONFIRMED]
    assert denied.denials[0].scope.instrument == BTC


def test_others_may_grow_when_nothing_is_held_at_the_doubtful_mark() -> None:
    world = given()
    world.mark(BTC, 60_000)
    assert world.buy(1, 100, instrument=SOL).approved
    assert reasons(world.buy("0.1", 60_000)) == [UNCONFIRMED]


def test_reducing_passes_on_a_doubtful_mark() -> None:
    assert jumped().sell("0.1", 60_000, reduce_only=True).approved


def test_a_doubtful_mark_trips_nothing_until_it_is_confirmed() -> None:
    world = given()
    world.hold("a", 1)
    world.mark(BTC, 70_000)
    assert world.book.total == 70_000
    assert world.halts() == []
    world.mark(BTC, 70_000)
    assert "PASSIVE_BREACH_120" in world.triggers()


def test_two_reads_that_agree_let_it_grow_again() -> None:
    world = jumped()
    world.mark(BTC, 60_100)
    assert world.buy("0.1", 60_000).approved


def test_the_collar_is_inclusive_and_looks_one_way() -> None:
    world = given()
    assert world.buy("0.1", 52_500).approved
    assert world.sell("0.1", 47_500).approved
    assert world.buy("0.1", 10_000).approved
    assert world.sell("0.1", 90_000).approved
    for denied in (world.buy("0.1", "52500.01"), world.sell("0.1", "47499.99")):
        assert reasons(denied) == [DenialReason.PRICE_COLLAR]
    assert world.buy("0.1").approved
