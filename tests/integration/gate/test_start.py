"""The start: what a gate does before it may approve, and what it says when it can't start at all."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from risksvc.v1 import operator_pb2, strategy_pb2
from tests.integration.gate.conftest import Order, connect_feed
from tests.integration.gate.gate_process import PATIENCE, GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_serve import reasons

STRATEGIES = strategy_pb2.DESCRIPTOR.services_by_name["StrategyService"].full_name


@pytest.fixture
def dead_store(folder: Path) -> str:
    """An address at which nobody listens."""
    return f"redis: {{url: unix://{folder}/nobody.sock}}"


@pytest.fixture
def hung_store(folder: Path) -> Iterator[str]:
    """A store that takes connections and says nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "hung.sock"))
        listener.listen(16)
        yield f"redis: {{url: unix://{folder}/hung.sock}}"


@pytest.mark.parametrize("store", ["dead_store", "hung_store"])
def test_without_its_store_it_serves_denies_and_takes_halts(
    folder: Path, order: Order, store: str, request: pytest.FixtureRequest
) -> None:
    gate = GateProcess(folder, extra=request.getfixturevalue(store))
    gate.start()
    feed = connect_feed(gate)
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert answer.outcome == strategy_pb2.OUTCOME_DENIED
    assert set(reasons(answer)) & {"STARTING", "KILL_SWITCH_UNREACHABLE"}, reasons(answer)
    halt = operator_pb2.HaltRequest(reason="no store", halt_id="h-1")
    told = gate.operator().Halt(halt, timeout=10, metadata=as_("alice"))
    assert told.effect == operator_pb2.HALT_EFFECT_LATCHED
    assert told.missing
    assert "HALTED" in reasons(gate.strategy.CheckOrder(order(), timeout=5))
    stub = health_pb2_grpc.HealthStub(gate.channel("strategy"))
    standing = stub.Check(health_pb2.HealthCheckRequest(service=STRATEGIES), timeout=5).status
    assert standing == health_pb2.HealthCheckResponse.NOT_SERVING
    feed.close()
    gate.kill()
    gate.start()
    assert [one.halt_id for one in gate.status().halts] == ["h-1"], "it was latched"
    assert gate.stop() == 0


def test_each_missing_piece_has_its_reason(folder: Path, order: Order) -> None:
    """One after the other, until nothing is missing."""
    gate = GateProcess(folder)
    gate.start()

    def denied(reason: str) -> bool:
        return reason in reasons(gate.strategy.CheckOrder(order(), timeout=5))

    gate.wait_for(lambda: denied("SNAPSHOT_MISSING") and not denied("STARTING"), "a lease, and no read yet")
    assert denied("INSTRUMENT_UNKNOWN") or denied("MARK_MISSING") or denied("SNAPSHOT_MISSING")
    feed = ScriptedFeed(gate.channel("venue"))
    feed.positions = {"BTC/USDT:USDT": "0.5"}
    feed.welcome()
    feed.snapshot()
    gate.wait_for(lambda: not denied("SNAPSHOT_MISSING"), "the first read is there")
    assert denied("NOT_ADOPTED"), "a position that nobody explained"
    assert denied("MARK_MISSING")
    assert not gate.status().ready
    feed.close()
    gate.stop()


# -- no start -----------------------------------------------------------------------------------------------------


def refused(gate: GateProcess) -> str:
    gate.log.unlink(missing_ok=True)
    process = gate.spawn()
    gate.process = None
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert code == 2, gate.log_text()
    assert "Traceback" not in gate.log_text()
    assert gate.log_text().rstrip().splitlines()[-1].startswith("risksvc: the gate can't start: ")
    return gate.log_text()


def test_a_port_in_use(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        gate = GateProcess(folder)
        text = gate.settings.read_text()
        gate.settings.write_text(text.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        assert f"127.0.0.1:{port}" in refused(gate)
        gate.settings.write_text(text.replace("listen: {", f'listen: {{strategy: "127.0.0.1:{port}", '))
        assert f"127.0.0.1:{port} can't be listened on" in refused(gate)


def test_a_state_folder_that_is_a_file(folder: Path) -> None:
    gate = GateProcess(folder)
    (folder / "s").write_text("precious")
    assert str(folder / "s") in refused(gate)
    assert (folder / "s").read_text() == "precious"


def test_a_state_folder_that_is_not_writable(folder: Path) -> None:
    gate = GateProcess(folder)
    text = gate.settings.read_text()
    gate.settings.write_text(text.replace("state_dir: s", "state_dir: /proc/gate"))  # nor by root
    assert "/proc/gate" in refused(gate)


def test_a_latch_that_is_a_folder(folder: Path) -> None:
    gate = GateProcess(folder)
    (folder / "s" / "latch").mkdir(parents=True)
    (folder / "s").chmod(0o700)
    assert "latch" in refused(gate)


def test_a_state_folder_that_does_not_outlive_the_machine_is_told(tmp_path: Path) -> None:
    shared = Path("/dev/shm")  # noqa: S108 - what is tested
    if not shared.is_dir():
        pytest.skip("no /dev/shm here")
    folder = shared / f"rs{os.getpid()}"
    folder.mkdir()
    gate = GateProcess(folder)
    try:
        gate.start()
        assert "tmpfs" in gate.log_text()
        assert any("tmpfs" in one for one in gate.status().warnings)
    finally:
        gate.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=True)
