"""Private writes: create, amend, cancel. Each turns a request into one engine call and answers with ids only.

An answer is an acknowledgement, never a state: whether an order trades, rests or ends is learned from the read
endpoints. What the paper venue doesn't do (conditional orders other than attached take-profits and stop-losses, those
with a limit price, trailing ones) is refused by name, never ignored.
"""

from decimal import Decimal
from typing import Final

from risksvc.venue.paper import hedge, spot
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.instruments import SPOT, TRADED
from risksvc.venue.paper.orders import ONE_WAY, Order, OrderRequest, OrderType, Side, TimeInForce
from risksvc.venue.paper.wire import Row, acknowledgement

# Fields of order/create and order/amend that would make an order conditional: refused rather than silently dropped.
_CONDITIONAL: Final = (
    "triggerPrice",
    "triggerDirection",
    "tpLimitPrice",
    "slLimitPrice",
    "trailingStop",
    "closeOnTrigger",
)
_STOPS: Final = ("takeProfit", "stopLoss")

# Bybit's position modes, and whether each is a hedge; a spot market order's units of quantity.
_MODES: Final = {"0": False, "3": True}
_UNITS: Final = ("baseCoin", "quoteCoin")
_SHORTEST_SILENCE_S, _LONGEST_SILENCE_S = 3, 300


def create(call: Call) -> Row:
    """POST /v5/order/create."""
    _require_traded(call)
    _refuse(call, _CONDITIONAL)
    request = order_request(call, call.owner)
    act = call.engine.create_rejected if call.view.reject_after_ack else call.engine.create
    return acknowledgement(act(call.owner, request, now_ms=call.now_ms))


def amend(call: Call) -> Row:
    """POST /v5/order/amend: `qty` is the new total, `price` the new limit; what isn't given stays."""
    _require_traded(call)
    _refuse(call, (*_CONDITIONAL, *_STOPS))
    order = _named_order(call, "replace")
    call.engine.amend(call.owner, order, qty=call.amount("qty"), price=call.amount("price"), now_ms=call.now_ms)
    return acknowledgement(order)


def cancel(call: Call) -> Row:
    """POST /v5/order/cancel."""
    _require_traded(call)
    order = _named_order(call, "cancel")
    call.engine.cancel(call.owner, order, now_ms=call.now_ms)
    return acknowledgement(order)


def cancel_all(call: Call) -> Row:
    """POST /v5/order/cancel-all: of a symbol, or of a settle coin (spot: of everything)."""
    category = call.category()
    if category not in TRADED:
        return {"list": [], "success": "1"}
    symbol, settle = call.text("symbol"), call.text("settleCoin")
    if category != SPOT and not symbol and not settle:
        raise bad_params("Missing some parameters that must be filled in: one of symbol, settleCoin")
    cancelled = call.engine.cancel_all(
        call.owner,
        symbol=call.market().instrument.key if symbol else "",
        settle="" if symbol else settle,
        category=category,
        order_filter=call.text("orderFilter"),
        now_ms=call.now_ms,
    )
    return {"list": [acknowledgement(order) for order in cancelled], "success": "1"}


def switch_mode(call: Call) -> Row:
    """POST /v5/position/switch-mode: 0 one-way, 3 hedge, for all contracts of the account."""
    mode = _MODES.get(call.required("mode"))
    if mode is None:
        raise bad_params(f"params error: mode invalid, one of {', '.join(_MODES)} is allowed")
    hedge.switch(call.owner, hedge=mode)
    return {}


def cancel_on_disconnect(call: Call) -> Row:
    """POST /v5/order/disconnected-cancel-all: cancel everything when no private socket is left for `timeWindow` s.

    Whatever `product` says, all orders of the account go. Bybit counts from the end of the last private socket.
    """
    window = call.amount("timeWindow")
    if window is None or not _SHORTEST_SILENCE_S <= window <= _LONGEST_SILENCE_S or window % 1:
        raise bad_params(f"params error: timeWindow must lie between {_SHORTEST_SILENCE_S} and {_LONGEST_SILENCE_S}")
    call.owner.dead_man_ms = int(window) * 1_000
    return {}


def order_request(call: Call, account: Account) -> OrderRequest:
    """Read an order of an account from a request's parameters."""
    instrument = call.market().instrument
    order_type, side = call.choice("orderType", OrderType), call.choice("side", Side)
    price = call.amount("price")
    if order_type is OrderType.LIMIT and price is None:
        raise bad_params("params error: price is required for a limit order")
    leg = ONE_WAY if instrument.is_spot else hedge.checked_leg(account, call.text("positionIdx"))
    return OrderRequest(
        symbol=instrument.key,
        side=side,
        order_type=order_type,
        qty=_quantity(call, side=side, order_type=order_type),
        price=price if order_type is OrderType.LIMIT else None,
        time_in_force=call.choice("timeInForce", TimeInForce, default=TimeInForce.GTC),
        reduce_only=call.flag("reduceOnly") or hedge.only_closes(side, leg),
        link_id=call.text("orderLinkId"),
        leg=leg,
        take_profit=call.amount("takeProfit") or None,
        stop_loss=call.amount("stopLoss") or None,
    )


def _quantity(call: Call, *, side: Side, order_type: OrderType) -> Decimal:
    """Read `qty`; a spot market order's may be in the quote coin, a buy's is unless it says otherwise."""
    qty, market = call.amount("qty"), call.market()
    if qty is None:
        raise bad_params("params error: qty is required")
    if not market.instrument.is_spot or order_type is OrderType.LIMIT:
        return qty
    unit = call.text("marketUnit") or ("quoteCoin" if side is Side.BUY else "baseCoin")
    if unit not in _UNITS:
        raise bad_params(f"params error: marketUnit invalid, one of {', '.join(_UNITS)} is allowed")
    return qty if unit == "baseCoin" else spot.quantity_for(market, side, qty)


def _named_order(call: Call, action: str) -> Order:
    order_id, link_id = call.text("orderId"), call.text("orderLinkId")
    if not order_id and not link_id:
        raise bad_params("params error: orderId or orderLinkId is required")
    instrument = call.market().instrument
    order = call.owner.find(order_id=order_id, link_id=link_id)
    if order is None or order.symbol != instrument.key:
        code = RetCode.SPOT_NO_SUCH_ORDER if instrument.is_spot else RetCode.NO_SUCH_ORDER
        raise VenueError(code, f"order not exists or too late to {action}")
    return order


def _require_traded(call: Call) -> None:
    if call.category() not in TRADED:
        raise bad_params("Not supported symbols")


def _refuse(call: Call, names: tuple[str, ...]) -> None:
    for name in names:
        if call.params.get(name) not in (None, "", "0", 0, False):
            raise bad_params(f"params error: {name} is not supported here by the paper venue")
