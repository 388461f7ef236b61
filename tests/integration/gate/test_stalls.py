"""A gate that stood still: what it decides when it goes on rests on nothing that it read before."""

import contextlib
import signal
import time

import grpc

from risksvc.core.events import LeaseLost, LeaseRenewed, OrderChecked
from risksvc.core.outputs import Decision
from risksvc.gate.codec import decode
from risksvc.gate.journal import read_journal
from risksvc.v1 import strategy_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.stopping import stop

WAITING = 20


def test_checks_that_wait_for_a_stopped_gate_are_not_approved_on_its_old_lease(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    assert gate.process is not None
    stub = gate.strategy
    for seconds in (0.5, 1.5):
        gate.wait_for(lambda: gate.status().ready, "the gate is open")
        assert stub.CheckOrder(order(quantity="0.001"), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
        stop(gate.process.pid)
        stopped = time.time_ns()
        calls = [stub.CheckOrder.future(order(quantity="0.001"), timeout=30) for _ in range(WAITING)]
        time.sleep(seconds)
        gate.process.send_signal(signal.SIGCONT)
        for call in calls:
            with contextlib.suppress(grpc.RpcError):
                call.result(timeout=30)
        _nothing_was_approved_before_a_new_lease(gate, stopped, settled=int(0.3e9))


def _nothing_was_approved_before_a_new_lease(gate: GateProcess, stopped: int, *, settled: int) -> None:
    """`settled`: a lease; what was read before the stop is older than that when the gate goes on."""
    entries = [decode(payload) for payload in read_journal(gate.folder / "s" / "journal")]
    renewed, checks = False, 0
    for entry in entries:
        if entry.now < stopped + settled:
            continue
        if isinstance(entry.input, LeaseRenewed):
            renewed = True
        elif isinstance(entry.input, LeaseLost):
            renewed = False
        elif isinstance(entry.input, OrderChecked):
            decision = entry.outputs[0]
            assert isinstance(decision, Decision)
            checks += 1
            assert renewed or not decision.approved, entry
    assert checks, "some were decided after it went on"
