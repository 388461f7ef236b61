"""Private reads: positions, orders, executions, wallet, key and account information. Nothing here changes state.

Lists are newest first (positions and instruments: sorted by symbol), page by page, in constant time per row: a query
never walks through all orders of an account, only through the rows of its page and those that a filter skips.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from decimal import Decimal
from itertools import takewhile
from typing import Final

from risksvc.core.types import ZERO
from risksvc.venue.paper import stops
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import INVERSE, LINEAR, TRADED, Instrument, key_of
from risksvc.venue.paper.margin import Funds, dollar_price, funds
from risksvc.venue.paper.orders import Execution, Order
from risksvc.venue.paper.paging import (
    CLOSED_ORDER_PAGES,
    EXECUTION_PAGES,
    OPEN_ORDER_PAGES,
    POSITION_PAGES,
    PageRule,
    after_name,
    before_number,
    number_cursor,
    page,
    window,
)
from risksvc.venue.paper.positions import Position
from risksvc.venue.paper.public_rows import coin_info_row
from risksvc.venue.paper.wire import Row, coin_row, execution_row, order_row, position_row, wallet_row

# Linear lists must be narrowed by one of these.
_SCOPES: Final = ("symbol", "baseCoin", "settleCoin")


def position_list(call: Call) -> Row:
    """GET /v5/position/list: by symbol also when flat, else only what is held; a hedge has a row for each leg."""
    category = call.category()
    if category not in (LINEAR, INVERSE):
        return {"category": category, "list": [], "nextPageCursor": ""}
    _require_scope(call)
    found, cursor = page(_positions(call), call=call, rule=POSITION_PAGES, cursor_of=_position_name)
    return {"category": category, "list": _position_rows(call, found), "nextPageCursor": cursor}


def open_orders(call: Call) -> Row:
    """GET /v5/order/realtime: open orders newest first; one order by id also when it ended recently."""
    category = call.category()
    if category not in TRADED:
        return {"category": category, "list": [], "nextPageCursor": ""}
    if call.text("orderId") or call.text("orderLinkId"):
        return _orders_by_id(call, show=lambda order: order.is_open or call.owner.recently_closed(order))
    _require_scope(call)
    recent = call.integer("openOnly") not in (None, 0)
    log = call.owner.closed_orders if recent else call.owner.open_orders
    orders = log.newest_first(symbol=_asked_key(call), before=before_number(call))
    return _order_page(
        call, (order for order in orders if order.is_open or call.owner.recently_closed(order)), OPEN_ORDER_PAGES
    )


def order_history(call: Call) -> Row:
    """GET /v5/order/history: final orders, newest creation first; an id wins over the time window."""
    category = call.category()
    if category not in TRADED:
        return {"category": category, "list": [], "nextPageCursor": ""}
    if call.text("orderId") or call.text("orderLinkId"):
        return _orders_by_id(call, show=lambda order: not order.is_open)
    span, status = window(call), call.text("orderStatus")
    newest_first = call.owner.closed_orders.newest_first(symbol=_asked_key(call), before=before_number(call))
    recent = takewhile(lambda order: order.created_ms >= span.start_ms, newest_first)
    rows = (order for order in recent if order.created_ms <= span.end_ms and status in ("", order.status.value))
    return _order_page(call, rows, CLOSED_ORDER_PAGES)


def execution_list(call: Call) -> Row:
    """GET /v5/execution/list: newest first, of the last seven days by default; an order's id wins over the window."""
    category = call.category()
    if category not in TRADED:
        return {"category": category, "list": [], "nextPageCursor": ""}
    rows = (each for each in _executions(call) if _execution_fits(call, each))
    found, cursor = page(
        rows, call=call, rule=EXECUTION_PAGES, cursor_of=lambda each: number_cursor(each.number, each.at_ms)
    )
    shown = [execution_row(each, instrument=_instrument(call, each.symbol)) for each in found]
    return {"category": category, "list": shown, "nextPageCursor": cursor}


def wallet_balance(call: Call) -> Row:
    """GET /v5/account/wallet-balance of the unified account."""
    if call.required("accountType") != "UNIFIED":
        raise bad_params("accountType only support UNIFIED.")
    asked = [coin for coin in call.text("coin").split(",") if coin]
    account, markets = call.owner, call.engine.markets
    money_in = {coin: funds(account, coin, markets=markets) for coin in sorted(account.wallets)}
    prices = {coin: dollar_price(coin, markets=markets) for coin in money_in}
    coins = [
        coin_row(coin, funds=each, account=account, price=prices[coin])
        for coin, each in money_in.items()
        if not asked or coin in asked
    ]
    return {"list": [wallet_row(coins, totals=_total((each, prices[coin]) for coin, each in money_in.items()))]}


def query_api(call: Call) -> Row:
    """GET /v5/user/query-api: what the calling key may do."""
    rights = [] if call.read_only else ["Order", "Position"]
    return {
        "id": "1",
        "note": "paper venue",
        "apiKey": "",
        "readOnly": int(call.read_only),
        "secret": "",
        "permissions": {
            "ContractTrade": rights,
            "Spot": [] if call.read_only else ["SpotTrade"],
            "Wallet": [],
            "Options": [],
            "Derivatives": [] if call.read_only else ["DerivativesTrade"],
        },
        "ips": ["*"],
        "type": 1,
        "unified": 0,
        "uta": 1,
        "userID": 1,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
    }


