# ruff: noqa: ANN401 - a builder takes whatever the dataclass that it builds takes
"""An open incident on an open gate, looked at by assessments that a test makes up; minutes pass at a word."""

from decimal import Decimal
from typing import Any

from risksvc.core.incident.events import AssessmentTaken, CourseChosen, HoldReminded
from risksvc.core.incident.record import (
    AssessedInstrument,
    AssessmentRecord,
    Clock,
    Course,
    EntryKind,
    Incident,
    Message,
)
from risksvc.core.incident.severity import ClockName
from risksvc.core.outputs import IncidentChanged, Output, RefusalReason, StepRefused
from risksvc.core.types import ZERO
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, BTC, D


def position(quantity: Any = 2, **rest: Any) -> AssessedInstrument:
    """An instrument inside its band and limit, believed as it is, that is cheap to leave."""
    held = D(quantity)
    chosen: dict[str, Any] = {
        "account": ACCOUNT,
        "instrument": BTC,
        "quantity": held,
        "believed": held,
        "mark": Decimal(10_000),
        "value": held * 10_000,
        "limit": Decimal(50_000),
        "ratio": Decimal(100),
        "outside_band": False,
        "exit_cost_now": Decimal(60),
        "exit_cost_sliced": Decimal(20),
        "unrealised_pnl": ZERO,
    } | rest
    return AssessedInstrument(**chosen)


OUTSIDE = position(4, ratio=Decimal(200), outside_band=True)


class Troubled:
    """A world with an incident that a halt has opened."""

    def __init__(self, **gate: Any) -> None:
        self.world: World = given(gate=gate)
        self.world.halt()
        [self.incident] = self.world.gate.state.incidents.open()

    @property
    def now(self) -> int:
        return self.world.now

    def course(self) -> Course | None:
        """In force now."""
        return self.incident.course

    def wait(self, minutes: float) -> "Troubled":
        self.world.now += int(minutes * 60 * 10**9)
        return self

    def assess(self, *instruments: AssessedInstrument, complete: bool = True, **rest: Any) -> tuple[Output, ...]:
        """What it means for the course; the line that tells of the assessment itself comes before."""
        self.wait(0.001)
        record = AssessmentRecord(self.now, "olga", complete, instruments, **rest)
        assessed, *rest_of_it = self.world.apply(AssessmentTaken(self.incident.incident_id, record, "olga"))
        assert isinstance(assessed, IncidentChanged)
        assert assessed.kind == EntryKind.ASSESSED.value
        return tuple(rest_of_it)

    def choose(self, course: Course, by: str = "olga", role: str = "engineering", **rest: Any) -> tuple[Output, ...]:
        chosen = {"incident_id": self.incident.incident_id, "reason": "drill"} | rest
        return self.world.apply(CourseChosen(course=course, role=role, by=by, **chosen))

    def hold(self) -> "Troubled":
        """By two, after a look at what is held."""
        self.assess(position())
        self.choose(Course.HOLD, "olga", "engineering")
        self.choose(Course.HOLD, "rita", "risk")
        assert self.incident.course is Course.HOLD
        return self

    def remind(self, text: str = "as it was", since: int | None = None) -> tuple[Output, ...]:
        held_since = self.incident.course_since if since is None else since
        return self.world.apply(HoldReminded(self.incident.incident_id, text, held_since))


def clock(troubled: Troubled, name: ClockName) -> Clock:
    found = troubled.incident.clock(name)
    assert found is not None
    return found


def refused(outputs: tuple[Output, ...]) -> list[RefusalReason]:
    """Why; a refused step has no other Output."""
    [answer] = outputs
    assert isinstance(answer, StepRefused), answer
    return [one.reason for one in answer.refusals]


def told(incident: Incident, outputs: tuple[Output, ...]) -> tuple[EntryKind, str]:
    """The one message that a step tells everybody."""
    [change] = outputs
    assert isinstance(change, IncidentChanged), change
    message: Message = incident.messages[-1]
    assert message.message_id == change.message_id
    assert incident.timeline[-1].kind is message.kind
    assert incident.timeline[-1].text == message.text == change.text
    return message.kind, message.text
