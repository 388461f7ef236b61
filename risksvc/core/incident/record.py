"""Incidents: what happened, who does what about it, by when, and who was told. They live in the state, by the journal.

An incident is opened by a halt, by what endangers an open position without a halt, or by a person. Everything about it
goes through `record`: one line of the timeline, and, for what everybody must know, one message, the same text for all.
Invariants: an incident is never removed while it is open; its timeline is in order of time; a clock is met or missed
once. Memory is bounded: of long timelines the oldest lines go (the journal has them), of closed incidents the oldest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from risksvc.core.incident.severity import CLOCKS, ClockName, Endangered
from risksvc.core.outputs import IncidentChanged, Output
from risksvc.core.trading_state import Halt
from risksvc.core.types import Nanoseconds, Scope, Severity

if TYPE_CHECKING:
    from risksvc.core.state import GateState

TIMELINE_KEPT = 2_000
CLOSED_KEPT = 100
MESSAGES_KEPT = 500
HALTS_KEPT = 1_000
TEXT_KEPT = 1_000


class EntryKind(Enum):
    """What a line of the timeline says. The names are what operators see."""

    OPENED = "OPENED"
    HALTED = "HALTED"
    SEVERITY = "SEVERITY"
    NOTE = "NOTE"
    OWNER = "OWNER"
    CAUSE = "CAUSE"
    ASSESSED = "ASSESSED"
    COURSE_CHOSEN = "COURSE_CHOSEN"
    COURSE_IN_FORCE = "COURSE_IN_FORCE"
    FLATTEN_STARTED = "FLATTEN_STARTED"
    FLATTEN_STEP = "FLATTEN_STEP"
    FLAT = "FLAT"
    GAPS = "GAPS"
    REMINDER = "REMINDER"
    RESUMED = "RESUMED"
    ENDANGERED = "ENDANGERED"
    ENDANGERED_OVER = "ENDANGERED_OVER"
    ESCALATED = "ESCALATED"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    REVIEWED = "REVIEWED"
    CLOSED = "CLOSED"


# Changes of state: everybody is told at the same moment.
TOLD = frozenset(EntryKind) - {EntryKind.NOTE, EntryKind.FLATTEN_STEP}
_FLATTENING = {EntryKind.FLATTEN_STARTED: 1, EntryKind.FLAT: -1, EntryKind.GAPS: -1}


class Course(Enum):
    """What is done about the open position."""

    FLATTEN = "FLATTEN"
    REDUCE = "REDUCE"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line. `by`: an operator's name, or "gate:<id>"."""

    at: Nanoseconds
    kind: EntryKind
    by: str
    text: str


@dataclass(slots=True)
class Clock:
    """Something to be done by a time; `met_at` and `missed_at` are None until it is, or was too late."""

    name: ClockName
    due_at: Nanoseconds
    met_at: Nanoseconds | None = None
    missed_at: Nanoseconds | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One recipient of a message by one channel. `delivered_at` None: not yet, or given up where `final`."""

    recipient: str
    channel: str
    attempts: int
    delivered_at: Nanoseconds | None = None
    error: str = ""
    final: bool = False


@dataclass(slots=True)
class Message:
    """What everybody is told. `deliveries`: by "recipient/channel".

    `addressed_at` None: nobody was addressed yet. `sent_text`: what is sent, the same to all; empty once nobody waits.
    """

    message_id: str
    at: Nanoseconds
    kind: EntryKind
    text: str
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    addressed_at: Nanoseconds | None = None
    sent_text: str = ""


@dataclass(frozen=True, slots=True)
class EvidencePosition:
    """The three ledgers of one instrument when the incident opened; quantities signed, None: not known.

    `believed`: what strategies said, added up. `exposure`: the worst case in the limits' currency.
    """

    account: str
    instrument: str
    believed: Decimal | None
    ledger: Decimal
    venue: Decimal | None
    exposure: Decimal
    mark: Decimal | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known when the incident opened. `orders`, `fills`, `divergences`: a line of words each.

    `versions`: "account/strategy" and the version that it last told. `omitted`: lines beyond the bound.
    """

    limits_hash: str = ""
    positions: tuple[EvidencePosition, ...] = ()
    orders: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    divergences: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    omitted: int = 0


@dataclass(frozen=True, slots=True)
class CourseChoice:
    """One person, in a role, recorded a course."""

    course: Course
    role: str
    by: str
    reason: str
    at: Nanoseconds


@dataclass(frozen=True, slots=True)
class AssessedInstrument:
    """What one assessment found; from the venue, except `believed`. Quantities signed, money in the limits' currency.

    `ratio`: position against intended size in percent; None: nothing is intended. `minutes_to_close` None: no close.
    `liquidation_distance`: percent of the mark; None: not known, or no such price. `gross`: in hedge mode the sum of
    both legs; None: there are no legs.
    """

    account: str
    instrument: str
    quantity: Decimal
    believed: Decimal | None
    mark: Decimal | None
    value: Decimal | None
    limit: Decimal | None
    ratio: Decimal | None
    outside_band: bool
    exit_cost_now: Decimal | None
    exit_cost_sliced: Decimal | None
    unrealised_pnl: Decimal | None = None
    minutes_to_close: int | None = None
    liquidation_distance: Decimal | None = None
    gross: Decimal | None = None

    @property
    def is_held(self) -> bool:
        """Not flat: two legs that add up to nothing are held, both of them."""
        return bool(self.quantity or self.gross)


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """The last assessment. `complete`: every account of the scope was read."""

    at: Nanoseconds
    by: str
    complete: bool
    instruments: tuple[AssessedInstrument, ...]
    total: Decimal | None = None
    total_limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """The review's result. `cost` in `currency`, above zero: what it cost, all together."""

    at: Nanoseconds
    by: str
    cost: Decimal
    currency: str
    report_sha256: str
    summary: str


