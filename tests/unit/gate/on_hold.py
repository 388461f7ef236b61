"""A gate with an open incident, by hand-moved time: owner, journal and core are real, the venue is a script."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from risksvc.core.config import SecondPerson
from risksvc.core.events import GateStarted, HaltRequested, Input
from risksvc.core.gate import RiskGate
from risksvc.core.incident.events import AssessmentTaken, CourseChosen
from risksvc.core.incident.record import AssessedInstrument, AssessmentRecord, Course, Incident
from risksvc.core.types import SECOND, Scope, TradingState
from risksvc.gate.app import Counters
from risksvc.gate.feeds import FeedError
from risksvc.gate.incident.settings import Calendar, IncidentSettings
from risksvc.gate.operator_tokens import Operator
from risksvc.gate.owner import Owner
from risksvc.gate.replay import replay
from risksvc.gate.state_codec import dump_gate, load_gate
from risksvc.v1 import incident_pb2
from tests.unit.core.an_incident import position
from tests.unit.gate.steps import START, MemoryJournal, opening

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp


PEOPLE = (
    Operator("olga", "", ("engineering",)),
    Operator("rita", "", ("risk",)),
    Operator("tom", "", ("trader", "leadership")),
    Operator("eve", "", ("engineering", "risk")),
    Operator("nora", ""),
)


class HandClock:
    """Stands still until a test moves it."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


class OnHold:
    """`venue`: what the next look finds; an exception is what it ends in; `unread`: accounts that it could not read."""

    def __init__(
        self,
        *,
        calendar: Calendar | None = None,
        second_person: SecondPerson = SecondPerson.REQUIRED,
        operators: Sequence[Operator] = PEOPLE,
    ) -> None:
        self.clock = HandClock()
        self.journal = MemoryJournal()
        self.venue: Sequence[AssessedInstrument] | Exception = [position()]
        self.unread: dict[str, str] = {}
        self.requests: list[tuple[incident_pb2.AssessRequest, str]] = []
        self.counters = Counters()
        incident = IncidentSettings(calendar=calendar)
        self.settings = SimpleNamespace(
            accounts={"main": SimpleNamespace(incident=incident)},
            operators=operators,
            second_person=second_person,
            path=Path("risksvc.yaml"),
        )
        self.start(RiskGate())
        started, *rest = opening(self.clock.at)
        assert isinstance(started, GateStarted)
        for event in (GateStarted(replace(started.config, second_person=second_person)), *rest):
            self.owner.submit(event)
        self.submit(HaltRequested(Scope("main"), TradingState.HALTED, "drill", "olga"))

    def start(self, gate: RiskGate) -> None:
        self.owner = Owner(gate, self.journal, self.clock)
        parts = SimpleNamespace(
            gate_id="gate-1",
            clock=self.clock,
            owner=self.owner,
            settings=self.settings,
            counters=self.counters,
        )
        self.app = cast("GateApp", parts)

    def restart(self, *, snapshot: bool = False) -> None:
        """Killed, and started again from the journal, or from a snapshot of what it gives."""
        gate = replay(self.journal.entries).gate
        self.start(load_gate(dump_gate(gate)) if snapshot else gate)

    @property
    def incident(self) -> Incident:
        [found] = self.owner.state.incidents.open()
        return found

    def submit(self, event: Input) -> None:
        self.owner.submit(event)

    def wait(self, minutes: float) -> None:
        self.clock.at += int(minutes * 60 * SECOND)

    def look(self, by: str = "olga", *, complete: bool = True) -> None:
        assert not isinstance(self.venue, Exception)
        record = AssessmentRecord(self.clock.now(), by, complete, tuple(self.venue))
        self.submit(AssessmentTaken(self.incident.incident_id, record, by))

    def hold(self) -> None:
        self.look()
        for by, role in (("olga", "engineering"), ("rita", "risk")):
            self.submit(CourseChosen(self.incident.incident_id, Course.HOLD, role, "drill", by))
        assert self.incident.course is Course.HOLD

    async def assess(self, app: "GateApp", request: incident_pb2.AssessRequest, by: str) -> incident_pb2.AssessResponse:
        """In place of the operation behind `risksvc assess`."""
        assert app is self.app
        self.requests.append((request, by))
        if isinstance(self.venue, Exception):
            raise self.venue
        self.look(by, complete=not self.unread)
        unread = [incident_pb2.AccountAssessment(account=name, problem=why) for name, why in self.unread.items()]
        return incident_pb2.AssessResponse(accounts=[incident_pb2.AccountAssessment(account="main"), *unread])


NO_FEED = FeedError("no venue feed is connected for account main; start `risksvc venue`")
