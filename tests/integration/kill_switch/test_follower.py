"""Followers on real servers: nothing that happens to Redis un-halts anything; whoever can't know is closed."""

import asyncio
import time

import pytest

from risksvc.core.events import ClearSeen, HaltSeen, LeaseRenewed
from risksvc.core.types import MILLISECOND, SECOND
from risksvc.gate.kill_switch.hints import Hints
from risksvc.gate.kill_switch.initialising import InitialiseOutcome
from risksvc.gate.kill_switch.records import clear_text, halt_text
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from tests.integration.kill_switch.conftest import MakeGate, RunningGate, until
from tests.integration.kill_switch.real_server import RealServer
from tests.unit.gate.halts import clear, halt

# The promise is 300 ms, by each gate's own `valid_until`; being told of it may take longer on a busy machine.
TOLD_WITHIN_NS = 5 * SECOND


async def begin(*gates: RunningGate) -> None:
    await gates[0].begins()
    for gate in gates:
        await gate.opens()


def renewals_after(gate: RunningGate, moment: int) -> list[int]:
    return [what.valid_until for at, what in gate.told if isinstance(what, LeaseRenewed) and at > moment]


async def test_two_gates_see_each_others_halts_and_clears(server: RealServer, start_gate: MakeGate) -> None:
    one, two = start_gate(server.url), start_gate(server.url)
    await begin(one, two)
    first, second = halt("h1"), halt("h2", account="")
    await one.halts(first)
    await two.halts(second)
    await one.hears(HaltSeen(second))
    await two.hears(HaltSeen(first))
    for gate, what in ((one, first), (two, second)):
        assert (await gate.follower.wait_effective(what, within_ns=10 * SECOND)).effective
    await one.clears(clear("h1"), clear("h2"))
    for gate in (one, two):
        await gate.hears(ClearSeen(clear("h1")))
        await gate.hears(ClearSeen(clear("h2")))


async def test_a_halt_is_not_effective_before_the_other_gate_has_it(server: RealServer, start_gate: MakeGate) -> None:
    one, two = start_gate(server.url), start_gate(server.url)
    await begin(one, two)
    await two.stop()
    stopped = one.clock.now()
    await one.follower.publish_halt(halt())
    first = await one.follower.effective("h1")
    if one.clock.now() < stopped + 300 * MILLISECOND:  # a busy machine may come too late to see it
        assert "g2" in first.missing
    effect = await one.follower.wait_effective(halt(), within_ns=10 * SECOND)
    assert effect.effective, "its lease and its approvals have run out"


async def test_halts_survive_a_restart_of_redis(server: RealServer, start_gate: MakeGate) -> None:
    one = start_gate(server.url)
    await begin(one)
    await one.halts(halt())
    server.kill()
    await one.closes()
    server.start()
    await one.opens()
    fresh = start_gate(server.url, "fresh")
    await fresh.hears(HaltSeen(halt()))


async def test_halts_survive_a_restart_of_the_gate_without_redis(server: RealServer, start_gate: MakeGate) -> None:
    one = start_gate(server.url, "same")
    await begin(one)
    await one.follower.publish_halt(halt())
    await one.stop()
    server.kill()
    again = start_gate(server.url, "same")
    assert again.inputs()[0] == HaltSeen(halt())
    lost = await again.closes()
    assert not lost.store_lost


async def test_a_flushed_store_closes_and_an_operator_brings_it_back(server: RealServer, start_gate: MakeGate) -> None:
    one, two = start_gate(server.url), start_gate(server.url)
    await begin(one, two)
    await one.halts(halt("h1"))
    await two.hears(HaltSeen(halt("h1")))
    before = {gate: len(gate.told) for gate in (one, two)}
    with server.client() as client:
        client.flushall()
    for gate, since in before.items():
        assert "run `risksvc init --store --settings FILE`" in (await gate.loses_store(since=since)).why
    with server.client() as client:
        await until(lambda: client.hexists(keys_of("main").halts, "h1"), lambda: client.keys("*"))
    await asyncio.sleep(1.5)
    assert not one.is_open(), "it stays closed, however long"
    outcomes = {done.outcome for done in await one.follower.initialise()}
    assert outcomes == {InitialiseOutcome.RESTORED}
    await one.opens()
    await two.opens()
    fresh = start_gate(server.url, "fresh")
    await fresh.hears(HaltSeen(halt("h1")))


