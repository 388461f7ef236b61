# ruff: noqa: ANN401, FBT001 - a builder takes what its dataclass takes; a table's row says what is so
"""What is recommended and why: every row of the table, and which row comes first."""

from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.incident.courses import RULES, CourseReason, Recommendation, recommend, to_flatten
from risksvc.core.incident.record import AssessedInstrument, Course
from risksvc.core.types import Scope
from tests.unit.core.an_incident import OUTSIDE, Troubled, position
from tests.unit.core.catalogue import ACCOUNT, BTC, D

FLATTEN, REDUCE, HOLD = Course.FLATTEN, Course.REDUCE, Course.HOLD


def after(*instruments: AssessedInstrument, fixed: bool = True, **rest: Any) -> tuple[Troubled, Recommendation]:
    """What is recommended after an assessment, with the cause fixed unless said otherwise."""
    troubled = Troubled()
    troubled.incident.cause, troubled.incident.cause_fixed = ("a wrong sign" if fixed else ""), fixed
    troubled.assess(*instruments, **rest)
    return troubled, recommend(troubled.incident, now=troubled.now)


def names(recommendation: Recommendation) -> list[str]:
    return [one.name for one in recommendation.reasons]


def reason(recommendation: Recommendation, name: str) -> CourseReason:
    [found] = [one for one in recommendation.reasons if one.name == name]
    return found


# A row each: what was found at the venue, whether the cause is fixed, the course, and the reason that gives it.
TABLE: dict[str, tuple[tuple[AssessedInstrument, ...], bool, Course | None, str]] = {
    "outside its band": ((OUTSIDE,), True, FLATTEN, "OUTSIDE_BAND"),
    "nothing held": ((position(0),), True, None, "NOTHING_HELD"),
    "no instrument at all": ((), False, None, "NOTHING_HELD"),
    "over max_net_exposure": ((position(-6),), True, FLATTEN, "HARD_LIMIT"),
    "cause not known": ((position(),), False, FLATTEN, "CAUSE_OPEN"),
    "liquidation near": ((position(liquidation_distance=D("9.9")),), True, REDUCE, "LIQUIDATION_NEAR"),
    "close in 30 minutes": ((position(minutes_to_close=30),), True, HOLD, "CLOSE_NEAR"),
    "belief differs": ((position(believed=D(0)),), True, REDUCE, "BELIEF_DIFFERS"),
    "dear to leave": ((position(exit_cost_sliced=D("200.01")),), True, HOLD, "EXIT_COST"),
    "nothing speaks against holding": ((position(),), True, HOLD, "CAUSE_FIXED"),
}


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_the_weightiest_reason_gives_the_course(
    row: tuple[tuple[AssessedInstrument, ...], bool, Course | None, str],
) -> None:
    instruments, fixed, course, name = row
    _, recommendation = after(*instruments, fixed=fixed)
    first = recommendation.reasons[0]
    assert (recommendation.course, first.name, first.points_to) == (course, name, course)
    assert recommendation.required == (name == "OUTSIDE_BAND")
    assert all(one.message for one in recommendation.reasons)


def test_only_the_band_requires() -> None:
    assert [rule.name for rule in RULES if rule.required] == ["OUTSIDE_BAND"]
    assert RULES[0].name == "OUTSIDE_BAND"


EVERYTHING = position(
    -6,
    believed=D(0),
    ratio=D(300),
    outside_band=True,
    minutes_to_close=5,
    liquidation_distance=D(1),
    exit_cost_sliced=D(5_000),
)


def test_every_reason_is_told_in_descending_precedence() -> None:
    _, recommendation = after(EVERYTHING, fixed=False, total=D(160_000), total_limit=D(150_000))
    assert names(recommendation) == [
        "OUTSIDE_BAND",
        "HARD_LIMIT",
        "HARD_LIMIT",
        "CAUSE_OPEN",
        "LIQUIDATION_NEAR",
        "CLOSE_NEAR",
        "BELIEF_DIFFERS",
        "EXIT_COST",
    ]
    assert (recommendation.course, recommendation.required) == (FLATTEN, True)


