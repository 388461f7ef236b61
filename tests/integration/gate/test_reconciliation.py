"""What operators ask a running gate about the three ledgers, against a scripted venue."""

import grpc
import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed

BTC = "BTC/USDT:USDT"


def look(gate: GateProcess, **fields: str) -> operator_pb2.AccountReconciliation:
    request = operator_pb2.GetReconciliationRequest(**fields)
    [account] = gate.operator().GetReconciliation(request, timeout=5, metadata=as_("bob")).accounts
    return account


def test_the_three_ledgers_of_a_running_gate(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    request = order()
    assert gate.strategy.CheckOrder(request, timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    feed.fill("t1", quantity="0.1", client_order_id=request.client_order_id)
    feed.fill("t2", quantity="0.3")
    gate.wait_for(lambda: any(len(one.fills) == 2 for one in look(gate).instruments), "both fills")
    feed.positions[BTC] = "0.4"
    feed.snapshot()
    gate.wait_for(lambda: look(gate).instruments[0].status == "DIVERGED", "the read confirms it")
    [found] = look(gate, account="main", instrument=BTC).instruments
    assert (found.venue, found.ledger, found.unexplained, found.difference) == ("0.4", "0.4", "0.3", "0")
    assert [(one.strategy, one.ledger, one.believed) for one in found.strategies] == [("mm", "0.1", "0")]
    assert [(one.trade_id, one.strategy, one.explained) for one in found.fills] == [
        ("t1", "mm", True),
        ("t2", "", False),
    ]
    assert request.client_order_id in found.fills[0].explanation
    assert [one.divergence_class for one in found.divergences] == ["UNEXPECTED_FILL"]


def test_what_nobody_knows_is_refused_and_who_asks_must_be_known(quiet_gate: GateProcess) -> None:
    gate = quiet_gate
    with pytest.raises(grpc.RpcError, match=r"DOGE.* is not an instrument here; known: BTC/USDT:USDT") as refused:
        look(gate, instrument="DOGE/USDT:USDT")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError, match="not an account of the settings file"):
        look(gate, account="other")
    with pytest.raises(grpc.RpcError) as unknown:
        gate.operator().GetReconciliation(operator_pb2.GetReconciliationRequest(), timeout=5)
    assert unknown.value.code() is grpc.StatusCode.UNAUTHENTICATED


# -- an order by hand ---------------------------------------------------------------------------------------------


def expect(gate: GateProcess, quantity: str, **fields: object) -> strategy_pb2.CheckOrderResponse:
    usual: dict[str, object] = {
        "account": "main",
        "strategy": "desk",
        "instrument": BTC,
        "side": types_pb2.SIDE_BUY,
        "type": types_pb2.ORDER_TYPE_MARKET,
        "quantity": quantity,
        "valid_ms": 60_000,
        "reason": "hedge by hand",
    }
    request = operator_pb2.ExpectOrderRequest(**(usual | fields))  # type: ignore[arg-type]  # fields by name
    return gate.operator().ExpectOrder(request, timeout=5, metadata=as_("alice")).decision


def test_an_announced_order_is_reserved_and_its_fill_expected(gate: GateProcess, feed: ScriptedFeed) -> None:
    desk = "      desk: {instruments: {BTC/USDT:USDT: {max_intended: 1, intended: {low: -1, high: 1}}}}\n"
    gate.limits.write_text(gate.limits.read_text() + desk)
    reload = operator_pb2.ReloadLimitsRequest(reason="a desk of its own")
    assert gate.operator().ReloadLimits(reload, timeout=5, metadata=as_("alice")).loaded
    decision = expect(gate, "0.1")
    assert decision.outcome == strategy_pb2.OUTCOME_APPROVED, decision.denials
    assert decision.valid_for_ns == 60_000_000_000
    listing = operator_pb2.ListReservationsRequest()
    [reserved] = gate.operator().ListReservations(listing, timeout=5, metadata=as_("bob")).reservations
    assert (reserved.order.strategy, reserved.order.client_order_id) == ("desk", decision.client_order_id)
    feed.positions[BTC] = "0.1"
    feed.fill("by-hand", quantity="0.1")
    feed.snapshot()
    gate.wait_for(lambda: [one.venue for one in look(gate).instruments] == ["0.1"], "the read")
    [found] = look(gate).instruments
    assert found.status == "AGREES"
    assert [(one.strategy, one.explained) for one in found.fills] == [("desk", True)]
    assert not gate.status().halts
    assert expect(gate, "2").denials[0].reason == types_pb2.DENIAL_REASON_MAX_NET_EXPOSURE
