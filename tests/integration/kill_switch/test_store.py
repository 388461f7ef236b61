"""The scripts on real servers: idempotent, guarded at execution, never a time to live, full servers included."""

import asyncio
import time
from contextlib import suppress

import pytest
import redis

from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import (
    Beginning,
    ClearGuard,
    ClearOutcome,
    StoreUnreachableError,
    StoreUnreadableError,
    StoreView,
)
from tests.integration.kill_switch.real_server import RealServer
from tests.unit.gate.halts import clear, halt

KEYS = keys_of("main")
HEARTBEAT = Heartbeat("g1", "i1", "d", 400_000_000, "1.0", "abc")


async def look(store: KillSwitchStore, namespace: str = "main") -> StoreView:
    return await store.poll(namespace, gate_id="g1", heartbeat=None)


def guard(view: StoreView, *, epoch: int | None = None, patience_ms: int = 10_000) -> ClearGuard:
    return ClearGuard(view.generation, view.epoch if epoch is None else epoch, view.redis_ms + patience_ms)


async def begin(store: KillSwitchStore) -> None:
    await store.initialise("main", Beginning("G1"))


async def test_an_empty_store(store: KillSwitchStore) -> None:
    view = await look(store)
    assert (view.generation, view.epoch, dict(view.halts), dict(view.clears), dict(view.seen)) == ("", 0, {}, {}, {})
    assert view.role == "master"
    assert len(view.run_id) == 40
    assert view.redis_ms > 1_600_000_000_000


async def test_a_poll_writes_the_heartbeat_and_reads_it_with_the_servers_time(store: KillSwitchStore) -> None:
    view = await store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)
    assert view.seen["g1"].heartbeat == HEARTBEAT
    assert view.seen["g1"].at_ms == view.redis_ms


async def test_halts_are_added_once_and_the_first_stands(store: KillSwitchStore) -> None:
    await begin(store)
    first = await store.add_halts("main", [halt("h1", at=1), halt("h2")])
    again = await store.add_halts("main", [halt("h1", at=2), halt("h2")])
    assert (first.new, first.epoch, again.new, again.epoch, again.generation) == (2, 2, 0, 2, "G1")
    view = await look(store)
    assert view.halts["h1"] == halt("h1", at=1)
    assert view.epoch == 2


async def test_halts_are_taken_before_there_is_a_generation(store: KillSwitchStore) -> None:
    added = await store.add_halts("main", [halt()])
    assert (added.new, added.generation) == (1, "")
    assert (await look(store)).generation == ""


async def test_what_an_id_stands_for_is_sent_once(store: KillSwitchStore, server: RealServer) -> None:
    await begin(store)
    await store.add_halts("main", [halt("h1")])
    await look(store)
    with server.client() as client:
        client.config_resetstat()
        assert set((await look(store)).halts) == {"h1"}
        assert "cmdstat_hkeys" not in client.info("commandstats"), "nothing has changed"
        await store.add_halts("main", [halt("h2")])
        assert set((await look(store)).halts) == {"h1", "h2"}
        assert client.info("commandstats")["cmdstat_hkeys"]["calls"] == 2


async def test_thousands_of_halts_are_read_in_pieces(store: KillSwitchStore, server: RealServer) -> None:
    """Each command stays short."""
    await begin(store)
    assert (await store.add_halts("main", [halt(f"{number:036d}") for number in range(3_000)])).new == 3_000
    view = await look(store)
    assert (len(view.halts), view.epoch) == (3_000, 3_000)
    with server.client() as client:
        assert client.info("commandstats")["cmdstat_hmget"]["calls"] >= 3_000 / 200


