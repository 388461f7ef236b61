"""From a ccxt-style call that places or amends an order to the check it needs, and to what is then passed on.

Pure but for reading and tightening the options of the user's exchange object; imports no exchange client. Rule: the
venue must get exactly what was checked. A parameter that could make it another order, another id or a second sending is
refused before anything is asked.
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from risksvc.client.orders import Number, OrderArguments, client_order_id_text, new_client_order_id
from risksvc.core.types import MalformedInputError, ReplaceMode

Amount = Number | float
"""As ccxt takes numbers. A float counts as the decimal that Python prints for it: 0.1 is 0.1."""

MOST_PLACED = 20_000
MAX_RECV_WINDOW_MS = 1_000

# How ccxt's order types are checked. Trigger prices go in `params` and don't change what can fill.
_TYPES = {
    "limit": "limit",
    "market": "market",
    "stop_limit": "limit",
    "stop_market": "market",
    "take_profit_limit": "limit",
    "take_profit_market": "market",
}

_OTHER_ID = "give the order's id as params['clientOrderId'], in ccxt's unified name, so that the gate knows it"
_OTHER_ORDER = "it would make the venue trade something else than what is checked; use the arguments of the call"
_RESEND = "an order must never be sent a second time by itself: a retry after a timeout has doubled orders"
# By name without underscores, in lower case.
_REFUSED_PARAMS: dict[str, str] = {
    **dict.fromkeys(
        ("orderlinkid", "newclientorderid", "clordid", "clientoid", "cloid", "userref", "externaloid", "text", "label"),
        _OTHER_ID,
    ),
    **dict.fromkeys(
        (
            *(
                "symbol",
                "instid",
                "instrumentname",
                "contract",
                "side",
                "ordertype",
                "ordtype",
                "px",
                "price",
                "closeposition",
            ),
            *(
                "amount",
                "contracts",
                "cost",
                "orderqty",
                "qty",
                "quantity",
                "quoteorderqty",
                "size",
                "sz",
                "vol",
                "volume",
            ),
        ),
        _OTHER_ORDER,
    ),
    **dict.fromkeys(("maxretriesonfailure", "maxretriesonfailuredelay"), _RESEND),
    **dict.fromkeys(
        ("recvwindow", "exptime", "processbefore", "validuntil"),
        f"the guard keeps it at {MAX_RECV_WINDOW_MS} ms at most: a late order must be refused by the venue",
    ),
}

_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_VERBS = frozenset({"create", "edit", "close"})
_HTTP_VERBS = frozenset({"post", "put", "patch"})
_THINGS = ("order", "position", "trade")


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was placed through the guard, as far as cancelling and amending it needs."""

    client_order_id: str
    amount: Amount
    price: Amount | None
    reduce_only: bool


