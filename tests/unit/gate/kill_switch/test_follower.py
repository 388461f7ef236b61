"""The follower against a store in memory: what the owner is told, in which order, and what is durable by then."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from risksvc.core.events import ClearSeen, HaltSeen, Input, LeaseLost, LeaseRenewed
from risksvc.core.trading_state import Clear
from risksvc.core.types import MILLISECOND, MalformedInputError
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.initialising import InitialiseOutcome
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.kill_switch.view import ClearGuard, ClearOutcome, ClearsWritten, StoreUnreachableError
from risksvc.gate.latch import LatchWriteError, open_latch
from tests.unit.gate.halts import clear, halt
from tests.unit.gate.kill_switch.fake_store import FakeServer, FakeStore
from tests.unit.gate.manual_clock import ManualClock


class Gate:
    """One follower, its latch, its way to the server, and what its owner was told."""

    def __init__(self, server: FakeServer, folder: Path, gate_id: str, *, private: bool = False) -> None:
        self.server, self.clock = server, server.clock
        self.store = FakeStore(server)
        self.told: list[Input] = []
        self.latch = open_latch(folder / gate_id / "latch", gate_id=gate_id, now=self.clock.now(), expected=False)
        self.follower = KillSwitchFollower(
            self.store,
            self.latch,
            settings=FollowerSettings(gate_id, ("main",), private=private),
            ports=GatePorts(self.clock.now, self.told.append, lambda: ("1.0", "hash"), self.clock.wall),
        )
        self.follower.announce_latch()

    async def step(self) -> list[Input]:
        """A round; gives what was told in it."""
        before = len(self.told)
        await self.follower.step()
        return self.told[before:]

    def is_open(self) -> bool:
        return self.follower.status().lease_left_ns > 0

    def kinds(self) -> list[str]:
        return [type(what).__name__ for what in self.told]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> FakeServer:
    return FakeServer(clock)


@pytest.fixture
def make_gate(server: FakeServer, tmp_path: Path) -> Iterator[Callable[..., Gate]]:
    gates: list[Gate] = []

    def make(gate_id: str = "g1", *, private: bool = False) -> Gate:
        gates.append(Gate(server, tmp_path, gate_id, private=private))
        return gates[-1]

    yield make
    for gate in gates:
        gate.follower._replica.close()


async def run_ms(clock: ManualClock, milliseconds: int, *gates: Gate) -> None:
    for _ in range(milliseconds // 100):
        for gate in gates:
            await gate.step()
        clock.pass_ms(100)


async def opened(clock: ManualClock, *gates: Gate) -> None:
    """Initialised by the first gate, every barrier over."""
    await gates[0].follower.initialise()
    await run_ms(clock, 1000, *gates)
    for gate in gates:
        await gate.step()
        assert gate.is_open()
        gate.told.clear()


# -- start --------------------------------------------------------------------------------------------------------


async def test_a_store_that_was_never_initialised_is_for_an_operator(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    gate = make_gate()
    await run_ms(clock, 2000, gate)
    assert gate.told == [LeaseLost(store_lost=True, why=gate.follower.status().problem)]
    assert "has never been initialised; run `risksvc init`" in gate.follower.status().problem
    done = await gate.follower.initialise()
    assert [one.outcome for one in done] == [InitialiseOutcome.CREATED] * 2
    assert len({one.generation for one in done}) == 1
    await run_ms(clock, 1000, gate)
    assert gate.is_open()


async def test_a_private_store_initialises_itself(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate(private=True)
    await run_ms(clock, 1000, gate)
    assert gate.is_open()
    assert not any(isinstance(what, LeaseLost) and what.store_lost for what in gate.told)


async def test_a_private_store_that_was_emptied_does_not(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate(private=True)
    await run_ms(clock, 1000, gate)
    server.flush()
    await run_ms(clock, 2000, gate)
    assert not gate.is_open()
    assert "its generation is gone" in gate.follower.status().problem


async def test_a_private_store_with_a_damaged_latch_does_not(
    make_gate: Callable[..., Gate], clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "g1" / "latch"
    path.parent.mkdir()
    path.write_bytes(b"rubbish")
    gate = make_gate(private=True)
    await run_ms(clock, 1000, gate)
    assert not gate.is_open()
    assert gate.kinds()[0] == "HaltSeen"


async def test_it_starts_closed_for_two_leases(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await gate.follower.initialise()
    await run_ms(clock, 600, gate)
    assert not gate.is_open()
    assert "waiting" in gate.follower.status().problem
    await run_ms(clock, 100, gate)
    assert gate.is_open()
    assert gate.kinds() == ["LeaseLost", "LeaseRenewed"]


async def test_the_latch_is_announced_before_anything_else(make_gate: Callable[..., Gate], tmp_path: Path) -> None:
    with open_latch(tmp_path / "g1" / "latch", gate_id="g1", now=1, expected=False) as latch:
        latch.write([halt("h1"), halt("h2"), clear("h1")])
    gate = make_gate()
    assert gate.told == [HaltSeen(halt("h1")), HaltSeen(halt("h2")), ClearSeen(clear("h1"))]


async def test_a_halt_that_was_latched_but_never_published_is_published_and_can_be_cleared(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer, tmp_path: Path
) -> None:
    """Killed between journal and store: whoever starts the gate latches what its journal has in force."""
    with open_latch(tmp_path / "g1" / "latch", gate_id="g1", now=1, expected=False) as latch:
        latch.write([halt()])
    gate = make_gate()
    await opened(clock, gate)
    assert server.content("main").halts == {"h1": halt()}
    assert (await gate.follower.write_clears([clear()])).written == ("h1",)


@pytest.mark.parametrize("account", ["", "*", "a{b", "a}b"])
def test_accounts_that_cannot_name_keys(account: str) -> None:
    with pytest.raises(MalformedInputError, match="can't name keys"):
        FollowerSettings("g1", (account,))


# -- halts ----------------------------------------------------------------------------------------------------------


async def test_a_halt_reaches_the_other_gate_with_its_next_round(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    paths = await one.follower.publish_halt(halt())
    assert (paths.latched, paths.stored, paths.problem) == (True, True, "")
    assert (await one.follower.effective("h1")).missing == ("g2",)
    assert (await two.step())[0] == HaltSeen(halt())
    assert two.latch.state.halts == {"h1": halt()}
    assert (await one.follower.effective("h1")).missing == ("g2",), "its heartbeat does not say so yet"
    await two.step()
    assert (await one.follower.effective("h1")).effective


async def test_a_gate_whose_lease_has_run_out_counts_as_reached(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    await one.follower.publish_halt(halt())
    clock.pass_ms(400)
    assert not (await one.follower.effective("h1")).effective
    clock.pass_ms(1)
    assert (await one.follower.effective("h1")).effective


async def test_a_global_halt_needs_every_gate_and_an_account_halt_its_own(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    await one.follower.publish_halt(halt("h2", account=""))
    assert (await one.follower.effective("h2")).missing == ("g2",)


async def test_nobody_can_say_that_an_unknown_halt_is_effective(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    assert (await gate.follower.effective("nope")).missing == ("g1",)


async def test_a_halt_while_the_store_is_down_is_latched_and_published_when_it_is_back(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    server.down = True
    paths = await one.follower.publish_halt(halt())
    assert (paths.latched, paths.stored) == (True, False)
    assert "fake:// is down" in paths.problem
    assert (await one.follower.effective("h1")).missing == ("redis", "g2")
    await run_ms(clock, 1000, one, two)
    assert not one.is_open()
    assert not two.is_open()
    server.down = False
    await run_ms(clock, 500, two)  # the other one is back first
    assert not two.is_open(), "the barrier gives the first one time to publish"
    await one.step()
    await two.step()
    assert HaltSeen(halt()) in two.told
    await run_ms(clock, 1000, one, two)
    assert two.is_open()


async def test_without_republishing_and_barrier_the_halt_would_be_overrun(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    """The store hung while a halt was latched elsewhere: no lease before the halt is seen."""
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    server.down = True
    await one.follower.publish_halt(halt())
    await run_ms(clock, 500, one, two)
    server.down = False
    two.told.clear()
    await run_ms(clock, 1500, two, one)
    kinds = two.kinds()
    assert kinds.index("HaltSeen") < kinds.index("LeaseRenewed")


async def test_a_halt_that_somebody_deleted_is_published_again(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    await gate.follower.publish_halt(halt())
    await gate.step()
    del server.content("main").halts["h1"]
    await gate.step()
    assert server.content("main").halts == {"h1": halt()}
    await gate.step()
    assert gate.is_open(), "a round without a lease is no gap"


async def test_a_halt_goes_to_the_owner_even_when_the_latch_takes_nothing(
    make_gate: Callable[..., Gate], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    await one.follower.publish_halt(halt())

    def full(records: object) -> None:
        raise LatchWriteError("disk full")

    monkeypatch.setattr(two.latch, "put", full)
    assert await two.step() == [HaltSeen(halt())]
    assert two.follower.status().problem == "disk full"
    await run_ms(clock, 500, one, two)
    assert not two.is_open(), "what is not durable is not acknowledged, and gives no lease"
    assert (await one.follower.effective("h1")).missing == ("g2",)


async def test_a_halt_that_can_only_be_published_is_published(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = make_gate()
    await opened(clock, gate)

    def full(records: object) -> None:
        raise LatchWriteError("disk full")

    monkeypatch.setattr(gate.latch, "put", full)
    paths = await gate.follower.publish_halt(halt())
    assert (paths.latched, paths.stored, paths.problem) == (False, True, "disk full")
    assert "h1" in server.content("main").halts


async def test_a_halt_of_an_account_that_is_followed_elsewhere_is_published_until_taken(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    gate = make_gate()
    await opened(clock, gate)
    server.down = True
    await gate.follower.publish_halt(halt(account="other"))
    await gate.step()
    server.down = False
    await gate.step()
    assert server.content("other").halts == {"h1": halt(account="other")}


async def test_a_hint_closes_at_once_and_asks_for_a_round(make_gate: Callable[..., Gate], clock: ManualClock) -> None:
    gate = make_gate()
    await opened(clock, gate)
    gate.follower._rounds.again.clear()
    gate.follower._rounds.take_hint(halt())
    assert gate.told == [HaltSeen(halt())]
    assert gate.follower._rounds.again.is_set()
    gate.follower._rounds.take_hint(halt())
    assert len(gate.told) == 1


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
