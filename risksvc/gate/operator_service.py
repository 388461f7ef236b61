"""risksvc.v1.OperatorService: who calls, then the operation. Decides nothing, holds nothing.

Rule 1: nobody is served without an operator's token; all wrong tokens get the same answer. Rule 2: who acts is the
operator whose token it is. The token is never logged.
"""

from typing import Any, TypeVar

from grpc import StatusCode

from risksvc.gate import operations
from risksvc.gate.app import GateApp
from risksvc.gate.operations import Operation
from risksvc.gate.operator_tokens import find_operator
from risksvc.gate.rpc_guard import Context, guarded, refuse_late
from risksvc.v1 import operator_pb2, operator_pb2_grpc

METADATA_KEY = "authorization"
_SCHEME = "bearer "
_HOW = (
    "give an operator's token in the metadata: authorization: Bearer <token>; `risksvc operator token NAME` makes one"
)

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
        await context.abort(StatusCode.UNAUTHENTICATED, f"{problem}: {_HOW}")
        raise AssertionError("abort raises")
    return name


class OperatorService(operator_pb2_grpc.OperatorServiceServicer):
    """All RPCs alike: token, deadline, operation."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def _run(self, operation: Operation, request: Any, context: Context) -> Any:  # noqa: ANN401 - by operation
        by = await _who(self._app, context)
        await refuse_late(self._app, context)

        async def handle(request: Any) -> Any:  # noqa: ANN401
            return await operation(self._app, request, by)

        return await guarded(self._app, context, handle, request)

    async def Halt(self, request: operator_pb2.HaltRequest, context: Context) -> operator_pb2.HaltResponse:  # noqa: D102, N802
        return await self._run(operations.halt, request, context)

    async def Resume(  # noqa: D102, N802
        self, request: operator_pb2.ResumeRequest, context: Context
    ) -> operator_pb2.ResumeResponse:
        return await self._run(operations.resume, request, context)

    async def GetStatus(  # noqa: D102, N802
        self, request: operator_pb2.GetStatusRequest, context: Context
    ) -> operator_pb2.GetStatusResponse:
        return await self._run(operations.get_status, request, context)

    async def ReloadLimits(  # noqa: D102, N802
        self, request: operator_pb2.ReloadLimitsRequest, context: Context
    ) -> operator_pb2.ReloadLimitsResponse:
        return await self._run(operations.reload_limits, request, context)

    async def GetLimits(  # noqa: D102, N802
        self, request: operator_pb2.GetLimitsRequest, context: Context
    ) -> operator_pb2.GetLimitsResponse:
        return await self._run(operations.get_limits, request, context)

    async def GetExposure(  # noqa: D102, N802
        self, request: operator_pb2.GetExposureRequest, context: Context
    ) -> operator_pb2.GetExposureResponse:
        return await self._run(operations.get_exposure, request, context)

    async def Reconcile(  # noqa: D102, N802
        self, request: operator_pb2.ReconcileRequest, context: Context
    ) -> operator_pb2.ReconcileResponse:
        return await self._run(operations.reconcile, request, context)

    async def Adopt(  # noqa: D102, N802
        self, request: operator_pb2.AdoptRequest, context: Context
    ) -> operator_pb2.AdoptResponse:
        return await self._run(operations.adopt, request, context)

    async def ListOpenOrders(  # noqa: D102, N802
        self, request: operator_pb2.ListOpenOrdersRequest, context: Context
    ) -> operator_pb2.ListOpenOrdersResponse:
        return await self._run(operations.list_open_orders, request, context)

    async def ListReservations(  # noqa: D102, N802
        self, request: operator_pb2.ListReservationsRequest, context: Context
    ) -> operator_pb2.ListReservationsResponse:
        return await self._run(operations.list_reservations, request, context)

    async def CheckReducingOrder(  # noqa: D102, N802
        self, request: operator_pb2.CheckReducingOrderRequest, context: Context
    ) -> operator_pb2.CheckReducingOrderResponse:
        return await self._run(operations.check_reducing_order, request, context)

    async def CancelAll(  # noqa: D102, N802
        self, request: operator_pb2.CancelAllRequest, context: Context
    ) -> operator_pb2.CancelAllResponse:
        return await self._run(operations.cancel_all, request, context)
