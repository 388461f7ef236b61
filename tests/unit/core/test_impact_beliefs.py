"""Beliefs that are wrong, late, missing or right again; the horizon, days and funding."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risksvc.core.impact.report import CostPieces
from risksvc.core.impact.review import review
from risksvc.core.impact.types import ImpactAssumptions, TargetRule
from risksvc.core.types import SECOND
from tests.unit.core.a_review_case import (
    BTC,
    COIN,
    DAY,
    ETH,
    FALLING,
    FREE,
    MINUTE,
    ONCE,
    START,
    adds_up,
    case,
    d,
    decision,
    ds,
    fill,
    funding,
    listed,
    minute,
    prices,
    rogue,
    starting,
    window,
)

# -- beliefs ------------------------------------------------------------------------------------------------------


def test_an_order_that_is_still_filling_is_no_wrong_belief() -> None:
    """Two orders at once, each believed to start from what has filled; ten too many are held unknown."""
    made = [
        decision(10, "a", believed=0, order=4),
        decision(11, "b", believed=0, order=4),
        decision(20, "c", believed=8),
    ]
    fills = [fill(5, 10, 295), fill(12, 4, 288, of="a"), fill(13, 4, 287, of="b")]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made))
    assert [one.decision_id for one in report.decision_costs] == ["a"]
    assert report.belief_cost.direction == 10 * 190
    assert report.lines[0].points[-1].counterfactual == 8


def test_a_belief_may_lack_fills_younger_than_the_lag_or_hold_those_that_come() -> None:
    second = 1 / 60
    made = [
        decision(10, "a", believed=0, order=4),
        decision(10 + 2 * second, "lags", believed=0, order=1),
        decision(20, "leads", believed=8, order=0),
        decision(30, "late", believed=5, order=0),
    ]
    fills = [
        fill(10 + second, 4, 290, of="a"),
        fill(10 + 3 * second, 1, 290, of="lags"),
        fill(20 + second, 3, 280, of="leads"),
    ]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made))
    assert [(one.at, one.decision_id, one.delta) for one in report.decision_costs] == [(minute(30), "late", d(3))]
    strict = replace(FREE, belief_lag=0)
    found = review(case(FALLING, over=window(200), fills=fills, decisions=made, assumed=strict))
    assert [one.decision_id for one in found.decision_costs] == ["lags", "leads", "late"]


def test_a_belief_that_is_right_again_ends_the_divergence_and_the_counterfactual_returns() -> None:
    made = [
        decision(10, "wrong", believed=0, version="1"),
        decision(20, "also", believed=0, version="1"),
        decision(40, "right", believed=10, order=-10, version="2"),
        decision(50, "after", believed=0, version="2"),
    ]
    fills = [fill(5, 10, 295), fill(41, -10, 259, of="right")]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made))
    # 10 sold at 290 in c, at 259 in a, a's sale priced against the mark of 260 at its decision.
    assert report.belief_cost == CostPieces(direction=d(10 * (290 - 260)), execution=d(10))
    (divergence,) = report.divergences
    assert (divergence.since, divergence.until, divergence.decisions) == (minute(5), minute(40), 2)
    assert (divergence.first, divergence.largest) == ds(-10, -10)
    assert report.affected is not None
    assert (report.affected.start, report.affected.end, report.affected.corrected) == (minute(5), minute(40), True)
    (version,) = report.affected.versions
    assert (version.version, version.first, version.last, version.decisions) == ("1", minute(10), minute(20), 2)
    assert adds_up(report)


def test_a_fill_by_hand_that_the_next_belief_holds_was_no_divergence() -> None:
    report = review(
        case(FALLING, over=window(200), fills=[fill(5, 10, 295)], decisions=[decision(10, "k", believed=10)])
    )
    assert (report.divergences, report.belief_cost) == ((), CostPieces())
    assert report.origin_cost == 50  # what it carried until the strategy could act on it is told all the same


def test_a_divergence_that_changes_is_one_and_its_largest_is_told() -> None:
    made = [decision(10, "a", believed=0), decision(20, "b", believed=0), decision(30, "c", believed=-2)]
    report = review(case(FALLING, over=window(200), fills=[fill(5, 10, 295), fill(15, -4, 285)], decisions=made))
    (divergence,) = report.divergences
    assert (divergence.first, divergence.largest, divergence.until) == (d(-10), d(-10), None)
    assert report.affected is not None
    assert (report.affected.end, report.affected.corrected) == (minute(200), False)
    assert report.lines[0].points[-1].counterfactual == -2
    assert report.lines[0].points[-1].believed == -2


def test_a_missing_belief_is_the_last_one_carried_on() -> None:
    made = [decision(10, "k", believed=0), decision(20, "o", order=2), decision(30, "i", intended=5)]
    fills = [fill(5, 10, 295), fill(20, 2, 280, of="o")]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made))
    assert [(one.decision_id, one.target) for one in report.decision_costs] == [("k", d(0)), ("i", d(5))]


def test_a_person_says_since_when() -> None:
    """The belief was right and the sizing wrong: it counts only because somebody says that the fault was there."""
    made = [
        decision(10, "before", believed=0, intended=-100, order=-50),
        decision(20, "after", believed=-50, intended=-100, order=0),
    ]
    fills = [fill(10, -50, 290, of="before")]
    assert review(case(FALLING, over=window(200), fills=fills, decisions=made)).belief_cost.total == 0
    told = review(case(FALLING, over=window(200, affected_from=15), fills=fills, decisions=made))
    assert told.belief_cost.total == 50 * (280 - 100)
    assert told.affected is not None
    assert (told.affected.start, told.affected.corrected) == (minute(15), False)
    assert [version.decisions for version in told.affected.versions] == [1]


def test_only_intents_are_recorded() -> None:
    made = [decision(10, "a", intended=-100), decision(20, "b", intended=-100, order=-60)]
    fills = [fill(20, -60, 280, of="b")]
    report = review(case(FALLING, over=window(200, corrected=100), fills=fills, decisions=made))
    assert report.belief_cost.total == 100 * 90 - 60 * 80
    assert report.lines[0].points[0].believed is None
    assert report.affected is not None
    assert (report.affected.start, report.affected.end, report.affected.corrected) == (minute(10), minute(100), True)


# -- the horizon, days, funding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "horizon"),
    [({}, 200), ({"corrected": 100}, 100), ({"flat": 90, "corrected": 100}, 90), ({"flat": 900}, 200)],
)
def test_the_horizon_is_what_was_proven_first_else_the_end(said: dict[str, float], horizon: float) -> None:
    made = [*ONCE, decision(150, "late", believed=-100)]
    report = review(case(FALLING, over=window(200, **said), decisions=made, start=[starting(10, believed=0)]))
    assert report.horizon == report.lines[0].horizon == minute(horizon)
    assert report.belief_cost.total == 10 * (horizon - 10) + (100 * 50 if horizon == 200 else 0)
    assert report.lines[0].horizon_mark == 300 - horizon
    assert adds_up(report)


def test_an_instrument_may_be_proven_by_itself() -> None:
    marks = {BTC: FALLING, ETH: FALLING}
    made = [decision(10, "b", believed=0), decision(10, "e", believed=0, symbol=ETH)]
    start = [starting(1, believed=0), starting(1, believed=0, symbol=ETH)]
    report = review(
        case(marks, over=window(200), decisions=made, start=start, instruments=[listed(BTC, proven=50), listed(ETH)])
    )
    assert [row.cost.total for row in report.by_instrument] == [40, 190]
    assert report.horizon == minute(200)
    assert adds_up(report)


def test_costs_accrue_by_day() -> None:
    days = DAY // MINUTE
    marks = prices((0, 100), (days, 90), (2 * days, 95), (3 * days, 80))
    made = [decision(10, "k", believed=0)]
    report = review(case(marks, over=window(2.5 * days), decisions=made, start=[starting(1, believed=0)]))
    assert [(row.day, row.cost) for row in report.by_day] == [
        ("2021-12-31", d(10)),
        ("2022-01-01", d(-5)),
        ("2022-01-02", d(0)),
    ]
    assert [(row.name, row.decisions) for row in report.by_decision_day] == [("2021-12-31", 1)]
    assert adds_up(report)


def test_funding_is_charged_on_what_each_ledger_held_then() -> None:
    """Charged at 60 and 120 on 10 too many; at minute 10 exactly nobody held less yet."""
    charges = [funding(10, rate="0.5"), funding(60, rate="0.01"), funding(120, payment="-18"), funding(121, rate="0")]
    report = review(case(FALLING, over=window(200), decisions=ONCE, start=[starting(10, believed=0)], charges=charges))
    assert report.belief_cost.funding == 10 * 240 * d("0.01") + 18
    assert report.origin_cost == 10 * (300 - 290) + 10 * 290 * d("0.5")
    assert adds_up(report)


def test_a_payment_on_nothing_known_is_left_out_and_said() -> None:
    report = review(case(FALLING, over=window(200), decisions=ONCE, charges=[funding(5, payment="-1")]))
    assert any("1 funding payments came" in note for note in report.notes)


def test_inverse_funding_is_in_the_coin() -> None:
    marks = {COIN: prices((0, 40_000), (60, 50_000))}
    made = [decision(10, "k", believed=0, symbol=COIN)]
    report = review(
        case(
            marks,
            over=window(100),
            decisions=made,
            start=[starting(400, believed=0, symbol=COIN)],
            instruments=[listed(COIN, size="100")],
            charges=[funding(30, rate="0.001", symbol=COIN)],
        )
    )
    assert report.belief_cost.funding == 400 * 100 * d("0.001") / 40_000 * 50_000
    assert adds_up(report)


def test_the_words_say_what_was_assumed() -> None:
    assumed = ImpactAssumptions(d("1.5"), d(3), d("0.0005"), SECOND // 2, TargetRule.BELIEF_PLUS_ORDER, d(3))
    report = review(case(FALLING, over=window(200), assumed=assumed))
    text = " ".join(report.assumptions)
    for said in ("1.5 bp", "is 3 bp", "0.05 %", "0.5 s", "slices", "3 x spread", "USD"):
        assert said in text
    assert "envelope, not a confidence interval" in text
    assert any("PnL(c) - PnL(a)" in formula for formula in report.formulas)
    assert "2 s" in " ".join(review(rogue()).assumptions)


def test_times_run_from_the_start_to_the_horizon() -> None:
    report = review(rogue())
    times = [point.at for point in report.cost_over_time]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == (START, minute(110))
    assert report.cost_over_time[0].cost == Decimal(0)
