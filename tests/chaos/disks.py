"""A full disk under one gate: it approves nothing that it can't journal, still halts, and comes back with room.

A small tmpfs where this may be mounted (root), else a limit on the size of the gate's files (RLIMIT_FSIZE).
"""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage
from tests.chaos.world import Gate

_TMPFS_MB = 24


def full_disk(options: Options) -> Verdict:
    """Twice: full, then room again."""
    with stage(options, "full disk", begin=False) as on:
        gate = on.world.gates[0]
        state = gate.folder / "s"
        mounted = _mount(state)
        try:
            on.world.begin()
            for _ in range(2):
                _fill(on, gate, state if mounted else None)
                on.verdict.cycles += 1
            on.verdict.notes[:] = [f"by {'a tmpfs' if mounted else 'RLIMIT_FSIZE'}; {', '.join(on.verdict.notes)}"]
        finally:
            if mounted:
                on.world.stop_gates()
                _keep_and_unmount(state)
    return on.verdict


def _fill(on: Stage, gate: Gate, filesystem: Path | None) -> None:
    on.world.until_trading()
    make_room = _exhaust_space(filesystem) if filesystem else _limit_size(gate)
    took = on.world.until(lambda: _closed(gate), "a closed gate", 10)
    on.verdict.notes.append(f"closed after {took:.1f} s with {'/'.join(gate.reasons())}")
    others = [other for other in on.world.gates if other is not gate]
    on.world.until_trading(others, 10)
    on.operators.halt(gate, during="disk full")
    make_room()
    if gate.process.poll() is not None:
        on.world.start_gate(gate)
    on.oracle.check_everywhere()
    on.oracle.stays_shut("GATE_FAULT", gates=[gate], seconds=0.5)  # mended, and halted until two people resume it
    on.operators.adopt_faults(gate)
    on.oracle.recovers()


def _closed(gate: Gate) -> bool:
    """It approves nothing: an order is refused by the gate, or the gate has ended."""
    return bool(gate.reasons())


def _mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    folder.mkdir(mode=0o700)
    words = ["mount", "-t", "tmpfs", "-o", f"size={_TMPFS_MB}m,mode=0700", "tmpfs", str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        folder.rmdir()
        return False
    return True


def _keep_and_unmount(folder: Path) -> None:
    """What is in it stays: the journal is verified, and looked at where something went wrong."""
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept, ignore=shutil.ignore_patterns("*.sock", "filler"))
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()
    kept.rename(folder)


def _exhaust_space(folder: Path) -> Callable[[], None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return filler.unlink


def _limit_size(gate: Gate) -> Callable[[], None]:
    """No file may grow beyond what the journal's newest has now; nor may any other that is as large."""
    newest = max((gate.folder / "s" / "journal").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    before = resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, (newest.stat().st_size, resource.RLIM_INFINITY))

    def lift() -> None:
        resource.prlimit(gate.process.pid, resource.RLIMIT_FSIZE, before)

    return lift
