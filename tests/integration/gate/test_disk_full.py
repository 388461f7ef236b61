"""A disk that is really full: nothing is approved that is not journaled, it is told, and room brings the gate back.

Twice: on a file system of 2 MB that the test mounts (where it may), and with a limit on the size of the gate's files,
which every machine has, and with durability "power". Each is a write that the kernel refuses; the store is on another
disk, as it should be.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc
import pytest

from risksvc.gate.redis_server import find_server
from risksvc.v1 import operator_pb2, strategy_pb2
from tests.integration.gate.conftest import Order, connect_feed
from tests.integration.gate.gate_process import PATIENCE, RUN, GateProcess, as_
from tests.integration.gate.http_client import HttpClient
from tests.integration.gate.scripted_feed import ScriptedFeed
from tests.integration.gate.test_serve import reasons
from tests.integration.kill_switch.real_server import RealServer

MOST_ORDERS = 400
DISK_BYTES = 2 * 1024 * 1024


class LoggingGate(GateProcess):
    """Its output comes through a pipe, so that a limit on file sizes is about its state only."""

    def spawn(self) -> "subprocess.Popen[bytes]":
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(self.settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        threading.Thread(target=self._keep, args=(self.process.stdout,), daemon=True).start()
        return self.process

    def _keep(self, output: IO[bytes]) -> None:
        with output, self.log.open("ab", buffering=0) as log:
            for line in output:
                log.write(line)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


@dataclass
class Disk:
    """How room is taken from a gate and given back."""

    gate: LoggingGate
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture
def store(folder: Path) -> Iterator[RealServer]:
    running = RealServer(find_server(), folder / "r")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def gate(folder: Path, store: RealServer) -> Iterator[LoggingGate]:
    made = LoggingGate(folder, extra=f"redis: {{url: '{store.url}'}}")
    yield made
    made.kill()


def mounted(gate: LoggingGate) -> Iterator[Disk]:
    state = gate.folder / "s"
    state.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(state)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"this user may not mount a file system here: {done.stderr.strip()} (the other half of it runs)")
    filler = state / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)) == 4096:
                pass

    try:
        yield Disk(gate, fill, filler.unlink)
    finally:
        gate.kill()
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def limited(gate: LoggingGate) -> Iterator[Disk]:
    with gate.settings.open("a") as file:
        file.write("journal: {durability: power}\n")

    def limit(size: int) -> None:
        _, most = resource.prlimit(gate.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (size, most))

    def fill() -> None:
        journal = max((gate.folder / "s" / "journal").glob("*.rsj"))
        limit(journal.stat().st_size + 100)

    yield Disk(gate, fill, lambda: limit(resource.RLIM_INFINITY))


@pytest.fixture(params=[mounted, limited], ids=["file system, process", "file size, power"])
def disk(request: pytest.FixtureRequest, gate: LoggingGate) -> Iterator[Disk]:
    yield from request.param(gate)


def risksvc(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "risksvc.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def approved_until_refused(gate: GateProcess, order: Order) -> list[str]:
    """Ids of what was told to be approved; ends with a call that is refused as INTERNAL, having approved nothing."""
    told: list[str] = []
    for _ in range(MOST_ORDERS):
        asked = order(quantity="0.001")
        try:
            answer = gate.strategy.CheckOrder(asked, timeout=5)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.INTERNAL  # noqa: PT017 - the orders before it must pass
            return told
        if answer.outcome != strategy_pb2.OUTCOME_APPROVED:
            assert reasons(answer) == ["GATE_FAULT"], "something else of the gate met the full disk first"
            return told
        told.append(asked.client_order_id)
    raise AssertionError(f"{MOST_ORDERS} orders were taken by a full disk")


def reserved(gate: GateProcess) -> list[str]:
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"), timeout=5)
    return [one.order.client_order_id for one in listed.reservations]


def begin(disk: Disk) -> ScriptedFeed:
    gate = disk.gate
    gate.start()
    done = risksvc("init", "--store", "--settings", str(gate.settings))
    assert done.returncode == 0, done.stdout + done.stderr
    feed = connect_feed(gate)
    gate.wait_for(lambda: gate.status().ready, "the gate is open")
    return feed


def test_a_full_disk(disk: Disk, order: Order) -> None:
    gate, feed = disk.gate, begin(disk)
    assert gate.strategy.CheckOrder(order(quantity="0.001"), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    disk.fill()
    told = ["order-1", *approved_until_refused(gate, order)]

    # Shut, and said: to who asks, to Prometheus, in the log with the disk and what to do.
    assert reasons(gate.strategy.CheckOrder(order(), timeout=5)) == ["GATE_FAULT"]
    assert "\nrisksvc_fault 1.0\n" in HttpClient(gate).ask("GET", "/metrics").text
    assert f"The disk that holds {gate.folder}/s/journal" in gate.log_text()
    assert "free some room on it" in gate.log_text()
    gate.wait_for(lambda: "the gate stays closed; tried again" in gate.log_text(), "it tries again")
    assert reasons(gate.strategy.CheckOrder(order(), timeout=5)) == ["GATE_FAULT"]
    assert told[0] in reserved(gate)

    # Room: it is back by itself, halted, with everything that it ever told.
    disk.free()
    gate.wait_for(lambda: "fault_latched" in gate.log_text(), "the gate is back")
    status = gate.status()
    assert [one.trigger for one in status.halts] == ["GATE_FAULT"]
    assert "free some room" in status.halts[0].reason
    assert "HALTED" in str(reasons(gate.strategy.CheckOrder(order(), timeout=5))) or not status.ready
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_DENIED
    assert reserved(gate) == told

    # Nothing is lost by a kill -9 either, and the journal is whole, as the anchors on standard output say.
    feed.close()
    gate.kill()
    gate.start()
    assert reserved(gate) == told
    assert gate.stop() == 0
    verified = risksvc(
        "journal", "verify", "--settings", str(gate.settings), "--anchors", str(gate.log), "--gate", "gate-1", "--json"
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    verdict = json.loads(verified.stdout)
    assert verdict["anchors"]["vouched_for"] == verdict["last"], "the last anchor is told at the drain"
    assert verdict["not_covered"] == []
