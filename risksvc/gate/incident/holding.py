"""While a hold is in force everybody is reminded of it: every 15 minutes, until the market's next close.

Each reminder rests on a new look at the venue, by the same path as `risksvc assess`, so that a position which has left
its band meanwhile ends the hold instead. When the venue can't be read, the reminder says so: silence would read as
"nothing happened". When it is due follows from the state (since when it is held, when the last reminder was), so that
no restart repeats or loses one: what was missed while the gate was down is told once when it is back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from risksvc.core.incident.choosing import reminder_due
from risksvc.core.incident.courses import held
from risksvc.core.incident.events import HoldReminded
from risksvc.core.incident.record import Incident
from risksvc.core.types import InstrumentKind, Nanoseconds, RiskError
from risksvc.gate.app import GateApp
from risksvc.gate.incident.closing_times import next_close
from risksvc.gate.incident.hold_reminder import Held, reminder_text
from risksvc.gate.owner import GateClosedError
from risksvc.gate.settings import Settings
from risksvc.v1 import incident_pb2

LOOK_SECONDS = 1.0
ASSESSED_WITHIN_SECONDS = 30.0
_log = logging.getLogger(__name__)

Assess = Callable[[GateApp, incident_pb2.AssessRequest, str], Awaitable[incident_pb2.AssessResponse]]


@dataclass(frozen=True, slots=True)
class Reminders:
    """When the next one is due (None: no more), and the close at which they end (None: when the hold does)."""

    next_at: Nanoseconds | None
    until: Nanoseconds | None


def reminders(settings: Settings, incident: Incident) -> Reminders | None:
    """How the reminders of a hold stand; None: none is in force. The last one comes at the close itself."""
    due = reminder_due(incident)
    if due is None:
        return None
    until = _closed_at(settings, incident)
    if until is None or due <= until:
        return Reminders(due, until)
    return Reminders(until if incident.reminded_at < until else None, until)


def _closed_at(settings: Settings, incident: Incident) -> Nanoseconds | None:
    """The last of the next closes of what is held, as seen when the hold began."""
    began = incident.hold_began
    names = list(dict.fromkeys(one.account for one in held(began))) if began is not None else []
    calendars = [settings.accounts[name].incident.calendar for name in names if name in settings.accounts]
    closes = [None if one is None else next_close(one, after=incident.course_since) for one in calendars]
    known = [one for one in closes if one is not None]
    return max(known) if known and len(known) == len(closes) else None


async def remind(app: GateApp, assess: Assess) -> None:
    """Until cancelled. `assess`: the operation behind `risksvc assess`."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await remind_of_due(app, assess)
        except Exception:  # noqa: BLE001 - a reminder that can't be made must not end the gate; it stays due
            app.counters.internal_errors += 1
            _log.exception("a reminder of a hold met an internal error; it is tried again")


async def remind_of_due(app: GateApp, assess: Assess) -> None:
    """Every reminder that is due now. A gate that a fault has closed takes none; they are due when it is open again."""
    for incident in app.owner.state.incidents.open():
        due = reminders(app.settings, incident)
        if app.owner.fault is None and due is not None and due.next_at is not None and due.next_at <= app.clock.now():
            await _remind(app, assess, incident.incident_id)


async def _remind(app: GateApp, assess: Assess, incident_id: str) -> None:
    before = app.owner.state.incidents.by_id[incident_id]
    since, began_looking = before.course_since, app.clock.now()
    problems = await _look(app, assess, before)
    incident = app.owner.state.incidents.by_id.get(incident_id)
    due = None if incident is None else reminders(app.settings, incident)
    if incident is None or due is None or incident.course_since != since:
        return  # the look, or a person, has ended it meanwhile
    seen = incident.assessment
    now = app.clock.now()
    state = app.owner.state
    text = reminder_text(
        Held(
            since=since,
            at=now,
            began=incident.hold_began,
            now=seen if seen is not None and seen.at >= began_looking else None,
            problems=problems,
            currency="" if state.limits is None else state.limits.currency,
            is_inverse=lambda account, instrument: _is_inverse(app, account, instrument),
            closes_now=due.until is not None and now >= due.until,
        )
    )
    with suppress(GateClosedError):
        app.owner.submit(HoldReminded(incident_id, text, since))
        app.counters.hold_reminders += 1
        app.counters.hold_reminders_blind += bool(problems)


async def _look(app: GateApp, assess: Assess, incident: Incident) -> list[str]:
    """Assesses anew; gives what could not be read. Whatever goes wrong, the reminder goes out and says so."""
    request = incident_pb2.AssessRequest(account=incident.scope.account, incident_id=incident.incident_id)
    try:
        async with asyncio.timeout(ASSESSED_WITHIN_SECONDS):
            answer = await assess(app, request, f"gate:{app.gate_id}")
    except TimeoutError:
        return [f"no answer within {ASSESSED_WITHIN_SECONDS:g} s"]
    except RiskError as error:
        return [str(error)]
    except Exception as error:  # noqa: BLE001 - this task must not end, nor the reminder be lost
        _log.exception("a held position could not be looked at")
        return [f"internal error: {error!r}"]
    return [f"account {one.account}: {one.problem}" for one in answer.accounts if one.problem]


def _is_inverse(app: GateApp, account: str, instrument: str) -> bool:
    book = app.owner.state.accounts.get(account)
    listed = None if book is None else book.instruments.get(instrument)
    return listed is None or listed.kind is InstrumentKind.INVERSE
