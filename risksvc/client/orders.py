"""From what a strategy says about an order to the message that asks the gate.

Pure: no I/O, no clock. Never takes a float: 0.1 as a float is not 0.1, and the gate must check exactly what the venue
gets. What a caller got wrong is raised (TypeError, MalformedInputError), because asking again would not help.
"""

import os
import random
import re
import time
from decimal import Decimal
from functools import lru_cache
from typing import NotRequired, Required, TypedDict, TypeVar

from risksvc.core.types import (
    ZERO,
    MalformedInputError,
    OrderType,
    ReplaceMode,
    Side,
    parse_decimal,
    parse_positive,
    plain,
)
from risksvc.v1 import strategy_pb2, types_pb2

Number = str | int | Decimal
"""A number that is exact: text like "0.5", a Decimal, an int."""

_MAX_VERSION = 64
_NUMBERS_REMEMBERED = 4096
_MAX_CLIENT_ORDER_ID = 64
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)

# Only so that ids differ; not the user's generator, which a program may seed alike on every run.
_random = random.Random()  # noqa: S311 - an id is no secret
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)

_Word = TypeVar("_Word", Side, OrderType, ReplaceMode)

SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}
TYPES = {OrderType.LIMIT: types_pb2.ORDER_TYPE_LIMIT, OrderType.MARKET: types_pb2.ORDER_TYPE_MARKET}
REPLACE_MODES = {
    ReplaceMode.CANCEL_REPLACE: strategy_pb2.REPLACE_MODE_CANCEL_REPLACE,
    ReplaceMode.AMEND: strategy_pb2.REPLACE_MODE_AMEND,
}


class OrderArguments(TypedDict, total=False):
    """The keyword arguments of `check`. Quantities are in the venue's order unit: what ccxt calls `amount`.

    instrument: ccxt unified symbol, e.g. "BTC/USDT:USDT".
    side: "buy" or "sell". type: "limit" or "market" (a stop-market order is checked as market).
    quantity: above zero.
    limit_price: above zero; required for limit, not allowed for market.
    reduce_only: the order may only reduce the position, and is sent to the venue with its reduce-only flag.
    intended_position: what the strategy means to hold, signed; or a (low, high) pair. None: what was declared last.
    believed_position: what the strategy's own tracker says it holds now, signed. None is unknown, not zero.
    client_order_id: the id that the order will carry at the venue, new for every order. None: one is made.
    replaces: client order id of the approved order that this one replaces; replace_mode: "amend" when the venue changes
    that order in place and keeps its id, "cancel_replace" (default) when it is cancelled and this one sent as new.
    """

    instrument: Required[str]
    side: Required[str | Side]
    type: Required[str | OrderType]
    quantity: Required[Number]
    limit_price: NotRequired[Number | None]
    reduce_only: NotRequired[bool]
    intended_position: NotRequired[Number | tuple[Number, Number] | None]
    believed_position: NotRequired[Number | None]
    client_order_id: NotRequired[str | None]
    replaces: NotRequired[str | None]
    replace_mode: NotRequired[str | ReplaceMode | None]


_KNOWN = frozenset(OrderArguments.__annotations__)
_REQUIRED = OrderArguments.__required_keys__


def new_client_order_id() -> str:
    """Make a fresh id: 32 letters and digits, which every venue that takes client order ids in text can carry.

    The time beside the randomness: two copies of one machine's memory would go on with the same random numbers.
    """
    return f"rs{_random.getrandbits(56):014x}{time.time_ns():016x}"


# Strategies say the same few numbers again and again: each is read once. What is refused is not remembered.
@lru_cache(maxsize=_NUMBERS_REMEMBERED, typed=True)
def order_text(value: Number, *, field: str) -> str:
    """Return the number as it goes on the wire; `field` names it in errors."""
    return plain(_exact(value, field))


@lru_cache(maxsize=_NUMBERS_REMEMBERED, typed=True)
def positive_text(value: Number, *, field: str) -> str:
    """Do as order_text, and require it above zero."""
    exact = _exact(value, field)
    text = plain(exact)
    if exact <= ZERO:
        parse_positive(text, field=field)  # says what is allowed
    return text


def _exact(value: Number, field: str) -> Decimal:
    if isinstance(value, float):
        todo = f"pass text or a Decimal, e.g. {field}='{value!r}'"
        raise TypeError(f"{field}: {value!r} is a float, which is not exact; {todo}")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError(f"{field}: {value!r} is not a number; allowed: text like '0.5', a Decimal, an int")
    text = value if isinstance(value, str) else format(value, "f") if isinstance(value, Decimal) else str(value)
    return parse_decimal(text, field=field)


def required_text(value: str, *, field: str) -> str:
    """Return text that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"{field}: {value!r} is not text")
    if not value:
        raise MalformedInputError(field, "must not be empty")
    return value


def client_order_id_text(value: str, *, field: str = "client_order_id") -> str:
    """Return an id that can be sent; whether the venue can carry it is the gate's to say."""
    required_text(value, field=field)
    if len(value) > _MAX_CLIENT_ORDER_ID or not _PRINTABLE.fullmatch(value):
        raise MalformedInputError(field, f"{value[:80]!r}; allowed: 1 to {_MAX_CLIENT_ORDER_ID} printable characters")
    return value


