"""Real gate processes to measure: `risksvc serve` in a world of a given size, with a venue that feeds it.

Limits are so wide that every check is approved, and every kind of limit is set. What was approved in one measurement is
over before the next (`finish`), by proof.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from risksvc.v1 import operator_pb2, venue_pb2
from tests.bench import compiled as rules
from tests.bench.venue import Venue, symbol
from tests.certificates import Authority
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.kill_switch.real_server import free_port

_SETTINGS = """
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
    venue_window: 60s
    settle: 500ms
    snapshot_max_age: {age}
    mark_max_age: {age}
    stale_denied_after: 60m
"""
_LIMITS = """
version: 1
defaults:
  max_net_exposure: 1_000_000_000_000
  max_order_notional: 1_000_000
  max_order_quantity: 1_000
accounts:
  main:
    max_total_exposure: 1_000_000_000_000
    instruments:
"""
_STRATEGY = "      s{number}: {{max_orders_per_second: 1_000_000, instruments: {{{instruments}}}}}\n"
_HEARD_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class World:
    """How much a gate holds, and how it is set up. `settings`: further lines of the settings file.

    `listed`: instruments that the venue lists, if more than those in the limits file. `positions`: held from the start.
    `fresh`: marks and complete reads come at their default cadences; else once, and stay fresh for an hour.
    `compiled`: it runs compiled, where that is built.
    """

    instruments: int = 10
    strategies: int = 1
    working: int = 0
    listed: int = 0
    positions: int = 0
    fresh: bool = True
    settings: str = ""
    tcp: bool = False
    tls: bool = False
    compiled: bool = True

    def limits(self) -> str:
        named = ", ".join(f"{symbol(n)}: {{max_intended: 1000000}}" for n in range(min(self.instruments, 10)))
        lines = [_LIMITS, *(f"      {symbol(number)}:\n" for number in range(self.instruments)), "    strategies:\n"]
        lines += [_STRATEGY.format(number=number, instruments=named) for number in range(self.strategies)]
        return "".join(lines)


class MeasuredGate(GateProcess):
    """One gate and its venue. `target`: its strategy listener."""

    def __init__(self, world: World) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="rsb")))
        self.world = world
        self.port = free_port() if world.tcp else 0
        self.words: tuple[str, ...] = ()
        self.limits.write_text(world.limits(), encoding="utf-8")
        self._write_settings()
        self.venue: Venue | None = None
        self._live: list[tuple[str, int]] = []

    def _write_settings(self) -> None:
        head, _, rest = self.settings.read_text(encoding="utf-8").partition("\naccounts:\n")
        operators = rest[rest.index("operators:") :]
        if self.port:
            strategy = f'{{address: "127.0.0.1:{self.port}"{self._tls()}}}'
            head = head.replace('http: "127.0.0.1:0"', f'http: "127.0.0.1:0", strategy: {strategy}')
        age = "20s" if self.world.fresh else "60m"
        accounts = _SETTINGS.format(age=age)
        self.settings.write_text(head + accounts + operators + self.world.settings, encoding="utf-8")

    def _tls(self) -> str:
        """A certificate of the gate's own, where it is to show one."""
        if not self.world.tls:
            return ""
        authority = Authority(self.folder, "authority")
        shown = authority.sign("gate")
        self.words = (f"ca={authority.file}",)
        return f", tls: {{certificate: {shown.certificate.name}, key: {shown.key.name}}}"

    # -- life ----------------------------------------------------------------------------------------------------

    def spawn(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            words = [sys.executable, "-m", "risksvc.cli.main", "serve", "--settings", str(self.settings)]
            environment = rules.environment(compiled=self.world.compiled)
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        return self.process

    def __enter__(self) -> Self:
        try:
            self.start()
            self.connect(listed=self.world.listed)
            if self.world.positions:
                self._adopt()
            self.wait_for(lambda: self.status().ready, "the gate is open")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.venue is not None:
                self.venue.close()
        finally:
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, *, listed: int = 0) -> None:
        """A new venue, which lists so many instruments at least, instead of the one before."""
        if self.venue is not None:
            self.venue.close()
        world = self.world
        self.venue = Venue(self.channel("venue"), instruments=world.instruments, listed=max(listed, world.instruments))
        self.venue.positions = {symbol(number): "0.1" for number in range(world.positions)}
        self.venue.ready()
        if world.fresh:
            self.venue.keep_fresh()

    def _adopt(self) -> None:
        """Explains what the venue held at the start; two people, as it takes."""
        found = self.operator().Reconcile(operator_pb2.ReconcileRequest(), timeout=30, metadata=as_("alice"))
        request = operator_pb2.AdoptRequest(
            account="main", items=found.results[0].unexplained, cause="manual-trade", reason="what is measured holds it"
        )
        done = self.operator().Adopt(request, timeout=30, metadata=as_("alice"))
        if done.outcome == operator_pb2.ADOPT_OUTCOME_PROPOSED:
            confirm = operator_pb2.AdoptRequest(confirm_proposal_id=done.proposal_id)
            done = self.operator().Adopt(confirm, timeout=30, metadata=as_("bob"))
        if done.outcome != operator_pb2.ADOPT_OUTCOME_ADOPTED:
            raise RuntimeError(f"the positions could not be adopted: {done}")

    # -- measuring -----------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}" if self.port else self.socket("strategy")

    def took(self, prefix: str, asked: int) -> None:
        """So many orders were asked for under a prefix: they may be live now."""
        self._live += [(f"{prefix}-{number:09d}", number) for number in range(asked)]

    def finish(self) -> None:
        """Proves all that was asked for since as over, and returns when the gate has taken it in."""
        assert self.venue is not None
        live, self._live = self._live, []
        self.venue.cancelled_unfilled(iter(live))
        self.heard()

    def rest(self, prefix: str, asked: int) -> None:
        """Lets what was just asked for rest at the venue."""
        assert self.venue is not None
        self.venue.working((f"{prefix}-{number:09d}", number) for number in range(asked))
        self.heard()

    def heard(self) -> None:
        """Returns when the gate has taken in all that the venue has said so far."""
        assert self.venue is not None
        connected = not self._stream_connected()
        self.venue.send(stream_state=venue_pb2.FeedStreamState(connected=connected))
        deadline = time.monotonic() + _HEARD_WITHIN
        while self._stream_connected() is not connected:
            assert self.venue.error is None, f"the gate ended its venue's stream: {self.venue.error}"
            if time.monotonic() > deadline:
                raise RuntimeError(f"the gate has not heard its venue within {_HEARD_WITHIN:.0f} s")
            time.sleep(0.02)

    def _stream_connected(self) -> bool:
        request = operator_pb2.GetReconciliationRequest(account="main", instrument=symbol(0))  # the cheapest answer
        answer = self.operator().GetReconciliation(request, timeout=30, metadata=as_("alice"))
        return answer.accounts[0].stream_connected
