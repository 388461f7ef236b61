"""The follower against a store in memory: clears, and what it says of itself."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from risksvc.core.events import ClearSeen, LeaseRenewed
from risksvc.core.trading_state import Clear
from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.view import ClearGuard, ClearOutcome, ClearsWritten, StoreUnreachableError
from risksvc.gate.latch import LatchWriteError
from tests.unit.gate.halts import clear, halt
from tests.unit.gate.kill_switch.fake_store import FakeServer
from tests.unit.gate.kill_switch.gate_rig import Gate, opened, run_ms
from tests.unit.gate.manual_clock import ManualClock

# -- clears -----------------------------------------------------------------------------------------------------------


async def halted(clock: ManualClock, *gates: Gate) -> None:
    await opened(clock, *gates)
    await gates[0].follower.publish_halt(halt())
    await run_ms(clock, 300, *gates)


async def test_a_clear_takes_effect_through_a_round(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await halted(clock, one, two)
    result = await one.follower.write_clears([clear()])
    assert (result.written, result.refusals) == (("h1",), ())
    assert ClearSeen(clear()) in one.told
    assert ClearSeen(clear()) not in two.told
    await two.step()
    assert ClearSeen(clear()) in two.told
    assert two.latch.state.clears == {"h1": clear()}


async def test_a_clear_that_is_not_durable_here_does_not_let_go(
    make_gate: Callable[..., Gate], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await halted(clock, one, two)
    await one.follower.write_clears([clear()])

    def full(records: object) -> None:
        raise LatchWriteError("disk full")

    monkeypatch.setattr(two.latch, "put", full)
    await two.step()
    assert ClearSeen(clear()) not in two.told
    monkeypatch.undo()
    await two.step()
    assert ClearSeen(clear()) in two.told


async def test_no_clear_is_taken_from_a_store_that_is_not_sound(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await halted(clock, gate)
    server.content("main").clears["h1"] = clear()
    server.content("main").add("c")
    server.content("main").generation = "foreign"
    await run_ms(clock, 300, gate)
    assert ClearSeen(clear()) not in gate.told


async def test_two_operators_the_second_looked_at_a_stale_screen(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await halted(clock, one, two)
    seen = two.follower.epochs()
    await one.follower.publish_halt(halt("h2"))
    await two.step()
    result = await two.follower.write_clears([clear("h1")], seen_epochs=seen)
    assert result.written == ()
    assert result.refusals[0].outcome is ClearOutcome.OTHER_EPOCH
    assert "look again" in result.refusals[0].message
    assert (await two.follower.write_clears([clear("h1")])).written == ("h1",)


async def test_clearing_twice_is_clearing_once(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await halted(clock, gate)
    await gate.follower.write_clears([clear()])
    assert (await gate.follower.write_clears([clear()])).written == ("h1",)
    assert gate.told.count(ClearSeen(clear())) == 1


async def test_no_clear_without_the_store(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await halted(clock, gate)
    server.down = True
    await gate.step()
    (refused,) = (await gate.follower.write_clears([clear()])).refusals
    assert refused.outcome is ClearOutcome.UNREACHABLE


async def test_a_clear_whose_answer_was_lost_is_read_back(
    make_gate: Callable[..., Gate], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = make_gate()
    await halted(clock, gate)
    add_clears = gate.store.add_clears

    async def lose_answer(namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        await add_clears(namespace, clears, guard=guard)
        raise StoreUnreachableError("the answer was lost")

    monkeypatch.setattr(gate.store, "add_clears", lose_answer)
    assert (await gate.follower.write_clears([clear()])).written == ("h1",)


async def test_clears_of_two_namespaces(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await halted(clock, gate)
    await gate.follower.publish_halt(halt("h2", account=""))
    await gate.step()
    result = await gate.follower.write_clears([clear("h1"), clear("h2"), clear("nope")])
    assert result.written == ("h1",)
    assert [refused.outcome for refused in result.refusals] == [ClearOutcome.HALT_UNKNOWN]
    assert (await gate.follower.write_clears([clear("h2")])).written == ("h2",)


# -- status -----------------------------------------------------------------------------------------------------------


async def test_status(make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await halted(clock, one, two)
    status = one.follower.status()
    assert (status.connected, status.problem, status.store) == (True, "", "fake://")
    assert (status.lease_length_ns, status.approval_validity_ns, status.bound_ns) == (
        300 * MILLISECOND,
        100 * MILLISECOND,
        400 * MILLISECOND,
    )
    assert status.generation == server.content("*").generation
    everything, main = status.namespaces
    assert (main.namespace, main.epoch, main.halts, main.clears) == ("main", 1, 1, 0)
    assert set(main.gates) == {"g1", "g2"}
    assert main.gates["g2"][:2] == ("1.0", "hash")
    assert everything.epoch == 0


async def test_a_private_gate_writes_few_heartbeats(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate, shared = make_gate(private=True), make_gate("g2")
    await run_ms(clock, 1000, gate, shared)
    written, also_written = gate.store.heartbeats, shared.store.heartbeats
    await run_ms(clock, 2000, gate, shared)
    assert isinstance(gate.told[-1], LeaseRenewed)
    assert gate.store.heartbeats - written == 2 * 2, "one round in ten, two namespaces"
    assert shared.store.heartbeats - also_written == 20 * 2


async def test_run_keeps_polling_and_ends_when_cancelled(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    task = asyncio.create_task(gate.follower.run())
    async with asyncio.timeout(10):
        while gate.store.polls < 6:
            await asyncio.sleep(0.01)
            clock.pass_ms(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