def test_each_row_gives_way_to_the_one_before_it() -> None:
    """Taking the first reason away lets the next one decide."""
    changes: list[tuple[dict[str, Any], bool, Course]] = [
        ({"outside_band": False}, False, FLATTEN),
        ({"limit": D(100_000)}, False, FLATTEN),
        ({}, True, REDUCE),
        ({"liquidation_distance": None}, True, HOLD),
        ({"minutes_to_close": 31}, True, REDUCE),
        ({"believed": D(-6)}, True, HOLD),
        ({"exit_cost_sliced": D(600)}, True, HOLD),
    ]
    firsts = [
        "HARD_LIMIT",
        "CAUSE_OPEN",
        "LIQUIDATION_NEAR",
        "CLOSE_NEAR",
        "BELIEF_DIFFERS",
        "EXIT_COST",
        "CAUSE_FIXED",
    ]
    so_far: dict[str, Any] = {}
    for (change, fixed, course), first in zip(changes, firsts, strict=True):
        so_far |= change
        found = {name: getattr(EVERYTHING, name) for name in EVERYTHING.__slots__} | so_far
        _, recommendation = after(AssessedInstrument(**found), fixed=fixed)
        assert (names(recommendation)[0], recommendation.course) == (first, course)


# -- the look -----------------------------------------------------------------------------------------------------


def test_without_a_look_at_the_venue_that_comes_first() -> None:
    troubled = Troubled()
    recommendation = recommend(troubled.incident, now=troubled.now)
    assert (recommendation.course, names(recommendation)) == (None, ["NOT_ASSESSED"])
    assert reason(recommendation, "NOT_ASSESSED").observed == "assessed never"


def test_a_look_from_before_the_incident_is_none() -> None:
    troubled, _ = after(position())
    troubled.incident.opened_at = troubled.now + 1
    recommendation = recommend(troubled.incident, now=troubled.now)
    assert (recommendation.course, names(recommendation)) == (None, ["NOT_ASSESSED"])
    assert reason(recommendation, "NOT_ASSESSED").observed == "assessed before this incident opened"


def test_an_old_look_is_made_again_first() -> None:
    troubled, _ = after(position())
    assert recommend(troubled.incident, now=troubled.now + 5 * 60 * 10**9).course is HOLD
    recommendation = recommend(troubled.incident, now=troubled.now + 7 * 60 * 10**9)
    assert recommendation.course is None
    assert reason(recommendation, "STALE_ASSESSMENT").observed == "7 min old"
    assert "CAUSE_FIXED" in names(recommendation)


def test_a_look_that_could_not_read_everything_recommends_nothing() -> None:
    _, recommendation = after(position(), complete=False)
    assert recommendation.course is None
    assert names(recommendation)[0] == "INCOMPLETE_ASSESSMENT"


def test_an_account_that_could_not_be_read_is_not_flat() -> None:
    _, recommendation = after(complete=False)
    assert names(recommendation) == ["INCOMPLETE_ASSESSMENT"]


def test_outside_the_band_stays_so_when_the_look_grows_old() -> None:
    troubled, _ = after(OUTSIDE)
    recommendation = recommend(troubled.incident, now=troubled.now + 60 * 60 * 10**9)
    assert (recommendation.course, recommendation.required) == (FLATTEN, True)
    assert names(recommendation)[:2] == ["OUTSIDE_BAND", "STALE_ASSESSMENT"]


def test_outside_the_band_stays_so_when_the_account_can_t_be_read_any_more() -> None:
    troubled, _ = after(OUTSIDE)
    troubled.assess(complete=False)
    recommendation = recommend(troubled.incident, now=troubled.now)
    assert (recommendation.course, recommendation.required) == (FLATTEN, True)
    assert reason(recommendation, "OUTSIDE_BAND").observed == "outside when it was last read"


# -- what FLATTEN would leave -------------------------------------------------------------------------------------


def test_what_is_outside_its_band_is_left_alone_and_else_every_account_that_holds_something() -> None:
    eth = position(1, instrument="ETH/USDT:USDT")
    troubled, _ = after(OUTSIDE, eth, position(3, account="b"))
    assert to_flatten(troubled.incident.assessment) == (Scope(ACCOUNT, instrument=BTC),)
    troubled, _ = after(position(), eth, position(3, account="b"), position(0, account="c"))
    assert to_flatten(troubled.incident.assessment) == (Scope(ACCOUNT), Scope("b"))
    assert to_flatten(Troubled().incident.assessment) == ()


# -- what the reasons say -----------------------------------------------------------------------------------------


def test_the_band_is_told_with_position_and_intended_size() -> None:
    _, recommendation = after(OUTSIDE)
    found = reason(recommendation, "OUTSIDE_BAND")
    assert found.observed == "4 BTC/USDT:USDT, 200 % of the intended size"
    assert found.limit == "its band (150 %)"
    assert "flatten, whatever the market does" in found.message


def test_nothing_intended_is_not_a_number() -> None:
    _, recommendation = after(position(1, ratio=None, outside_band=True))
    assert reason(recommendation, "OUTSIDE_BAND").observed == "1 BTC/USDT:USDT, nothing is intended"


