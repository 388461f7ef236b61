"""The kill switch's store away, hung, or never there: denied with that reason, halts work, it recovers by itself."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.gate.redis_server import find_server
from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_serve import halt, propose, reasons
from tests.integration.kill_switch.real_server import RealServer

UNREACHABLE = ["KILL_SWITCH_UNREACHABLE"]


@pytest.fixture
def store(folder: Path) -> Iterator[RealServer]:
    """A store that is the user's, not the gate's."""
    running = RealServer(find_server(), folder / "r")
    running.start()
    yield running
    running.stop()


def wait_open(gate: GateProcess) -> None:
    gate.wait_for(lambda: gate.status().ready, "the gate is open")


def hang(gate: GateProcess) -> int:
    """Stops the private server; gives its process."""
    pid = int((gate.folder / "s" / "redis" / "lock").read_text())
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_hung_store_closes_the_gate_within_a_lease_and_halting_still_works(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    pid = hang(gate)
    try:
        gate.wait_for(lambda: reasons(gate.strategy.CheckOrder(order(), timeout=5)) == UNREACHABLE, "closed")
        before = time.monotonic()
        halted = halt(gate, halt_id="mine")
        assert time.monotonic() - before < 5
        assert halted.effect == operator_pb2.HALT_EFFECT_LATCHED
        assert list(halted.missing) == ["redis"]
        assert reasons(gate.strategy.CheckOrder(order(), timeout=5)) == ["HALTED", *UNREACHABLE]
        feed.snapshot()
        refused = propose(gate, "mine")
        assert operator_pb2.REFUSAL_REASON_KILL_SWITCH_UNREACHABLE in [one.reason for one in refused.refusals]
        assert gate.status().kill_switch.problem
    finally:
        os.kill(pid, signal.SIGCONT)
    gate.wait_for(lambda: gate.status().kill_switch.lease_ms > 0, "the lease comes back by itself")
    assert reasons(gate.strategy.CheckOrder(order(), timeout=5)) == ["HALTED"]


def test_a_private_store_that_dies_is_started_again(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    pid = int((gate.folder / "s" / "redis" / "lock").read_text())
    os.kill(pid, signal.SIGKILL)
    gate.wait_for(lambda: not gate.status().kill_switch.connected, "noticed")
    wait_open(gate)
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    assert gate.status().trading_state == types_pb2.TRADING_STATE_ACTIVE


def test_a_gate_starts_without_its_store_and_denies(folder: Path, order: Order) -> None:
    gate = GateProcess(folder, extra=f"redis: {{url: 'unix://{folder}/nobody.sock'}}")
    gate.start()
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert reasons(answer) == ["STARTING"]
    assert halt(gate).effect == operator_pb2.HALT_EFFECT_LATCHED
    assert "HALTED" in reasons(gate.strategy.CheckOrder(order(), timeout=5))
    status = gate.status()
    assert not status.ready
    assert not status.kill_switch.connected
    gate.stop()


def test_a_store_of_ones_own_is_begun_by_an_operator_only(folder: Path, store: RealServer, order: Order) -> None:
    gate = GateProcess(folder, extra=f"redis: {{url: '{store.url}'}}")
    gate.start()
    feed = ScriptedFeed(gate.channel("venue"))
    feed.ready()
    gate.wait_for(lambda: "risksvc init" in gate.status().kill_switch.problem, "said what to do")
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_DENIED
    feed.close()
    gate.stop()


def test_a_halt_while_killed_store_is_published_later(gate: GateProcess, feed: ScriptedFeed) -> None:
    pid = hang(gate)
    try:
        assert halt(gate, halt_id="later").effect == operator_pb2.HALT_EFFECT_LATCHED
    finally:
        os.kill(pid, signal.SIGCONT)
    gate.wait_for(lambda: halt(gate, halt_id="later").effect == operator_pb2.HALT_EFFECT_EFFECTIVE, "published")
