"""One seed: a small firm with its gates, servers, strategies and operators, some faults, a repair, and the verdict.

Everything random comes from the seed. `run_seed(seed)` gives the same outcome, and with `trace=True` the same lines,
whatever the hash seed and however often it is asked.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from risksvc.core.types import MILLISECOND, use_exact_arithmetic
from risksvc.gate.kill_switch.view import Beginning
from tests.simulation import catalogue, faults
from tests.simulation.faults import Target
from tests.simulation.gates import GateClock, GateHost
from tests.simulation.network import Network
from tests.simulation.operators import Operators
from tests.simulation.oracle import Counts, Oracle
from tests.simulation.servers import Server
from tests.simulation.stores import Cluster
from tests.simulation.strategies import Strategy
from tests.simulation.virtual_time import Scheduler, new_process

WARM_NS = 700 * MILLISECOND
SETTLE_NS = 1600 * MILLISECOND
LAST_NS = 250 * MILLISECOND
REPLAYED = 8  # the journals of one seed in eight are replayed at the end; each restart replays one anyway
STREAM = 1_000_003  # random streams of one seed are far apart


@dataclass(frozen=True, slots=True)
class Mix:
    """What a directed run fixes; None: as the seed has it."""

    kinds: tuple[str, ...] | None = None
    quorum: bool | None = None
    gates: int | None = None
    halts: int | None = None
    resumes: int | None = None
    dawdle: float | None = None
    watchdog: bool | None = None
    hints: bool | None = None
    storm_ns: int | None = None


@dataclass(slots=True)
class Outcome:
    """What one seed gave."""

    seed: int
    kinds: tuple[str, ...]
    counts: Counts
    virtual_ns: int
    steps: int
    violations: list[str]
    trace: list[str] = field(default_factory=list)


class World:
    """The firm of one seed."""

    def __init__(self, seed: int, mix: Mix, *, trace: bool) -> None:
        self.rng = rng = Random(seed * STREAM)
        self.mix = mix
        self.scheduler = Scheduler()
        self.lines: list[str] | None = [] if trace else None
        self.kinds = faults.swarm(rng, mix.kinds)
        stable = not faults.TOUCH_HISTORY.intersection(self.kinds)
        only = faults.SERVERS_ONLY.issuperset(self.kinds)
        self.oracle = Oracle(lambda: self.scheduler.now, stable=stable, servers_only=only, note=self.note)
        network = Network(self.scheduler, Random(seed * STREAM + 1))
        self.cluster = self._servers(network)
        self.oracle.outages = self.cluster.servers[0].outages
        self.strategies: list[Strategy] = []
        self.hosts: list[GateHost] = []
        self._disk_rng = Random(seed * STREAM + 2)
        self._strategy_rng = Random(seed * STREAM + 3)
        self.operators = Operators(self.oracle, rng, self.hosts)
        self.target = Target(
            rng=rng,
            cluster=self.cluster,
            hosts=self.hosts,
            strategies=[],
            crash=self._crash,
            begin_twin=self._begin_twin,
            note=self.note,
        )
        self.replayed = seed % REPLAYED == 0
        self.hints = rng.random() < 0.6 if mix.hints is None else mix.hints

    def note(self, what: str) -> None:
        if self.lines is not None:
            self.lines.append(f"{self.scheduler.now / MILLISECOND:10.3f} ms  {what}")

    # -- what there is -------------------------------------------------------------------------------------------

    def _servers(self, network: Network) -> Cluster:
        quorum = self.rng.random() < 0.6 if self.mix.quorum is None else self.mix.quorum
        servers = []
        for number in range(3 if quorum else 1):
            lag = self.rng.randint(100, 3000) * 1000
            ahead = self.rng.randint(-20, 20)
            servers.append(Server(f"redis{number}", now=lambda: self.scheduler.now, lag=lag, ahead_ms=ahead))
        for one in servers[1:]:
            one.follow(servers[0])
        for namespace in ("*", "a", "b"):
            servers[0].initialise(namespace, Beginning(f"gen-{namespace}"))
        return Cluster(servers, network, quorum=int(quorum), listener=self.oracle)

    def _add_host(self, name: str, gate_id: str, account: str) -> GateHost:
        clock = GateClock(self.scheduler, catalogue.START + self.rng.randint(0, 10**9), name)
        host = GateHost(name, gate_id=gate_id, account=account, cluster=self.cluster, clock=clock)
        host.listener = self.oracle.listen(name)
        host.failed = self.oracle.escaped
        host.ended = lambda code: self._ended(host, code)
        host.disk_delay = lambda: self._disk_delay(name)
        host.hints = self.hints
        host.watchdog = self.rng.random() < 0.3 if self.mix.watchdog is None else self.mix.watchdog
        host.began = lambda: self.oracle.restarted(host)
        self.hosts.append(host)
        self.oracle.hosts[name] = host
        return host

    def _add_strategies(self, host: GateHost, count: int) -> None:
        for name in catalogue.STRATEGIES[:count]:
            process = new_process(self.scheduler, f"{host.name}-{name}", failed=self.oracle.escaped)
            strategy = Strategy(process, name=name, host=host, network=self.cluster.network, rng=self._strategy_rng)
            strategy.submitted = self.oracle.submitted
            strategy.dawdle = self.rng.choice((0.0, 0.1, 0.5)) if self.mix.dawdle is None else self.mix.dawdle
            self.strategies.append(strategy)
            self.target.strategies.append(process)
            strategy.start()

    def _disk_delay(self, name: str) -> tuple[int, int]:
        random, longest = self._disk_rng.random, self.target.disk_delays.get(name, 4 * MILLISECOND)
        return int(random() * longest), int(random() * longest / 4)

    # -- what happens --------------------------------------------------------------------------------------------

    def _crash(self, host: GateHost, back_after: int) -> None:
        if host.running is None:
            return
        self.note(f"{host.name} is killed, and back after {back_after // MILLISECOND} ms")
        self.oracle.counts.crashes += 1
        host.kill()
        self.target.later(back_after, self._start, host)

    def _start(self, host: GateHost) -> None:
        self.note(f"{host.name} starts")
        host.start()

    def _ended(self, host: GateHost, code: int) -> None:
        """The supervisor starts a process that ended by itself again."""
        self.note(f"{host.name} ends with code {code}")
        self.scheduler.at(self.scheduler.now, self._crash, host, 100 * MILLISECOND)

    def _begin_twin(self) -> None:
        first = self.hosts[0]
        name = f"{first.name}-twin"
        if any(host.name == name for host in self.hosts):
            return
        self.note(f"a second process starts as {first.gate_id}")
        twin = self._add_host(name, first.gate_id, first.account)
        self._add_strategies(twin, 1)
        twin.start()

    def _heal(self) -> None:
        faults.heal(self.target)
        for process in self.target.strategies:
            process.wake()
        for host in self.hosts:
            if host.running is not None:
                host.running.process.wake()
        for host in [one for one in self.hosts if one.name.endswith("-twin")]:
            host.retired = True
            host.kill()
            self.hosts.remove(host)
            del self.oracle.hosts[host.name]
        for host in self.hosts:
            self._start(host)
        for number, host in enumerate(self.hosts):
            self.target.later((60 + 20 * number) * MILLISECOND, self.operators.initialise, host)

    def run(self) -> None:
        rng, scheduler = self.rng, self.scheduler
        gates = rng.choice((2, 2, 3)) if self.mix.gates is None else self.mix.gates
        for number in range(gates):
            account = rng.choice("aab") if number else "a"
            host = self._add_host(f"g{number}", f"g{number}", account)
            self._add_strategies(host, 2 if number == 0 else 1)
            scheduler.at(rng.randint(0, 40) * MILLISECOND, self._start, host)
        storm = rng.randint(600, 2000) * MILLISECOND if self.mix.storm_ns is None else self.mix.storm_ns
        healed = WARM_NS + storm
        self.oracle.counts.faults = faults.schedule(self.target, self.kinds, begin=WARM_NS - 200, end=healed)
        self._schedule(self.operators.halt, rng.randint(1, 4) if self.mix.halts is None else self.mix.halts, healed)
        self._schedule(
            self.operators.resume, rng.randint(0, 4) if self.mix.resumes is None else self.mix.resumes, healed
        )
        scheduler.at(healed, self._heal)
        scheduler.run_until(healed + SETTLE_NS)
        self.oracle.settled()
        scheduler.run_until(healed + SETTLE_NS + LAST_NS)
        for host in self.hosts:
            if self.replayed:
                self.oracle.replays(host)
            host.kill()

    def _schedule(self, act: Callable[[], None], count: int, end: int) -> None:
        for _ in range(count):
            self.scheduler.at(self.rng.randint(WARM_NS, end), act)


def run_seed(seed: int, mix: Mix | None = None, *, trace: bool = False) -> Outcome:
    """Runs one seed to its end."""
    use_exact_arithmetic()
    world = World(seed, mix or Mix(), trace=trace)
    logging.disable(logging.CRITICAL)
    try:
        world.run()
    finally:
        logging.disable(logging.NOTSET)
    oracle = world.oracle
    return Outcome(
        seed,
        world.kinds,
        oracle.counts,
        world.scheduler.now,
        world.scheduler.steps,
        oracle.violations,
        world.lines or [],
    )
