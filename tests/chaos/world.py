"""The world under test: three gates with an account each, three strategies, a venue feed, Redis behind a fault proxy.

All real processes on unix sockets and loopback ports that the system picked. What is started here is stopped here, by
its own handle. What was killed is started again by whoever killed it: there is no supervisor but the scenario.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any, Self

import grpc

from risksvc.gate.operator_tokens import hash_token
from risksvc.gate.redis_server import find_server
from risksvc.v1 import operator_pb2, operator_pb2_grpc, strategy_pb2, strategy_pb2_grpc, types_pb2
from tests.chaos.forking import Forked, ForkServer
from tests.chaos.proxy import tell
from tests.chaos.records import Records
from tests.chosen_engine import with_engine
from tests.integration.kill_switch.real_server import RealServer, free_port

GATES = 3
TOKENS = {"alice": "alice-chaos-token", "bob": "bob-chaos-token"}
INSTRUMENT = "BTC/USDT:USDT"
_INIT_TRIES = 5
VALIDITY_NS = 100_000_000
_CHANNEL = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 50),
]
_SETTINGS = """\
version: 1
gate: {{id: gate-{number}, state_dir: s}}
limits: limits.yaml
redis: {redis}
listen: {{http: "127.0.0.1:0"}}
accounts:
  {account}:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
    cadence: {{positions: 500ms, marks: 500ms}}
    venue_window: 100ms
    settle: 0s
    snapshot_max_age: 1500ms
    mark_max_age: 1500ms
    stale_denied_after: 2s
operators:
{operators}
"""
_LIMITS = """\
version: 1
accounts:
  {account}:
    instruments:
      BTC/USDT:USDT:
      ETH/USDT:USDT:
    strategies:
      mm: {{instruments: {{BTC/USDT:USDT: {{max_intended: 2}}}}}}
"""


def as_(name: str) -> tuple[tuple[str, str], ...]:
    """An operator's credentials."""
    return (("authorization", f"Bearer {TOKENS[name]}"),)


class Opened:
    """A process that was started afresh, with the methods of a forked one."""

    def __init__(self, words: Sequence[str], *, log: Path, environment: dict[str, str]) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(words, stdout=file, stderr=file, env={**os.environ, **environment})
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = 20.0) -> int:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"process {self.pid} does not end") from None


class Gate:
    """One gate: its folder, what was started of it, and connections to it."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number, self.account = number, f"a{number}"
        self.folder = folder / f"g{number}"
        self.folder.mkdir()
        self.settings = self.folder / "risksvc.yaml"
        self.records = Records(folder / f"strategy-{number}.records")
        self.process: Any = None
        self.strategy_process: Forked | None = None
        self._probes = 0
        targets = [self.socket(name) for name in ("operator", "strategy")]
        self._channels = [grpc.insecure_channel(target, options=_CHANNEL) for target in targets]
        self.operator = operator_pb2_grpc.OperatorServiceStub(self._channels[0])
        self._strategy = strategy_pb2_grpc.StrategyServiceStub(self._channels[1])

    def socket(self, name: str) -> str:
        return f"unix:{self.folder}/s/{name}.sock"

    def write_files(self, redis: str) -> None:
        people = "\n".join(f"  - {{name: {n}, token_sha256: {hash_token(t)}}}" for n, t in TOKENS.items())
        text = _SETTINGS.format(number=self.number, account=self.account, redis=redis, operators=people)
        self.settings.write_text(with_engine(text))
        (self.folder / "limits.yaml").write_text(_LIMITS.format(account=self.account))

    def status(self, seconds: float = 1.0) -> operator_pb2.GetStatusResponse:
        return self.operator.GetStatus(operator_pb2.GetStatusRequest(), timeout=seconds, metadata=as_("alice"))

    def answers(self) -> bool:
        with contextlib.suppress(grpc.RpcError):
            self.status()
            return True
        return False

    def ready(self) -> bool:
        with contextlib.suppress(grpc.RpcError):
            return self.status().ready
        return False

    def probe(self, seconds: float = 1.0) -> list[str]:
        """Why one order would be denied, straight from the gate; empty: it was approved. Raises RpcError."""
        self._probes += 1
        request = strategy_pb2.CheckOrderRequest(
            account=self.account,
            strategy="mm",
            client_order_id=f"probe-{self._probes}-{time.monotonic_ns()}",
            instrument=INSTRUMENT,
            side=types_pb2.SIDE_BUY,
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity="0.001",
            limit_price="50000",
            intended_position="1",
            believed_position="0",
        )
        answer = self._strategy.CheckOrder(request, timeout=seconds)
        if answer.outcome == strategy_pb2.OUTCOME_APPROVED:
            return []
        return [types_pb2.DenialReason.Name(one.reason)[14:] for one in answer.denials] or ["NO_REASON"]

    def reasons(self) -> list[str]:
        """As probe; a gate that can't be asked is NO_ANSWER."""
        try:
            return self.probe()
        except grpc.RpcError:
            return ["NO_ANSWER"]

    def log(self) -> str:
        return (self.folder / "gate.log").read_text(errors="replace")

    def close(self) -> None:
        for channel in self._channels:
            channel.close()