async def test_what_was_read_before_a_failure_is_not_read_again(
    store: KillSwitchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(store)
    await store.add_halts("main", [halt(f"h{number}") for number in range(1_000)])
    call, fail_at, asked = store._link.call, 3, []

    async def fail_once(*command: str) -> object:
        if command[0] == "HMGET":
            asked.append(len(command) - 2)
            if len(asked) == fail_at:
                raise StoreUnreachableError("cut")
        return await call(*command)

    monkeypatch.setattr(store._link, "call", fail_once)
    with pytest.raises(StoreUnreachableError):
        await look(store)
    assert len((await look(store)).halts) == 1_000
    assert asked == [200, 200, 200, 200, 200, 200], "two pieces were kept, the third was asked for twice"


async def test_polls_at_the_same_time_are_each_whole(store: KillSwitchStore) -> None:
    await begin(store)
    for number in range(20):
        await asyncio.gather(store.add_halts("main", [halt(f"h{number}")]), look(store), look(store))
        views = await asyncio.gather(look(store), look(store), look(store))
        assert [len(view.halts) for view in views] == [number + 1] * 3


async def test_what_somebody_deleted_shows(store: KillSwitchStore, server: RealServer) -> None:
    await begin(store)
    await store.add_halts("main", [halt("h1"), halt("h2")])
    await look(store)
    with server.client() as client:
        client.hdel(KEYS.halts, "h1")
    assert set((await look(store)).halts) == {"h2"}


async def test_integers_are_exact(store: KillSwitchStore, server: RealServer) -> None:
    await begin(store)
    with server.client() as client:
        client.hset(KEYS.meta, "epoch", 2**53 - 2)
    await store.add_halts("main", [halt("h1")])
    assert (await look(store)).epoch == 2**53 - 1
    with server.client() as client:
        assert client.hget(KEYS.meta, "epoch") == str(2**53 - 1)


async def test_history_counts_on_from_where_it_was_seen(store: KillSwitchStore) -> None:
    await begin(store)
    assert (await store.add_halts("main", [], least_epoch=41)).epoch == 41
    assert (await store.add_halts("main", [halt()], least_epoch=7)).epoch == 42


async def test_a_time_to_live_put_on_by_accident_is_taken_off(store: KillSwitchStore, server: RealServer) -> None:
    await begin(store)
    await store.add_halts("main", [halt()])
    await store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)
    with server.client() as client:
        for key in (KEYS.meta, KEYS.halts, KEYS.seen):
            assert client.expire(key, 100)
        await look(store)
        assert [client.ttl(key) for key in (KEYS.meta, KEYS.halts, KEYS.seen)] == [-1, -1, -1]


async def test_a_full_server_still_takes_a_halt(store: KillSwitchStore, server: RealServer) -> None:
    await begin(store)
    with server.client() as client:
        client.config_set("maxmemory", "1")
        with pytest.raises(redis.OutOfMemoryError):
            client.set("x", "y")
    assert (await store.add_halts("main", [halt()])).new == 1
    assert (await store.poll("main", gate_id="g1", heartbeat=HEARTBEAT)).halts == {"h1": halt()}


async def test_scripts_are_loaded_again_after_they_were_flushed(store: KillSwitchStore, server: RealServer) -> None:
    await look(store)
    with server.client() as client:
        client.script_flush()
    await look(store)


@pytest.mark.parametrize(
    "written",
    [
        (KEYS.halts, "h9", "not json"),
        (KEYS.halts, "h9", '{"halt_id":"h9"}'),
        (KEYS.clears, "h9", "{}"),
        (KEYS.seen, "g9", "never"),
        (KEYS.meta, "epoch", "many"),
    ],
)
async def test_what_cannot_be_read_is_an_error_and_says_where(
    store: KillSwitchStore, server: RealServer, written: tuple[str, str, str]
) -> None:
    with server.client() as client:
        client.hset(*written)
    with pytest.raises(StoreUnreadableError, match=r"use a Redis .* that nobody else writes to"):
        await look(store)


async def test_bytes_that_are_no_text_are_an_error(store: KillSwitchStore, server: RealServer) -> None:
    with server.client() as client:
        client.hset(KEYS.halts, "h9", b"\xff\xfe")
    with pytest.raises(StoreUnreachableError):
        await look(store)


