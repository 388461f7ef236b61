"""The Halt operation: whatever fails, the halt is in force, its id is told, and who is missing has a name."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from risksvc.core.gate import RiskGate
from risksvc.core.types import MILLISECOND, MalformedInputError, Nanoseconds
from risksvc.gate import halting
from risksvc.gate.clock import Clock
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.lease_rules import Timings
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.kill_switch.view import Seen
from risksvc.gate.latch import LatchWriteError, open_latch
from risksvc.gate.owner import Owner
from risksvc.gate.publishing import HaltPublisher
from risksvc.v1 import operator_pb2, types_pb2
from tests.unit.gate.kill_switch.fake_store import FakeServer, FakeStore
from tests.unit.gate.steps import MemoryJournal, opening

if TYPE_CHECKING:
    from risksvc.gate.app import GateApp

EFFECTIVE, LATCHED = operator_pb2.HALT_EFFECT_EFFECTIVE, operator_pb2.HALT_EFFECT_LATCHED
BOUND = Timings()


class Ticking(Clock):
    """Passes by itself; what a store takes takes no time."""

    def pass_ms(self, _milliseconds: float) -> None:
        pass


class Rig:
    """One gate's halting, with a real owner, follower and latch, and a store in memory that also ticks by itself."""

    def __init__(self, folder: Path) -> None:
        self.clock = Ticking()
        self.server = FakeServer(self.clock)  # type: ignore[arg-type]
        self.store = FakeStore(self.server)
        self.latch = open_latch(folder / "latch", gate_id="g1", now=self.clock.now(), expected=False)
        self.journal = MemoryJournal()
        self.owner = Owner(RiskGate(), self.journal, self.clock)
        for event in opening():
            self.owner.submit(event)
        self.follower = KillSwitchFollower(
            self.store,
            self.latch,
            settings=FollowerSettings("g1", ("main",), timings=BOUND),
            ports=GatePorts(self.clock.now, self.owner.submit_or_keep),
        )
        self.publisher = HaltPublisher(self.follower)
        self.owner.listeners.append(self.publisher.heard)
        self.app = cast(
            "GateApp",
            SimpleNamespace(
                gate_id="g1",
                clock=self.clock,
                owner=self.owner,
                kill_switch=self.follower,
                publisher=self.publisher,
                settings=SimpleNamespace(accounts={"main": None}),
            ),
        )

    def other_gate(self, gate_id: str, *, digest: str = "before", bound: Nanoseconds = BOUND.bound_ns) -> None:
        """A gate that beat just now, and never again."""
        beat = Heartbeat(gate_id, "i", digest, bound)
        self.server.content("*").seen[gate_id] = Seen(beat, self.server.time_ms)

    async def heard_of(self, gate_id: str) -> None:
        """Returns when this gate has read of the other one."""
        async with asyncio.timeout(30):
            while not any(gate_id in each.gates for each in self.follower.status().namespaces):  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.01)

    async def halt(self, **fields: Any) -> operator_pb2.HaltResponse:  # noqa: ANN401 - of the request
        return await halting.halt(self.app, operator_pb2.HaltRequest(reason="drill", **fields), "alice")

    def is_halted(self) -> bool:
        return any(halt.reason == "drill" for halt in self.owner.state.halts.active())


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy must not make a store in memory look silent."""
    monkeypatch.setattr(halting, "EFFECT_MARGIN_NS", 2_000 * MILLISECOND)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path)
    await made.follower.initialise()
    rounds = asyncio.create_task(made.follower.run())
    async with asyncio.timeout(30):
        while not made.follower.status().lease_left_ns:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)
    yield made
    rounds.cancel()
    await asyncio.gather(rounds, return_exceptions=True)
    for task in list(made.publisher._under_way.values()):
        task.cancel()
    await asyncio.gather(*made.publisher._under_way.values(), return_exceptions=True)
    made.follower._replica.close()


def hung(rig: Rig) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.sleep(3600)

    rig.store.poll = never  # type: ignore[assignment,method-assign]
    rig.store.add_halts = never  # type: ignore[assignment,method-assign]


async def test_alone_it_is_effective(rig: Rig) -> None:
    answer = await rig.halt(halt_id="h-1")
    assert (answer.effect, list(answer.missing), answer.gate_id) == (EFFECTIVE, [], "g1")
    assert rig.is_halted()
    assert "h-1" in rig.latch.state.uncleared
    assert "h-1" in rig.server.content("*").halts


async def test_a_gate_that_fell_silent_just_now_is_waited_for(rig: Rig) -> None:
    rig.other_gate("g2")
    answer = await rig.halt()
    assert (answer.effect, list(answer.confirmed)) == (EFFECTIVE, ["g2"])


async def test_a_gate_that_may_still_approve_is_named(rig: Rig) -> None:
    rig.other_gate("g2", bound=3600 * 1000 * MILLISECOND)
    rig.other_gate("g3")
    async with asyncio.timeout(30):
        while list((answer := await rig.halt(halt_id="h-1")).missing) != ["g2"]:  # until this gate has a lease again
            pass
    assert (answer.effect, list(answer.confirmed)) == (LATCHED, ["g3"])


async def test_a_store_that_is_down(rig: Rig) -> None:
    rig.other_gate("g2")
    await rig.heard_of("g2")
    rig.server.down = True
    answer = await rig.halt()
    assert (answer.effect, list(answer.missing)) == (LATCHED, ["redis", "g2"])
    assert answer.halt_id in rig.latch.state.uncleared


async def test_a_store_that_hangs_holds_nothing_up(rig: Rig) -> None:
    rig.other_gate("g2")
    await rig.heard_of("g2")
    hung(rig)
    async with asyncio.timeout(10):
        answer = await rig.halt()
    assert (answer.effect, list(answer.missing)) == (LATCHED, ["redis", "g2"])
    assert answer.halt_id in rig.latch.state.uncleared
    assert rig.is_halted()


def full_disk(rig: Rig) -> None:
    def refuse(_records: object) -> None:
        raise LatchWriteError("no space left on device")

    rig.latch.put = refuse  # type: ignore[method-assign,assignment]


async def test_a_latch_that_takes_nothing_is_named_and_the_store_has_it(rig: Rig) -> None:
    full_disk(rig)
    answer = await rig.halt()
    assert (answer.effect, answer.missing[0]) == (LATCHED, "latch")
    assert answer.halt_id in rig.server.content("*").halts


async def test_neither_latch_nor_store(rig: Rig) -> None:
    full_disk(rig)
    rig.server.down = True
    answer = await rig.halt()
    assert (answer.effect, list(answer.missing)) == (LATCHED, ["latch", "redis"])
    assert rig.is_halted(), "it is in force, and journaled"
    assert rig.publisher._under_way, "and tried again"


async def journal_full(rig: Rig) -> None:
    def refuse(_payload: bytes) -> None:
        raise OSError("no space left on device")

    rig.journal.append = refuse  # type: ignore[method-assign,assignment]


async def closed_before(rig: Rig) -> None:
    await journal_full(rig)
    await rig.halt(halt_id="h-0")
    assert rig.owner.fault is not None


async def nothing_raised(rig: Rig) -> None:
    rig.owner.submit = lambda _event: ()  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("broken", [journal_full, closed_before, nothing_raised], ids=lambda each: each.__name__)
async def test_a_core_that_cannot_take_it(rig: Rig, broken: Callable[[Rig], Awaitable[None]]) -> None:
    await broken(rig)
    answer = await rig.halt(halt_id="h-1")
    assert (answer.effect, answer.halt_id) == (EFFECTIVE, "h-1")
    assert "h-1" in rig.latch.state.uncleared
    assert "h-1" in rig.server.content("*").halts


async def test_what_cannot_be_told_is_latched(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    def broken(*_: object) -> None:
        raise KeyError("half changed")

    monkeypatch.setattr(rig.follower.__class__, "wait_effective", fail)
    monkeypatch.setattr(halting, "working_orders", broken)
    answer = await rig.halt()
    assert (answer.effect, list(answer.missing), list(answer.can_still_fill)) == (LATCHED, ["redis"], [])
    assert rig.is_halted()


async def test_twice_is_one_halt(rig: Rig) -> None:
    first, second = await rig.halt(halt_id="h-1"), await rig.halt(halt_id="h-1")
    assert first.halt_id == second.halt_id
    assert second.effect == EFFECTIVE


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"scope": types_pb2.Scope(account="other")}, "scope.account"),
        ({"scope": types_pb2.Scope(account="main", strategy="typo")}, "scope.strategy"),
        ({"state": types_pb2.TRADING_STATE_ACTIVE}, "state"),
    ],
)
async def test_only_a_bad_request_is_refused(rig: Rig, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(MalformedInputError, match=problem):
        await rig.halt(**fields)
    assert not rig.is_halted()
