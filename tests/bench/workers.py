"""Processes that time something in memory: a number in, as many microseconds out, one line each."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Self


class Worker:
    """One such process."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def times(self, number: int) -> list[float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise RuntimeError(f"a worker ended with {self._process.wait(10)}")
        taken: list[float] = json.loads(said)
        return taken

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(times: Callable[[int], list[float]]) -> None:
    """A worker's own side, until its input ends."""
    for line in sys.stdin:
        print(json.dumps(times(int(line))), flush=True)
