"""What an incident has cost: cases whose answer is known in closed form, and what the method must not do."""

from dataclasses import replace

import pytest

from risksvc.core.impact.report import CostPieces
from risksvc.core.impact.review import POINTS, review
from risksvc.core.impact.types import DecisionKind, ImpactAssumptions, TargetRule
from risksvc.core.types import ZERO
from tests.unit.core.a_review_case import (
    BTC,
    COIN,
    ETH,
    FALLING,
    FREE,
    ONCE,
    adds_up,
    case,
    d,
    decision,
    ds,
    fill,
    linear,
    listed,
    minute,
    prices,
    rogue,
    starting,
    window,
)

# -- golden cases -------------------------------------------------------------------------------------------------


def test_one_divergence_on_a_linear_price() -> None:
    report = review(rogue())
    assert report.belief_cost == CostPieces(direction=d(10 * (290 - 190)))
    assert report.origin_cost == 10 * (295 - 290)
    assert report.total == 1_050
    assert adds_up(report)


def test_a_hundred_decisions_at_constant_divergence_cost_what_one_does() -> None:
    hundred = [decision(10 + number, f"k{number}", believed=0) for number in range(100)]
    once, often = review(rogue()), review(rogue(*hundred))
    assert often.belief_cost == once.belief_cost
    assert often.belief_cost.total == 1_000
    assert often.origin == once.origin
    assert [one.decision_id for one in often.decision_costs] == ["k0"]
    assert often.decisions == 100


def test_a_hundred_trades_at_constant_divergence_cost_what_one_look_does() -> None:
    """Buys and sells by turns, each believed to start from flat or from what was just bought."""
    made, fills = [], [fill(5, 10, 295)]
    for number in range(100):
        buys = number % 2 == 0
        quantity, at = (3 if buys else -3), 10 + number
        made.append(decision(at, f"k{number}", believed=0 if buys else 3, order=quantity))
        fills.append(fill(at + 0.5, quantity, 300 - at, of=f"k{number}", fee="0.87"))
    report = review(case(FALLING, over=window(110), fills=fills, decisions=made))
    # The first sells 7 instead of buying 3, at the mark and at the buy's fee rate; all others are as they were.
    assert report.belief_cost == CostPieces(direction=d(1_000), fees=d("0.87") - 7 * 290 * d("0.001"))
    assert report.decisions == 100
    assert adds_up(report)


def test_a_hedge_undersized_by_a_constant() -> None:
    """Believed 50 more hedged than it was; the hedge grows by 100 ten times, and lacks the same 50 throughout."""
    made, fills = [], []
    for number in range(10):
        at, believed, order = 10 * (number + 1), -100 * number or -50, -100 if number else -50
        made.append(decision(at, f"h{number}", believed=believed, order=order, intended=believed + order))
        fills.append(fill(at, order, 300 - at, of=f"h{number}"))
    report = review(case(FALLING, over=window(200), start=[starting(0, believed=-50)], fills=fills, decisions=made))
    assert report.belief_cost == CostPieces(direction=d(50 * (290 - 100)))
    assert report.origin_cost == 50 * (300 - 290)
    assert report.lines[0].points[-1].actual == -950
    assert report.lines[0].points[-1].counterfactual == -1_000
    assert report.lines[0].points[-1].believed == -1_000
    assert adds_up(report)


@pytest.mark.parametrize("said", [{"believed": -100}, {"intended": -100}, {"intended": -100, "believed": -100}])
def test_a_skipped_hedge(said: dict[str, int]) -> None:
    kind = DecisionKind.BELIEF_REPORT if "believed" in said else DecisionKind.INTENT_REPORT
    made = [decision(50, "skip", kind=kind, believed=said.get("believed"), intended=said.get("intended"))]
    report = review(case(FALLING, over=window(200), decisions=made))
    assert report.belief_cost == CostPieces(direction=d(100 * (250 - 100)))
    (row,) = report.decision_costs
    assert (row.order, row.filled, row.would_send, row.would_fill, row.delta) == ds(0, 0, -100, -100, 100)
    assert (row.target, row.mark, row.kind) == (d(-100), d(250), kind)
    assert adds_up(report)


def test_two_instruments_add_up() -> None:
    marks = {BTC: FALLING, ETH: linear(10, 1, 200)}
    made = [decision(20, "b", believed=0), decision(30, "e", believed=0, symbol=ETH, version="2")]
    report = review(
        case(
            marks,
            over=window(100),
            start=[starting(2, believed=0), starting(4, believed=0, symbol=ETH)],
            decisions=made,
            instruments=[listed(BTC), listed(ETH, size="10", rate="0.5")],
        )
    )
    assert {row.name: row.cost.total for row in report.by_instrument} == {BTC: d(160), ETH: -d(4 * 10 * 70) / 2}
    assert {row.name: row.cost.total for row in report.by_version} == {
        "hedger (version not recorded)": d(160),
        "hedger 2": d(-1_400),
    }
    assert report.origin_cost == 2 * 20 - d(4 * 10 * 30) / 2
    assert adds_up(report)