async def test_a_key_of_another_kind_is_an_error(store: KillSwitchStore, server: RealServer) -> None:
    with server.client() as client:
        client.set(KEYS.halts, "a string")
    with pytest.raises(StoreUnreachableError, match="WRONGTYPE"):
        await look(store)


async def test_namespaces_do_not_touch_each_other(store: KillSwitchStore) -> None:
    await begin(store)
    await store.add_halts("main", [halt()])
    assert (await look(store, "*")).halts == {}
    assert (await look(store, "other")).generation == ""


# -- generation ---------------------------------------------------------------------------------------------------


async def test_a_generation_that_stands_is_not_replaced(store: KillSwitchStore) -> None:
    first = await store.initialise("main", Beginning("G1"))
    second = await store.initialise("main", Beginning("G2", least_epoch=9, clears=(clear(),), halts=(halt(),)))
    assert (first.created, second.created, second.generation) == (True, False, "G1")
    view = await look(store)
    assert view.generation == "G1"
    assert view.clears == {}, "a foreign beginning clears nothing"


async def test_a_restored_beginning_brings_everything_back(store: KillSwitchStore) -> None:
    beginning = Beginning("G1", least_epoch=12, clears=(clear("h1"),), halts=(halt("h1"), halt("h2")))
    assert (await store.initialise("main", beginning)).created
    view = await look(store)
    assert (set(view.halts), set(view.clears), view.epoch) == ({"h1", "h2"}, {"h1"}, 12)
    again = await store.initialise("main", beginning)
    assert (again.created, again.epoch) == (False, 12), "idempotent"


# -- clears -------------------------------------------------------------------------------------------------------


async def test_a_clear_is_written_once(store: KillSwitchStore) -> None:
    await begin(store)
    await store.add_halts("main", [halt()])
    view = await look(store)
    assert (await store.add_clears("main", [clear()], guard=guard(view))).outcome is ClearOutcome.WRITTEN
    again = await store.add_clears("main", [clear()], guard=guard(view))
    assert (again.outcome, again.epoch) == (ClearOutcome.WRITTEN, 2)
    assert (await look(store)).clears == {"h1": clear()}


async def test_a_stale_screen_clears_nothing(store: KillSwitchStore) -> None:
    """Two operators: one halts while the other resumes."""
    await begin(store)
    await store.add_halts("main", [halt("h1")])
    view = await look(store)
    await store.add_halts("main", [halt("h2")])
    refused = await store.add_clears("main", [clear("h1")], guard=guard(view))
    assert (refused.outcome, refused.epoch) == (ClearOutcome.OTHER_EPOCH, 2)
    assert (await look(store)).clears == {}


async def test_two_resumes_at_once_are_one(store: KillSwitchStore) -> None:
    await begin(store)
    await store.add_halts("main", [halt()])
    view = await look(store)
    results = await asyncio.gather(*(store.add_clears("main", [clear()], guard=guard(view)) for _ in range(3)))
    assert {result.outcome for result in results} == {ClearOutcome.WRITTEN}
    assert (await look(store)).epoch == 2


async def test_a_clear_of_another_generation_clears_nothing(store: KillSwitchStore) -> None:
    await begin(store)
    await store.add_halts("main", [halt()])
    view = await look(store)
    other = ClearGuard("G0", view.epoch, view.redis_ms + 10_000)
    assert (await store.add_clears("main", [clear()], guard=other)).outcome is ClearOutcome.OTHER_GENERATION


async def test_all_clears_or_none(store: KillSwitchStore) -> None:
    await begin(store)
    await store.add_halts("main", [halt("h1")])
    view = await look(store)
    refused = await store.add_clears("main", [clear("h1"), clear("h9")], guard=guard(view))
    assert (refused.outcome, refused.detail) == (ClearOutcome.HALT_UNKNOWN, "h9")
    assert (await look(store)).clears == {}


