"""How an incident opens, and what joins one: halts, what endangers an open position without a halt, a person's word.

Rule 1: what concerns an account joins the open incident of that account, or of everything; only where there is none
does it open one. A halt of everything joins the newest open incident, which is about everything from then on: one
crisis is one incident. Rule 2: what joins may make an incident worse, never better. Rule 3: what was known is written
down in the same step, before anybody touches anything. Never decides whether trading goes on: halts do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from risksvc.core.incident.evidence import gather
from risksvc.core.incident.record import (
    CLOSED_KEPT,
    HALTS_KEPT,
    EntryKind,
    Incident,
    Incidents,
    in_force,
    record,
    text_of,
)
from risksvc.core.incident.severity import SEVERITIES, ClockName, worse
from risksvc.core.outputs import Output
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, Scope, Severity, TradingState

if TYPE_CHECKING:
    from risksvc.core.state import GateState


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens an incident. `by`: an operator's name, or "gate:<id>"."""

    scope: Scope
    severity: Severity
    trigger: str
    summary: str
    by: str


def open_incident(state: "GateState", opening: Opening, *, now: Nanoseconds) -> Incident:
    """Makes one, with its evidence; its caller records what opened it. Clocks run from now."""
    incidents = state.incidents
    incidents.made += 1
    incident = Incident(
        f"{state.gate_id}-i{incidents.made}",
        opening.severity,
        opening.trigger,
        opening.scope,
        opening.summary,
        opened_at=now,
        opened_by=opening.by,
        evidence=gather(state, opening.scope),
    )
    incidents.by_id[incident.incident_id] = incident
    _start_clocks(state, incident, now=now)
    _forget_closed(incidents)
    return incident


def take_halt(state: "GateState", halt: Halt, *, now: Nanoseconds) -> Iterator[Output]:
    """A halt was raised here: it joins the open incident of its account, or opens one."""
    found = _joined_by(state.incidents, halt.scope)
    if found is None:
        opening = Opening(halt.scope, halt.severity, halt.trigger, halt.reason, halt.by)
        found = open_incident(state, opening, now=now)
        _add_halt(state, found, halt, now=now)
        yield from record(found, EntryKind.OPENED, f"{found.severity.value}: {text_of(halt)}", by=halt.by, now=now)
    else:
        _add_halt(state, found, halt, now=now)
        yield from record(found, EntryKind.HALTED, text_of(halt), by=halt.by, now=now)
        yield from raise_severity(state, found, halt.severity, by=halt.by, now=now)


def _joined_by(incidents: Incidents, scope: Scope) -> Incident | None:
    found = incidents.covering(scope)
    if found is None and scope.is_global:
        found = next(iter(incidents.open()[-1:]), None)
        if found is not None:
            found.scope = scope
    return found


def _add_halt(state: "GateState", incident: Incident, halt: Halt, *, now: Nanoseconds) -> None:
    incident.halts.append(halt.halt_id)
    if len(incident.halts) > HALTS_KEPT:  # what was cleared goes first: what is in force keeps an incident open
        cleared = next((one for one in incident.halts if state.halts.is_cleared(one)), incident.halts[0])
        incident.halts.remove(cleared)
    if halt.state is TradingState.HALTED:
        incident.met(ClockName.HALT, now=now)


def adopt_halts(state: "GateState", incident: Incident, *, now: Nanoseconds) -> Iterator[Output]:
    """Halts in force inside its scope that are in no open incident are its own from now on."""
    owned = {halt_id for one in state.incidents.open() for halt_id in one.halts}
    for halt in state.halts.active():
        inside = incident.scope.is_global or halt.scope.account in ("", incident.scope.account)
        if inside and halt.halt_id not in owned:
            _add_halt(state, incident, halt, now=now)
            yield from record(incident, EntryKind.HALTED, f"in force already: {text_of(halt)}", by=halt.by, now=now)


def take_clear(state: "GateState", clear: Clear, *, now: Nanoseconds) -> Iterator[Output]:
    """A halt was cleared: its incident says so, and when the last one is, that trading has resumed."""
    by = ", ".join(clear.by)
    for incident in state.incidents.open():
        if clear.halt_id not in incident.halts:
            continue
        left = in_force(state, incident)
        text = f"halt {clear.halt_id} is cleared: {clear.reason}"
        if left:
            many = f"{len(left)} still in force: {', '.join(left[:5])}{', …' if len(left) > 5 else ''}"  # noqa: PLR2004
            yield from record(incident, EntryKind.NOTE, f"{text}; {many}", by=by, now=now)
        else:
            yield from record(incident, EntryKind.RESUMED, f"{text}; no halt of it is in force", by=by, now=now)


def raise_severity(
    state: "GateState", incident: Incident, severity: Severity, *, by: str, now: Nanoseconds
) -> Iterator[Output]:
    """What joins may make it worse, never better."""
    if worse(incident.severity, severity) is incident.severity:
        return
    before, incident.severity = incident.severity, severity
    _start_clocks(state, incident, now=now)
    text = f"{severity.value} now, {before.value} before: {SEVERITIES[severity].says}"
    yield from record(incident, EntryKind.SEVERITY, text, by=by, now=now)


def _start_clocks(state: "GateState", incident: Incident, *, now: Nanoseconds) -> None:
    for name in SEVERITIES[incident.severity].clocks:
        incident.start(name, now=now)
    if _is_halted(state, incident):
        incident.met(ClockName.HALT, now=now)
    if incident.cause:
        incident.met(ClockName.ROOT_CAUSE, now=now)
    if incident.assessment is not None:
        incident.met(ClockName.ASSESS, now=now)


def _is_halted(state: "GateState", incident: Incident) -> bool:
    """Nothing new passes where it is about: everywhere, for one about everything."""
    scope = incident.scope
    accounts = list(state.accounts) if scope.is_global else [scope.account]
    states = [state.state_of(account, scope.strategy, scope.instrument) for account in accounts]
    return bool(states) and all(one is TradingState.HALTED for one in states)


def _forget_closed(incidents: Incidents) -> None:
    """Of the closed ones the oldest go; those whose review is still due go last."""
    closed = [one for one in incidents.by_id.values() if not one.is_open]
    closed.sort(key=lambda one: one.review_due)
    for one in closed[: max(0, len(closed) - CLOSED_KEPT)]:
        del incidents.by_id[one.incident_id]
