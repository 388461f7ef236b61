"""The equity check: what is told twice, late or early, restarts, and when everything begins anew."""

from dataclasses import replace

import pytest

from risksvc.core import equity_ledger
from risksvc.core.events import AdoptItem, GateStarted
from risksvc.core.outputs import NoticeKind
from risksvc.core.types import ZERO, Scope
from risksvc.core.venue_events import Balance, BalancesReceived, FillKind, HistoryGapFound
from tests.unit.core.an_account import Account, account, kinds
from tests.unit.core.builders import given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, ETH, INSTRUMENTS, SPOT, D, feed


def condition(of: Account) -> object:
    return of.world.book.conditions.get("EQUITY_MISMATCH")


# -- traps --------------------------------------------------------------------------------------------------------


def test_a_booking_counts_once_however_often_it_is_told() -> None:
    paid = account()
    flow = paid.book(-300)
    paid.read(flows=(flow, flow))
    paid.pass_time()
    paid.read(flows=(flow,))
    assert paid.difference == 0


def test_memory_of_bookings_is_bounded_and_what_was_forgotten_is_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equity_ledger, "FLOWS_KEPT", 3)
    paid = account()
    first = paid.book(-300)
    paid.read()
    for _ in range(4):
        paid.pass_time()
        paid.book(-10)
        paid.read()
    assert list(paid.world.book.equity.flow_ids) == ["f3", "f4", "f5"]
    paid.pass_time()
    paid.read(flows=(first,))
    assert paid.difference == 0


def test_a_booking_or_fill_later_than_the_balances_waits_for_the_next() -> None:
    held = account()
    before = held.equity()
    early = held.now_ms
    held.pass_time()
    held.book(-300)
    held.trade("0.5", 49_000)
    held.read(venue_time_ms=early, balances=tuple(Balance(*one) for one in before.items()))
    assert held.difference == 0
    held.pass_time()
    held.read()
    assert held.difference == 0


def test_a_booking_from_before_the_anchor_is_in_it() -> None:
    paid = Account(given())
    flow = paid.book(-300)
    paid.flows = []
    paid.pass_time()
    paid.read()
    paid.pass_time()
    paid.read(flows=(flow,))
    assert paid.difference == 0


def test_a_fill_that_is_told_late_explains_from_then_on() -> None:
    held = account()
    fill = held.trade(1, 50_000, told=False)
    held.move(51_000)
    for _ in range(2):
        held.pass_time()
        assert held.read() == []
    assert held.difference == 1_000
    held.world.tell(fill)
    held.pass_time()
    assert held.read() == []
    assert held.difference == 0


def test_a_fill_from_before_the_anchor_that_is_told_after_it_brings_its_position_alone() -> None:
    held = Account(given())
    fills = [
        held.trade(1, 49_000, told=False, fee=D(5)),
        held.trade(1, 90, told=False, instrument=SPOT),
        held.trade(3, 26_000, told=False, instrument=ETH),
    ]
    held.pass_time()
    held.world.book.equity.marks.pop(ETH)
    held.read()
    held.world.tell(*fills)
    held.move(50_500)
    held.move(25_500, ETH)
    held.pass_time()
    held.read()
    assert held.difference == 3 * D("0.1") * (26_000 - 25_000)  # without a mark at the anchor: from the fill's price


def test_a_fill_that_is_later_than_the_first_balances_waits() -> None:
    held = Account(given())
    held.pass_time()
    balances, early = tuple(Balance(*one) for one in held.equity().items()), held.now_ms
    held.pass_time()
    held.trade(1, 49_000)
    held.read(venue_time_ms=early, balances=balances)
    assert held.world.book.equity.held == {}
    held.pass_time()
    held.read()
    assert held.difference == 0


def test_a_restart_between_changes_nothing() -> None:
    held = account()
    held.trade(1, 50_000)
    held.world.apply(GateStarted(held.world.config))
    held.world.apply(feed())
    held.move(51_000)
    fill = held.trade("0.5", 50_800, told=False)
    held.pass_time()
    assert held.read() == []
    assert held.difference is None  # nothing was read yet
    held.world.tell(fill)
    held.world.venue = {BTC: D("1.5")}
    held.world.refresh()
    held.pass_time()
    held.read()
    assert held.difference == 0


def test_the_same_balances_again_are_no_further_check() -> None:
    lost = account()
    lost.wallet["USDT"] -= 30
    lost.pass_time()
    now_ms = lost.now_ms
    for _ in range(5):
        assert lost.read(venue_time_ms=now_ms) == []
    assert lost.read(venue_time_ms=now_ms - 1) == []


