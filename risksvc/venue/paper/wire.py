"""Bybit v5's row shapes: how orders, executions, positions, wallets, instruments, tickers and depth look in JSON.

Shapes only: nothing is chosen or filtered here, nothing is changed. All prices, quantities and money are decimal
text; `seq` and `positionIdx` are numbers, times are text in milliseconds, as the venue has them. Keys that clients
test for by presence are always there (`tpslMode` on orders, `category` on executions, `openInterestValue` on
tickers).
"""

from collections.abc import Sequence
from typing import Any

from risksvc.core.types import ZERO, plain
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.depth import Level
from risksvc.venue.paper.instruments import COIN_NAMES, Instrument
from risksvc.venue.paper.margin import Funds, liquidation_price, position_initial_margin, position_maintenance
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Execution, Order
from risksvc.venue.paper.positions import Position

Row = dict[str, Any]


def envelope(result: object, *, time_ms: int) -> Row:
    """Wrap a result the way every successful answer is."""
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": time_ms}


def refusal(code: int, message: str, *, time_ms: int) -> Row:
    """Wrap a refusal: HTTP 200 with a code other than 0."""
    return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": time_ms}


def acknowledgement(order: Order) -> Row:
    """Answer create, amend and cancel: only the ids, never a state."""
    return {"orderId": order.order_id, "orderLinkId": order.link_id}


def order_row(order: Order, *, settle: str) -> Row:
    """Show an order as order/realtime and order/history do."""
    return {
        "symbol": order.symbol,
        "orderType": order.order_type.value,
        "orderLinkId": order.link_id,
        "orderId": order.order_id,
        "cancelType": "UNKNOWN",
        "avgPrice": plain(order.average_price) if order.filled else "",
        "stopOrderType": "",
        "lastPriceOnCreated": plain(order.mark_at_creation),
        "orderStatus": order.status.value,
        "createType": order.created_by,
        "takeProfit": "",
        "stopLoss": "",
        "cumExecValue": plain(order.value),
        "tpslMode": "",
        "smpType": "None",
        "triggerDirection": 0,
        "blockTradeId": "",
        "cumFeeDetail": {settle: plain(order.fees)} if order.fees else {},
        "rejectReason": order.ending.value,
        "isLeverage": "",
        "price": plain(order.price),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "positionIdx": 0,
        "timeInForce": order.time_in_force.value,
        "leavesValue": plain(order.remaining * order.price),
        "leavesQty": plain(order.remaining),
        "side": order.side.value,
        "triggerPrice": "",
        "cumExecFee": plain(order.fees),
        "cumExecQty": plain(order.filled),
        "closeOnTrigger": False,
        "reduceOnly": order.reduce_only,
        "qty": plain(order.qty),
    }


def execution_row(execution: Execution, *, instrument: Instrument) -> Row:
    """Show an execution as execution/list does."""
    return {
        "category": instrument.category,
        "symbol": execution.symbol,
        "orderId": execution.order_id,
        "orderLinkId": execution.link_id,
        "side": execution.side.value,
        "orderPrice": plain(execution.order_price),
        "orderQty": plain(execution.order_qty),
        "leavesQty": plain(execution.leaves),
        "createType": execution.created_by,
        "orderType": execution.order_type.value,
        "stopOrderType": "UNKNOWN",
        "execFee": plain(execution.fee),
        "feeRate": plain(execution.fee_rate),
        "feeCurrency": instrument.settle,
        "execId": execution.exec_id,
        "execPrice": plain(execution.price),
        "execQty": plain(execution.qty),
        "execType": execution.exec_type.value,
        "execValue": plain(execution.price * execution.qty),
        "execPnl": plain(execution.pnl),
        "execTime": str(execution.at_ms),
        "isMaker": execution.is_maker,
        "markPrice": plain(execution.mark),
        "indexPrice": "",
        "blockTradeId": "",
        "closedSize": plain(execution.closed),
        "seq": execution.seq,
    }


