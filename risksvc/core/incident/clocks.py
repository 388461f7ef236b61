"""What has to be done by when: a clock that runs out escalates by itself, once, and everybody is told.

A clock is met by what was done (a halt, an assessment, a cause …) and stays met. Of a closed incident only the review's
clock runs on. Time is an argument: a tick brings it.
"""

from collections.abc import Iterator

from risksvc.core.incident.record import Clock, EntryKind, Incident, record
from risksvc.core.incident.severity import CLOCKS, HOUR, MINUTE, ClockName
from risksvc.core.outputs import Output
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds


def run(state: GateState, *, now: Nanoseconds) -> Iterator[Output]:
    """Escalates every clock that has run out."""
    for incident in state.incidents.by_id.values():
        for clock in incident.clocks:
            if runs(incident, clock) and now >= clock.due_at:
                clock.missed_at = now
                text = missed_text(incident, clock)
                yield from record(incident, EntryKind.ESCALATED, text, by=f"gate:{state.gate_id}", now=now)


def runs(incident: Incident, clock: Clock) -> bool:
    """Neither met nor missed, and still of interest."""
    waiting = clock.met_at is None and clock.missed_at is None
    return waiting and (incident.is_open or clock.name is ClockName.REVIEW)


def missed_text(incident: Incident, clock: Clock) -> str:
    """What everybody is told: what was not done, within which time, and what to type."""
    rule = CLOCKS[clock.name]
    words = (word.format(id=incident.incident_id) for word in ("risksvc", *rule.do))
    command = " ".join(f"'{word}'" if " " in word else word for word in words)
    return f"{clock.name.value}: {rule.missed} within {_time(rule.within)}. Next: {command}"


def _time(length: Nanoseconds) -> str:
    return f"{length // MINUTE} minutes" if length < HOUR else f"{length // HOUR} hours"
