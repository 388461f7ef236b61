"""Things that happen at a venue without a strategy asking: one function per row of `EVENTS`.

Each acts once, at once. They exist so that a test or a demonstration can make the venue's truth differ from what
anybody believes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from risksvc.core.types import plain
from risksvc.venue.paper import forced, hedge
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.decimals import is_multiple
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import (
    CONTRACT_TYPES,
    DELIVERING,
    INVERSE,
    LINEAR,
    PRE_LAUNCH,
    SPOT,
    TRADING,
    Instrument,
)
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.matching import FUNDING_RATE
from risksvc.venue.paper.orders import ONE_WAY, ExecType, OrderRequest, OrderType, Side, StopType
from risksvc.venue.paper.positions import Fill, apply_fill
from risksvc.venue.paper.prices import GeneratedPath
from risksvc.venue.paper.public_rows import instrument_row
from risksvc.venue.paper.trading import order_request
from risksvc.venue.paper.wire import Row, acknowledgement, execution_row, ledger_row

_COIN: Final = re.compile(r"[A-Z0-9]{2,10}")

# How Bybit writes a symbol, by category and quote coin (empty: the category's usual one).
_SUFFIXES: Final = MappingProxyType(
    {
        (LINEAR, ""): "USDT",
        (LINEAR, "USDT"): "USDT",
        (LINEAR, "USDC"): "PERP",
        (INVERSE, ""): "USD",
        (SPOT, ""): "USDT",
        (SPOT, "USDT"): "USDT",
        (SPOT, "USDC"): "USDC",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One row: what happens, and what it needs to know."""

    happen: Callable[[Call], Row]
    says: str


def _order(call: Call) -> Row:
    """Place an order for an account without a key; it trades like any other."""
    account = account_of(call)
    return acknowledgement(call.engine.create(account, order_request(call, account), now_ms=call.now_ms))


def _fill(call: Call) -> Row:
    """Give an account a fill that no order of its own asked for."""
    qty, account = call.amount("qty"), account_of(call)
    if qty is None:
        raise bad_params("params error: qty is required")
    side, instrument = call.choice("side", Side), call.market().instrument
    leg = ONE_WAY if instrument.is_spot else hedge.checked_leg(account, call.text("positionIdx"))
    request = OrderRequest(
        symbol=instrument.key,
        side=side,
        order_type=OrderType.MARKET,
        qty=qty,
        price=call.amount("price"),
        reduce_only=hedge.only_closes(side, leg),
        link_id=call.text("orderLinkId"),
        leg=leg,
    )
    return acknowledgement(call.engine.fill_outside(account, request, now_ms=call.now_ms))


def _drift(call: Call) -> Row:
    """Move a position without an execution: the venue's own books disagree, or it will never list that fill."""
    account, market, qty = account_of(call), call.market(), call.amount("qty")
    if not qty:
        raise bad_params("params error: qty is required: above 0 to add, below 0 to take away")
    key = market.instrument.key
    before = account.position(key, _leg(call, account, key), inverse=market.instrument.is_inverse)
    if not is_multiple(abs(qty), of=market.instrument.step):
        raise bad_params(f"qty: a multiple of the step {market.instrument.step} is allowed")
    fill = Fill(
        side=Side.BUY if qty > 0 else Side.SELL,
        qty=abs(qty),
        price=market.mid,
        fee=Decimal(0),
        seq=max(before.seq, market.seq),
        at_ms=call.now_ms,
    )
    after = apply_fill(before, fill).position
    account.hold(after)
    return {"symbol": key, "size": plain(after.size)}


def _liquidation(call: Call) -> Row:
    """Close an account's position by force; the executions say BustTrade."""
    account, key = account_of(call), call.market().instrument.key
    return acknowledgement(
        forced.liquidate(call.engine, account, key, qty=call.amount("qty"), leg=_leg(call, account, key))
    )


def _adl(call: Call) -> Row:
    """Deleverage an account's position; the executions say AdlTrade."""
    account, key = account_of(call), call.market().instrument.key
    order = forced.deleverage(
        call.engine,
        account,
        key,
        qty=call.amount("qty"),
        price=call.amount("price"),
        leg=_leg(call, account, key),
    )
    return acknowledgement(order)


def _funding(call: Call) -> Row:
    """Settle funding of an instrument, with everybody or with one account."""
    rate, market = call.amount("rate"), call.market()
    accounts = [account_of(call)] if call.text("account") else list(call.engine.accounts.values())
    if rate is not None and not -1 < rate < 1:
        raise bad_params("rate: a ratio between -1 and 1 is allowed, 0.0001 is one basis point")
    paid = forced.fund(call.engine, market, FUNDING_RATE if rate is None else rate, accounts=accounts)
    return {"list": [execution_row(each, instrument=market.instrument) for each in paid]}


def _delivery(call: Call) -> Row:
    """End a contract: every position of every account is closed, orders are cancelled, trading is over."""
    exec_type = call.choice("execType", ExecType, default=ExecType.DELIVERY)
    if exec_type not in (ExecType.DELIVERY, ExecType.SETTLE):
        raise bad_params(f"execType: {ExecType.DELIVERY} or {ExecType.SETTLE} is allowed")
    orders = forced.deliver(call.engine, call.market(), call.amount("price"), exec_type=exec_type)
    return {"list": [acknowledgement(order) for order in orders]}


def _delisting(call: Call) -> Row:
    """Stop trading an instrument: orders are cancelled, positions stay."""
    cancelled = forced.delist(call.engine, call.market(), status=DELIVERING)
    return {"list": [acknowledgement(order) for order in cancelled]}