async def halted_and_loaded(store: KillSwitchStore) -> StoreView:
    """With the script known to the server, or a call that was given up would end as NOSCRIPT and prove nothing."""
    await begin(store)
    await store.add_halts("main", [halt()])
    view = await look(store)
    refused = await store.add_clears("main", [clear()], guard=guard(view, epoch=99))
    assert refused.outcome is ClearOutcome.OTHER_EPOCH
    return view


async def test_a_resume_that_a_paused_server_executes_too_late_clears_nothing(
    store: KillSwitchStore, hasty_store: KillSwitchStore, server: RealServer
) -> None:
    """The call failed long ago; the server wakes and executes it: the halt must stand."""
    view = await halted_and_loaded(store)
    server.hang()
    with pytest.raises(StoreUnreachableError):
        await hasty_store.add_clears("main", [clear()], guard=guard(view, patience_ms=100))
    await asyncio.sleep(0.5)
    server.wake()
    await asyncio.sleep(0.5)
    assert (await look(store)).clears == {}
    late = await store.add_clears("main", [clear()], guard=guard(view, patience_ms=100))
    assert late.outcome is ClearOutcome.LATE


async def test_the_same_resume_in_time_would_have_cleared(
    store: KillSwitchStore, hasty_store: KillSwitchStore, server: RealServer
) -> None:
    """The deadline is what refuses it above: without it, a paused server executes what its caller gave up."""
    view = await halted_and_loaded(store)
    server.hang()
    with pytest.raises(StoreUnreachableError):
        await hasty_store.add_clears("main", [clear()], guard=guard(view, patience_ms=600_000))
    server.wake()
    deadline = time.monotonic() + 10
    while not (await look(store)).clears:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


# -- peers' failures ------------------------------------------------------------------------------------------------


async def test_peers_failure_redis_down_costs_seconds_per_call(
    hasty_store: KillSwitchStore, server: RealServer
) -> None:
    """envoyproxy/ratelimit: 1 to 10 s per call while Redis is down. Here 50 ms; redis-py's defaults would need 58 s."""
    server.hang()
    hung = [await refused_after(hasty_store) for _ in range(21)]  # more than there are connections in the pool
    server.wake()
    server.kill()
    dead = [await refused_after(hasty_store) for _ in range(21)]
    server.start()
    for durations in (hung, dead):
        assert sorted(durations)[10] < 0.5
        assert max(durations) < 5
    async with asyncio.timeout(30):
        while True:
            with suppress(StoreUnreachableError):
                await look(hasty_store)
                break


async def refused_after(store: KillSwitchStore) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnreachableError):
        await look(store)
    return time.monotonic() - started


async def test_peers_failure_readonly_for_ever_after_failover(
    store: KillSwitchStore, server: RealServer, short_folder: object
) -> None:
    """The address moves to another server, the old one lives on as a replica: the next call looks again."""
    other = RealServer(server.binary, server.folder.parent / "b")
    other.start()
    address = server.folder.parent / "address"
    address.symlink_to(server.socket)
    following = KillSwitchStore(f"unix://{address}")  # patient as `store` is
    try:
        await begin(following)
        with server.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", str(other.port))
        moved = server.folder.parent / "moved"
        moved.symlink_to(other.socket)
        with pytest.raises(StoreUnreachableError, match="is a replica"):
            await following.poll("main", gate_id="g1", heartbeat=HEARTBEAT)
        moved.replace(address)
        assert (await following.poll("main", gate_id="g1", heartbeat=HEARTBEAT)).role == "master"
    finally:
        await following.close()
        other.stop()


async def test_a_password_that_is_wrong_is_told(server: RealServer, patient: None) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    wrong = KillSwitchStore(f"redis://:wrong@127.0.0.1:{server.port}")
    right = KillSwitchStore(f"redis://:right@127.0.0.1:{server.port}/0")
    try:
        with pytest.raises(StoreUnreachableError, match=r"(?i)invalid username-password|WRONGPASS"):
            await look(wrong)
        assert (await look(right)).role == "master"
        assert "right" not in right.address
    finally:
        await wrong.close()
        await right.close()