def position_row(position: Position, *, account: Account, market: Market, money_in: Funds) -> Row:
    """Show a one-way position as position/list does; `positionValue` is the value at entry, as on Bybit."""
    liquidation = liquidation_price(position, market=market, money_in=money_in)
    flat = not position.size
    return {
        "category": market.instrument.category,
        "positionIdx": 0,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": position.symbol,
        "side": position.side.value if position.side else "",
        "size": plain(abs(position.size)),
        "avgPrice": plain(position.average_price),
        "positionValue": "" if flat else plain(money(position.entry_value)),
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": plain(account.leverage),
        "markPrice": plain(market.mid),
        "liqPrice": plain(liquidation) if liquidation is not None else "",
        "bustPrice": "",
        "positionIM": "" if flat else plain(position_initial_margin(position, account)),
        "positionMM": "" if flat else plain(position_maintenance(position, market)),
        "positionBalance": "0" if flat else plain(position_initial_margin(position, account)),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": "" if flat else plain(money(position.unrealised(market.mid))),
        "curRealisedPnl": plain(position.realised),
        "cumRealisedPnl": plain(position.realised_total),
        "adlRankIndicator": 0 if flat else 2,
        "isReduceOnly": False,
        "seq": position.seq,
        "createdTime": str(position.created_ms) if position.created_ms else "",
        "updatedTime": str(position.updated_ms) if position.updated_ms else "",
    }


def coin_row(coin: str, *, funds: Funds, account: Account) -> Row:
    """Show one coin of a unified wallet."""
    return {
        "coin": coin,
        "equity": plain(money(funds.equity)),
        "usdValue": plain(money(funds.equity)),
        "walletBalance": plain(funds.wallet),
        "availableToWithdraw": "",
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": plain(funds.order_margin),
        "totalPositionIM": plain(funds.position_margin),
        "totalPositionMM": plain(funds.maintenance),
        "unrealisedPnl": plain(money(funds.unrealised)),
        "cumRealisedPnl": plain(account.realised.get(coin, ZERO)),
        "bonus": "0",
        "locked": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "spotHedgingQty": "0",
    }


def wallet_row(coins: Sequence[Row], *, totals: Funds) -> Row:
    """Show a unified wallet; totals take every settle coin for one US dollar."""
    return {
        "accountType": "UNIFIED",
        "accountIMRate": "",
        "accountMMRate": "",
        "accountLTV": "0",
        "totalEquity": plain(money(totals.equity)),
        "totalWalletBalance": plain(totals.wallet),
        "totalMarginBalance": plain(money(totals.equity)),
        "totalAvailableBalance": plain(money(totals.available)),
        "totalPerpUPL": plain(money(totals.unrealised)),
        "totalInitialMargin": plain(totals.position_margin + totals.order_margin),
        "totalMaintenanceMargin": plain(totals.maintenance),
        "coin": list(coins),
    }


def instrument_row(instrument: Instrument) -> Row:
    """Show an instrument as market/instruments-info does."""
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
    return {
        "symbol": market.instrument.symbol,
        "lastPrice": plain(market.last),
        "indexPrice": plain(market.mid),
        "markPrice": plain(market.mid),
        "prevPrice24h": plain(market.opening),
        "price24hPcnt": plain(round(change, 6)),
        "highPrice24h": plain(market.high),
        "lowPrice24h": plain(market.low),
        "prevPrice1h": plain(market.opening),
        "openInterest": "0",
        "openInterestValue": "0",
        "turnover24h": plain(money(market.turnover)),
        "volume24h": plain(market.volume),
        "fundingRate": "0",
        "nextFundingTime": "0",
        "bid1Price": plain(bid.price) if bid else "",
        "bid1Size": plain(bid.size) if bid else "",
        "ask1Price": plain(ask.price) if ask else "",
        "ask1Size": plain(ask.size) if ask else "",
        "deliveryTime": "0",
    }


def depth_rows(levels: Sequence[Level]) -> list[tuple[str, str]]:
    """Show one side of the depth."""
    return [(plain(level.price), plain(level.size)) for level in levels]


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
