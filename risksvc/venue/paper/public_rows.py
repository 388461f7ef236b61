"""Bybit v5's public row shapes: how instruments, tickers, depth, candles and coins look in JSON.

Shapes only, like `wire.py`. A key that clients test for by presence is there for contracts and not for spot pairs
(`openInterestValue` on tickers).
"""

from collections.abc import Sequence

from risksvc.core.types import plain
from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.depth import Level
from risksvc.venue.paper.instruments import COIN_NAMES, Instrument
from risksvc.venue.paper.klines import Candle
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.wire import Row


def instrument_row(instrument: Instrument) -> Row:
    """Show an instrument as market/instruments-info does, which describes contracts and spot pairs differently."""
    return _spot_row(instrument) if instrument.is_spot else _contract_row(instrument)


def _spot_row(instrument: Instrument) -> Row:
    return {
        "symbol": instrument.symbol,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "innovation": "0",
        "status": instrument.status,
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(instrument.step),
            "quotePrecision": plain(instrument.tick * instrument.step),
            "minOrderQty": plain(instrument.min_qty),
            "maxOrderQty": plain(instrument.max_qty),
            "minOrderAmt": plain(instrument.min_notional),
            "maxOrderAmt": plain(instrument.max_qty * instrument.price),
        },
        "priceFilter": {"tickSize": plain(instrument.tick)},
        "riskParameters": {"priceLimitRatioX": plain(instrument.price_limit)},
    }


def _contract_row(instrument: Instrument) -> Row:
    return {
        "symbol": instrument.symbol,
        "contractType": instrument.contract_type,
        "status": instrument.status,
        "baseCoin": instrument.base,
        "quoteCoin": instrument.quote,
        "settleCoin": instrument.settle,
        "launchTime": str(instrument.launched_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(instrument.tick.normalize().as_tuple().exponent))),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": plain(instrument.max_leverage), "leverageStep": "0.01"},
        "priceFilter": {
            "minPrice": plain(instrument.tick),
            "maxPrice": plain(instrument.max_price),
            "tickSize": plain(instrument.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(instrument.max_qty),
            "minOrderQty": plain(instrument.min_qty),
            "qtyStep": plain(instrument.step),
            "postOnlyMaxOrderQty": plain(instrument.max_qty),
            "maxMktOrderQty": plain(instrument.max_qty),
            "minNotionalValue": plain(instrument.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "copyTrading": "none",
        "isPreListing": False,
    }


def ticker_row(market: Market) -> Row:
    """Show an instrument's prices as market/tickers does; mark and index are the mid of the depth."""
    bid, ask = market.best_bid, market.best_ask
    change = (market.mid - market.opening) / market.opening
    row = {
        "symbol": market.instrument.symbol,
        "lastPrice": plain(market.last),
        "prevPrice24h": plain(market.opening),
        "price24hPcnt": plain(round(change, 6)),
        "highPrice24h": plain(market.high),
        "lowPrice24h": plain(market.low),
        "turnover24h": plain(money(market.turnover)),
        "volume24h": plain(market.volume),
        "bid1Price": plain(bid.price) if bid else "",
        "bid1Size": plain(bid.size) if bid else "",
        "ask1Price": plain(ask.price) if ask else "",
        "ask1Size": plain(ask.size) if ask else "",
    }
    return row | ({"usdIndexPrice": ""} if market.instrument.is_spot else _contract_prices(market))


def _contract_prices(market: Market) -> Row:
    return {
        "indexPrice": plain(market.mid),
        "markPrice": plain(market.mid),
        "prevPrice1h": plain(market.opening),
        "openInterest": "0",
        "openInterestValue": "0",
        "fundingRate": "0",
        "nextFundingTime": "0",
        "deliveryTime": "0",
    }


def depth_rows(levels: Sequence[Level]) -> list[tuple[str, str]]:
    """Show one side of the depth."""
    return [(plain(level.price), plain(level.size)) for level in levels]


def candle_row(candle: Candle, *, traded: bool) -> list[str]:
    """Show a minute as market/kline does; `traded`: with volume and turnover."""
    prices = [plain(price) for price in (candle.open, candle.high, candle.low, candle.close)]
    return [str(candle.start_ms), *prices, *([plain(candle.volume), plain(money(candle.turnover))] if traded else [])]


def coin_info_row(coin: str) -> Row:
    """Show a coin as asset/coin/query-info does; nothing can be deposited or withdrawn on paper."""
    chain = {
        "chain": coin,
        "chainType": coin,
        "chainDeposit": "0",
        "chainWithdraw": "0",
        "withdrawFee": "0",
        "minAccuracy": "8",
    }
    return {"coin": coin, "name": COIN_NAMES.get(coin, coin), "remainAmount": "0", "chains": [chain]}
