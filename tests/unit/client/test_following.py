import pytest

from risksvc.client.clock import Instant
from risksvc.client.decision import LocalReason
from risksvc.client.following import MAX_HEARTBEAT_MS, Follower, UnclearStreamError
from risksvc.core.types import MILLISECOND, TradingState
from risksvc.v1 import strategy_pb2, types_pb2
from tests.unit.client.messages import ACCOUNT, GATE_TIME, INSTRUMENT, STRATEGY, a_follower, a_halt, a_state, at

OTHER = "ETH/USDT:USDT"
REDUCING = types_pb2.TRADING_STATE_REDUCING
HALTED = types_pb2.TRADING_STATE_HALTED


def reason(follower: Follower, *, instrument: str = INSTRUMENT, reduce_only: bool = False, ms: float = 0) -> str | None:
    denial = follower.denial(instrument, reduce_only=reduce_only, now=at(ms))
    return None if denial is None else denial.reason


def test_before_the_first_message_everything_is_denied() -> None:
    follower = Follower(account=ACCOUNT, strategy=STRATEGY)
    assert reason(follower) == LocalReason.STATE_SILENT
    assert reason(follower, reduce_only=True) == LocalReason.STATE_SILENT


def test_three_missed_heartbeats_and_not_one_moment_less() -> None:
    follower = a_follower()
    assert reason(follower, ms=300) is None
    assert reason(follower, ms=300.001) == LocalReason.STATE_SILENT
    assert reason(follower, reduce_only=True, ms=301) == LocalReason.STATE_SILENT


def test_a_suspended_machine_has_missed_its_heartbeats() -> None:
    follower = a_follower(heard=at(0))
    woken = Instant(at(1).monotonic_ns, at(60_000).boottime_ns)
    denial = follower.denial(INSTRUMENT, reduce_only=False, now=woken)
    assert denial is not None
    assert denial.reason == LocalReason.STATE_SILENT


def test_silence_says_for_how_long_and_why() -> None:
    follower = a_follower()
    follower.lost("UNAVAILABLE: connection refused")
    denial = follower.denial(INSTRUMENT, reduce_only=False, now=at(512))
    assert denial is not None
    assert "no heartbeat for 512 ms, 300 ms are allowed: UNAVAILABLE: connection refused" in denial.message
    assert denial.transient


def test_a_lost_stream_alone_denies_nothing_until_it_is_too_old() -> None:
    follower = a_follower()
    follower.lost("the gate ended the stream")
    assert reason(follower, ms=200) is None


@pytest.mark.parametrize(
    ("state", "ordinary", "reduce_only"),
    [
        (types_pb2.TRADING_STATE_ACTIVE, None, None),
        (REDUCING, LocalReason.STATE_REDUCING, None),
        (HALTED, LocalReason.STATE_HALTED, LocalReason.STATE_HALTED),
        (types_pb2.TRADING_STATE_UNSPECIFIED, LocalReason.STATE_HALTED, LocalReason.STATE_HALTED),
        (77, LocalReason.STATE_HALTED, LocalReason.STATE_HALTED),
    ],
)
def test_what_each_state_forbids(state: int, ordinary: str | None, reduce_only: str | None) -> None:
    follower = a_follower(a_state(trading_state=state))
    assert reason(follower) == ordinary
    assert reason(follower, reduce_only=True) == reduce_only


def test_a_halt_says_who_and_why_and_what_to_do() -> None:
    follower = a_follower(a_state(trading_state=HALTED, halts=[a_halt()]))
    denial = follower.denial(INSTRUMENT, reduce_only=False, now=at(0))
    assert denial is not None
    assert "HALTED by ana: OPERATOR: position looks wrong (halt halt-1)" in denial.message
    assert "until an operator resumes" in denial.message
    assert not denial.transient


@pytest.mark.parametrize(
    ("scope", "here", "elsewhere"),
    [
        (types_pb2.Scope(account=ACCOUNT, instrument=INSTRUMENT), True, False),
        (types_pb2.Scope(account=ACCOUNT, strategy=STRATEGY, instrument=INSTRUMENT), True, False),
        (types_pb2.Scope(account=ACCOUNT, strategy="other", instrument=INSTRUMENT), False, False),
        (types_pb2.Scope(account="other"), False, False),
        (types_pb2.Scope(account=ACCOUNT), True, True),
        (types_pb2.Scope(), True, True),
        (types_pb2.Scope(instrument=INSTRUMENT), True, True),  # makes no sense without an account: covers everything
    ],
    ids=["instrument", "own instrument", "another's instrument", "another account", "account", "global", "senseless"],
)
def test_a_halt_covers_its_scope(scope: types_pb2.Scope, here: bool, elsewhere: bool) -> None:  # noqa: FBT001 - a table
    follower = a_follower(a_state(halts=[a_halt(scope=scope)]))
    assert (reason(follower) == LocalReason.STATE_HALTED) is here
    assert (reason(follower, instrument=OTHER) == LocalReason.STATE_HALTED) is elsewhere


