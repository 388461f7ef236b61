"""What is done about the position: who chose what, when it takes effect, what ends it; and the reminders of a hold.

FLATTEN and REDUCE take effect by one person's word. HOLD takes effect when two different persons have recorded it, one
for engineering and one for risk (a firm of one, `second_person: none`: one person in both roles). One word a person
counts, the last; a course that takes effect voids the words for other courses, so that nobody is held to what he said
before. Outside the band FLATTEN is in force by rule, nothing else is taken, and a hold ends: it never outlives a look
that finds a position outside. The rule lets go when a complete assessment finds everything inside: one that could not
read an account proves nothing. Nothing here resumes anything: whatever is chosen, halts stay.

Clocks: FLATTEN runs from when that is in force, and no flatten is running, until one starts; SECOND_PERSON from the
first word for HOLD until it takes effect or something else does. A clock that is over may run again, for the next time.
"""

from collections.abc import Iterator

from risksvc.core.config import SecondPerson
from risksvc.core.incident.courses import STALE_AFTER, held, is_usable, outside_band
from risksvc.core.incident.events import CourseChosen, HoldReminded
from risksvc.core.incident.handlers import still_open
from risksvc.core.incident.record import Course, CourseChoice, EntryKind, Incident, record
from risksvc.core.incident.severity import MINUTE, ClockName
from risksvc.core.outputs import Output, Refusal, RefusalReason, StepRefused
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, plain

HOLD_ROLES = ("engineering", "risk")
REMIND_EVERY = 15 * MINUTE


def course_chosen(state: GateState, event: CourseChosen, now: Nanoseconds) -> Iterator[Output]:
    """Records one person's word; puts the course in force where that is enough."""
    incident = still_open(state, event.incident_id)
    refusals = (incident,) if isinstance(incident, Refusal) else tuple(_refusals(incident, event, now=now))
    if isinstance(incident, Refusal) or refusals:
        yield StepRefused(refusals)
        return
    choice = CourseChoice(event.course, event.role, event.by, event.reason, now)
    if incident.course is event.course:
        yield from _again(incident, choice)
        return
    _count(state, incident, choice)
    if waiting_for(incident) and event.course is Course.HOLD:
        yield from _wait(incident, choice)
    else:
        yield from _take_effect(incident, choice)


def _refusals(incident: Incident, event: CourseChosen, *, now: Nanoseconds) -> Iterator[Refusal]:
    if not is_usable(incident):
        text = "nobody has looked at the venue itself since the incident opened: `risksvc assess`, then decide"
        yield Refusal(RefusalReason.NOT_ASSESSED, text)
    elif event.course is Course.FLATTEN:
        return
    elif incident.outside_since:
        yield Refusal(RefusalReason.FLATTEN_REQUIRED, _required(incident))
    elif incident.flattening:
        text = f"flatten {' '.join(incident.flattens[-1:])} runs: await its end, or stop it (`risksvc flatten --help`)"
        yield Refusal(RefusalReason.FLATTEN_RUNNING, text)
    elif event.course is Course.HOLD:
        yield from _hold_refusals(incident, event, now=now)


def _required(incident: Incident) -> str:
    assessment = incident.assessment
    found = () if assessment is None else outside_band(assessment)
    where = ", ".join(f"{plain(one.quantity)} {one.instrument} of {one.account}" for one in found) or "a position"
    return (
        f"{where} is outside its band, so that FLATTEN is required: "
        "`risksvc flatten` shows the plan. That ends when a complete `risksvc assess` finds everything inside"
    )


def _hold_refusals(incident: Incident, event: CourseChosen, *, now: Nanoseconds) -> Iterator[Refusal]:
    """Nobody holds what nobody has seen: the look must be whole, and new."""
    assessment = incident.assessment
    assert assessment is not None, "judged before"
    if event.role not in HOLD_ROLES:
        text = f"HOLD is recorded for {' and for '.join(HOLD_ROLES)}, not for {event.role or 'no role'}"
        yield Refusal(RefusalReason.ROLE_MISSING, text)
    if not assessment.complete:
        text = "the last assessment could not read every account, and what nobody sees is not held: `risksvc assess`"
        yield Refusal(RefusalReason.NOT_ASSESSED, text)
    elif now - assessment.at > STALE_AFTER:
        text = f"the last assessment is {(now - assessment.at) // MINUTE} min old: `risksvc assess`, then decide"
        yield Refusal(RefusalReason.NOT_ASSESSED, text)


def _alone(state: GateState) -> bool:
    return state.config is not None and state.config.second_person is SecondPerson.NONE


def _count(state: GateState, incident: Incident, choice: CourseChoice) -> None:
    """The new word replaces what this person said before; a person alone speaks once for each role."""

    def replaced(old: CourseChoice) -> bool:
        other_role = _alone(state) and old.course is choice.course and old.role != choice.role
        return old.by == choice.by and not other_role

    incident.choices[:] = [*(one for one in incident.choices if not replaced(one)), choice]


def waiting_for(incident: Incident) -> tuple[str, ...]:
    """The roles that have still to record a hold that somebody has recorded; empty: none, or nobody has."""
    recorded = [one.role for one in incident.choices if one.course is Course.HOLD]
    if not recorded or incident.course is Course.HOLD:
        return ()
    return tuple(role for role in HOLD_ROLES if role not in recorded)