def test_inverse_profit_is_the_coins_converted_at_the_horizon() -> None:
    marks = {COIN: prices((0, 40_000), (60, 50_000))}
    made = [decision(10, "skip", believed=-300, symbol=COIN)]
    report = review(
        case(marks, over=window(100), decisions=made, instruments=[listed(COIN, size="100")], start=[]),
    )
    coins = 300 * 100 * (d(1) / 40_000 - d(1) / 50_000)
    assert coins == d("0.15")
    assert report.belief_cost == CostPieces(direction=-coins * 50_000)  # short was meant, and the price rose: a gain
    assert adds_up(report)


def test_no_divergence_costs_the_number_zero() -> None:
    made = [decision(10, "a", believed=0, order=5), decision(20, "b", believed=5, order=-3, intended=0)]
    fills = [fill(10, 2, 291, of="a"), fill(11, 3, 292, of="a", fee=1), fill(21, -3, 270, of="b")]
    report = review(case(FALLING, over=window(100), fills=fills, decisions=made))
    assert report.belief_cost == CostPieces()
    assert (report.low, report.high, report.total) == ds(0, 0, 0)
    assert (report.affected, report.divergences, report.decision_costs) == (None, (), ())
    assert (report.decisions, report.decided) == (2, True)
    assert adds_up(report)


def test_nothing_at_all_costs_the_number_zero() -> None:
    report = review(case({}, over=window(100)))
    assert report.total == 0
    assert (report.horizon, report.decided, report.lines) == (minute(100), False, ())
    assert len(report.cost_over_time) == POINTS + 1
    assert adds_up(report)


# -- how the counterfactual fills ---------------------------------------------------------------------------------


def test_beyond_what_filled_the_rest_fills_at_the_mark_and_half_spread_and_impact() -> None:
    made = [decision(10, "h", believed=-50, order=-50)]
    fills = [fill(11, -20, 288, of="h", fee="2.88"), fill(12, -30, 283, of="h", fee="4.245")]
    start = [starting(0, believed=-50)]
    assumed = ImpactAssumptions(half_spread_bps=d(10), impact_bps=d(20))
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made, start=start, assumed=assumed))
    cost = report.belief_cost
    price = 290 - d("0.29") - d("0.58")
    assert cost.direction == 50 * (290 - 100)
    assert cost.execution == 50 * (price - 290)  # what c lost by selling 50 more, each 0.87 under the mark
    assert cost.fees == -50 * price * d("0.0005")  # at the fee rate of what was sold
    assert (report.low, report.high) == (
        cost.total - 50 * d("0.87"),  # worst: twice spread and impact
        cost.total + 50 * d("0.87"),  # best: neither
    )
    assert adds_up(report)


def test_a_smaller_order_fills_at_the_average_price() -> None:
    """Sold 30 where 10 would have been right: 10 fill at the average, whichever fill they came with."""
    made = [decision(10, "s", believed=20, order=-30)]
    fills = [fill(10, -10, 290, of="s", fee=3), fill(15, -20, 278, of="s", fee=6)]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made, start=[starting(0, believed=20)]))
    assert report.decision_costs[0].delta == -20
    assert report.belief_cost == CostPieces(
        direction=d(20 * (100 - 290)), execution=d(30 - 10) * (290 - 282), fees=d(9 - 3)
    )
    assert [(point.at, point.actual, point.counterfactual) for point in report.lines[0].points] == [
        (minute(0), *ds(0, 0)),
        (minute(10), *ds(-10, -10)),
        (minute(15), *ds(-30, -10)),
    ]
    assert adds_up(report)


def test_an_average_price_that_does_not_divide_still_adds_up_exactly() -> None:
    made = [decision(10, "s", believed=20, order=-30)]
    fills = [fill(10, -7, 290, of="s", fee="0.1"), fill(15, -23, "278.1", of="s", fee="0.3")]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made, start=[starting(0, believed=20)]))
    assert adds_up(report)
    assert report.belief_cost.fees.quantize(d("0.00001")) == d("0.26667")


def test_an_order_on_the_other_side_fills_at_the_mark_alone() -> None:
    made = [decision(10, "b", believed=-5, order=2)]
    fills = [fill(10, 2, 291, of="b")]
    assumed = replace(FREE, fee_rate=d("0.001"))
    started = [starting(0, believed=-5)]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=made, start=started, assumed=assumed))
    assert report.belief_cost.direction == 5 * 190
    assert report.belief_cost.execution == 2
    assert report.belief_cost.fees == 0  # the fee rate is the fill's
    unfilled = case(FALLING, over=window(200), decisions=made, start=started, assumed=assumed)
    assert review(unfilled).belief_cost.fees == -3 * 290 * d("0.001")  # nothing filled: the assumed rate


def test_what_the_venue_did_not_fill_it_does_not_fill_in_the_counterfactual() -> None:
    """Quotes that never fill must not trade in c; only what the wrong belief took away or added does."""
    made = [decision(10 + number, f"q{number}", believed=10, order=5) for number in range(50)]
    report = review(case(FALLING, over=window(200), decisions=made, start=[starting(0, believed=10)]))
    assert len(report.decision_costs) == 1
    assert report.belief_cost.total == 10 * (100 - 290)
    assert report.lines[0].points[-1].counterfactual == 10


