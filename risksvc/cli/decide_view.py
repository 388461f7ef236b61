"""How `risksvc decide` and `risksvc hold` look: what is recommended and why, who said what, what to type next."""

from collections.abc import Iterator

from rich.text import Text

from risksvc.cli.errors import Hint
from risksvc.cli.options import scope_words_of
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.refusals import show_refusals
from risksvc.cli.text import NONE, duration, moment, scope_words, severity_word
from risksvc.v1 import incident_pb2
from risksvc.v1.incident_pb2 import DecideResponse, Incident

_WORDS = {
    incident_pb2.COURSE_FLATTEN: ("FLATTEN", "bold white on red"),
    incident_pb2.COURSE_REDUCE: ("REDUCE", "bold black on yellow"),
    incident_pb2.COURSE_HOLD: ("HOLD", "bold white on blue"),
}
_FIRST = ("NOTHING YET", "bold")
_NOTHING_HELD = "NOTHING_HELD"
# These come before any course: another look at the venue.
_LOOK_FIRST = frozenset({"NOT_ASSESSED", "STALE_ASSESSMENT", "INCOMPLETE_ASSESSMENT"})
_WHY = "<why, in your words>"
_MOST_FLATTENS = 5
_NOBODY = "nobody has it (settings: operators, roles), so that no hold can take effect here"


def word(course: "incident_pb2.Course.ValueType") -> str:
    """FLATTEN, REDUCE or HOLD; a dash for none."""
    return _WORDS.get(course, (NONE, ""))[0]


def show(out: Output, answer: DecideResponse, *, asked: "incident_pb2.Course.ValueType") -> None:
    """Everything, for people."""
    if answer.refusals:
        show_refusals(out, answer.refusals, what=word(asked) if asked else "decide")
        return
    _show_outcome(out, answer, asked=asked)
    _show_recommendation(out, answer)
    _show_choices(out, answer)
    out.hints(list(_next(out, answer)))


def show_hold(out: Output, answer: DecideResponse, *, asked: "incident_pb2.Course.ValueType") -> None:
    """The hold alone: in force or not, its reminders, who is waited for."""
    if answer.refusals:
        show_refusals(out, answer.refusals, what="HOLD" if asked else "hold")
        return
    _show_outcome(out, answer, asked=asked)
    if not asked and not answer.HasField("hold"):
        out.line(Text.assemble("No hold is in force. ", _in_force(answer)))
    _show_reminders(out, answer)
    _show_choices(out, answer)
    out.hints(list(_next(out, answer)))


def _show_outcome(out: Output, answer: DecideResponse, *, asked: "incident_pb2.Course.ValueType") -> None:
    incident = answer.incident
    if asked and answer.in_force:
        name, style = _WORDS[asked]
        out.line(Text.assemble((f" {name} ", style), f"  is in force in incident {incident.incident_id}"))
    elif asked:
        out.line(f" RECORDED  {word(asked)}, and NOT IN FORCE: halts stay as they are", style="bold yellow")
        out.line(f"It takes effect when it is recorded in the role {' and '.join(answer.waiting_for)} too.")
    else:
        what = scope_words(incident.scope)
        out.line(f"incident {incident.incident_id}  {severity_word(incident.severity)}  {what}: {incident.summary}")


def _show_recommendation(out: Output, answer: DecideResponse) -> None:
    name, style = _WORDS.get(answer.recommended, _FIRST)
    says = "REQUIRED: no other course is taken" if answer.required else "recommended"
    out.line(Text.assemble((f" {name} ", style), f"  {says}, {_age(answer)}"))
    out.heading("Reasons, the weightiest first")
    result = table("reason", "points to", "observed", "against", "in words", words=("observed", "against"))
    for reason in answer.reasons:
        add_row(result, reason.name, word(reason.points_to), reason.observed, reason.limit or NONE, reason.message)
    out.show(result)


def _age(answer: DecideResponse) -> str:
    if not answer.assessed_at_ns:
        return "not assessed"
    return f"by the assessment of {duration(answer.now_ns - answer.assessed_at_ns)} ago"


def _show_choices(out: Output, answer: DecideResponse) -> None:
    incident = answer.incident
    out.heading("Recorded")
    out.line(_in_force(answer))
    if incident.choices:
        result = table("course", "role", "by", "at", "why")
        for choice in incident.choices:
            add_row(result, word(choice.course), choice.role or NONE, choice.by, moment(choice.at_ns), choice.reason)
        out.show(result)
    for role in answer.waiting_for:
        out.line(f"HOLD waits for the role {role}: {_who(answer, role) or _NOBODY}", style="bold yellow")


