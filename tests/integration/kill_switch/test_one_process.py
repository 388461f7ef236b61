"""One process per gate id: a second one never opens while the first lives, and takes over when its time has run out."""

import asyncio
from dataclasses import replace

from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.records import Heartbeat, heartbeat_text
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import Seen
from tests.integration.kill_switch.conftest import MakeGate, until
from tests.integration.kill_switch.real_server import RealServer

KEYS = keys_of("main")
FIRST = Heartbeat("g1", "first", "d", 600_000_000_000)
SECOND = replace(FIRST, incarnation="second")


async def test_anothers_heartbeat_is_left_alone_while_it_is_younger_than_its_bound(store: KillSwitchStore) -> None:
    first = await store.poll("main", gate_id="g1", heartbeat=FIRST)
    assert first.rival is None
    second = await store.poll("main", gate_id="g1", heartbeat=SECOND)
    assert second.rival == second.seen["g1"] == first.seen["g1"]
    again = await store.poll("main", gate_id="g1", heartbeat=replace(FIRST, digest="e"))
    assert (again.rival, again.seen["g1"].heartbeat.digest) == (None, "e")
    assert (await store.poll("main", gate_id="g2", heartbeat=replace(SECOND, gate_id="g2"))).rival is None
    assert (await store.poll("main", gate_id="g1", heartbeat=None)).rival is None


async def test_one_that_has_run_out_is_taken_over(store: KillSwitchStore) -> None:
    await store.poll("main", gate_id="g1", heartbeat=replace(FIRST, bound_ns=10 * MILLISECOND))
    await asyncio.sleep(0.02)
    taken = await store.poll("main", gate_id="g1", heartbeat=SECOND)
    assert (taken.rival, taken.seen["g1"].heartbeat) == (None, SECOND)
    assert (await store.poll("main", gate_id="g1", heartbeat=FIRST)).rival == taken.seen["g1"]


async def test_one_from_the_future_counts_from_now(store: KillSwitchStore, server: RealServer) -> None:
    """After a failover to a server whose clock is behind; else the id would be taken for as long as the clock is."""
    ahead = f"99999999999999 {heartbeat_text(replace(FIRST, bound_ns=MILLISECOND))}"
    with server.client() as client:
        client.hset(KEYS.seen, mapping={"g1": ahead, "g9": ahead})
    view = await store.poll("main", gate_id="g1", heartbeat=SECOND)
    assert view.rival is not None
    assert {seen.at_ms for seen in view.seen.values()} == {view.redis_ms}
    await asyncio.sleep(0.01)
    assert (await store.poll("main", gate_id="g1", heartbeat=SECOND)).rival is None


async def test_a_heartbeat_that_cannot_be_read_is_nobodys(store: KillSwitchStore, server: RealServer) -> None:
    for text in ("1 {", "1 []", "1 null", "never", ""):
        with server.client() as client:
            client.hset(KEYS.seen, "g1", text)
        view = await store.poll("main", gate_id="g1", heartbeat=FIRST)
        assert view.seen["g1"] == Seen(FIRST, view.redis_ms)


async def test_a_second_process_with_the_same_id_never_opens(server: RealServer, start_gate: MakeGate) -> None:
    one = start_gate(server.url, "twice")
    await one.begins()
    await one.opens()
    two = start_gate(server.url, "twice", folder="elsewhere")
    await until(lambda: "runs as gate 'twice'" in two.follower.status().problem, two.follower.status)
    for _ in range(20):
        # A busy machine may stop the first for longer than its bound; then the other may have its id, but never both.
        assert not (one.is_open() and two.is_open())
        await asyncio.sleep(0.1)
    await until(lambda: one.is_open() or two.is_open(), one.follower.status)


async def test_killed_and_started_again_it_opens_when_the_old_heartbeat_has_run_out(
    server: RealServer, start_gate: MakeGate
) -> None:
    one = start_gate(server.url, "again")
    await one.begins()
    await one.opens()
    await one.stop()
    started = one.clock.now()
    two = start_gate(server.url, "again")
    await two.opens()
    took = (two.clock.now() - started) / MILLISECOND
    assert took >= 600, "the barrier of two leases"


async def test_two_processes_that_hold_a_namespace_each_do_not_keep_each_other_out(
    server: RealServer, start_gate: MakeGate, store: KillSwitchStore
) -> None:
    """Each was slow in its turn; who has the namespace of everything gets the other, too."""
    one = start_gate(server.url, "same")
    await one.begins()
    await one.opens()
    one.pause()
    await asyncio.sleep(0.5)
    two = start_gate(server.url, "same", folder="elsewhere")
    await until(lambda: two.follower.status().namespaces != (), two.follower.status)
    two.pause()
    other = Heartbeat("same", "third", "", 500 * MILLISECOND)
    await asyncio.sleep(0.5)
    await store.poll("main", gate_id="same", heartbeat=other)
    one.go_on()
    await one.opens()


async def test_a_process_that_was_paused_past_its_bound_finds_its_id_taken(
    server: RealServer, start_gate: MakeGate
) -> None:
    one = start_gate(server.url, "same")
    await one.begins()
    await one.opens()
    one.pause()
    await asyncio.sleep(0.6)
    two = start_gate(server.url, "same", folder="elsewhere")
    await two.opens()
    one.go_on()
    await until(lambda: "runs as gate 'same'" in one.follower.status().problem, one.follower.status)
    assert not one.is_open()
    await two.opens()
