"""When everybody is reminded of a hold: every 15 minutes, never twice for one slot, once for all that were missed."""

import pytest

from risksvc.core.incident.choosing import reminder_due
from risksvc.core.incident.record import Course
from tests.unit.core.an_incident import Troubled

MINUTE = 60 * 10**9


@pytest.fixture
def troubled() -> Troubled:
    return Troubled().hold()


def due_in(troubled: Troubled) -> float:
    """Minutes after the hold began."""
    due = reminder_due(troubled.incident)
    assert due is not None
    return (due - troubled.incident.course_since) / MINUTE


def test_the_first_is_due_after_a_quarter_of_an_hour(troubled: Troubled) -> None:
    assert due_in(troubled) == 15


@pytest.mark.parametrize(("reminded", "due"), [(15, 30), (15.5, 30), (29.99, 30), (30, 45), (52, 60), (600.1, 615)])
def test_the_next_is_the_next_slot_whatever_was_missed(troubled: Troubled, reminded: float, due: float) -> None:
    troubled.incident.reminded_at = troubled.incident.course_since + int(reminded * MINUTE)
    assert due_in(troubled) == due


def test_nothing_is_due_where_nothing_is_held(troubled: Troubled) -> None:
    troubled.choose(Course.FLATTEN)
    assert reminder_due(troubled.incident) is None


def test_nothing_is_due_when_the_incident_is_closed(troubled: Troubled) -> None:
    troubled.incident.closed_at = troubled.now
    assert reminder_due(troubled.incident) is None


def test_a_new_hold_counts_anew(troubled: Troubled) -> None:
    troubled.wait(16)
    troubled.remind()
    troubled.choose(Course.REDUCE)
    troubled.hold()
    assert due_in(troubled) == 15
