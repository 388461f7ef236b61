"""What every RPC handler is wrapped in: errors become statuses, never answers.

Rule 1: malformed input is INVALID_ARGUMENT with field and what is allowed. Rule 2: anything unexpected is INTERNAL,
logged with its trace, counted, and says nothing of the inside. Rule 3: work whose deadline has passed is dropped before
anything is decided.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
from grpc import StatusCode

from risksvc.core.types import MalformedInputError
from risksvc.gate.app import GateApp
from risksvc.gate.owner import GateClosedError

_log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
_In = TypeVar("_In")
_Out = TypeVar("_Out")


async def refuse_late(app: GateApp, context: Context) -> None:
    """Ends a call whose caller no longer waits."""
    left = context.time_remaining()
    if left is not None and left <= 0:
        app.counters.expired += 1
        await context.abort(StatusCode.DEADLINE_EXCEEDED, "the deadline had passed before the gate looked at it")


async def guarded(app: GateApp, context: Context, handle: Callable[[_In], Awaitable[_Out]], request: _In) -> _Out:
    """Runs one unary handler."""
    try:
        return await handle(request)
    except Exception as error:
        await end_with(app, context, error)
        raise  # not reached: every way of ending raises


async def end_with(app: GateApp, context: Context, error: Exception) -> None:
    """Ends a call with the status that fits an error; always raises."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, MalformedInputError):
        app.counters.malformed += 1
        await context.abort(StatusCode.INVALID_ARGUMENT, str(error))
    app.counters.internal_errors += 1
    if isinstance(error, GateClosedError):
        await context.abort(StatusCode.INTERNAL, "the gate met an internal error and is closed; see `risksvc status`")
    _log.error("an internal error in a call", exc_info=error)
    await context.abort(StatusCode.INTERNAL, "an internal error; nothing was approved. See the gate's log")
