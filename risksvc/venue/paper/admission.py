"""What must hold before an order is accepted or amended: one function per rule, run in the order of the tables below.

Pure: a rule looks at a candidate and gives a refusal or None; it changes nothing. The order of a table is the
precedence of refusals when several apply. Codes and texts follow Bybit's; where its text isn't documented, ours says
what is allowed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from risksvc.core.types import ZERO
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import is_multiple, money
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.instruments import TRADING
from risksvc.venue.paper.margin import funds, order_initial_margin
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Order, OrderRequest, OrderType

_LINK_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,36}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An order on its way in; `amends` is the order that it would change, `price` the worst price it may trade at."""

    account: Account
    market: Market
    markets: Mapping[str, Market]
    request: OrderRequest
    price: Decimal
    max_open_orders: int
    amends: Order | None = None

    @property
    def margin(self) -> Decimal:
        """Give the initial margin that the order would keep back."""
        if self.request.reduce_only:
            return ZERO
        filled = self.amends.filled if self.amends else ZERO
        return order_initial_margin(
            self.account, self.market, side=self.request.side, qty=self.request.qty - filled, price=self.price
        )


Rule = Callable[[Candidate], VenueError | None]


def is_live(candidate: Candidate) -> VenueError | None:
    """Demand that the instrument trades."""
    instrument = candidate.market.instrument
    if instrument.status != TRADING:
        return VenueError(
            RetCode.NOT_LIVE, f"The contract {instrument.symbol} is not live: its status is {instrument.status}"
        )
    return None


def link_id_is_well_formed(candidate: Candidate) -> VenueError | None:
    """Demand that a client's order id has at most 36 letters, digits, dashes and underscores."""
    link_id = candidate.request.link_id
    if link_id and _LINK_ID.fullmatch(link_id) is None:
        return bad_params("params error: OrderLinkId invalid, at most 36 letters, digits, - and _ are allowed")
    return None


def link_id_is_new(candidate: Candidate) -> VenueError | None:
    """Demand that a client's order id is used once, also after that order has ended."""
    if candidate.account.find(link_id=candidate.request.link_id) is not None:
        return VenueError(RetCode.DUPLICATE_LINK_ID, "OrderLinkedID is duplicate")
    return None


def qty_is_on_grid(candidate: Candidate) -> VenueError | None:
    """Demand that a quantity is a multiple of the lot step, within the instrument's bounds."""
    qty, instrument = candidate.request.qty, candidate.market.instrument
    if not is_multiple(qty, of=instrument.step):
        return bad_params(f"Qty invalid: {qty} is not a multiple of {instrument.step}")
    if qty < instrument.min_qty:
        return bad_params(f"The number of contracts exceeds minimum limit allowed: {instrument.min_qty}")
    if qty > instrument.max_qty:
        return bad_params(f"The number of contracts exceeds maximum limit allowed: too large, {instrument.max_qty}")
    return None


def price_is_on_grid(candidate: Candidate) -> VenueError | None:
    """Demand that a limit price is a multiple of the tick, above zero and within the instrument's bound."""
    price, instrument = candidate.request.price, candidate.market.instrument
    if price is None or instrument.takes_price(price):
        return None
    return bad_params(
        f"Price invalid: a multiple of {instrument.tick} above 0, at most {instrument.max_price}, is allowed"
    )


def price_is_in_range(candidate: Candidate) -> VenueError | None:
    """Demand that a buy isn't priced far above the mark, nor a sell far below it."""
    price, market = candidate.request.price, candidate.market
    if price is None:
        return None
    sign = candidate.request.side.sign
    worst = market.mid * (1 + sign * market.instrument.price_limit)
    if sign * (price - worst) > 0:
        return VenueError(RetCode.PRICE_OUT_OF_RANGE, f"Order price is out of permissible range: limit {money(worst)}")
    return None


def reduces(candidate: Candidate) -> VenueError | None:
    """Demand that something is left to close for a reduce-only order (`fit_reduce_only` cuts what exceeds it)."""
    request = candidate.request
    if not request.reduce_only or candidate.account.reducible(request.symbol, request.side, besides=candidate.amends):
        return None
    if candidate.account.opposing(request.symbol, request.side):
        return VenueError(RetCode.REDUCE_ONLY, "Reduce-only rule not satisfied: orderQty will be truncated to zero.")
    return VenueError(RetCode.REDUCE_ONLY, "current position is zero, cannot fix reduce-only order qty")


