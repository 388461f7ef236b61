"""Short words for what tests of incidents do and ask about: the one that is open, its lines, its clocks."""

from risksvc.core.incident import events as incident_events
from risksvc.core.incident.record import EntryKind, Incident
from risksvc.core.incident.severity import ClockName
from risksvc.core.outputs import IncidentChanged, Output, RefusalReason, StepRefused
from risksvc.core.types import SECOND, Scope, Severity, Side
from tests.unit.core.builders import World
from tests.unit.core.catalogue import ACCOUNT

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def the_open(world: World) -> Incident:
    """The only one that is open."""
    [found] = world.gate.state.incidents.open()
    return found


def kinds(incident: Incident) -> list[str]:
    """What its timeline says, oldest first."""
    return [entry.kind.value for entry in incident.timeline]


def changes(outputs: tuple[Output, ...]) -> list[str]:
    """The lines that one Input added, of any incident."""
    return [one.kind for one in outputs if isinstance(one, IncidentChanged)]


def last(incident: Incident, kind: EntryKind) -> str:
    """The text of the newest line of this kind."""
    return next(entry.text for entry in reversed(incident.timeline) if entry.kind is kind)


def missed(incident: Incident) -> list[ClockName]:
    """The clocks that ran out."""
    return [clock.name for clock in incident.clocks if clock.missed_at is not None]


def met(incident: Incident) -> list[ClockName]:
    """The clocks whose task is done."""
    return [clock.name for clock in incident.clocks if clock.met_at is not None]


def refused(outputs: tuple[Output, ...]) -> list[RefusalReason]:
    """Why a step was refused; empty: it was not."""
    first = outputs[0]
    return [one.reason for one in first.refusals] if isinstance(first, StepRefused) else []


def unknown_fill(world: World) -> None:
    """The seed's incident: a fill that no approval explains, and a complete read."""
    world.fill("never-asked", Side.BUY, "0.5")
    world.read()


def opened(world: World, severity: Severity = Severity.P1, scope: Scope | None = None) -> Incident:
    world.apply(incident_events.IncidentOpened(scope or Scope(ACCOUNT), severity, "odd prices", "olga"))
    return the_open(world)
