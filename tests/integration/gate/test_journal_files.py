"""A real gate's journal: durable against a power failure when asked to be, anchored, and verified while it runs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from risksvc.gate.redis_server import find_server
from risksvc.gate.segments import HEADER_SIZE, path_of
from risksvc.v1 import strategy_pb2
from tests.integration.gate.conftest import Order, open_gate
from tests.integration.gate.gate_process import PATIENCE, GateProcess
from tests.integration.gate.http_client import HttpClient
from tests.integration.kill_switch.real_server import RealServer


def risksvc(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "risksvc.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def durable_gate(folder: Path) -> Iterator[GateProcess]:
    gate = GateProcess(folder, extra="journal: {durability: power, anchor: 1s}")
    gate.start()
    yield gate
    gate.stop()


def test_power(durable_gate: GateProcess, order: Order) -> None:
    gate = durable_gate
    feed = open_gate(gate)
    assert gate.status().journal.durability == "power"
    orders = [order(quantity="0.001") for _ in range(64)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda one: gate.strategy.CheckOrder(one, timeout=20), orders))
    assert {answer.outcome for answer in answers} == {strategy_pb2.OUTCOME_APPROVED}
    feed.close()
    gate.kill()
    gate.start()
    assert gate.status().journal.recovered >= 64
    shown = risksvc("journal", "show", str(gate.folder / "s" / "journal"), "--type", "OrderChecked", "--json")
    assert len(json.loads(shown.stdout)) == 64


def test_anchors_go_to_the_store_and_to_standard_output(durable_gate: GateProcess) -> None:
    gate = durable_gate
    gate.wait_for(lambda: gate.log_text().count('"event": "journal_anchor"') > 1, "anchored")
    with redis.Redis(unix_socket_path=f"{gate.folder}/s/redis/redis.sock", decode_responses=True) as client:
        [key] = client.keys("*anchors")
        assert key == "{risksvc:*}:anchors"
        assert client.ttl(key) == -1
        stored = [fields for _, fields in client.xrange(key)]
    assert {fields["gate"] for fields in stored} == {"gate-1"}
    assert len(stored) == len({fields["seq"] for fields in stored}), "what was anchored is not anchored again"

    verified = risksvc("journal", "verify", "--settings", str(gate.settings), "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    anchors = json.loads(verified.stdout)["anchors"]
    assert anchors["fitting"] >= len(stored)
    assert anchors["sources"]


def test_a_store_that_takes_no_anchor_is_told_and_nothing_waits_for_it(folder: Path, order: Order) -> None:
    store = RealServer(find_server(), folder / "r")
    store.start()
    gate = GateProcess(folder, extra=f"redis: {{url: '{store.url}'}}\njournal: {{anchor: 1s}}")
    try:
        gate.start()
        with store.client() as client:
            client.set("{risksvc:*}:anchors", "somebody else's")
        assert risksvc("init", "--store", "--settings", str(gate.settings)).returncode == 0
        feed = open_gate(gate)
        gate.wait_for(lambda: "journal_anchor_failed" in gate.log_text(), "told")
        answer = gate.strategy.CheckOrder(order(), timeout=5)
        assert answer.outcome == strategy_pb2.OUTCOME_APPROVED
        metrics = HttpClient(gate).ask("GET", "/metrics").text
        [line] = [one for one in metrics.splitlines() if one.startswith("risksvc_journal_anchor_failures_total ")]
        assert float(line.split()[1]) >= 1
        feed.close()
    finally:
        gate.stop()
        store.stop()


def test_a_journal_with_a_corrupt_middle_is_refused_and_verify_says_where(folder: Path, order: Order) -> None:
    gate = GateProcess(folder)
    gate.start()
    open_gate(gate).close()
    assert gate.stop() == 0
    path = path_of(folder / "s" / "journal", 1)
    data = bytearray(path.read_bytes())
    data[HEADER_SIZE + 20] ^= 1
    path.write_bytes(data)
    process = gate.spawn()
    assert process.wait(PATIENCE) == 2
    gate.process = None
    said = gate.log_text()
    assert f"{path}: corrupt at byte {HEADER_SIZE}" in said
    assert f"`risksvc journal verify {path.parent}`" in said
    verified = risksvc("journal", "verify", str(path.parent))
    assert verified.returncode == 1
    assert (
        f"FOUND: entries 1 and all after it: a frame's payload does not match its checksum ({path}" in verified.stdout
    )
