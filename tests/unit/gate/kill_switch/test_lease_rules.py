"""When may this gate approve: every row of the event table, as pure rules."""

from dataclasses import dataclass
from typing import Any

import pytest

from risksvc.core.trading_state import Halt
from risksvc.core.types import MILLISECOND, MalformedInputError
from risksvc.gate.kill_switch.lease_rules import (
    STORE_LOST,
    Held,
    Lease,
    Standing,
    Timings,
    after_sound_round,
    given_up,
    judge,
    wall_jumped,
)
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.view import Seen, StoreView
from tests.unit.gate.halts import clear, halt

TIMINGS = Timings()
MS = MILLISECOND
H1, H2 = halt("h1"), halt("h2")


def held(*, generation: str = "G", epoch: int = 5, halts: tuple[Halt, ...] = ()) -> Held:
    return Held(generation, epoch, {one.halt_id: one for one in halts})


def view(**said: Any) -> StoreView:  # noqa: ANN401 - any field
    base: dict[str, Any] = {
        "namespace": "main",
        "generation": "G",
        "epoch": 5,
        "digest": "d",
        "redis_ms": 1,
        "run_id": "r1",
        "role": "master",
        "halts": {},
        "clears": {},
        "seen": {},
    }
    return StoreView(**(base | said))


RIVAL = Seen(Heartbeat("g1", "another", "d", 400 * MILLISECOND), 1)
NEW = held(generation="", epoch=0)
NEVER = view(generation="", epoch=0)


@dataclass(frozen=True)
class Row:
    """What this gate holds, what it sees, and what follows."""

    holds: Held
    sees: StoreView
    standing: Standing
    republish: tuple[Halt, ...] = ()
    least_epoch: int = 0


