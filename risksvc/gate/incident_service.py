"""risksvc.v1.IncidentService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate import flattening
from risksvc.gate.operator_calls import OperatorCalls
from risksvc.gate.rpc_guard import Context
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import incident_pb2_grpc


class IncidentService(OperatorCalls, incident_pb2_grpc.IncidentServiceServicer):
    """What follows a halt: incident, assessment, decision, flatten, review."""

    async def Flatten(self, request: pb.FlattenRequest, context: Context) -> pb.FlattenResponse:  # noqa: N802
        """The plan, and its start."""
        return await self.run(flattening.flatten, request, context)

    async def GetFlatten(self, request: pb.GetFlattenRequest, context: Context) -> pb.GetFlattenResponse:  # noqa: N802
        """How one stands."""
        return await self.look(flattening.get_flatten, request, context)

    async def StopFlatten(self, request: pb.StopFlattenRequest, context: Context) -> pb.StopFlattenResponse:  # noqa: N802
        """Nothing more is sent."""
        return await self.run(flattening.stop_flatten, request, context)
