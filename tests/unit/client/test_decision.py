import pytest

from risksvc.client.clock import Instant, elapsed
from risksvc.client.clock import now as clock_now
from risksvc.client.decision import Decision, Denial, LocalReason, OrderDenied, local_denial, ran_out
from risksvc.v1 import types_pb2


class StillPermit:
    """A permit that a test sets."""

    def __init__(self, *, left: int = 50_000_000, void: Denial | None = None) -> None:
        self.left = left
        self.void = void
        self.valid_until_ns = 2_000_000_000

    def remaining_ns(self) -> int:
        return self.left

    def refusal(self) -> Denial | None:
        return self.void or (None if self.left > 0 else ran_out())


HALTED = local_denial(LocalReason.STATE_HALTED, "halted by ana")


def test_an_approval_is_true_while_it_lasts() -> None:
    permit = StillPermit()
    decision = Decision("a", permit=permit)
    assert decision
    assert decision.remaining() == 0.05
    assert decision.valid_until == 2.0
    permit.left = 0
    assert not decision
    assert decision.approved
    assert decision.headline is None
    assert decision.remaining() == 0.0
    refusal = decision.refusal()
    assert refusal is not None
    assert refusal.reason == LocalReason.EXPIRED


def test_a_void_approval_says_why() -> None:
    decision = Decision("a", permit=StillPermit(void=HALTED))
    assert not decision
    assert decision.refusal() == HALTED
    assert "halted by ana" in str(decision)


def test_a_denial_is_false_and_has_no_time() -> None:
    decision = Decision("a", denials=(HALTED,))
    assert not decision
    assert (decision.approved, decision.headline, decision.remaining(), decision.valid_until) == (False, HALTED, 0, 0)


def test_a_decision_with_neither_approval_nor_denial_is_false() -> None:
    decision = Decision("a")
    assert not decision
    assert not decision.approved


def test_denials_win_over_a_permit() -> None:
    decision = Decision("a", denials=(HALTED,), permit=StillPermit())
    assert not decision
    assert not decision.approved
    assert decision.remaining() == 0


def test_local_reasons_are_none_of_the_gates() -> None:
    gates = {name.removeprefix("DENIAL_REASON_") for name in types_pb2.DenialReason.keys()}  # noqa: SIM118 - protobuf's
    assert not gates & {str(reason) for reason in LocalReason}


def test_the_exception_carries_decision_and_reason() -> None:
    decision = Decision("a", denials=(HALTED,))
    error = OrderDenied(decision)
    assert error.decision is decision
    assert error.denial == HALTED
    assert str(error) == "order a was not sent: LOCAL_STATE_HALTED: halted by ana"


@pytest.mark.parametrize(("monotonic", "boottime", "expected"), [(5, 5, 5), (5, 900, 900), (900, 5, 900)])
def test_elapsed_time_is_the_longer_of_both_clocks(monotonic: int, boottime: int, expected: int) -> None:
    assert elapsed(Instant(100, 1000), Instant(100 + monotonic, 1000 + boottime)) == expected


def test_both_clocks_go_forward() -> None:
    first = clock_now()
    assert elapsed(first, clock_now()) >= 0
