"""risksvc.v1.IncidentService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate import assessing, deciding
from risksvc.gate.operator_calls import OperatorCalls
from risksvc.gate.rpc_guard import Context
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import incident_pb2_grpc


class IncidentService(OperatorCalls, incident_pb2_grpc.IncidentServiceServicer):
    """What follows a halt: incident, assessment, decision, flatten, review."""

    async def Assess(self, request: pb.AssessRequest, context: Context) -> pb.AssessResponse:  # noqa: N802
        """Looks at the venue itself; also while the gate is closed by a fault, then recorded nowhere."""
        return await self.look(assessing.assess, request, context)

    async def Decide(self, request: pb.DecideRequest, context: Context) -> pb.DecideResponse:  # noqa: N802
        """Says what is recommended, and why; records a course where one is given."""
        return await self.run(deciding.decide, request, context)
