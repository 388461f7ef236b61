"""Eleven days on recorded prices: the review against a straight loop of whole numbers that knows nothing of it."""

from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.impact.report import CostPieces, ImpactReport
from risksvc.core.impact.review import review
from risksvc.core.impact.types import (
    DecisionKind,
    ImpactAssumptions,
    ImpactCase,
    ImpactDecision,
    ImpactFill,
    ImpactWindow,
    MarkPoint,
)
from risksvc.core.types import SECOND, ZERO
from tests.unit.core.a_review_case import BTC, HEDGER, MINUTE, START, case, d, listed
from tests.unit.core.eleven_days import (
    HOURS,
    MISSED_EVERY,
    Bar,
    Row,
    naive_cost,
    naive_highest_unseen,
    recorded,
    traded,
)

pytestmark = pytest.mark.data


def at(number: int) -> int:
    """A minute of these days, from 2022-01-12 00:00 UTC on."""
    return START + (12 * 24 * 60 + number) * MINUTE


def decided(row: Row) -> ImpactDecision:
    return ImpactDecision(
        at(row.minute),
        f"{row.minute}",
        BTC,
        HEDGER,
        DecisionKind.ORDER if row.order else DecisionKind.BELIEF_REPORT,
        intended=d(0) if row.hedges else None,
        believed=d(row.believed) / 1_000,
        order=d(row.order) / 1_000,
    )


def filled(row: Row) -> ImpactFill:
    quantity, price = d(row.order) / 1_000, d(row.price) / 1_000
    fee = abs(quantity) * price * d("0.0005")
    return ImpactFill(at(row.minute) + SECOND, BTC, HEDGER, quantity, price, fee, decision_id=f"{row.minute}")


def as_case(bars: list[Bar], rows: list[Row]) -> ImpactCase:
    marks = tuple(
        MarkPoint(at(number), *(d(price) / 1_000 for price in (bar.close, bar.low, bar.high)))
        for number, bar in enumerate(bars)
    )
    return case(
        marks,
        over=ImpactWindow(at(0), at(HOURS * 60)),
        fills=[filled(row) for row in rows if row.order],
        decisions=[decided(row) for row in rows],
        instruments=[listed(step="0.001", limit=50_000)],
        total_limit=150_000,
        assumed=ImpactAssumptions(half_spread_bps=d(2), fee_rate=d("0.0005")),
    )


@pytest.fixture(scope="module")
def bars(test_data: Path) -> list[Bar]:
    return recorded(test_data)


@pytest.fixture(scope="module")
def rows(bars: list[Bar]) -> list[Row]:
    return traded(bars)


@pytest.fixture(scope="module")
def report(bars: list[Bar], rows: list[Row]) -> ImpactReport:
    return review(as_case(bars, rows))


def test_the_cost_is_what_a_straight_loop_finds(bars: list[Bar], rows: list[Row], report: ImpactReport) -> None:
    assert report.belief_cost.total == Decimal(naive_cost(bars, rows)).scaleb(-14)
    assert report.belief_cost.total.quantize(d("0.01")) == d("44262.71")
    assert report.low < report.belief_cost.total < report.high


def test_every_missed_buy_changes_one_decision_and_the_tables_add_up(report: ImpactReport) -> None:
    assert len(report.decision_costs) == HOURS // MISSED_EVERY
    assert sum((one.cost for one in report.decision_costs), CostPieces()) == report.belief_cost
    assert sum((row.cost for row in report.by_decision_day), CostPieces()) == report.belief_cost
    assert sum((row.cost for row in report.by_day), ZERO) == report.belief_cost.total
    assert [row.day for row in report.by_day] == [f"2022-01-{day}" for day in range(12, 23)]
    assert max(report.by_day, key=lambda row: row.cost).day == "2022-01-21"  # the day of the fall
    assert report.other_target is None
    assert report.origin == ()


def test_the_affected_period_begins_with_the_first_missed_buy(report: ImpactReport) -> None:
    assert report.affected is not None
    assert (report.affected.start, report.affected.corrected) == (at(7 * 60 + 30), False)
    last = report.lines[0].points[-1]
    assert last.actual == d("6.9")
    assert (last.believed, last.counterfactual) == (ZERO, ZERO)


def test_the_limit_was_broken_unseen(bars: list[Bar], rows: list[Row], report: ImpactReport) -> None:
    first, highest = naive_highest_unseen(bars, rows, limit=50_000 * 1_000_000)
    own = [breach for breach in report.breaches if breach.symbol == BTC]
    assert own[0].since // MINUTE == at(first) // MINUTE
    assert max(breach.highest for breach in own) == Decimal(highest).scaleb(-6)
    assert any(breach.symbol == "" for breach in report.breaches)  # the firm's total of 150,000 as well