@dataclass(slots=True)
class Incident:
    """One incident. `trigger`: a halt's trigger, a name of `severity.ENDANGERED`, or "OPERATOR".

    `outside_since`: since when a position has been found outside its band; 0: none is. `choices`: the words that count
    now, one a person. `hold_began`: what was held when the hold in force began. `flattening`: how many of its flattens
    have been started and are not over.
    `unreached`: recipients whom no channel reaches, and whom the others were told to call.
    """

    incident_id: str
    severity: Severity
    trigger: str
    scope: Scope
    summary: str
    opened_at: Nanoseconds
    opened_by: str
    evidence: Evidence = field(default_factory=Evidence)
    owner: str = ""
    halts: list[str] = field(default_factory=list)
    clocks: list[Clock] = field(default_factory=list)
    timeline: list[TimelineEntry] = field(default_factory=list)
    forgotten: int = 0
    messages: list[Message] = field(default_factory=list)
    told: int = 0
    unreached: list[str] = field(default_factory=list)
    cause: str = ""
    cause_by: str = ""
    cause_fixed: bool = False
    assessment: AssessmentRecord | None = None
    choices: list[CourseChoice] = field(default_factory=list)
    course: Course | None = None
    course_since: Nanoseconds = 0
    reminded_at: Nanoseconds = 0
    outside_since: Nanoseconds = 0
    hold_began: AssessmentRecord | None = None
    flattens: list[str] = field(default_factory=list)
    flattening: int = 0
    review: ReviewRecord | None = None
    closed_at: Nanoseconds | None = None
    closed_by: str = ""

    @property
    def is_open(self) -> bool:
        """Not closed."""
        return self.closed_at is None

    @property
    def review_due(self) -> bool:
        """Its review clock runs: neither recorded nor missed."""
        clock = self.clock(ClockName.REVIEW)
        return clock is not None and clock.met_at is None and clock.missed_at is None

    def clock(self, name: ClockName) -> Clock | None:
        """The running or last clock of this name."""
        return next((one for one in reversed(self.clocks) if one.name is name), None)

    def start(self, name: ClockName, *, now: Nanoseconds) -> None:
        """Starts a clock unless one of this name has been started."""
        if self.clock(name) is None:
            self.clocks.append(Clock(name, now + CLOCKS[name].within))

    def met(self, name: ClockName, *, now: Nanoseconds) -> None:
        """It is done, in time or late; nothing where no such clock was started."""
        clock = self.clock(name)
        if clock is not None and clock.met_at is None:
            clock.met_at = now


@dataclass(frozen=True, slots=True)
class Standing:
    """What endangers an open position, since when, and the incident that it opened or joined."""

    name: Endangered
    scope: Scope
    since: Nanoseconds
    incident_id: str


@dataclass(slots=True)
class Incidents:
    """All incidents that are remembered, by id, the oldest first; `standing`: what endangers a position now, by key."""

    by_id: dict[str, Incident] = field(default_factory=dict)
    made: int = 0
    standing: dict[str, Standing] = field(default_factory=dict)

    def open(self) -> list[Incident]:
        """Those that are not closed."""
        return [one for one in self.by_id.values() if one.is_open]

    def endangered(self, incident_id: str) -> list[Standing]:
        """What endangers a position now, of one incident."""
        return [one for one in self.standing.values() if one.incident_id == incident_id]

    def of_halt(self, halt_id: str) -> Incident | None:
        """The incident that a halt opened or joined; of several the newest."""
        return next((one for one in reversed(self.by_id.values()) if halt_id in one.halts), None)

    def covering(self, scope: Scope) -> Incident | None:
        """The open incident that something of this scope joins: one of its account, or one of everything."""
        for one in self.by_id.values():
            if one.is_open and one.scope.account in ("", scope.account):
                return one
        return None


def record(incident: Incident, kind: EntryKind, text: str, *, by: str, now: Nanoseconds) -> Iterator[Output]:
    """Adds a line to the timeline; what everybody must know becomes a message too."""
    text = text if len(text) <= TEXT_KEPT else text[: TEXT_KEPT - 1] + "…"
    incident.flattening = max(0, incident.flattening + _FLATTENING.get(kind, 0))
    incident.timeline.append(TimelineEntry(now, kind, by, text))
    if len(incident.timeline) > TIMELINE_KEPT:
        del incident.timeline[1]  # the first line says how it began
        incident.forgotten += 1
    message_id = ""
    if kind in TOLD:
        incident.told += 1
        message_id = f"{incident.incident_id}-m{incident.told}"
        incident.messages.append(Message(message_id, now, kind, text))
        del incident.messages[:-MESSAGES_KEPT]
    yield IncidentChanged(incident.incident_id, kind.value, text, message_id)


def text_of(halt: Halt) -> str:
    """A halt in one line."""
    return f"{halt.state.name} {halt.scope}: {halt.trigger}: {halt.reason} (halt {halt.halt_id})"


def in_force(state: "GateState", incident: Incident) -> list[str]:
    """Its halts that nobody has cleared."""
    return [halt_id for halt_id in incident.halts if not state.halts.is_cleared(halt_id)]
