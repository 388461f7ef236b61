"""What strategies say and hear, between wire and core."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache, partial

from risksvc.core.denials import Denial
from risksvc.core.events import FillReported, OrderChecked, OrderReport, OrderReported, PositionReported
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.trading_state import Halt
from risksvc.core.types import (
    LIMIT,
    MalformedInputError,
    Order,
    PositionRange,
    ReplaceMode,
    Scope,
    Severity,
    parse_decimal,
    parse_positive,
    plain,
)
from risksvc.core.venue_events import Fill
from risksvc.gate import convert
from risksvc.gate.approval_wire import approval
from risksvc.v1 import strategy_pb2, types_pb2

MAX_VERSION = 64

_REPLACE_MODES: Mapping[int, ReplaceMode] = {
    strategy_pb2.REPLACE_MODE_UNSPECIFIED: ReplaceMode.CANCEL_REPLACE,
    strategy_pb2.REPLACE_MODE_CANCEL_REPLACE: ReplaceMode.CANCEL_REPLACE,
    strategy_pb2.REPLACE_MODE_AMEND: ReplaceMode.AMEND,
}
_NOT_SAID = _REPLACE_MODES[strategy_pb2.REPLACE_MODE_UNSPECIFIED]
_REPORTS: Mapping[int, OrderReport] = {
    strategy_pb2.ORDER_REPORT_SENT: OrderReport.SENT,
    strategy_pb2.ORDER_REPORT_NEVER_SENT: OrderReport.NEVER_SENT,
    strategy_pb2.ORDER_REPORT_ACKNOWLEDGED: OrderReport.ACKNOWLEDGED,
    strategy_pb2.ORDER_REPORT_CANCELLED: OrderReport.CANCELLED,
    strategy_pb2.ORDER_REPORT_REJECTED: OrderReport.REJECTED,
}
_SEVERITIES = {
    Severity.P0: types_pb2.SEVERITY_P0,
    Severity.P1: types_pb2.SEVERITY_P1,
    Severity.P2: types_pb2.SEVERITY_P2,
}


# -- in -----------------------------------------------------------------------------------------------------------

# What a check says is mostly what an earlier one said: names, enums, sizes, prices. Its reading is remembered, text by
# text, by the very function that reads it; what was refused is never remembered, so nothing long can pile up.
_KNOWN = 4_096
_PRICES_KNOWN = 8_192
_account = lru_cache(_KNOWN)(partial(convert.name, field="account"))
_strategy = lru_cache(_KNOWN)(partial(convert.name, field="strategy"))
_instrument = lru_cache(_KNOWN)(partial(convert.name, field="instrument"))
_version = lru_cache(_KNOWN)(partial(convert.free_text, field="strategy_version", longest=MAX_VERSION))
_order_type = lru_cache(_KNOWN)(partial(convert.member, allowed=convert.ORDER_TYPES, field="type"))
_side = lru_cache(_KNOWN)(partial(convert.member, allowed=convert.SIDES, field="side"))
_quantity = lru_cache(_KNOWN)(partial(parse_positive, field="quantity"))
_price = lru_cache(_PRICES_KNOWN)(partial(parse_positive, field="limit_price"))
_range = lru_cache(_KNOWN)(partial(convert.position_range, field="intended_range"))
_is_id = re.compile(rf"[\x21-\x7e]{{1,{convert.MAX_NAME}}}", re.ASCII).fullmatch
_believed = lru_cache(_PRICES_KNOWN)(partial(parse_decimal, field="believed_position"))


def order_checked(request: strategy_pb2.CheckOrderRequest) -> OrderChecked:
    """A strategy's question. Raises MalformedInputError."""
    order = _order(request)
    intent = _intent(request)
    believed = request.believed_position
    belief = _believed(believed) if believed or request.HasField("believed_position") else None
    return OrderChecked(order, intent, belief, _version(request.strategy_version))


def _order(request: strategy_pb2.CheckOrderRequest) -> Order:
    order_type = _order_type(request.type)
    client_order_id = request.client_order_id
    if not _is_id(client_order_id):
        convert.order_id(client_order_id, field="client_order_id")
    price_text = request.limit_price
    replaces, mode = request.replaces_client_order_id, request.replace_mode
    return Order(
        _account(request.account),
        _strategy(request.strategy),
        client_order_id,
        _instrument(request.instrument),
        _side(request.side),
        order_type,
        _quantity(request.quantity),
        _price(price_text) if order_type is LIMIT and price_text else convert.limit_price(price_text, order_type),
        request.reduce_only,
        _replaces(replaces, client_order_id, mode=mode) if replaces or mode else "",
        convert.member(mode, _REPLACE_MODES, field="replace_mode") if mode else _NOT_SAID,
    )


def _replaces(replaces: str, client_order_id: str, *, mode: int) -> str:
    field = "replaces_client_order_id"
    convert.optional_id(replaces, field=field)
    if replaces == client_order_id:
        raise MalformedInputError(field, "is this order's own id; name the order that it replaces")
    if mode and not replaces:
        raise MalformedInputError("replace_mode", f"is allowed only with {field}")
    return replaces