def test_without_a_mark_near_the_balances_the_check_is_put_off() -> None:
    held = account()
    held.trade(1, 50_000)
    held.read()
    held.world.wait(7, fresh=False)
    held.wallet["USDT"] -= 1_000
    held.read()
    assert held.difference == 0
    held.world.marks()
    held.pass_time()
    held.read()
    assert held.difference == -1_000


def test_without_a_mark_nothing_is_begun() -> None:
    held = Account(given())
    held.trade(1, 50_000)
    held.world.wait(7, fresh=False)
    held.read()
    assert held.world.book.equity.anchor_ms is None


def test_the_mark_nearest_to_the_balances_counts() -> None:
    held = account()
    held.trade(1, 50_000)
    held.pass_time()
    began = held.world.now
    balances = tuple(Balance(*one) for one in held.equity().items())
    held.world.wait(1, fresh=False)
    for price in (50_100, 50_200, 50_300):
        held.move(price)
    held.read(as_of=began, balances=balances)
    assert held.difference == 0
    assert all(len(seen) <= 4 for seen in held.world.book.equity.marks.values())


def test_an_instrument_that_is_not_listed_any_more_is_known_by_its_position() -> None:
    held = account()
    held.trade(1, 50_000)
    held.read()
    held.world.apply(feed(instruments=tuple(one for one in INSTRUMENTS if one.symbol != BTC)))
    held.trade(-1, 50_400, kind=FillKind.DELIVERY)
    held.pass_time()
    held.read()
    assert held.difference == 0
    assert held.world.book.equity.held == {}


def test_what_nobody_lists_explains_nothing_and_is_not_kept() -> None:
    held = account()
    fill = replace(held.trade(1, 50_000, told=False), instrument="NEW/USDT:USDT")
    held.world.tell(fill)
    held.pass_time()
    held.read()
    assert held.world.book.equity.fills == []
    assert held.world.book.equity.held == {}


def test_while_balances_do_not_come_fills_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equity_ledger, "FILLS_WAITING", 4)
    held = account()
    early = held.now_ms
    before = held.equity()
    held.pass_time()
    for _ in range(6):
        held.trade("0.1", 50_000)
    held.read(venue_time_ms=early, balances=tuple(Balance(*one) for one in before.items()))
    assert len(held.world.book.equity.fills) == 3
    held.pass_time()
    held.read()
    assert (held.world.book.equity.fills, held.difference) == ([], ZERO)


def test_balances_of_an_account_that_is_not_read_here_are_nothing() -> None:
    world = given()
    assert world.apply(BalancesReceived("other", world.now, 1, (), ())) == ()


# -- beginning anew -----------------------------------------------------------------------------------------------


def lost_money() -> Account:
    """Someone has alerted on 1,000 that are gone."""
    lost = account()
    lost.wallet["USDT"] -= 1_000
    for _ in range(3):
        lost.pass_time()
        lost.read()
    assert condition(lost) is not None
    return lost


def is_anew(of: Account) -> bool:
    of.pass_time()
    before = of.world.book.equity.anchor_ms
    notices = of.read()
    if before is None:
        assert kinds(notices) == [NoticeKind.CONDITION_CLEARED]
        assert "begins anew" in notices[0].message
    return before is None


def test_an_operators_resume_takes_the_account_as_it_is() -> None:
    lost = lost_money()
    halt = lost.world.halt()
    lost.world.refresh()
    lost.world.resume(halt)
    assert lost.world.halts() == []
    assert is_anew(lost)
    assert lost.difference is None


def test_a_strategys_resume_does_not() -> None:
    lost = lost_money()
    lost.world.halt(Scope(ACCOUNT, strategy=ALPHA))
    lost.world.cleared_elsewhere()
    assert not is_anew(lost)


def test_a_restart_new_limits_or_a_read_do_not() -> None:
    lost = lost_money()
    lost.world.apply(GateStarted(lost.world.config))
    lost.world.apply(feed())
    lost.world.load()
    lost.world.refresh()
    assert not is_anew(lost)
    assert lost.difference == -1_000


def test_adoption_does() -> None:
    lost = lost_money()
    lost.world.venue = {BTC: D("0.1")}
    lost.world.read()
    lost.world.adopt(AdoptItem(BTC, position_quantity=D("0.1"), owner=ALPHA))
    lost.entries = {}
    assert is_anew(lost)
    assert lost.world.book.equity.held == {BTC: D("0.1")}


def test_a_history_gap_does_once_what_is_there_is_adopted() -> None:
    lost = lost_money()
    lost.world.apply(HistoryGapFound(ACCOUNT, 1, 2))
    assert lost.world.notices()[0].kind is NoticeKind.HISTORY_GAP
    lost.pass_time()
    assert lost.read() == []
    assert lost.world.book.equity.anchor_ms is None
    lost.world.read()
    assert lost.world.book.adopted
    assert is_anew(lost)