async def test_a_store_that_restarts_empty_is_lost(server: RealServer, start_gate: MakeGate) -> None:
    one = start_gate(server.url)
    await begin(one)
    since = len(one.told)
    server.kill()
    for path in (server.folder / "appendonlydir").iterdir():
        path.unlink()
    server.start()
    assert "its generation is gone" in (await one.loses_store(since=since)).why


async def test_a_store_that_comes_back_from_an_old_copy_gets_its_halts_again(
    server: RealServer, start_gate: MakeGate
) -> None:
    """As a restored backup, or an AOF that lost its end."""
    one = start_gate(server.url)
    await begin(one)
    await one.halts(halt("old"))
    with server.client(decode=False) as client:
        saved = {key: client.dump(key) for key in client.keys("*")}
        await one.halts(halt("new"))
        await until(lambda: one.follower._replica.mark("main").epoch == 2, one.inputs)
        before = len(one.told)
        both = client.pipeline(transaction=True)
        both.flushall()
        for key, value in saved.items():
            both.restore(key, 0, value)
        both.execute()
    assert "went back from epoch 2 to 1" in (await one.loses_store(since=before)).why
    await one.opens()
    with server.client() as client:
        assert client.hexists(keys_of("main").halts, "new")


@pytest.mark.parametrize("how", ["hung", "killed"])
async def test_redis_taken_away_closes_within_the_lease_and_recovers(
    server: RealServer, start_gate: MakeGate, how: str
) -> None:
    one = start_gate(server.url)
    await begin(one)
    gone_at = one.clock.now()
    take_away = {"hung": server.hang, "killed": server.kill}[how]
    bring_back = {"hung": server.wake, "killed": server.start}[how]
    take_away()
    gone = one.clock.now()
    lost = await one.closes()
    told_at = one.told[-1][0]
    assert not lost.store_lost
    leases = [what.valid_until for _, what in one.told if isinstance(what, LeaseRenewed)]
    assert max(leases) <= gone + 300 * MILLISECOND, "no lease outlives the last round that Redis answered"
    assert told_at - gone_at < TOLD_WITHIN_NS
    assert (await one.follower.publish_halt(halt())).latched
    back = one.clock.now()
    bring_back()
    await one.opens()
    first = min(renewals_after(one, back))
    assert first >= back + 600 * MILLISECOND, "the barrier of two leases"
    with server.client() as client:
        assert client.hexists(keys_of("main").halts, "h1"), "what was latched meanwhile is published"


async def test_a_halt_while_redis_hangs_is_not_overrun_when_it_wakes(server: RealServer, start_gate: MakeGate) -> None:
    one, two = start_gate(server.url), start_gate(server.url)
    await begin(one, two)
    server.hang()
    paths = await one.follower.publish_halt(halt())
    assert (paths.latched, paths.stored) == (True, False)
    assert (await one.follower.effective("h1")).missing == ("redis", "g2")
    await two.closes()
    woken = two.clock.now()
    server.wake()
    await two.hears(HaltSeen(halt()))
    await two.opens()
    heard = next(at for at, what in two.told if what == HaltSeen(halt()))
    first_open = next(at for at, what in two.told if isinstance(what, LeaseRenewed) and at > woken)
    assert heard < first_open


async def test_a_gate_that_was_paused_never_uses_what_it_read_before(server: RealServer, start_gate: MakeGate) -> None:
    """Its loop was blocked for longer than a lease: no renewal from an old answer, and a barrier."""
    one = start_gate(server.url)
    await begin(one)
    time.sleep(0.7)  # noqa: ASYNC251 - blocking the loop is the point
    assert not one.is_open()
    blocked_until = one.clock.now()
    await one.opens()
    first = min(renewals_after(one, blocked_until))
    assert first >= blocked_until + 600 * MILLISECOND