def _intent(request: strategy_pb2.CheckOrderRequest) -> PositionRange | None:
    target = request.intended_position
    if not target:
        wanted = request.intended_range
        low = wanted.low
        if low:
            return _range(low, wanted.high)
    which = request.WhichOneof("intent")  # set, and empty: that is refused
    if which is None:
        return None
    return _target(target) if which == "intended_position" else _range("", request.intended_range.high)


def _one_position(text: str) -> PositionRange:
    one = parse_decimal(text, field="intended_position")
    return PositionRange(one, one)


_target = lru_cache(_KNOWN)(_one_position)


def order_reported(request: strategy_pb2.ReportOrderRequest) -> OrderReported:
    """What became of an order. Raises MalformedInputError."""
    report = convert.member(request.report, _REPORTS, field="report")
    longest = convert.MAX_VENUE_ID
    venue_id = convert.optional_id(request.venue_order_id, field="venue_order_id", longest=longest)
    if report is OrderReport.ACKNOWLEDGED and not venue_id:
        raise MalformedInputError("venue_order_id", "is required with ACKNOWLEDGED; give the venue's id of the order")
    return OrderReported(
        account=convert.name(request.account, field="account"),
        strategy=convert.name(request.strategy, field="strategy"),
        client_order_id=convert.order_id(request.client_order_id, field="client_order_id"),
        report=report,
        venue_order_id=venue_id,
    )


def fill_reported(request: strategy_pb2.ReportFillRequest) -> FillReported:
    """A fill, told before the venue's feed does. Raises MalformedInputError."""
    fill = Fill(
        instrument=convert.name(request.instrument, field="instrument"),
        trade_id=convert.order_id(request.trade_id, field="trade_id", longest=convert.MAX_VENUE_ID),
        side=convert.member(request.side, convert.SIDES, field="side"),
        quantity=parse_positive(request.quantity, field="quantity"),
        price=parse_positive(request.price, field="price"),
        venue_time_ms=convert.milliseconds(request.venue_time_ms, field="venue_time_ms"),
        client_order_id=convert.order_id(request.client_order_id, field="client_order_id"),
    )
    return FillReported(
        account=convert.name(request.account, field="account"),
        strategy=convert.name(request.strategy, field="strategy"),
        fill=fill,
    )


def position_reported(request: strategy_pb2.ReportPositionRequest) -> PositionReported:
    """A belief. Raises MalformedInputError."""
    return PositionReported(
        account=convert.name(request.account, field="account"),
        strategy=convert.name(request.strategy, field="strategy"),
        instrument=convert.name(request.instrument, field="instrument"),
        quantity=parse_decimal(request.believed_position, field="believed_position"),
    )


# -- out ----------------------------------------------------------------------------------------------------------


def decision_bytes(decision: Decision) -> bytes:
    """The answer to a check, as it is sent."""
    if decision.denials:
        return decision_message(decision).SerializeToString()
    try:
        return approval(decision)
    except ValueError:  # it is longer than usual
        return decision_message(decision).SerializeToString()


def decision_message(decision: Decision) -> strategy_pb2.CheckOrderResponse:
    """The answer to a check."""
    approved = decision.approved
    return strategy_pb2.CheckOrderResponse(
        outcome=strategy_pb2.OUTCOME_APPROVED if approved else strategy_pb2.OUTCOME_DENIED,
        client_order_id=decision.client_order_id,
        denials=[denial_message(denial) for denial in decision.denials],
        instrument_exposure=_use_message(decision.instrument_exposure),
        total_exposure=_use_message(decision.total_exposure),
        trading_state=types_pb2.TradingState.ValueType(decision.trading_state),
        valid_until_ns=decision.valid_until if approved else 0,
        valid_for_ns=decision.valid_until - decision.decided_at if approved else 0,
        limits_hash=decision.limits_hash,
        decided_at_ns=decision.decided_at,
    )


def denial_message(denial: Denial) -> types_pb2.Denial:
    """One rule that an order broke."""
    return types_pb2.Denial(
        reason=types_pb2.DenialReason.ValueType(denial.reason),
        scope=scope_message(denial.scope),
        limit=number(denial.limit),
        observed=number(denial.observed),
        message=denial.message,
        transient=denial.transient,
    )


def scope_message(scope: Scope) -> types_pb2.Scope:
    """A scope."""
    return types_pb2.Scope(account=scope.account, strategy=scope.strategy, instrument=scope.instrument)


def halt_message(halt: Halt) -> types_pb2.ActiveHalt:
    """A halt in force."""
    return types_pb2.ActiveHalt(
        halt_id=halt.halt_id,
        scope=scope_message(halt.scope),
        state=types_pb2.TradingState.ValueType(halt.state),
        severity=_SEVERITIES[halt.severity],
        trigger=halt.trigger,
        reason=halt.reason,
        by=halt.by,
        at_ns=halt.at,
        origin=halt.origin,
    )


def number(value: Decimal | None) -> str:
    """A decimal's text; empty where there is none."""
    return "" if value is None else plain(value)


def _use_message(use: ExposureUse) -> types_pb2.ExposureUse:
    return types_pb2.ExposureUse(
        before=number(use.before), after=number(use.after), limit=number(use.limit), headroom=number(use.headroom)
    )
