"""risksvc.v1.OperatorService: who calls, then the operation. Decides nothing, holds nothing.

Rule 1: nobody is served without an operator's token; all wrong tokens get the same answer. Rule 2: who acts is the
operator whose token it is. The token is never logged.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from grpc import StatusCode

from risksvc.gate import halting, operations, reconciling
from risksvc.gate.app import GateApp
from risksvc.gate.operator_tokens import find_operator
from risksvc.gate.rpc_guard import Context, end, errors_as_statuses, refuse_late
from risksvc.v1 import operator_pb2 as pb
from risksvc.v1 import operator_pb2_grpc

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


async def _who(app: GateApp, context: Context) -> str:
    headers = [value for key, value in context.invocation_metadata() or () if key.lower() == METADATA_KEY]
    name = operator_of(app, headers[0]) if len(headers) == 1 else None
    if name is None:
        problem = "not an operator's token" if headers else "no operator's token"
        await end(context, StatusCode.UNAUTHENTICATED, f"{problem}: {_HOW}")
    return name


class OperatorService(operator_pb2_grpc.OperatorServiceServicer):
    """All RPCs alike: token, deadline, operation."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def _run(
        self, operation: Callable[[GateApp, _In, str], Awaitable[_Out]], request: _In, context: Context
    ) -> _Out:
        """What is answered is durable."""
        answer = await self._look(operation, request, context)
        async with errors_as_statuses(self._app, context):
            await self._app.owner.durable()
            return answer

    async def _look(
        self, operation: Callable[[GateApp, _In, str], Awaitable[_Out]], request: _In, context: Context
    ) -> _Out:
        """What must work while the gate is closed by a fault, too: looking, and cancelling."""
        async with errors_as_statuses(self._app, context):
            by = await _who(self._app, context)
            await refuse_late(self._app, context)
            return await operation(self._app, request, by)

    async def Halt(self, request: pb.HaltRequest, context: Context) -> pb.HaltResponse:  # noqa: N802
        """Halts or reduces a scope; taken even when its caller no longer waits, told even when the disk hangs."""
        async with errors_as_statuses(self._app, context):
            return await halting.halt(self._app, request, await _who(self._app, context))

    async def Resume(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:  # noqa: N802
        """Proposes or confirms clearing halts."""
        return await self._run(halting.resume, request, context)

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.GetStatusResponse:  # noqa: N802
        """Everything an operator wants to know first."""
        return await self._look(operations.get_status, request, context)

    async def ReloadLimits(self, request: pb.ReloadLimitsRequest, context: Context) -> pb.ReloadLimitsResponse:  # noqa: N802
        """Reads the limits file again."""
        return await self._run(operations.reload_limits, request, context)

    async def GetLimits(self, request: pb.GetLimitsRequest, context: Context) -> pb.GetLimitsResponse:  # noqa: N802
        """The limits in force."""
        return await self._look(operations.get_limits, request, context)

    async def GetExposure(self, request: pb.GetExposureRequest, context: Context) -> pb.GetExposureResponse:  # noqa: N802
        """Positions three ways, worst case, limits."""
        return await self._look(operations.get_exposure, request, context)

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> pb.ReconcileResponse:  # noqa: N802
        """A complete read now."""
        return await self._look(reconciling.reconcile, request, context)

    async def Adopt(self, request: pb.AdoptRequest, context: Context) -> pb.AdoptResponse:  # noqa: N802
        """Explains what exists."""
        return await self._run(reconciling.adopt, request, context)

    async def ListOpenOrders(self, request: pb.ListOpenOrdersRequest, context: Context) -> pb.ListOpenOrdersResponse:  # noqa: N802
        """What works, or may."""
        return await self._look(operations.list_open_orders, request, context)

    async def ListReservations(  # noqa: N802
        self, request: pb.ListReservationsRequest, context: Context
    ) -> pb.ListReservationsResponse:
        """What is approved and not proven finished."""
        return await self._look(operations.list_reservations, request, context)

    async def CheckReducingOrder(  # noqa: N802
        self, request: pb.CheckReducingOrderRequest, context: Context
    ) -> pb.CheckReducingOrderResponse:
        """An operator's own exit."""
        return await self._run(operations.check_reducing_order, request, context)

    async def GetReconciliation(  # noqa: N802
        self, request: pb.GetReconciliationRequest, context: Context
    ) -> pb.GetReconciliationResponse:
        """The three ledgers side by side."""
        return await self._look(operations.get_reconciliation, request, context)

    async def ExpectOrder(self, request: pb.ExpectOrderRequest, context: Context) -> pb.ExpectOrderResponse:  # noqa: N802
        """A person's announcement."""
        return await self._run(operations.expect_order, request, context)

    async def CancelAll(self, request: pb.CancelAllRequest, context: Context) -> pb.CancelAllResponse:  # noqa: N802
        """Cancels, or says what to cancel by hand."""
        return await self._look(reconciling.cancel_all, request, context)
