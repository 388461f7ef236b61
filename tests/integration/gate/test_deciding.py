"""A hold by two persons against a running gate: recorded by each, in force by both, and still so after a kill -9."""

import grpc
import pytest

from risksvc.v1 import incident_pb2, operator_pb2, strategy_pb2
from tests.integration.gate.conftest import Order, connect_feed, open_gate
from tests.integration.gate.gate_process import GateProcess, as_

BTC = "BTC/USDT:USDT"
HOLD, FLATTEN = incident_pb2.COURSE_HOLD, incident_pb2.COURSE_FLATTEN


def decide(
    gate: GateProcess, who: str, course: "incident_pb2.Course.ValueType" = incident_pb2.COURSE_UNSPECIFIED
) -> incident_pb2.DecideResponse:
    request = incident_pb2.DecideRequest(course=course, reason="close is near" if course else "")
    return gate.flow().Decide(request, timeout=10, metadata=as_(who))


def assess(gate: GateProcess) -> incident_pb2.AssessResponse:
    return gate.flow().Assess(incident_pb2.AssessRequest(), timeout=20, metadata=as_("alice"))


def test_a_hold_takes_two_and_survives_a_kill(gate: GateProcess, order: Order) -> None:
    feed = open_gate(gate)
    approved = gate.strategy.CheckOrder(order(), timeout=5)
    assert approved.outcome == strategy_pb2.OUTCOME_APPROVED
    feed.positions = {BTC: "0.1"}
    feed.fill("1", quantity="0.1", client_order_id="order-1")
    feed.snapshot()
    gate.operator().Halt(operator_pb2.HaltRequest(reason="drill"), timeout=5, metadata=as_("alice"))
    with pytest.raises(grpc.RpcError) as nobody:
        gate.flow().Decide(incident_pb2.DecideRequest(), timeout=5)
    assert nobody.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert [one.name for one in decide(gate, "alice").reasons] == ["NOT_ASSESSED"]
    assert assess(gate).complete
    assert decide(gate, "alice").recommended == FLATTEN

    one = decide(gate, "alice", HOLD)
    assert (one.in_force, list(one.waiting_for), one.incident.choices[0].role) == (False, ["risk"], "engineering")
    feed.close()
    gate.kill()
    gate.start()
    feed = connect_feed(gate)
    feed.positions = {BTC: "0.1"}
    two = decide(gate, "bob", HOLD)
    assert two.in_force, two.refusals
    assert [(choice.by, choice.role) for choice in two.incident.choices] == [("alice", "engineering"), ("bob", "risk")]
    assert two.hold.next_reminder_ns - two.hold.since_ns == 15 * 60 * 10**9
    feed.close()
    gate.kill()
    gate.start()

    found = decide(gate, "alice")
    assert found.incident.course == HOLD
    assert found.hold == two.hold
    assert [entry.kind for entry in found.incident.timeline][-2:] == ["COURSE_CHOSEN", "COURSE_IN_FORCE"]