ROWS = {
    "all is well": Row(held(), view(), Standing.SOUND),
    "others added meanwhile": Row(held(epoch=3), view(epoch=9), Standing.SOUND),
    "a new gate joins": Row(NEW, view(), Standing.SOUND),
    "what is latched is there": Row(held(halts=(H1,)), view(halts={"h1": H1}), Standing.SOUND),
    "what is latched is cleared there": Row(
        held(halts=(H1,)), view(halts={"h1": H1}, clears={"h1": clear("h1")}), Standing.SOUND
    ),
    "never initialised": Row(NEW, NEVER, Standing.UNINITIALISED),
    "never initialised, a halt latched here": Row(
        held(generation="", epoch=0, halts=(H1,)), NEVER, Standing.UNINITIALISED, (H1,)
    ),
    "restarts empty, FLUSHALL, evicted": Row(held(halts=(H1, H2)), NEVER, Standing.GENERATION_MISSING, (H1, H2), 5),
    "emptied, others have published already": Row(
        held(halts=(H1,)), view(generation="", epoch=6, halts={"h1": H1}), Standing.GENERATION_MISSING
    ),
    "a foreign store": Row(held(halts=(H1,)), view(generation="X"), Standing.GENERATION_CHANGED, (H1,)),
    "a foreign store is not counted on": Row(held(), view(generation="X", epoch=1), Standing.GENERATION_CHANGED),
    "AOF everysec lost the last second, failover to a stale replica": Row(
        held(halts=(H1, H2)), view(epoch=4, halts={"h1": H1}), Standing.EPOCH_REGRESSED, (H2,), 5
    ),
    "a clear was lost": Row(held(), view(epoch=4), Standing.EPOCH_REGRESSED, (), 5),
    "a halt that the store never got": Row(held(halts=(H1, H2)), view(halts={"h1": H1}), Standing.HALTS_MISSING, (H2,)),
    "enough replicas have not acknowledged": Row(held(), view(quorum=False), Standing.NO_QUORUM),
    "nor a halt that was published again": Row(held(halts=(H1,)), view(quorum=False), Standing.HALTS_MISSING, (H1,)),
    "another process has this gate's id": Row(held(), view(rival=RIVAL), Standing.ID_TAKEN),
    "and it published nothing": Row(held(halts=(H1,)), view(rival=RIVAL), Standing.HALTS_MISSING, (H1,)),
    "a replica": Row(held(halts=(H1,)), view(role="slave"), Standing.NOT_PRIMARY),
    "a replica, stale": Row(held(), view(role="slave", epoch=1), Standing.NOT_PRIMARY),
    "a server that says nothing of its role": Row(held(), view(role=""), Standing.NOT_PRIMARY),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_a_view_is_worth(row: Row) -> None:
    verdict = judge(row.holds, row.sees)
    assert (verdict.standing, verdict.republish, verdict.least_epoch) == (row.standing, row.republish, row.least_epoch)
    assert verdict.sound == (row.standing is Standing.SOUND)
    assert bool(verdict.problem) == (not verdict.sound)


@pytest.mark.parametrize(
    ("standing", "lost"),
    [
        (Standing.SOUND, False),
        (Standing.HALTS_MISSING, False),
        (Standing.NOT_PRIMARY, False),
        (Standing.EPOCH_REGRESSED, True),
        (Standing.GENERATION_CHANGED, True),
        (Standing.GENERATION_MISSING, True),
        (Standing.UNINITIALISED, True),
    ],
)
def test_which_standings_end_the_lease_at_once(standing: Standing, lost: bool) -> None:  # noqa: FBT001 - a table
    assert (standing in STORE_LOST) is lost


# -- the lease ----------------------------------------------------------------------------------------------------


def sound(lease: Lease, sent_ms: float, *, took_ms: float = 1, run_id: str = "r1") -> Lease:
    sent_at = round(sent_ms * MS)
    return after_sound_round(lease, run_id=run_id, sent_at=sent_at, now=sent_at + round(took_ms * MS), timings=TIMINGS)


def rounds(lease: Lease, start_ms: int, end_ms: int) -> Lease:
    for sent_ms in range(start_ms, end_ms, 100):
        lease = sound(lease, sent_ms)
    return lease


OPEN = rounds(Lease(), 10_000, 11_000)


def test_the_first_good_round_starts_a_barrier_of_two_leases() -> None:
    first = sound(Lease(), 10_000)
    assert first == Lease(0, 10_300 * MS, 10_601 * MS, "r1")
    assert rounds(first, 10_100, 10_601).valid_until == 0
    assert rounds(first, 10_100, 10_701).valid_until == 11_000 * MS


def test_a_lease_counts_from_before_the_round_was_asked_for() -> None:
    assert sound(OPEN, 11_000, took_ms=90).valid_until == 11_300 * MS


def test_no_lease_beyond_the_last_good_round() -> None:
    assert OPEN.valid_until == (10_900 + 300) * MS
    assert OPEN.left(11_100 * MS) == 100 * MS
    assert OPEN.left(11_300 * MS) == 0


def test_a_gap_of_a_whole_lease_brings_a_barrier() -> None:
    """Redis hung, this process stopped, the network cut: whoever latched a halt meanwhile gets time to publish it."""
    back = sound(OPEN, 11_201)
    assert back.valid_until == 0
    assert back.closed_until == (11_202 + 600) * MS
    assert rounds(back, 11_301, 11_800).valid_until == 0
    assert rounds(back, 11_301, 11_902).valid_until > 0


def test_a_shorter_gap_brings_none() -> None:
    assert sound(OPEN, 11_150).valid_until == 11_450 * MS


def test_a_gap_inside_the_barrier_starts_it_again() -> None:
    first = sound(Lease(), 10_000)
    assert sound(first, 10_500).closed_until == 11_101 * MS


def test_another_server_ends_the_lease_at_once_and_brings_a_barrier() -> None:
    """A failover within the lease: the new primary may lack what the old one acknowledged."""
    other = sound(OPEN, 11_000, run_id="r2")
    assert other.valid_until == 0
    assert other.closed_until == 11_601 * MS


def test_a_reply_that_was_handled_late_extends_nothing() -> None:
    """SIGSTOP, a blocked loop: what came back is old."""
    assert sound(OPEN, 10_950, took_ms=101) == OPEN
    assert sound(OPEN, 10_950, took_ms=100).valid_until > OPEN.valid_until


def test_a_reply_from_before_a_pause_gives_nothing() -> None:
    assert sound(OPEN, 10_950, took_ms=60_000) == OPEN


def test_a_history_that_is_not_sound_ends_the_lease_and_brings_a_barrier() -> None:
    closed = given_up(OPEN)
    assert closed.valid_until == 0
    assert sound(closed, 11_000).valid_until == 0
    assert sound(closed, 11_000).closed_until == 11_601 * MS


@pytest.mark.parametrize(("wall_ms", "clock_ms", "jumped"), [(100, 100, False), (140, 100, False), (151, 100, True)])
def test_a_wall_clock_that_jumps(wall_ms: int, clock_ms: int, jumped: bool) -> None:  # noqa: FBT001 - a table
    assert wall_jumped(wall_ms * MS, clock_ms * MS) is jumped
    assert wall_jumped(clock_ms * MS, wall_ms * MS) is jumped


# -- the bound ----------------------------------------------------------------------------------------------------


def test_the_default_bound_is_400_ms() -> None:
    assert TIMINGS.bound_ns == 400 * MS


@pytest.mark.parametrize(
    ("poll", "lease", "validity", "told"),
    [
        (100, 300, 201, "lease \\+ approval validity is 501 ms; allowed: at most 500 ms"),
        (100, 300, 0, "kill_switch.lease"),
        (151, 300, 100, "kill_switch.poll: must be above 0 and at most half"),
        (0, 300, 100, "kill_switch.poll"),
    ],
)
def test_a_configuration_that_breaks_the_bound_is_refused(poll: int, lease: int, validity: int, told: str) -> None:
    with pytest.raises(MalformedInputError, match=told):
        Timings(poll * MS, lease * MS, validity * MS)


def test_the_tightest_and_the_widest_configuration() -> None:
    assert Timings(15 * MS, 45 * MS, 30 * MS).bound_ns == 75 * MS
    assert Timings(100 * MS, 300 * MS, 200 * MS).bound_ns == 500 * MS