def _in_force(answer: DecideResponse) -> str:
    course = answer.incident.course
    if not course:
        return "No course is in force."
    by_rule = "" if answer.incident.choices or not answer.required else ", by the 150 % rule"
    return f"{word(course)} is in force{by_rule}."


def _who(answer: DecideResponse, role: str) -> str:
    """The operators who may speak in a role, but those who have recorded the hold already; empty: nobody has it."""
    spoken = [one.by for one in answer.incident.choices if one.course == incident_pb2.COURSE_HOLD]
    named = [name for one in answer.holders if one.role == role for name in one.operators]
    return " or ".join([name for name in named if name not in spoken] or named)


def _show_reminders(out: Output, answer: DecideResponse) -> None:
    if not answer.HasField("hold"):
        return
    held = answer.hold
    last = f"{duration(answer.now_ns - held.reminded_at_ns)} ago" if held.reminded_at_ns else "none yet"
    left = duration(held.next_reminder_ns - answer.now_ns)
    next_one = f"in {left}" if held.next_reminder_ns else "none: the market has closed"
    until = f"the close at {moment(held.reminded_until_ns)}" if held.reminded_until_ns else "the hold ends"
    out.line(f"held for   {duration(answer.now_ns - held.since_ns)}")
    out.line(f"reminders  last {last}, next {next_one}; every 15 minutes until {until}, to everybody")


# -- what to type next --------------------------------------------------------------------------------------------


def _next(out: Output, answer: DecideResponse) -> Iterator[Hint]:
    incident = answer.incident
    for words, purpose in _suggestions(answer, incident):
        yield Hint(out.command(*words), purpose)


def _suggestions(answer: DecideResponse, incident: Incident) -> Iterator[tuple[tuple[str, ...], str]]:
    named = ("--incident", incident.incident_id)
    first = answer.reasons[0].name if answer.reasons else ""
    if first in _LOOK_FIRST:
        yield ("assess", *scope_words_of(incident.scope)[:2]), "looks at the venue itself; then decide"
        yield ("decide", *named), "what is recommended by it"
        return
    if first == _NOTHING_HELD:
        yield ("incident", "show", incident.incident_id), "what is left to do: cause, review, resume, close"
        return
    yield from _second_person(answer, named)
    yield from _by_course(answer, incident, named)
    yield ("incident", "show", incident.incident_id), "clocks, timeline, who was told"


def _second_person(answer: DecideResponse, named: tuple[str, str]) -> Iterator[tuple[tuple[str, ...], str]]:
    for role in filter(lambda one: _who(answer, one), answer.waiting_for):
        words = ("hold", *named, "--role", role, "--reason", _WHY)
        yield words, f"as {_who(answer, role)}, with a token of their own: puts HOLD in force"


def _by_course(
    answer: DecideResponse, incident: Incident, named: tuple[str, str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    scope = scope_words_of(incident.scope)
    if incident.course == incident_pb2.COURSE_FLATTEN:
        yield from _flattens(answer, incident)
    elif incident.course == incident_pb2.COURSE_HOLD:
        yield ("hold", *named), "how it and its reminders stand"
    elif incident.course == incident_pb2.COURSE_REDUCE:
        yield ("positions", *scope[:2]), "what is held; `risksvc check-reducing` lets your own reducing order pass"
    others = () if answer.required else _CHOOSE
    for course, words, purpose in others:
        if course != incident.course and not (course == incident_pb2.COURSE_HOLD and answer.waiting_for):
            mark = "recommended: " if course == answer.recommended else ""
            yield (*words, *named, "--reason", _WHY), f"{mark}{purpose}"


def _flattens(answer: DecideResponse, incident: Incident) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is outside its band, each; else the incident's own scope, or each account that holds something."""
    scope = scope_words_of(incident.scope)
    wanted = [scope_words_of(one) for one in answer.to_flatten[:_MOST_FLATTENS]]
    if not answer.required and scope:
        wanted = [scope]
    for words in wanted or [scope]:
        yield ("flatten", *words), "shows the plan against the book; sends nothing before --execute"


_CHOOSE: tuple[tuple["incident_pb2.Course.ValueType", tuple[str, ...], str], ...] = (
    (incident_pb2.COURSE_FLATTEN, ("decide", "--course", "flatten"), "one person suffices; all are told"),
    (incident_pb2.COURSE_REDUCE, ("decide", "--course", "reduce"), "one person suffices; all are told"),
    (incident_pb2.COURSE_HOLD, ("hold",), "takes two: engineering and risk"),
)