def version_text(value: str) -> str:
    """Return a strategy version; empty is allowed."""
    if not isinstance(value, str):
        raise TypeError(f"strategy_version: {value!r} is not text")
    if len(value) > _MAX_VERSION:
        raise MalformedInputError("strategy_version", f"at most {_MAX_VERSION} characters, has {len(value)}")
    return value


def word(value: str | _Word, kind: type[_Word], *, field: str) -> _Word:
    """Return a side, type or replace mode, given as its member or as text in any case."""
    if isinstance(value, kind):
        return value
    found = kind.__members__.get(value.upper().replace("-", "_")) if isinstance(value, str) else None
    if found is None:
        allowed = ", ".join(repr(name.lower()) for name in kind.__members__)
        raise MalformedInputError(field, f"{value!r}; allowed: {allowed}")
    return found


# As they are nearly always written.
_SIDE_WORDS = {side.name.lower(): code for side, code in SIDES.items()}
_TYPE_WORDS = {order_type.name.lower(): code for order_type, code in TYPES.items()}


def _side(value: str | Side) -> types_pb2.Side.ValueType:
    known = _SIDE_WORDS.get(value) if isinstance(value, str) else None
    return SIDES[word(value, Side, field="side")] if known is None else known


def _type(value: str | OrderType) -> types_pb2.OrderType.ValueType:
    known = _TYPE_WORDS.get(value) if isinstance(value, str) else None
    return TYPES[word(value, OrderType, field="type")] if known is None else known


def build_request(
    *, account: str, strategy: str, strategy_version: str, order: OrderArguments
) -> strategy_pb2.CheckOrderRequest:
    """Build the request for one check. TypeError, MalformedInputError: names the argument and what is allowed."""
    if not (order.keys() <= _KNOWN and order.keys() >= _REQUIRED):
        raise _not_understood(order)
    given = order.get("client_order_id")
    request = strategy_pb2.CheckOrderRequest(
        account=account,
        strategy=strategy,
        strategy_version=strategy_version,
        client_order_id=new_client_order_id() if given is None else client_order_id_text(given),
        instrument=required_text(order["instrument"], field="instrument"),
        side=_side(order["side"]),
        quantity=positive_text(order["quantity"], field="quantity"),
        reduce_only=_flag(order.get("reduce_only", False), field="reduce_only"),
    )
    _price(request, order)
    _declare(request, order)
    if "replaces" in order or "replace_mode" in order:
        _replace(request, order)
    return request


def _not_understood(order: OrderArguments) -> TypeError:
    unknown = [name for name in order if name not in _KNOWN]
    missing = [name for name in OrderArguments.__annotations__ if name in _REQUIRED and name not in order]
    problem = f"unknown argument {unknown[0]!r}" if unknown else f"argument {missing[0]!r} is missing"
    return TypeError(f"check: {problem}; it takes {', '.join(OrderArguments.__annotations__)}")


def _flag(value: bool, *, field: str) -> bool:  # noqa: FBT001 - the value is what is checked
    if not isinstance(value, bool):
        raise TypeError(f"{field}: {value!r} is neither True nor False")
    return value


def _price(request: strategy_pb2.CheckOrderRequest, order: OrderArguments) -> None:
    order_type = _type(order["type"])
    limit_price = order.get("limit_price")
    request.type = order_type
    if order_type == types_pb2.ORDER_TYPE_LIMIT:
        if limit_price is None:
            raise MalformedInputError("limit_price", "a limit order needs one")
        request.limit_price = positive_text(limit_price, field="limit_price")
    elif limit_price is not None:
        raise MalformedInputError("limit_price", f"{limit_price!r}; a market order takes none")


def _declare(request: strategy_pb2.CheckOrderRequest, order: OrderArguments) -> None:
    intended = order.get("intended_position")
    if isinstance(intended, tuple):
        request.intended_range.CopyFrom(_range(intended))
    elif intended is not None:
        request.intended_position = order_text(intended, field="intended_position")
    believed = order.get("believed_position")
    if believed is not None:
        request.believed_position = order_text(believed, field="believed_position")


def _range(intended: tuple[Number, Number]) -> strategy_pb2.PositionRange:
    if len(intended) != 2:  # noqa: PLR2004 - a pair
        raise MalformedInputError("intended_position", f"{intended!r}; allowed: one number, or a pair (low, high)")
    low, high = (order_text(end, field="intended_position") for end in intended)
    if Decimal(low) > Decimal(high):
        raise MalformedInputError("intended_position", f"low {low} is above high {high}")
    return strategy_pb2.PositionRange(low=low, high=high)


def _replace(request: strategy_pb2.CheckOrderRequest, order: OrderArguments) -> None:
    replaces = order.get("replaces")
    mode = order.get("replace_mode")
    if replaces is None:
        if mode is not None:
            raise MalformedInputError("replace_mode", f"{mode!r} needs `replaces`: the id of the replaced order")
        return
    request.replaces_client_order_id = client_order_id_text(replaces, field="replaces")
    chosen = ReplaceMode.CANCEL_REPLACE if mode is None else word(mode, ReplaceMode, field="replace_mode")
    request.replace_mode = REPLACE_MODES[chosen]
