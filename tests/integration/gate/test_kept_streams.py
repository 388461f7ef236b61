"""The client library's kept-open streams at a real gate: checks, a pause, a kill and the restart after it."""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from risksvc.client import Decision, OrderArguments, RiskGate
from tests.integration.gate.conftest import open_gate
from tests.integration.gate.gate_process import GateProcess
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.stopping import stop

PATIENCE = 20.0


def ask(client: RiskGate) -> Decision:
    order = OrderArguments(
        instrument="BTC/USDT:USDT",
        side="buy",
        type="limit",
        quantity="0.1",
        limit_price="50000",
        intended_position="1",
        believed_position="0",
    )
    decision = client.check(**order)
    if decision:
        client.never_sent(decision.client_order_id)
    return decision


@pytest.fixture
def client(gate: GateProcess, feed: ScriptedFeed) -> Iterator[RiskGate]:
    assert feed is not None
    with RiskGate(gate.socket("strategy"), account="main", strategy="mm", deadline=1.0) as connected:
        assert connected.wait_ready(PATIENCE)
        yield connected


def own_answer(decision: Decision) -> bool:
    return decision.response is not None and decision.response.client_order_id == decision.client_order_id


def until(happened: Any) -> bool:  # noqa: ANN401
    deadline = time.monotonic() + PATIENCE
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(happened())


def test_checks_a_pause_a_kill_and_a_restart(gate: GateProcess, client: RiskGate) -> None:
    decisions = [ask(client) for _ in range(5)]
    assert all(decision.approved and own_answer(decision) for decision in decisions)
    assert len(client._streams._shelf) == 1

    assert gate.process is not None
    stop(gate.process.pid)
    paused = ask(client)
    assert not paused.approved
    os.kill(gate.process.pid, signal.SIGCONT)
    assert until(lambda: client.ready)
    after = ask(client)
    assert own_answer(after)
    assert after.client_order_id != paused.client_order_id

    gate.kill()
    assert ask(client).headline is not None
    gate.start()
    feed = open_gate(gate)
    try:
        assert until(lambda: ask(client).approved)
    finally:
        feed.close()