@pytest.mark.parametrize("state", [types_pb2.TRADING_STATE_UNSPECIFIED, types_pb2.TRADING_STATE_ACTIVE, 9])
def test_a_halt_of_an_unknown_kind_halts(state: int) -> None:
    follower = a_follower(a_state(halts=[a_halt(state=state)]))
    assert reason(follower, reduce_only=True) == LocalReason.STATE_HALTED


def test_a_clear_lets_new_orders_be_asked_for() -> None:
    follower = a_follower(a_state(1, trading_state=HALTED, halts=[a_halt()]), a_state(2))
    assert reason(follower) is None


def voided(follower: Follower, *, instrument: str = INSTRUMENT, reduce_only: bool = False, since: int) -> str | None:
    denial = follower.voided(instrument, reduce_only=reduce_only, since=since)
    return None if denial is None else denial.reason


def test_a_halt_voids_earlier_approvals_for_good_though_it_is_cleared() -> None:
    follower = a_follower()
    before = follower.generation
    follower.hear(a_state(2, trading_state=HALTED, halts=[a_halt()]), at(10))
    follower.hear(a_state(3), at(20))
    assert voided(follower, since=before) == LocalReason.STATE_HALTED
    assert voided(follower, since=follower.generation) is None


def test_an_instrument_halt_voids_only_what_it_covers() -> None:
    follower = a_follower()
    before = follower.generation
    scope = types_pb2.Scope(account=ACCOUNT, instrument=INSTRUMENT)
    follower.hear(a_state(2, halts=[a_halt(scope=scope)]), at(10))
    assert voided(follower, since=before) == LocalReason.STATE_HALTED
    assert voided(follower, instrument=OTHER, since=before) is None


def test_reducing_voids_what_may_grow_and_leaves_what_reduces() -> None:
    follower = a_follower()
    before = follower.generation
    follower.hear(a_state(2, trading_state=REDUCING, halts=[a_halt(state=REDUCING)]), at(10))
    assert voided(follower, since=before) == LocalReason.STATE_REDUCING
    assert voided(follower, reduce_only=True, since=before) is None


def test_a_stricter_state_voids_though_no_halt_is_named() -> None:
    follower = a_follower()
    before = follower.generation
    follower.hear(a_state(2, trading_state=HALTED), at(10))
    follower.hear(a_state(3), at(20))
    assert voided(follower, since=before) == LocalReason.STATE_HALTED


def test_a_halt_met_while_the_stream_was_away_voids_too() -> None:
    follower = a_follower()
    before = follower.generation
    follower.lost("UNAVAILABLE")
    follower.stream_opened()
    follower.hear(a_state(1, trading_state=HALTED, halts=[a_halt()]), at(100))
    follower.hear(a_state(2), at(110))
    assert voided(follower, since=before) == LocalReason.STATE_HALTED


def test_heartbeats_that_repeat_a_known_halt_void_nothing_new() -> None:
    reducing = {"trading_state": REDUCING, "halts": [a_halt(state=REDUCING)]}
    follower = a_follower(a_state(1, **reducing))
    since = follower.generation
    follower.hear(a_state(2, **reducing), at(10))
    assert follower.generation == since


@pytest.mark.parametrize(
    "message",
    [
        a_state(3),
        a_state(1),
        a_state(0),
        a_state(2, heartbeat_ms=0),
        a_state(2, heartbeat_ms=-5),
        a_state(2, heartbeat_ms=MAX_HEARTBEAT_MS + 1),
        a_state(2, sent_at_ns=0),
        None,
        strategy_pb2.CheckOrderResponse(),
    ],
    ids=["gap", "repeat", "back", "no heartbeat", "negative", "too slow", "no time", "unreadable", "another message"],
)
def test_an_unclear_message_ends_what_was_known(message: object) -> None:
    follower = a_follower()
    with pytest.raises(UnclearStreamError):
        follower.hear(message, at(10))
    assert reason(follower, ms=10) == LocalReason.STATE_SILENT


def test_each_stream_counts_for_itself() -> None:
    follower = a_follower(a_state(41))
    follower.stream_opened()
    follower.hear(a_state(1), at(10))
    assert reason(follower, ms=10) is None


def test_closed_is_closed() -> None:
    follower = a_follower()
    follower.close()
    assert reason(follower) == LocalReason.CLOSED
    follower.hear(a_state(2), at(10))
    assert reason(follower, ms=10) == LocalReason.CLOSED


def test_the_gates_clock_is_bounded_from_below_by_what_was_heard() -> None:
    follower = a_follower(heard=at(0))
    assert follower.left_ns(GATE_TIME + 100 * MILLISECOND, at(30)) == 70 * MILLISECOND
    assert Follower(account=ACCOUNT, strategy=STRATEGY).left_ns(GATE_TIME, at(0)) == 0


def test_the_view_for_people_has_halts_and_reasons() -> None:
    state = a_state(trading_state=HALTED, halts=[a_halt()], closed_because=[types_pb2.DENIAL_REASON_SNAPSHOT_STALE, 99])
    standing = a_follower(state).standing(at(0))
    assert standing is not None
    assert standing.state is TradingState.HALTED
    assert standing.closed_because == ("SNAPSHOT_STALE", "UNKNOWN_99")
    assert (standing.halts[0].severity, standing.halts[0].by) == ("P0", "ana")
