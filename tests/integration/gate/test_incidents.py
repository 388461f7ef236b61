"""An incident in a real gate: opened by a halt, told by whom, still the same after kill -9, closed when it is over."""

import pytest

from risksvc.v1 import incident_pb2, incident_pb2_grpc, operator_pb2, types_pb2
from tests.integration.gate.gate_process import GateProcess, as_

pytestmark = pytest.mark.timeout(120)


def flow(gate: GateProcess) -> incident_pb2_grpc.IncidentServiceStub:
    return incident_pb2_grpc.IncidentServiceStub(gate.channel("operator"))


def shown(gate: GateProcess, incident_id: str = "") -> incident_pb2.Incident:
    request = incident_pb2.GetIncidentRequest(incident_id=incident_id)
    return flow(gate).GetIncident(request, timeout=10, metadata=as_("alice")).incident


def said(incident: incident_pb2.Incident) -> list[tuple[str, str]]:
    """What people did; the gate's own notes, of who could be told, come when they come."""
    return [(one.kind, one.by) for one in incident.timeline if one.kind != "NOTE"]


def update(gate: GateProcess, who: str, **step: object) -> incident_pb2.UpdateIncidentResponse:
    request = incident_pb2.UpdateIncidentRequest(**step)  # type: ignore[arg-type]  # the step by its name
    return flow(gate).UpdateIncident(request, timeout=10, metadata=as_(who))


def test_what_was_said_of_an_incident_survives_kill_nine(gate: GateProcess) -> None:
    request = operator_pb2.HaltRequest(scope=types_pb2.Scope(account="main"), reason="odd fills")
    halted = gate.operator().Halt(request, timeout=10, metadata=as_("alice"))
    assert halted.incident_id == "gate-1-i1"
    update(gate, "bob", take=incident_pb2.TakeIncident())
    update(gate, "bob", incident_id="i1", cause=incident_pb2.NameCause(cause="tracker", fixed=True))
    before = shown(gate)
    assert said(before) == [("OPENED", "alice"), ("OWNER", "bob"), ("CAUSE", "bob")]

    gate.kill()
    gate.start()

    after = shown(gate, "i1")
    assert said(after) == said(before)
    for name in ("owner", "cause", "cause_fixed", "halt_ids", "active_halt_ids", "clocks", "evidence", "opened_at_ns"):
        assert getattr(after, name) == getattr(before, name), name
    refused = update(gate, "bob", close=incident_pb2.CloseIncident(summary="mended"))
    assert [one.reason for one in refused.refusals] == [operator_pb2.REFUSAL_REASON_HALT_IN_FORCE]
    listed = flow(gate).ListIncidents(incident_pb2.ListIncidentsRequest(), timeout=10, metadata=as_("alice")).incidents
    assert [one.incident_id for one in listed] == ["gate-1-i1"]
    request_open = incident_pb2.OpenIncidentRequest(severity=types_pb2.SEVERITY_P2, summary="slow marks")
    opened = flow(gate).OpenIncident(request_open, timeout=10, metadata=as_("alice")).incident
    assert (opened.incident_id, opened.opened_by) == ("gate-1-i2", "alice")
    review = incident_pb2.RecordReviewRequest(
        incident_id="i2", cost="0", currency="USD", report_sha256="ab" * 32, summary="no impact"
    )
    reviewed = flow(gate).RecordReview(review, timeout=10, metadata=as_("bob")).incident
    assert (reviewed.review.cost, reviewed.review.by) == ("0", "bob")
    closed = update(gate, "bob", incident_id="i2", close=incident_pb2.CloseIncident(summary="marks are back"))
    assert closed.incident.closed_by == "bob"
