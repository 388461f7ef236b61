"""The lines beside the belief cost: carry, the halt's delay, the flatten; breaches; charts; days' names."""

import decimal
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from risksvc.core.impact.attribution import DAY, day_ends, day_name
from risksvc.core.impact.money import exact, ratio, whole_steps
from risksvc.core.impact.report import LedgerPoint
from risksvc.core.impact.review import review
from risksvc.core.impact.timeline import thinned
from tests.unit.core.a_review_case import (
    BTC,
    COIN,
    ETH,
    FALLING,
    START,
    case,
    d,
    decision,
    ds,
    fill,
    listed,
    minute,
    prices,
    starting,
    window,
)

# -- origin, halt, flatten ----------------------------------------------------------------------------------------


def test_each_unknown_fill_is_carried_to_the_next_decision() -> None:
    looks = [decision(10, "a", believed=0), decision(20, "b", believed=0)]
    fills = [fill(5, 10, 294, fee=1, name="f1"), fill(15, -4, 285), fill(30, 1, 270)]
    report = review(case(FALLING, over=window(200), fills=fills, decisions=looks, start=[starting(3, believed=1)]))
    assert [(one.fill_id, one.quantity, one.until, one.cost) for one in report.origin] == [
        ("", d(2), minute(10), d(20)),
        ("f1", d(10), minute(10), d(41)),
        ("", d(-4), minute(20), d(-20)),
        ("", d(1), minute(200), d(170)),
    ]
    assert report.total == report.belief_cost.total + report.origin_cost


def test_the_halts_delay_is_what_was_still_sent_after_discovery() -> None:
    made = [decision(at, f"k{at}", believed=0, order=1) for at in (20, 50, 60, 90)]
    fills = [fill(at + 1, 1, 300 - at, of=f"k{at}", fee=2) for at in (20, 50, 60)]
    delayed = review(
        case(FALLING, over=window(200, discovered=50, halted=80, flat=150), fills=fills, decisions=made)
    ).halt_delay
    assert delayed is not None
    assert (delayed.since, delayed.until, delayed.decisions) == (minute(50), minute(80), 2)
    assert delayed.cost == (250 - 150) + 2 + (240 - 150) + 2
    never = review(case(FALLING, over=window(200, discovered=50), fills=fills, decisions=made)).halt_delay
    assert never is not None
    assert (never.until, never.decisions) == (minute(200), 3)
    assert review(case(FALLING, over=window(200), fills=fills, decisions=made)).halt_delay is None


def test_a_halt_before_the_discovery_has_no_delay() -> None:
    made = [decision(20, "k", believed=0, order=1)]
    delayed = review(case(FALLING, over=window(200, discovered=50, halted=10), decisions=made)).halt_delay
    assert delayed is not None
    assert (delayed.since, delayed.until, delayed.decisions) == (minute(50), minute(50), 0)
    assert delayed.cost == 0


def test_the_flatten_is_priced_against_the_mark_on_arrival_and_is_in_no_other_line() -> None:
    fills = [
        fill(5, 10, 295, name="rogue"),
        fill(100, -6, 199, fee=1, name="out1", strategy=""),
        fill(102, -4, 197, fee=1, name="out2", strategy=""),
    ]
    report = review(
        case(
            FALLING,
            over=window(200, flat=103),
            fills=fills,
            decisions=[decision(10, "k", believed=0)],
            flatten=["out1", "out2", "never seen"],
        )
    )
    (flatten,) = report.flatten
    assert (flatten.symbol, flatten.quantity, flatten.arrival) == (BTC, d(-10), d(200))
    assert (flatten.slippage, flatten.fees, flatten.cost) == ds(6 * 1 + 4 * 3, 2, 20)
    assert [one.fill_id for one in report.origin] == ["rogue"]
    assert report.belief_cost.total == 10 * (290 - 197)
    assert report.divergences[0].until == minute(102)  # flat, as it was believed
    assert report.total == report.belief_cost.total + report.origin_cost + 20


def test_an_inverse_flatten_is_in_the_coin_converted_at_the_horizon() -> None:
    marks = {COIN: prices((0, 40_000), (60, 50_000))}
    out = [fill(10, -100, 32_000, symbol=COIN, name="out", fee="0.001")]
    report = review(case(marks, over=window(100), fills=out, flatten=["out"], instruments=[listed(COIN, size="10")]))
    assert report.flatten[0].slippage == 1_000 * (1 / d(32_000) - 1 / d(40_000)) * 50_000
    assert report.flatten[0].fees == 50