def _transfer(call: Call) -> Row:
    """Move coins into an account or out of it."""
    coin, amount = call.required("coin"), call.amount("amount")
    if not _COIN.fullmatch(coin):
        raise bad_params("coin: two to ten capital letters and digits are allowed")
    if amount is None:
        raise bad_params("params error: amount is required")
    return ledger_row(forced.transfer(call.engine, account_of(call), coin, amount), instrument=None)


def _stops(call: Call) -> Row:
    """Hang a take-profit, a stop-loss or both on a position, as a trader does by hand."""
    account, market = account_of(call), call.market()
    leg = _leg(call, account, market.instrument.key)
    placed = forced.hang_stops(
        call.engine,
        account,
        market,
        prices={StopType.TAKE_PROFIT: call.amount("takeProfit"), StopType.STOP_LOSS: call.amount("stopLoss")},
        qty=call.amount("qty"),
        leg=leg,
    )
    return {"list": [acknowledgement(stop) for stop in placed]}


def _hedge(call: Call) -> Row:
    """Put an account into hedge mode, or back into one-way mode."""
    account = account_of(call)
    hedge.switch(account, hedge=call.flag("on"))
    return {"account": account.name, "hedge": account.hedge}


def _listing(call: Call) -> Row:
    """Begin to trade a new instrument, or announce it with status PreLaunch."""
    instrument = _new_instrument(call)
    path = GeneratedPath(instrument.price, instrument.path_name)
    call.engine.list_market(Market(instrument, path=path, profile=DepthProfile()))
    return instrument_row(instrument)


def _new_instrument(call: Call) -> Instrument:
    base, status = call.required("base"), call.text("status") or TRADING
    category, quote = call.text("category") or LINEAR, call.text("quote")
    if not _COIN.fullmatch(base):
        raise bad_params("base: two to ten capital letters and digits are allowed")
    if status not in (TRADING, PRE_LAUNCH):
        raise bad_params(f"status: {TRADING} or {PRE_LAUNCH} is allowed")
    suffix = _SUFFIXES.get((category, quote))
    if suffix is None:
        allowed = ", ".join(f"{each} {coin}".strip() for each, coin in _SUFFIXES)
        raise bad_params(f"category and quote: one of {allowed} is allowed")
    step = call.amount("step") or (Decimal(1) if category == INVERSE else Decimal("0.1"))
    quote = quote or ("USD" if category == INVERSE else "USDT")
    try:
        return Instrument(
            symbol=f"{base}{suffix}",
            base=base,
            quote=quote,
            settle=base if category == INVERSE else quote,
            price=call.amount("price") or Decimal(1),
            tick=call.amount("tick") or Decimal("0.0001"),
            step=step,
            min_qty=step,
            max_qty=step * 1_000_000,
            status=status,
            category=category,
            contract_type=CONTRACT_TYPES.get(category, ""),
            launched_ms=call.now_ms,
        )
    except ValueError as error:
        raise bad_params(str(error)) from error


def _leg(call: Call, account: Account, key: str) -> int:
    """Read `positionIdx`; without one, the only leg that is held."""
    text = call.text("positionIdx")
    held = [leg for leg in account.legs if account.position(key, leg).size]
    if not text and account.hedge and len(held) == 1:
        return held[0]
    return hedge.checked_leg(account, text)


EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {
        "order": Event(
            _order,
            "an order for an account: account, symbol, side, orderType, qty, price, timeInForce, reduceOnly, "
            "orderLinkId, positionIdx, takeProfit, stopLoss, category",
        ),
        "fill": Event(
            _fill,
            "a fill that no request asked for: account, symbol, side, qty, price (the mid without one), orderLinkId, "
            "positionIdx, category",
        ),
        "drift": Event(
            _drift, "a position that moves without an execution: account, symbol, qty (signed), positionIdx"
        ),
        "liquidation": Event(
            _liquidation,
            "a position closed by force (execType BustTrade): account, symbol, qty (all without one), positionIdx",
        ),
        "adl": Event(
            _adl,
            "a position deleveraged (execType AdlTrade): account, symbol, qty (all without one), price (the mid "
            "without one), positionIdx",
        ),
        "funding": Event(
            _funding,
            "longs pay shorts rate (0.0001 without one) of their value (execType Funding): symbol, rate, account (all "
            "without one)",
        ),
        "delivery": Event(
            _delivery,
            "the end of a contract, positions closed at price (the mid without one): symbol, price, execType Delivery "
            "or Settle",
        ),
        "delisting": Event(_delisting, "an instrument stops trading, its orders are cancelled: symbol, category"),
        "transfer": Event(
            _transfer, "coins into the account, out of it when amount is negative: account, coin, amount"
        ),
        "stops": Event(
            _stops,
            "a take-profit, a stop-loss or both on a position, by hand: account, symbol, takeProfit, stopLoss, qty "
            "(all without one), positionIdx",
        ),
        "hedge": Event(_hedge, "hedge mode for an account, or one-way mode: account, on (true or false)"),
        "listing": Event(
            _listing,
            "a new instrument: base, price, tick, step, status Trading or PreLaunch, category linear, inverse or spot, "
            "quote USDT or USDC",
        ),
    }
)


def account_of(call: Call) -> Account:
    """Give the account that a control request names."""
    name = call.required("account")
    account = call.engine.accounts.get(name)
    if account is None:
        raise bad_params(f"account {name!r} is unknown; known are {', '.join(call.engine.accounts)}")
    return account