def account_info(call: Call) -> Row:
    """GET /v5/account/info."""
    return {
        "marginMode": "REGULAR_MARGIN",
        "updatedTime": str(call.engine.started_ms),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def coin_info(call: Call) -> Row:
    """GET /v5/asset/coin/query-info."""
    listed = (market.instrument for market in call.engine.markets.values())
    coins = {coin for each in listed for coin in (each.base, each.quote, each.settle)}
    asked = call.text("coin")
    return {"rows": [coin_info_row(coin) for coin in sorted(coins) if asked in ("", coin)]}


def _positions(call: Call) -> Iterator[Position]:
    """Give the positions that a call asks for, as of the moment that it is allowed to see, by symbol and leg."""
    account, lag_ms = call.owner, call.view.position_lag_ms
    seen_ms = call.engine.now_ms - lag_ms

    def seen(symbol: str, leg: int) -> Position:
        return account.position_at(symbol, seen_ms, leg=leg) if lag_ms else account.position(symbol, leg)

    if call.text("symbol"):
        key = call.market().instrument.key
        yield from (seen(key, leg) for leg in account.legs)
        return
    after = after_name(call)
    for held in sorted(account.positions.values(), key=_position_name):
        position = seen(held.symbol, held.leg)
        if position.size and _position_name(position) > after and _in_scope(call, held.symbol):
            yield position


def _position_name(position: Position) -> str:
    """Give the name by which positions are sorted and pages are cut: the symbol, and the leg if there are legs."""
    return f"{position.symbol}/{position.leg}" if position.leg else position.symbol


def _position_rows(call: Call, positions: Iterable[Position]) -> list[Row]:
    markets, account = call.engine.markets, call.owner
    money_in: dict[str, Funds] = {}
    rows = []
    for position in positions:
        market = markets[position.symbol]
        coin = market.instrument.settle
        if coin not in money_in:
            money_in[coin] = funds(account, coin, markets=markets)
        rows.append(position_row(position, account=account, market=market, money_in=money_in[coin]))
    return rows


def _order_page(call: Call, orders: Iterable[Order], rule: PageRule) -> Row:
    wanted_kind = call.text("orderFilter")
    wanted = (order for order in orders if _in_scope(call, order.symbol) and stops.passes(order, wanted_kind))
    found, cursor = page(
        wanted, call=call, rule=rule, cursor_of=lambda order: number_cursor(order.number, order.created_ms)
    )
    rows = [order_row(order, instrument=_instrument(call, order.symbol)) for order in found]
    return {"category": call.category(), "list": rows, "nextPageCursor": cursor}


def _orders_by_id(call: Call, *, show: Callable[[Order], bool]) -> Row:
    order = call.owner.find(order_id=call.text("orderId"), link_id=call.text("orderLinkId"))
    fits = order is not None and _asked_key(call) in ("", order.symbol) and show(order)
    return _order_page(call, [order] if order is not None and fits else [], OPEN_ORDER_PAGES)


def _executions(call: Call) -> Iterator[Execution]:
    """Give an order's executions, or those in the call's time window, newest first."""
    before = before_number(call)
    order_id, link_id = call.text("orderId"), call.text("orderLinkId")
    if order_id or link_id:
        order = call.owner.find(order_id=order_id, link_id=link_id)
        fills = order.fills if order is not None else []
        return (each for each in reversed(fills) if before is None or each.number < before)
    span = window(call)
    newest_first = call.owner.executions.newest_first(symbol=_asked_key(call), before=before)
    recent = takewhile(lambda each: each.at_ms >= span.start_ms, newest_first)
    return (each for each in recent if each.at_ms <= span.end_ms)


def _execution_fits(call: Call, execution: Execution) -> bool:
    view, wanted = call.view, call.text("execType")
    if view.execution_lag_ms and execution.at_ms > call.engine.now_ms - view.execution_lag_ms:
        return False
    return (
        wanted in ("", execution.exec_type.value)
        and _asked_key(call) in ("", execution.symbol)
        and _instrument(call, execution.symbol).category == call.category()
    )


def _total(each: Iterable[tuple[Funds, Decimal]]) -> Funds:
    """Add up what is in several coins, in dollars."""
    rows = list(each)
    parts = (part.name for part in fields(Funds))
    return Funds(**{name: sum((getattr(row, name) * price for row, price in rows), start=ZERO) for name in parts})


def _instrument(call: Call, symbol: str) -> Instrument:
    return call.engine.markets[symbol].instrument


def _asked_key(call: Call) -> str:
    """Give the key of the instrument that a call asks for; empty when it asks for none."""
    symbol = call.text("symbol")
    return key_of(call.category(), symbol) if symbol else ""


def _in_scope(call: Call, symbol: str) -> bool:
    """Whether an instrument is of the category, settle coin and base coin that a call asks for."""
    instrument = _instrument(call, symbol)
    return (
        instrument.category == call.category()
        and call.text("settleCoin") in ("", instrument.settle)
        and call.text("baseCoin") in ("", instrument.base)
    )


def _require_scope(call: Call) -> None:
    if call.category() == LINEAR and not any(call.text(name) for name in _SCOPES):
        raise bad_params(f"Missing some parameters that must be filled in: one of {', '.join(_SCOPES)}")
