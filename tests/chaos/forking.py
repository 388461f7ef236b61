"""A process that has imported the product and forks what it is told to: a start costs 50 ms of work, not a second.

What it forks is a process of its own, with its own log, which ends by kill -9 like any other. The fork server itself
starts no thread and opens no gRPC object, so that forking is safe; when whoever started it goes, everything goes.
"""

import ctypes
import importlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_IMPORTED = (
    "risksvc.cli.connection",
    "risksvc.cli.halt",
    "risksvc.cli.main",
    "risksvc.cli.store",
    "risksvc.gate.serve",
    "tests.chaos.feed",
    "tests.chaos.proxy",
    "tests.chaos.strategy",
)


# -- in the fork server ------------------------------------------------------------------------------------------


def _gate(settings: str) -> int:
    from risksvc.gate.serve import run_gate  # noqa: PLC0415 - imported before, by _import

    return run_gate(Path(settings))


def _cli(*words: str) -> int:
    from risksvc.cli.main import main  # noqa: PLC0415

    sys.argv = ["risksvc", *words]
    main()
    return 0


def _strategy(target: str, account: str, records: str, per_second: float, asynchronous: bool) -> int:  # noqa: FBT001, PLR0917
    from tests.chaos.strategy import trade  # noqa: PLC0415

    return trade(target, account=account, records=Path(records), per_second=per_second, asynchronous=asynchronous)


def _feed(*targets: tuple[str, str]) -> int:
    from tests.chaos.feed import feed  # noqa: PLC0415

    return feed(targets)


def _proxy(ports: list[int], upstreams: list[str], control: str) -> int:
    from tests.chaos.proxy import proxy  # noqa: PLC0415

    return proxy(ports, upstreams=upstreams, control=Path(control))


ROLES: Mapping[str, Callable[..., int]] = {
    "gate": _gate,
    "cli": _cli,
    "strategy": _strategy,
    "feed": _feed,
    "proxy": _proxy,
}


def _import() -> None:
    for name in _IMPORTED:
        importlib.import_module(name)


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _serve(control: socket.socket, parent: int) -> None:
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import()
    lines = control.makefile("r")
    control.sendall(b'{"ready": true}\n')
    for line in lines:
        words = json.loads(line)
        answer = _start(**words) if words.pop("do") == "start" else _poll(**words)
        control.sendall(json.dumps(answer).encode() + b"\n")


def _start(role: str, words: list[Any], log: str) -> dict[str, int]:
    me = os.getpid()
    pid = os.fork()
    if pid:
        return {"pid": pid}
    code = 70
    try:
        _die_with_parent(me)
        code = _become(role, words, log)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - told to the log, whatever it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(role: str, words: list[Any], log: str) -> int:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.closerange(3, 256)
    random.seed()
    return ROLES[role](*words)


def _poll(pid: int) -> dict[str, int | None]:
    found, status = os.waitpid(pid, os.WNOHANG)
    return {"code": os.waitstatus_to_exitcode(status) if found else None}


# -- whoever uses it ---------------------------------------------------------------------------------------------


class Forked:
    """One forked process. Not reaped before its end was seen here, so its id is nobody else's."""

    def __init__(self, server: "ForkServer", pid: int) -> None:
        self._server, self.pid = server, pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None: it runs."""
        if self._code is None:
            self._code = self._server.ask(do="poll", pid=self.pid)["code"]
        return self._code

    def signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 20.0) -> int:
        ends = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > ends:
                raise TimeoutError(f"process {self.pid} does not end")
            time.sleep(0.002)
        return code


class ForkServer:
    """The fork server, as its user sees it. Closing it ends it and everything that it forked."""

    def __init__(self) -> None:
        here, there = socket.socketpair()
        self._turn = threading.Lock()
        self._control = here
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forking", str(there.fileno()), str(os.getpid())],
            pass_fds=(there.fileno(),),
            cwd=Path(__file__).resolve().parents[2],
        )
        there.close()
        self._lines = here.makefile("r")
        self._lines.readline()

    def start(self, role: str, *words: object, log: Path) -> Forked:
        """Starts a role with its words; what it prints goes to the log."""
        return Forked(self, self.ask(do="start", role=role, words=list(words), log=str(log))["pid"])

    def ask(self, **words: object) -> Any:  # noqa: ANN401 - a JSON answer
        with self._turn:
            self._control.sendall(json.dumps(words).encode() + b"\n")
            line = self._lines.readline()
        if not line:
            raise RuntimeError("the fork server has ended")
        return json.loads(line)

    def close(self) -> None:
        self._control.close()
        self._lines.close()
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
