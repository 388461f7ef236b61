"""The files of deploy/redis, as they are shipped: a server and a sentinel start from them, and the server is sound."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from risksvc.gate.kill_switch.address import Credentials, StoreAddress
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import Beginning, ClearGuard, ClearOutcome, StoreUnreachableError
from tests.certificates import Authority
from tests.integration.kill_switch.acl_file import password_of, write_users
from tests.integration.kill_switch.conftest import PATIENCE_SECONDS, until
from tests.integration.kill_switch.real_server import RealServer, free_port
from tests.integration.kill_switch.sentinel_group import ADMIN, NAME, Sentinel
from tests.integration.kill_switch.shipped_files import EVERY_OPTION, FOLDER, NO_OPTION, shipped
from tests.unit.gate.halts import clear, halt

SENTINELS_OWN = Credentials("", password_of("sentinels own"))
_NOT_TLS = r"(?!tls-)"


class Shipped:
    """Servers and a sentinel from the shipped files, with the options of them that match `taken_in`."""

    def __init__(self, binary: Path, folder: Path, *, taken_in: str, authority: Authority | None) -> None:
        self.sentinel: Sentinel | None = None
        self.servers: list[RealServer] = []
        self.authority, self.options = authority, taken_in
        self._binary, self._folder = binary, folder
        self._users = write_users(folder)
        self._tls: Mapping[str, str] = {}
        if authority is not None:
            own = authority.sign("server")
            tls = "/etc/redis/tls"
            files = {"server.crt": own.certificate, "server.key": own.key, "ca.crt": authority.file}
            self._tls = {f"{tls}/{name}": str(path) for name, path in files.items()}

    def start_server(self, *, taken_in: str) -> RealServer:
        server = RealServer(self._binary, self._folder / f"s{len(self.servers)}", credentials=ADMIN)
        replaced = {"/etc/redis/users.acl": str(self._users), "/var/lib/redis": str(server.folder), **self._tls}
        replaced |= self._ports(6379, server.port)
        if self.servers:
            replaced["10.0.0.1 6379"] = f"127.0.0.1 {self.servers[0].port}"
        if taken_in != NO_OPTION:
            replaced["REPLICA_PASSWORD"] = password_of("replica")
        server.configuration = server.folder / "redis.conf"
        server.configuration.write_text(shipped("redis.conf", replaced, taken_in=taken_in))
        self.servers.append(server)
        server.start()
        return server

    def start_sentinel(self) -> None:
        port, folder = free_port(), self._folder / "n"
        replaced = {"10.0.0.1 6379": f"127.0.0.1 {self.servers[0].port}", "/var/lib/redis": str(folder), **self._tls}
        replaced |= {" SENTINEL_PASSWORD": f" {password_of('sentinel')}"} | self._ports(26379, port)
        if self.options != NO_OPTION:
            replaced["SENTINELS_OWN_PASSWORD"] = f'"{SENTINELS_OWN.password}"'
        text = shipped("sentinel.conf", replaced, taken_in=self.options)
        self.sentinel = Sentinel(self._binary, folder, port=port, text=text)

    def _ports(self, shipped_port: int, port: int) -> dict[str, str]:
        if self.authority is None:
            return {f"\nport {shipped_port}\n": f"\nport {port}\n"}
        return {f"\nport {shipped_port}\n": "\nport 0\n", f"tls-port {shipped_port}": f"tls-port {port}"}

    def store(self, user: str) -> KillSwitchStore:
        assert self.sentinel is not None
        scheme, query = "redis+sentinel", ""
        if self.authority is not None:
            scheme, query = "rediss+sentinel", f"&ssl_ca_certs={self.authority.file}"
        replicas = len(self.servers) - 1
        return KillSwitchStore(
            StoreAddress.of(
                f"{scheme}://127.0.0.1:{self.sentinel.port}/{NAME}?replicas={replicas}{query}",
                user=Credentials(f"risksvc-{user}", password_of(user)),
                clears=Credentials("risksvc-clear", password_of("clear")) if user == "gate" else None,
                sentinel_user=None if self.options == NO_OPTION else SENTINELS_OWN,
            )
        )

    def stop(self) -> None:
        if self.sentinel is not None:
            self.sentinel.stop()
        for server in self.servers:
            server.stop()


MakeShipped = Callable[..., Shipped]


@pytest.fixture
def make_shipped(binary: Path, short_folder: Path) -> Iterator[MakeShipped]:
    made: list[Shipped] = []

    def make(*, taken_in: str = NO_OPTION, authority: Authority | None = None) -> Shipped:
        made.append(Shipped(binary, short_folder, taken_in=taken_in, authority=authority))
        return made[-1]

    yield make
    for each in made:
        each.stop()


async def test_a_server_and_a_sentinel_start_from_the_shipped_files(make_shipped: MakeShipped, patient: None) -> None:
    running = make_shipped()
    running.start_server(taken_in=NO_OPTION)
    running.start_sentinel()
    await works(running)
    sentinel = running.sentinel
    assert sentinel is not None
    await until(lambda: bool(sentinel.state()["runid"]), sentinel.state)  # its user may ask the server for INFO


async def test_they_start_with_every_option_that_lies_commented(
    make_shipped: MakeShipped, binary: Path, short_folder: Path, patient: None
) -> None:
    """TLS too, where the server has it; a primary and a replica that must acknowledge."""
    authority = Authority(short_folder, "ca") if binary.name == "redis-server" else None
    options = EVERY_OPTION if authority else _NOT_TLS
    running = make_shipped(taken_in=options, authority=authority)
    primary = running.start_server(taken_in=f"(?!replicaof){options}")
    running.start_server(taken_in=options)
    await replicated(primary)
    running.start_sentinel()
    await works(running)


async def replicated(primary: RealServer) -> None:
    with primary.client() as admin:
        await until(lambda: admin.info("replication")["min_slaves_good_slaves"] == 1, admin.info)


async def works(running: Shipped) -> None:
    """Begun as `init --store` does it, sound, and a halt can be added and cleared."""
    await begun(running.store("init"))
    gate = running.store("gate")
    inspection = await gate.inspect(("main",))
    assert (inspection.problems, inspection.unchecked) == ((), ())
    assert (await gate.add_halts("main", [halt("h1")])).new == 1
    view = await gate.poll("main", gate_id="g1", heartbeat=None)
    guard = ClearGuard(view.generation, view.epoch, view.redis_ms + 600_000)
    assert (await gate.add_clears("main", [clear("h1")], guard=guard)).outcome is ClearOutcome.WRITTEN
    await gate.close()


async def begun(store: KillSwitchStore) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        created = False
        while not created:
            with suppress(StoreUnreachableError):  # the sentinel may not listen yet
                created = (await store.initialise("main", Beginning("G"))).created
            await asyncio.sleep(0.1)
    await store.close()


@pytest.mark.parametrize("name", ["redis.conf", "sentinel.conf"])
def test_no_comment_stands_behind_an_option(name: str) -> None:
    lines = (FOLDER / name).read_text().splitlines()
    assert [line for line in lines if line and "#" in line.removeprefix("#")] == [
        line for line in lines if line.startswith("# A line that begins with #")
    ]
