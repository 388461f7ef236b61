"""Assessments as incidents keep them: who looked at the venue when, what was found, and everybody told at once.

An assessment that could not read every account of its incident is recorded as such: it meets no deadline, and proves
nothing to be inside its band. What is outside its band counts however little else was read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_UP, Decimal

from risksvc.core.incident.assessed import AccountAssessed, Assessed
from risksvc.core.incident.choosing import judge_assessment
from risksvc.core.incident.events import AssessmentTaken
from risksvc.core.incident.record import AssessedInstrument, AssessmentRecord, EntryKind, Incident, record
from risksvc.core.incident.severity import ClockName
from risksvc.core.outputs import Output, Refusal, RefusalReason, StepRefused
from risksvc.core.state import GateState
from risksvc.core.types import ZERO, Nanoseconds, plain

SHOWN = 8  # instruments in the line that everybody is told; the page has them all
_CENT = Decimal("0.01")


def assessment_taken(state: GateState, event: AssessmentTaken, now: Nanoseconds) -> Iterator[Output]:
    """Keeps the assessment in its incident, meets its deadline where it is whole, and tells everybody."""
    incident = state.incidents.by_id.get(event.incident_id)
    refusals = tuple(_refusals(incident, event))
    if incident is None or refusals:
        yield StepRefused(refusals)
        return
    incident.assessment = replace(event.record, at=now, by=event.by)
    if event.record.complete:
        incident.met(ClockName.ASSESS, now=now)
    yield from record(incident, EntryKind.ASSESSED, summary(event.record), by=event.by, now=now)
    yield from judge_assessment(state, incident, now)


def _refusals(incident: Incident | None, event: AssessmentTaken) -> Iterator[Refusal]:
    if incident is None:
        text = f"incident {event.incident_id} is not known here; `risksvc incident list` has them"
        yield Refusal(RefusalReason.INCIDENT_UNKNOWN, text)
    elif not incident.is_open:
        text = f"incident {incident.incident_id} was closed by {incident.closed_by}: nothing is added to it any more"
        yield Refusal(RefusalReason.INCIDENT_CLOSED, text)


# -- the record ---------------------------------------------------------------------------------------------------


def assessment_record(
    accounts: Sequence[AccountAssessed], *, complete: bool, by: str, at: Nanoseconds
) -> AssessmentRecord:
    """What these accounts come to. `complete`: every account of the scope is among them and was read whole.

    An instrument of which nobody knows what is held is left out: the record is not complete then.
    """
    totals = [one.total for one in accounts]
    limits = [one.total_limit for one in accounts]
    return AssessmentRecord(
        at=at,
        by=by,
        complete=complete and all(one.complete for one in accounts),
        instruments=tuple(
            _instrument(account, one) for account in accounts for one in account.instruments if one.quantity is not None
        ),
        total=_sum(totals),
        total_limit=_sum(limits),
    )


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


def _instrument(account: AccountAssessed, one: Assessed) -> AssessedInstrument:
    assert one.quantity is not None, "chosen before"
    return AssessedInstrument(
        account=account.known.account,
        instrument=one.symbol,
        quantity=one.quantity,
        believed=one.believed,
        mark=one.market.mark,
        value=one.value,
        limit=one.limit,
        ratio=one.ratio,
        outside_band=one.outside_band,
        exit_cost_now=one.whole_exit_now,
        exit_cost_sliced=one.whole_exit_sliced,
        unrealised_pnl=one.unrealised_pnl,
        minutes_to_close=account.known.minutes_to_close,
        liquidation_distance=one.liquidation_distance,
        gross=_gross(one),
    )


def _gross(one: Assessed) -> Decimal | None:
    position = one.position
    if position is None or (position.long is None and position.short is None):
        return None
    return (position.long or ZERO) + (position.short or ZERO)


# -- what everybody is told ---------------------------------------------------------------------------------------


def summary(assessment: AssessmentRecord) -> str:
    """One line: whether it is whole, what is outside its band or believed otherwise, what is held, the total."""
    held = [one for one in assessment.instruments if one.is_held]
    parts = [] if assessment.complete else ["NOT COMPLETE, what is missing is UNKNOWN and not flat"]
    parts += [f"{_place(one)} OUTSIDE ITS BAND: flatten" for one in held if one.outside_band]
    parts += [
        f"{_place(one)} believed {plain(one.believed)}, at the venue {plain(one.quantity)}"
        for one in assessment.instruments
        if one.believed is not None and one.believed != one.quantity
    ]
    parts += [_position(one) for one in held[:SHOWN]]
    parts += [f"and {len(held) - SHOWN} more"] if len(held) > SHOWN else []
    parts += ["flat: nothing is held"] if assessment.complete and not held else []
    return "; ".join([*parts, _total(assessment)])


def _place(one: AssessedInstrument) -> str:
    return f"{one.instrument} of {one.account}"


def _position(one: AssessedInstrument) -> str:
    worth = "value not known" if one.value is None else f"worth {_money(one.value)}"
    pnl = "" if one.unrealised_pnl is None else f", unrealised PnL {_money(one.unrealised_pnl)}"
    leave = "" if one.exit_cost_sliced is None else f", about {_money(one.exit_cost_sliced)} to leave"
    legs = "" if not one.gross or one.gross == abs(one.quantity) else f" net, {plain(one.gross)} gross in two legs"
    return f"{_place(one)}: {plain(one.quantity)}{legs}, {worth}{pnl}{leave}"


def _total(assessment: AssessmentRecord) -> str:
    if assessment.total is None:
        return "total not known"
    limit = "" if assessment.total_limit is None else f" of {_money(assessment.total_limit)}"
    return f"total exposure {_money(assessment.total)}{limit}"


def _money(value: Decimal) -> str:
    return format(value.quantize(_CENT, rounding=ROUND_UP), ",f")
