"""The follower against a store in memory: when the store is lost, and when time plays tricks."""

from collections.abc import Callable

from risksvc.core.events import HaltSeen, LeaseLost
from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.initialising import InitialiseOutcome
from tests.unit.gate.halts import clear, halt
from tests.unit.gate.kill_switch.fake_store import FakeServer
from tests.unit.gate.kill_switch.gate_rig import Gate, opened, run_ms
from tests.unit.gate.manual_clock import ManualClock

# -- the store is lost ------------------------------------------------------------------------------------------------


async def test_an_emptied_store_closes_at_once_and_gets_everything_back(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    await one.follower.publish_halt(halt("h1"))
    await one.follower.publish_halt(halt("h2"))
    await run_ms(clock, 300, one, two)
    await one.follower.write_clears([clear("h1")])
    await run_ms(clock, 300, one, two)
    generation = server.content("main").generation
    server.flush()
    for gate in (one, two):
        gate.told.clear()
        await gate.step()
        assert isinstance(gate.told[0], LeaseLost)
        assert gate.told[0].store_lost
        assert not gate.is_open()
    assert set(server.content("main").halts) == {"h2"}, "what is in force comes back by itself"
    await run_ms(clock, 3000, one, two)
    assert not one.is_open(), "and nothing but an operator opens it again"
    done = await one.follower.initialise()
    assert {one.outcome for one in done} == {InitialiseOutcome.RESTORED}
    assert server.content("main").generation == generation
    assert set(server.content("main").halts) == {"h1", "h2"}
    assert set(server.content("main").clears) == {"h1"}
    await run_ms(clock, 1500, one, two)
    assert one.is_open()
    assert two.is_open()


async def test_a_foreign_store_never_opens_until_it_is_accepted(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    for namespace in ("*", "main"):
        server.content(namespace).generation = "foreign"
    await run_ms(clock, 2000, gate)
    assert not gate.is_open()
    assert "it is another store" in gate.follower.status().problem
    done = await gate.follower.initialise()
    assert {one.outcome for one in done} == {InitialiseOutcome.OTHER_GENERATION}
    await run_ms(clock, 1000, gate)
    assert not gate.is_open()
    await gate.follower.initialise(accept_other=True)
    await run_ms(clock, 1500, gate)
    assert gate.is_open()


async def test_a_store_that_went_back_gets_its_halts_again_and_opens_after_the_barrier(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    """AOF everysec lost the last second; failover to a replica that lagged."""
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    old = server.copy()
    await one.follower.publish_halt(halt())
    await run_ms(clock, 300, one, two)
    server.contents, server.run_id = old, "run2"
    one.told.clear()
    await one.step()
    assert isinstance(one.told[0], LeaseLost)
    assert one.told[0].store_lost
    assert "went back from epoch" in one.told[0].why
    await run_ms(clock, 500, one, two)
    assert not one.is_open()
    assert not two.is_open()
    assert set(server.content("main").halts) == {"h1"}
    await run_ms(clock, 1000, one, two)
    assert one.is_open()
    assert two.is_open()


async def test_another_server_with_the_same_history_brings_a_barrier(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    server.run_id = "run2"
    (lost,) = await gate.step()
    assert isinstance(lost, LeaseLost)
    assert not lost.store_lost
    assert not gate.is_open()
    await run_ms(clock, 800, gate)
    assert gate.is_open()


async def test_a_replica_gives_no_lease_and_the_address_is_looked_up_again(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    server.role = "slave"
    await run_ms(clock, 500, gate)
    assert not gate.is_open()
    assert gate.store.reconnects > 0
    server.role = "master"
    await run_ms(clock, 1500, gate)
    assert gate.is_open()


async def test_a_primary_without_its_replicas_gives_no_lease_but_its_halts_count(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    server.quorum = False
    paths = await one.follower.publish_halt(halt())
    assert (paths.latched, paths.stored) == (True, True)
    assert "not enough replicas have acknowledged it" in paths.problem
    assert (await two.step())[0] == HaltSeen(halt())
    await run_ms(clock, 1000, one, two)
    assert not one.is_open()
    assert "is not acknowledged by enough replicas" in one.follower.status().problem
    assert "g2" in (await one.follower.effective("h1")).missing
    server.quorum = True
    await run_ms(clock, 1000, one, two)
    assert one.is_open()


async def test_a_halt_of_another_account_is_published_until_enough_replicas_have_it(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    server.quorum = False
    await gate.follower.publish_halt(halt("far", account="far"))
    await gate.step()
    assert "far" in gate.follower._rounds._elsewhere
    server.quorum = True
    await gate.step()
    assert "far" not in gate.follower._rounds._elsewhere


async def test_a_second_process_under_the_same_id_never_opens(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    one = make_gate("g1")
    await opened(clock, one)
    two = Gate(one.server, one.folder.parent / "twin", "g1")
    await run_ms(clock, 2000, one, two)
    assert one.is_open()
    assert not two.is_open()
    assert "runs as gate 'g1'" in two.follower.status().problem
    await run_ms(clock, 1500, two)
    assert two.is_open(), "the first one's time has run out"
    await one.step()
    assert not one.is_open()
    await two.follower.close()


# -- time -------------------------------------------------------------------------------------------------------------


async def test_a_store_that_is_gone_closes_when_the_lease_ends_not_before(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    server.down = True
    clock.pass_ms(200)
    assert await gate.step() == []
    clock.pass_ms(99)
    assert gate.is_open()
    clock.pass_ms(1)
    assert not gate.is_open()
    (lost,) = await gate.step()
    assert lost == LeaseLost(store_lost=False, why="fake:// is down")
    assert await gate.step() == [], "told once"


async def test_a_late_answer_extends_nothing(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await opened(clock, gate)
    gate.store.reply_ms = 60  # two namespaces: 120 ms
    clock.pass_ms(100)
    assert await gate.step() == []
    assert "this process lags" in gate.follower.status().problem


async def test_a_wall_clock_that_jumps_gives_the_lease_up(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await opened(clock, gate)
    clock.wall_offset += 51 * MILLISECOND
    clock.pass_ms(100)
    told = await gate.step()
    assert isinstance(told[0], LeaseLost)
    assert "wall clock jumped" in told[0].why
    assert not gate.is_open()
    await run_ms(clock, 1000, gate)
    assert gate.is_open()


# -- one id for two halts ---------------------------------------------------------------------------------------------


async def test_an_id_that_is_another_halts_already_gets_a_name_of_its_own(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    await gate.store.add_halts("*", [halt("h1", account="")])
    await gate.store.add_halts("main", [halt("h1")])
    await run_ms(clock, 300, gate)
    seen = [what.halt for what in gate.told if isinstance(what, HaltSeen)]
    assert {(one.halt_id, one.scope.account) for one in seen} == {("h1", ""), ("h1@main", "main")}
    assert set(gate.latch.state.uncleared) == {"h1", "h1@main"}
    await run_ms(clock, 1000, gate)
    assert gate.is_open(), "both are known, nothing is missing"
    done = await gate.follower.write_clears([clear("h1@main")])
    assert done.written == ("h1@main",)
    assert set(server.content("main").clears) == {"h1"}
    assert not server.content("*").clears
    assert set(gate.latch.state.uncleared) == {"h1"}, "the clear of one is not the other's"
