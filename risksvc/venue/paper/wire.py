"""Bybit v5's private row shapes: how orders, executions, positions, wallets and log entries look in JSON.

Shapes only: nothing is chosen or filtered here, nothing is changed. All prices, quantities and money are decimal
text; `seq` and `positionIdx` are numbers, times are text in milliseconds, as the venue has them. Keys that clients
test for by presence are always there (`tpslMode` on orders of contracts and only there, `category` on executions).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from risksvc.core.types import ZERO, plain
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.ledger_log import EntryType, LedgerEntry
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


def order_row(order: Order, *, instrument: Instrument) -> Row:
    """Show an order as order/realtime and order/history do."""
    remaining_value = instrument.value(order.remaining, order.price) if order.price else ZERO
    row = {
        "symbol": instrument.symbol,
        "orderType": order.order_type.value,
        "orderLinkId": order.link_id,
        "orderId": order.order_id,
        "cancelType": "UNKNOWN",
        "avgPrice": plain(order.average_price) if order.filled else "",
        "stopOrderType": order.stop_type,
        "lastPriceOnCreated": plain(order.mark_at_creation),
        "orderStatus": order.status.value,
        "createType": order.created_by,
        "takeProfit": _optional(order.take_profit),
        "stopLoss": _optional(order.stop_loss),
        "cumExecValue": plain(order.value),
        "smpType": "None",
        "triggerDirection": _direction(order),
        "blockTradeId": "",
        "cumFeeDetail": {order.fee_coin: plain(order.fees)} if order.fees else {},
        "rejectReason": order.ending.value,
        "isLeverage": "0" if order.spot else "",
        "price": "0" if order.is_waiting else plain(order.price),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "positionIdx": order.leg,
        "timeInForce": order.time_in_force.value,
        "leavesValue": plain(remaining_value),
        "leavesQty": plain(order.remaining),
        "side": order.side.value,
        "triggerPrice": plain(order.trigger.price) if order.trigger else "",
        "triggerBy": "MarkPrice" if order.trigger else "",
        "cumExecFee": plain(order.fees),
        "cumExecQty": plain(order.filled),
        "closeOnTrigger": order.trigger is not None,
        "reduceOnly": order.reduce_only,
        "qty": plain(order.qty),
    }
    return row | ({"marketUnit": "baseCoin"} if order.spot else {"tpslMode": _stop_mode(order)})


def _optional(price: Decimal | None) -> str:
    return "" if price is None else plain(price)


def _direction(order: Order) -> int:
    """Give Bybit's `triggerDirection`: 1 upwards, 2 downwards, 0 for an ordinary order."""
    if order.trigger is None:
        return 0
    return 1 if order.trigger.rises else 2


def _stop_mode(order: Order) -> str:
    has_stops = order.trigger is not None or order.take_profit is not None or order.stop_loss is not None
    return "Partial" if has_stops else ""


