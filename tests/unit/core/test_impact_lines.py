"""Which fill is whose in a review, and cases that contradict themselves."""

from dataclasses import replace

import pytest

from risksvc.core.impact.review import review
from risksvc.core.impact.types import ImpactCase, ImpactFill, MarkPoint
from risksvc.core.types import MalformedInputError
from tests.unit.core.a_review_case import (
    BTC,
    ETH,
    FALLING,
    FREE,
    HEDGER,
    START,
    case,
    d,
    decision,
    ds,
    fill,
    funding,
    minute,
    prices,
    starting,
    window,
)


def made(*fills: ImpactFill) -> ImpactCase:
    return case(FALLING, over=window(200), fills=fills, decisions=[decision(10, "k", believed=0)])


def test_a_fill_of_an_unrecorded_decision_is_in_every_ledger_and_nobodys_fault() -> None:
    report = review(made(fill(9, 3, 291, of="unrecorded")))
    assert report.origin == ()
    assert any("1 fills name a decision that has no record" in note for note in report.notes)
    # The tracker may have heard of it, and says zero: three too many.
    assert report.decision_costs[0].would_send == -3


def test_a_fill_of_a_decision_outside_the_window_is_the_strategys_own() -> None:
    earlier = decision(-5, "earlier", believed=0, order=3)
    later = decision(250, "later", believed=0, order=3)
    fills = [fill(5, 3, 295, of="earlier"), fill(-4, 1, 300, of="earlier"), fill(260, 3, 100, of="later")]
    now = decision(10, "k", believed=3)
    report = review(case(FALLING, over=window(200), fills=fills, decisions=[earlier, now, later]))
    assert (report.decisions, report.origin, report.decision_costs, report.notes) == (1, (), (), ())
    assert report.lines[0].points[-1].actual == 3


def test_a_fill_that_the_venue_times_before_its_decision_fills_at_the_decision() -> None:
    order = decision(10, "o", believed=0, order=4)
    report = review(case(FALLING, over=window(200), fills=[fill(9.99, 4, 290, of="o")], decisions=[order]))
    assert [(point.at, point.actual) for point in report.lines[0].points] == [(START, d(0)), (minute(10), d(4))]
    assert report.belief_cost.total == 0


def test_a_fill_of_nobody_is_the_only_strategys_that_decides() -> None:
    report = review(made(fill(5, 10, 295, strategy="")))
    assert [line.strategy for line in report.lines] == [HEDGER]
    assert report.belief_cost.total == 1_900
    assert report.notes == ()


def test_a_fill_of_nobody_among_several_strategies_is_only_carried() -> None:
    both = [decision(10, "k", believed=0), decision(10, "m", believed=0, strategy="maker")]
    report = review(case(FALLING, over=window(200), fills=[fill(5, 10, 295, strategy="")], decisions=both))
    assert [line.strategy for line in report.lines] == ["", HEDGER, "maker"]
    assert report.belief_cost.total == 0
    assert report.origin_cost == 10 * (295 - 100)
    assert any("1 fills belong to no strategy" in note for note in report.notes)


def test_without_records_of_decisions_only_the_carry_is_reported() -> None:
    report = review(case(FALLING, over=window(200), fills=[fill(5, 10, 295, fee=2)]))
    assert (report.decided, report.belief_cost.total, report.origin_cost) == (False, d(0), d(1_952))
    assert report.total == 1_952


def test_decisions_that_say_nothing_are_no_records_either() -> None:
    silent = [decision(10, "k", order=2)]
    fills = [fill(5, 10, 295), fill(10, 2, 290, of="k")]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=silent))
    assert (report.decided, report.belief_cost.total, report.origin_cost) == (False, d(0), d(1_950))
    assert any("1 decisions say neither intent nor belief" in note for note in report.notes)


def test_starting_positions_of_one_line_add_up() -> None:
    start = [starting(4, believed=1), starting(6, strategy=""), starting(1, believed=2)]
    report = review(case(FALLING, over=window(200), decisions=[decision(10, "k", believed=3)], start=start))
    assert (report.lines[0].points[0].actual, report.lines[0].points[0].believed) == ds(11, 3)


def test_prices_that_begin_late_count_before_and_it_is_said() -> None:
    report = review(case(prices((50, 100)), over=window(200), decisions=[decision(10, "k", believed=0)]))
    assert any("prices begin after" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"window": window(0)}, "start must be before"),
        ({"marks": {}}, "marks of BTC/USDT:USDT: none"),
        ({"marks": {BTC: (MarkPoint(START, d(0)),)}}, "0 < low <= mark <= high"),
        ({"marks": {BTC: (MarkPoint(START, d(3), low=d(4)),)}}, "0 < low <= mark <= high"),
        ({"marks": {BTC: (MarkPoint(START, d(3), high=d(2)),)}}, "0 < low <= mark <= high"),
        ({"marks": {BTC: (MarkPoint(START, d(3), half_spread=d(-1)),)}}, "no half spread below 0"),
        ({"fills": (fill(1, 1, 0),)}, "a price above 0"),
        ({"fills": (fill(1, 0, 1, name="f"),)}, "fill f: needs"),
        ({"fills": (fill(1, 1, 1, symbol=ETH),)}, "ETH/USDT:USDT is not among them"),
        ({"funding": (funding(1, rate="0", symbol=ETH),)}, "ETH/USDT:USDT has funding"),
        ({"funding": (funding(1),)}, "either its rate or its payment"),
        ({"funding": (funding(1, rate="0", payment="0"),)}, "either its rate or its payment"),
        ({"decisions": (decision(1, "k", believed=0),) * 2}, "an id that no other decision has"),
        ({"decisions": (decision(1, "", believed=0),)}, "an id that no other decision has"),
    ],
)
def test_a_case_that_contradicts_itself_is_refused(change: dict[str, object], problem: str) -> None:
    sound = case(FALLING, over=window(200))
    with pytest.raises(MalformedInputError) as refusal:
        review(replace(sound, **change))  # type: ignore[arg-type]
    assert problem in str(refusal.value)


def test_a_fill_in_another_instrument_than_its_decision_is_refused() -> None:
    with pytest.raises(MalformedInputError, match="its decision in BTC"):
        review(replace(made(), fills=(fill(11, 1, 1, of="k", symbol=ETH, name="f"),)))


@pytest.mark.parametrize(
    ("order", "fills"),
    [(2, [fill(10, -2, 290, of="o")]), (0, [fill(10, -2, 290, of="o"), fill(11, 2, 290, of="o")])],
)
def test_an_order_has_one_side(order: int, fills: list[ImpactFill]) -> None:
    with pytest.raises(MalformedInputError, match="has bought and sold"):
        review(case(FALLING, over=window(200), fills=fills, decisions=[decision(10, "o", believed=0, order=order)]))


def test_more_filled_than_was_recorded_as_sent_was_sent() -> None:
    order = decision(10, "o", believed=0)
    report = review(case(FALLING, over=window(200), fills=[fill(10, -2, 290, of="o")], decisions=[order]))
    assert report.belief_cost.total == 0


def test_a_spread_wider_than_the_price_is_refused() -> None:
    start, look = [starting(2, believed=0)], [decision(10, "k", believed=0)]
    wide = replace(FREE, half_spread_bps=d(10_000))
    with pytest.raises(MalformedInputError, match="more than the mark"):
        review(case(FALLING, over=window(200), start=start, decisions=look, assumed=wide))
