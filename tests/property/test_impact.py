"""Property: a review of a random incident adds up exactly, and a second model of fractions finds the same cost."""

import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.core.impact.report import CostPieces
from risksvc.core.impact.review import review
from risksvc.core.impact.types import (
    FundingPoint,
    ImpactAssumptions,
    ImpactCase,
    ImpactDecision,
    ImpactFill,
    MarkPoint,
    StartingPosition,
    TargetRule,
)
from risksvc.core.types import ZERO, use_exact_arithmetic
from tests.property.naive_impact import NaiveReview
from tests.unit.core.a_review_case import BTC, COIN, case, d, decision, fill, listed, minute, window

use_exact_arithmetic()  # as every process that adds up decimals
MINUTES = 5_000  # over three midnights
NEAR = Fraction(1, 10**12)  # averages and coins are rounded to 24 decimals, and there are a few dozen of them
SEEDS = st.integers(0, 2**32)
# A case is a walk of many days reviewed by two models: a few hundred say as much as thousands, in seconds.
SOME = settings(max_examples=min(300, settings().max_examples))


class Incident:
    """A case made of a seed: rogue fills, orders that fill late, in parts or not at all, beliefs that drift."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.symbol = self.random.choice([BTC, COIN])
        self.scale = 1 if self.symbol == BTC else 100
        self.minutes = sorted(self.random.sample(range(1, MINUTES - 100), self.random.randint(1, 30)))
        self.fills: list[ImpactFill] = []
        self.decisions: list[ImpactDecision] = []
        self.says = self.random.choice(["beliefs", "intents", "both"])
        self.position = self.random.choice([ZERO, self.quantity()])
        self.start = StartingPosition(self.symbol, "hedger", self.position, self.random.choice([None, self.quantity()]))
        self.believed = self.position if self.start.believed is None else self.start.believed
        for at in self.minutes:
            self.random.choice([self.rogue, self.order, self.order, self.look])(at)

    def quantity(self) -> Decimal:
        return Decimal(self.random.choice([-7, -2, -1, 1, 3, 10])) * self.scale / self.random.choice([1, 2, 8])

    def price(self) -> Decimal:
        return Decimal(self.random.randint(2_000_000, 6_000_000)) / 100

    def fee(self) -> Decimal:
        return Decimal(self.random.randint(-5, 50)) / 100

    def rogue(self, at: int) -> None:
        by_nobody = self.random.random() < 0.8
        of = "" if by_nobody else "not recorded"
        self.fills.append(fill(at, self.quantity(), self.price(), of=of, fee=self.fee(), symbol=self.symbol))

    def order(self, at: int) -> None:
        quantity, name = self.quantity(), f"k{at}"
        self.decide(at, order=quantity)
        for _ in range(self.random.randint(0, 3)):
            part = quantity / 4
            later = at + self.random.randint(1, 90) + self.random.random() / 2
            self.fills.append(fill(later, part, self.price(), of=name, fee=self.fee(), symbol=self.symbol))

    def look(self, at: int) -> None:
        self.decide(at, order=ZERO)

    def decide(self, at: int, *, order: Decimal) -> None:
        held = self.position + sum((one.quantity for one in self.fills if one.at <= minute(at)), ZERO)
        off = self.random.choice([ZERO, ZERO, self.believed - self.position, self.quantity()])
        believed = held + off if self.says != "intents" and self.random.random() < 0.9 else None
        intended = self.quantity() * 3 if self.says != "beliefs" and self.random.random() < 0.7 else None
        made = decision(at, f"k{at}", believed=believed, intended=intended, order=order, symbol=self.symbol)
        self.decisions.append(replace(made, version=self.random.choice("12")))

    def as_case(self) -> ImpactCase:
        marks = [MarkPoint(minute(at), self.price()) for at in range(0, MINUTES, 97)]
        ranged = [replace(point, low=point.mark - 5, high=point.mark + 9) for point in marks]
        charges = [
            FundingPoint(minute(at), self.symbol, rate=Decimal(self.random.randint(-9, 9)) / 10_000)
            for at in range(480, MINUTES, 480)
        ]
        assumed = ImpactAssumptions(
            half_spread_bps=d(2),
            impact_bps=d(1),
            fee_rate=d("0.0005"),
            belief_lag=0,
            target=self.random.choice([*TargetRule]),
        )
        return case(
            {self.symbol: tuple(ranged)},
            over=window(MINUTES),
            fills=self.fills,
            decisions=self.decisions,
            instruments=[listed(self.symbol, size="0.01" if self.symbol == BTC else "100", rate="0.9")],
            start=[self.start],
            charges=charges,
            assumed=assumed,
        )


def near(ours: Decimal, naive: Fraction) -> bool:
    return abs(Fraction(ours) - naive) <= NEAR


@SOME
@given(SEEDS)
def test_a_second_model_finds_the_same_cost(seed: int) -> None:
    made = Incident(seed).as_case()
    report, naive = review(made), NaiveReview(made)
    end = made.window.end
    assert near(report.belief_cost.total, naive.cost(end))
    assert near(report.belief_cost.direction, naive.converted(naive.direction))
    (line,) = report.lines
    assert Fraction(line.points[-1].counterfactual) == naive.held(naive.would, end)
    assert Fraction(line.points[-1].actual) == naive.held(naive.actual, end)
    for point in report.cost_over_time[:: len(report.cost_over_time) // 5]:
        assert near(point.cost, naive.cost(point.at))


def named(decision_id: str) -> str:
    return f"m{decision_id}" if decision_id else ""


def of_two(first: ImpactCase, second: ImpactCase) -> ImpactCase:
    """Both at once, the second by another strategy; they may share an instrument."""
    instruments = {one.symbol: one for one in (*second.instruments, *first.instruments)}
    fills = (
        replace(one, strategy="maker", decision_id=one.decision_id and f"m{one.decision_id}") for one in second.fills
    )
    decisions = (replace(one, strategy="maker", decision_id=named(one.decision_id)) for one in second.decisions)
    return replace(
        first,
        instruments=tuple(instruments.values()),
        marks={**second.marks, **first.marks},
        fills=(*first.fills, *fills),
        decisions=(*first.decisions, *decisions),
        starting=(*first.starting, *(replace(one, strategy="maker") for one in second.starting)),
        max_total_exposure=d(1_000),
    )


@SOME
@given(SEEDS, SEEDS)
def test_everything_adds_up_exactly(seed: int, other: int) -> None:
    both = of_two(Incident(seed).as_case(), Incident(other).as_case())
    report = review(both)
    assert sum((one.cost for one in report.decision_costs), CostPieces()) == report.belief_cost
    for rows in (report.by_instrument, report.by_strategy, report.by_version, report.by_decision_day):
        assert sum((row.cost for row in rows), CostPieces()) == report.belief_cost
        assert sum(row.decisions for row in rows) == len(report.decision_costs)
    assert sum((row.cost for row in report.by_day), ZERO) == report.belief_cost.total
    assert report.low <= report.belief_cost.total <= report.high
    assert report == review(replace(both, fills=both.fills[::-1], decisions=both.decisions[::-1]))
    for breach in report.breaches:
        assert breach.since < breach.until
        assert breach.believed <= breach.limit < breach.highest


@SOME
@given(SEEDS, st.integers(1, 60))
def test_saying_an_unchanged_wrong_belief_again_costs_nothing(seed: int, times: int) -> None:
    """After everything has filled, the same belief is said once, or many times more at as many prices."""
    made = Incident(seed)
    held = made.position + sum((one.quantity for one in made.fills), ZERO)
    wrong, symbol = held + made.quantity(), made.symbol
    base = replace(made.as_case(), funding=())
    base = replace(base, window=window(2 * MINUTES))
    last = decision(MINUTES + 1, "last", believed=wrong, symbol=symbol)
    again = [decision(MINUTES + 2 + number, f"again{number}", believed=wrong, symbol=symbol) for number in range(times)]
    once = review(replace(base, decisions=(*base.decisions, last)))
    often = review(replace(base, decisions=(*base.decisions, last, *again)))
    assert often.belief_cost == once.belief_cost
    assert often.decision_costs == once.decision_costs


@SOME
@given(SEEDS)
def test_a_right_belief_costs_the_number_zero(seed: int) -> None:
    made = Incident(seed).as_case()
    (start,) = made.starting
    held = [
        start.actual + sum((one.quantity for one in made.fills if one.at <= decision.at), ZERO)
        for decision in made.decisions
    ]
    right = [replace(one, believed=position) for one, position in zip(made.decisions, held, strict=True)]
    report = review(replace(made, decisions=tuple(right), starting=(replace(start, believed=None),)))
    assert report.belief_cost == CostPieces()
    assert report.low == report.high == 0
    assert (report.affected, report.decision_costs) == (None, ())
