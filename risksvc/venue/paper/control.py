"""The control API under /paper/: prices, depth, faults, events, a look inside. Never signed, loopback only.

Requests and answers are JSON, money and quantities in it are text. A refusal is HTTP 400; `error` says what is allowed.

    GET    /paper/state        accounts (newest 50 open orders and executions each), markets, sockets, faults
    GET    /paper/faults       the faults and events that exist, and the faults that are on
    POST   /paper/faults       {"name": "delay", "path": "/v5/order/*", "count": 1, "ms": 500} gives its id
    DELETE /paper/faults       all off
    DELETE /paper/faults/ID    one off
    POST   /paper/price        {"symbol": "BTCUSDT", "price": "50000"}: held there; with "hold": false it follows its
                               path from there; without a price it is let go
    POST   /paper/depth        {"symbol": "BTCUSDT", "levels": 5, "first_notional": "1000"}; "level_qty": "0.5" gives
                               every level that quantity, "refill_ms": 5000 lets what was taken come back bit by bit
    POST   /paper/events       {"name": "fill", "account": "main", "symbol": "BTCUSDT", "side": "Buy", "qty": "1"}
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

from risksvc.core.types import plain
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import VenueError, bad_params
from risksvc.venue.paper.events import EVENTS
from risksvc.venue.paper.faults import FAULTS
from risksvc.venue.paper.gateway import Gateway
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.messages import Incoming, Reply, encode, parameters
from risksvc.venue.paper.orders import Side
from risksvc.venue.paper.positions import Position
from risksvc.venue.paper.wire import Row, execution_row, order_row

PREFIX: Final = "/paper/"

_SHOWN: Final = 50
_FAULT_FIELDS: Final = ("name", "path", "account", "count")
_DEPTH_AMOUNTS: Final = ("half_spread_bps", "gap_bps", "first_notional", "growth_notional", "level_qty")
_DEPTH_COUNTS: Final = ("levels", "refill_ms")


class Control:
    """Answers control requests about a gateway and its engine."""

    def __init__(self, gateway: Gateway, *, sockets: Callable[[], list[Row]]) -> None:
        self._gateway = gateway
        self._sockets = sockets

    def answer(self, incoming: Incoming) -> Reply:
        """Answer a control request."""
        what, _, detail = incoming.path.removeprefix(PREFIX).partition("/")
        route = _ROUTES.get((incoming.method, what))
        if route is None:
            return Reply(404, encode({"error": f"{incoming.method} {incoming.path} is not part of the control API"}))
        try:
            params = {**parameters(incoming), **({"id": detail} if detail else {})}
            now_ms = self._gateway.clock()
            self._gateway.engine.advance(now_ms)
            return Reply(200, encode(route(self, Call(engine=self._gateway.engine, params=params, now_ms=now_ms))))
        except VenueError as error:
            return Reply(400, encode({"error": error.message, "retCode": error.code}))
        except ValueError as error:
            return Reply(400, encode({"error": str(error)}))

    def state(self, call: Call) -> Row:
        """Show accounts, markets, open sockets and faults."""
        return {
            "time": call.now_ms,
            "accounts": {name: _account_row(call, account) for name, account in call.engine.accounts.items()},
            "markets": {symbol: _market_row(market) for symbol, market in call.engine.markets.items()},
            "sockets": self._sockets(),
            "faults": [fault.row() for fault in self._gateway.faults],
        }

    def faults(self, _call: Call) -> Row:
        """Show what can be switched on or made to happen, and what is on."""
        known = {
            name: {"stage": kind.stage.name, "says": kind.says, "parameters": dict(kind.parameters)}
            for name, kind in FAULTS.items()
        }
        events = {name: event.says for name, event in EVENTS.items()}
        return {"known": known, "events": events, "on": [fault.row() for fault in self._gateway.faults]}

    def switch_on(self, call: Call) -> Row:
        """Switch a fault on."""
        values = {key: _number_or_text(key, value) for key, value in call.params.items() if key not in _FAULT_FIELDS}
        fault = self._gateway.faults.switch_on(
            call.required("name"),
            path=call.text("path") or "*",
            account=call.text("account"),
            count=call.integer("count"),
            **values,
        )
        return fault.row()

    def switch_off(self, call: Call) -> Row:
        """Switch one fault off, or all."""
        fault_id = call.integer("id")
        if fault_id is None:
            self._gateway.faults.clear_all()
        else:
            self._gateway.faults.clear(fault_id)
        return self.faults(call)

    def price(self, call: Call) -> Row:
        """Set, hold or let go of a price."""
        market = call.market()
        hold = "hold" not in call.params or call.flag("hold")
        call.engine.set_price(market.instrument.key, call.amount("price"), hold=hold, now_ms=call.now_ms)
        return _market_row(market)

    def depth(self, call: Call) -> Row:
        """Reshape the depth of an instrument."""
        market = call.market()
        amounts = {name: call.amount(name) for name in _DEPTH_AMOUNTS}
        counts = {name: call.integer(name) for name in _DEPTH_COUNTS}
        given: dict[str, Any] = {name: value for name, value in (amounts | counts).items() if value is not None}
        profile = replace(market.profile, **given)
        call.engine.set_depth(market.instrument.key, profile, now_ms=call.now_ms)
        return _market_row(market)

    def event(self, call: Call) -> Row:
        """Make something happen."""
        name = call.required("name")
        event = EVENTS.get(name)
        if event is None:
            raise bad_params(f"event {name!r} is unknown; known are {', '.join(EVENTS)}")
        return event.happen(call)


_ROUTES: Final[Mapping[tuple[str, str], Callable[[Control, Call], Row]]] = MappingProxyType(
    {
        ("GET", "state"): Control.state,
        ("GET", "faults"): Control.faults,
        ("POST", "faults"): Control.switch_on,
        ("DELETE", "faults"): Control.switch_off,
        ("POST", "price"): Control.price,
        ("POST", "depth"): Control.depth,
        ("POST", "events"): Control.event,
    }
)


def _account_row(call: Call, account: Account) -> Row:
    instruments = {symbol: market.instrument for symbol, market in call.engine.markets.items()}
    orders = islice(account.open_orders.newest_first(), _SHOWN)
    executions = islice(account.executions.newest_first(), _SHOWN)
    return {
        "wallets": {coin: plain(amount) for coin, amount in account.wallets.items()},
        "positions": {_position_name(each): plain(each.size) for each in account.positions.values()},
        "open_orders": len(account.open_orders),
        "closed_orders": len(account.closed_orders),
        "executions": len(account.executions),
        "newest_open_orders": [order_row(each, instrument=instruments[each.symbol]) for each in orders],
        "newest_executions": [execution_row(each, instrument=instruments[each.symbol]) for each in executions],
    }


def _position_name(position: Position) -> str:
    return f"{position.symbol}/{position.leg}" if position.leg else position.symbol


def _market_row(market: Market) -> Row:
    bid, ask = market.best_bid, market.best_ask
    return {
        "mid": plain(market.mid),
        "held": market.pinned is not None,
        "bid": plain(bid.price) if bid else "",
        "ask": plain(ask.price) if ask else "",
        "levels": {side.value: len(market.levels(side)) for side in Side},
        "resting": {side.value: len(resting) for side, resting in market.resting.items()},
        "seq": market.seq,
    }


def _number_or_text(key: str, value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise bad_params(f"{key}: a whole number or text is allowed")
    return value
