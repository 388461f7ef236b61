"""What every RPC runs inside: errors become statuses, never answers.

Rule 1: malformed input is INVALID_ARGUMENT with field and what is allowed. Rule 2: anything unexpected is INTERNAL,
logged with its trace, counted, and says nothing of the inside. Rule 3: work whose deadline has passed is dropped before
anything is decided. Rule 4: a caller that has gone is told nothing, and is no error of the gate's.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import grpc.aio
from grpc import StatusCode

from risksvc.core.types import MalformedInputError
from risksvc.gate.app import GateApp
from risksvc.gate.owner import GateClosedError

_log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


async def end(context: Context, code: StatusCode, text: str) -> NoReturn:
    """Ends a call with a status; for a caller that has gone, which gRPC can't tell anything, as a cancelled call."""
    try:
        await context.abort(code, text)
    except grpc.aio.AbortError:
        raise
    except Exception as gone:
        raise asyncio.CancelledError from gone


async def refuse_late(app: GateApp, context: Context) -> None:
    """Ends a call whose caller no longer waits."""
    left: float | None = context.time_remaining()  # None: the caller set no deadline
    if left is not None and left <= 0:
        app.counters.expired += 1
        await end(context, StatusCode.DEADLINE_EXCEEDED, "the deadline had passed before the gate looked at it")


@asynccontextmanager
async def errors_as_statuses(app: GateApp, context: Context) -> AsyncIterator[None]:
    """Ends the call with the status that fits whatever goes wrong inside."""
    try:
        yield
    except grpc.aio.AbortError:
        raise
    except MalformedInputError as error:
        app.counters.malformed += 1
        await end(context, StatusCode.INVALID_ARGUMENT, str(error))
    except GateClosedError:
        app.counters.internal_errors += 1
        await end(context, StatusCode.INTERNAL, "the gate met an internal error and is closed; see `risksvc status`")
    except Exception:  # noqa: BLE001 - whatever it was, the caller gets a status and no answer
        app.counters.internal_errors += 1
        _log.exception("an internal error in a call")
        await end(context, StatusCode.INTERNAL, "an internal error; nothing was approved. See the gate's log")
