"""The demo's world: real processes, each started and stopped by its own handle, in one temporary folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

from risksvc.cli.demo.files import LIMITS, Person, settings_text
from risksvc.cli.demo.timeline import CheckFailedError, Timeline
from risksvc.gate.operator_tokens import hash_token, new_token
from risksvc.gate.redis_server import find_server

PRICES = {
    "BTCUSDT": "50000",
    "ETHUSDT": "2500",
    "SOLUSDT": "150",
    "XRPUSDT": "0.5",
    "ADAUSDT": "0.4",
    "DOGEUSDT": "0.1",
}
OPERATORS = {"alice": "engineering", "bob": "risk"}
START_S = 30.0
_CLI = (sys.executable, "-m", "risksvc.cli.main")


class World:
    """Everything that runs. Use it as a context manager: what it started, it stops."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "risksvc.yaml"
        self.limits = folder / "limits.yaml"
        self.venue_url = ""
        self.redis_socket = folder / "redis.sock"
        self.http_port = _free_port()
        self.gate = f"unix:{folder}/state/strategy.sock"
        self.paper_options: tuple[str, ...] = ()  # more words for `risksvc paper`
        self.venue_options: tuple[str, ...] = ()  # and for `risksvc venue`
        self.venue_key = "paper-read"
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._tokens: dict[str, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)

    # -- starting --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Starts Redis, the paper venue, the gate and the venue process."""
        self.start_redis()
        self._start_paper()
        self._write_files()
        self._begin_store()
        self.start_gate()
        self.start_venue()

    def start_redis(self) -> None:
        """A real server with an append-only file, on a unix socket."""
        data = self.folder / "redis"
        data.mkdir(exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.redis_socket),
            "unixsocketperm": "700",
            "dir": str(data),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        self.redis_socket.unlink(missing_ok=True)
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._start("redis", str(find_server()), *words)
        self._await(lambda: _answers(self.redis_socket), "Redis")

    def _start_paper(self) -> None:
        paper = self._start("paper", *_CLI, "paper", "--port", "0", *self.paper_options, piped=True)
        said = _piped(paper.stdout)
        self.venue_url = said.readline().split()[-1]
        threading.Thread(target=_swallow, args=(said,), daemon=True).start()
        for symbol, price in PRICES.items():
            self.paper("price", symbol=symbol, price=price)

    def _write_files(self) -> None:
        people = {}
        for name, role in OPERATORS.items():
            token = new_token()
            path = self.folder / f"{name}.token"
            path.write_text(token)
            path.chmod(0o600)
            self._tokens[name], people[name] = path, Person(hash_token(token), role)
        for name, value in (("api_key", self.venue_key), ("secret", f"{self.venue_key}-secret")):
            path = self.folder / name
            path.write_text(value)
            path.chmod(0o600)
        self.limits.write_text(LIMITS)
        self.settings.write_text(
            settings_text(self.venue_url, self.redis_socket, http_port=self.http_port, operators=people)
        )

    def _begin_store(self) -> None:
        """The operator's step on a Redis of one's own: a gate never takes an empty store for a new one."""
        words = [*_CLI, "init", "--store", "--settings", str(self.settings)]
        done = subprocess.run(  # noqa: S603 - the project's own command
            words, check=False, capture_output=True, text=True, timeout=30
        )
        if done.returncode:
            raise CheckFailedError(f"risksvc init --store: {done.stderr.strip()}")

    def start_gate(self) -> None:
        """The gate; it is up when its operators' socket answers."""
        self._start("gate", *_CLI, "serve", "--settings", str(self.settings))
        self._await(lambda: self.operate("alice", "status")[0] in (0, 1), "the gate")

    def start_venue(self) -> None:
        """The venue process; the gate's status tells when it feeds."""
        self._start("venue", *_CLI, "venue", "--settings", str(self.settings), "--account", "main", *self.venue_options)

    def trader(self, name: str, *, gated: bool = True) -> "TraderHandle":
        """A process that trades: with the gate, or without ever asking."""
        words = ["--venue", self.venue_url, "--key", "paper-trade", "--secret", "paper-trade-secret"]
        if gated:
            words += ["--gate", self.gate, "--strategy", name]
        module = (sys.executable, "-m", "risksvc.cli.demo.trader")
        return TraderHandle(self._start(name, *module, *words, piped=True))

    # -- using -----------------------------------------------------------------------------------------------------

    def operate(self, who: str, *words: str) -> tuple[int, dict[str, Any], str]:
        """Runs the operator's command line: exit code, the JSON answer, what it said on standard error."""
        done = self.type(*words, "--settings", str(self.settings), *self.token_of(who), "--json")
        answer = json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}
        return done.returncode, answer, done.stderr.strip()

    def token_of(self, who: str) -> tuple[str, str]:
        """The option that says who acts."""
        return ("--token-file", str(self._tokens[who]))

    def type(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command exactly as these words say."""
        return subprocess.run(  # noqa: S603 - the project's own command
            [*_CLI, *words], capture_output=True, text=True, timeout=120, check=False, cwd=self.folder
        )

    def paper(self, what: str, **values: object) -> dict[str, Any]:
        """Tells the paper venue something by its control API."""
        body = json.dumps(values).encode()
        request = urllib.request.Request(f"{self.venue_url}/paper/{what}", data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            result: dict[str, Any] = json.load(answer)
        return result

    def paper_clear(self, what: str) -> None:
        """Takes something back that the paper venue was told: its faults."""
        request = urllib.request.Request(f"{self.venue_url}/paper/{what}", method="DELETE")  # noqa: S310 - loopback
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - loopback

    def paper_state(self) -> dict[str, Any]:
        """The paper venue's own truth, by its control API."""
        with urllib.request.urlopen(f"{self.venue_url}/paper/state", timeout=5) as answer:  # noqa: S310 - loopback
            result: dict[str, Any] = json.load(answer)
        return result

    def wait(self, holds: Callable[[], bool], what: str, *, within_s: float) -> float:
        """Waits until something holds; seconds that it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within_s:
                raise CheckFailedError(f"{what} did not come about within {within_s:.0f} s")
            time.sleep(0.05)
        return time.monotonic() - began

    # -- stopping --------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> None:
        """End it at once, with kill -9."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        _close_pipes(process)

    def stop(self, name: str) -> None:
        """Asks a process to end, and makes it."""
        process = self._running.pop(name)
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        _close_pipes(process)

    def keep_up(self, timeline: Timeline) -> None:
        """Leaves everything running until Ctrl-C."""
        timeline.say("world", f"stays up; settings file {self.settings}, alice's token {self._tokens['alice']}")
        timeline.say("world", f"paper venue {self.venue_url}; try: risksvc status --settings {self.settings}")
        timeline.say("world", f"metrics http://127.0.0.1:{self.http_port}/metrics; Ctrl-C ends it")
        try:
            signal.pause()
        except KeyboardInterrupt:
            timeline.say("world", "ends")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _start(self, name: str, *words: str, piped: bool = False) -> subprocess.Popen[str]:
        log = (self.folder / f"{name}.log").open("a")
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        pipe = subprocess.PIPE if piped else None
        process = subprocess.Popen(  # noqa: S603 - the project's own processes
            words, stdin=pipe, stdout=pipe or log, stderr=log, text=True, env=environment, start_new_session=True
        )
        log.close()
        self._running[name] = process
        return process

    def _await(self, holds: Callable[[], bool], what: str) -> None:
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > START_S:
                raise CheckFailedError(f"{what} did not start within {START_S:.0f} s")
            time.sleep(0.1)

    def last_words(self) -> str:
        """The last lines of every log, for a demo that failed."""
        lines = []
        for log in sorted(self.folder.glob("*.log")):
            tail = log.read_text().splitlines()[-12:]
            lines += [f"--- {log.name}", *tail]
        return "\n".join(lines)


class TraderHandle:
    """A trader process and the commands that it takes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer()

    def do(self, what: str, **values: object) -> dict[str, Any]:
        """Gives one command and waits for its answer."""
        commands = _piped(self._process.stdin)
        commands.write(json.dumps({"do": what, **values}) + "\n")
        commands.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = _piped(self._process.stdout).readline()
        if not line:
            raise CheckFailedError("a trader process ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CheckFailedError(f"a trader was refused: {answer['error']}")
        return answer


def _piped(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the process was started without a pipe")
    return stream


def _close_pipes(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _swallow(stream: IO[str]) -> None:
    for _ in stream:
        pass


def _answers(path: Path) -> bool:
    """Redis says PONG there."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
