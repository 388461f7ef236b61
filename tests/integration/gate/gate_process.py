"""A real gate process with its own state folder, private Redis and operators; started and stopped by its own handle."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import grpc

from risksvc.gate.engine.experiments import wanted_variables
from risksvc.gate.operator_tokens import hash_token
from risksvc.v1 import incident_pb2_grpc, operator_pb2, operator_pb2_grpc, strategy_pb2_grpc
from tests.chosen_engine import with_engine

PATIENCE = 30.0
RUN = """
import sys
from pathlib import Path
from risksvc.gate.serve import run_gate
if __name__ == "__main__":
    sys.exit(run_gate(Path(sys.argv[1])))
"""
SETTINGS = """
version: 1
gate: {{id: gate-1, state_dir: s}}
limits: limits.yaml
listen: {{http: "127.0.0.1:0"}}
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
    venue_window: 200ms
    settle: 500ms
    snapshot_max_age: 20s
    mark_max_age: 20s
operators:
  - {{name: alice, token_sha256: {alice}, roles: [engineering]}}
  - {{name: bob, token_sha256: {bob}, roles: [risk]}}
{extra}
"""
LIMITS = """
version: 1
accounts:
  main:
    instruments:
      BTC/USDT:USDT:
      ETH/USDT:USDT:
    strategies:
      mm: {instruments: {BTC/USDT:USDT: {max_intended: 2}}}
      trend:
"""
TOKENS = {"alice": "alice-secret-token", "bob": "bob-secret-token"}


class GateProcess:
    """One gate. `call` acts as an operator; `strategy` is what a strategy uses."""

    def __init__(self, folder: Path, *, extra: str = "", run: str = RUN) -> None:
        self.folder = folder
        self.settings = folder / "risksvc.yaml"
        self.limits = folder / "limits.yaml"
        self.log = folder / "gate.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._run = run
        self._channels: dict[str, grpc.Channel] = {}
        hashes = {name: hash_token(token) for name, token in TOKENS.items()}
        text = SETTINGS.format(**hashes, extra=extra)
        self.settings.write_text(text if "\nengine:" in text else with_engine(text))
        self.limits.write_text(LIMITS)

    def socket(self, name: str) -> str:
        return f"unix:{self.folder}/s/{name}.sock"

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when the gate answers operators."""
        self.spawn()
        self.wait_for(self._answers, "the gate answers")

    def spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self._run, str(self.settings)],
                stdout=log,
                stderr=log,
                env={**wanted_variables(self.settings), **os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return self.process

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the gate ended with {self.process.returncode}:\n{self.log.read_text()}")
        with contextlib.suppress(grpc.RpcError):
            self.status()
            return True
        return False

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(number)
        return process.wait(PATIENCE)

    # -- asking --------------------------------------------------------------------------------------------------

    def channel(self, name: str) -> grpc.Channel:
        """One kept-open connection for each listener."""
        if name not in self._channels:
            options = [
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 20),
                ("grpc.min_reconnect_backoff_ms", 1000),
                ("grpc.max_reconnect_backoff_ms", 50),
            ]
            self._channels[name] = grpc.insecure_channel(self.socket(name), options=options)
        return self._channels[name]

    @property
    def strategy(self) -> strategy_pb2_grpc.StrategyServiceStub:
        return strategy_pb2_grpc.StrategyServiceStub(self.channel("strategy"))

    def operator(self) -> operator_pb2_grpc.OperatorServiceStub:
        return operator_pb2_grpc.OperatorServiceStub(self.channel("operator"))

    def flow(self) -> incident_pb2_grpc.IncidentServiceStub:
        return incident_pb2_grpc.IncidentServiceStub(self.channel("operator"))

    def status(self) -> operator_pb2.GetStatusResponse:
        return self.operator().GetStatus(operator_pb2.GetStatusRequest(), timeout=5, metadata=as_("alice"))

    # -- waiting -------------------------------------------------------------------------------------------------

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {PATIENCE} s: {what}\n{self.log.read_text()[-6000:]}")
            time.sleep(0.02)

    def log_text(self) -> str:
        return self.log.read_text()


def as_(name: str) -> tuple[tuple[str, str], ...]:
    """An operator's credentials."""
    return (("authorization", f"Bearer {TOKENS[name]}"),)
