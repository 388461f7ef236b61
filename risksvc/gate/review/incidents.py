"""What a journal tells of halts and incidents: when a divergence was found, when trading stopped, what people did.

Reads Inputs and Outputs as they were recorded; judges nothing. An incident's timeline is the lines that the gate gave
out about it (`IncidentChanged`), so it is whole also where the state keeps only a part of it.
"""

from dataclasses import dataclass, field
from typing import Any

from risksvc.core.incident.events import CauseNamed, IncidentOpened, IncidentTaken
from risksvc.core.incident.record import EntryKind
from risksvc.core.outputs import HaltRaised, IncidentChanged, Notice, NoticeKind, Output
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.trips import Trigger
from risksvc.core.types import Nanoseconds, TradingState
from risksvc.gate.codec import Entry
from risksvc.gate.review.material import Happening, IncidentRecord

BELIEF_DRIFT = Trigger.BELIEF_DRIFT.value
# The triggers that say: what is believed, what is known and what is held are not the same.
DIVERGENCE_TRIGGERS = frozenset(
    one.value
    for one in (
        Trigger.MISSING_FILL,
        Trigger.UNEXPECTED_FILL,
        Trigger.UNEXPECTED_ORDER,
        Trigger.LOST_ORDER,
        Trigger.PHANTOM_FILL,
        Trigger.POSITION_DRIFT,
        Trigger.BELIEF_DRIFT,
        Trigger.UNATTRIBUTED_RESIDUAL,
    )
)
HAPPENINGS_KEPT = 1_000
_TOLD = {NoticeKind.SUSPECT: "SUSPECT", NoticeKind.SUSPECT_CLEARED: "agrees again", NoticeKind.DIVERGED: "DIVERGED"}


@dataclass(slots=True)
class _Incident:
    """One incident as its lines tell it."""

    opened_at: Nanoseconds
    lines: list[Happening] = field(default_factory=list)
    cause: str = ""
    owner: str = ""
    severity: str = ""
    trigger: str = ""
    account: str = ""
    closed_at: Nanoseconds = 0
    flat_at: Nanoseconds = 0
    diverged: bool = False


