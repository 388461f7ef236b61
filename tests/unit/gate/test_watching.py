import asyncio

import pytest

from risksvc.core.events import DrainStarted, HaltRequested, Input
from risksvc.core.gate import RiskGate
from risksvc.core.types import SECOND, Scope, TradingState
from risksvc.gate.owner import Owner
from risksvc.gate.watching import TooManyWatchersError, Watcher, Watchers, state_message
from risksvc.v1 import types_pb2
from tests.unit.gate.steps import MemoryJournal, StepClock, opening, order

AWAKE, ASLEEP = True, False


class World:
    def __init__(self, *, most: int = 10) -> None:
        self.clock = StepClock()
        self.journal = MemoryJournal()
        self.owner = Owner(RiskGate(), self.journal, self.clock)
        self.watchers = Watchers(self.owner, most=most)
        self.owner.listeners.append(self.watchers.heard)
        for event in opening():
            self.owner.submit(event)

    def woken(self, watcher: Watcher, event: Input) -> bool:
        watcher.changed.clear()
        self.owner.submit(event)
        return watcher.changed.is_set()


@pytest.fixture
def world() -> World:
    return World()


def test_a_halt_wakes_at_once_and_an_order_does_not(world: World) -> None:
    with world.watchers.following("main", "mm") as watcher:
        assert world.woken(watcher, order()) is ASLEEP
        assert world.woken(watcher, HaltRequested(Scope("main"), TradingState.HALTED, "x", "alice")) is AWAKE
        assert world.woken(watcher, order("o-2")) is ASLEEP
        assert world.woken(watcher, DrainStarted()) is AWAKE


def test_a_lease_that_runs_out_wakes_at_the_next_look(world: World) -> None:
    with world.watchers.following("main", "mm") as watcher:
        world.watchers.look(world.clock.now())
        watcher.changed.clear()
        world.watchers.look(world.clock.now())
        assert not watcher.changed.is_set()
        world.watchers.look(world.clock.now() + 2_000 * SECOND)
        assert watcher.changed.is_set()


def test_there_is_room_for_so_many_only() -> None:
    world = World(most=2)
    with world.watchers.following("main", "a"):
        with world.watchers.following("main", "b"):
            with pytest.raises(TooManyWatchersError), world.watchers.following("main", "c"):
                pass
            assert world.watchers.watches("main", "b")
        assert not world.watchers.watches("main", "b")
        assert len(world.watchers) == 1


async def test_silence_lasts_a_heartbeat(world: World) -> None:
    with world.watchers.following("main", "mm") as watcher:
        await watcher.wait(0.001)
        world.watchers.end()
        async with asyncio.timeout(10):
            await watcher.wait(1_000)
        assert world.watchers.ended


def test_the_message_says_what_closes_and_which_halts_touch(world: World) -> None:
    for scope in (Scope("other"), Scope("main", strategy="trend"), Scope("main", instrument="BTC/USDT:USDT")):
        world.owner.submit(HaltRequested(scope, TradingState.REDUCING, "x", "alice"))
    message = state_message(
        world.owner, Watcher("main", "mm"), sequence=3, heartbeat_ms=100, now=world.clock.now() + 2_000 * SECOND
    )
    assert message.trading_state == types_pb2.TRADING_STATE_ACTIVE
    assert [one.scope.instrument for one in message.halts] == ["BTC/USDT:USDT"]
    assert types_pb2.DENIAL_REASON_KILL_SWITCH_UNREACHABLE in message.closed_because
    assert (message.sequence, message.heartbeat_ms) == (3, 100)


def test_a_closed_gate_says_halted(world: World) -> None:
    world.journal.fail_at = 1
    world.owner.submit_or_keep(DrainStarted())
    message = state_message(world.owner, Watcher("main", "mm"), sequence=1, heartbeat_ms=100, now=world.clock.now())
    assert message.trading_state == types_pb2.TRADING_STATE_HALTED
    assert list(message.closed_because) == [types_pb2.DENIAL_REASON_GATE_FAULT]
