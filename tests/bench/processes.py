"""The processes of the benchmark: each ended by its own handle, also when the benchmark is interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

PATIENCE = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """What a process holds of memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory: it has ended")


class Served:
    """A server that says "ready" on its standard output, and ends when its standard input does."""

    words: tuple[str, ...] = ()

    def __init__(
        self, words: Sequence[str], target: str, *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.target = target
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if said.strip() != b"ready":
            self.stop()
            raise RuntimeError(f"{words[0]} did not start: {said!r}; {log.read_text(errors='replace')[-2000:]}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def told(words: Sequence[str], *, within: float = 300.0, environment: Mapping[str, str] | None = None) -> str:
    """What a process prints until it ends. Raises RuntimeError when it fails; ends it when this one is interrupted."""
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}
    )
    try:
        output, errors = process.communicate(timeout=within)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
    if process.returncode:
        raise RuntimeError(f"{Path(words[0]).name} {' '.join(words[1:4])}: {errors.strip()[-600:]}")
    return output


def module(name: str, *words: str) -> list[str]:
    """A module of this repository, in this Python."""
    return [sys.executable, "-m", name, *words]
