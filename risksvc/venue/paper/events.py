"""Things that happen at a venue without a strategy asking: one function per row of `EVENTS`.

Each acts once, at once. They exist so that a test or a demonstration can make the venue's truth differ from what
anybody believes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from risksvc.core.types import plain
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.calls import Call
from risksvc.venue.paper.decimals import is_multiple
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.errors import bad_params
from risksvc.venue.paper.instruments import PRE_LAUNCH, TRADING, Instrument
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import OrderRequest, OrderType, Side
from risksvc.venue.paper.positions import Fill, apply_fill
from risksvc.venue.paper.prices import GeneratedPath
from risksvc.venue.paper.trading import order_request
from risksvc.venue.paper.wire import Row, acknowledgement, instrument_row


@dataclass(frozen=True, slots=True)
class Event:
    """One row: what happens, and what it needs to know."""

    happen: Callable[[Call], Row]
    says: str


def _order(call: Call) -> Row:
    """Place an order for an account without a key; it trades like any other."""
    return acknowledgement(call.engine.create(account_of(call), order_request(call), now_ms=call.now_ms))


def _fill(call: Call) -> Row:
    """Give an account a fill that no order of its own asked for."""
    qty = call.amount("qty")
    if qty is None:
        raise bad_params("params error: qty is required")
    request = OrderRequest(
        symbol=call.required("symbol"),
        side=call.choice("side", Side),
        order_type=OrderType.MARKET,
        qty=qty,
        price=call.amount("price"),
        link_id=call.text("orderLinkId"),
    )
    return acknowledgement(call.engine.fill_outside(account_of(call), request, now_ms=call.now_ms))


def _drift(call: Call) -> Row:
    """Move a position without an execution: the venue's own books disagree, or it will never list that fill."""
    symbol, qty, account = call.required("symbol"), call.amount("qty"), account_of(call)
    if not qty:
        raise bad_params("params error: qty is required: above 0 to add, below 0 to take away")
    market, before = call.engine.market(symbol), account.position(symbol)
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
    account.hold(apply_fill(before, fill).position)
    return {"symbol": symbol, "size": plain(account.position(symbol).size)}


def _liquidation(call: Call) -> Row:
    """Close an account's position by force; the executions say BustTrade."""
    symbol, qty = call.required("symbol"), call.amount("qty")
    return acknowledgement(call.engine.liquidate(account_of(call), symbol, qty=qty, now_ms=call.now_ms))


def _listing(call: Call) -> Row:
    """Begin to trade a new USDT perpetual, or announce it with status PreLaunch."""
    base, status = call.required("base"), call.text("status") or TRADING
    if not (base.isascii() and base.isalnum() and base.isupper()):
        raise bad_params("base: capital letters and digits are allowed")
    if status not in (TRADING, PRE_LAUNCH):
        raise bad_params(f"status: {TRADING} or {PRE_LAUNCH} is allowed")
    step = call.amount("step") or Decimal("0.1")
    try:
        instrument = Instrument(
            symbol=f"{base}USDT",
            base=base,
            price=call.amount("price") or Decimal(1),
            tick=call.amount("tick") or Decimal("0.0001"),
            step=step,
            min_qty=step,
            max_qty=step * 1_000_000,
            status=status,
            launched_ms=call.now_ms,
        )
    except ValueError as error:
        raise bad_params(str(error)) from error
    path = GeneratedPath(instrument.price, instrument.symbol)
    call.engine.list_market(Market(instrument, path=path, profile=DepthProfile()))
    return instrument_row(instrument)


EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {
        "order": Event(
            _order, "an order for an account: account, symbol, side, orderType, qty, price, reduceOnly, orderLinkId"
        ),
        "fill": Event(
            _fill, "a fill that no request asked for: account, symbol, side, qty, price (the mid without one)"
        ),
        "drift": Event(_drift, "a position that moves without an execution: account, symbol, qty (signed)"),
        "liquidation": Event(
            _liquidation, "a position closed by force (execType BustTrade): account, symbol, qty (all without one)"
        ),
        "listing": Event(_listing, "a new USDT perpetual: base, price, tick, step, status Trading or PreLaunch"),
    }
)


def account_of(call: Call) -> Account:
    """Give the account that a control request names."""
    name = call.required("account")
    account = call.engine.accounts.get(name)
    if account is None:
        raise bad_params(f"account {name!r} is unknown; known are {', '.join(call.engine.accounts)}")
    return account
