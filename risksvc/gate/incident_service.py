"""risksvc.v1.IncidentService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate import contacts
from risksvc.gate.operator_calls import OperatorCalls
from risksvc.gate.rpc_guard import Context
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import incident_pb2_grpc


class IncidentService(OperatorCalls, incident_pb2_grpc.IncidentServiceServicer):
    """What follows a halt: incident, assessment, decision, flatten, review."""

    async def GetContacts(self, request: pb.GetContactsRequest, context: Context) -> pb.GetContactsResponse:  # noqa: N802
        """Who is told."""
        return await self.look(contacts.get_contacts, request, context)

    async def TestContacts(self, request: pb.TestContactsRequest, context: Context) -> pb.TestContactsResponse:  # noqa: N802
        """A test message to everybody."""
        return await self.look(contacts.test_contacts, request, context)
