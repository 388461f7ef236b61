"""What goes wrong: every kind of fault as one function of the world, and a swarm that picks some of them for a seed.

A fault begins at a random moment and ends by itself; `heal` ends what is left. Uniform faults find little, so each seed
takes a random few kinds (facts of swarm testing): some runs are quiet but for one kind, others are a storm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from risksvc.core.types import MILLISECOND
from tests.simulation.gates import GateHost
from tests.simulation.network import Link
from tests.simulation.servers import Server
from tests.simulation.stores import Cluster
from tests.simulation.virtual_time import Process


@dataclass(slots=True)
class Target:
    """What faults reach. `crash` and `revive`: of a gate's process; `begin_twin`: a second process of one gate id."""

    rng: Random
    cluster: Cluster
    hosts: list[GateHost]
    strategies: list[Process]
    crash: Callable[[GateHost, int], None]
    begin_twin: Callable[[], None]
    note: Callable[[str], None]
    disk_delays: dict[str, int] = field(default_factory=dict)
    healed: bool = False

    def later(self, delay: int, act: Callable[..., object], *arguments: object) -> None:
        scheduler = self.cluster.network.scheduler
        scheduler.at(scheduler.now + delay, act, *arguments)

    def for_ms(self, shortest: int, longest: int) -> int:
        return self.rng.randint(shortest, longest) * MILLISECOND

    def a_host(self) -> GateHost:
        return self.rng.choice(self.hosts)

    def links_of(self, host: GateHost) -> list[Link]:
        """To and from every server: both ways, or one of them."""
        network, ways = self.cluster.network, self.rng.choice(("both", "to", "from"))
        found = []
        for server in self.cluster.servers:
            if ways != "from":
                found.append(network.link(host.name, server.name))
            if ways != "to":
                found.append(network.link(server.name, host.name))
        return found


# -- network --------------------------------------------------------------------------------------------------------


def _cut(target: Target) -> None:
    host = target.a_host()
    links, lasts = target.links_of(host), target.for_ms(20, 1200)
    target.note(f"{host.name} is cut off for {lasts // MILLISECOND} ms ({len(links)} links)")
    _set(links, cut=True)
    target.later(lasts, lambda: _set(links, cut=False))


def _set(links: list[Link], **values: float) -> None:
    for link in links:
        for name, value in values.items():
            setattr(link, name, value)


def _slow_network(target: Target) -> None:
    host = target.a_host()
    links, lasts, longest = target.links_of(host), target.for_ms(50, 800), target.for_ms(20, 400)
    target.note(f"{host.name}'s network takes up to {longest // MILLISECOND} ms for {lasts // MILLISECOND} ms")
    _set(links, longest=longest)
    target.later(lasts, lambda: _set(links, longest=2 * MILLISECOND))


def _loss(target: Target) -> None:
    host = target.a_host()
    links, lasts = target.links_of(host), target.for_ms(50, 800)
    target.note(f"{host.name} loses messages for {lasts // MILLISECOND} ms")
    _set(links, loss=target.rng.choice((0.1, 0.3, 0.6)))
    target.later(lasts, lambda: _set(links, loss=0.0))


def _repeats(target: Target) -> None:
    host = target.a_host()
    links, lasts = target.links_of(host), target.for_ms(100, 1500)
    target.note(f"{host.name}'s messages arrive twice for {lasts // MILLISECOND} ms")
    _set(links, repeats=0.5)
    target.later(lasts, lambda: _set(links, repeats=0.0))


def _lost_answers(target: Target) -> None:
    host = target.a_host()
    links = [target.cluster.network.link(host.name, one.name) for one in target.strategies]
    _set(links, longest=target.for_ms(30, 150))
    target.later(target.for_ms(50, 800), lambda: _set(links, longest=2 * MILLISECOND))


# -- processes ------------------------------------------------------------------------------------------------------


def _pause(target: Target, process: Process, lasts: int) -> None:
    target.note(f"{process.name} is stopped for {lasts // MILLISECOND} ms")
    process.pause()
    target.later(lasts, process.wake)


def _pause_gate(target: Target) -> None:
    host = target.a_host()
    if host.running is not None:
        longest = target.rng.choice((60, 450, 1500))
        _pause(target, host.running.process, target.for_ms(10, longest))


def _pause_strategy(target: Target) -> None:
    _pause(target, target.rng.choice(target.strategies), target.for_ms(10, 800))


