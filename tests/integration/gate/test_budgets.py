"""What one caller can do to the others: too much, too large, too late, nonsense, nothing at all. Over real sockets."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from risksvc.gate.codec import decode
from risksvc.gate.convert_batch import MAX_BATCH
from risksvc.gate.journal import read_journal
from risksvc.gate.servers import OPERATOR_BUDGET, STRATEGY_BUDGET
from risksvc.v1 import operator_pb2, strategy_pb2, strategy_pb2_grpc
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_serve import halt, reasons

APPROVED = strategy_pb2.OUTCOME_APPROVED
ASK_AND_DIE = """
import os, sys, threading
import grpc
from risksvc.v1 import strategy_pb2, strategy_pb2_grpc
stub = strategy_pb2_grpc.StrategyServiceStub(grpc.insecure_channel(sys.argv[1]))
request = strategy_pb2.CheckOrderRequest.FromString(bytes.fromhex(sys.argv[2]))
for _ in range(20):
    stub.CheckOrder.future(request, timeout=5)
os.kill(os.getpid(), 9)
"""


def own_channel(gate: GateProcess, name: str) -> grpc.Channel:
    """A connection that is nobody else's."""
    return grpc.insecure_channel(gate.socket(name), options=[("grpc.use_local_subchannel_pool", 1)])


def reserved(gate: GateProcess) -> list[str]:
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    return [one.order.client_order_id for one in listed.reservations]


def checks_journaled(gate: GateProcess, kind: str = "OrderChecked") -> int:
    entries = (decode(payload) for payload in read_journal(gate.folder / "s" / "journal"))
    return sum(type(entry.input).__name__ == kind for entry in entries)


