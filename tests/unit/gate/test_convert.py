from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import OrderChecked, OrderReport
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.types import (
    MalformedInputError,
    Order,
    OrderType,
    PositionRange,
    ReplaceMode,
    Scope,
    Side,
    TradingState,
    plain,
)
from risksvc.gate import convert
from risksvc.gate.convert_strategy import (
    decision_bytes,
    decision_message,
    fill_reported,
    order_checked,
    order_reported,
    position_reported,
)
from risksvc.v1 import strategy_pb2, types_pb2


def check(**fields: Any) -> strategy_pb2.CheckOrderRequest:  # noqa: ANN401 - fields by name
    usual: dict[str, Any] = {
        "account": "main",
        "strategy": "mm",
        "client_order_id": "o-1",
        "instrument": "BTC/USDT:USDT",
        "side": types_pb2.SIDE_BUY,
        "type": types_pb2.ORDER_TYPE_LIMIT,
        "quantity": "0.5",
        "limit_price": "50000.1",
    }
    return strategy_pb2.CheckOrderRequest(**{**usual, **fields})


def test_an_order_is_read_whole() -> None:
    request = check(
        strategy_version="1.2 (main)",
        reduce_only=True,
        replaces_client_order_id="o-0",
        replace_mode=strategy_pb2.REPLACE_MODE_AMEND,
        intended_range=strategy_pb2.PositionRange(low="-1", high="2.5"),
        believed_position="-0.25",
    )
    assert order_checked(request) == OrderChecked(
        Order(
            account="main",
            strategy="mm",
            client_order_id="o-1",
            instrument="BTC/USDT:USDT",
            side=Side.BUY,
            type=OrderType.LIMIT,
            quantity=Decimal("0.5"),
            limit_price=Decimal("50000.1"),
            reduce_only=True,
            replaces="o-0",
            replace_mode=ReplaceMode.AMEND,
        ),
        intent=PositionRange(Decimal(-1), Decimal("2.5")),
        belief=Decimal("-0.25"),
        version="1.2 (main)",
    )


def test_what_is_not_said_is_unknown_and_not_zero() -> None:
    read = order_checked(check())
    assert (read.intent, read.belief, read.version) == (None, None, "")
    assert read.order.replace_mode is ReplaceMode.CANCEL_REPLACE
    assert order_checked(check(believed_position="0")).belief == 0
    assert order_checked(check(intended_position="-3")).intent == PositionRange(Decimal(-3), Decimal(-3))


def test_a_market_order_has_no_price() -> None:
    read = order_checked(check(type=types_pb2.ORDER_TYPE_MARKET, limit_price=""))
    assert (read.order.type, read.order.limit_price) == (OrderType.MARKET, None)


