"""What is recommended about an open position, and why: reasons as data, from a table. Decides nothing by itself.

RULES is in descending precedence. Every rule that finds something is told, whatever it points to; the first one gives
the course. A position outside its band comes before all: FLATTEN is then required, whatever the market does, and
however old the look was that found it (it decides whether, not how). Then what makes a recommendation worthless: no
look at the venue, an old one, one that could not read everything; and nothing held. Then what speaks for leaving
regardless of PnL: a hard limit exceeded, a cause that can strike again. Only who has fixed the cause and is within the
limits has a choice: a liquidation price that is near (smaller is further away from it), a close that is near, a
difference that nobody manages, and at last the price of leaving. A course of None says that something else comes first.

Shares are percent. Money is in the limits' currency and is rounded in texts only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from risksvc.core.incident.record import AssessedInstrument, AssessmentRecord, Course, Incident
from risksvc.core.incident.severity import MINUTE
from risksvc.core.types import HUNDRED, Nanoseconds, Scope, plain

STALE_AFTER = 5 * MINUTE
CLOSE_NEAR_MINUTES = 30
LIQUIDATION_NEAR = Decimal(10)  # percent of the mark between it and the liquidation price
EXIT_DEAR = Decimal(1)  # percent of the value that leaving in slices may cost before it speaks against leaving

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class CourseReason:
    """One reason. `points_to` None: something else comes first, or it speaks for neither."""

    name: str
    points_to: Course | None
    observed: str
    limit: str
    message: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What is recommended. `course` None: see the first reason. `required`: no other course is taken."""

    course: Course | None
    required: bool
    reasons: tuple[CourseReason, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the table looks at. `usable`: the assessment is from after the incident opened.

    `outside`: an assessment found a position outside its band, and no complete one since found it inside.
    """

    assessment: AssessmentRecord | None
    usable: bool
    age: Nanoseconds
    outside: bool
    cause: str
    cause_fixed: bool

    @property
    def held(self) -> tuple[AssessedInstrument, ...]:
        """What is held, as the assessment found it."""
        return () if self.assessment is None or not self.usable else held(self.assessment)


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found."""

    observed: str
    limit: str
    message: str


@dataclass(frozen=True, slots=True)
class CourseRule:
    """One row. `points_to` None: what it found comes before any course."""

    name: str
    points_to: Course | None
    find: Callable[[Facts], Iterator[Found]]
    required: bool = False


def recommend(incident: Incident, *, now: Nanoseconds) -> Recommendation:
    """What is recommended for this incident now, with every reason, the weightiest first."""
    facts = facts_of(incident, now=now)
    found = [(rule, one) for rule in RULES for one in rule.find(facts)]
    reasons = tuple(
        CourseReason(rule.name, rule.points_to, one.observed, one.limit, one.message) for rule, one in found
    )
    first, _ = found[0]  # what is held has a cause that is fixed or open, and so always a reason
    return Recommendation(first.points_to, first.required, reasons)


def facts_of(incident: Incident, *, now: Nanoseconds) -> Facts:
    """What the table needs of an incident."""
    assessment = incident.assessment
    return Facts(
        assessment=assessment,
        usable=is_usable(incident),
        age=0 if assessment is None else now - assessment.at,
        outside=bool(incident.outside_since),
        cause=incident.cause,
        cause_fixed=incident.cause_fixed,
    )


def is_usable(incident: Incident) -> bool:
    """There is an assessment, and it is not from before the incident."""
    return incident.assessment is not None and incident.assessment.at >= incident.opened_at


def held(assessment: AssessmentRecord) -> tuple[AssessedInstrument, ...]:
    """The instruments that are not flat."""
    return tuple(one for one in assessment.instruments if one.is_held)


def outside_band(assessment: AssessmentRecord) -> tuple[AssessedInstrument, ...]:
    """Those whose position is outside its authorised band."""
    return tuple(one for one in assessment.instruments if one.outside_band)


def to_flatten(assessment: AssessmentRecord | None) -> tuple[Scope, ...]:
    """What FLATTEN would leave: the positions outside their bands; without any, every account that holds something."""
    if assessment is None:
        return ()
    outside = tuple(Scope(one.account, instrument=one.instrument) for one in outside_band(assessment))
    return outside or tuple(dict.fromkeys(Scope(one.account) for one in held(assessment)))


# -- the rules ----------------------------------------------------------------------------------------------------


def _outside(facts: Facts) -> Iterator[Found]:
    limit = "its band (150 %)"
    found = () if facts.assessment is None else outside_band(facts.assessment)
    for one in found:
        size = "nothing is intended" if one.ratio is None else f"{_share(one.ratio)} of the intended size"
        yield Found(
            f"{plain(one.quantity)} {one.instrument}, {size}",
            limit,
            f"{_place(one)} is outside its band ({size}): flatten, whatever the market does; how is still planned "
            "against the book",
        )
    if facts.outside and not found:
        yield Found(
            "outside when it was last read",
            limit,
            "a position was outside its band, and no complete assessment has found it inside since: flatten",
        )


def _never_assessed(facts: Facts) -> Iterator[Found]:
    if not facts.usable:
        when = "never" if facts.assessment is None else "before this incident opened"
        text = "nobody has looked at the venue itself since the incident opened: assess first (risksvc assess)"
        yield Found(f"assessed {when}", "an assessment made since the incident opened", text)


def _grown_stale(facts: Facts) -> Iterator[Found]:
    if facts.usable and facts.age > STALE_AFTER:
        minutes = facts.age // MINUTE
        yield Found(
            f"{minutes} min old",
            f"{STALE_AFTER // MINUTE} min",
            f"the assessment is {minutes} min old: the position and the market may have moved; assess again first",
        )


def _incomplete(facts: Facts) -> Iterator[Found]:
    if facts.usable and facts.assessment is not None and not facts.assessment.complete:
        text = "not every account could be read: what is missing is unknown, not zero; assess again, see its problems"
        yield Found("read in part", "every account of the incident", text)


def _nothing_held(facts: Facts) -> Iterator[Found]:
    if facts.usable and facts.assessment is not None and facts.assessment.complete and not facts.held:
        yield Found("flat", "", "nothing is held at the venue: there is nothing to decide")


def _over_limit(facts: Facts) -> Iterator[Found]:
    for one in facts.held:
        if one.value is not None and one.limit is not None and abs(one.value) > one.limit:
            text = f"{_place(one)} is worth {_money(abs(one.value))}; max_net_exposure is {_money(one.limit)}"
            yield Found(plain(abs(one.value)), plain(one.limit), text)
    whole = facts.assessment
    if not facts.held or whole is None or whole.total is None or whole.total_limit is None:
        return
    if whole.total > whole.total_limit:
        text = f"all together are worth {_money(whole.total)}; max_total_exposure is {_money(whole.total_limit)}"
        yield Found(plain(whole.total), plain(whole.total_limit), text)


def _liquidation(facts: Facts) -> Iterator[Found]:
    for one in facts.held:
        distance = one.liquidation_distance
        if distance is not None and distance < LIQUIDATION_NEAR:
            text = f"{_place(one)} is liquidated when the mark moves by {_share(distance)}: smaller is safer"
            yield Found(_share(distance), _share(LIQUIDATION_NEAR), text)


def _cause_open(facts: Facts) -> Iterator[Found]:
    if facts.held and not facts.cause_fixed:
        known = f"named, not fixed: {facts.cause}" if facts.cause else "not known"
        yield Found(known, "fixed", f"the cause is {known}: it can strike again")


def _cause_fixed(facts: Facts) -> Iterator[Found]:
    if facts.held and facts.cause_fixed:
        yield Found(facts.cause, "fixed", f"the cause is fixed: {facts.cause}. It can't strike again")


def _close_near(facts: Facts) -> Iterator[Found]:
    for one in facts.held:
        left = one.minutes_to_close
        if left is not None and left <= CLOSE_NEAR_MINUTES:
            text = f"{_place(one)} closes in {left} min: holding through the close may be the option of the lowest risk"
            yield Found(f"{left} min", f"{CLOSE_NEAR_MINUTES} min", text)


def _belief(facts: Facts) -> Iterator[Found]:
    for one in facts.held:
        if one.believed is not None and one.believed != one.quantity:
            text = (
                f"{_place(one)} is {plain(one.quantity)} at the venue, and believed to be {plain(one.believed)}: "
                "nobody manages the difference"
            )
            yield Found(plain(one.quantity), plain(one.believed), text)


def _dear(facts: Facts) -> Iterator[Found]:
    return (found for share, found in _exits(facts) if share > EXIT_DEAR)


def _cheap(facts: Facts) -> Iterator[Found]:
    return (found for share, found in _exits(facts) if share <= EXIT_DEAR)


def _exits(facts: Facts) -> Iterator[tuple[Decimal, Found]]:
    """Share of the value that leaving in slices costs, by instrument."""
    for one in facts.held:
        if one.value and one.exit_cost_sliced is not None:
            share = one.exit_cost_sliced * HUNDRED / abs(one.value)
            at_once = "not known" if one.exit_cost_now is None else _money(one.exit_cost_now)
            text = (
                f"{_place(one)}: leaving in slices costs about {_money(one.exit_cost_sliced)}, {_share(share)} of its "
                f"value; at once {at_once}"
            )
            yield share, Found(_share(share), _share(EXIT_DEAR), text)


def _exit_unknown(facts: Facts) -> Iterator[Found]:
    for one in facts.held:
        if not one.value or one.exit_cost_sliced is None:
            text = f"{_place(one)}: what it costs to leave is not known (no mark, or no book)"
            yield Found("not known", _share(EXIT_DEAR), text)


RULES: tuple[CourseRule, ...] = (
    CourseRule("OUTSIDE_BAND", Course.FLATTEN, _outside, required=True),
    CourseRule("NOT_ASSESSED", None, _never_assessed),
    CourseRule("STALE_ASSESSMENT", None, _grown_stale),
    CourseRule("INCOMPLETE_ASSESSMENT", None, _incomplete),
    CourseRule("NOTHING_HELD", None, _nothing_held),
    CourseRule("HARD_LIMIT", Course.FLATTEN, _over_limit),
    CourseRule("CAUSE_OPEN", Course.FLATTEN, _cause_open),
    CourseRule("LIQUIDATION_NEAR", Course.REDUCE, _liquidation),
    CourseRule("CLOSE_NEAR", Course.HOLD, _close_near),
    CourseRule("BELIEF_DIFFERS", Course.REDUCE, _belief),
    CourseRule("EXIT_COST", Course.HOLD, _dear),
    CourseRule("CAUSE_FIXED", Course.HOLD, _cause_fixed),
    CourseRule("EXIT_COST", Course.FLATTEN, _cheap),
    CourseRule("EXIT_COST", None, _exit_unknown),
)


def _place(one: AssessedInstrument) -> str:
    return f"{one.instrument} of {one.account}"


def _money(value: Decimal) -> str:
    return format(value.quantize(_CENT, rounding=ROUND_UP), ",f")


def _share(value: Decimal) -> str:
    return f"{plain(value.quantize(_CENT, rounding=ROUND_UP))} %"