async def test_hints_bring_a_halt_without_a_poll(server: RealServer) -> None:
    heard: list[str] = []
    hints = asyncio.create_task(Hints(server.url, [keys_of("main").channel], take=heard.append).run())
    store = KillSwitchStore(server.url)
    with server.client() as client:
        await until(lambda: client.pubsub_numsub(keys_of("main").channel)[0][1] == 1, lambda: heard)
    await store.add_halts("main", [halt()])
    await until(lambda: heard == [halt_text(halt())], lambda: heard)
    server.kill()
    await asyncio.sleep(0.3)
    server.start()
    with server.client() as client:
        await until(lambda: client.pubsub_numsub(keys_of("main").channel)[0][1] == 1, lambda: heard)
        client.publish(keys_of("main").channel, "clears")
    await until(lambda: heard[-1] == "clears", lambda: heard)
    hints.cancel()
    await asyncio.gather(hints, return_exceptions=True)
    await store.close()


async def test_a_halt_that_the_store_can_not_take_is_in_force_at_whoever_listens(
    server: RealServer, start_gate: MakeGate
) -> None:
    one, two = start_gate(server.url), start_gate(server.url)
    await begin(one, two)
    with server.client() as client:
        await until(lambda: client.pubsub_numsub(keys_of("main").channel)[0][1] == 2, one.inputs)
        client.config_set("min-replicas-to-write", 1)  # so that every write is refused
        paths = await one.follower.publish_halt(halt())
        assert (paths.latched, paths.stored) == (True, False)
        await two.hears(HaltSeen(halt()))
        assert not client.hexists(keys_of("main").halts, "h1")
        client.config_set("min-replicas-to-write", 0)
        await until(lambda: client.hexists(keys_of("main").halts, "h1"), one.inputs)


async def test_hints_stay_connected_while_nothing_happens(server: RealServer) -> None:
    hints = asyncio.create_task(Hints(server.url, ["one", "two"], take=lambda _: None).run())
    with server.client() as client:
        await until(lambda: dict(client.pubsub_numsub("one", "two")) == {"one": 1, "two": 1}, lambda: "")
        before = client.info("stats")["total_connections_received"]
        await asyncio.sleep(3.5)
        assert client.info("stats")["total_connections_received"] == before
        assert dict(client.pubsub_numsub("one", "two")) == {"one": 1, "two": 1}
    hints.cancel()
    await asyncio.gather(hints, return_exceptions=True)


async def test_hints_notice_a_connection_that_died_without_a_sign(server: RealServer) -> None:
    heard: list[str] = []
    hints = asyncio.create_task(Hints(server.url, ["ch"], take=heard.append).run())
    with server.client() as client:
        await until(lambda: client.pubsub_numsub("ch")[0][1] == 1, lambda: heard)
        server.hang()
        await asyncio.sleep(3)
        server.wake()
        await until(lambda: client.publish("ch", "x") >= 1 and "x" in heard, lambda: heard)
    hints.cancel()
    await asyncio.gather(hints, return_exceptions=True)


async def test_rubbish_on_the_channel_changes_nothing(server: RealServer, start_gate: MakeGate) -> None:
    one = start_gate(server.url)
    await begin(one)
    with server.client() as client:
        await until(lambda: client.pubsub_numsub(keys_of("main").channel)[0][1] == 1, one.inputs)
        for rubbish in ("", "{}", "clears", b"\xff\xfe"):
            client.publish(keys_of("main").channel, rubbish)
    await asyncio.sleep(0.5)
    await one.opens()
    assert not [what for what in one.inputs() if isinstance(what, HaltSeen)]
    assert not one.task.done()
    await one.follower.publish_halt(halt())
    await one.hears(HaltSeen(halt()))


async def test_a_clear_that_was_written_behind_its_back_waits_for_a_sound_store(
    server: RealServer, start_gate: MakeGate
) -> None:
    one = start_gate(server.url)
    await begin(one)
    await one.halts(halt())
    since = len(one.told)
    with server.client() as client:
        client.hset(keys_of("main").meta, "generation", "foreign")
        await one.loses_store(since=since)
        client.hset(keys_of("main").clears, "h1", clear_text(clear()))
    await asyncio.sleep(0.5)
    assert ClearSeen(clear()) not in one.inputs()