@pytest.mark.parametrize(
    ("fields", "field", "allowed"),
    [
        ({"account": ""}, "account", "1 to 64 characters"),
        ({"account": "x" * 65}, "account", "1 to 64 characters"),
        ({"strategy": "a b"}, "strategy", "A-Z a-z 0-9"),
        ({"instrument": "BTC\n"}, "instrument", "A-Z a-z 0-9"),
        ({"client_order_id": ""}, "client_order_id", "printable ASCII"),
        ({"client_order_id": "é"}, "client_order_id", "printable ASCII"),
        ({"client_order_id": "x" * 65}, "client_order_id", "1 to 64"),
        ({"strategy_version": "x" * 65}, "strategy_version", "at most 64"),
        ({"strategy_version": "a\nb"}, "strategy_version", "one line"),
        ({"side": 0}, "side", "BUY, SELL"),
        ({"side": 3}, "side", "BUY, SELL"),
        ({"type": 7}, "type", "LIMIT, MARKET"),
        ({"quantity": ""}, "quantity", "plain digits"),
        ({"quantity": "0"}, "quantity", "above 0"),
        ({"quantity": "1e3"}, "quantity", "no exponent"),
        ({"quantity": "NaN"}, "quantity", "plain digits"),
        ({"quantity": "1" * 16}, "quantity", "at most 15"),
        ({"limit_price": ""}, "limit_price", "required for a LIMIT"),
        ({"limit_price": "-1"}, "limit_price", "above 0"),
        ({"type": types_pb2.ORDER_TYPE_MARKET}, "limit_price", "leave it empty"),
        ({"intended_position": ""}, "intended_position", "plain digits"),
        ({"intended_range": strategy_pb2.PositionRange(low="1", high="0")}, "intended_range", "low <= high"),
        ({"intended_range": strategy_pb2.PositionRange(low="x", high="0")}, "intended_range.low", "plain digits"),
        ({"intended_range": strategy_pb2.PositionRange(low="0")}, "intended_range.high", "plain digits"),
        ({"believed_position": ""}, "believed_position", "plain digits"),
        ({"replaces_client_order_id": "o-1"}, "replaces_client_order_id", "own id"),
        ({"replaces_client_order_id": "a b"}, "replaces_client_order_id", "printable ASCII"),
        ({"replace_mode": 2}, "replace_mode", "only with replaces_client_order_id"),
        ({"replace_mode": 9, "replaces_client_order_id": "o-0"}, "replace_mode", "CANCEL_REPLACE, AMEND"),
    ],
)
def test_a_malformed_order_names_the_field_and_what_is_allowed(
    fields: dict[str, Any], field: str, allowed: str
) -> None:
    with pytest.raises(MalformedInputError) as error:
        order_checked(check(**fields))
    assert error.value.field.startswith(field)
    assert allowed in str(error.value)


def test_a_wrong_value_is_shown_short_and_on_one_line() -> None:
    with pytest.raises(MalformedInputError) as error:
        order_checked(check(account="evil\r\n" * 1000))
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


# -- reports ------------------------------------------------------------------------------------------------------

IDS = {"account": "main", "strategy": "mm", "client_order_id": "o-1"}


def test_reports_are_read() -> None:
    acknowledged = strategy_pb2.ReportOrderRequest(
        report=strategy_pb2.ORDER_REPORT_ACKNOWLEDGED, venue_order_id="v-1", **IDS
    )
    assert order_reported(acknowledged).report is OrderReport.ACKNOWLEDGED
    fill = strategy_pb2.ReportFillRequest(
        instrument="B", trade_id="t", side=types_pb2.SIDE_SELL, quantity="1", price="2", venue_time_ms=3, **IDS
    )
    assert fill_reported(fill).fill.side is Side.SELL
    belief = strategy_pb2.ReportPositionRequest(account="main", strategy="mm", instrument="B", believed_position="-1")
    assert position_reported(belief).quantity == -1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"report": 0}, "report"),
        ({"report": 77}, "report"),
        ({"report": strategy_pb2.ORDER_REPORT_ACKNOWLEDGED, "venue_order_id": ""}, "venue_order_id"),
        ({"venue_order_id": "x" * 129}, "venue_order_id"),
    ],
)
def test_a_malformed_report_is_refused(fields: dict[str, Any], field: str) -> None:
    usual = {"report": strategy_pb2.ORDER_REPORT_SENT, **IDS}
    with pytest.raises(MalformedInputError) as error:
        order_reported(strategy_pb2.ReportOrderRequest(**{**usual, **fields}))
    assert error.value.field == field


@pytest.mark.parametrize("time_ms", [0, -1, 10**13, 2**63 - 1])
def test_a_fill_needs_a_time(time_ms: int) -> None:
    fill = strategy_pb2.ReportFillRequest(
        instrument="B", trade_id="t", side=types_pb2.SIDE_SELL, quantity="1", price="2", venue_time_ms=time_ms, **IDS
    )
    with pytest.raises(MalformedInputError, match="venue_time_ms"):
        fill_reported(fill)


# -- scopes and reasons -------------------------------------------------------------------------------------------