@dataclass(slots=True)
class IncidentReading:
    """Halts, incidents and suspicions, in the order in which they came up; `happenings` are the account's."""

    halts: list[Halt] = field(default_factory=list)
    incidents: dict[str, _Incident] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    drifting: dict[tuple[str, str], Nanoseconds] = field(default_factory=dict)
    agreed_at: Nanoseconds = 0
    drifted_at: Nanoseconds = 0
    omitted: int = 0
    cleared: set[str] = field(default_factory=set)

    def take(self, entry: Entry, *, account: str) -> None:
        """Take in what one entry says of any of them."""
        halts = [output.halt for output in entry.outputs if isinstance(output, HaltRaised)]
        for output in entry.outputs:
            self._take_output(entry, output, halts, account=account)
        what = entry.input
        if isinstance(what, CauseNamed) and what.incident_id in self.incidents:
            self.incidents[what.incident_id].cause = what.cause
        elif isinstance(what, IncidentTaken) and what.incident_id in self.incidents:
            self.incidents[what.incident_id].owner = what.by

    def tell(self, at: Nanoseconds, what: str, who: str = "") -> None:
        """Add a line to the account's timeline; of very many the later ones are only counted."""
        if len(self.happenings) >= HAPPENINGS_KEPT:
            self.omitted += 1
            return
        self.happenings.append(Happening(at, what, who))

    def _take_output(self, entry: Entry, output: Output, halts: list[Halt], *, account: str) -> None:
        if isinstance(output, HaltRaised) and not output.repeated and output.halt.scope.account in ("", account):
            self.take_halt(output.halt, entry.now)
        elif isinstance(output, Notice) and output.account == account and output.kind in _TOLD:
            self._take_notice(output, entry.now)
        elif isinstance(output, IncidentChanged):
            self._take_line(entry, output, halts)

    def take_halt(self, halt: Halt, now: Nanoseconds) -> None:
        """A halt over the account."""
        if any(one.halt_id == halt.halt_id for one in self.halts):
            return
        self.halts.append(halt)
        self.tell(now, f"{halt.state.name} {halt.scope}: {halt.trigger}: {halt.reason}", halt.by)

    def take_clear(self, clear: Clear, now: Nanoseconds) -> None:
        """A halt over the account was cleared; a gate that starts again hears of it again."""
        if clear.halt_id not in self.cleared and any(one.halt_id == clear.halt_id for one in self.halts):
            self.cleared.add(clear.halt_id)
            self.tell(now, f"halt {clear.halt_id} cleared: {clear.reason}", ", ".join(clear.by))

    def _take_notice(self, notice: Notice, now: Nanoseconds) -> None:
        of_whom = f" ({notice.strategy})" if notice.strategy else ""
        self.tell(now, f"{_TOLD[notice.kind]}: {notice.name} {notice.instrument}{of_whom}: {notice.message}")
        if notice.name != BELIEF_DRIFT:
            return
        key = (notice.instrument, notice.strategy)
        if notice.kind is NoticeKind.SUSPECT:
            self.drifting.setdefault(key, now)
            self.drifted_at = self.drifted_at or now
        elif notice.kind is NoticeKind.SUSPECT_CLEARED:
            self.drifting.pop(key, None)
            if not self.drifting:
                self.agreed_at = now

    def _take_line(self, entry: Entry, line: IncidentChanged, halts: list[Halt]) -> None:
        found = self.incidents.get(line.incident_id)
        if found is None:
            found = self.incidents[line.incident_id] = _Incident(entry.now)
            self._begin(found, entry.input, halts, line.text)
        found.diverged = found.diverged or any(halt.trigger in DIVERGENCE_TRIGGERS for halt in halts)
        found.lines.append(Happening(entry.now, f"{line.kind}: {line.text}", _by(entry.input, halts)))
        if line.kind == EntryKind.CLOSED.value:
            found.closed_at = entry.now
        elif line.kind == EntryKind.FLAT.value:
            found.flat_at = entry.now
        elif line.kind == EntryKind.SEVERITY.value:
            found.severity = line.text.partition(" ")[0]

    @staticmethod
    def _begin(found: _Incident, what: Any, halts: list[Halt], text: str) -> None:  # noqa: ANN401 - any Input
        if halts:
            found.severity, found.trigger = halts[0].severity.value, halts[0].trigger
            found.account = halts[0].scope.account
            return
        if isinstance(what, IncidentOpened):
            found.account, found.severity, found.trigger = what.scope.account, what.severity.value, "OPERATOR"
            return
        # What endangers a position opens one at any Input; its first line begins "P1: STRATEGY_SILENT account main".
        found.severity, _, rest = text.partition(": ")
        found.trigger = rest.partition(" ")[0]

    # -- what follows from it ------------------------------------------------------------------------------------

    def newest(self, account: str, *, wanted: str = "") -> tuple[str, _Incident] | None:
        """The incident of this id, or end of an id ("i3"); else the account's newest that diverged, else its newest."""
        if wanted:
            named = [id_ for id_ in self.incidents if id_ == wanted or id_.endswith(f"-{wanted}")]
            return (named[0], self.incidents[named[0]]) if len(named) == 1 else None
        of_account = [(id_, one) for id_, one in self.incidents.items() if one.account in ("", account)]
        diverged = [each for each in of_account if each[1].diverged]
        return next(reversed(diverged or of_account), None)

    def closed_before(self, account: str, at: Nanoseconds) -> Nanoseconds:
        """When the last incident before this time was closed; 0: there was none."""
        closed = (one.closed_at for one in self.incidents.values() if one.account in ("", account))
        return max((one for one in closed if 0 < one < at), default=0)

    def discovered_at(self, since: Nanoseconds) -> Nanoseconds | None:
        """When a divergence was first found."""
        found = (one.at for one in self.halts if one.trigger in DIVERGENCE_TRIGGERS and one.at >= since)
        return min(found, default=None)

    def halted_at(self, since: Nanoseconds) -> Nanoseconds | None:
        """When trading first stopped."""
        found = (one.at for one in self.halts if one.state is TradingState.HALTED and one.at >= since)
        return min(found, default=None)


def record_of(incident_id: str, found: _Incident) -> IncidentRecord:
    """An incident for the report."""
    return IncidentRecord(
        incident_id=incident_id,
        severity=found.severity,
        trigger=found.trigger,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        cause=found.cause,
        owner=found.owner,
        timeline=tuple(found.lines),
    )


def _by(what: Any, halts: list[Halt]) -> str:  # noqa: ANN401 - any Input
    return str(getattr(what, "by", "") or (halts[0].by if halts else ""))
