"""Entering one fill into the books: position or balances, wallet, order, executions, log, the day's figures.

Bookkeeping only: how much an order trades was decided before, whether it is complete is seen after. No I/O, no clock.
Invariants: a position is the sum of the account's executions of its leg, a wallet that of their profits and fees (of
what they exchanged, in spot), of funding and of transfers; no amount is rounded twice.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from risksvc.core.types import ZERO
from risksvc.venue.paper import ledger_log, spot
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import ExecType, Execution, Order
from risksvc.venue.paper.positions import Fill, apply_fill


class FillId(NamedTuple):
    """What names a fill: its id, and when it happened in milliseconds."""

    exec_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One fill on its way into the books; `fee_rate` None means the instrument's maker or taker fee."""

    price: Decimal
    qty: Decimal
    is_maker: bool
    exec_type: ExecType = ExecType.TRADE
    fee_rate: Decimal | None = None


class _Effect(NamedTuple):
    """What a fill did to position and wallets, as far as its execution shows it."""

    fee: Decimal
    closed: Decimal
    pnl: Decimal


def settle(order: Order, trade: Trade, *, account: Account, market: Market, fill_id: FillId) -> None:
    """Enter a fill of `order` everywhere; zeros are shared, since most fills have some and many fills are kept."""
    instrument = market.instrument
    rate = trade.fee_rate
    if rate is None:
        rate = instrument.maker_fee if trade.is_maker else instrument.taker_fee
    value = instrument.value(trade.qty, trade.price)
    if order.spot:
        effect = _exchange(order, trade, account=account, market=market, rate=rate)
    else:
        effect = _book(order, trade, account=account, market=market, rate=rate, at_ms=fill_id.at_ms)
    order.filled += trade.qty
    order.value += value
    order.fees += effect.fee
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
        value=value,
        fee=effect.fee,
        fee_coin=order.fee_coin,
        fee_rate=rate,
        leaves=order.qty - order.filled or ZERO,
        closed=effect.closed or ZERO,
        pnl=effect.pnl or ZERO,
        mark=market.mid,
        is_maker=trade.is_maker,
        exec_type=trade.exec_type,
        seq=market.seq,
        at_ms=fill_id.at_ms,
        leg=order.leg,
        stop_type=order.stop_type,
    )
    order.fills.append(execution)
    account.executed(execution)
    account.changed(order)
    _log(execution, order, account=account, market=market)


def _book(order: Order, trade: Trade, *, account: Account, market: Market, rate: Decimal, at_ms: int) -> _Effect:
    """Change what is held, what is in the wallet and what the order keeps back."""
    instrument = market.instrument
    fee = instrument.rounded(instrument.value(trade.qty, trade.price) * rate)
    fill = Fill(side=order.side, qty=trade.qty, price=trade.price, fee=fee, seq=market.seq, at_ms=at_ms)
    change = apply_fill(account.position(order.symbol, order.leg, inverse=order.inverse), fill)
    account.hold(change.position)
    account.credit(instrument.settle, change.pnl - fee)
    account.release(order, trade.qty, coin=instrument.settle)
    return _Effect(fee, change.closed, change.pnl)


def _exchange(order: Order, trade: Trade, *, account: Account, market: Market, rate: Decimal) -> _Effect:
    """Give one coin for the other, and give back what the order kept of the first."""
    done = spot.exchange(market.instrument, order.side, qty=trade.qty, price=trade.price, rate=rate)
    account.move(done.paid_coin, -done.paid)
    account.move(done.received_coin, done.received - done.fee)
    account.release(order, trade.qty, coin=done.paid_coin)
    return _Effect(done.fee, ZERO, ZERO)


def _log(execution: Execution, order: Order, *, account: Account, market: Market) -> None:
    """Write the transaction log: one entry, or one for each coin that changed hands."""
    instrument = market.instrument
    if not order.spot:
        ledger_log.enter_execution(
            account, execution, coin=instrument.settle, cash_flow=execution.pnl, fee=execution.fee
        )
        return
    paid = spot.cost(order.side, qty=execution.qty, price=execution.price)
    received = spot.cost(order.side.opposite, qty=execution.qty, price=execution.price)
    ledger_log.enter_execution(account, execution, coin=spot.paid_coin(instrument, order.side), cash_flow=-paid)
    ledger_log.enter_execution(account, execution, coin=order.fee_coin, cash_flow=received, fee=execution.fee)
