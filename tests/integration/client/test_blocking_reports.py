"""What the blocking gate tells in the background, and how it ends."""

import threading
from decimal import Decimal
from typing import Any

import grpc
import pytest

from risksvc.client import LocalReason, RiskGate
from risksvc.client.reports import ReportQueue
from risksvc.v1 import strategy_pb2
from tests.integration.client.scripted_gate import PATIENCE, RunningGate, ScriptedGate
from tests.integration.client.test_blocking_gate import NEVER_SENT, abort, reason
from tests.unit.client.messages import INSTRUMENT, an_order


def test_never_sent_is_repeated_until_the_gate_takes_it_in(script: ScriptedGate, gate: RiskGate) -> None:
    script.answer = abort(grpc.StatusCode.INTERNAL)
    script.reports_fail = grpc.StatusCode.UNAVAILABLE
    decision = gate.check(**an_order())
    assert not gate.flush(0.2)
    script.reports_fail = None
    assert gate.flush(PATIENCE)
    assert script.orders_reported(NEVER_SENT) == [decision.client_order_id]
    assert gate.reports_lost == 0


def test_never_sent_is_told_again_to_a_gate_that_does_not_know_the_order_yet(
    script: ScriptedGate, gate: RiskGate
) -> None:
    script.answer = abort(grpc.StatusCode.INTERNAL)
    script.known = lambda _: len(script.reports) > 1
    decision = gate.check(**an_order())
    assert script.wait_for(lambda: script.orders_reported(NEVER_SENT) == [decision.client_order_id] * 2)


def test_an_id_that_was_asked_about_before_is_never_reported_never_sent(script: ScriptedGate, gate: RiskGate) -> None:
    """Its first order may be working at the venue: giving its headroom back would be wrong."""
    assert gate.check(**an_order(client_order_id="mine-1"))
    script.answer = abort(grpc.StatusCode.INTERNAL)
    assert not gate.check(**an_order(client_order_id="mine-1"))
    other = gate.check(**an_order(client_order_id="mine-2"))
    assert script.wait_for(lambda: script.orders_reported(NEVER_SENT) == [other.client_order_id])
    assert gate.flush(PATIENCE)
    assert script.orders_reported(NEVER_SENT) == ["mine-2"]


def test_an_amendment_is_never_reported_never_sent(script: ScriptedGate, gate: RiskGate) -> None:
    """The order that it changes is working."""
    script.answer = abort(grpc.StatusCode.INTERNAL)
    assert not gate.check(**an_order(replaces="old-1", replace_mode="amend"))
    assert gate.flush(PATIENCE)
    assert not script.reports


def test_reports_arrive_in_order_and_whole(script: ScriptedGate, gate: RiskGate) -> None:
    decision = gate.check(**an_order())
    order_id = decision.client_order_id
    assert gate.sent(order_id)
    assert gate.acknowledged(order_id, "v-1")
    assert gate.fill(
        order_id,
        instrument=INSTRUMENT,
        side="buy",
        quantity="0.5",
        price=Decimal(50_000),
        trade_id="t-1",
        venue_time_ms=1_700_000_000_000,
    )
    assert gate.cancelled(order_id)
    assert gate.rejected(order_id)
    assert gate.position(INSTRUMENT, Decimal("0.5"))
    assert gate.flush(PATIENCE)
    kinds = [getattr(report, "report", type(report).__name__) for report in script.reports]
    assert kinds == [
        strategy_pb2.ORDER_REPORT_SENT,
        strategy_pb2.ORDER_REPORT_ACKNOWLEDGED,
        "ReportFillRequest",
        strategy_pb2.ORDER_REPORT_CANCELLED,
        strategy_pb2.ORDER_REPORT_REJECTED,
        "ReportPositionRequest",
    ]
    assert {report.strategy for report in script.reports} == {"mm-1"}
    assert script.reports[1].venue_order_id == "v-1"


