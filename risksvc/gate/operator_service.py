"""risksvc.v1.OperatorService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate import cancelling, halting, operations, reconciling
from risksvc.gate.operator_calls import OperatorCalls, who
from risksvc.gate.rpc_guard import Context, errors_as_statuses
from risksvc.v1 import operator_pb2 as pb
from risksvc.v1 import operator_pb2_grpc


class OperatorService(OperatorCalls, operator_pb2_grpc.OperatorServiceServicer):
    """Halting, resuming, looking, adopting, cancelling."""

    async def Halt(self, request: pb.HaltRequest, context: Context) -> pb.HaltResponse:  # noqa: N802
        """Halts or reduces a scope; taken even when its caller no longer waits, told even when the disk hangs."""
        async with errors_as_statuses(self._app, context):
            return await halting.halt(self._app, request, await who(self._app, context))

    async def Resume(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:  # noqa: N802
        """Proposes or confirms clearing halts."""
        return await self.run(halting.resume, request, context)

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.GetStatusResponse:  # noqa: N802
        """Everything an operator wants to know first."""
        return await self.look(operations.get_status, request, context)

    async def ReloadLimits(self, request: pb.ReloadLimitsRequest, context: Context) -> pb.ReloadLimitsResponse:  # noqa: N802
        """Reads the limits file again."""
        return await self.run(operations.reload_limits, request, context)

    async def GetLimits(self, request: pb.GetLimitsRequest, context: Context) -> pb.GetLimitsResponse:  # noqa: N802
        """The limits in force."""
        return await self.look(operations.get_limits, request, context)

    async def GetExposure(self, request: pb.GetExposureRequest, context: Context) -> pb.GetExposureResponse:  # noqa: N802
        """Positions three ways, worst case, limits."""
        return await self.look(operations.get_exposure, request, context)

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> pb.ReconcileResponse:  # noqa: N802
        """A complete read now."""
        return await self.look(reconciling.reconcile, request, context)

    async def Adopt(self, request: pb.AdoptRequest, context: Context) -> pb.AdoptResponse:  # noqa: N802
        """Explains what exists."""
        return await self.run(reconciling.adopt, request, context)

    async def ListOpenOrders(self, request: pb.ListOpenOrdersRequest, context: Context) -> pb.ListOpenOrdersResponse:  # noqa: N802
        """What works, or may."""
        return await self.look(operations.list_open_orders, request, context)

    async def ListReservations(  # noqa: N802
        self, request: pb.ListReservationsRequest, context: Context
    ) -> pb.ListReservationsResponse:
        """What is approved and not proven finished."""
        return await self.look(operations.list_reservations, request, context)

    async def CheckReducingOrder(  # noqa: N802
        self, request: pb.CheckReducingOrderRequest, context: Context
    ) -> pb.CheckReducingOrderResponse:
        """An operator's own exit."""
        return await self.run(operations.check_reducing_order, request, context)

    async def GetReconciliation(  # noqa: N802
        self, request: pb.GetReconciliationRequest, context: Context
    ) -> pb.GetReconciliationResponse:
        """The three ledgers side by side."""
        return await self.look(operations.get_reconciliation, request, context)

    async def ExpectOrder(self, request: pb.ExpectOrderRequest, context: Context) -> pb.ExpectOrderResponse:  # noqa: N802
        """A person's announcement."""
        return await self.run(operations.expect_order, request, context)

    async def CancelAll(self, request: pb.CancelAllRequest, context: Context) -> pb.CancelAllResponse:  # noqa: N802
        """Cancels, or says what to cancel by hand."""
        return await self.look(cancelling.cancel_all, request, context)
