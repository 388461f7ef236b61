"""Journal entries: every Input and Output there and back, and nothing half understood."""

import dataclasses
import string
import typing
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from risksvc.core import events, outputs, venue_events
from risksvc.core.denials import Denial, DenialReason
from risksvc.core.limits import AccountLimits, Limit, Limits
from risksvc.core.types import Order, OrderType, Scope, Side, TradingState
from risksvc.gate.codec import CodecError, Entry, decode, encode

NAMES = st.text(string.ascii_letters + string.digits + "-_:/é世", max_size=12)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=9)
TIMES = st.integers(min_value=-(2**63), max_value=2**63 - 1)
SCOPES = st.builds(Scope) | st.builds(
    Scope, account=st.text(string.ascii_letters, min_size=1, max_size=8), strategy=NAMES, instrument=NAMES
)

st.register_type_strategy(Decimal, DECIMALS | DECIMALS.map(Decimal.normalize))
st.register_type_strategy(Scope, SCOPES)


def _of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - types are values here
    """Values of a field's type: bounded integers, short collections, everything else as hypothesis knows it."""
    if kind is int:
        return TIMES
    if kind is str:
        return NAMES
    if typing.get_origin(kind) is tuple:
        return st.lists(_of(typing.get_args(kind)[0]), max_size=2).map(tuple)
    if typing.get_origin(kind) is Mapping:
        return st.dictionaries(NAMES, _of(typing.get_args(kind)[1]), max_size=2)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind is not Scope:
        hints = typing.get_type_hints(kind)
        return st.builds(kind, **{field.name: _of(hints[field.name]) for field in dataclasses.fields(kind)})
    members = typing.get_args(kind)
    return st.one_of([_of(member) for member in members]) if members else st.from_type(kind)


INPUTS = typing.get_args(events.Input)
OUTPUTS = typing.get_args(outputs.Output)


@pytest.mark.parametrize("kind", INPUTS, ids=lambda kind: kind.__name__)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_input_there_and_back(kind: type, data: st.DataObject) -> None:
    value = data.draw(_of(kind))
    read = decode(encode(7, 9, value, ()))
    assert read == Entry(7, 9, value, ())
    assert type(read.input) is kind


@pytest.mark.parametrize("kind", OUTPUTS, ids=lambda kind: kind.__name__)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_output_there_and_back(kind: type, data: st.DataObject) -> None:
    value = data.draw(_of(kind))
    written = encode(1, 2, events.Ticked(), (value, value))
    read = decode(written)
    assert read.outputs == (value, value)
    assert encode(read.seq, read.now, read.input, read.outputs) == written


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(event=_of(events.OrderChecked), decision=_of(outputs.Decision))
def test_a_check_is_written_as_any_other_entry(event: events.OrderChecked, decision: outputs.Decision) -> None:
    plainly = (5, 6, "OrderChecked", event, [("Decision", decision)])
    assert encode(5, 6, event, (decision,)) == msgspec.msgpack.encode(plainly)
    assert decode(encode(5, 6, event, (decision,))) == Entry(5, 6, event, (decision,))


@given(number=st.sampled_from(["0", "-0", "0.10", "1E+3", "123456789012345.123456789012345678", "-1"]))
def test_a_decimal_keeps_its_digits(number: str) -> None:
    given_mark = venue_events.Mark("BTC/USDT:USDT", Decimal(number))
    read = decode(encode(1, 1, venue_events.MarksReceived("main", 1, (given_mark,)), ()))
    assert isinstance(read.input, venue_events.MarksReceived)
    assert read.input.marks[0].price.as_tuple() == Decimal(number).as_tuple()


def test_enums_keep_their_type() -> None:
    denial = Denial(DenialReason.HALTED, Scope("main"), "halted", Decimal(1), None)
    use = outputs.ExposureUse()
    decision = outputs.Decision("a", (denial,), use, use, TradingState.HALTED, 1, 1, "h")
    order = Order("main", "mm", "a", "BTC/USDT:USDT", Side.SELL, OrderType.MARKET, Decimal(1))
    read = decode(encode(1, 1, events.OrderChecked(order), (decision,)))
    assert isinstance(read.outputs[0], outputs.Decision)
    assert type(read.outputs[0].denials[0].reason) is DenialReason
    assert type(read.outputs[0].trading_state) is TradingState
    assert isinstance(read.input, events.OrderChecked)
    assert read.input.order.side is Side.SELL


def test_a_read_only_mapping_is_written() -> None:
    accounts = MappingProxyType({"main": AccountLimits(Limit(Decimal(1)), MappingProxyType({}), {})})
    limits = Limits("USD", MappingProxyType({"USDT": Decimal(1)}), accounts, "h")
    read = decode(encode(1, 1, events.LimitsLoaded(limits, "op", "why"), ()))
    assert isinstance(read.input, events.LimitsLoaded)
    assert read.input.limits.rates == {"USDT": Decimal(1)}


def _entry(name: str, body: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode((3, 1, name, body, []))


HALT = {"scope": {}, "state": 3, "reason": "r", "by": "op"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not a journal entry"),
        (b"\xc1garbage", "not a journal entry"),
        (msgspec.msgpack.encode([1, 2]), "not a journal entry"),
        (_entry("OrderTeleported", {}), "entry 3: unknown type 'OrderTeleported'; a newer risksvc"),
        (_entry("FaultLatched", {"what": "x", "urgency": 1}), "unknown field `urgency`"),
        (_entry("HaltRequested", HALT | {"scope": {"desk": "x"}}), r"unknown field `desk` - at `\$.scope`"),
        (_entry("FaultLatched", {}), "missing required field `what`"),
        (_entry("FaultLatched", {"what": 1}), "Expected `str`, got `int`"),
        (_entry("HaltRequested", HALT | {"state": 9}), "Invalid enum value 9"),
        (_entry("HaltRequested", HALT | {"scope": {"strategy": "mm"}}), "scope.account: needed when"),
    ],
)
def test_what_is_not_understood_is_an_error(data: bytes, told: str) -> None:
    with pytest.raises(CodecError, match=told):
        decode(data)


def test_a_field_that_an_old_entry_lacks_has_its_default() -> None:
    read = decode(_entry("HaltRequested", HALT))
    assert isinstance(read.input, events.HaltRequested)
    assert read.input.halt_id == ""


@pytest.mark.parametrize("what", [1.5j, object(), "\ud800"])
def test_what_has_no_place_in_a_journal_is_an_error(what: Any) -> None:  # noqa: ANN401 - that is the point
    with pytest.raises(CodecError, match="entry 5: FaultLatched can't be written"):
        encode(5, 1, events.FaultLatched(what), ())


def test_a_number_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(CodecError, match="can't be written"):
        encode(1, 2**70, events.Ticked(), ())
