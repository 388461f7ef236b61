"""The equity check against a venue that reckons by average entry prices: exact, and silent in normal trading."""

import csv
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import SECOND, ZERO, use_exact_arithmetic
from risksvc.core.venue_events import Balance, CashFlowKind, Fill
from tests.unit.core.an_account import Account
from tests.unit.core.builders import given
from tests.unit.core.catalogue import BTC, ETH, INVERSE, SPOT, SPOT_USDC, D

use_exact_arithmetic()

TRADED = {BTC: "0.001", ETH: "1", INVERSE: "1", SPOT: "0.0001", SPOT_USDC: "0.0001"}
ALERTS = frozenset({NoticeKind.EQUITY_MISMATCH, NoticeKind.CONDITION_CLEARED, NoticeKind.EQUITY_UNCHECKED})
STEPS = 60
# A quotient of the inverse contracts has so many digits; nothing else is rounded.
EXACT = D("1e-100")


class Trader:
    """One random life of an account: trades, fees, bookings, marks; told late, twice and out of order."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.account = Account(given(), {"USDT": D(50_000), "USDC": D(9_000), "BTC": D(2), "LTC": D(40)})
        self.untold: list[Fill] = []
        self.told: list[Fill] = []

    def live(self) -> None:
        """One step, then the balances of its end with everything told."""
        for _ in range(self.rng.randrange(4)):
            self.rng.choice((self._trade, self._trade, self._book, self._move))()
        self.rng.shuffle(self.untold)
        again = self.rng.sample(self.told, min(2, len(self.told)))
        if self.untold or again:
            self.account.world.tell(*self.untold, *again)
        self.told += self.untold
        self.untold = []
        self.account.pass_time()

    def _trade(self) -> None:
        symbol = self.rng.choice(list(TRADED))
        quantity = D(TRADED[symbol]) * self.rng.randint(1, 3_000) * self.rng.choice((1, -1))
        price = (self.account.marks[symbol] * self.rng.randint(980, 1_020) / 1_000).quantize(D("0.01"))
        fee, coin = D(self.rng.randint(-50, 200)) / 100, self.rng.choice(("", "", "USDT", "USDC"))
        self.untold.append(
            self.account.trade(quantity, price, told=False, instrument=symbol, fee=fee, fee_currency=coin)
        )

    def _book(self) -> None:
        currency = self.rng.choice(("USDT", "USDC", "BTC", "LTC"))
        self.account.book(self.rng.randint(-9, 9), kind=self.rng.choice(list(CashFlowKind)), currency=currency)

    def _move(self) -> None:
        symbol = self.rng.choice(list(TRADED))
        price = self.account.marks[symbol] * self.rng.randint(950, 1_050) / 1_000
        self.account.move(price.quantize(D("0.01")), symbol)


@pytest.mark.parametrize("seed", range(25))
def test_everything_that_happens_is_explained_to_the_last_digit(seed: int) -> None:
    trader = Trader(seed)
    account = trader.account
    for _ in range(trader.rng.randrange(5)):
        trader.live()  # what was before the anchor does not matter
    account.read()
    for _ in range(STEPS):
        trader.live()
        notices = account.read()
        assert not [one for one in notices if one.kind in ALERTS]
        assert abs(account.difference or ZERO) < EXACT
    assert account.world.book.equity.held.keys() <= TRADED.keys()
    assert len(trader.told) > STEPS // 4


@pytest.mark.parametrize("seed", range(25))
def test_money_that_nobody_explains_is_found_to_the_last_digit(seed: int) -> None:
    trader = Trader(seed)
    account = trader.account
    trader.live()
    account.read()
    for _ in range(10):
        trader.live()
        account.read()
    account.wallet["USDT"] -= 10_000
    for _ in range(3):
        trader.live()
        account.read()
        assert abs((account.difference or ZERO) + 10_000) < EXACT


# -- real prices --------------------------------------------------------------------------------------------------


@pytest.fixture(name="bars")
def _bars(test_data: Path) -> list[tuple[Decimal, ...]]:
    """Minute bars of three days: open, high, low, close."""
    with (test_data / "btc-perp-1m-2022-01.csv").open(encoding="utf-8", newline="") as file:
        rows = itertools.islice(csv.DictReader(file), 3 * 24 * 60)
        return [tuple(D(row[key]) for key in ("open", "high", "low", "close")) for row in rows]


def seconds(bars: list[tuple[Decimal, ...]]) -> Iterator[tuple[Decimal, Decimal]]:
    """Twice a minute, the price a second ago and now, at the pace of the bar's largest way within a minute."""
    for start, high, low, end in bars:
        step = (high - low) / 30  # from one end to the other within half a minute
        for price, towards in ((high, low), (end, start)):
            yield price, price + step.copy_sign(towards - price)


def test_normal_trading_with_marks_a_second_apart_never_alerts(bars: list[tuple[Decimal, ...]]) -> None:
    """The venue's equity is of a moment a second after the mark that the gate has: at 0.9 BTC held and turned round."""
    rng = Random(7)
    account = Account(given(), marks={BTC: bars[0][0]})
    alerts: list[Notice] = []
    furthest = ZERO
    account.world.mark(BTC, bars[0][0])
    for count, (seen, now) in enumerate(seconds(bars)):
        account.move(seen)
        if count % 10 == 0:
            held = account.entries[BTC].quantity if BTC in account.entries else ZERO
            target = D(rng.randint(-900, 900)) / 1_000
            if target != held:
                account.trade(target - held, seen, fee=seen * abs(target - held) * D("0.0005"))
        account.world.now += 29 * SECOND
        account.world.mark(BTC, seen)
        account.world.now += SECOND
        account.move(now, told=False)
        alerts += [one for one in account.read() if one.kind in ALERTS]
        furthest = max(furthest, abs(account.difference or ZERO))
    assert alerts == []
    assert furthest > 1  # the marks do differ


def test_the_seeds_long_is_found_on_the_same_prices_within_minutes(bars: list[tuple[Decimal, ...]]) -> None:
    account = Account(given(), marks={BTC: bars[0][0]})
    account.world.mark(BTC, bars[0][0])
    account.read()
    account.trade(200_000 // bars[0][0], bars[0][0], told=False)
    found = [
        minute for minute, bar in enumerate(bars[:60]) if NoticeKind.EQUITY_MISMATCH in _after(account, price=bar[3])
    ]
    assert found
    assert found[0] < 10


def _after(account: Account, *, price: Decimal) -> list[NoticeKind]:
    account.world.now += 60 * SECOND
    account.move(price)
    equity = tuple(Balance(*one) for one in account.equity().items())
    return [one.kind for one in account.read(balances=equity)]