def _crash(target: Target) -> None:
    target.crash(target.a_host(), target.for_ms(5, 700))


def _power_cut(target: Target) -> None:
    host = target.a_host()
    lost = target.rng.randint(0, 60)
    target.crash(host, target.for_ms(5, 700))
    if host.running is None:
        target.note(f"{host.name}'s power fails; its journal loses {lost} entries")
        host.disk.lose_power(lost)


def _wall_jump(target: Target) -> None:
    host = target.a_host()
    host.clock.wall_ahead += target.rng.choice((-1, 1)) * target.for_ms(60, 10_000)
    target.note(f"{host.name}'s wall clock is set")


def _disk_full(target: Target) -> None:
    disk, lasts = target.a_host().disk, target.for_ms(20, 400)
    target.note(f"a disk is full for {lasts // MILLISECOND} ms")
    disk.full = True
    target.later(lasts, lambda: setattr(disk, "full", False))


def _slow_disk(target: Target) -> None:
    host = target.a_host()
    target.disk_delays[host.name] = target.for_ms(20, 500)
    target.note(f"{host.name}'s disk takes up to {target.disk_delays[host.name] // MILLISECOND} ms")
    target.later(target.for_ms(100, 900), lambda: target.disk_delays.pop(host.name, None))


def _twin(target: Target) -> None:
    target.begin_twin()


# -- servers --------------------------------------------------------------------------------------------------------


def _hang(target: Target) -> None:
    if target.healed:
        return
    server, lasts = target.cluster.primary, target.for_ms(20, 1200)
    target.note(f"{server.name} hangs for {lasts // MILLISECOND} ms")
    server.hung = True
    server.outage_begins()
    target.later(lasts, wake_server, server)


def wake_server(server: Server) -> None:
    """What it was asked meanwhile is done now."""
    if server.hung and server.up:
        server.outage_over()
    server.hung = False
    waiting, server.waiting = server.waiting, []
    for arrive in waiting:
        arrive()


def _slow_server(target: Target) -> None:
    server = target.cluster.primary
    server.slow = target.for_ms(2, 120)
    target.note(f"{server.name} takes {server.slow // MILLISECOND} ms")
    target.later(target.for_ms(50, 800), lambda: setattr(server, "slow", 0))


def _slow_then_hung(target: Target) -> None:
    """As a machine dies that runs out of memory."""
    server, lasts = target.cluster.primary, target.for_ms(300, 900)
    server.slow = target.for_ms(55, 90)
    target.note(f"{server.name} takes {server.slow // MILLISECOND} ms, and hangs in {lasts // MILLISECOND} ms")
    target.later(lasts, _hang, target)
    target.later(lasts, lambda: setattr(server, "slow", 0))


def _stop_server(target: Target, server: Server, *, lasts: int) -> None:
    server.up, server.waiting = False, []
    server.outage_begins()
    server.cuts += 1
    target.later(lasts, bring_back, target.cluster, server)


def bring_back(cluster: Cluster, server: Server) -> None:
    """The server's process is started again; a primary that was replaced comes back as a replica."""
    if server.up:
        return
    server.up, server.hung, server.slow = True, False, 0
    server.starts += 1
    server.outage_over()
    if server is not cluster.primary:
        server.follow(cluster.primary)


def _restart(target: Target) -> None:
    server, lasts = target.cluster.primary, target.for_ms(10, 900)
    target.note(f"{server.name} is down for {lasts // MILLISECOND} ms")
    _stop_server(target, server, lasts=lasts)


def _restart_old(target: Target) -> None:
    server, lost, lasts = target.cluster.primary, target.for_ms(5, 1000), target.for_ms(10, 400)
    target.note(f"{server.name} is down for {lasts // MILLISECOND} ms and loses its last {lost // MILLISECOND} ms")
    until = server.now() - lost
    kept = [entry for entry in server.log if entry[0] <= until]
    server.become(kept or server.log[:1])
    _stop_server(target, server, lasts=lasts)


def _restart_empty(target: Target) -> None:
    server = target.cluster.primary
    target.note(f"{server.name} restarts empty")
    server.become([])
    _stop_server(target, server, lasts=target.for_ms(10, 400))


def _flush(target: Target) -> None:
    target.note(f"{target.cluster.primary.name} is flushed")
    target.cluster.primary.flush()


