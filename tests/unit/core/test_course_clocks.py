"""Deadlines of a decision: a flatten must be started, a second person must speak; what ends and renews them."""

import pytest

from risksvc.core.incident.record import Clock, Course, EntryKind
from risksvc.core.incident.severity import ClockName
from risksvc.core.types import SECOND
from tests.unit.core.an_incident import OUTSIDE, Troubled, clock, position

FLATTEN, REDUCE, HOLD = Course.FLATTEN, Course.REDUCE, Course.HOLD


@pytest.fixture
def troubled() -> Troubled:
    """An incident, looked at just now: inside the band."""
    made = Troubled()
    made.assess(position())
    return made


def test_a_chosen_flatten_must_be_started_within_five_minutes(troubled: Troubled) -> None:
    troubled.choose(FLATTEN)
    assert clock(troubled, ClockName.FLATTEN) == Clock(ClockName.FLATTEN, troubled.now + 300 * SECOND)


def test_the_second_person_has_fifteen_minutes_from_the_first_word(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    due = troubled.now + 900 * SECOND
    troubled.wait(3)
    troubled.choose(HOLD, "emil", "engineering")
    assert clock(troubled, ClockName.SECOND_PERSON) == Clock(ClockName.SECOND_PERSON, due)
    troubled.choose(HOLD, "rita", "risk")
    assert clock(troubled, ClockName.SECOND_PERSON).met_at == troubled.now


def escalated(troubled: Troubled) -> list[str]:
    """What has escalated so far, without the cause that nobody has named."""
    lines = [one.text for one in troubled.incident.timeline if one.kind is EntryKind.ESCALATED]
    return [text for text in lines if not text.startswith("ROOT_CAUSE")]


def test_without_a_second_person_it_escalates_is_not_in_force_and_halts_stay(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    troubled.wait(14.9).world.tick()
    assert escalated(troubled) == []
    troubled.wait(0.1).world.tick()
    [text] = escalated(troubled)
    assert text.startswith("SECOND_PERSON: no second person has recorded the hold within 15 minutes")
    assert troubled.course() is None
    assert troubled.world.halts()


@pytest.mark.parametrize("by_rule", [True, False])
def test_a_flatten_that_is_not_started_escalates(troubled: Troubled, by_rule: bool) -> None:  # noqa: FBT001
    if by_rule:
        troubled.assess(OUTSIDE)
    else:
        troubled.choose(FLATTEN)
    troubled.wait(4.9).world.tick()
    assert escalated(troubled) == []
    troubled.wait(0.1).world.tick()
    troubled.wait(10).world.tick()
    [text] = escalated(troubled)
    assert text.startswith("FLATTEN: the flatten that is required has not been started within 5 minutes")


def test_no_flatten_is_due_while_one_runs(troubled: Troubled) -> None:
    troubled.incident.flattening = 1
    troubled.choose(FLATTEN)
    assert troubled.incident.clock(ClockName.FLATTEN) is None


def test_after_a_flatten_that_left_a_gap_outside_the_band_the_next_is_due(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    troubled.incident.met(ClockName.FLATTEN, now=troubled.now)
    troubled.incident.flattening = 1
    troubled.wait(1).assess(OUTSIDE)
    assert clock(troubled, ClockName.FLATTEN).met_at is not None
    troubled.incident.flattening = 0
    troubled.wait(1).assess(OUTSIDE)
    assert clock(troubled, ClockName.FLATTEN) == Clock(ClockName.FLATTEN, troubled.now + 300 * SECOND)


def test_another_course_ends_both_clocks(troubled: Troubled) -> None:
    troubled.choose(FLATTEN, "tom", "trader")
    troubled.choose(HOLD, "olga", "engineering")
    troubled.choose(REDUCE, "rita", "risk")
    assert clock(troubled, ClockName.FLATTEN).met_at == troubled.now
    assert clock(troubled, ClockName.SECOND_PERSON).met_at == troubled.now


def test_a_clock_that_is_over_runs_again_for_the_next_time(troubled: Troubled) -> None:
    troubled.hold()
    troubled.choose(FLATTEN, "tom", "trader")
    troubled.wait(2)
    troubled.choose(HOLD, "olga", "engineering")
    assert clock(troubled, ClockName.SECOND_PERSON) == Clock(ClockName.SECOND_PERSON, troubled.now + 900 * SECOND)
    assert [one.name for one in troubled.incident.clocks].count(ClockName.SECOND_PERSON) == 1
