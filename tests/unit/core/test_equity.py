"""The equity check: what explains equity, what does not, and when that alerts."""

import pytest

from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import ZERO, Side
from risksvc.core.venue_events import CashFlowKind, FillKind
from tests.unit.core.an_account import Account, account, kinds
from tests.unit.core.builders import given
from tests.unit.core.catalogue import INVERSE, SPOT, D

TOLERANCE = D(25)


def condition(of: Account) -> object:
    return of.world.book.conditions.get("EQUITY_MISMATCH")


# -- what explains ------------------------------------------------------------------------------------------------


def test_a_position_that_the_ledger_knows_explains_what_the_mark_does() -> None:
    held = account()
    held.trade(1, 50_000)
    for price in (50_300, 48_900, 51_000):
        held.move(price)
        held.pass_time()
        assert held.read() == []
        assert held.difference == 0
    assert held.world.book.equity.tolerance == D(51_000) * D("0.005") + 25


def test_a_fill_away_from_the_mark_is_a_profit_or_a_loss_at_once() -> None:
    held = account()
    held.trade("0.5", 49_000)
    held.trade("-0.2", 50_700)
    held.read()
    assert held.difference == 0


@pytest.mark.parametrize("kind", list(CashFlowKind))
def test_bookings_explain(kind: CashFlowKind) -> None:
    paid = account()
    paid.book(-300, kind=kind)
    paid.pass_time()
    assert paid.read() == []
    assert paid.difference == 0


@pytest.mark.parametrize(("fee", "currency"), [("12.5", ""), ("-3", "USDT"), ("0.001", "BTC")])
def test_fees_explain_in_whatever_currency(fee: str, currency: str) -> None:
    held = account()
    held.trade("0.5", 50_000, fee=D(fee), fee_currency=currency)
    held.read()
    assert held.difference == 0


def test_inverse_contracts_pay_in_their_coin_and_a_coin_counts_at_its_mark() -> None:
    held = account()
    held.trade(100, 50_000, instrument=INVERSE)
    held.move(40_000, INVERSE)
    held.pass_time()
    held.read()
    assert abs(held.difference or ZERO) < D("1e-50")
    held.wallet["BTC"] += D("0.001")
    held.pass_time()
    held.read()
    assert round(held.difference or ZERO, 6) == 50  # by the first instrument that has the coin's price, BTC's at 50,000


def test_spot_counts_by_what_comes_and_goes() -> None:
    held = account()
    held.trade(10, 99, instrument=SPOT, fee=D("0.01"), fee_currency="LTC")
    held.trade(-3, 101, instrument=SPOT, fee=D("0.3"))
    held.move(150, SPOT)
    held.read()
    assert held.difference == 0


def test_a_spot_transfer_is_explained_by_its_booking_and_not_twice_by_its_fill() -> None:
    held = account()
    held.book(5, kind=CashFlowKind.TRANSFER, currency="LTC")
    fill = held.world.make_fill("", Side.BUY, 5, 1, instrument=SPOT, kind=FillKind.TRANSFER)
    held.world.tell(fill)
    held.pass_time()
    held.read()
    assert held.difference == 0


def test_what_was_held_at_the_anchor_counts_from_its_mark_there() -> None:
    held = Account(given())
    held.trade(1, 49_000)
    held.trade(7, 90, instrument=SPOT)
    held.pass_time()
    held.read()
    held.move(50_900)
    held.pass_time()
    held.read()
    assert held.difference == 0


def test_a_fee_that_nobody_tells_widens_the_tolerance() -> None:
    held = account()
    held.trade("0.5", 50_000, fee=None)
    held.trade("-0.5", 50_000, fee=None)
    held.trade(10, 100, instrument=SPOT, fee=None)
    held.read()
    assert held.world.book.equity.tolerance == (50_000 + 1_000) * D("0.005") + 25


