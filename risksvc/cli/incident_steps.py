"""What to do next about an incident, as exact commands, the most urgent first: one table for every view of it."""

from collections.abc import Callable

from risksvc.cli.options import scope_words_of
from risksvc.v1 import incident_pb2
from risksvc.v1.incident_pb2 import Incident

NextCommand = tuple[tuple[str, ...], str]
_RESUMED_ONE_BY_ONE = 3


def short_id(incident_id: str) -> str:
    """The end of an id, which is what people type: "i3"."""
    return incident_id.rpartition("-")[2]


def clock_runs(incident: Incident, clock: incident_pb2.IncidentClock) -> bool:
    """Not met, missed or not, and still of interest: of a closed incident only the review's is."""
    return not clock.met_at_ns and (not incident.closed_at_ns or clock.name == "REVIEW")


def next_steps(incident: Incident) -> list[NextCommand]:
    """Every step that is still to be done and can be done now."""
    steps = _CLOSED if incident.closed_at_ns else _OPEN
    return [step(incident) for applies, step in steps if applies(incident)]


def _not_halted(incident: Incident) -> bool:
    return any(clock.name == "HALT" and clock_runs(incident, clock) for clock in incident.clocks)


def _runs_on(incident: Incident) -> bool:
    return bool(incident.active_halt_ids) or incident.flattening


def _to_flatten(incident: Incident) -> bool:
    wanted = incident.course == incident_pb2.COURSE_FLATTEN
    return wanted and not incident.flattening and last_flatten(incident) != "FLAT"


def _flattened_since(incident: Incident) -> bool:
    """What was decided by the last assessment is over: `decide` would still ask for what is flat."""
    ended = [entry.at_ns for entry in incident.timeline if entry.kind in {"FLAT", "GAPS"}]
    return bool(ended) and not incident.flattening and max(ended) > incident.assessed_at_ns


def _to_resume(incident: Incident) -> bool:
    return bool(incident.active_halt_ids) and incident.cause_fixed and not incident.flattening


def last_flatten(incident: Incident) -> str:
    """How the last flatten ended, "FLAT" or "GAPS"; empty: none has."""
    return next((entry.kind for entry in reversed(incident.timeline) if entry.kind in {"FLAT", "GAPS"}), "")


def _resume(incident: Incident) -> NextCommand:
    many = len(incident.active_halt_ids) > _RESUMED_ONE_BY_ONE
    halts = ("--all",) if many else tuple(incident.active_halt_ids)
    return ("resume", *halts, "--reason", "<why it is safe>"), "clears its halts, once everything agrees"


def _flatten(incident: Incident) -> NextCommand:
    """By way of `decide`: it names what has to go. The incident's whole scope may hold what is as it should be."""
    return ("decide", "--incident", short_id(incident.incident_id)), "FLATTEN is in force: of what, and its command"


_Step = Callable[[Incident], NextCommand]
_Test = Callable[[Incident], bool]

_REVIEW: tuple[_Test, _Step] = (
    lambda one: not one.HasField("review") and not _runs_on(one),
    lambda one: (
        ("review", "--incident", short_id(one.incident_id)),
        "what it cost, as a number: due within 48 hours, even when it is zero",
    ),
)
_OPEN: tuple[tuple[_Test, _Step], ...] = (
    (
        _not_halted,
        lambda one: (("halt", "--reason", "<what you see>", *scope_words_of(one.scope)), "stops new orders first"),
    ),
    (
        lambda one: not one.owner,
        lambda one: (("incident", "take", short_id(one.incident_id)), "you own it: everybody is told"),
    ),
    (
        lambda one: not one.assessed_at_ns or _flattened_since(one),
        lambda one: (("assess", *scope_words_of(one.scope)[:2]), "what is really held now, from the venue itself"),
    ),
    (
        lambda one: bool(one.assessed_at_ns) and not one.course and bool(one.active_halt_ids),
        lambda one: (("decide", "--incident", short_id(one.incident_id)), "what is recommended, and why"),
    ),
    (_to_flatten, _flatten),
    (
        lambda one: one.flattening,
        lambda one: (("flatten", "--show", one.flatten_ids[-1] if one.flatten_ids else ""), "how the flatten stands"),
    ),
    (
        lambda one: not one.cause or not one.cause_fixed,
        lambda one: (
            ("incident", "cause", short_id(one.incident_id), "<what it was>", "--fixed"),
            "the root cause; --not-fixed while it can happen again",
        ),
    ),
    (
        _to_resume,
        lambda _: (("reconcile", "--explain"), "first: is everything explained? else how to adopt what is not"),
    ),
    (_to_resume, _resume),
    _REVIEW,
    (
        lambda one: not _runs_on(one),
        lambda one: (
            ("incident", "close", short_id(one.incident_id), "<what came of it>"),
            "when nothing of it is left to do; the review may follow",
        ),
    ),
)
_CLOSED: tuple[tuple[_Test, _Step], ...] = (
    _REVIEW,
    (
        lambda _: True,
        lambda one: (
            ("incident", "export", short_id(one.incident_id), "--output", f"incident-{short_id(one.incident_id)}.md"),
            "the whole record",
        ),
    ),
)
