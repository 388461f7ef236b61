"""What a venue does to an account that nobody asked for: liquidation, ADL, funding, delivery, transfers, delisting.

Each function acts once, at the engine's present time, and writes the executions and log entries that Bybit would. A
refusal (`VenueError`) leaves everything as it was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from risksvc.core.types import ZERO
from risksvc.venue.paper import ledger_log, stops
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.instruments import CLOSED
from risksvc.venue.paper.ledger_log import LedgerEntry
from risksvc.venue.paper.margin import funds
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.matching import Matching
from risksvc.venue.paper.orders import (
    ONE_WAY,
    Ending,
    ExecType,
    Execution,
    Order,
    OrderRequest,
    OrderType,
    Side,
    StopType,
)
from risksvc.venue.paper.positions import Position

LIQUIDATED = "CreateByLiq"
DELEVERAGED = "CreateByAdl_PassThrough"
SETTLED = "CreateBySettle"


def liquidate(
    engine: Matching, account: Account, symbol: str, *, qty: Decimal | None = None, leg: int = ONE_WAY
) -> Order:
    """Close a position, or `qty` of it, by force at the mid."""
    market, position = _held(engine, account, symbol, leg=leg, purpose="liquidate")
    request = _closing(position, qty=qty, price=None, created_by=LIQUIDATED)
    return engine.fill(engine.candidate(account, market, request), exec_type=ExecType.BUST_TRADE)


def deleverage(
    engine: Matching,
    account: Account,
    symbol: str,
    *,
    qty: Decimal | None = None,
    price: Decimal | None = None,
    leg: int = ONE_WAY,
) -> Order:
    """Close a winning position, or `qty` of it, against somebody else's liquidation: at `price`, or the mid."""
    market, position = _held(engine, account, symbol, leg=leg, purpose="deleverage")
    _require_price(market, price)
    request = _closing(position, qty=qty, price=price, created_by=DELEVERAGED)
    return engine.fill(engine.candidate(account, market, request), exec_type=ExecType.ADL_TRADE)


def fund(engine: Matching, market: Market, rate: Decimal, *, accounts: Iterable[Account]) -> list[Execution]:
    """Settle funding at the mark: longs pay `rate` of their position's value to shorts, or receive a negative one's."""
    _require_contract(market)
    market.seq += 1
    return [
        _pay_funding(engine, market, rate, account=account, position=position)
        for account in accounts
        for position in _positions(account, market)
    ]


def deliver(engine: Matching, market: Market, price: Decimal | None, *, exec_type: ExecType) -> list[Order]:
    """End a contract: cancel its orders, close every position at `price` (the mid without one), trade it no more."""
    _require_contract(market)
    _require_price(market, price)
    delist(engine, market, status=CLOSED)
    orders = []
    for account in engine.accounts.values():
        for position in list(_positions(account, market)):
            request = _closing(position, qty=None, price=price, created_by=SETTLED)
            candidate = engine.candidate(account, market, request)
            orders.append(engine.fill(candidate, exec_type=exec_type, fee_rate=ZERO))
    return orders


def delist(engine: Matching, market: Market, *, status: str) -> list[Order]:
    """Stop trading an instrument and cancel its orders; positions stay until they are delivered."""
    market.instrument = replace(market.instrument, status=status)
    cancelled = []
    for account in engine.accounts.values():
        for order in list(account.open_orders.newest_first(symbol=market.instrument.key)):
            engine.end_unfilled(account, market, order, ending=Ending.REJECTED)
            cancelled.append(order)
    return cancelled


def transfer(engine: Matching, account: Account, coin: str, amount: Decimal) -> LedgerEntry:
    """Move `amount` of a coin into the account, out of it when negative; never more than is free."""
    if not amount:
        raise bad_params("amount: above 0 transfers into the account, below 0 out of it")
    free = funds(account, coin, markets=engine.markets).available
    if -amount > free:
        raise VenueError(RetCode.BALANCE, f"only {free} {coin} of {account.name} can be transferred out")
    account.move(coin, amount)
    return ledger_log.enter_transfer(account, coin, amount, at_ms=engine.now_ms)


