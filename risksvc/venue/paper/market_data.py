"""Public endpoints: instruments, time, tickers, depth, candles. Reads only.

The category that the paper venue doesn't trade (option) answers with valid empty lists.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import TRADING, Instrument
from risksvc.venue.paper.orders import Side
from risksvc.venue.paper.paging import INSTRUMENT_PAGES, KLINE_PAGES, after_name, page, page_size
from risksvc.venue.paper.prices import BAR_MS
from risksvc.venue.paper.public_rows import candle_row, depth_rows, instrument_row, ticker_row
from risksvc.venue.paper.wire import Row

if TYPE_CHECKING:
    from risksvc.venue.paper.klines import Candle

_DEPTH_LIMIT: Final = 500
_DEPTH_DEFAULT: Final = 25
_MINUTE: Final = "1"


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


def kline(call: Call) -> Row:
    """GET /v5/market/kline: minutes that have been, newest first, with what was traded in them."""
    return _klines(call, traded=True)


def mark_price_kline(call: Call) -> Row:
    """GET /v5/market/mark-price-kline: the same without volume; the mark is the mid of the depth."""
    return _klines(call, traded=False)


def _klines(call: Call, *, traded: bool) -> Row:
    category, market = call.category(), call.market()
    if call.required("interval") != _MINUTE:
        raise bad_params("params error: the paper venue keeps candles of one minute: interval 1")
    size, start, end = page_size(call, KLINE_PAGES), call.integer("start"), call.integer("end")
    if end is None:
        end = call.now_ms if start is None else start + (size - 1) * BAR_MS
    newest: deque[Candle] = deque(market.candles.between(start or 0, end, now_ms=call.now_ms), maxlen=size)
    rows = [candle_row(each, traded=traded) for each in reversed(newest)]
    return {"symbol": market.instrument.symbol, "category": category, "list": rows}


def _is_wanted(instrument: Instrument, wanted: dict[str, Any]) -> bool:
    return all(not value or getattr(instrument, name) == value for name, value in wanted.items())
