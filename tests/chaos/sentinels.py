"""A real Sentinel set-up: one primary, two replicas, three sentinels; failed over to replicas that lag behind.

| what | what must follow |
|---|---|
| the primary is killed | another one is promoted; gates open again by themselves, unless halted |
| the replicas stand still, a halt is issued, the primary is killed | only latches have the halt: published again |
| the primary stands still and wakes up after it was replaced | nobody takes it for the primary |
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import redis

from risksvc.gate.redis_server import find_server
from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage
from tests.integration.kill_switch.real_server import RealServer, free_port
from tests.integration.kill_switch.sentinel_group import Sentinel

MASTER = "chaos"
_DOWN_AFTER_MS = 1000
# A sentinel that was not run for two seconds does nothing for half a minute, unless it is told otherwise.
_TILT_MS = 1000
_PATIENCE = 90.0
_LONG_ROUNDS = 4
_SENTINEL = """\
port {port}
bind 127.0.0.1
dir "{folder}"
logfile "{folder}/log"
sentinel monitor {master} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {master} {down}
sentinel failover-timeout {master} 3000
sentinel parallel-syncs {master} 2
"""


def failovers(options: Options) -> Verdict:
    """Each of the three, from a replica set that is whole."""
    with stage(options, f"Sentinel ({options.server or 'redis-server'})", begin=False) as on:
        cluster = Cluster(options.binary or find_server(), on.world.folder)
        try:
            cluster.start()
            on.world.begin(cluster.url)
            for _ in range(_LONG_ROUNDS if options.long else 1):
                for fault in (_killed, _killed_while_replicas_lag, _replaced_while_it_hung):
                    _play(on, cluster, fault)
            on.verdict.notes[:] = ["primary killed; killed while its replicas lag behind a halt; hung and replaced"]
        finally:
            cluster.stop()
    return on.verdict


def _play(on: Stage, cluster: "Cluster", fault: Callable[[Stage, "Cluster"], None]) -> None:
    on.operators.resume_all()
    on.world.until_trading()
    on.operators.halt(on.world.gates[0], "a1", during=f"before: {fault.__name__.strip('_').replace('_', ' ')}")
    fault(on, cluster)
    on.oracle.check_everywhere(_PATIENCE)
    cluster.mend()
    on.oracle.recovers(_PATIENCE)
    on.verdict.cycles += 1


def _killed(on: Stage, cluster: "Cluster") -> None:
    cluster.primary().kill()
    on.operators.halt(on.world.gates[1], during="primary killed")


def _killed_while_replicas_lag(on: Stage, cluster: "Cluster") -> None:
    primary = cluster.primary()
    replicas = [server for server in cluster.servers if server is not primary]
    for server in replicas:
        server.hang()
    time.sleep(on.random.uniform(0, 0.15))
    on.operators.halt(on.world.gates[2], during="replicas lag")
    primary.kill()
    for server in replicas:
        server.wake()


def _replaced_while_it_hung(on: Stage, cluster: "Cluster") -> None:
    primary = cluster.primary()
    primary.hang()
    on.operators.halt(on.world.gates[1], during="primary hung")
    on.world.until(lambda: cluster.primary() is not primary, "another primary", _PATIENCE)
    primary.wake()


class Cluster:
    """The servers and their sentinels."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self.servers = [RealServer(binary, folder / f"r{number}") for number in range(3)]
        for server in self.servers:
            server.options["repl-diskless-sync-delay"] = "0"
        self._ports = [free_port() for _ in range(3)]
        self._sentinels: list[Sentinel] = []

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/{MASTER}"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        for server in self.servers[1:]:
            _follow(server, self.servers[0])
        _until(lambda: _replicas(self.servers[0]) == len(self.servers) - 1, "two replicas in step")
        for number, port in enumerate(self._ports):
            self._start_sentinel(number, port)
        for port in self._ports:
            _until(lambda port=port: _tilts_briefly(port), "a sentinel")  # type: ignore[misc]
        _until(self._agreed, "sentinels that know each other and every replica")

    def stop(self) -> None:
        for sentinel in self._sentinels:
            sentinel.stop()
        for server in self.servers:
            server.stop()

    def primary(self) -> RealServer:
        """By what a majority of the sentinels says."""
        named = [self._named(port) for port in self._ports]
        best = max(named, key=named.count)
        return next((server for server in self.servers if server.port == best), self.servers[0])

    def mend(self) -> None:
        """What was killed comes back as a replica, and everything is replicated again."""
        primary = self.primary()
        for server in self.servers:
            if server.process is None:
                server.start()
            if server is not primary:
                _follow(server, primary)
        _until(lambda: _replicas(primary) == len(self.servers) - 1, "two replicas in step")

    def _start_sentinel(self, number: int, port: int) -> None:
        folder = self._folder / f"sentinel-{number}"
        primary = self.servers[0].port
        text = _SENTINEL.format(port=port, folder=folder, master=MASTER, primary=primary, down=_DOWN_AFTER_MS)
        self._sentinels.append(Sentinel(self._binary, folder, port=port, text=text))

    def _agreed(self) -> bool:
        for port in self._ports:
            about = _ask(port) or {}
            if (int(about.get("num-slaves", 0)), int(about.get("num-other-sentinels", 0))) != (2, 2):
                return False
        return True

    def _named(self, port: int) -> int:
        about = _ask(port) or {}
        return int(about.get("port", 0))


def _tilts_briefly(port: int) -> bool:
    with contextlib.suppress(redis.RedisError, OSError), redis.Redis(port=port, socket_timeout=1) as client:
        return bool(client.execute_command("SENTINEL", "DEBUG", "tilt-period", str(_TILT_MS)))
    return False


def _ask(port: int) -> "dict[str, str] | None":
    with contextlib.suppress(redis.RedisError, OSError), redis.Redis(port=port, socket_timeout=1) as client:
        reply = client.execute_command("SENTINEL MASTER", MASTER)
        pairs = reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
        return {_text(key): _text(value) for key, value in pairs}
    return None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _follow(server: RealServer, primary: RealServer) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", primary.port)


def _replicas(server: RealServer) -> int:
    with contextlib.suppress(redis.RedisError), server.client() as client:
        about = client.info("replication")
        return sum(
            row["state"] == "online" for key, row in about.items() if key.startswith("slave") and isinstance(row, dict)
        )
    return 0


def _until(holds: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
