"""risksvc.v1.IncidentService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate.flatten import operations as flattening
from risksvc.gate.incident import assessing, deciding
from risksvc.gate.incident import operations as incidents
from risksvc.gate.operator_calls import OperatorCalls
from risksvc.gate.rpc_guard import Context
from risksvc.gate.telling import contacts
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import incident_pb2_grpc


class IncidentService(OperatorCalls, incident_pb2_grpc.IncidentServiceServicer):
    """What follows a halt: incident, assessment, decision, flatten, review."""

    async def Assess(self, request: pb.AssessRequest, context: Context) -> pb.AssessResponse:  # noqa: N802
        """Looks at the venue itself; also while the gate is closed by a fault, then recorded nowhere."""
        return await self.look(assessing.assess, request, context)

    async def Decide(self, request: pb.DecideRequest, context: Context) -> pb.DecideResponse:  # noqa: N802
        """Says what is recommended, and why, also while a fault keeps the gate closed; records a course given."""
        call = self.run if request.course else self.look
        return await call(deciding.decide, request, context)

    async def Flatten(self, request: pb.FlattenRequest, context: Context) -> pb.FlattenResponse:  # noqa: N802
        """The plan, and its start."""
        return await self.run(flattening.flatten, request, context)

    async def GetFlatten(self, request: pb.GetFlattenRequest, context: Context) -> pb.GetFlattenResponse:  # noqa: N802
        """How one stands."""
        return await self.look(flattening.get_flatten, request, context)

    async def StopFlatten(self, request: pb.StopFlattenRequest, context: Context) -> pb.StopFlattenResponse:  # noqa: N802
        """Nothing more is sent."""
        return await self.run(flattening.stop_flatten, request, context)

    async def OpenIncident(self, request: pb.OpenIncidentRequest, context: Context) -> pb.OpenIncidentResponse:  # noqa: N802
        """A person opens one."""
        return await self.run(incidents.open_incident, request, context)

    async def ListIncidents(self, request: pb.ListIncidentsRequest, context: Context) -> pb.ListIncidentsResponse:  # noqa: N802
        """Those that are open, or all."""
        return await self.look(incidents.list_incidents, request, context)

    async def GetIncident(self, request: pb.GetIncidentRequest, context: Context) -> pb.GetIncidentResponse:  # noqa: N802
        """Everything about one."""
        return await self.look(incidents.get_incident, request, context)

    async def UpdateIncident(self, request: pb.UpdateIncidentRequest, context: Context) -> pb.UpdateIncidentResponse:  # noqa: N802
        """One step of the record."""
        return await self.run(incidents.update_incident, request, context)

    async def RecordReview(self, request: pb.RecordReviewRequest, context: Context) -> pb.RecordReviewResponse:  # noqa: N802
        """The review's result."""
        return await self.run(incidents.record_review, request, context)

    async def GetContacts(self, request: pb.GetContactsRequest, context: Context) -> pb.GetContactsResponse:  # noqa: N802
        """Who is told."""
        return await self.look(contacts.get_contacts, request, context)

    async def TestContacts(self, request: pb.TestContactsRequest, context: Context) -> pb.TestContactsResponse:  # noqa: N802
        """A test message to everybody."""
        return await self.look(contacts.test_contacts, request, context)