def test_scopes() -> None:
    assert convert.scope(types_pb2.Scope()) == Scope()
    assert convert.scope(types_pb2.Scope(account="a", instrument="i")) == Scope("a", instrument="i")
    with pytest.raises(MalformedInputError, match=r"scope\.account"):
        convert.scope(types_pb2.Scope(strategy="s"))


@pytest.mark.parametrize("text", ["", "  ", "x" * 501, "a\u2028b", "a\0b", "a\u202eb", "a\u200bb"])
def test_a_reason_is_needed_in_words(text: str) -> None:
    with pytest.raises(MalformedInputError, match="reason"):
        convert.reason(text)


# -- answers ------------------------------------------------------------------------------------------------------


def decision(*denials: Denial) -> Decision:
    use = ExposureUse(Decimal(0), Decimal("5000.50"), Decimal(50_000), Decimal("44999.5"))
    return Decision("o-1", denials, use, ExposureUse(), TradingState.ACTIVE, 150, 50, "hash")


def sent(one: Decision) -> strategy_pb2.CheckOrderResponse:
    return strategy_pb2.CheckOrderResponse.FromString(decision_bytes(one))


def test_an_approval_says_until_when() -> None:
    answer = decision_message(decision())
    assert answer.outcome == strategy_pb2.OUTCOME_APPROVED
    assert (answer.valid_until_ns, answer.valid_for_ns, answer.decided_at_ns) == (150, 100, 50)
    assert (answer.instrument_exposure.after, answer.total_exposure.after) == ("5000.5", "")


def test_exposure_that_is_not_known_is_there_and_empty() -> None:
    answer = decision_message(decision())
    assert answer.HasField("total_exposure")
    assert (
        answer.SerializeToString()
        == strategy_pb2.CheckOrderResponse.FromString(answer.SerializeToString()).SerializeToString()
    )
    assert (answer.total_exposure, answer.HasField("instrument_exposure")) == (types_pb2.ExposureUse(), True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"), ("-0", "0"), ("0.00", "0"), ("-0.000", "0"), ("0E-9", "0"), ("0E+3", "0"), ("-0E+3", "0"),
        ("1", "1"), ("10", "10"), ("-100", "-100"), ("1.0", "1"), ("10.50", "10.5"), ("-10.05", "-10.05"),
        ("1E+3", "1000"), ("12E+3", "12000"), ("-1.5E+3", "-1500"), ("1E-7", "0.0000001"),
        ("-1.20E-7", "-0.00000012"), ("100.00", "100"), ("0.1", "0.1"), ("1E-18", "0." + "0" * 17 + "1"),
        ("9" * 40 + "." + "9" * 40, "9" * 40 + "." + "9" * 40),
    ],
)  # fmt: skip
def test_a_decimal_goes_on_the_wire_plainly(value: str, text: str) -> None:
    number = Decimal(value)
    given = replace(decision(), total_exposure=ExposureUse(number, number, number, number))
    for answer in (decision_message(given), sent(given)):
        use = answer.total_exposure
        assert (plain(number), use.before, use.after, use.limit, use.headroom) == (text,) * 5


def test_a_denial_says_why_and_approves_nothing() -> None:
    denial = Denial(DenialReason.MAX_NET_EXPOSURE, Scope("main"), "too much", Decimal(1), Decimal(2))
    late = Denial(DenialReason.SNAPSHOT_STALE, Scope("main"), "old")
    answer = decision_message(decision(denial, late))
    assert answer.outcome == strategy_pb2.OUTCOME_DENIED
    assert (answer.valid_until_ns, answer.valid_for_ns) == (0, 0)
    assert [one.transient for one in answer.denials] == [False, True]
    assert (answer.denials[0].limit, answer.denials[0].observed, answer.denials[1].limit) == ("1", "2", "")


@pytest.mark.parametrize("reason", list(DenialReason))
def test_every_reason_has_its_name_on_the_wire(reason: DenialReason) -> None:
    assert types_pb2.DenialReason.Name(types_pb2.DenialReason.ValueType(reason)) == f"DENIAL_REASON_{reason.name}"