@dataclass(frozen=True, slots=True)
class Placing:
    """One order about to be placed or amended. `check`: what to ask; `params`: what ccxt gets once approved."""

    check: OrderArguments
    params: dict[str, Any]
    placed: Placed
    amends: bool = False

    @property
    def client_order_id(self) -> str:
        """The id of the check."""
        given = self.check.get("client_order_id")
        return given if given is not None else ""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a strategy says beside the order itself."""

    intended_position: Amount | tuple[Amount, Amount] | None = None
    believed_position: Amount | None = None
    replaces: str | None = None
    replace_mode: str | ReplaceMode | None = None


def plan_create(  # noqa: PLR0913 - ccxt's own arguments
    *,
    symbol: str,
    order_type: str,
    side: str,
    amount: Amount,
    price: Amount | None,
    params: Mapping[str, Any],
    declared: Declared,
) -> Placing:
    """Plan a new order. TypeError, MalformedInputError: what the caller got wrong."""
    _refuse_params(params)
    reduce_only = _reduce_only(params)
    given = params.get("clientOrderId")
    client_order_id = new_client_order_id() if given is None else client_order_id_text(given, field="clientOrderId")
    check = _check(symbol=symbol, order_type=order_type, side=side, amount=amount, price=price, declared=declared)
    check["reduce_only"] = reduce_only
    check["client_order_id"] = client_order_id
    passed = {**params, "clientOrderId": client_order_id}
    return Placing(check, passed, Placed(client_order_id, amount, price, reduce_only))


def plan_edit(  # noqa: PLR0913 - ccxt's own arguments
    *,
    before: Placed,
    symbol: str,
    order_type: str,
    side: str,
    amount: Amount | None,
    price: Amount | None,
    params: Mapping[str, Any],
    declared: Declared,
) -> Placing:
    """Plan a change of an order that was placed: what is not given stays as it was. Raises as plan_create."""
    _refuse_params(params)
    if _reduce_only(params) and not before.reduce_only:
        raise MalformedInputError("params['reduceOnly']", "the order was placed without it, and a change can't add it")
    amount = before.amount if amount is None else amount
    price = before.price if price is None else price
    check = _check(symbol=symbol, order_type=order_type, side=side, amount=amount, price=price, declared=declared)
    check["reduce_only"] = before.reduce_only
    check["client_order_id"] = client_order_id = new_client_order_id()
    check["replaces"] = before.client_order_id
    check["replace_mode"] = declared.replace_mode or ReplaceMode.AMEND
    amends = check["replace_mode"] in (ReplaceMode.AMEND, "amend", "AMEND")
    # Amended in place, the order keeps its id at the venue; sent anew, it carries the new one.
    passed = dict(params) if amends else {**params, "clientOrderId": client_order_id}
    if before.reduce_only and not amends:
        passed["reduceOnly"] = True
    at_venue = before.client_order_id if amends else client_order_id
    return Placing(check, passed, Placed(at_venue, amount, price, before.reduce_only), amends=amends)


def _check(
    *, symbol: str, order_type: object, side: str, amount: Amount, price: Amount | None, declared: Declared
) -> OrderArguments:
    checked_type = _TYPES.get(order_type.lower().replace("-", "_")) if isinstance(order_type, str) else None
    if checked_type is None:
        raise MalformedInputError("type", f"{order_type!r}; allowed: {', '.join(map(repr, _TYPES))}")
    if checked_type == "market" and price is not None:
        problem = f"{price!r} with a market order: some venues would then trade a cost instead of the amount"
        raise MalformedInputError("price", f"{problem}; pass None")
    check = OrderArguments(
        instrument=symbol,
        side=side,
        type=checked_type,
        quantity=_exact(amount),
        intended_position=_exact_intent(declared.intended_position),
    )
    if price is not None:
        check["limit_price"] = _exact(price)
    if declared.believed_position is not None:
        check["believed_position"] = _exact(declared.believed_position)
    if declared.replaces is not None:
        check["replaces"] = declared.replaces
        check["replace_mode"] = declared.replace_mode
    return check


def _exact(value: Amount) -> Number:
    # float.__repr__, not repr(): numpy's floats are floats that print their type's name.
    return Decimal(float.__repr__(value)) if isinstance(value, float) else value


def _exact_intent(intended: Amount | tuple[Amount, Amount] | None) -> Number | tuple[Number, Number] | None:
    if isinstance(intended, tuple):
        low, high = intended
        return _exact(low), _exact(high)
    return None if intended is None else _exact(intended)


def _reduce_only(params: Mapping[str, Any]) -> bool:
    reduce_only = params.get("reduceOnly", False)
    if not isinstance(reduce_only, bool):
        raise TypeError(f"params['reduceOnly']: {reduce_only!r} is neither True nor False")
    return reduce_only


def _refuse_params(params: Mapping[str, Any]) -> None:
    for name in params:
        if name in ("clientOrderId", "reduceOnly"):
            continue
        plain_name = str(name).replace("_", "").lower()
        if plain_name in ("clientorderid", "reduceonly"):
            raise MalformedInputError(
                f"params[{name!r}]", "spell it 'clientOrderId' or 'reduceOnly', ccxt's unified names"
            )
        if plain_name in _REFUSED_PARAMS:
            raise MalformedInputError(f"params[{name!r}]", _REFUSED_PARAMS[plain_name])


def places_orders(name: str) -> bool:
    """Tell whether a method of an exchange object, by its name, places or changes orders without asking the gate.

    Cancelling never does. Unified names ("create_market_buy_order", "closePosition", "edit_orders") and raw endpoints
    ("private_post_v5_order_create"); a raw endpoint that only reads orders by POST is taken for one, to be safe.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or any(word.startswith(("cancel", "delete")) for word in words):
        return False
    if words[0] in _VERBS:
        return any(thing in word for word in words for thing in _THINGS)
    raw = any(word in _HTTP_VERBS for word in words[1:])
    return raw and (any("order" in word for word in words) or {"close", "position"} <= set(words))


def tighten(exchange: Any, *, most_ms: int = MAX_RECV_WINDOW_MS, always: bool = False) -> None:  # noqa: ANN401 - any ccxt-like object
    """Make the venue refuse late requests (where it can), and the client never resend. `always`: the venue heeds it."""
    options = getattr(exchange, "options", None)
    if not isinstance(options, dict):
        return
    if always or "recvWindow" in options:
        options["recvWindow"] = _tightened(options.get("recvWindow"), most_ms)
    if options.get("maxRetriesOnFailure"):
        options["maxRetriesOnFailure"] = 0


def _tightened(window: object, most_ms: int) -> object:
    if isinstance(window, str):
        return window if window.isdecimal() and 0 < int(window) <= most_ms else str(most_ms)
    if isinstance(window, int) and not isinstance(window, bool) and 0 < window <= most_ms:
        return window
    return most_ms


def edits_in_place(exchange: Any) -> bool:  # noqa: ANN401 - any ccxt-like object
    """Tell whether `edit_order` is the venue's own amendment, as far as ccxt says: not cancel and create by ccxt."""
    has = getattr(exchange, "has", None)
    return not isinstance(has, Mapping) or has.get("editOrder", True) is True


class PlacedOrders:
    """The orders placed through one guard, by the venue's id and by the client's; the oldest are forgotten."""

    def __init__(self, *, most: int = MOST_PLACED) -> None:
        self._most = most
        self._orders: OrderedDict[str, Placed] = OrderedDict()

    def add(self, venue_order_id: str, placed: Placed) -> None:
        """Remember an order by the venue's id; empty: the venue told none."""
        for order_id in (venue_order_id, placed.client_order_id):
            if order_id:
                self._orders[order_id] = placed
                self._orders.move_to_end(order_id)
        while len(self._orders) > 2 * self._most:
            self._orders.popitem(last=False)

    def find(self, order_id: str | None, params: Mapping[str, Any]) -> Placed | None:
        """Find an order by the id that a cancel or an edit names; None: not placed here, or long ago."""
        client_order_id = params.get("clientOrderId")
        for known in (client_order_id, order_id):
            if isinstance(known, str) and known in self._orders:
                return self._orders[known]
        return None
