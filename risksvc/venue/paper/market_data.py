"""Public endpoints: instruments, time, tickers, depth. Reads only.

The category that the paper venue doesn't trade (option) answers with valid empty lists.
"""

from typing import Any, Final

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import TRADING, Instrument
from risksvc.venue.paper.orders import Side
from risksvc.venue.paper.paging import INSTRUMENT_PAGES, after_name, page
from risksvc.venue.paper.public_rows import depth_rows, instrument_row, ticker_row
from risksvc.venue.paper.wire import Row

_DEPTH_LIMIT: Final = 500
_DEPTH_DEFAULT: Final = 25


def server_time(call: Call) -> Row:
    """GET /v5/market/time."""
    now_ms = call.shown_ms
    return {"timeSecond": str(now_ms // 1_000), "timeNano": str(now_ms * 1_000_000)}


def instruments_info(call: Call) -> Row:
    """GET /v5/market/instruments-info, sorted by symbol; `Trading` ones unless another status is asked for."""
    category, after = call.category(), after_name(call)
    wanted = {"status": call.text("status") or TRADING, "base": call.text("baseCoin"), "symbol": call.text("symbol")}
    listed = sorted((market.instrument for market in call.engine.markets.values()), key=lambda each: each.symbol)
    rows = (each for each in listed if each.category == category and each.symbol > after and _is_wanted(each, wanted))
    found, cursor = page(rows, call=call, rule=INSTRUMENT_PAGES, cursor_of=lambda each: str(each.symbol))
    return {"category": category, "list": [instrument_row(each) for each in found], "nextPageCursor": cursor}


def tickers(call: Call) -> Row:
    """GET /v5/market/tickers: one instrument, or all of a category."""
    category = call.category()
    if call.text("symbol"):
        return {"category": category, "list": [ticker_row(call.market())]}
    base = call.text("baseCoin")
    markets = (
        market
        for market in call.engine.markets.values()
        if market.instrument.category == category and market.instrument.status == TRADING
    )
    return {
        "category": category,
        "list": [ticker_row(market) for market in markets if not base or market.instrument.base == base],
    }


def orderbook(call: Call) -> Row:
    """GET /v5/market/orderbook: what the depth holds now, best levels first."""
    call.category()
    market = call.market()
    limit = call.integer("limit")
    if limit is None:
        limit = _DEPTH_DEFAULT
    if not 1 <= limit <= _DEPTH_LIMIT:
        raise bad_params(f"params error: limit must lie between 1 and {_DEPTH_LIMIT}")
    return {
        "s": market.instrument.symbol,
        "b": depth_rows(market.levels(Side.BUY)[:limit]),
        "a": depth_rows(market.levels(Side.SELL)[:limit]),
        "ts": call.shown_ms,
        "u": market.update_id,
        "seq": market.seq,
        "cts": call.shown_ms,
    }


def _is_wanted(instrument: Instrument, wanted: dict[str, Any]) -> bool:
    return all(not value or getattr(instrument, name) == value for name, value in wanted.items())
