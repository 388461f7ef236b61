"""Halt and resume, the operator's way. Halting never fails once the request can be read; resuming needs the store.

A halt is in force and journaled when the core has it; it is then latched and published, and the answer says within a
bounded time how far it has come. While the gate is closed by a fault the core can't take it: it is latched and
published all the same, and given to the core at the reopening. Once a request could be read, nothing that goes wrong
here ends in an error: the caller always learns the halt's id, and who has not confirmed it.

The answer waits for the bound (lease + approval validity) and a margin: a gate that was killed or stopped just before
can by then be told from one that lives, so the common case of a dead gate is EFFECTIVE and not LATCHED.
"""

import asyncio
import logging
from collections.abc import Mapping

from risksvc.core.events import HaltRequested, HaltSeen, ResumeConfirmed, ResumeProposed
from risksvc.core.outputs import ClearsGranted, HaltRaised, Refusal, RefusalReason, StepProposed
from risksvc.core.trading_state import Halt
from risksvc.core.trips import Trigger
from risksvc.core.types import MILLISECOND, SECOND, MalformedInputError, Severity, TradingState
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.kill_switch.effect import Effect
from risksvc.gate.kill_switch.resuming import ClearsResult
from risksvc.gate.operating import check_scope, refusal_message, refused_by
from risksvc.gate.order_view import order_messages, working_orders
from risksvc.gate.owner import GateClosedError
from risksvc.v1 import operator_pb2, types_pb2

EFFECT_MARGIN_NS = 100 * MILLISECOND
_LEAST_NS = 50 * MILLISECOND  # asked once at least, however slow this machine is
_FIRST_NS = 120 * MILLISECOND  # for latch and store to take it; both go on behind this
CLEARED_WITHIN_NS = 2 * SECOND
MAX_HALTS = 1000
_STEP_SECONDS = 0.01
_log = logging.getLogger(__name__)
_HALT_STATES: Mapping[int, TradingState] = {
    types_pb2.TRADING_STATE_UNSPECIFIED: TradingState.HALTED,
    types_pb2.TRADING_STATE_HALTED: TradingState.HALTED,
    types_pb2.TRADING_STATE_REDUCING: TradingState.REDUCING,
}


# -- halt ---------------------------------------------------------------------------------------------------------


async def halt(app: GateApp, request: operator_pb2.HaltRequest, by: str) -> operator_pb2.HaltResponse:
    """Halts or reduces a scope."""
    event = _read(app, request, by)
    raised = _raise(app, event)
    effect = await _reach(app, raised)
    return operator_pb2.HaltResponse(
        halt_id=raised.halt_id,
        effect=operator_pb2.HALT_EFFECT_EFFECTIVE if effect.effective else operator_pb2.HALT_EFFECT_LATCHED,
        missing=effect.missing,
        can_still_fill=_can_still_fill(app, raised),
        gate_id=app.gate_id,
        confirmed=effect.confirmed,
        incident_id=_incident_of(app, raised),
    )


def _read(app: GateApp, request: operator_pb2.HaltRequest, by: str) -> HaltRequested:
    scope = convert.scope(request.scope)
    check_scope(app, scope)
    event = HaltRequested(
        scope=scope,
        state=convert.member(request.state, _HALT_STATES, field="state"),
        reason=convert.reason(request.reason),
        by=by,
        halt_id=convert.optional_id(request.halt_id, field="halt_id"),
    )
    known = app.owner.state.halts.halt(event.halt_id) if event.halt_id else None
    if known is not None and app.owner.state.halts.is_cleared(event.halt_id):
        raise MalformedInputError("halt_id", f"halt {event.halt_id} has been cleared; a new halt needs a new id")
    if known is not None and (known.scope, known.state) != (event.scope, event.state):
        raise MalformedInputError("halt_id", f"halt {event.halt_id} is another one; a new halt needs a new id")
    return event


def _raise(app: GateApp, event: HaltRequested) -> Halt:
    try:
        outputs = app.owner.submit(event)
    except GateClosedError:
        return _raise_beside(app, event)
    raised = next((one.halt for one in outputs if isinstance(one, HaltRaised)), None)
    if raised is None:
        _log.critical("a halt was applied and not raised; it is raised beside the core: %s", event)
        return _raise_beside(app, event)
    return raised


def _raise_beside(app: GateApp, event: HaltRequested) -> Halt:
    """The same without the core."""
    now = app.clock.now()
    raised = Halt(
        halt_id=event.halt_id or f"{app.gate_id}-{now}-beside",
        scope=event.scope,
        state=event.state,
        severity=Severity.P1,
        trigger=Trigger.OPERATOR.value,
        reason=event.reason,
        by=event.by,
        at=now,
        origin=app.gate_id,
    )
    app.owner.submit_or_keep(HaltSeen(raised))
    app.publisher.publish(raised)
    return raised


