"""An approval's bytes are those that protobuf would write; what does not fit is left to it."""

import string
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.types import Scope, TradingState
from risksvc.gate.approval_wire import approval
from risksvc.gate.convert_strategy import decision_bytes, decision_message
from risksvc.v1 import strategy_pb2

NOW = 1_800_000_000_123_456_789
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)
IDS = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=64)
TIMES = st.integers(min_value=2**31, max_value=2**63 - 1)
USES = st.builds(ExposureUse, *[st.none() | NUMBERS.map(lambda number: round(number, 9))] * 4)
USE = ExposureUse(Decimal("0.00"), Decimal("50.5"), Decimal(100), Decimal("49.5"))
APPROVED = Decision("o-1", (), USE, ExposureUse(), TradingState.ACTIVE, NOW + 5 * 10**8, NOW, "ab" * 32)


def by_protobuf(decision: Decision) -> bytes:
    return decision_message(decision).SerializeToString()


@given(st.builds(replace, st.just(APPROVED), client_order_id=IDS, instrument_exposure=USES, total_exposure=USES,
                 trading_state=st.sampled_from(TradingState), decided_at=TIMES.map(lambda at: at >> 1)),
       st.integers(min_value=1, max_value=2**40), st.sampled_from(["", "h", "0f" * 32]))  # fmt: skip
def test_the_bytes_are_protobuf_s(one: Decision, valid_for: int, limits: str) -> None:
    decision = replace(one, valid_until=one.decided_at + valid_for, limits_hash=limits)
    assert approval(decision) == by_protobuf(decision)


@pytest.mark.parametrize("at", [2**28 - 1, 2**28, 2**35 - 1, NOW, 2**56 - 1, 2**56, 2**62 - 1])
def test_times_of_every_length_are_read_as_they_were(at: int) -> None:
    read = strategy_pb2.CheckOrderResponse.FromString(approval(replace(APPROVED, decided_at=at, valid_until=at + 1)))
    assert (read.decided_at_ns, read.valid_until_ns, read.valid_for_ns) == (at, at + 1, 1)


LONG = Decimal("1" * 50 + "." + "1" * 50)


@pytest.mark.parametrize(
    "decision",
    [
        replace(APPROVED, denials=(Denial(DenialReason.HALTED, Scope(), "halted"),)),
        replace(APPROVED, client_order_id="é"),
        replace(APPROVED, client_order_id="x" * 128),
        replace(APPROVED, limits_hash="é"),
        replace(APPROVED, limits_hash="x" * 128),
        replace(APPROVED, total_exposure=ExposureUse(LONG, LONG, LONG, LONG)),
        replace(APPROVED, total_exposure=ExposureUse(before=Decimal(10) ** 130)),
        replace(APPROVED, valid_until=NOW - 1),
    ],
)
def test_what_does_not_fit_is_written_by_protobuf(decision: Decision) -> None:
    with pytest.raises(ValueError, match=r"approval|ASCII|127 bytes|below 0"):
        approval(decision)
    assert decision_bytes(decision) == by_protobuf(decision)
