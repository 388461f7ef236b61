import asyncio
import threading

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.events import (
    DrainStarted,
    FaultLatched,
    HaltRequested,
    HaltSeen,
    Input,
    LeaseLost,
    LeaseRenewed,
    OrderChecked,
    Ticked,
)
from risksvc.core.gate import HANDLERS, RiskGate
from risksvc.core.outputs import Decision, HaltRaised, IncidentChanged, Output
from risksvc.core.state import GateState
from risksvc.core.trading_state import Halt
from risksvc.core.types import SECOND, Nanoseconds, Scope, Severity, TradingState
from risksvc.core.venue_events import ReadFailed
from risksvc.gate.codec import Entry, decode
from risksvc.gate.owner import EntryLog, Fault, GateClosedError, Owner, Recover, replay_all
from risksvc.gate.replay import Replayed, replay
from tests.unit.gate.steps import START, MemoryJournal, StepClock, opening, order, picture


class World:
    def __init__(self, recover: Recover = replay_all) -> None:
        self.journal = MemoryJournal()
        self.clock = StepClock()
        self.faults: list[Fault] = []
        self.owner = Owner(RiskGate(), self.journal, self.clock, on_fault=self.faults.append, recover=recover)

    def written(self) -> list[Entry]:
        return [decode(payload) for payload in self.journal.entries]

    def kinds(self) -> list[str]:
        return [type(entry.input).__name__ for entry in self.written()]


@pytest.fixture
def world() -> World:
    """An owner with an open gate."""
    made = World()
    for event in opening():
        made.owner.submit(event)
    return made


def decide(world: World, id_: str = "o-1", **fields: str) -> Decision:
    answer = world.owner.submit(order(id_, **fields))[0]
    assert isinstance(answer, Decision)
    return answer


def halt(halt_id: str = "h-1") -> Halt:
    return Halt(halt_id, Scope(), TradingState.HALTED, Severity.P1, "OPERATOR", "x", "alice", START, "gate-2")


# -- apply, journal, reply ----------------------------------------------------------------------------------------


def test_a_decision_is_journaled_before_it_is_told(world: World) -> None:
    told: list[tuple[str, int]] = []

    def listen(event: Input, _outputs: tuple[Output, ...], _now: Nanoseconds) -> None:
        told.append((type(event).__name__, len(world.journal.entries)))

    world.owner.listeners.append(listen)
    assert decide(world).approved
    assert told == [("OrderChecked", len(world.journal.entries))]
    last = world.written()[-1]
    assert last.input == order()
    assert isinstance(last.outputs[0], Decision)
    assert last.seq == len(world.journal.entries)


def test_a_listener_that_fails_changes_nothing(world: World) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("listener")

    heard: list[object] = []
    world.owner.listeners += [fail, lambda *step: heard.append(step)]
    assert decide(world).approved
    assert len(heard) == 1
    assert world.owner.fault is None


def test_replaying_the_journal_gives_the_same_state(world: World) -> None:
    decide(world)
    decide(world, "o-2", quantity="5")
    world.owner.submit(HaltRequested(Scope("main"), TradingState.HALTED, "x", "alice"))
    again = replay(world.journal.recover())
    assert again.entries == len(world.journal.entries)
    assert picture(again.gate.state) == picture(world.owner.state)
    assert again.read_windows == {"main": 1}
    assert again.limits_loaded is not None


# -- leases and ticks ---------------------------------------------------------------------------------------------


def test_of_many_leases_the_last_before_a_decision_is_journaled(world: World) -> None:
    world.owner.submit(DrainStarted())
    before = len(world.journal.entries)
    for end in (1, 3, 2):
        world.owner.submit(LeaseRenewed(START + end * 1_000 * SECOND))
        world.owner.submit(Ticked())
    assert len(world.journal.entries) == before
    world.owner.submit(ReadFailed("main", "fills", "timeout"))
    first, second = world.written()[before:]
    assert first.input == LeaseRenewed(START + 3_000 * SECOND)
    assert isinstance(second.input, ReadFailed)
    assert first.now < second.now
    assert picture(replay(world.journal.recover()).gate.state) == picture(world.owner.state)


def test_a_lost_lease_is_journaled_after_the_lease_that_it_ends(world: World) -> None:
    decide(world)
    world.owner.submit(LeaseRenewed(START + 5_000 * SECOND))
    world.owner.submit(LeaseLost(store_lost=False, why="x"))
    assert world.kinds()[-2:] == ["LeaseRenewed", "LeaseLost"]
    assert replay(world.journal.recover()).gate.state.lease_until == 0


def test_a_tick_is_journaled_when_it_gives_something(world: World) -> None:
    decide(world)
    before = len(world.journal.entries)
    world.owner.submit(Ticked())
    assert len(world.journal.entries) == before
    world.clock.at += 5 * SECOND
    assert world.owner.submit(Ticked()), "the order's window is over: it is looked up"
    assert world.kinds()[-1] == "Ticked"


