"""Entering one fill into the books: position, wallet, order, executions, the day's figures.

Bookkeeping only: how much an order trades was decided before, whether it is complete is seen after. No I/O, no clock.
Invariant: the position is the sum of the account's executions, the wallet that of their profits and fees.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from risksvc.core.types import ZERO
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import money
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import ExecType, Execution, Order
from risksvc.venue.paper.positions import Change, Fill, apply_fill


class FillId(NamedTuple):
    """What names a fill: its id, and when it happened in milliseconds."""

    exec_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill on its way into the books."""

    price: Decimal
    qty: Decimal
    is_maker: bool
    exec_type: ExecType = ExecType.TRADE


def settle(order: Order, trade: Trade, *, account: Account, market: Market, fill_id: FillId) -> None:
    """Enter a fill of `order` everywhere; zeros are shared, since most fills have some and many fills are kept."""
    rate = market.instrument.maker_fee if trade.is_maker else market.instrument.taker_fee
    value = trade.price * trade.qty
    fee = money(value * rate)
    change = _book(order, trade, account=account, market=market, fee=fee, at_ms=fill_id.at_ms)
    order.filled += trade.qty
    order.value += value
    order.fees += fee
    order.updated_ms = fill_id.at_ms
    market.traded(trade.price, trade.qty)
    execution = Execution(
        number=account.next_execution_number(),
        exec_id=fill_id.exec_id,
        symbol=order.symbol,
        order_id=order.order_id,
        link_id=order.link_id,
        side=order.side,
        order_type=order.order_type,
        order_price=order.price,
        order_qty=order.qty,
        created_by=order.created_by,
        price=trade.price,
        qty=trade.qty,
        fee=fee,
        fee_rate=rate,
        leaves=order.qty - order.filled or ZERO,
        closed=change.closed or ZERO,
        pnl=change.pnl or ZERO,
        mark=market.mid,
        is_maker=trade.is_maker,
        exec_type=trade.exec_type,
        seq=market.seq,
        at_ms=fill_id.at_ms,
    )
    order.fills.append(execution)
    account.executions.add(execution)


def _book(order: Order, trade: Trade, *, account: Account, market: Market, fee: Decimal, at_ms: int) -> Change:
    """Change what is held, what is in the wallet and what the order keeps back."""
    coin = market.instrument.settle
    fill = Fill(side=order.side, qty=trade.qty, price=trade.price, fee=fee, seq=market.seq, at_ms=at_ms)
    change = apply_fill(account.position(order.symbol), fill)
    account.hold(change.position)
    account.credit(coin, change.pnl - fee)
    account.release(order, trade.qty, coin=coin)
    return change