def notional_is_enough(candidate: Candidate) -> VenueError | None:
    """Demand that an order is worth a minimum, unless it only reduces."""
    request, minimum = candidate.request, candidate.market.instrument.min_notional
    if request.reduce_only or request.qty * (request.price or candidate.market.mid) >= minimum:
        return None
    coin = candidate.market.instrument.quote
    return VenueError(RetCode.MIN_NOTIONAL, f"Order does not meet minimum order value {minimum}{coin}")


def orders_are_few(candidate: Candidate) -> VenueError | None:
    """Demand that an account has a bounded number of working orders per instrument."""
    if candidate.account.open_orders.count(candidate.request.symbol) < candidate.max_open_orders:
        return None
    return VenueError(RetCode.TOO_MANY_ORDERS, f"number of active orders greater than {candidate.max_open_orders}")


def balance_suffices(candidate: Candidate) -> VenueError | None:
    """Demand margin and fee for what would grow the position, beside what an amended order keeps back already."""
    margin = candidate.margin
    kept = candidate.amends.margin if candidate.amends else ZERO
    if margin <= kept:
        return None
    instrument = candidate.market.instrument
    needed = margin - kept + money(margin * candidate.account.leverage * instrument.taker_fee)
    if funds(candidate.account, instrument.settle, markets=candidate.markets).available >= needed:
        return None
    return VenueError(RetCode.BALANCE, "ab not enough for new order")


def something_changes(candidate: Candidate) -> VenueError | None:
    """Demand that an amendment differs from the order as it stands."""
    order = candidate.amends
    if order is not None and (order.qty, order.price) == (candidate.request.qty, candidate.request.price):
        return bad_params("The order remains unchanged as the parameters entered match the existing ones.")
    return None


def qty_exceeds_filled(candidate: Candidate) -> VenueError | None:
    """Demand that an amended quantity leaves something to trade."""
    order = candidate.amends
    if order is not None and candidate.request.qty <= order.filled:
        return VenueError(
            RetCode.BELOW_FILLED, "The number of contracts modified cannot be less than or equal to the filled quantity"
        )
    return None


_GRID: Final[tuple[Rule, ...]] = (qty_is_on_grid, price_is_on_grid, price_is_in_range, reduces, notional_is_enough)

NEW_ORDER_RULES: Final[tuple[Rule, ...]] = (
    is_live,
    link_id_is_well_formed,
    link_id_is_new,
    *_GRID,
    orders_are_few,
    balance_suffices,
)

OUTSIDE_FILL_RULES: Final[tuple[Rule, ...]] = (qty_is_on_grid, price_is_on_grid)

AMENDMENT_RULES: Final[tuple[Rule, ...]] = (is_live, something_changes, qty_exceeds_filled, *_GRID, balance_suffices)


def refuse_unless(rules: tuple[Rule, ...], candidate: Candidate) -> None:
    """Raise the refusal of the first rule that doesn't hold."""
    for rule in rules:
        refusal = rule(candidate)
        if refusal is not None:
            raise refusal


def fit_reduce_only(candidate: Candidate) -> Candidate:
    """Cut a reduce-only order down to what is left to close, as Bybit does; other orders stay as they are."""
    request = candidate.request
    if not request.reduce_only:
        return candidate
    filled = candidate.amends.filled if candidate.amends else ZERO
    room = candidate.account.reducible(request.symbol, request.side, besides=candidate.amends)
    return replace(candidate, request=replace(request, qty=min(request.qty, filled + room)))


def protective_price(request: OrderRequest, market: Market) -> Decimal:
    """Give the worst price an order may trade at: its own; for a market order the mark moved by half the limit."""
    if request.order_type is OrderType.LIMIT and request.price is not None:
        return request.price
    instrument = market.instrument
    moved = market.mid * (1 + request.side.sign * instrument.price_limit / 2)
    return max(instrument.tick, moved - moved % instrument.tick)