def test_the_tolerance_is_the_accounts_own() -> None:
    held = account(account={"equity_tolerance": D(1), "equity_tolerance_floor": D(5)})
    held.trade("0.5", 50_000)
    held.read()
    assert held.world.book.equity.tolerance == 255


def test_the_anchors_positions_keep_their_tolerance_when_they_are_gone() -> None:
    held = Account(given())
    held.trade(1, 50_000)
    held.pass_time()
    held.read()
    held.trade(-1, 50_000)
    held.pass_time()
    held.read()
    assert held.world.book.equity.tolerance == 275


# -- what does not ------------------------------------------------------------------------------------------------

# The seed: an unknown long of $200K, whose price falls and recovers, and falls.
PATH = (50_000, 49_990, 49_900, 49_700, 49_500, 49_600, 49_400, 49_000)


def test_the_seeds_case_an_unknown_long_shows_as_equity_that_moves_without_a_reason() -> None:
    seed = account()
    seed.trade(4, 50_000, told=False)
    told: list[tuple[int, Notice]] = []
    for price in PATH:
        seed.move(price)
        seed.pass_time()
        told += [(price, notice) for notice in seed.read()]
        assert seed.difference == 4 * (D(price) - 50_000)
    assert [(price, one.kind, one.value) for price, one in told] == [(49_700, NoticeKind.EQUITY_MISMATCH, D(-1_200))]
    assert told[0][1].message == "USDT equity is 98800, explained is 100000; a difference worth -1200"
    assert seed.world.halts() == []
    assert seed.world.book.equity.tolerance == TOLERANCE


def test_it_takes_three_checks_in_a_row_and_says_so_once() -> None:
    lost = account()
    lost.wallet["USDT"] -= 30
    for expected in ([], [], [NoticeKind.EQUITY_MISMATCH], [], []):
        lost.pass_time()
        assert kinds(lost.read()) == expected
    lost.wallet["USDT"] += 30
    lost.pass_time()
    assert kinds(lost.read()) == [NoticeKind.CONDITION_CLEARED]
    assert condition(lost) is None


def test_two_and_a_good_one_between_are_none() -> None:
    lost = account()
    for amount in (-30, 0, 30, -30, 0):
        lost.wallet["USDT"] += amount
        lost.pass_time()
        assert lost.read() == []


def test_exactly_the_tolerance_passes() -> None:
    lost = account()
    lost.wallet["USDT"] -= TOLERANCE
    for _ in range(4):
        lost.pass_time()
        assert lost.read() == []
    assert lost.difference == -25


def test_the_currency_that_is_furthest_off_counts() -> None:
    lost = account()
    lost.wallet |= {"USDT": lost.wallet["USDT"] + 5, "USDC": D(-20)}
    lost.pass_time()
    lost.read()
    assert lost.difference == -20


def test_a_currency_that_vanishes_is_worth_nothing() -> None:
    lost = account()
    del lost.wallet["USDT"]
    lost.pass_time()
    lost.read()
    assert lost.difference == -100_000


def test_one_that_was_transferred_out_whole_is_explained() -> None:
    gone = account()
    gone.book(-100_000, kind=CashFlowKind.TRANSFER)
    del gone.wallet["USDT"]
    gone.pass_time()
    gone.read()
    assert gone.difference == 0


def test_a_currency_without_a_rate_is_not_checked_and_said_once() -> None:
    dusty = account()
    dusty.wallet |= {"SHIB": D(7), "DOGE": D(1), "XYZ": D(0)}
    dusty.pass_time()
    notices = dusty.read()
    assert kinds(notices) == [NoticeKind.EQUITY_UNCHECKED]
    assert notices[0].message == "the equity in DOGE, SHIB is not checked: the limits file has no rate for it"
    dusty.pass_time()
    assert dusty.read() == []
    assert dusty.world.book.equity.unchecked == ("DOGE", "SHIB")
    assert dusty.difference == 0
