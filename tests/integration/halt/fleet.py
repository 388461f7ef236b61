"""Several real gates, each with an account of its own, on one real Redis; and the command line that halts them."""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risksvc.gate.kill_switch.initialising import initialise_namespace, new_generation
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreError
from risksvc.gate.latch import LatchState
from risksvc.gate.operator_tokens import hash_token
from tests.chosen_engine import with_engine
from tests.integration.gate.gate_process import TOKENS, GateProcess
from tests.integration.kill_switch.real_server import RealServer

PATIENCE = 120.0  # far above what anything takes, and below what a stuck test may
SETTINGS = """
version: 1
gate: {{id: {name}, state_dir: s}}
limits: limits.yaml
{redis}
listen: {{http: "127.0.0.1:0"}}
accounts:
  {account}:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
operators:
  - {{name: alice, token_sha256: {alice}}}
  - {{name: bob, token_sha256: {bob}}}
second_person: none
cool_down: 1s
{gates}
"""
LIMITS = """
version: 1
accounts:
  {account}:
    instruments: {{BTC/USDT:USDT: , ETH/USDT:USDT: }}
    strategies: {{mm: , trend: }}
"""


@dataclass(frozen=True)
class Ended:
    """A command that has ended: what it printed, and how long it took, in seconds (for whoever reads a failure)."""

    code: int
    out: str
    error: str
    seconds: float

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        return json.loads(self.out)

    def paths(self) -> dict[str, str]:
        return {path["path"]: path["result"] for path in self.document["paths"]}


class Fleet:
    """Gates g1, g2, ... of accounts a1, a2, ...; `redis` None: each has a private store."""

    def __init__(self, folder: Path, redis: RealServer | None, *, size: int = 3) -> None:
        self.folder, self.redis = folder, redis
        self.gates: dict[str, GateProcess] = {}
        for number in range(1, size + 1):
            self._add(f"g{number}", f"a{number}", size)

    def _add(self, name: str, account: str, size: int) -> None:
        home = self.folder / name
        home.mkdir()
        gate = GateProcess(home)
        others = [f"g{number}" for number in range(1, size + 1)]
        gates = "gates:\n" + "\n".join(f"  {each}: unix:{self.folder}/{each}/s/operator.sock" for each in others)
        redis = f"redis: {{url: unix://{self.redis.socket}}}" if self.redis is not None else ""
        hashes = {who: hash_token(token) for who, token in TOKENS.items()}
        text = SETTINGS.format(name=name, account=account, redis=redis, gates=gates, **hashes)
        gate.settings.write_text(with_engine(text))
        gate.limits.write_text(LIMITS.format(account=account))
        self.gates[name] = gate

    def start(self) -> None:
        """Returns when every gate has a lease and has heard of every other."""
        if self.redis is not None:
            asyncio.run(self._begin_store(self.redis.url))
        for gate in self.gates.values():
            gate.spawn()
        for name, gate in self.gates.items():
            wait_for(lambda gate=gate: gate._answers() and self._whole(gate), f"{name} is open", gate)  # type: ignore[misc]

    async def _begin_store(self, url: str) -> None:
        store, fresh = KillSwitchStore(url), new_generation()
        for namespace in ("*", *(f"a{number}" for number in range(1, len(self.gates) + 1))):
            for _ in range(100):  # a store that is busy answers too late; what stands is not begun again
                with contextlib.suppress(StoreError):
                    await initialise_namespace(store, namespace, state=LatchState(), fresh=fresh, gate_id="init")
                    break
        await store.close()

    def _whole(self, gate: GateProcess) -> bool:
        status = gate.status()
        known = len(status.kill_switch.gates)
        return status.kill_switch.lease_ms > 0 and known == (len(self.gates) if self.redis is not None else 1)

    def stop(self) -> None:
        for gate in self.gates.values():
            if gate.process is not None:
                gate.process.send_signal(18)  # SIGCONT
            gate.stop()

    def halted(self) -> dict[str, list[str]]:
        """By gate: the ids of the halts in force there."""
        return {name: [halt.halt_id for halt in gate.status().halts] for name, gate in self.gates.items()}

    def states(self) -> dict[tuple[str, str], int]:
        """By account and strategy ("": the account): its trading state."""
        found = {}
        for gate in self.gates.values():
            for account in gate.status().accounts:
                found[account.account, ""] = int(account.trading_state)
                for strategy in account.strategies:
                    found[account.account, strategy.strategy] = int(strategy.trading_state)
        return found

    def wait_for_halts(self, expected: dict[str, list[str]]) -> None:
        wait_for(lambda: self.halted() == expected, f"halts {expected}")

    def halt(
        self,
        *words: str,
        code: int,
        paths: dict[str, str] | None = None,
        gate: str = "g1",
        token: str | None = TOKENS["alice"],
    ) -> Ended:
        """Halts until it comes out as expected: on a machine that is busy, somebody may first answer too late.

        The same halt again is still one halt. `paths`: only those that are named are looked at.
        """
        halt_id = f"t-{secrets.token_hex(6)}"
        ended: list[Ended] = []

        def as_expected() -> bool:
            command = ("halt", "--reason", "drill", "--json", "--halt-id", halt_id, *words)
            ended.append(self.run(*command, gate=gate, token=token))
            found = ended[-1].paths() if ended[-1].out else {}
            return ended[-1].code == code and all(found.get(path) == result for path, result in (paths or {}).items())

        wait_for(as_expected, lambda: f"code {code} and {paths}, last {ended[-1]}")
        return ended[-1]

    def run(self, *words: str, gate: str = "g1", token: str | None = TOKENS["alice"]) -> Ended:
        """The real command line, as a process of its own."""
        where = self.folder / gate / "risksvc.yaml"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RISKSVC_")}
        environment |= {"RISKSVC_SETTINGS": str(where), "HOME": str(self.folder)}
        if token is not None:
            environment["RISKSVC_TOKEN"] = token
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "risksvc.cli.main", *words],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def wait_for(holds: Callable[[], bool], what: str | Callable[[], str], gate: GateProcess | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            log = gate.log_text()[-4000:] if gate is not None else ""
            raise AssertionError(f"not within {PATIENCE} s: {what if isinstance(what, str) else what()}\n{log}")
        time.sleep(0.05)