# -- faults -------------------------------------------------------------------------------------------------------


async def test_what_cannot_be_journaled_was_never_decided(world: World) -> None:
    assert decide(world).approved
    count = len(world.journal.entries)
    world.journal.fail_at = count + 1
    with pytest.raises(GateClosedError, match="no space left"):
        world.owner.submit(order("o-2"))
    assert [fault.fatal for fault in world.faults] == [False]
    assert world.owner.closed_because("main", world.clock.now()) == (DenialReason.GATE_FAULT,)
    with pytest.raises(GateClosedError):
        world.owner.submit(order("o-3"))
    with pytest.raises(GateClosedError):
        await world.owner.reopen()  # the disk is still full
    assert world.owner.fault is not None
    assert world.owner.fault.what.startswith("OrderChecked"), "the first reason stands"
    assert len(world.faults) == 1

    world.journal.fail_at = 0
    await world.owner.reopen()
    book = world.owner.state.accounts["main"]
    assert list(book.reservations) == ["o-1"], "o-2 is gone, o-1 stands"
    answer = decide(world, "o-4")
    assert [denial.reason for denial in answer.denials][:2] == [DenialReason.GATE_FAULT, DenialReason.HALTED]
    raised = [halt.trigger for halt in world.owner.state.halts.active()]
    assert raised == ["GATE_FAULT"]
    assert picture(replay(world.journal.recover()).gate.state) == picture(world.owner.state)


def test_a_lease_that_cannot_be_journaled_stops_the_decision_after_it(world: World) -> None:
    world.owner.submit(DrainStarted())
    world.owner.submit(LeaseRenewed(START + 2_000 * SECOND))
    world.journal.fail_at = len(world.journal.entries) + 1
    with pytest.raises(GateClosedError):
        world.owner.submit(order())
    assert world.kinds()[-1] == "DrainStarted"


async def test_an_exception_closes_the_gate_and_its_half_done_work_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(state: GateState, _event: Input, _now: Nanoseconds) -> tuple[Output, ...]:
        state.accounts["main"].snapshots = 99
        raise ZeroDivisionError("bug")

    with monkeypatch.context() as patched:
        patched.setitem(HANDLERS, OrderChecked, half)
        with pytest.raises(GateClosedError, match="ZeroDivisionError"):
            world.owner.submit(order())
    assert [fault.fatal for fault in world.faults] == [False]
    await world.owner.reopen()
    assert world.owner.state.accounts["main"].snapshots == 1
    assert world.kinds()[-1] == "FaultLatched"


def test_a_failed_assertion_is_fatal(world: World) -> None:
    world.clock.at = START - SECOND  # time runs backwards
    with pytest.raises(GateClosedError, match="time runs forwards"):
        world.owner.submit(order())
    assert [fault.fatal for fault in world.faults] == [True]
    assert "o-1" not in world.owner.state.accounts["main"].reservations


def test_an_unknown_type_closes_the_gate(world: World) -> None:
    with pytest.raises(GateClosedError):
        world.owner.submit("nonsense")  # type: ignore[arg-type]  # on purpose
    assert world.owner.fault is not None


async def test_what_is_seen_while_closed_is_kept_for_the_reopening(world: World) -> None:
    world.journal.fail_at = len(world.journal.entries) + 1
    world.owner.submit_or_keep(HaltSeen(halt()))
    assert world.owner.fault is not None
    world.owner.submit_or_keep(HaltSeen(halt("h-2")))
    world.journal.fail_at = 0
    await world.owner.reopen()
    assert world.kinds()[-3:] == ["HaltSeen", "HaltSeen", "FaultLatched"]
    active = {one.halt_id for one in world.owner.state.halts.active()}
    assert {"h-1", "h-2"} < active


async def test_of_the_leases_of_a_long_fault_only_the_last_is_kept(world: World) -> None:
    world.journal.fail_at = len(world.journal.entries) + 1
    world.owner.submit_or_keep(HaltSeen(halt()))
    for turn in range(100):
        world.owner.submit_or_keep(LeaseRenewed(START + turn))
    world.owner.submit_or_keep(LeaseLost(store_lost=False, why="gone"))
    world.journal.fail_at = 0
    await world.owner.reopen()
    assert world.kinds()[-3:] == ["HaltSeen", "LeaseLost", "FaultLatched"]


async def test_an_open_owner_is_not_rebuilt(world: World) -> None:
    await world.owner.reopen()
    assert world.journal.reads == 0


def test_a_fault_tells_the_halts_that_follow(world: World) -> None:
    outputs = world.owner.submit(FaultLatched("x"))
    assert [type(output) for output in outputs] == [HaltRaised, IncidentChanged]


# -- the rebuild, beside the loop ------------------------------------------------------------------------------------


