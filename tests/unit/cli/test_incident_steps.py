"""What is left to do about an incident, as commands: every view of it shows the same."""

import pytest

from risksvc.cli.incident_steps import next_steps
from risksvc.v1 import incident_pb2
from risksvc.v1.incident_pb2 import Incident, IncidentClock, TimelineEntry
from tests.unit.cli.an_incident import NOW, calm, incident


def commands(one: Incident) -> list[str]:
    return [" ".join(words[:2]) if words[0] == "incident" else words[0] for words, _ in next_steps(one)]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            incident(clocks=[IncidentClock(name="HALT", due_at_ns=NOW)], active_halt_ids=[]),
            ["halt", "incident take", "assess", "incident cause", "review", "incident close"],
        ),
        (incident(), ["incident take", "assess", "incident cause"]),
        (incident(owner="olga", assessed_at_ns=NOW), ["decide", "incident cause"]),
        (
            incident(owner="olga", assessed_at_ns=NOW, course=incident_pb2.COURSE_FLATTEN),
            ["decide", "incident cause"],
        ),
        (
            incident(owner="olga", assessed_at_ns=NOW, course=incident_pb2.COURSE_FLATTEN, flattening=True),
            ["flatten", "incident cause"],
        ),
        (
            calm(
                course=incident_pb2.COURSE_FLATTEN,
                active_halt_ids=["h-1"],
                timeline=[TimelineEntry(kind="GAPS"), TimelineEntry(kind="FLAT"), TimelineEntry(kind="NOTE")],
            ),
            ["reconcile", "resume"],
        ),
        (
            calm(course=incident_pb2.COURSE_FLATTEN, active_halt_ids=["h-1"], timeline=[TimelineEntry(kind="GAPS")]),
            ["decide", "reconcile", "resume"],
        ),
        (calm(timeline=[TimelineEntry(kind="FLAT", at_ns=NOW + 1)]), ["assess", "incident close"]),
        (calm(cause_fixed=False), ["incident cause", "incident close"]),
        (calm(), ["incident close"]),
        (calm(closed_at_ns=NOW), ["incident export"]),
        (incident(active_halt_ids=[], closed_at_ns=NOW), ["review", "incident export"]),
    ],
)
def test_what_is_left_to_do_is_told_as_commands_the_most_urgent_first(one: Incident, expected: list[str]) -> None:
    assert commands(one) == expected


def test_many_halts_are_cleared_by_one_command() -> None:
    few, many = (
        calm(course=incident_pb2.COURSE_REDUCE, active_halt_ids=[f"h-{number}" for number in range(count)])
        for count in (3, 4)
    )
    assert next_steps(few)[-1][0][:4] == ("resume", "h-0", "h-1", "h-2")
    assert next_steps(many)[-1][0][:2] == ("resume", "--all")


def test_a_flatten_is_reached_by_what_has_to_go_and_never_by_the_whole_scope() -> None:
    in_force = incident(owner="olga", assessed_at_ns=NOW, course=incident_pb2.COURSE_FLATTEN)
    assert next_steps(in_force)[0][0] == ("decide", "--incident", "i3")


def test_a_flatten_that_runs_is_looked_at_by_its_id() -> None:
    assert next_steps(calm(flattening=True, flatten_ids=["f1", "f2"]))[0][0] == ("flatten", "--show", "f2")
    assert next_steps(calm(flattening=True))[0][0] == ("flatten", "--show", "")