# -- breaches -----------------------------------------------------------------------------------------------------


def test_a_limit_that_the_wrong_belief_hid_is_told() -> None:
    """20 long at 300 to 280 is over 5,700 until the mark has come down to 285; believed is 10."""
    fills = [fill(5, 10, 295)]
    looks = [decision(10, "k", believed=10)]
    report = review(
        case(
            FALLING,
            over=window(100),
            fills=fills,
            decisions=looks,
            start=[starting(10)],
            instruments=[listed(limit=5_700)],
        )
    )
    (breach,) = report.breaches
    assert (breach.symbol, breach.limit, breach.since, breach.until) == (BTC, d(5_700), minute(5), minute(15))
    assert (breach.highest, breach.believed) == ds(20 * 295, 10 * 295)


def test_a_limit_broken_in_sight_is_no_breach_of_the_belief() -> None:
    report = review(
        case(
            FALLING,
            over=window(100),
            decisions=[decision(10, "k", believed=20)],
            start=[starting(25, believed=20)],
            instruments=[listed(limit=4_900)],
        )
    )
    # Believed 20 are over 4,900 as well until minute 55; from then on only the 25 are.
    assert [(breach.since, breach.until) for breach in report.breaches] == [(minute(55), minute(100))]


def test_the_total_counts_instruments_without_netting_and_a_silent_strategy_as_it_is() -> None:
    marks = {BTC: FALLING, COIN: prices((0, 40_000)), ETH: prices((0, 10))}
    report = review(
        case(
            marks,
            over=window(100),
            decisions=[decision(20, "k", believed=0), decision(20, "c", believed=0, symbol=COIN)],
            fills=[fill(50, 1, 10, symbol=ETH, strategy="maker")],
            start=[
                starting(1, believed=0),
                starting(-5, believed=0, symbol=COIN),
                starting(2, symbol=ETH, strategy="maker"),
            ],
            instruments=[listed(BTC), listed(COIN, size="100"), listed(ETH)],
            total_limit=800,
        )
    )
    (breach,) = report.breaches
    assert (breach.symbol, breach.since, breach.until) == ("", START, minute(20))  # 280 + 500 + 20
    assert (breach.highest, breach.believed) == ds(300 + 500 + 20, 20)


def test_what_lasts_no_time_is_no_breach() -> None:
    """Over the limit in between two fills of one moment, and at the horizon's own moment."""
    fills = [fill(5, 10, 295), fill(5, -10, 295), fill(100, 10, 200)]
    looks = [decision(10, "k", believed=0)]
    report = review(
        case(FALLING, over=window(100), fills=fills, decisions=looks, instruments=[listed(limit=100)], total_limit=100)
    )
    assert report.breaches == ()


# -- charts, days, arithmetic -------------------------------------------------------------------------------------


def point(at: int, believed: int | None, actual: int) -> LedgerPoint:
    return LedgerPoint(at, None if believed is None else d(believed), d(actual), d(actual))


def test_a_thinned_series_keeps_its_ends_and_where_it_is_widest() -> None:
    points = [point(at, 0, at % 7) for at in range(1_000)]
    points[333] = point(333, 0, 999)
    few = thinned(points, 50)
    assert len(few) <= 50
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert points[333] in few
    assert all(one.at < following.at for one, following in pairwise(few))
    assert thinned(points[:50], 50) == tuple(points[:50])
    assert len(thinned([point(at, None, 0) for at in range(1_000)], 10)) == 6  # all alike: the first of each stretch


def test_days_have_their_civil_names() -> None:
    for days in (0, 1, 58, 59, 60, 365, 789, 790, 11_016, 11_017, 18_992, 19_000, 20_513, 47_540, 47_541):
        expected = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
        assert day_name(days * DAY) == day_name((days + 1) * DAY - 1) == expected


def test_a_day_ends_at_midnight_and_the_last_one_at_the_horizon() -> None:
    assert day_ends(5, DAY) == [DAY]
    assert day_ends(DAY, DAY + 1) == [DAY + 1]
    assert day_ends(DAY - 1, 3 * DAY) == [DAY, 2 * DAY, 3 * DAY]


def test_nothing_rounds_unseen() -> None:
    with exact(), pytest.raises(decimal.Inexact):
        _ = d(1) / 3
    with exact():
        assert ratio(d(1), d(3)) == d("0." + "3" * 24)
    assert whole_steps(d("-0.55"), d("0.25")) == d("-0.5")
    assert whole_steps(d("-0.55"), None) == d("-0.55")