@pytest.mark.parametrize(
    ("value", "limit", "over"),
    [(D(50_000), D(50_000), False), (D("-50000.01"), D(50_000), True), (None, D(1), False), (D(1), None, False)],
)
def test_a_limit_is_inclusive_and_what_is_not_known_exceeds_nothing(
    value: Decimal | None, limit: Decimal | None, over: bool
) -> None:
    _, recommendation = after(position(value=value, limit=limit))
    assert ("HARD_LIMIT" in names(recommendation)) is over


@pytest.mark.parametrize(
    ("total", "limit", "over"),
    [(D(150_000), D(150_000), False), (D("150000.01"), D(150_000), True), (None, D(1), False), (D(1), None, False)],
)
def test_the_total_has_its_limit_too(total: Decimal | None, limit: Decimal | None, over: bool) -> None:
    _, recommendation = after(position(), total=total, total_limit=limit)
    assert ("HARD_LIMIT" in names(recommendation)) is over


def test_an_empty_account_exceeds_no_limit() -> None:
    _, recommendation = after(position(0), total=D(1), total_limit=D(0))
    assert names(recommendation) == ["NOTHING_HELD"]


def test_amounts_are_rounded_away_from_zero_in_texts_only() -> None:
    _, recommendation = after(position(value=D("50000.001")))
    found = reason(recommendation, "HARD_LIMIT")
    assert found.observed == "50000.001"
    assert "is worth 50,000.01; max_net_exposure is 50,000.00" in found.message


def test_a_cause_that_is_named_and_not_fixed_is_open() -> None:
    troubled, _ = after(position(), fixed=False)
    troubled.incident.cause = "a wrong sign"
    found = reason(recommend(troubled.incident, now=troubled.now), "CAUSE_OPEN")
    assert found.observed == "named, not fixed: a wrong sign"
    assert found.points_to is FLATTEN


@pytest.mark.parametrize(("distance", "near"), [(D(10), False), (D("9.99"), True), (None, False)])
def test_liquidation_is_near_below_ten_percent(distance: Decimal | None, near: bool) -> None:
    _, recommendation = after(position(liquidation_distance=distance))
    assert ("LIQUIDATION_NEAR" in names(recommendation)) is near


@pytest.mark.parametrize(("minutes", "near"), [(0, True), (30, True), (31, False), (None, False)])
def test_a_close_is_near_within_thirty_minutes(minutes: int | None, near: bool) -> None:
    _, recommendation = after(position(minutes_to_close=minutes))
    assert ("CLOSE_NEAR" in names(recommendation)) is near


@pytest.mark.parametrize(("believed", "differs"), [(D(2), False), (D(0), True), (None, False)])
def test_nobody_s_belief_does_not_differ(believed: Decimal | None, differs: bool) -> None:
    _, recommendation = after(position(believed=believed))
    assert ("BELIEF_DIFFERS" in names(recommendation)) is differs


@pytest.mark.parametrize(
    ("sliced", "points_to", "observed"),
    [
        (D(200), FLATTEN, "1 %"),
        (D("200.01"), HOLD, "1.01 %"),
        (D(0), FLATTEN, "0 %"),
        (None, None, "not known"),
    ],
)
def test_the_price_of_leaving_is_told_against_the_value(
    sliced: Decimal | None, points_to: Course | None, observed: str
) -> None:
    _, recommendation = after(position(exit_cost_sliced=sliced))
    found = reason(recommendation, "EXIT_COST")
    assert (found.points_to, found.observed, found.limit) == (points_to, observed, "1 %")


def test_the_price_of_leaving_at_once_stands_beside_it() -> None:
    _, recommendation = after(position())
    assert reason(recommendation, "EXIT_COST").message.endswith("costs about 20.00, 0.1 % of its value; at once 60.00")
    _, recommendation = after(position(exit_cost_now=None))
    assert reason(recommendation, "EXIT_COST").message.endswith("at once not known")


def test_without_a_value_the_price_of_leaving_is_not_known() -> None:
    _, recommendation = after(position(value=None))
    assert reason(recommendation, "EXIT_COST").observed == "not known"


def test_two_legs_that_add_up_to_nothing_are_held() -> None:
    _, recommendation = after(position(0, gross=D(4)))
    assert names(recommendation)[0] == "CAUSE_FIXED"
    _, recommendation = after(position(0, gross=D(0)))
    assert names(recommendation) == ["NOTHING_HELD"]


def test_what_is_held_elsewhere_counts_and_what_is_flat_does_not() -> None:
    _, recommendation = after(position(0, minutes_to_close=5), position(instrument="ETH/USDT:USDT"))
    assert names(recommendation) == ["CAUSE_FIXED", "EXIT_COST"]
    assert "ETH/USDT:USDT of main" in reason(recommendation, "EXIT_COST").message