def _again(incident: Incident, choice: CourseChoice) -> Iterator[Output]:
    """One more word for what is in force; those that put it in force stay."""
    if choice.by not in [one.by for one in incident.choices]:
        incident.choices.append(choice)
    text = f"{choice.course.value} again, by {_who(choice)}: {choice.reason}"
    yield from record(incident, EntryKind.COURSE_CHOSEN, text, by=choice.by, now=choice.at)


def _wait(incident: Incident, choice: CourseChoice) -> Iterator[Output]:
    _run(incident, ClockName.SECOND_PERSON, now=choice.at)
    text = (
        f"HOLD recorded by {_who(choice)}: {choice.reason}. Not in force before it is recorded in the role "
        f"{' and '.join(waiting_for(incident))} too. Halts stay"
    )
    yield from record(incident, EntryKind.COURSE_CHOSEN, text, by=choice.by, now=choice.at)


def _take_effect(incident: Incident, choice: CourseChoice) -> Iterator[Output]:
    before, now = incident.course, choice.at
    _set(incident, choice.course, now=now)
    said = "; ".join(f"{_who(one)}: {one.reason}" for one in incident.choices)
    instead = "" if before is None else f", in place of {before.value}"
    text = f"{choice.course.value} is in force{instead}. {said}"
    yield from record(incident, EntryKind.COURSE_IN_FORCE, text, by=choice.by, now=now)


def _set(incident: Incident, course: Course | None, *, now: Nanoseconds) -> None:
    """The course from now on, with what belongs to it: words, clocks, reminders."""
    incident.choices[:] = [one for one in incident.choices if one.course is course]
    incident.course, incident.course_since, incident.reminded_at = course, now, 0
    incident.hold_began = incident.assessment if course is Course.HOLD else None
    incident.met(ClockName.SECOND_PERSON, now=now)
    if course is Course.FLATTEN:
        _await_flatten(incident, now=now)
    else:
        incident.met(ClockName.FLATTEN, now=now)  # none is due any more


def _who(choice: CourseChoice) -> str:
    return f"{choice.by} ({choice.role})" if choice.role else choice.by


def _await_flatten(incident: Incident, *, now: Nanoseconds) -> None:
    """One must be started soon, unless one runs."""
    if not incident.flattening:
        _run(incident, ClockName.FLATTEN, now=now)


def _run(incident: Incident, name: ClockName, *, now: Nanoseconds) -> None:
    """Starts a clock, unless it runs already."""
    clock = incident.clock(name)
    if clock is not None and clock.met_at is not None:
        incident.clocks.remove(clock)
    incident.start(name, now=now)


# -- what an assessment means for the course ----------------------------------------------------------------------


def judge_assessment(state: GateState, incident: Incident, now: Nanoseconds) -> Iterator[Output]:
    """After each new assessment: outside the band FLATTEN is in force by rule; inside it lets go; a flat hold ends."""
    assessment = incident.assessment
    assert assessment is not None, "called for a new one"
    by = f"gate:{state.gate_id}"
    if outside_band(assessment):
        yield from _require_flatten(incident, by=by, now=now)
    elif assessment.complete:
        yield from _let_go(incident, flat=not held(assessment), by=by, now=now)


def _let_go(incident: Incident, *, flat: bool, by: str, now: Nanoseconds) -> Iterator[Output]:
    """Everything was read, and nothing is outside its band."""
    before = incident.course
    if incident.outside_since:
        incident.outside_since = 0
        if not incident.choices:
            _set(incident, None, now=now)
        text = "everything is inside its band: FLATTEN is not required any more"
        yield from record(incident, EntryKind.COURSE_CHOSEN, text, by=by, now=now)
    elif flat and before in (Course.HOLD, Course.REDUCE):
        _set(incident, None, now=now)
        text = f"nothing is held any more: {before.value} has ended"
        yield from record(incident, EntryKind.COURSE_CHOSEN, text, by=by, now=now)


def _require_flatten(incident: Incident, *, by: str, now: Nanoseconds) -> Iterator[Output]:
    if incident.outside_since:  # it stands; after a flatten that left gaps the next one is due
        _await_flatten(incident, now=now)
        return
    before, incident.outside_since = incident.course, now
    _set(incident, Course.FLATTEN, now=now)
    ended = "" if before in (None, Course.FLATTEN) else f"{before.value} has ended. "
    yield from record(incident, EntryKind.COURSE_IN_FORCE, f"{ended}{_required(incident)}", by=by, now=now)


# -- reminders ----------------------------------------------------------------------------------------------------


def reminder_due(incident: Incident) -> Nanoseconds | None:
    """When everybody is next told how the hold stands; None: nothing is held. What was missed is due once."""
    if not incident.is_open or incident.course is not Course.HOLD:
        return None
    last = max(incident.reminded_at, incident.course_since)
    slots = (last - incident.course_since) // REMIND_EVERY + 1
    return incident.course_since + slots * REMIND_EVERY


def hold_reminded(state: GateState, event: HoldReminded, now: Nanoseconds) -> Iterator[Output]:
    """Tells everybody; nothing where that hold has ended meanwhile."""
    incident = state.incidents.by_id.get(event.incident_id)
    if incident is None or reminder_due(incident) is None or incident.course_since != event.held_since:
        return
    incident.reminded_at = now
    yield from record(incident, EntryKind.REMINDER, event.text, by=f"gate:{state.gate_id}", now=now)
