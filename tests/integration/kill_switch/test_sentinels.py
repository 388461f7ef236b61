"""A real failover by real sentinels: closed, followed to the new primary, a barrier, open again; nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from risksvc.core.events import HaltSeen, LeaseRenewed
from risksvc.core.types import MILLISECOND, SECOND, RiskError
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import Beginning, StoreUnreachableError
from tests.integration.kill_switch.conftest import MakeGate, RunningGate, until
from tests.integration.kill_switch.sentinel_group import SentinelGroup
from tests.unit.gate.halts import halt

HALTS = keys_of("main").halts


@pytest.fixture
def group(binary: Path, short_folder: Path) -> Iterator[SentinelGroup]:
    running = SentinelGroup(binary, short_folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()


async def begun(group: SentinelGroup) -> None:
    """As an operator does it, with the user that may."""
    store = KillSwitchStore(group.address(user="init"))
    for namespace in ("*", "main"):
        await until_done(store, namespace)
    await store.close()


async def until_done(store: KillSwitchStore, namespace: str) -> None:
    for _ in range(200):
        try:
            await store.initialise(namespace, Beginning("G"))
        except StoreUnreachableError:
            continue
        return


async def effective(gate: RunningGate, halt_id: str) -> None:
    one = halt(halt_id)
    await gate.halts(one)
    effect = await gate.follower.wait_effective(one, within_ns=60 * SECOND)
    assert effect.effective, effect


async def test_a_failover_loses_nothing_that_was_effective(group: SentinelGroup, start_gate: MakeGate) -> None:
    """The primary is killed while one replica lags: sentinels promote the other, and the lagging one follows it."""
    await begun(group)
    one, two = start_gate(group.address()), start_gate(group.address())
    for gate in (one, two):
        await gate.opens()
    await effective(one, "before")
    group.servers[2].hang()
    await effective(one, "while one lags")
    group.servers[0].kill()
    killed = one.clock.now()
    for gate in (one, two):
        await gate.closes()
    group.servers[2].wake()
    for gate in (one, two):
        await gate.opens()
        leases = [(at, what.valid_until) for at, what in gate.told if isinstance(what, LeaseRenewed)]
        old = [until_ for at, until_ in leases if until_ <= killed + 300 * MILLISECOND]
        new = [at for at, until_ in leases if until_ > killed + 300 * MILLISECOND]
        assert min(new) >= max(old) + 600 * MILLISECOND, "the barrier"
    where = one.follower.status().store
    promoted = next(server for server in group.servers[1:] if f":{server.port})" in where)
    with promoted.client() as client:
        assert client.info("replication")["role"] == "master"
        assert set(client.hkeys(HALTS)) >= {"before", "while one lags"}
    await two.hears(HaltSeen(halt("while one lags")))
    fresh = start_gate(group.address(), "fresh")
    await fresh.hears(HaltSeen(halt("before")))
    await fresh.hears(HaltSeen(halt("while one lags")))


async def test_a_halt_that_only_the_lost_primary_took_comes_back_from_a_latch(
    group: SentinelGroup, start_gate: MakeGate
) -> None:
    """Both replicas lag: the halt is stored without a quorum, its store dies, and the promoted one never had it."""
    await begun(group)
    one = start_gate(group.address())
    await one.opens()
    for server in group.servers[1:]:
        server.hang()
    paths = await one.follower.publish_halt(halt("unheard"))
    assert paths.latched
    assert paths.problem, "not acknowledged, and said so"
    group.servers[0].kill()
    await one.closes()
    for server in group.servers[1:]:
        server.wake()
    await one.opens()
    await until(lambda: "unheard" in one.seen_halts("main"), one.follower.status)
    fresh = start_gate(group.address(), "fresh")
    await fresh.hears(HaltSeen(halt("unheard")))


async def test_a_minority_of_sentinels_names_nobody(group: SentinelGroup) -> None:
    """Two of three are gone: the third may be cut off with a primary that was replaced."""
    for sentinel in group.sentinels[1:]:
        sentinel.stop()
    store = KillSwitchStore(group.address())
    with pytest.raises(StoreUnreachableError, match=r"no primary that 2 of 3 sentinels name: 1 name 127\.0"):
        await store.poll("main", gate_id="g1", heartbeat=None)
    await store.close()


async def test_a_sentinel_that_hangs_costs_nothing(group: SentinelGroup) -> None:
    group.sentinels[0].process.send_signal(19)
    store = KillSwitchStore(group.address())
    await until_done(store, "main")
    assert f"(127.0.0.1:{group.servers[0].port})" in store.address
    await store.close()
    group.sentinels[0].process.send_signal(18)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+sentinel://h1,h2,h3", "need the master's name"),
        ("redis+sentinel://h1,h1/m", "named twice"),
        ("redis+sentinel://h1:0/m", "'h1:0' is not a sentinel's HOST:PORT"),
        ("redis+sentinel://h1,,h2/m", "'' is not a sentinel's HOST:PORT"),
        ("redis+sentinel://h1/m?replicas=-1", "replicas must be 0 to 8"),
        ("redis+sentinel://h1/m?socket_timeout=5", "socket_timeout can't be set here"),
    ],
)
def test_addresses_that_are_refused(url: str, told: str) -> None:
    with pytest.raises(RiskError, match=told):
        KillSwitchStore(StoreAddress.of(url))
