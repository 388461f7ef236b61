"""`assess`: a look at the venue itself, held against belief, limits and band, and recorded in the open incidents.

Works for several accounts at once, and while the gate is closed by a fault: then it is shown and not recorded. Without
a venue feed an account is unknown, and what to do is said. Nothing here changes a position or an order.
"""

from collections.abc import Iterator, Sequence

from risksvc.core.book import AccountBook
from risksvc.core.incident.assessed import AccountAssessed, Known, assess_account, books_wanted
from risksvc.core.incident.assessment import assessment_record
from risksvc.core.incident.events import AssessmentTaken
from risksvc.core.incident.record import AssessmentRecord, Incident
from risksvc.core.incident.venue_look import VenueLook
from risksvc.core.types import MILLISECOND, MalformedInputError, Nanoseconds
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.incident.assessment_view import account_message
from risksvc.gate.incident.calendar import minutes_to_close
from risksvc.gate.incident.looking import look_at_all
from risksvc.gate.operating import known_accounts, refused_by
from risksvc.gate.owner import GateClosedError
from risksvc.v1 import incident_pb2


async def assess(app: GateApp, request: incident_pb2.AssessRequest, by: str) -> incident_pb2.AssessResponse:
    """One page about every account asked for."""
    names = known_accounts(app, request.account)
    named = convert.optional_id(request.incident_id, field="incident_id")
    _check_incident(app, named, names)
    began = app.clock.now()
    accounts = await look_at_accounts(app, names)
    recorded, problem = await _record(app, named, accounts, by)
    now = app.clock.now()
    return incident_pb2.AssessResponse(
        accounts=[account_message(one) for one in accounts],
        at_ns=now,
        incident_id=recorded,
        took_ms=(now - began) // MILLISECOND,
        not_recorded=problem,
        complete=all(one.complete for one in accounts),
    )


async def look_at_accounts(app: GateApp, names: Sequence[str]) -> list[AccountAssessed]:
    """These accounts, assessed; nothing is recorded."""
    books = {name: app.owner.state.accounts[name] for name in names}
    looks = await look_at_all(app, {name: books_wanted(book) for name, book in books.items()})
    app.counters.assessments += len(looks)
    app.counters.assessments_incomplete += sum(not one.complete for one in looks.values())
    now = app.clock.now()  # the state may be another object by now, after a rebuild
    return [_assessed(app, app.owner.state.accounts[name], look, now=now) for name, look in looks.items()]


def _assessed(app: GateApp, book: AccountBook, look: VenueLook, *, now: Nanoseconds) -> AccountAssessed:
    limits, settings = app.owner.state.limits, app.settings.accounts[book.name].incident
    known = Known(
        account=book.name,
        currency="" if limits is None else limits.currency,
        instruments=book.instruments,
        limits=book.limits,
        rates=book.rates,
        book=book,
        baseline=book.config.spot_baseline,
        participation=settings.flatten.participation,
        minutes_to_close=minutes_to_close(settings.calendar, now=now),
    )
    return assess_account(look, known)


# -- the record ---------------------------------------------------------------------------------------------------


def _check_incident(app: GateApp, incident_id: str, names: Sequence[str]) -> None:
    """A named incident must exist, and be about what is looked at."""
    if not incident_id:
        return
    incident = app.owner.state.incidents.by_id.get(incident_id)
    if incident is None:
        raise MalformedInputError(
            "incident_id", f"{convert.shown(incident_id)} is not known; `risksvc incident list` has them"
        )
    if incident.scope.account not in ("", *names):
        problem = f"incident {incident_id} is about account {incident.scope.account}, which would not be looked at"
        raise MalformedInputError("account", problem)


async def _record(app: GateApp, named: str, accounts: Sequence[AccountAssessed], by: str) -> tuple[str, str]:
    """The newest incident that it was recorded in, and why it was not recorded where it should have been."""
    recorded, problem = "", ""
    try:
        for incident in _concerned(app, named, accounts):
            found = _of_scope(app, incident, accounts, by)
            outputs = app.owner.submit(AssessmentTaken(incident.incident_id, found, by))
            refusals = refused_by(outputs)
            problem = "; ".join(one.message for one in refusals) or problem
            recorded = recorded if refusals else incident.incident_id
        if recorded:
            await app.owner.durable()
    except GateClosedError:
        return "", "the gate met an internal error and is closed; see `risksvc status`"
    return recorded, problem


def _concerned(app: GateApp, named: str, accounts: Sequence[AccountAssessed]) -> Iterator[Incident]:
    """The named one; else every open one that is about an account that was looked at, the oldest first."""
    incidents, looked_at = app.owner.state.incidents, [one.known.account for one in accounts]
    if named:
        yield incidents.by_id[named]
        return
    yield from [one for one in incidents.open() if one.scope.account in ("", *looked_at)]


def _of_scope(app: GateApp, incident: Incident, accounts: Sequence[AccountAssessed], by: str) -> AssessmentRecord:
    """What was found of the incident's accounts. Of everything it is complete only when every account was read."""
    scope = incident.scope.account
    wanted = [scope] if scope else list(app.settings.accounts)
    of_scope = [one for one in accounts if one.known.account in wanted]
    return assessment_record(of_scope, complete=len(of_scope) == len(wanted), by=by, at=app.clock.now())