def test_a_half_spread_of_its_own_is_taken_and_marks_have_a_range() -> None:
    marks = tuple(
        replace(point, low=point.mark - 1, high=point.mark + 2, half_spread=d("0.5")) for point in linear(300, -1, 200)
    )
    report = review(case(marks, over=window(200), decisions=ONCE, start=[starting(10, believed=0)]))
    assert report.belief_cost.execution == -10 * d("0.5")
    # c sold 10 at 290 +2 with no spread, or at 290 - 1 - 2 x 0.5; what is held is worth 99 to 102 at the end.
    assert report.high == 10 * (292 - 99)
    assert report.low == 10 * (288 - 102)
    assert adds_up(report)


def test_the_range_of_an_inverse_contract_converts_at_its_own_mark() -> None:
    marks = {COIN: (*prices((0, 40_000)), replace(prices((60, 50_000))[0], low=d(40_000), high=d(80_000)))}
    made = [decision(10, "skip", believed=-300, symbol=COIN)]
    report = review(case(marks, over=window(100), decisions=made, instruments=[listed(COIN, size="100")]))
    assert (report.low, report.high) == (-300 * 100 * d(1), ZERO)  # 0.375 coins at 80,000, or nothing at 40,000
    assert report.low <= report.belief_cost.total <= report.high


# -- steps, limits, targets ---------------------------------------------------------------------------------------


def test_a_correction_is_in_whole_steps_and_a_rest_below_one_corrects_nothing() -> None:
    start = [starting(0, believed="-0.55")]
    made = [decision(10 + number, f"k{number}", believed="-0.55") for number in range(2)]
    report = review(case(FALLING, over=window(200), decisions=made, start=start, instruments=[listed(step="0.1")]))
    assert [one.would_send for one in report.decision_costs] == [d("-0.5")]
    assert report.lines[0].points[-1].counterfactual == d("-0.5")


@pytest.mark.parametrize("side", [1, -1])
def test_the_rest_below_a_step_does_not_jitter_with_the_side_of_the_orders(side: int) -> None:
    start, step = [starting(0, believed="0.55")], [listed(step="0.1")]
    made = [decision(10, "k", believed="0.55"), decision(20, "o", believed="0.55", order=side)]
    fills = [fill(20, side, 280, of="o")]
    report = review(case(FALLING, over=window(200), decisions=made, fills=fills, start=start, instruments=step))
    assert [one.decision_id for one in report.decision_costs] == ["k"]


def test_the_counterfactual_keeps_the_limits() -> None:
    """Meant to hold 10, at most 4 by its own limit, at most 1,000 USD by the instrument's: 3.4 at 290, in steps 3."""
    made = [decision(10, "k", intended=10, most=4)]
    for limit, expected in ((None, 4), (1_000, 3)):
        instruments = [listed(step="1", limit=limit)]
        report = review(case(FALLING, over=window(200), decisions=made, instruments=instruments))
        assert report.decision_costs[0].would_send == expected
        assert report.decision_costs[0].target.quantize(d("0.1")) == d("3.4" if limit else 4)


def test_a_limit_stops_growth_and_forces_nothing_down() -> None:
    """Holds 6 of 4 allowed in both ledgers: a target of 10 leaves it there, one of 5 may come down to it."""
    start = [starting(6)]
    grown = review(case(FALLING, over=window(200), decisions=[decision(10, "k", intended=10, most=4)], start=start))
    assert grown.decision_costs == ()
    less = review(case(FALLING, over=window(200), decisions=[decision(10, "k", intended=5, most=4)], start=start))
    assert less.decision_costs[0].would_send == -1


def test_slices_of_an_intent_are_told_under_the_other_rule() -> None:
    """Believed 20 too much; an intent of 100 in four slices. By its intent alone c would run ahead of the slices."""
    made, fills = [], []
    for number in range(4):
        at = 10 * (number + 1)
        made.append(decision(at, f"s{number}", believed=20 + 20 * number, intended=100, order=20))
        fills.append(fill(at, 20, 300 - at, of=f"s{number}"))
    sliced = case(FALLING, over=window(200), fills=fills, decisions=made, start=[starting(0, believed=20)])
    by_intent = review(sliced)
    assert by_intent.belief_cost.total == -80 * 190 + 20 * (180 + 170 + 160)
    by_belief = review(replace(sliced, assumptions=replace(FREE, target=TargetRule.BELIEF_PLUS_ORDER)))
    assert by_belief.belief_cost.total == 20 * (100 - 290)
    assert by_intent.other_target is not None
    assert by_intent.other_target.rule is TargetRule.BELIEF_PLUS_ORDER
    assert by_intent.other_target.cost == by_belief.belief_cost.total
    assert by_belief.other_target is not None
    assert by_belief.other_target.cost == by_intent.belief_cost.total
    assert by_belief.other_target.rule is TargetRule.INTENT_FIRST
