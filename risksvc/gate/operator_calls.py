"""What every operator's RPC shares: the credential, the deadline, durability before the answer.

Rule 1: nobody is served without an operator's token; all wrong tokens get the same answer. Rule 2: who acts is the
operator whose token it is. The token is never logged.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from grpc import StatusCode

from risksvc.gate.app import GateApp
from risksvc.gate.operator_tokens import find_operator
from risksvc.gate.rpc_guard import Context, end, errors_as_statuses, refuse_late

METADATA_KEY = "authorization"
_SCHEME = "bearer "
_HOW = (
    "give an operator's token in the metadata: authorization: Bearer <token>; `risksvc operator token NAME` makes one"
)

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def operator_of(app: GateApp, header: str | bytes | None) -> str | None:
    """The name of the operator whose token the header carries; None: nobody's."""
    text = header.decode("latin-1") if isinstance(header, bytes) else header or ""
    if not text.lower().startswith(_SCHEME):
        return None
    found = find_operator(app.settings.operators, text[len(_SCHEME) :].strip())
    return None if found is None else found.name


async def who(app: GateApp, context: Context) -> str:
    """The operator who calls; ends the call with UNAUTHENTICATED when it is nobody's token."""
    headers = [value for key, value in context.invocation_metadata() or () if key.lower() == METADATA_KEY]
    name = operator_of(app, headers[0]) if len(headers) == 1 else None
    if name is None:
        problem = "not an operator's token" if headers else "no operator's token"
        await end(context, StatusCode.UNAUTHENTICATED, f"{problem}: {_HOW}")
    return name


class OperatorCalls:
    """All RPCs alike: token, deadline, operation."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def run(
        self, operation: Callable[[GateApp, _In, str], Awaitable[_Out]], request: _In, context: Context
    ) -> _Out:
        """What is answered is durable."""
        answer = await self.look(operation, request, context)
        async with errors_as_statuses(self._app, context):
            await self._app.owner.durable()
            return answer

    async def look(
        self, operation: Callable[[GateApp, _In, str], Awaitable[_Out]], request: _In, context: Context
    ) -> _Out:
        """What must work while the gate is closed by a fault, too: looking, and cancelling."""
        async with errors_as_statuses(self._app, context):
            by = await who(self._app, context)
            await refuse_late(self._app, context)
            return await operation(self._app, request, by)
