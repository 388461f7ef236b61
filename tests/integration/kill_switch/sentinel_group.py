"""One primary, two replicas, three sentinels, all real, under the deployed ACL file; ended by their own handles."""

import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from risksvc.gate.kill_switch.address import Credentials, StoreAddress
from tests.integration.kill_switch.acl_file import password_of, write_users
from tests.integration.kill_switch.real_server import READY_SECONDS, RealServer, free_port

ADMIN = ("admin", password_of("admin"))
NAME = "mymaster"
_SENTINEL = """\
port {port}
bind 127.0.0.1
dir "{folder}"
logfile "{folder}/log"
sentinel monitor {name} 127.0.0.1 {primary} 2
sentinel auth-user {name} risksvc-sentinel
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_ms}
sentinel failover-timeout {name} 3000
sentinel parallel-syncs {name} 2
"""


class Sentinel:
    """One sentinel; `text`: its configuration, which names `port`."""

    def __init__(self, binary: Path, folder: Path, *, port: int, text: str) -> None:
        folder.mkdir()
        self.port = port
        configuration = folder / "sentinel.conf"
        configuration.write_text(text)
        command = [str(binary), str(configuration), "--sentinel"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def state(self) -> dict[str, str]:
        """Of the primary, as this sentinel sees it."""
        with redis.Redis(port=self.port, decode_responses=True, socket_timeout=2) as client:
            return dict(client.sentinel_master(NAME))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


class SentinelGroup:
    """The servers by their numbers: 0 begins as the primary."""

    def __init__(self, binary: Path, folder: Path, *, down_ms: int = 500) -> None:
        users = str(write_users(folder))
        shared: dict[str, Any] = {
            "credentials": ADMIN,
            "aclfile": users,
            "masteruser": "risksvc-replica",
            "masterauth": password_of("replica"),
            "repl_diskless_sync_delay": "0",
        }
        self.servers = [RealServer(binary, folder / "s0", **shared)]
        of = f"127.0.0.1 {self.servers[0].port}"
        self.servers += [RealServer(binary, folder / f"s{number}", replicaof=of, **shared) for number in (1, 2)]
        self.sentinels: list[Sentinel] = []
        self._binary, self._folder, self._down_ms = binary, folder, down_ms

    def start(self) -> None:
        for server in self.servers:
            server.start()
        self._await(lambda: self._acknowledged() == 2, "both replicas")
        self.sentinels = [self._sentinel(self._folder / f"n{number}") for number in range(3)]
        self._await(self._know_each_other, "the sentinels")

    def _sentinel(self, folder: Path) -> Sentinel:
        port = free_port()
        text = _SENTINEL.format(
            port=port,
            folder=folder,
            name=NAME,
            primary=self.servers[0].port,
            password=password_of("sentinel"),
            down_ms=self._down_ms,
        )
        return Sentinel(self._binary, folder, port=port, text=text)

    def stop(self) -> None:
        for sentinel in self.sentinels:
            sentinel.stop()
        for server in self.servers:
            server.stop()

    def address(self, *, user: str = "gate") -> StoreAddress:
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return StoreAddress.of(
            f"redis+sentinel://{hosts}/{NAME}",
            user=Credentials(f"risksvc-{user}", password_of(user)),
            clears=Credentials("risksvc-clear", password_of("clear")) if user == "gate" else None,
        )

    def _acknowledged(self) -> int:
        with self.servers[0].client() as client:
            client.set("synchronised", "1")
            return int(client.wait(2, 500))

    def _know_each_other(self) -> bool:
        states = [sentinel.state() for sentinel in self.sentinels]
        return all(
            int(state["num-other-sentinels"]) == 2 and int(state["num-slaves"]) == 2 and state["flags"] == "master"
            for state in states
        )

    def _await(self, true: Any, what: str) -> None:  # noqa: ANN401
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                if true():
                    return
            except (redis.RedisError, KeyError):
                pass
            assert time.monotonic() < deadline, f"{what}: never there"
            time.sleep(0.1)