class World:
    """Everything. Use it as a context manager; `keep()` keeps the folder when something went wrong."""

    def __init__(self, *, per_second: float = 50.0, server: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rs"))
        self.per_second = per_second
        self.redis = RealServer(server or find_server(), self.folder / "r")
        self.ports = [free_port() for _ in range(GATES)]
        self.gates = [Gate(self.folder, number) for number in range(1, GATES + 1)]
        self.control = self.folder / "proxy.sock"
        self.forks = ForkServer()
        self.proxy_process: Forked | None = None
        self.feed_process: Forked | None = None
        self.gate_environment: dict[str, str] = {}
        self._keep = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.stop_gates()
        self.forks.close()
        self.redis.stop()
        for gate in self.gates:
            gate.close()
        if not self._keep and kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self) -> Path:
        self._keep = True
        return self.folder

    # -- starting ------------------------------------------------------------------------------------------------

    def begin(self, url: str = "") -> Self:
        """Everything up, stores begun, every strategy submitting. `url`: a store of one's own, without the proxy."""
        if not url:
            self.redis.start()
            self.start_proxy()
        for gate, port in zip(self.gates, self.ports, strict=True):
            gate.write_files(f'{{url: "{url or f"redis://127.0.0.1:{port}"}"}}')
        self.begin_stores()
        self.start_all()
        return self

    def start_all(self) -> None:
        for gate in self.gates:
            self.start_gate(gate)
        self.start_feed()
        for gate in self.gates:
            self.start_strategy(gate)
        self.until_trading()

    def start_proxy(self) -> None:
        upstreams = [str(self.redis.socket)] * GATES
        log = self.folder / "proxy.log"
        self.proxy_process = self.forks.start("proxy", self.ports, upstreams, str(self.control), log=log)
        self.until(self._proxy_answers, "the proxy")

    def _proxy_answers(self) -> bool:
        with contextlib.suppress(OSError):
            tell(self.control, link=0, mode="pass")
            return True
        return False

    def begin_stores(self) -> None:
        """`risksvc init --store` for each gate, as an operator does it; the gates may run."""
        for gate in self.gates:
            for _ in range(_INIT_TRIES):  # a call gets 50 ms: too little, once, on a machine that is busy
                if not (code := self.cli(gate, "init", "--store").wait()):
                    break
            else:
                raise RuntimeError(f"init --store: exit code {code}; see {self.folder}/cli.log")

    def cli(self, gate: Gate, *words: str) -> Forked:
        """An operator's command, as a process of its own."""
        return self.forks.start("cli", *words, "--settings", str(gate.settings), log=self.folder / "cli.log")

    def start_gate(self, gate: Gate) -> None:
        """Forked, or started afresh where the gates need an environment of their own."""
        if self.gate_environment:
            words = (sys.executable, "-m", "risksvc.cli.main", "serve", "--settings", str(gate.settings))
            gate.process = Opened(words, log=gate.folder / "gate.log", environment=self.gate_environment)
            return
        gate.process = self.forks.start("gate", str(gate.settings), log=gate.folder / "gate.log")

    def start_feed(self) -> None:
        targets = [(gate.socket("venue"), gate.account) for gate in self.gates]
        self.feed_process = self.forks.start("feed", *targets, log=self.folder / "feed.log")

    def start_strategy(self, gate: Gate) -> None:
        words = (gate.socket("strategy"), gate.account, str(gate.records.path), self.per_second, gate.number == GATES)
        log = self.folder / f"strategy-{gate.number}.log"
        gate.strategy_process = self.forks.start("strategy", *words, log=log)

    # -- ending --------------------------------------------------------------------------------------------------

    def stop_gates(self) -> None:
        """SIGTERM, so that their journals are whole."""
        running = [gate for gate in self.gates if gate.process is not None and gate.process.poll() is None]
        for gate in running:
            gate.process.signal(SIGTERM)
        for gate in running:
            try:
                gate.process.wait(10)
            except TimeoutError:
                gate.process.signal(SIGKILL)
                gate.process.wait()

    @staticmethod
    def kill(process: Any) -> None:  # noqa: ANN401 - Forked, or another handle with the same three methods
        """kill -9."""
        process.signal(SIGKILL)
        process.wait()

    def network(self, mode: str, *, gates: Sequence[Gate] | None = None, delay: float = 0.0) -> None:
        """How the way to Redis behaves, for all gates or for some."""
        for gate in self.gates if gates is None else gates:
            tell(self.control, link=gate.number - 1, mode=mode, delay=delay)

    # -- waiting -------------------------------------------------------------------------------------------------

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 30.0) -> float:
        """Waits until something holds; gives the seconds that it took. Raises StuckError."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > seconds:
                raise StuckError(f"{what} did not come about within {seconds:.0f} s; {self.standing()}")
            time.sleep(0.01)
        return time.monotonic() - began

    def until_trading(self, gates: Sequence[Gate] | None = None, seconds: float = 30.0) -> float:
        """Until each strategy submits again."""
        waiting = list(self.gates if gates is None else gates)
        for gate in waiting:
            gate.records.refresh()

        def trading() -> bool:
            waiting[:] = [gate for gate in waiting if not any(one.submitted for one in gate.records.refresh())]
            return not waiting

        return self.until(trading, "orders from every strategy", seconds)

    def standing(self) -> str:
        """How every gate stands, for an error's text."""
        said = []
        for gate in self.gates:
            try:
                status = gate.status()
                halts = ", ".join(one.halt_id for one in status.halts)
                problem = status.kill_switch.problem
                said.append(f"{gate.account}: {gate.reasons() or 'open'} halts [{halts}] {problem}")
            except grpc.RpcError as error:
                said.append(f"{gate.account}: {error.code()}")
        return "; ".join(said)


class StuckError(AssertionError):
    """Something that must come about did not."""