def _cut_replica(target: Target) -> None:
    replicas = [one for one in target.cluster.servers if one.following is target.cluster.primary and not one.frozen]
    if not replicas:
        return
    server = target.rng.choice(replicas)
    server.cut_link()
    lasts = target.for_ms(20, 1200)
    target.note(f"{server.name} is cut off from its primary for {lasts // MILLISECOND} ms")
    target.later(lasts, _mend_replica, server, server.cuts)


def _mend_replica(server: Server, cuts: int) -> None:
    if server.cuts == cuts:
        server.frozen = None


def _failover(target: Target, *, stale: bool = False, split: bool = False) -> None:
    cluster = target.cluster
    old = cluster.primary
    replicas = [one for one in cluster.servers if one.following is old and one.up]
    if not replicas or cluster.old is not None:
        return
    by_history = sorted(replicas, key=lambda one: (len(one.has_of_primary()), one.name))
    new = by_history[0 if stale else -1]
    target.note(f"{new.name} replaces {old.name}{', with an old state' if stale else ''}")
    new.promote()
    cluster.primary = new
    for other in replicas:
        if other is not new:
            other.follow(new)
    lasts = target.for_ms(50, 2000 if split else 1200)
    if not split:
        _stop_server(target, old, lasts=lasts)
        return
    old.cuts += 1
    cluster.old = old
    cluster.believers = {host.name: None for host in target.hosts if target.rng.random() < 0.5}
    target.note(f"{', '.join(cluster.believers) or 'nobody'} still finds {old.name}, for {lasts // MILLISECOND} ms")
    away = [host.name for host in target.hosts if host.name not in cluster.believers]
    _set([cluster.network.link(name, old.name) for name in away], cut=True)
    target.later(lasts, end_split, cluster)


def end_split(cluster: Cluster) -> None:
    """The old primary learns that it is one no more; what it took meanwhile is gone."""
    if cluster.old is not None:
        _set(cluster.network.links_to(cluster.old.name), cut=False)
        cluster.old.follow(cluster.primary)
        cluster.old, cluster.believers = None, {}


Kind = Callable[[Target], None]
KINDS: Mapping[str, Kind] = {
    "cut": _cut,
    "slow network": _slow_network,
    "loss": _loss,
    "repeats": _repeats,
    "late answers": _lost_answers,
    "pause gate": _pause_gate,
    "pause strategy": _pause_strategy,
    "crash": _crash,
    "power cut": _power_cut,
    "wall jump": _wall_jump,
    "disk full": _disk_full,
    "slow disk": _slow_disk,
    "twin": _twin,
    "hang": _hang,
    "slow server": _slow_server,
    "slow, then hung": _slow_then_hung,
    "restart": _restart,
    "restart old": _restart_old,
    "restart empty": _restart_empty,
    "flush": _flush,
    "cut replica": _cut_replica,
    "failover": _failover,
    "stale failover": lambda target: _failover(target, stale=True),
    "split brain": lambda target: _failover(target, split=True),
}
# These leave gates and their network alone.
SERVERS_ONLY = frozenset(
    {"hang", "slow, then hung", "slow server", "restart", "restart old", "flush", "pause strategy", "late answers"}
)
# These take something out of the store's history, or may.
TOUCH_HISTORY = frozenset({"restart old", "restart empty", "flush", "failover", "stale failover", "split brain"})


def swarm(rng: Random, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """The kinds of one seed; one in ten has none."""
    if chosen is not None:
        return chosen
    share = rng.choice((0.0, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3, 0.5, 0.5, 0.8))
    return tuple(kind for kind in KINDS if rng.random() < share)


def schedule(target: Target, kinds: tuple[str, ...], *, begin: int, end: int) -> int:
    """Puts every fault of a seed on its moment; how many there are."""
    rng, count = target.rng, 0
    for kind in kinds:
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            count += 1
            target.cluster.network.scheduler.at(rng.randint(begin, end), KINDS[kind], target)
    return count


def heal(target: Target) -> None:
    """Everything that is broken is whole again; gates that are down are not started here."""
    cluster = target.cluster
    target.note("everything is healed")
    target.healed = True
    cluster.network.heal()
    end_split(cluster)
    for server in cluster.servers:
        bring_back(cluster, server)
        server.slow = 0
        if server is not cluster.primary and (server.frozen is not None or server.following is not cluster.primary):
            server.follow(cluster.primary)
        wake_server(server)
    for host in target.hosts:
        host.disk.full = False
    target.disk_delays.clear()