def hang_stops(
    engine: Matching,
    account: Account,
    market: Market,
    *,
    prices: Mapping[StopType, Decimal | None],
    qty: Decimal | None,
    leg: int = ONE_WAY,
) -> list[Order]:
    """Put stops on a position or `qty` of it; those put on together end together."""
    _, position = _held(engine, account, market.instrument.key, leg=leg, purpose="guard")
    closing = _closing(position, qty=qty, price=None, created_by="")
    parent = engine.next_id()
    triggers = [
        stops.trigger_of(stop_type, price, opened_by=closing.side.opposite, parent=parent)
        for stop_type, price in prices.items()
        if price
    ]
    if not triggers:
        raise bad_params("takeProfit or stopLoss is required")
    for trigger in triggers:
        _require_price(market, trigger.price)
        if trigger.is_reached(market.mid):
            raise bad_params(f"{trigger.stop_type}: {trigger.price} is reached already, the mark is {market.mid}")
    return [engine.wait(account, market, trigger, qty=closing.qty, leg=leg) for trigger in triggers]


def _held(engine: Matching, account: Account, symbol: str, *, leg: int, purpose: str) -> tuple[Market, Position]:
    market = engine.market(symbol)
    position = account.position(symbol, leg)
    if not position.size:
        raise VenueError(RetCode.REDUCE_ONLY, f"{account.name} holds no {market.instrument.symbol} to {purpose}")
    return market, position


def _closing(position: Position, *, qty: Decimal | None, price: Decimal | None, created_by: str) -> OrderRequest:
    held = abs(position.size)
    if qty is not None and not 0 < qty <= held:
        raise bad_params(f"Qty invalid: between 0 and the position's {held} is allowed")
    return OrderRequest(
        symbol=position.symbol,
        side=Side.SELL if position.size > 0 else Side.BUY,
        order_type=OrderType.MARKET,
        qty=qty or held,
        price=price,
        reduce_only=position.leg != ONE_WAY,
        created_by=created_by,
        leg=position.leg,
    )


def _positions(account: Account, market: Market) -> Iterable[Position]:
    return [each for each in account.held() if each.symbol == market.instrument.key]


def _pay_funding(engine: Matching, market: Market, rate: Decimal, *, account: Account, position: Position) -> Execution:
    instrument, mark = market.instrument, market.mid
    value = position.value(mark)
    paid = instrument.rounded(value * rate) * (1 if position.size > 0 else -1)
    account.hold(position.after_funding(paid, seq=market.seq, at_ms=engine.now_ms))
    account.credit(instrument.settle, -paid)
    execution = Execution(
        number=account.next_execution_number(),
        exec_id=engine.next_id(),
        symbol=position.symbol,
        order_id=engine.next_id(),
        link_id="",
        side=Side.BUY if position.size > 0 else Side.SELL,
        order_type=None,
        order_price=ZERO,
        order_qty=ZERO,
        created_by="",
        price=mark,
        qty=abs(position.size),
        value=value,
        fee=paid,
        fee_coin=instrument.settle,
        fee_rate=rate,
        leaves=ZERO,
        closed=ZERO,
        pnl=ZERO,
        mark=mark,
        is_maker=False,
        exec_type=ExecType.FUNDING,
        seq=market.seq,
        at_ms=engine.now_ms,
        leg=position.leg,
    )
    account.executed(execution)
    ledger_log.enter_execution(account, execution, coin=instrument.settle, funding=-paid)
    return execution


def _require_contract(market: Market) -> None:
    if market.instrument.is_spot:
        raise bad_params(f"{market.instrument.symbol}: a spot pair has no positions to settle")


def _require_price(market: Market, price: Decimal | None) -> None:
    instrument = market.instrument
    if price is not None and not instrument.takes_price(price):
        raise bad_params(f"price: a multiple of {instrument.tick} above 0, at most {instrument.max_price}, is allowed")