def execution_row(execution: Execution, *, instrument: Instrument) -> Row:
    """Show an execution as execution/list does."""
    return {
        "category": instrument.category,
        "symbol": instrument.symbol,
        "orderId": execution.order_id,
        "orderLinkId": execution.link_id,
        "side": execution.side.value,
        "orderPrice": plain(execution.order_price),
        "orderQty": plain(execution.order_qty),
        "leavesQty": plain(execution.leaves),
        "createType": execution.created_by,
        "orderType": execution.order_type.value if execution.order_type else "UNKNOWN",
        "stopOrderType": execution.stop_type or "UNKNOWN",
        "execFee": plain(execution.fee),
        "feeRate": plain(execution.fee_rate),
        "feeCurrency": execution.fee_coin,
        "execId": execution.exec_id,
        "execPrice": plain(execution.price),
        "execQty": plain(execution.qty),
        "execType": execution.exec_type.value,
        "execValue": plain(execution.value),
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
    """Show a position, or a leg of one, as position/list does; `positionValue` is the value at entry, as on Bybit."""
    liquidation = liquidation_price(position, market=market, money_in=money_in)
    flat = not position.size
    return {
        "category": market.instrument.category,
        "positionIdx": position.leg,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "symbol": market.instrument.symbol,
        "side": position.side.value if position.side else "",
        "size": plain(abs(position.size)),
        "avgPrice": plain(position.average_price),
        "positionValue": "" if flat else plain(position.entry_value),
        "tradeMode": 0,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "leverage": plain(account.leverage),
        "markPrice": plain(market.mid),
        "liqPrice": plain(liquidation) if liquidation is not None else "",
        "bustPrice": "",
        "positionIM": "" if flat else plain(position_initial_margin(position, account, market)),
        "positionMM": "" if flat else plain(position_maintenance(position, market)),
        "positionBalance": "0" if flat else plain(position_initial_margin(position, account, market)),
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": "" if flat else plain(position.unrealised(market.mid)),
        "curRealisedPnl": plain(position.realised),
        "cumRealisedPnl": plain(position.realised_total),
        "adlRankIndicator": 0 if flat else 2,
        "isReduceOnly": False,
        "seq": position.seq,
        "createdTime": str(position.created_ms) if position.created_ms else "",
        "updatedTime": str(position.updated_ms) if position.updated_ms else "",
    }


def coin_row(coin: str, *, funds: Funds, account: Account, price: Decimal) -> Row:
    """Show one coin of a unified wallet; `price` is what it is worth in dollars."""
    return {
        "coin": coin,
        "equity": plain(funds.equity),
        "usdValue": plain(money(funds.equity * price)),
        "walletBalance": plain(funds.wallet),
        "availableToWithdraw": "",
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": plain(funds.order_margin),
        "totalPositionIM": plain(funds.position_margin),
        "totalPositionMM": plain(funds.maintenance),
        "unrealisedPnl": plain(funds.unrealised),
        "cumRealisedPnl": plain(account.realised.get(coin, ZERO)),
        "bonus": "0",
        "locked": plain(funds.locked),
        "marginCollateral": True,
        "collateralSwitch": True,
        "spotHedgingQty": "0",
    }


def wallet_row(coins: Sequence[Row], *, totals: Funds) -> Row:
    """Show a unified wallet; totals are in dollars."""
    return {
        "accountType": "UNIFIED",
        "accountIMRate": "",
        "accountMMRate": "",
        "accountLTV": "0",
        "totalEquity": plain(money(totals.equity)),
        "totalWalletBalance": plain(money(totals.wallet)),
        "totalMarginBalance": plain(money(totals.equity)),
        "totalAvailableBalance": plain(money(totals.available)),
        "totalPerpUPL": plain(money(totals.unrealised)),
        "totalInitialMargin": plain(money(totals.position_margin + totals.order_margin)),
        "totalMaintenanceMargin": plain(money(totals.maintenance)),
        "coin": list(coins),
    }


def ledger_row(entry: LedgerEntry, *, instrument: Instrument | None) -> Row:
    """Show an entry of the transaction log as account/transaction-log does; a transfer has no instrument."""
    cause = entry.execution
    is_settlement = entry.entry_type is EntryType.SETTLEMENT
    return {
        "id": f"{entry.at_ms}_{entry.number}",
        "symbol": instrument.symbol if instrument else "",
        "category": instrument.category if instrument else "",
        "side": cause.side.value if cause else "None",
        "transactionTime": str(entry.at_ms),
        "type": entry.entry_type.value,
        "transSubType": "",
        "qty": plain(cause.qty if cause else abs(entry.cash_flow)),
        "size": plain(entry.size),
        "currency": entry.coin,
        "tradePrice": plain(cause.price) if cause else "",
        "funding": plain(entry.funding) if is_settlement else "",
        "fee": plain(entry.fee),
        "cashFlow": plain(entry.cash_flow),
        "change": plain(entry.change),
        "cashBalance": plain(entry.cash_balance),
        "feeRate": plain(cause.fee_rate) if cause else "",
        "bonusChange": "",
        "tradeId": cause.exec_id if cause else "",
        "orderId": cause.order_id if cause else "",
        "orderLinkId": cause.link_id if cause else "",
    }
