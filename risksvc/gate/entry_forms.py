"""What every check writes, in the form that is cheapest to encode: the same fields by name, decimals as texts already.

The encoder takes any dataclass by itself, but asks it for each field and each decimal for its text, which is half of
what a check's entry costs. So the two values that stand in every such entry are copied first. The bytes are the same:
these forms have the fields of the classes, in their order, and a test holds them against the plain way.
"""

import dataclasses
from collections.abc import Callable

import msgspec

from risksvc.core.events import OrderChecked
from risksvc.core.outputs import Decision, ExposureUse
from risksvc.core.types import Order, PositionRange


def _form_of(kind: type) -> Callable[..., msgspec.Struct]:
    names = [field.name for field in dataclasses.fields(kind)]
    return msgspec.defstruct(kind.__name__, names, gc=False)


_Checked, _Order, _Range = _form_of(OrderChecked), _form_of(Order), _form_of(PositionRange)
_Decision, _Use = _form_of(Decision), _form_of(ExposureUse)


def checked(event: OrderChecked) -> msgspec.Struct:
    """A strategy's question."""
    order, intent, belief = event.order, event.intent, event.belief
    price = order.limit_price
    asked = _Order(
        order.account,
        order.strategy,
        order.client_order_id,
        order.instrument,
        order.side._value_,
        order.type._value_,
        str(order.quantity),
        None if price is None else str(price),
        order.reduce_only,
        order.replaces,
        order.replace_mode._value_,
    )
    return _Checked(
        asked,
        None if intent is None else _Range(str(intent.low), str(intent.high)),
        None if belief is None else str(belief),
        event.version,
    )


def decided(decision: Decision) -> msgspec.Struct:
    """Its answer. Denials are few, and stay as they are."""
    return _Decision(
        decision.client_order_id,
        decision.denials,
        _use(decision.instrument_exposure),
        _use(decision.total_exposure),
        decision.trading_state._value_,
        decision.valid_until,
        decision.decided_at,
        decision.limits_hash,
    )


def _use(use: ExposureUse) -> msgspec.Struct:
    before, after, limit, headroom = use.before, use.after, use.limit, use.headroom
    return _Use(
        None if before is None else str(before),
        None if after is None else str(after),
        None if limit is None else str(limit),
        None if headroom is None else str(headroom),
    )
