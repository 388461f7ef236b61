from decimal import Decimal
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risksvc.client.decision import Decision, LocalReason
from risksvc.client.following import Follower
from risksvc.client.judgement import MAX_VALID_FOR_NS, HeldPermit, failed, judge
from risksvc.core.types import MILLISECOND, SECOND
from risksvc.v1 import strategy_pb2, types_pb2
from tests.unit.client.messages import (
    GATE_TIME,
    VALID_FOR,
    Field,
    a_denial,
    a_follower,
    a_halt,
    a_question,
    a_state,
    an_approval,
    at,
)

REDUCING = types_pb2.TRADING_STATE_REDUCING
HALTED = types_pb2.TRADING_STATE_HALTED


def decide(answer_changes: dict[str, Any], *, ms: float = 0, **question: Field) -> Decision:
    asked = a_question(client_order_id="id-1", **question)
    answer = an_approval(asked.request, **answer_changes)
    # Heard when asked, so that both bounds of an approval's life start together.
    return judge(asked, answer, follower=frozen_follower(), now=at(ms))


def frozen_follower() -> Follower:
    """One that was heard at 0 and is asked with the moments of the test only."""
    return a_follower(a_state(heartbeat_ms=5_000))


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permits read the clock when they are used; in these tests it stands at 0."""
    defaults = HeldPermit.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", lambda: at(0))


def test_a_clear_approval_is_true() -> None:
    decision = decide({})
    assert decision
    assert decision.approved
    assert decision.headline is None
    assert decision.client_order_id == "id-1"
    assert decision.remaining() == pytest.approx(0.1)
    assert decision.valid_until == (at(0).monotonic_ns + VALID_FOR) / SECOND
    assert decision.instrument_exposure is not None
    assert decision.instrument_exposure.after == Decimal(25_000)


UNCLEAR: dict[str, dict[str, Any]] = {
    "outcome absent": {"outcome": strategy_pb2.OUTCOME_UNSPECIFIED},
    "outcome of the future": {"outcome": 3},
    "approved, with denials": {"denials": [types_pb2.Denial(reason=types_pb2.DENIAL_REASON_HALTED)]},
    "id absent": {"client_order_id": ""},
    "another order's id": {"client_order_id": "id-2"},
    "valid for no time": {"valid_for_ns": 0},
    "valid for less than no time": {"valid_for_ns": -1},
    "valid for ever": {"valid_for_ns": MAX_VALID_FOR_NS + 1},
    "valid until absent": {"valid_until_ns": 0},
    "valid until before it was decided": {"valid_until_ns": GATE_TIME - 1},
    "decision time absent": {"decided_at_ns": 0, "valid_until_ns": GATE_TIME},
    "limits absent": {"limits_hash": ""},
    "state absent": {"trading_state": types_pb2.TRADING_STATE_UNSPECIFIED},
    "state of the future": {"trading_state": 9},
    "approved while halted": {"trading_state": HALTED},
    "approved to grow while reducing": {"trading_state": REDUCING},
}


@pytest.mark.parametrize("changes", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_an_unclear_answer_is_a_denial(changes: dict[str, Any]) -> None:
    decision = decide(changes)
    assert not decision
    assert not decision.approved
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.UNCLEAR_ANSWER


@pytest.mark.parametrize("answer", [None, b"", strategy_pb2.ReportOrderResponse(known=True)])
def test_what_is_no_answer_is_a_denial(answer: object) -> None:
    decision = judge(a_question(), answer, follower=frozen_follower(), now=at(0))
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.UNCLEAR_ANSWER


def test_a_reduce_only_order_may_be_approved_while_reducing() -> None:
    assert decide({"trading_state": REDUCING}, reduce_only=True)


def test_an_approval_that_arrives_too_late_is_a_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = HeldPermit.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "clock", lambda: at(100))
    decision = decide({}, ms=100)
    assert not decision.approved
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.EXPIRED


def test_time_counts_from_before_the_request_left() -> None:
    asked = a_question(asked=at(0))
    decision = judge(asked, an_approval(asked.request), follower=frozen_follower(), now=at(60))
    assert decision.valid_until == (at(0).monotonic_ns + VALID_FOR) / SECOND


def test_a_repeated_id_gets_its_first_approval_which_has_run_out_on_the_gates_clock() -> None:
    """The gate repeats a decision with its first valid_until: counting valid_for anew would revive it."""
    asked = a_question()
    long_ago = GATE_TIME - 50 * SECOND
    decision = judge(asked, an_approval(asked.request, decided_at_ns=long_ago), follower=frozen_follower(), now=at(0))
    assert not decision
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.EXPIRED


def test_the_earlier_of_both_bounds_counts() -> None:
    asked = a_question()
    early = GATE_TIME - 60 * MILLISECOND
    decision = judge(asked, an_approval(asked.request, decided_at_ns=early), follower=frozen_follower(), now=at(0))
    assert decision.remaining() == pytest.approx(0.04)


def test_a_halt_heard_while_the_question_was_away_denies() -> None:
    follower = frozen_follower()
    asked = a_question(generation=follower.generation)
    follower.hear(a_state(2, heartbeat_ms=5_000, trading_state=HALTED, halts=[a_halt()]), at(0))
    follower.hear(a_state(3, heartbeat_ms=5_000), at(0))
    decision = judge(asked, an_approval(asked.request), follower=follower, now=at(0))
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.STATE_HALTED


def test_a_halt_makes_a_held_approval_false_at_once_and_for_good() -> None:
    follower = frozen_follower()
    asked = a_question(generation=follower.generation)
    decision = judge(asked, an_approval(asked.request), follower=follower, now=at(0))
    assert decision.usable()
    follower.hear(a_state(2, heartbeat_ms=5_000, trading_state=HALTED, halts=[a_halt()]), at(0))
    assert not decision
    follower.hear(a_state(3, heartbeat_ms=5_000), at(0))
    assert not decision
    assert decision.approved
    refusal = decision.refusal()
    assert refusal is not None
    assert refusal.reason == LocalReason.STATE_HALTED


def test_a_denial_keeps_everything_the_gate_said_in_its_order() -> None:
    asked = a_question()
    first = types_pb2.Denial(
        reason=types_pb2.DENIAL_REASON_MAX_NET_EXPOSURE,
        scope=types_pb2.Scope(account="main", instrument="BTC/USDT:USDT"),
        limit="50000",
        observed="50000.01",
        message="too much",
    )
    second = types_pb2.Denial(reason=types_pb2.DENIAL_REASON_HEADROOM_RESERVED, transient=True)
    third = types_pb2.Denial(reason=99)  # type: ignore[arg-type]  # of the future
    answer = a_denial(asked.request, denials=[first, second, third])
    decision = judge(asked, answer, follower=frozen_follower(), now=at(0))
    assert not decision
    assert [denial.reason for denial in decision.denials] == ["MAX_NET_EXPOSURE", "HEADROOM_RESERVED", "UNKNOWN_99"]
    headline = decision.headline
    assert headline is not None
    assert (headline.limit, headline.observed, headline.is_local) == ("50000", "50000.01", False)
    assert headline.scope.instrument == "BTC/USDT:USDT"
    assert decision.denials[1].transient


def test_a_denial_without_a_reason_is_still_one() -> None:
    asked = a_question()
    decision = judge(asked, a_denial(asked.request, denials=[]), follower=frozen_follower(), now=at(0))
    assert decision.headline is not None
    assert decision.headline.reason == LocalReason.UNCLEAR_ANSWER


@pytest.mark.parametrize("code", [*grpc.StatusCode, None])
@pytest.mark.parametrize("closed", [True, False])
def test_every_status_is_a_denial(code: grpc.StatusCode | None, closed: bool) -> None:  # noqa: FBT001 - a table
    decision = failed(a_question(), code=code, details="{odd} text", target="unix:/x", deadline=0.1, closed=closed)
    assert not decision
    assert decision.headline is not None
    assert decision.headline.is_local


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, LocalReason.DEADLINE, "within 100 ms"),
        (grpc.StatusCode.UNAVAILABLE, LocalReason.GATE_UNREACHABLE, "unix:/x can't be reached"),
        (grpc.StatusCode.INVALID_ARGUMENT, LocalReason.INVALID_REQUEST, "quantity: must be above 0"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, LocalReason.GATE_UNDECIDED, "RESOURCE_EXHAUSTED"),
        (grpc.StatusCode.OK, LocalReason.GATE_UNDECIDED, "OK"),
    ],
)
def test_a_status_is_told_in_the_words_of_a_strategy(code: grpc.StatusCode, reason: LocalReason, says: str) -> None:
    details = "quantity: must be above 0"
    decision = failed(a_question(), code=code, details=details, target="unix:/x", deadline=0.1, closed=False)
    headline = decision.headline
    assert headline is not None
    assert headline.reason == reason
    assert says in headline.message


SOME_INT = st.sampled_from([0, 1, -1, 2, 3, 4, 99]) | st.integers(-(2**31), 2**31 - 1)
SOME_TIME = st.sampled_from([0, 1, -1, GATE_TIME, GATE_TIME + VALID_FOR, VALID_FOR, 2**63 - 1, -(2**63)])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "outcome": SOME_INT,
            "client_order_id": st.sampled_from(["", "id-1", "id-2"]),
            "trading_state": SOME_INT,
            "decided_at_ns": SOME_TIME,
            "valid_for_ns": SOME_TIME,
            "valid_until_ns": SOME_TIME,
            "limits_hash": st.sampled_from(["", "ab"]),
            "denials": st.lists(st.builds(types_pb2.Denial, reason=SOME_INT, message=st.text(max_size=5)), max_size=2),
        },
    )
)
def test_no_answer_escapes_judgement_and_only_a_clear_one_approves(changes: dict[str, Any]) -> None:
    asked = a_question(client_order_id="id-1")
    answer = an_approval(asked.request)
    for name, value in changes.items():
        if name == "denials":
            answer.denials.extend(value)
        else:
            setattr(answer, name, value)
    decision = judge(asked, answer, follower=frozen_follower(), now=at(0))
    clear = (
        answer.outcome == strategy_pb2.OUTCOME_APPROVED
        and answer.client_order_id == "id-1"
        and answer.trading_state == types_pb2.TRADING_STATE_ACTIVE
        and 0 < answer.valid_for_ns <= MAX_VALID_FOR_NS
        and 0 < answer.decided_at_ns < answer.valid_until_ns
        and answer.valid_until_ns > GATE_TIME
        and answer.limits_hash
        and not answer.denials
    )
    assert bool(decision) == bool(clear)
    assert bool(decision.denials) != bool(decision)
