"""How a gate ends: told to, told twice, told too early, told in the middle of trouble, and not told at all."""

import os
import queue
import signal
import socket
import time
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.integration.gate.conftest import Order, open_gate
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_serve import halt

# A drain takes two seconds at most for calls that go on; the rest is what a busy machine may add.
PATIENCE = 25.0
# Stops for a while where the environment says: before the journal is read, or in every rebuild.
SLOW = """
import os, sys, time
from pathlib import Path
from risksvc.gate import serve, starting
from risksvc.gate.journal import JournalWriteError

folder = Path(sys.argv[1]).parent
recover = serve.recover

def slow(journal):
    (folder / "rebuilding").touch()
    time.sleep(float((folder / "slow").read_text()))
    return recover(journal)

serve.recover = slow

class Full:
    def __init__(self, journal):
        self.journal = journal
    def recover(self, **options):
        return self.journal.recover(**options)
    def append(self, payload):
        if (folder / "full").exists():
            (folder / "full").unlink()
            raise JournalWriteError("no space left on device")
        self.journal.append(payload)
    async def durable(self):
        await self.journal.durable()
    def commit(self):
        self.journal.commit()
    def __getattr__(self, name):
        return getattr(self.journal, name)

sys.exit(serve.run_gate(Path(sys.argv[1]), wrap_journal=Full))
"""
SLOW_START = """
import sys, time
from pathlib import Path
from risksvc.gate import embedded_redis, serve

begin = embedded_redis.EmbeddedRedis.start

async def slow(self):
    import asyncio
    (Path(sys.argv[1]).parent / "starting").touch()
    await asyncio.sleep(60)
    await begin(self)

embedded_redis.EmbeddedRedis.start = slow
sys.exit(serve.run_gate(Path(sys.argv[1])))
"""


def end(gate: GateProcess, number: int = signal.SIGTERM) -> int:
    """Signals and waits; the connections stay open."""
    process, gate.process = gate.process, None
    assert process is not None
    process.send_signal(number)
    return process.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_tells_everybody_and_takes_halts_until_the_end(
    gate: GateProcess, feed: ScriptedFeed, order: Order, number: signal.Signals
) -> None:
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    watching = gate.strategy.WatchTradingState(request, timeout=60)
    assert not next(watching).closed_because
    checks = gate.strategy.CheckOrders(iter([order()]), timeout=60)
    assert next(checks).outcome == strategy_pb2.OUTCOME_APPROVED
    halted = halt(gate)
    assert gate.process is not None
    gate.process.send_signal(number)
    last = list(watching)[-1]
    assert types_pb2.DENIAL_REASON_DRAINING in last.closed_because
    process, gate.process = gate.process, None
    assert process.wait(PATIENCE) == 0
    gate.stop()
    gate.start()
    assert [one.halt_id for one in gate.status().halts] == [halted.halt_id]
    gate.stop()