def test_a_belief_can_be_compared_at_once(script: ScriptedGate, gate: RiskGate) -> None:
    assert gate.compare_position(INSTRUMENT, "1").agrees
    answer = gate.compare_position(INSTRUMENT, 2)
    assert (answer.agrees, answer.ledger_position, answer.problem) == (False, Decimal(1), "")
    script.ledger_position = "?"
    answer = gate.compare_position(INSTRUMENT, "1")
    assert (answer.agrees, answer.ledger_position) == (False, None)
    assert "unclear" in answer.problem
    script.ledger_position = ""
    assert "no ledger position" in gate.compare_position(INSTRUMENT, "1").problem


def test_a_report_the_gate_refuses_is_lost_and_said_so(
    script: ScriptedGate, gate: RiskGate, caplog: pytest.LogCaptureFixture
) -> None:
    script.reports_fail = grpc.StatusCode.INVALID_ARGUMENT
    assert gate.sent("a")
    assert gate.flush(PATIENCE)
    assert gate.reports_lost == 1
    assert "the gate refused a report, which is lost: ReportOrder a" in caplog.text


def test_a_closed_gate_denies_and_reports_nothing_more(script: ScriptedGate, gate: RiskGate) -> None:
    held = gate.check(**an_order())
    gate.close()
    gate.close()
    assert reason(gate.check(**an_order())) == LocalReason.CLOSED
    assert not held
    assert not gate.sent("a")
    assert not gate.wait_ready(0.01)
    assert gate.compare_position(INSTRUMENT, "1").problem
    assert len(script.checks) == 1


def test_closing_delivers_what_is_queued(script: ScriptedGate, gate: RiskGate) -> None:
    for number in range(200):
        gate.sent(f"id-{number}")
    gate.close(timeout=PATIENCE)
    assert len(script.reports) == 200


def test_no_thread_outlives_its_gate(running: RunningGate) -> None:
    with RiskGate(running.target, account="main", strategy="mm-1") as gate:
        assert gate.wait_ready(PATIENCE)
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("risksvc-")]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("risksvc-")]


def test_a_forgotten_gate_is_collected_with_its_threads(running: RunningGate) -> None:
    gate = RiskGate(running.target, account="main", strategy="mm-1")
    assert gate.wait_ready(PATIENCE)
    del gate
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("risksvc-")]


@pytest.mark.parametrize("where", ["_streams.ask", "_stub.CheckOrder"])
@pytest.mark.parametrize(("trouble", "raised"), [(RuntimeError("?"), False), (KeyboardInterrupt(), True)], ids=repr)
def test_whatever_breaks_a_check_its_order_is_reported_never_sent(
    script: ScriptedGate,
    gate: RiskGate,
    monkeypatch: pytest.MonkeyPatch,
    *,
    trouble: BaseException,
    where: str,
    raised: bool,
) -> None:
    def broken(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise trouble

    monkeypatch.setattr(gate._streams, "ask", lambda *_: None)
    holder, name = where.split(".")
    monkeypatch.setattr(getattr(gate, holder), name, broken)
    if raised:
        with pytest.raises(KeyboardInterrupt):
            gate.check(**an_order())
    else:
        assert reason(gate.check(**an_order())) == LocalReason.UNCLEAR_ANSWER
    assert gate.flush(PATIENCE)
    assert len(script.orders_reported(NEVER_SENT)) == 1


def test_a_full_queue_says_so_and_counts(
    running: RunningGate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("risksvc.client.session.ReportQueue", lambda: ReportQueue(most=2))
    running.script.reports_fail = grpc.StatusCode.UNAVAILABLE
    with RiskGate(running.target, account="main", strategy="mm-1") as gate:
        assert [gate.sent(name) for name in "abc"] == [True, True, False]
        assert gate.reports_lost == 1
        running.script.reports_fail = None
        assert gate.flush(PATIENCE)
    assert "the report queue is full: ReportOrder c is lost" in caplog.text
    assert running.script.orders_reported(strategy_pb2.ORDER_REPORT_SENT) == ["a", "b"]
