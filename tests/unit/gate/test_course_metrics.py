"""What Prometheus sees of decisions: the course in force, what is required, a hold that waits."""

import pytest

from risksvc.core.incident.record import Course
from risksvc.gate.incident.course_metrics import course_metrics
from tests.unit.core.an_incident import OUTSIDE, Troubled, position


def seen(*troubled: Troubled) -> dict[str, float]:
    """Every sample, by its name and label."""
    families = course_metrics([one.incident for one in troubled])
    return {
        ":".join((sample.name, *sample.labels.values())): sample.value for one in families for sample in one.samples
    }


@pytest.fixture
def troubled() -> Troubled:
    made = Troubled()
    made.assess(position())
    return made


def test_without_an_incident_every_series_is_there_and_zero() -> None:
    assert seen() == {
        "risksvc_course_in_force:FLATTEN": 0,
        "risksvc_course_in_force:REDUCE": 0,
        "risksvc_course_in_force:HOLD": 0,
        "risksvc_flatten_required_by_assessment": 0,
        "risksvc_hold_waiting": 0,
    }


def test_a_hold_waits_and_then_is_in_force(troubled: Troubled) -> None:
    troubled.choose(Course.HOLD, "olga", "engineering")
    found = seen(troubled)
    assert (found["risksvc_hold_waiting"], found["risksvc_course_in_force:HOLD"]) == (1, 0)
    troubled.choose(Course.HOLD, "rita", "risk")
    found = seen(troubled)
    assert (found["risksvc_hold_waiting"], found["risksvc_course_in_force:HOLD"]) == (0, 1)


def test_a_required_flatten_is_in_force_and_required(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    found = seen(troubled, Troubled())
    assert found["risksvc_flatten_required_by_assessment"] == 1
    assert found["risksvc_course_in_force:FLATTEN"] == 1
