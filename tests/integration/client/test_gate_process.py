"""Real processes: a gate that is paused or killed, and strategies that end without closing."""

import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.client import LocalReason, RiskGate
from tests.integration.client.scripted_gate import PATIENCE, RunningGate
from tests.stopping import stop
from tests.unit.client.messages import an_order

ROOT = Path(__file__).resolve().parents[3]


@contextlib.contextmanager
def gate_process(address: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.integration.client.scripted_gate", address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def wait_for(gate: RiskGate, *, ready: bool) -> None:
    deadline = time.monotonic() + PATIENCE
    while gate.ready is not ready and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gate.ready is ready


def test_a_paused_gate_costs_the_deadline_then_is_silent_then_recovers(address: str) -> None:
    with gate_process(address) as process, RiskGate(address, account="main", strategy="mm-1") as gate:
        assert gate.wait_ready(PATIENCE)
        stop(process.pid)
        started = time.monotonic()
        decision = gate.check(**an_order())
        took = time.monotonic() - started
        assert not decision
        assert took < 1  # 0.1 is asked for; nothing but the deadline ends this call
        assert decision.headline is not None
        assert decision.headline.reason in (LocalReason.DEADLINE, LocalReason.STATE_SILENT)
        wait_for(gate, ready=False)
        decision = gate.check(**an_order())
        assert decision.headline is not None
        assert decision.headline.reason == LocalReason.STATE_SILENT
        process.send_signal(signal.SIGCONT)
        wait_for(gate, ready=True)


def test_a_killed_gate_denies_and_its_successor_is_found(address: str) -> None:
    with RiskGate(address, account="main", strategy="mm-1", deadline=1.0) as gate:
        with gate_process(address) as process:
            assert gate.wait_ready(PATIENCE)
            process.kill()
            process.wait()
            assert not gate.check(**an_order())
            wait_for(gate, ready=False)
        with gate_process(address):
            wait_for(gate, ready=True)


def run(program: str, target: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program), target]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT)


FORGETFUL = """
    import sys
    from risksvc.client import RiskGate
    gate = RiskGate(sys.argv[1], account="main", strategy="mm-1", deadline=2.0)
    assert gate.wait_ready(10)
    decision = gate.check(instrument="X", side="buy", type="market", quantity="1")
    assert decision, decision
    gate.sent(decision.client_order_id)
"""
FORGETFUL_ASYNC = """
    import asyncio, sys
    from risksvc.client import AsyncRiskGate
    async def trade():
        gate = AsyncRiskGate(sys.argv[1], account="main", strategy="mm-1", deadline=2.0)
        assert await gate.wait_ready(10)
        decision = await gate.check(instrument="X", side="buy", type="market", quantity="1")
        assert decision, decision
    asyncio.run(trade())
"""
FAILING = FORGETFUL + '    raise SystemExit("my own mistake")\n'
WITHOUT_A_GATE = """
    import sys
    from risksvc.client import RiskGate
    gate = RiskGate(sys.argv[1], account="main", strategy="mm-1")
    assert not gate.check(instrument="X", side="buy", type="market", quantity="1")
"""


@pytest.mark.parametrize("program", [FORGETFUL, FORGETFUL_ASYNC], ids=["blocking", "asyncio"])
def test_a_strategy_that_forgets_to_close_ends_quietly(running: RunningGate, program: str) -> None:
    ended = run(program, running.target)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_what_a_forgetful_strategy_reported_arrives(running: RunningGate) -> None:
    run(FORGETFUL, running.target)
    assert len(running.script.reports) == 1


def test_a_strategy_that_fails_shows_only_its_own_failure(running: RunningGate) -> None:
    ended = run(FAILING, running.target)
    assert (ended.returncode, ended.stderr) == (1, "my own mistake\n")


def test_a_strategy_without_a_gate_ends_quietly(address: str) -> None:
    ended = run(WITHOUT_A_GATE, address)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