def test_streams_that_are_held_open_and_a_store_that_hangs_do_not_hold_up_the_end(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    watching = gate.strategy.WatchTradingState(request, timeout=60)
    next(watching)
    redis = _children(gate)
    with socket.create_connection(("127.0.0.1", _http_port(gate))) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\n")
        for pid in redis:
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            assert end(gate) == 0
        finally:
            for pid in redis:
                _wake(pid)
    assert time.monotonic() - began < PATIENCE


def _children(gate: GateProcess) -> list[int]:
    assert gate.process is not None
    pid = gate.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _http_port(gate: GateProcess) -> int:
    return int(gate.log_text().rpartition("http      127.0.0.1:")[2].split()[0])


def _wake(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def test_halts_are_taken_until_the_end_of_a_drain(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    held = queue.Queue[strategy_pb2.CheckOrderRequest]()
    held.put(order())
    checks = gate.strategy.CheckOrders(iter(held.get, None), timeout=60)
    assert next(checks).outcome == strategy_pb2.OUTCOME_APPROVED
    operator, credentials = gate.operator(), as_("alice")
    process, gate.process = gate.process, None
    assert process is not None
    process.send_signal(signal.SIGTERM)
    gate.wait_for(lambda: "draining" in gate.log_text(), "it drains")
    request = operator_pb2.HaltRequest(reason="at the last moment", halt_id="late")
    answer = operator.Halt(request, timeout=10, metadata=credentials)
    assert process.wait(PATIENCE) == 0
    checks.cancel()
    held.put(order())
    assert answer.halt_id == "late"
    gate.start()
    assert [one.halt_id for one in gate.status().halts] == ["late"]
    gate.stop()


def test_told_twice_is_told_once(gate: GateProcess, feed: ScriptedFeed) -> None:
    assert gate.process is not None
    gate.process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    if gate.process.poll() is None:
        gate.process.send_signal(signal.SIGTERM)
    process, gate.process = gate.process, None
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_while_it_starts(folder: Path, number: signal.Signals) -> None:
    gate = GateProcess(folder, run=SLOW_START)
    gate.spawn()
    gate.wait_for((folder / "starting").exists, "it starts")
    assert end(gate, number) == 0
    assert "Traceback" not in gate.log_text()


def rebuilding(folder: Path, order: Order, *, seconds: int) -> tuple[GateProcess, ScriptedFeed]:
    """A gate with one approval that met a fault, and reads its journal again for so long."""
    (folder / "slow").write_text("0")
    gate = GateProcess(folder, run=SLOW)
    gate.start()
    feed = open_gate(gate)
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    (folder / "slow").write_text(str(seconds))
    (folder / "full").touch()
    with pytest.raises(grpc.RpcError):
        gate.strategy.CheckOrder(order(), timeout=5)
    gate.wait_for((folder / "rebuilding").exists, "the rebuild begins")
    return gate, feed


def test_halts_are_taken_while_the_state_is_rebuilt(folder: Path, order: Order) -> None:
    gate, feed = rebuilding(folder, order, seconds=3)
    began = time.monotonic()
    answers = []
    for number in range(5):
        request = operator_pb2.HaltRequest(reason="now", halt_id=f"during-{number}")
        answers.append(gate.operator().Halt(request, timeout=5, metadata=as_("alice")).halt_id)
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_DENIED
    gate.wait_for(lambda: {one.halt_id for one in gate.status().halts} >= set(answers), "all are in force")
    assert time.monotonic() - began < PATIENCE
    feed.close()
    gate.kill()
    gate.start()
    assert {one.halt_id for one in gate.status().halts} >= set(answers)
    gate.stop()


def test_told_to_stop_while_the_state_is_rebuilt(folder: Path, order: Order) -> None:
    gate, feed = rebuilding(folder, order, seconds=40)
    halted = halt(gate).halt_id
    assert end(gate) == 0
    feed.close()
    (folder / "slow").write_text("0")
    gate.start()
    assert halted in [one.halt_id for one in gate.status().halts]
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    assert [one.order.client_order_id for one in listed.reservations] == ["order-1"]
    gate.stop()


def test_killed_at_any_step_of_the_start_it_comes_back(folder: Path) -> None:
    gate = GateProcess(folder)
    for pause in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0):
        gate.spawn()
        time.sleep(pause)
        gate.kill()
    gate.start()
    assert gate.status().gate_id == "gate-1"
    gate.stop()


def test_health_says_whether_strategies_are_served(gate: GateProcess, feed: ScriptedFeed) -> None:
    stub = health_pb2_grpc.HealthStub(gate.channel("strategy"))

    def serving(service: str) -> bool:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    name = strategy_pb2.DESCRIPTOR.services_by_name["StrategyService"].full_name
    gate.wait_for(lambda: serving(name), "strategies are served")
    halt(gate)
    gate.wait_for(lambda: not serving(name), "a halted gate is not ready")
    assert serving("")
