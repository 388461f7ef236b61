"""Snapshots as a gate makes them: in a real process of its own, killed at any moment, refused where it must be."""

import asyncio
import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import psutil
import pytest

from risksvc.gate import snapshot_keeper
from risksvc.gate.journal import Journal
from risksvc.gate.recovery import recover
from risksvc.gate.replay import replay
from risksvc.gate.retention import Retention
from risksvc.gate.segments import list_segments, number_of
from risksvc.gate.segments import path_of as segment_path
from risksvc.gate.snapshot_keeper import SnapshotKeeper, SnapshotStats, stats_of
from risksvc.gate.snapshots import list_snapshots, read_snapshot
from risksvc.gate.snapshots import number_of as snapshot_number
from risksvc.gate.state_codec import state_hash
from risksvc.v1 import operator_pb2
from tests.corpus.walk import OwnedWalk
from tests.integration.gate.gate_process import GateProcess, as_

SEGMENT = 60
PATIENCE = 60.0
SMALL_SEGMENTS = """
import sys
from functools import partial
from pathlib import Path
from risksvc.gate import starting
from risksvc.gate.serve import run_gate
if __name__ == "__main__":
    starting.Journal = partial(starting.Journal, segment_entries=5)
    sys.exit(run_gate(Path(sys.argv[1])))
"""
DIE_WITH = """
import os, sys, time
from risksvc.gate.parent_death import die_with
die_with(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(600)
"""
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def filled(folder: Path, segments: int) -> str:
    """A journal of so many segments; the hash of its state."""
    with Journal(folder, segment_entries=SEGMENT) as journal:
        walk = OwnedWalk(40, journal)
        while journal.stats.segments < segments:
            walk.run(10)
        walk._fail_read()
        return state_hash(walk.gate.owner._gate)  # type: ignore[attr-defined]


def command(folder: Path, before: int, *, parent: int | None = None) -> list[str]:
    parent = os.getpid() if parent is None else parent
    return [sys.executable, "-P", "-m", "risksvc.gate.snapshotting", str(folder), str(before), str(parent)]


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        await asyncio.sleep(0.05)


# -- the process --------------------------------------------------------------------------------------------------


def test_it_makes_one_and_says_what(tmp_path: Path) -> None:
    live = filled(tmp_path, 3)

    done = subprocess.run(command(tmp_path, 3), capture_output=True, text=True, check=True)

    said = json.loads(done.stdout)
    assert (said["number"], said["entries"], said["replayed"], said["older"]) == (3, 2 * SEGMENT, 2 * SEGMENT, 0)
    assert said["state_hash"] == read_snapshot(list_snapshots(tmp_path)[0]).hash
    with Journal(tmp_path) as journal:
        assert state_hash(recover(journal).gate) == live


def test_it_makes_none_for_a_gate_that_has_died(tmp_path: Path) -> None:
    filled(tmp_path, 2)

    done = subprocess.run(command(tmp_path, 2, parent=1 << 22), capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert json.loads(done.stdout) == {"failed": "the gate has died"}
    assert not list_snapshots(tmp_path)


def test_it_ends_with_the_gate() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, DIE_WITH], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert not psutil.wait_procs([child], timeout=PATIENCE)[1]


def test_killed_at_any_moment_it_leaves_nothing_that_is_taken_for_a_snapshot(tmp_path: Path) -> None:
    live = filled(tmp_path, 5)
    rng = random.Random(8)
    began = time.monotonic()
    subprocess.run(command(tmp_path, 3), stdout=subprocess.DEVNULL, check=True)
    takes = time.monotonic() - began

    for _ in range(6):
        process = subprocess.Popen(command(tmp_path, 5), stdout=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.3, 1.3) * takes)
        process.kill()
        process.wait()
        for path in list_snapshots(tmp_path):
            read_snapshot(path)
        with Journal(tmp_path) as journal:
            assert state_hash(recover(journal).gate) == live

    assert snapshot_number(list_snapshots(tmp_path)[0]) in (3, 5)


# -- the gate's task ----------------------------------------------------------------------------------------------


async def test_a_closed_segment_gets_its_snapshot_and_old_segments_go(tmp_path: Path) -> None:
    with Journal(tmp_path, segment_entries=SEGMENT, retention=Retention(keep=0)) as journal:
        walk = OwnedWalk(40, journal)
        keeper = SnapshotKeeper(journal, SnapshotStats())
        journal.on_rotate = keeper.rotated
        task = asyncio.create_task(keeper.run())
        for segment in (2, 3, 4):
            while number_of(list_segments(tmp_path)[-1]) < segment:
                walk.run(5)
            await until(lambda: keeper.stats.number == number_of(list_segments(tmp_path)[-1]), "the snapshot")
        walk._fail_read()
        live = state_hash(walk.gate.owner._gate)  # type: ignore[attr-defined]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert (keeper.stats.failures, keeper.stats.failed) == (0, "")
    kept = [snapshot_number(path) for path in list_snapshots(tmp_path)]
    assert len(kept) == 2
    assert number_of(list_segments(tmp_path)[0]) == kept[1]  # what no kept snapshot needs has gone
    with Journal(tmp_path) as journal:
        found = recover(journal)
        assert state_hash(found.gate) == live
    stats = stats_of(tmp_path, found)
    assert (stats.number, stats.started_from, stats.started_tail) == (kept[0], kept[0], found.tail)
    assert stats.made_at > 0


async def test_a_journal_that_can_not_be_replayed_is_told_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_keeper, "AGAIN_SECONDS", 0.2)
    filled(tmp_path, 3)
    closed = segment_path(tmp_path, 2)
    whole = closed.read_bytes()
    closed.write_bytes(whole[:-20] + bytes(20))
    keeper = SnapshotKeeper(_Folder(tmp_path), SnapshotStats())
    task = asyncio.create_task(keeper.run())

    with caplog.at_level(logging.CRITICAL):
        await until(lambda: keeper.stats.failures > 0, "a failure")

    assert "journal-00000002.rsj: corrupt at byte" in keeper.stats.failed
    assert "the snapshot before segment 3 was not made" in caplog.text
    closed.write_bytes(whole)
    await until(lambda: keeper.stats.number == 3, "a snapshot")
    assert keeper.stats.failed == ""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _Folder:
    """A journal that forgets nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def forget_before(self, number: int) -> None:
        return


# -- the gate -----------------------------------------------------------------------------------------------------


def test_a_gate_comes_back_from_its_snapshot_and_says_so(folder: Path) -> None:
    gate = GateProcess(folder, run=SMALL_SEGMENTS)
    gate.start()
    try:
        while gate.status().journal.snapshot_entries < 10:
            halt = operator_pb2.HaltRequest(reason="drill")
            gate.operator().Halt(halt, timeout=5, metadata=as_("alice"))
        before = gate.status()
        gate.kill()
        gate.start()
        after = gate.status()
        assert {one.halt_id for one in before.halts} == {one.halt_id for one in after.halts}
        assert after.journal.recovered >= before.journal.entries
        assert 0 < after.journal.replayed < after.journal.recovered
        assert after.journal.HasField("snapshot_age_ms")
        assert not after.journal.snapshot_failed
        assert "state_snapshot_made" in gate.log_text()
    except grpc.RpcError as error:
        raise AssertionError(gate.log_text()) from error
    finally:
        gate.stop()
    with Journal(folder / "s" / "journal") as journal:
        found = recover(journal)
        assert found.snapshot > 0
        assert state_hash(found.gate) == state_hash(replay(journal.recover()).gate)
