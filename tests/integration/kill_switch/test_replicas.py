"""Replicas that must acknowledge: without them no lease, and nothing that was called stored is lost unheard."""

from collections.abc import AsyncIterator, Iterator

import pytest

from risksvc.core.events import LeaseRenewed
from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import Beginning, ClearGuard, ClearOutcome
from tests.integration.kill_switch.conftest import MakeGate, RunningGate, until
from tests.integration.kill_switch.real_server import RealServer
from tests.unit.gate.halts import clear, halt

HEARTBEAT = Heartbeat("g1", "i1", "d", 400_000_000)


@pytest.fixture
def replica(server: RealServer) -> Iterator[RealServer]:
    """A replica of the server, in step with it."""
    running = RealServer(server.binary, server.folder.parent / "r", replicaof=f"127.0.0.1 {server.port}")
    with server.client() as client:
        client.config_set("repl-diskless-sync-delay", "0")
    running.start()
    with running.client() as client:
        while client.info("replication")["master_link_status"] != "up":
            pass
    with server.client() as client:
        client.set("synchronised", "1")
        assert client.wait(1, 20_000) == 1
    yield running
    running.stop()


@pytest.fixture
async def quorum_store(server: RealServer, replica: RealServer, patient: None) -> AsyncIterator[KillSwitchStore]:
    opened = KillSwitchStore(StoreAddress.of(server.url, replicas=1))
    await opened.initialise("main", Beginning("G"))
    yield opened
    await opened.close()


async def test_what_no_replica_has_is_without_a_quorum(quorum_store: KillSwitchStore, replica: RealServer) -> None:
    """Of a write, of a heartbeat, and of a mere read, which Valkey's WAIT alone would call acknowledged."""
    assert (await quorum_store.add_halts("main", [halt("h1")])).quorum
    assert (await quorum_store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)).quorum
    assert (await quorum_store.poll("main", gate_id="g1", heartbeat=None)).quorum
    replica.hang()
    added = await quorum_store.add_halts("main", [halt("h2")])
    assert (added.new, added.quorum) == (1, False)
    assert not (await quorum_store.add_halts("main", [halt("h2")])).quorum, "nor when it stands already"
    assert not (await quorum_store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)).quorum
    for _ in range(3):
        view = await quorum_store.poll("main", gate_id="g2", heartbeat=None)
        assert not view.quorum
    guard = ClearGuard("G", view.epoch, view.redis_ms + 600_000)
    for _ in range(2):
        written = await quorum_store.add_clears("main", [clear("h1")], guard=guard)
        assert (written.outcome, written.quorum) == (ClearOutcome.WRITTEN, False)
        assert "not acknowledged by enough replicas" in written.detail
    replica.wake()
    assert (await quorum_store.add_halts("main", [halt("h2")])).quorum
    with replica.client() as client:
        assert client.hexists(keys_of("main").halts, "h2")


async def test_a_replica_that_stops_closes_within_a_lease_and_opens_when_it_is_back(
    server: RealServer, replica: RealServer, start_gate: MakeGate
) -> None:
    one: RunningGate = start_gate(StoreAddress.of(server.url, replicas=1))
    await one.begins()
    await one.opens()
    replica.hang()
    stopped = one.clock.now()
    await one.closes()
    leases = [what.valid_until for _, what in one.told if isinstance(what, LeaseRenewed)]
    assert max(leases) <= stopped + 300 * MILLISECOND
    assert "not acknowledged by enough replicas" in one.follower.status().problem
    paths = await one.follower.publish_halt(halt())
    await until(lambda: one.follower._replica.halt("h1") is not None, one.inputs)
    assert paths.latched
    if paths.stored:
        assert "not enough replicas have acknowledged it" in paths.problem
    replica.wake()
    await one.opens()
    with replica.client() as client:
        await until(lambda: client.hexists(keys_of("main").halts, "h1"), lambda: client.keys("*"))
