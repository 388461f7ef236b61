"""The calls of the HTTP side: what people type with curl, and what probes and Prometheus ask.

Thin: each turns a request into the message of risksvc.v1.OperatorService, runs the same operation as gRPC does, and
renders its answer. Who acts is the operator whose token it is, never what a request says.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from risksvc.core.denials import DenialReason
from risksvc.core.types import MalformedInputError, TradingState
from risksvc.gate import cancelling, halting, operations, views
from risksvc.gate.app import GateApp
from risksvc.gate.http_json import answer, plain_answer, read_fields, read_query
from risksvc.v1 import operator_pb2, types_pb2

OperatorCall = Callable[[GateApp, web.Request, str], Awaitable[web.Response]]
OpenCall = Callable[[GateApp, web.Request], Awaitable[web.Response]]

# Text of the seed's runbook that this gate must not believe.
_OPERATOR_NOTE = "`operator` was ignored: who acts is known from the token"
_STATES = {
    "": types_pb2.TRADING_STATE_UNSPECIFIED,
    "HALTED": types_pb2.TRADING_STATE_HALTED,
    "REDUCING": types_pb2.TRADING_STATE_REDUCING,
}
_SCOPE_FIELDS: dict[str, type] = {"account": str, "strategy": str, "instrument": str}
_HALT_FIELDS: dict[str, type] = {"reason": str, **_SCOPE_FIELDS, "state": str, "halt_id": str, "operator": str}
_CANCEL_FIELDS: dict[str, type] = {"reason": str, **_SCOPE_FIELDS, "include_protective": bool, "operator": str}


# -- operators ----------------------------------------------------------------------------------------------------


async def halt(app: GateApp, request: web.Request, by: str) -> web.Response:
    """POST /trading/halt."""
    read_query(request, ())
    fields = await read_fields(request, _HALT_FIELDS)
    state = _STATES.get(fields.get("state", ""))
    if state is None:
        raise MalformedInputError("state", "is not a state to halt into; allowed: HALTED, REDUCING")
    message = operator_pb2.HaltRequest(
        scope=_scope(fields), state=state, reason=fields.get("reason", ""), halt_id=fields.get("halt_id", "")
    )
    return await answer(await halting.halt(app, message, by), by=by, notes=_notes(fields))


async def cancel_all(app: GateApp, request: web.Request, by: str) -> web.Response:
    """POST /orders/cancel-all."""
    read_query(request, ())
    fields = await read_fields(request, _CANCEL_FIELDS)
    message = operator_pb2.CancelAllRequest(
        scope=_scope(fields),
        reason=fields.get("reason", ""),
        include_protective=fields.get("include_protective", False),
    )
    told = await cancelling.cancel_all(app, message, by)
    notes = _notes(fields)
    if told.by_hand:
        notes.append(
            f"{len(told.by_hand)} orders are NOT cancelled: cancel those of `by_hand` at the venue. {told.problem}"
        )
    if told.kept:
        notes.append(f"{len(told.kept)} protective orders are kept; include_protective: true cancels them too")
    return await answer(told, by=by, notes=notes)


async def open_orders(app: GateApp, request: web.Request, by: str) -> web.Response:
    """GET /orders/open."""
    query = read_query(request, ("account",))
    message = operator_pb2.ListOpenOrdersRequest(account=query.get("account", ""))
    return await answer(await operations.list_open_orders(app, message, by))


async def limits(app: GateApp, request: web.Request, by: str) -> web.Response:
    """GET /limits."""
    read_query(request, ())
    return await answer(await operations.get_limits(app, operator_pb2.GetLimitsRequest(), by))


async def status(app: GateApp, request: web.Request, by: str) -> web.Response:
    """GET /status."""
    read_query(request, ())
    return await answer(await operations.get_status(app, operator_pb2.GetStatusRequest(), by))


def _scope(fields: dict[str, Any]) -> types_pb2.Scope:
    return types_pb2.Scope(**{name: fields.get(name, "") for name in _SCOPE_FIELDS})


def _notes(fields: dict[str, Any]) -> list[str]:
    return [_OPERATOR_NOTE] if "operator" in fields else []


# -- probes -------------------------------------------------------------------------------------------------------


async def healthz(app: GateApp, _request: web.Request) -> web.Response:
    """Alive; not, while the owner is closed by a fault. Looks at nothing of the state, which may be half changed."""
    about = {"gate_id": app.gate_id, "version": app.version}
    fault = app.owner.fault
    if fault is None:
        return plain_answer({"alive": True, **about})
    return plain_answer({"alive": False, "why": fault.what, **about}, status=503)


async def readyz(app: GateApp, _request: web.Request) -> web.Response:
    """Ready when some account could get an approval; else every reason why not."""
    if app.serving and views.is_ready(app, app.clock.now()):
        return plain_answer({"ready": True, "reasons": []})
    reasons = [{"account": one.account, "reason": one.reason, "message": one.message} for one in _reasons(app)]
    return plain_answer({"ready": False, "reasons": reasons}, status=503)


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why nothing would be approved. `account` empty: the whole gate."""

    account: str
    reason: str
    message: str


def _reasons(app: GateApp) -> Iterator[_Reason]:
    now, state, fault = app.clock.now(), app.owner.state, app.owner.fault
    if fault is not None:
        yield _Reason("", "GATE_FAULT", f"the gate is closed by a fault: {fault.what}")
        return
    if not app.serving:
        yield _Reason("", "NOT_SERVING", "the gate is starting or shutting down")
    whole = tuple(state.closed(now))
    for reason, text in whole:
        yield _Reason("", reason.name, text)
    for account in app.settings.accounts:
        yield from _reasons_of(app, account, apart_from=[reason for reason, _ in whole])


def _reasons_of(app: GateApp, account: str, *, apart_from: list[DenialReason]) -> Iterator[_Reason]:
    """Why nothing of one account would be approved."""
    for reason in app.owner.closed_because(account, app.clock.now()):
        if reason not in apart_from:
            yield _Reason(account, reason.name, "see `risksvc status`")
    for one in app.owner.state.halts.active():
        if one.state is TradingState.HALTED and one.scope.covers(account, "", ""):
            text = f"halted by {one.by}: {one.reason} (halt {one.halt_id}, {one.trigger})"
            yield _Reason(account, "HALTED", text)