async def _reach(app: GateApp, raised: Halt) -> Effect:
    """How far the halt has come, within a bounded time."""
    follower = app.kill_switch
    deadline = app.clock.now() + follower.bound_ns + EFFECT_MARGIN_NS
    await asyncio.wait([app.publisher.publish(raised)], timeout=_FIRST_NS / SECOND)
    try:
        return await follower.wait_effective(raised, within_ns=max(_LEAST_NS, deadline - app.clock.now()))
    except Exception:  # noqa: BLE001 - the halt stands, and its caller must learn so
        _log.exception("how far halt %s has come can't be told", raised.halt_id)
        return follower.effect_as_last_seen(raised)


def _can_still_fill(app: GateApp, raised: Halt) -> list[operator_pb2.WorkingOrder]:
    try:
        return order_messages(list(working_orders(app.owner.state, raised.scope)))
    except Exception:  # noqa: BLE001 - a state that a fault left half changed
        _log.exception("the working orders under halt %s can't be listed", raised.halt_id)
        return []


def _incident_of(app: GateApp, raised: Halt) -> str:
    found = app.owner.state.incidents.of_halt(raised.halt_id)
    return "" if found is None else found.incident_id


# -- resume -------------------------------------------------------------------------------------------------------


async def resume(app: GateApp, request: operator_pb2.ResumeRequest, by: str) -> operator_pb2.ResumeResponse:
    """Proposes or confirms clearing named halts."""
    event = _step(request, by)
    seen = app.kill_switch.epochs()
    outputs = app.owner.submit(event)
    first = outputs[0]
    if isinstance(first, ClearsGranted):
        await app.owner.durable()  # who let go, and why, is not lost to a power failure when the clears are not
        result = await app.kill_switch.write_clears(first.clears, seen_epochs=seen)
        return await _after_clears(app, result)
    if isinstance(first, StepProposed):
        return operator_pb2.ResumeResponse(
            outcome=operator_pb2.RESUME_OUTCOME_PROPOSED,
            proposal_id=first.proposal_id,
            expires_at_ns=first.expires_at,
        )
    return operator_pb2.ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_REFUSED, refusals=refused_by(outputs))


def _step(request: operator_pb2.ResumeRequest, by: str) -> ResumeProposed | ResumeConfirmed:
    which = request.WhichOneof("step")
    if which == "confirm":
        return ResumeConfirmed(convert.order_id(request.confirm.proposal_id, field="confirm.proposal_id"), by)
    if which != "propose":
        raise MalformedInputError("step", "is required; allowed: propose or confirm")
    named = request.propose.halt_ids
    if not 0 < len(named) <= MAX_HALTS:
        problem = f"names {len(named)} halts; name 1 to {MAX_HALTS}, `risksvc status` lists them"
        raise MalformedInputError("propose.halt_ids", problem)
    ids = [convert.order_id(one, field=f"propose.halt_ids[{i}]", longest=128) for i, one in enumerate(named)]
    return ResumeProposed(
        halt_ids=tuple(dict.fromkeys(ids)), reason=convert.reason(request.propose.reason, field="propose.reason"), by=by
    )


async def _after_clears(app: GateApp, result: ClearsResult) -> operator_pb2.ResumeResponse:
    """Cleared is what the core has read back; nothing else."""
    await _read_back(app, result.written)
    halts = app.owner.state.halts
    cleared = [halt_id for halt_id in result.written if halts.is_cleared(halt_id)]
    reason = RefusalReason.KILL_SWITCH_UNREACHABLE
    refusals = [Refusal(reason, one.message) for one in result.refusals]
    if len(cleared) < len(result.written):
        text = "a clear was written to the kill switch's store and could not be read back yet; look at `risksvc status`"
        refusals.append(Refusal(reason, text))
    outcome = operator_pb2.RESUME_OUTCOME_REFUSED if refusals else operator_pb2.RESUME_OUTCOME_CLEARED
    return operator_pb2.ResumeResponse(
        outcome=outcome, cleared=cleared, refusals=[refusal_message(one) for one in refusals]
    )


async def _read_back(app: GateApp, halt_ids: tuple[str, ...]) -> None:
    deadline = app.clock.now() + CLEARED_WITHIN_NS
    while app.clock.now() < deadline:
        if all(app.owner.state.halts.is_cleared(halt_id) for halt_id in halt_ids):
            return
        await asyncio.sleep(_STEP_SECONDS)
