"""The follower against a store in memory: how it starts, and what becomes of halts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from risksvc.core.events import ClearSeen, HaltSeen, LeaseLost
from risksvc.core.types import MalformedInputError
from risksvc.gate.kill_switch.initialising import InitialiseOutcome
from risksvc.gate.kill_switch.rounds import FollowerSettings
from risksvc.gate.latch import LatchWriteError, open_latch
from tests.unit.gate.halts import clear, halt
from tests.unit.gate.kill_switch.fake_store import FakeServer
from tests.unit.gate.kill_switch.gate_rig import Gate, opened, run_ms
from tests.unit.gate.manual_clock import ManualClock

# -- start --------------------------------------------------------------------------------------------------------


async def test_a_store_that_was_never_initialised_is_for_an_operator(
    make_gate: Callable[..., Gate], clock: ManualClock
) -> None:
    gate = make_gate()
    await run_ms(clock, 2000, gate)
    assert gate.told == [LeaseLost(store_lost=True, why=gate.follower.status().problem)]
    assert "has never been initialised; run `risksvc init --store --settings FILE`" in gate.follower.status().problem
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
    await run_ms(clock, 400, one)
    assert not (await one.follower.effective("h1")).effective
    clock.pass_ms(1)
    assert (await one.follower.effective("h1")).effective


async def test_a_store_whose_clock_jumps_makes_nobody_silent(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    """An hour forward: every heartbeat looks old, and the other gate's lease runs on."""
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    await one.step()
    server.ahead_ms = 3_600_000
    await one.follower.publish_halt(halt())
    assert (await one.follower.effective("h1")).missing == ("g2",)
    await run_ms(clock, 500, one)
    assert (await one.follower.effective("h1")).effective


async def test_a_gate_without_a_lease_says_of_nobody_that_it_has_a_halt(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    """After a flush nobody is registered, after a failover a heartbeat may be old: that proves nothing."""
    one, two = make_gate("g1"), make_gate("g2")
    await opened(clock, one, two)
    server.flush()
    await one.follower.publish_halt(halt())
    assert (await one.follower.effective("h1")).missing == ("redis",)
    await one.step()
    assert (await one.follower.effective("h1")).missing == ("redis",)
    assert (await one.follower.effective("h1")).confirmed == ()


async def test_a_halt_that_was_only_heard_is_latched_and_published(
    make_gate: Callable[..., Gate], clock: ManualClock, server: FakeServer
) -> None:
    """The store lost it before any round read it."""
    one = make_gate("g1")
    await opened(clock, one)
    one.follower._rounds.take_hint(halt("heard"))
    server.down = True
    await one.step()
    assert set(one.latch.state.halts) == {"heard"}
    server.down = False
    await run_ms(clock, 300, one)
    assert set(server.content("main").halts) == {"heard"}


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
