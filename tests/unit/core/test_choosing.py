"""Who chooses what, when it takes effect, what ends it; which clocks run meanwhile."""

import pytest

from risksvc.core.config import SecondPerson
from risksvc.core.incident.choosing import waiting_for
from risksvc.core.incident.record import Course, EntryKind
from risksvc.core.incident.severity import ClockName
from risksvc.core.outputs import IncidentChanged, RefusalReason
from risksvc.core.types import SECOND
from tests.unit.core.an_incident import OUTSIDE, Troubled, clock, position, refused, told

FLATTEN, REDUCE, HOLD = Course.FLATTEN, Course.REDUCE, Course.HOLD


@pytest.fixture
def troubled() -> Troubled:
    """An incident, looked at just now: inside the band."""
    made = Troubled()
    made.assess(position())
    return made


def words(troubled: Troubled) -> list[tuple[Course, str, str]]:
    return [(one.course, one.by, one.role) for one in troubled.incident.choices]


# -- one person ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("course", [FLATTEN, REDUCE])
def test_flatten_and_reduce_need_one_person_and_are_told_at_once(troubled: Troubled, course: Course) -> None:
    outputs = troubled.choose(course, "olga", "trader", reason="thin book ahead")

    kind, text = told(troubled.incident, outputs)
    assert kind is EntryKind.COURSE_IN_FORCE
    assert text == f"{course.value} is in force. olga (trader): thin book ahead"
    assert troubled.course() is course
    assert troubled.incident.course_since == troubled.now
    [choice] = troubled.incident.choices
    assert (choice.by, choice.role, choice.reason, choice.at) == ("olga", "trader", "thin book ahead", troubled.now)


def test_who_has_no_role_may_leave(troubled: Troubled) -> None:
    _, text = told(troubled.incident, troubled.choose(FLATTEN, "olga", ""))
    assert text == "FLATTEN is in force. olga: drill"


def test_another_course_replaces_the_old_with_a_line(troubled: Troubled) -> None:
    troubled.choose(REDUCE, "olga")
    _, text = told(troubled.incident, troubled.choose(FLATTEN, "rita", "risk"))
    assert text.startswith("FLATTEN is in force, in place of REDUCE.")
    assert words(troubled) == [(FLATTEN, "rita", "risk")]


def test_one_more_word_for_what_is_in_force_is_a_line(troubled: Troubled) -> None:
    troubled.choose(FLATTEN, "olga")
    since = troubled.incident.course_since
    kind, text = told(troubled.incident, troubled.choose(FLATTEN, "rita", "risk", reason="agreed"))
    assert (kind, text) == (EntryKind.COURSE_CHOSEN, "FLATTEN again, by rita (risk): agreed")
    assert words(troubled) == [(FLATTEN, "olga", "engineering"), (FLATTEN, "rita", "risk")]
    troubled.choose(FLATTEN, "olga", "trader")
    assert words(troubled) == [(FLATTEN, "olga", "engineering"), (FLATTEN, "rita", "risk")]
    assert troubled.incident.course_since == since


# -- two persons --------------------------------------------------------------------------------------------------


def test_hold_takes_effect_with_two_people_in_two_roles(troubled: Troubled) -> None:
    kind, text = told(troubled.incident, troubled.choose(HOLD, "olga", "engineering", reason="close is near"))
    assert kind is EntryKind.COURSE_CHOSEN
    assert text.startswith("HOLD recorded by olga (engineering): close is near. Not in force")
    assert "in the role risk too" in text
    assert troubled.course() is None
    assert waiting_for(troubled.incident) == ("risk",)

    kind, text = told(troubled.incident, troubled.choose(HOLD, "rita", "risk", reason="within limits"))
    assert kind is EntryKind.COURSE_IN_FORCE
    assert text == "HOLD is in force. olga (engineering): close is near; rita (risk): within limits"
    assert troubled.course() is HOLD
    assert troubled.incident.hold_began is troubled.incident.assessment
    assert waiting_for(troubled.incident) == ()


def test_the_order_of_the_two_does_not_matter(troubled: Troubled) -> None:
    troubled.choose(HOLD, "rita", "risk")
    assert waiting_for(troubled.incident) == ("engineering",)
    troubled.choose(HOLD, "olga", "engineering")
    assert troubled.course() is HOLD


