"""Property: what a strategy truly holds at the venue is within what the gate counts for it, told or not yet told.

The account's truth is watched by `naive_model`; here each strategy's part of it is, which its band and its own limits
rest on. A venue enforces reduce-only on the account's position only: one strategy's exit can fill out of another's.
"""

from decimal import Decimal

import pytest

from risksvc.core.book import AccountBook
from risksvc.core.check import Check
from risksvc.core.events import Input
from risksvc.core.exposure import worst_case
from risksvc.core.line import Line
from risksvc.core.outputs import Output
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import ZERO
from tests.conftest import IN_CI
from tests.property import random_walk
from tests.property.fake_venue import LOTS
from tests.property.random_walk import Walk
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC

WALKS = 2_000 if IN_CI else 200
STEPS = 100  # of one walk: positions must meet


@pytest.fixture(autouse=True)
def one_instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody trades the same: only there two strategies come into each other's way."""
    monkeypatch.setattr(random_walk, "LOTS", {BTC: LOTS[BTC]})


def watch(walk: Walk, _event: Input, _outputs: tuple[Output, ...]) -> None:
    held: dict[tuple[str, str], Decimal] = {}
    for fill, true in walk.venue.trades.values():
        key = (true.order.strategy, fill.instrument)
        held[key] = held.get(key, ZERO) + fill.quantity * fill.side.sign
    for line in walk.gate.state.accounts[ACCOUNT].lines.values():
        for name in (ALPHA, BETA):
            truly, worst = held.get((name, line.key), ZERO), line.strategy(name).worst
            assert worst.low <= truly <= worst.high, f"{name} holds {truly} {line.key}; counted {worst}"


@pytest.mark.timeout(600)
def test_a_strategys_true_position_is_within_what_is_counted_for_it() -> None:
    for seed in range(WALKS):
        try:
            Walk(seed, watch=watch).run(STEPS)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def test_an_exit_that_counted_as_reducing_in_a_strategys_part_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def add(
        line: Line, part: StrategyLine, one: Reservation, *, quantity: Decimal, value: Decimal, flying: Decimal
    ) -> None:
        side = one.order.side
        line.working = line.working.plus(side, quantity, value=value, reduces=one.reduces)
        part.working = part.working.plus(side, quantity, value=value, reduces=one.reduces)
        one.counted_quantity += quantity
        one.counted_value += value
        part.fly(side, flying)
        one.counted_flying += flying

    def project(check: Check, amends: Reservation | None) -> None:
        real(check, amends)
        part, side, reduces = check.part, check.order.side, check.reduces
        mine = part.working.plus(side, check.delta_quantity, value=check.value, reduces=reduces)
        check.mine_working = mine
        check.mine_after = worst_case(part.position, part.position, mine, check.line.unit or ZERO)

    real = Check.project
    monkeypatch.setattr(Check, "project", project)
    monkeypatch.setattr(AccountBook, "_add", staticmethod(add))
    for seed in range(2_000):
        try:
            Walk(seed, watch=watch).run(STEPS)
        except AssertionError as error:
            assert "counted" in str(error)  # noqa: PT017 - an assertion of the walk is what is looked for
            return
    pytest.fail("nobody noticed")
