"""Take-profits and stop-losses: market orders that wait for the mark and then close what their parent opened.

Which stops an order asks for, which of them wait already, and what they look like as orders; `matching.py` enters and
triggers them. A pair that belongs together shares its parent's id: when one of them trades, the other ends. A stop
only reduces, and is cut when the position it guards shrinks.
"""

from collections.abc import Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Order, OrderRequest, OrderType, Side, StopType, Trigger

# Bybit's `orderFilter`: ordinary orders, or stops.
ACTIVE: Final = "Order"
STOPS: Final = ("StopOrder", "tpslOrder")

_CREATED_BY: Final = MappingProxyType(
    {StopType.TAKE_PROFIT: "CreateByTakeProfit", StopType.STOP_LOSS: "CreateByStopLoss"}
)


def passes(order: Order, order_filter: str) -> bool:
    """Whether an order passes `orderFilter`: without one every order does, with an unknown one none."""
    return order_filter in (STOPS if order.trigger else (ACTIVE,)) or not order_filter


def trigger_of(stop_type: StopType, price: Decimal, *, opened_by: Side, parent: str) -> Trigger:
    """Build the trigger of a stop that guards what an order of side `opened_by` opened."""
    profits_upwards = opened_by is Side.BUY
    return Trigger(
        stop_type=stop_type,
        price=price,
        rises=profits_upwards is (stop_type is StopType.TAKE_PROFIT),
        closes=opened_by.opposite,
        parent=parent,
    )


def wanted(order: Order) -> Iterator[Trigger]:
    """Give the triggers of the stops that an order asks for."""
    for stop_type, price in ((StopType.TAKE_PROFIT, order.take_profit), (StopType.STOP_LOSS, order.stop_loss)):
        if price is not None:
            yield trigger_of(stop_type, price, opened_by=order.side, parent=order.order_id)


def child(market: Market, trigger: Trigger) -> Order | None:
    """Give the stop that waits for a trigger already."""
    return next((stop for _, stop in market.stops.values() if stop.trigger == trigger), None)


def siblings(market: Market, order: Order) -> list[Order]:
    """Give the waiting stops that belong together with one that has traded."""
    parent = order.trigger.parent if order.trigger else ""
    return [stop for _, stop in market.stops.values() if stop.trigger is not None and stop.trigger.parent == parent]


def request(symbol: str, trigger: Trigger, *, qty: Decimal, leg: int) -> OrderRequest:
    """Build the order that a trigger releases."""
    return OrderRequest(
        symbol=symbol,
        side=trigger.closes,
        order_type=OrderType.MARKET,
        qty=qty,
        reduce_only=True,
        created_by=_CREATED_BY[trigger.stop_type],
        leg=leg,
    )
