"""Private writes: create, amend, cancel. Each turns a request into one engine call and answers with ids only.

An answer is an acknowledgement, never a state: whether an order trades, rests or ends is learned from the read
endpoints. What the paper venue doesn't do (conditional orders, attached stops, hedge mode) is refused by name, never
ignored.
"""

from typing import Final

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.orders import Order, OrderRequest, OrderType, Side, TimeInForce
from risksvc.venue.paper.wire import Row, acknowledgement

# Fields of order/create and order/amend that would make an order conditional: refused rather than silently dropped.
_CONDITIONAL: Final = (
    "triggerPrice",
    "triggerDirection",
    "takeProfit",
    "stopLoss",
    "tpLimitPrice",
    "slLimitPrice",
    "trailingStop",
    "closeOnTrigger",
)


def create(call: Call) -> Row:
    """POST /v5/order/create."""
    _require_linear(call)
    _refuse_conditional(call)
    if call.text("positionIdx") not in ("", "0"):
        raise bad_params("position idx not match position mode")
    request = order_request(call)
    act = call.engine.create_rejected if call.view.reject_after_ack else call.engine.create
    return acknowledgement(act(call.owner, request, now_ms=call.now_ms))


def amend(call: Call) -> Row:
    """POST /v5/order/amend: `qty` is the new total, `price` the new limit; what isn't given stays."""
    _require_linear(call)
    _refuse_conditional(call)
    order = _named_order(call, "replace")
    call.engine.amend(call.owner, order, qty=call.amount("qty"), price=call.amount("price"), now_ms=call.now_ms)
    return acknowledgement(order)


def cancel(call: Call) -> Row:
    """POST /v5/order/cancel."""
    _require_linear(call)
    order = _named_order(call, "cancel")
    call.engine.cancel(call.owner, order, now_ms=call.now_ms)
    return acknowledgement(order)


def cancel_all(call: Call) -> Row:
    """POST /v5/order/cancel-all: of a symbol, or of a settle coin."""
    if call.category() != "linear":
        return {"list": [], "success": "1"}
    symbol, settle = call.text("symbol"), call.text("settleCoin")
    if not symbol and not settle:
        raise bad_params("Missing some parameters that must be filled in: one of symbol, settleCoin")
    if call.text("orderFilter") not in ("", "Order"):
        return {"list": [], "success": "1"}
    if symbol:
        call.engine.market(symbol)
    cancelled = call.engine.cancel_all(call.owner, symbol=symbol, settle="" if symbol else settle, now_ms=call.now_ms)
    return {"list": [acknowledgement(order) for order in cancelled], "success": "1"}


def cancel_on_disconnect(_call: Call) -> Row:
    """POST /v5/order/disconnected-cancel-all: not offered."""
    raise VenueError(RetCode.NO_ROUTE, "disconnected-cancel-all is not supported by the paper venue")


def order_request(call: Call) -> OrderRequest:
    """Read an order from a request's parameters."""
    order_type = call.choice("orderType", OrderType)
    qty, price = call.amount("qty"), call.amount("price")
    if qty is None:
        raise bad_params("params error: qty is required")
    if order_type is OrderType.LIMIT and price is None:
        raise bad_params("params error: price is required for a limit order")
    return OrderRequest(
        symbol=call.required("symbol"),
        side=call.choice("side", Side),
        order_type=order_type,
        qty=qty,
        price=price if order_type is OrderType.LIMIT else None,
        time_in_force=call.choice("timeInForce", TimeInForce, default=TimeInForce.GTC),
        reduce_only=call.flag("reduceOnly"),
        link_id=call.text("orderLinkId"),
    )


def _named_order(call: Call, action: str) -> Order:
    order_id, link_id = call.text("orderId"), call.text("orderLinkId")
    if not order_id and not link_id:
        raise bad_params("params error: orderId or orderLinkId is required")
    symbol = call.engine.market(call.required("symbol")).instrument.symbol
    order = call.owner.find(order_id=order_id, link_id=link_id)
    if order is None or order.symbol != symbol:
        raise VenueError(RetCode.NO_SUCH_ORDER, f"order not exists or too late to {action}")
    return order


def _require_linear(call: Call) -> None:
    if call.category() != "linear":
        raise bad_params("Not supported symbols")


def _refuse_conditional(call: Call) -> None:
    for name in _CONDITIONAL:
        if call.params.get(name) not in (None, "", "0", 0, False):
            raise bad_params(f"params error: {name} is not supported by the paper venue, which takes plain orders only")