def test_two_people_in_one_role_are_not_enough(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    troubled.choose(HOLD, "emil", "engineering")
    assert troubled.course() is None
    assert waiting_for(troubled.incident) == ("risk",)


def test_one_person_can_t_record_both_roles(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    _, text = told(troubled.incident, troubled.choose(HOLD, "olga", "risk"))
    assert "in the role engineering too" in text
    assert troubled.course() is None
    assert words(troubled) == [(HOLD, "olga", "risk")]


def test_a_firm_of_one_records_both_roles() -> None:
    troubled = Troubled(second_person=SecondPerson.NONE)
    troubled.assess(position())
    troubled.choose(HOLD, "olga", "engineering")
    assert troubled.course() is None
    troubled.choose(HOLD, "olga", "engineering")
    assert troubled.course() is None
    troubled.choose(HOLD, "olga", "risk")
    assert troubled.course() is HOLD
    assert words(troubled) == [(HOLD, "olga", "engineering"), (HOLD, "olga", "risk")]


def test_a_firm_of_one_can_change_its_mind() -> None:
    troubled = Troubled(second_person=SecondPerson.NONE)
    troubled.assess(position())
    troubled.choose(HOLD, "olga", "engineering")
    troubled.choose(FLATTEN, "olga", "engineering")
    assert words(troubled) == [(FLATTEN, "olga", "engineering")]


def test_a_changed_mind_replaces_what_the_same_person_said(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    troubled.choose(REDUCE, "olga", "engineering")
    assert words(troubled) == [(REDUCE, "olga", "engineering")]
    troubled.choose(HOLD, "rita", "risk")
    assert troubled.course() is REDUCE
    assert waiting_for(troubled.incident) == ("engineering",)


def test_nobody_is_held_to_a_word_from_before_another_decision(troubled: Troubled) -> None:
    troubled.choose(HOLD, "olga", "engineering")
    troubled.choose(FLATTEN, "tom", "trader")
    troubled.choose(HOLD, "rita", "risk")
    assert troubled.course() is FLATTEN
    assert waiting_for(troubled.incident) == ("engineering",)


def test_a_hold_in_force_stays_when_it_is_recorded_again(troubled: Troubled) -> None:
    troubled.hold()
    since, began = troubled.incident.course_since, troubled.incident.hold_began
    troubled.assess(position())
    kind, _ = told(troubled.incident, troubled.choose(HOLD, "olga", "risk"))
    assert kind is EntryKind.COURSE_CHOSEN
    assert (troubled.incident.course_since, troubled.incident.hold_began) == (since, began)
    assert words(troubled) == [(HOLD, "olga", "engineering"), (HOLD, "rita", "risk")]


# -- refusals -----------------------------------------------------------------------------------------------------


def test_what_is_not_known_can_t_be_decided_on(troubled: Troubled) -> None:
    assert refused(troubled.choose(HOLD, incident_id="g1-i9")) == [RefusalReason.INCIDENT_UNKNOWN]


def test_what_is_closed_can_t_be_decided_on(troubled: Troubled) -> None:
    troubled.incident.closed_at, troubled.incident.closed_by = troubled.now, "olga"
    assert refused(troubled.choose(FLATTEN)) == [RefusalReason.INCIDENT_CLOSED]


@pytest.mark.parametrize("course", list(Course))
def test_every_course_needs_a_look_at_the_venue_first(course: Course) -> None:
    troubled = Troubled()
    assert refused(troubled.choose(course)) == [RefusalReason.NOT_ASSESSED]
    assert not troubled.incident.choices


@pytest.mark.parametrize("course", [REDUCE, HOLD])
def test_outside_the_band_only_flatten_is_taken(troubled: Troubled, course: Course) -> None:
    troubled.assess(OUTSIDE)
    before = list(troubled.incident.timeline)
    assert refused(troubled.choose(course)) == [RefusalReason.FLATTEN_REQUIRED]
    assert troubled.incident.timeline == before
    assert troubled.course() is FLATTEN


@pytest.mark.parametrize("course", [REDUCE, HOLD])
def test_while_a_flatten_runs_no_other_course_is_taken(troubled: Troubled, course: Course) -> None:
    troubled.incident.flattening = 1
    assert refused(troubled.choose(course)) == [RefusalReason.FLATTEN_RUNNING]


@pytest.mark.parametrize("role", ["trader", ""])
def test_hold_is_recorded_for_engineering_and_risk_only(troubled: Troubled, role: str) -> None:
    assert refused(troubled.choose(HOLD, "tom", role)) == [RefusalReason.ROLE_MISSING]


def test_nobody_holds_what_could_not_be_read(troubled: Troubled) -> None:
    troubled.assess(position(), complete=False)
    assert refused(troubled.choose(HOLD)) == [RefusalReason.NOT_ASSESSED]
    assert troubled.choose(REDUCE)


def test_nobody_holds_by_an_old_look(troubled: Troubled) -> None:
    troubled.wait(5.1)
    assert refused(troubled.choose(HOLD, "tom", "trader")) == [RefusalReason.ROLE_MISSING, RefusalReason.NOT_ASSESSED]
    assert troubled.choose(FLATTEN)


# -- outside the band ---------------------------------------------------------------------------------------------


def test_outside_the_band_flatten_is_in_force_by_rule(troubled: Troubled) -> None:
    kind, text = told(troubled.incident, troubled.assess(OUTSIDE))
    assert kind is EntryKind.COURSE_IN_FORCE
    assert "4 BTC/USDT:USDT of main is outside its band" in text
    assert "`risksvc flatten`" in text
    assert (troubled.course(), words(troubled)) == (FLATTEN, [])
    assert clock(troubled, ClockName.FLATTEN).due_at == troubled.now + 300 * SECOND


def test_a_look_that_finds_it_outside_ends_a_hold(troubled: Troubled) -> None:
    troubled.hold()
    kind, text = told(troubled.incident, troubled.assess(OUTSIDE))
    assert kind is EntryKind.COURSE_IN_FORCE
    assert text.startswith("HOLD has ended. ")
    assert (troubled.course(), words(troubled)) == (FLATTEN, [])
    assert troubled.incident.hold_began is None


def test_it_also_voids_a_hold_that_waits_for_the_second_person(troubled: Troubled) -> None:
    troubled.choose(FLATTEN, "tom", "trader")
    troubled.choose(HOLD, "olga", "engineering")
    _, text = told(troubled.incident, troubled.assess(OUTSIDE))
    assert text.startswith("4 BTC/USDT:USDT of main is outside")
    assert words(troubled) == [(FLATTEN, "tom", "trader")]
    assert clock(troubled, ClockName.SECOND_PERSON).met_at == troubled.now


def test_outside_again_is_told_once(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    since, due = troubled.incident.outside_since, clock(troubled, ClockName.FLATTEN).due_at
    assert troubled.wait(2).assess(OUTSIDE) == ()
    assert (troubled.incident.outside_since, clock(troubled, ClockName.FLATTEN).due_at) == (since, due)


def test_the_rule_lets_go_when_everything_is_inside_again(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    kind, text = told(troubled.incident, troubled.assess(position()))
    assert (kind, text) == (
        EntryKind.COURSE_CHOSEN,
        "everything is inside its band: FLATTEN is not required any more",
    )
    assert troubled.course() is None
    assert clock(troubled, ClockName.FLATTEN).met_at == troubled.now
    assert troubled.choose(REDUCE)
    assert troubled.course() is REDUCE


def test_a_look_that_could_not_read_everything_does_not_let_go(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    assert troubled.assess(position(), complete=False) == ()
    assert refused(troubled.choose(HOLD)) == [RefusalReason.FLATTEN_REQUIRED]


def test_the_refusal_still_says_why_when_the_last_look_saw_nothing(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    troubled.assess(complete=False)
    [answer] = troubled.choose(HOLD)
    assert "a position is outside its band" in str(answer)


def test_what_a_person_chose_stays_when_the_rule_lets_go(troubled: Troubled) -> None:
    troubled.assess(OUTSIDE)
    troubled.choose(FLATTEN, "olga")
    troubled.assess(position())
    assert (troubled.course(), words(troubled)) == (FLATTEN, [(FLATTEN, "olga", "engineering")])
    assert clock(troubled, ClockName.FLATTEN).met_at is None


@pytest.mark.parametrize("course", [HOLD, REDUCE])
def test_what_is_held_no_more_is_not_held_on(troubled: Troubled, course: Course) -> None:
    if course is HOLD:
        troubled.hold()
    else:
        troubled.choose(REDUCE)
    assert troubled.assess(complete=False) == ()
    kind, text = told(troubled.incident, troubled.assess())
    assert (kind, text) == (EntryKind.COURSE_CHOSEN, f"nothing is held any more: {course.value} has ended")
    assert (troubled.course(), words(troubled)) == (None, [])


def test_a_flatten_that_is_done_stays_the_course(troubled: Troubled) -> None:
    troubled.choose(FLATTEN)
    assert troubled.assess() == ()
    assert troubled.course() is FLATTEN


def test_inside_the_band_an_assessment_changes_no_course(troubled: Troubled) -> None:
    assert troubled.assess(position()) == ()


# -- reminders ----------------------------------------------------------------------------------------------------


def test_a_reminder_is_told_to_everybody(troubled: Troubled) -> None:
    troubled.hold().wait(15)
    outputs = troubled.remind("PnL -12")
    assert told(troubled.incident, outputs) == (EntryKind.REMINDER, "PnL -12")
    assert troubled.incident.timeline[-1].by == "gate:g1"
    assert troubled.incident.reminded_at == troubled.now


def test_a_reminder_of_a_hold_that_has_ended_is_not_told(troubled: Troubled) -> None:
    troubled.hold()
    since = troubled.incident.course_since
    troubled.choose(FLATTEN, "tom", "trader")
    assert troubled.remind(since=since) == ()
    troubled.hold()
    assert troubled.remind(since=since) == ()
    assert troubled.incident.reminded_at == 0


def test_a_reminder_of_an_incident_that_is_gone_is_not_told(troubled: Troubled) -> None:
    troubled.hold()
    del troubled.world.gate.state.incidents.by_id[troubled.incident.incident_id]
    assert troubled.remind() == ()


def test_every_step_is_a_line_and_says_who(troubled: Troubled) -> None:
    troubled.hold()
    lines = troubled.incident.timeline[-2:]
    assert [(one.kind, one.by) for one in lines] == [
        (EntryKind.COURSE_CHOSEN, "olga"),
        (EntryKind.COURSE_IN_FORCE, "rita"),
    ]
    assert isinstance(troubled.world.outputs[0], IncidentChanged)
