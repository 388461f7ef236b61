"""risksvc.v1.IncidentService: who calls, then the operation. Decides nothing, holds nothing."""

from risksvc.gate.operator_calls import OperatorCalls
from risksvc.v1 import incident_pb2_grpc


class IncidentService(OperatorCalls, incident_pb2_grpc.IncidentServiceServicer):
    """What follows a halt: incident, assessment, decision, flatten, review."""