def test_a_message_too_large_changes_nothing(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    for text in ("x" * STRATEGY_BUDGET.receive_bytes, "x" * 5_000_000):
        with pytest.raises(grpc.RpcError) as refused:
            gate.strategy.CheckOrder(order(strategy_version=text), timeout=5)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert checks_journaled(gate) == 0
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED


def test_metadata_too_large_changes_nothing(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    with own_channel(gate, "strategy") as channel:
        stub = strategy_pb2_grpc.StrategyServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.CheckOrder(order(), timeout=5, metadata=(("x-much", "y" * 40_000),))
    assert refused.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
    assert checks_journaled(gate) == 0
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED


def test_a_connection_has_so_many_calls_and_the_next_has_its_own(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    most = STRATEGY_BUDGET.streams_per_connection
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    with own_channel(gate, "strategy") as channel:
        stub = strategy_pb2_grpc.StrategyServiceStub(channel)
        watching = [stub.WatchTradingState(request, timeout=60) for _ in range(most)]
        for stream in watching:
            next(stream)
        with pytest.raises(grpc.RpcError) as waited:
            stub.CheckOrder(order(), timeout=0.5)
        assert waited.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert checks_journaled(gate) == 0, "it never reached the gate"
        assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED
        for stream in watching:
            stream.cancel()


def test_one_listener_used_up_leaves_the_others_alone(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    most = STRATEGY_BUDGET.streams_per_connection
    with contextlib.ExitStack() as stack:
        refused = 0
        for _ in range(STRATEGY_BUDGET.rpcs // most):
            channel = stack.enter_context(own_channel(gate, "strategy"))
            stub = strategy_pb2_grpc.StrategyServiceStub(channel)
            for stream in [stub.WatchTradingState(request, timeout=120) for _ in range(most - 1)]:
                stack.callback(stream.cancel)
                try:
                    next(stream)
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED  # noqa: PT017 - counted, not expected
                    refused += 1
        assert refused > 0, "more watchers than there is room for"
        assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED, "watchers leave room for checks"
        assert halt(gate).halt_id
        feed.marks()
        assert "HALTED" in reasons(gate.strategy.CheckOrder(order(), timeout=5))


def test_operators_have_a_budget_of_their_own(gate: GateProcess) -> None:
    status = operator_pb2.GetStatusRequest()
    calls = [
        gate.operator().GetStatus.future(status, timeout=20, metadata=as_("alice"))
        for _ in range(4 * OPERATOR_BUDGET.rpcs)
    ]

    def taken() -> bool:
        try:
            return bool(halt(gate).halt_id)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False  # refused before it cost anything: it may be asked again

    gate.wait_for(taken, "beside them a halt is taken")
    codes = {call.code() for call in calls}
    assert grpc.StatusCode.OK in codes
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


def test_a_client_that_dies_in_the_middle(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    message = order().SerializeToString().hex()
    for _ in range(3):
        command = [sys.executable, "-c", ASK_AND_DIE, gate.socket("strategy"), message]
        assert subprocess.run(command, timeout=30, check=False).returncode == -9
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED
    assert gate.process is not None
    assert gate.process.poll() is None
    assert " error " not in gate.log_text()
    assert len(reserved(gate)) in (1, 2), "the same order is reserved once"


def test_callers_that_have_gone_are_no_errors_of_the_gate(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    for _ in range(300):
        call = gate.strategy.CheckOrder.future(order(quantity="0.001"), timeout=5)
        call.cancel()
    for _ in range(300):
        with contextlib.suppress(grpc.RpcError):
            gate.strategy.CheckOrder(order(quantity="0.001"), timeout=0.0005)
    assert gate.strategy.CheckOrder(order(quantity="0.001"), timeout=5).outcome == APPROVED
    assert "Traceback" not in gate.log_text()
    assert not gate.status().warnings or all("internal" not in one for one in gate.status().warnings)


def test_an_unknown_method_and_garbage(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    with own_channel(gate, "strategy") as channel:
        for method in ("/risksvc.v1.StrategyService/Approve", "/risksvc.v1.OperatorService/Halt", "/x/y"):
            with pytest.raises(grpc.RpcError) as unknown:
                channel.unary_unary(method)(b"", timeout=5)  # type: ignore[arg-type]  # bytes as they are
            assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
    for garbage in (b"\x00" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 4096):
        with connected(gate) as stranger:
            stranger.sendall(garbage)
            with contextlib.suppress(OSError):
                stranger.recv(4096)
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED


@contextlib.contextmanager
def connected(gate: GateProcess) -> Iterator[socket.socket]:
    stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stranger.settimeout(5)
    stranger.connect(gate.socket("strategy").removeprefix("unix:"))
    try:
        yield stranger
    finally:
        stranger.close()


def test_connections_that_say_nothing_and_thousands_that_come_and_go(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    assert gate.process is not None
    descriptors = Path(f"/proc/{gate.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(gate)).sendall(b"PRI * HTT")
        assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED
        for _ in range(2_000):
            with connected(gate):
                pass
        assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED
    gate.wait_for(lambda: len(list(descriptors.iterdir())) <= before + 20, "their descriptors are given back")
    assert gate.status().ready


def test_what_waited_longer_than_its_caller_is_dropped_before_it_reserves(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    """More than the gate can take in the time that callers give it: what is reserved was decided in time."""
    stub = gate.strategy
    stub.CheckOrder(order(quantity="0.001"), timeout=5)
    batches = [_batch_of_100(order) for _ in range(60)]  # each takes milliseconds, on whatever machine
    calls = [stub.CheckBatch.future(batch, timeout=0.03) for batch in batches]
    ends = [call.code() for call in calls]
    assert set(ends) <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
    assert stub.CheckOrder(order(quantity="0.001"), timeout=5).client_order_id, "what came before is through"
    answered = ends.count(grpc.StatusCode.OK)
    decided = checks_journaled(gate, "OrdersChecked")
    assert decided >= answered
    assert decided < len(calls), "what came too late was dropped"


def _batch_of_100(order: Order) -> strategy_pb2.CheckBatchRequest:
    orders = [order(quantity="0.001") for _ in range(MAX_BATCH)]
    return strategy_pb2.CheckBatchRequest(orders=orders, mode=strategy_pb2.BATCH_MODE_EACH)