class Slow:
    """A rebuild that ends when it is told to, on another thread."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Event(), threading.Event()
        self.calls = 0

    def recover(self, journal: EntryLog) -> Replayed:
        self.calls += 1
        self.began.set()
        found = replay_all(journal)
        assert self.may_end.wait(10)
        return found


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def closed(slow: Slow) -> World:
    """An owner that was closed by a fault, with one approved order."""
    made = World(recover=slow.recover)
    for event in opening():
        made.owner.submit(event)
    assert decide(made).approved
    made.journal.fail_at = len(made.journal.entries) + 1
    with pytest.raises(GateClosedError):
        made.owner.submit(order("lost"))
    made.journal.fail_at = 0
    return made


async def test_while_it_is_rebuilt_nothing_is_taken_and_halts_are_kept(closed: World, slow: Slow) -> None:
    reopening = asyncio.create_task(closed.owner.reopen())
    assert await asyncio.to_thread(slow.began.wait, 10)
    with pytest.raises(GateClosedError):
        closed.owner.submit(order("o-2"))
    closed.owner.submit_or_keep(HaltSeen(halt("h-1")))
    await closed.owner.reopen()  # a second one changes nothing
    assert slow.calls == 1
    slow.may_end.set()
    closed.owner.submit_or_keep(HaltSeen(halt("h-2")))
    await reopening
    assert closed.owner.fault is None
    assert closed.kinds()[-3:] == ["HaltSeen", "HaltSeen", "FaultLatched"]
    assert {one.halt_id for one in closed.owner.state.halts.active()} > {"h-1", "h-2"}
    assert picture(replay(closed.journal.recover()).gate.state) == picture(closed.owner.state)


async def test_a_cancelled_rebuild_leaves_the_gate_closed_and_loses_nothing(closed: World, slow: Slow) -> None:
    reopening = asyncio.create_task(closed.owner.reopen())
    assert await asyncio.to_thread(slow.began.wait, 10)
    closed.owner.submit_or_keep(HaltSeen(halt("h-1")))
    reopening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reopening
    assert closed.owner.fault is not None
    slow.may_end.set()
    await closed.owner.reopen()
    assert closed.kinds()[-2:] == ["HaltSeen", "FaultLatched"]


async def test_what_cannot_be_taken_up_stays_kept(closed: World, slow: Slow) -> None:
    slow.may_end.set()
    for name in ("h-1", "h-2"):
        closed.owner.submit_or_keep(HaltSeen(halt(name)))
    closed.journal.fail_at = len(closed.journal.entries) + 2  # the second halt
    with pytest.raises(GateClosedError):
        await closed.owner.reopen()
    assert closed.owner.fault is not None
    closed.journal.fail_at = 0
    await closed.owner.reopen()
    seen = [one.input.halt.halt_id for one in closed.written() if isinstance(one.input, HaltSeen)]
    assert seen == ["h-1", "h-2"]
    assert len(closed.faults) == 1, "told once"


# -- durable -----------------------------------------------------------------------------------------------------


async def test_durable_asks_the_journal(world: World) -> None:
    decide(world)
    await world.owner.durable()
    assert world.journal.syncs == 1


async def test_what_is_not_durable_closes_the_gate_for_good(world: World) -> None:
    decide(world)
    world.journal.not_durable = OSError("input/output error")
    with pytest.raises(GateClosedError, match="input/output error"):
        await world.owner.durable()
    assert [fault.fatal for fault in world.faults] == [True]
    assert world.owner.must_end
    with pytest.raises(GateClosedError):
        world.owner.submit(order("o-2"))
    await world.owner.reopen()
    assert world.owner.must_end, "reopened or not"


async def test_while_the_gate_is_closed_nothing_is_durable_and_no_second_fault_follows(world: World) -> None:
    world.journal.fail_at = len(world.journal.entries) + 1
    waiting = asyncio.create_task(world.owner.durable())
    await asyncio.sleep(0)
    world.journal.not_durable = OSError("the journal is closed")
    with pytest.raises(GateClosedError, match="no space left"):
        world.owner.submit(order())
    for one in (waiting, world.owner.durable()):
        with pytest.raises(GateClosedError, match="no space left"):
            await one
    assert [fault.fatal for fault in world.faults] == [False]
    assert not world.owner.must_end


# -- other threads ------------------------------------------------------------------------------------------------


async def test_another_thread_hands_over(world: World) -> None:
    world.owner.attach(asyncio.get_running_loop())
    taken: list[tuple[Output, ...]] = []

    def other() -> None:
        taken.append(world.owner.hand_over(order()).result(timeout=10))

    thread = threading.Thread(target=other)
    thread.start()
    await asyncio.to_thread(thread.join, 10)
    assert isinstance(taken[0][0], Decision)


async def test_a_fault_reaches_the_other_thread(world: World) -> None:
    world.owner.attach(asyncio.get_running_loop())
    world.journal.fail_at = 1
    with pytest.raises(GateClosedError):
        await asyncio.wrap_future(world.owner.hand_over(order()))


def test_without_a_loop_nothing_is_handed_over(world: World) -> None:
    with pytest.raises(GateClosedError, match="not running"):
        world.owner.hand_over(order())
