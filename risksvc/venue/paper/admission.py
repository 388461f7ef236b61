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
from risksvc.venue.paper import spot
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.decimals import is_multiple, money
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.instruments import TRADING
from risksvc.venue.paper.margin import funds, order_initial_margin
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Order, OrderRequest, OrderType, Side

_LINK_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,36}")

# Where spot says something else than contracts do.
_DUPLICATES: Final = {
    False: (RetCode.DUPLICATE_LINK_ID, "OrderLinkedID is duplicate"),
    True: (RetCode.SPOT_DUPLICATE_LINK_ID, "Duplicate clientOrderId."),
}


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
        """Give what the order would keep back: initial margin, or the coins that a spot order pays with."""
        request, filled = self.request, self.amends.filled if self.amends else ZERO
        if self.market.instrument.is_spot:
            return spot.cost(request.side, qty=request.qty - filled, price=self.price)
        if request.reduce_only:
            return ZERO
        return order_initial_margin(
            self.account,
            self.market,
            side=request.side,
            qty=request.qty - filled,
            price=self.price,
            leg=request.leg,
        )

    @property
    def coin(self) -> str:
        """Give the coin that the order keeps back."""
        instrument = self.market.instrument
        return spot.paid_coin(instrument, self.request.side) if instrument.is_spot else instrument.settle


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
        return VenueError(*_DUPLICATES[candidate.market.instrument.is_spot])
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
    request, account = candidate.request, candidate.account
    if not request.reduce_only:
        return None
    if candidate.market.instrument.is_spot:
        return bad_params("params error: reduceOnly is not for spot orders")
    if account.reducible(request.symbol, request.side, leg=request.leg, besides=candidate.amends):
        return None
    if account.opposing(request.symbol, request.side, request.leg):
        return VenueError(RetCode.REDUCE_ONLY, "Reduce-only rule not satisfied: orderQty will be truncated to zero.")
    return VenueError(RetCode.REDUCE_ONLY, "current position is zero, cannot fix reduce-only order qty")


def notional_is_enough(candidate: Candidate) -> VenueError | None:
    """Demand that an order is worth a minimum, unless it only reduces."""
    request, instrument = candidate.request, candidate.market.instrument
    minimum, coin = instrument.min_notional, instrument.quote
    if not minimum or request.reduce_only or request.qty * (request.price or candidate.market.mid) >= minimum:
        return None
    if instrument.is_spot:
        return VenueError(RetCode.SPOT_MIN_VALUE, f"Order value exceeded lower limit: {minimum}{coin}")
    return VenueError(RetCode.MIN_NOTIONAL, f"Order does not meet minimum order value {minimum}{coin}")


def stops_lie_beyond(candidate: Candidate) -> VenueError | None:
    """Demand that a take-profit lies on the winning side of the price that the order opens at, a stop-loss opposite."""
    request, market = candidate.request, candidate.market
    opens_at = request.price or market.mid
    for name, price, sign in (("TakeProfit", request.take_profit, 1), ("StopLoss", request.stop_loss, -1)):
        if price is None:
            continue
        if market.instrument.is_spot or request.reduce_only:
            return bad_params(f"params error: {name} is for orders that open a position")
        if not market.instrument.takes_price(price):
            return bad_params(f"{name} price invalid: a multiple of {market.instrument.tick} above 0 is allowed")
        if request.side.sign * sign * (price - opens_at) <= 0:
            where = "higher" if request.side.sign * sign > 0 else "lower"
            return bad_params(f"{name}:{price} set for {request.side} position should be {where} than {opens_at}")
    return None


def orders_are_few(candidate: Candidate) -> VenueError | None:
    """Demand that an account has a bounded number of working orders per instrument."""
    if candidate.account.open_orders.count(candidate.request.symbol) < candidate.max_open_orders:
        return None
    return VenueError(RetCode.TOO_MANY_ORDERS, f"number of active orders greater than {candidate.max_open_orders}")


def balance_suffices(candidate: Candidate) -> VenueError | None:
    """Demand margin and fee for what would grow the position, beside what an amended order keeps back already.

    A spot order pays its fee out of what it receives.
    """
    margin = candidate.margin
    kept = candidate.amends.margin if candidate.amends else ZERO
    if margin <= kept:
        return None
    instrument = candidate.market.instrument
    needed = margin - kept
    if not instrument.is_spot:
        needed += instrument.rounded(margin * candidate.account.leverage * instrument.taker_fee)
    if funds(candidate.account, candidate.coin, markets=candidate.markets).available >= needed:
        return None
    if instrument.is_spot:
        return VenueError(RetCode.SPOT_BALANCE, f"Insufficient balance of {candidate.coin}.")
    return VenueError(RetCode.BALANCE, "ab not enough for new order")


def fits_what_is_there(candidate: Candidate) -> VenueError | None:
    """Demand of a fill from outside that it doesn't close more than its leg holds, nor sell coins that aren't there."""
    request, account = candidate.request, candidate.account
    if candidate.market.instrument.is_spot:
        return balance_suffices(candidate)
    if request.reduce_only and request.qty > account.opposing(request.symbol, request.side, request.leg):
        return VenueError(RetCode.REDUCE_ONLY, "current position is zero or smaller, cannot close more than it holds")
    return None


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
    stops_lie_beyond,
    orders_are_few,
    balance_suffices,
)

OUTSIDE_FILL_RULES: Final[tuple[Rule, ...]] = (qty_is_on_grid, price_is_on_grid, fits_what_is_there)

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
    room = candidate.account.reducible(request.symbol, request.side, leg=request.leg, besides=candidate.amends)
    return replace(candidate, request=replace(request, qty=min(request.qty, filled + room)))


def protective_price(request: OrderRequest, market: Market) -> Decimal:
    """Give the worst price an order may trade at: its own; for a market order the mark moved by half the limit."""
    if request.order_type is OrderType.LIMIT and request.price is not None:
        return request.price
    return worst_price(market, request.side)


def worst_price(market: Market, side: Side) -> Decimal:
    """Give the worst price that a market order may trade at: the mark moved by half the limit, onto the grid."""
    instrument = market.instrument
    moved = market.mid * (1 + side.sign * instrument.price_limit / 2)
    return max(instrument.tick, moved - moved % instrument.tick)
