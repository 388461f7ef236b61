"""The matching engine: accepts, amends, cancels and fills orders against the synthetic depth.

It owns all markets and accounts; every change of state goes through one of its methods, which run to the end without
suspending. No I/O, no clock (`now_ms` is an argument; time never runs backwards inside), no floats, no randomness:
the same calls at the same times give the same state. A refusal (`VenueError`) leaves everything as it was.

How orders trade: an arriving order takes what the depth offers at its price or better (taker); what may rest, rests,
and trades at its own price (maker) as soon as a step brings opposite depth to it, at most as much as that depth
holds. Accounts trade with the depth, not with each other. A resting reduce-only order is cut or cancelled, newest
first, when the position it would close shrinks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from risksvc.core.types import ONE, ZERO
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.admission import (
    AMENDMENT_RULES,
    NEW_ORDER_RULES,
    OUTSIDE_FILL_RULES,
    Candidate,
    fit_reduce_only,
    protective_price,
    refuse_unless,
)
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import (
    Ending,
    ExecType,
    Order,
    OrderRequest,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from risksvc.venue.paper.settlement import FillId, Trade, settle

_PARTIAL_ENDS: Final = (OrderStatus.CANCELLED, OrderStatus.PARTIALLY_FILLED_CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the venue runs.

    `step_ms` is how long a price stands still, `speed` how many times faster than the clock prices follow their path,
    `max_open_orders` counts per account and instrument, `partial_end` is what a partly filled order becomes when it
    ends.
    """

    step_ms: int = 250
    speed: Decimal = ONE
    max_open_orders: int = 500
    partial_end: OrderStatus = OrderStatus.CANCELLED

    def __post_init__(self) -> None:
        if self.step_ms < 1 or self.speed <= 0 or self.max_open_orders < 1:
            raise ValueError("rules: step_ms and max_open_orders must be at least 1, speed above zero")
        if self.partial_end not in _PARTIAL_ENDS:
            raise ValueError(f"rules: partial_end must be one of {', '.join(_PARTIAL_ENDS)}")


class Engine:
    """The venue's state and everything that may change it."""

    def __init__(self, *, markets: Iterable[Market], accounts: Iterable[Account], rules: Rules, now_ms: int) -> None:
        self.markets = {market.instrument.symbol: market for market in markets}
        self.accounts = {account.name: account for account in accounts}
        self.rules = rules
        self.started_ms = self.now_ms = now_ms
        self._step = 0
        self._ids = 0

    def market(self, symbol: str) -> Market:
        """Give an instrument's market; refuse an unknown symbol in Bybit's words."""
        market = self.markets.get(symbol)
        if market is None:
            raise bad_params("Not supported symbols")
        return market

    def list_market(self, market: Market) -> None:
        """Begin to trade a new instrument; refuse one that is already listed."""
        if market.instrument.symbol in self.markets:
            raise bad_params(f"{market.instrument.symbol} is already listed")
        market.move_to(self._path_ms())
        self.markets[market.instrument.symbol] = market

    def advance(self, now_ms: int) -> None:
        """Bring the venue to `now_ms`: when a step has begun, move all prices and fill the orders they reach."""
        self.now_ms = max(self.now_ms, now_ms)
        step = (self.now_ms - self.started_ms) // self.rules.step_ms
        if step == self._step:
            return
        self._step = step
        for market in self.markets.values():
            market.move_to(self._path_ms())
            self.cross(market)

    def create(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Accept an order and let it trade; raise VenueError when a rule refuses it."""
        market, candidate = self._admit(account, request, now_ms)
        order = self._enter(candidate)
        self._work(account, market, order)
        return order

    def create_rejected(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Accept an order and reject it right after: acknowledged, yet never working."""
        market, candidate = self._admit(account, request, now_ms)
        order = self._enter(candidate)
        self._end(account, market, order, status=OrderStatus.REJECTED, ending=Ending.REJECTED)
        return order

    def amend(
        self, account: Account, order: Order, *, qty: Decimal | None, price: Decimal | None, now_ms: int
    ) -> Order:
        """Change an open order's total quantity or price; it keeps its ids, queues anew, trades if it crosses."""
        self.advance(now_ms)
        market = self.market(order.symbol)
        self._require_open(order, "replace")
        candidate = self._amendment(account, order, qty=qty, price=price)
        refuse_unless(AMENDMENT_RULES, candidate)
        candidate = fit_reduce_only(candidate)
        market.resting[order.side].remove(order)
        account.unlist_reducing(order)
        order.qty, order.price, order.updated_ms = candidate.request.qty, candidate.price, self.now_ms
        account.reserve(order, candidate.margin, coin=market.instrument.settle)
        self._work(account, market, order)
        return order

    def cancel(self, account: Account, order: Order, *, now_ms: int) -> None:
        """Cancel an open order; refuse when it has ended, also when it ended just now."""
        self.advance(now_ms)
        self._require_open(order, "cancel")
        self._end_unfilled(account, self.market(order.symbol), order, ending=Ending.BY_USER)

    def cancel_all(self, account: Account, *, symbol: str = "", settle: str = "", now_ms: int) -> list[Order]:
        """Cancel all open orders of an instrument, a settle coin, or the account; give them."""
        self.advance(now_ms)
        orders = [
            order
            for order in account.open_orders.newest_first(symbol=symbol)
            if not settle or self.markets[order.symbol].instrument.settle == settle
        ]
        for order in orders:
            self._end_unfilled(account, self.markets[order.symbol], order, ending=Ending.BY_USER)
        return orders

    def fill_outside(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Give an account a fill at the request's price (the mid without one) that no request of its own asked for."""
        self.advance(now_ms)
        market = self.market(request.symbol)
        refuse_unless(OUTSIDE_FILL_RULES, self._candidate(account, market, request))
        return self._fill(account, market, request, exec_type=ExecType.TRADE)

    def liquidate(self, account: Account, symbol: str, *, qty: Decimal | None, now_ms: int) -> Order:
        """Close a position, or `qty` of it, by force at the mid."""
        self.advance(now_ms)
        market, position = self.market(symbol), account.position(symbol)
        if position.side is None:
            raise VenueError(RetCode.REDUCE_ONLY, f"{account.name} holds no {symbol} to liquidate")
        if qty is not None and not 0 < qty <= abs(position.size):
            raise bad_params(f"Qty invalid: between 0 and the position's {abs(position.size)} is allowed")
        request = OrderRequest(
            symbol=symbol,
            side=position.side.opposite,
            order_type=OrderType.MARKET,
            qty=qty or abs(position.size),
            created_by="CreateByLiq",
        )
        return self._fill(account, market, request, exec_type=ExecType.BUST_TRADE)

    def set_price(self, symbol: str, price: Decimal | None, *, hold: bool, now_ms: int) -> None:
        """Put a price at `price`; hold it, or let it follow its path from there. None lets go of a held price."""
        self.advance(now_ms)
        market = self.market(symbol)
        instrument = market.instrument
        if price is not None and not instrument.takes_price(price):
            raise bad_params(
                f"price: a multiple of {instrument.tick} above 0, at most {instrument.max_price}, is allowed"
            )
        if price is None or hold:
            market.pin(price)
        else:
            market.shift(price)
        self.cross(market)

    def set_depth(self, symbol: str, profile: DepthProfile, *, now_ms: int) -> None:
        """Give an instrument's depth another shape."""
        self.advance(now_ms)
        market = self.market(symbol)
        market.reshape(profile)
        self.cross(market)

    def cross(self, market: Market) -> None:
        """Fill the resting orders that the depth has reached, best price first, as far as the depth goes."""
        for side, resting in market.resting.items():
            while (found := resting.best()) is not None:
                owner, order = found
                qty = min(order.remaining, market.available(side, order.price))
                if not qty:
                    break
                market.consume(side, qty)
                market.seq += 1
                account = self.accounts[owner]
                self._settle(account, market, order, Trade(price=order.price, qty=qty, is_maker=True))
                self._fit_reducing(account, market)

    def _admit(self, account: Account, request: OrderRequest, now_ms: int) -> tuple[Market, Candidate]:
        self.advance(now_ms)
        market = self.market(request.symbol)
        candidate = self._candidate(account, market, request)
        refuse_unless(NEW_ORDER_RULES, candidate)
        return market, fit_reduce_only(candidate)

    def _candidate(self, account: Account, market: Market, request: OrderRequest) -> Candidate:
        return Candidate(
            account=account,
            market=market,
            markets=self.markets,
            request=request,
            price=protective_price(request, market),
            max_open_orders=self.rules.max_open_orders,
        )

    def _amendment(self, account: Account, order: Order, *, qty: Decimal | None, price: Decimal | None) -> Candidate:
        request = OrderRequest(
            symbol=order.symbol,
            side=order.side,
            order_type=order.order_type,
            qty=order.qty if qty is None else qty,
            price=order.price if price is None else price,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
        )
        return replace(self._candidate(account, self.market(order.symbol), request), amends=order)

    def _enter(self, candidate: Candidate) -> Order:
        """Write an accepted order into the account's books."""
        request, account = candidate.request, candidate.account
        is_market = request.order_type is OrderType.MARKET
        order = Order(
            number=account.next_order_number(),
            order_id=self._next_id(),
            link_id=request.link_id,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            time_in_force=TimeInForce.IOC if is_market else request.time_in_force,
            price=candidate.price,
            qty=request.qty,
            reduce_only=request.reduce_only,
            created_by=request.created_by,
            created_ms=self.now_ms,
            updated_ms=self.now_ms,
            mark_at_creation=candidate.market.mid,
        )
        account.opened(order)
        account.reserve(order, candidate.margin, coin=candidate.market.instrument.settle)
        return order

    def _work(self, account: Account, market: Market, order: Order) -> None:
        """Let an order trade with the depth, then rest or end, as its time in force says."""
        offered = market.available(order.side, order.price)
        if order.time_in_force is TimeInForce.POST_ONLY and offered:
            self._end_unfilled(account, market, order, ending=Ending.POST_ONLY)
            return
        if order.time_in_force is TimeInForce.FOK and offered < order.remaining:
            self._end_unfilled(account, market, order, ending=Ending.NOT_ENOUGH_DEPTH)
            return
        if offered:
            self._take(account, market, order, qty=min(offered, order.remaining))
        if not order.is_open:
            return
        if order.time_in_force is TimeInForce.IOC:
            self._end_unfilled(account, market, order, ending=Ending.NOT_ENOUGH_DEPTH)
            return
        market.resting[order.side].add(account.name, order)
        if order.reduce_only:
            account.list_reducing(order)

    def _fill(self, account: Account, market: Market, request: OrderRequest, *, exec_type: ExecType) -> Order:
        """Enter an order that is filled from outside the depth, at its price or the mid."""
        price = request.price or market.mid
        order = self._enter(self._candidate(account, market, replace(request, price=price)))
        market.seq += 1
        self._settle(account, market, order, Trade(price=price, qty=order.qty, is_maker=False, exec_type=exec_type))
        self._fit_reducing(account, market)
        return order

    def _take(self, account: Account, market: Market, order: Order, *, qty: Decimal) -> None:
        market.seq += 1
        for price, part in market.consume(order.side, qty):
            self._settle(account, market, order, Trade(price=price, qty=part, is_maker=False))
        self._fit_reducing(account, market)

    def _settle(self, account: Account, market: Market, order: Order, trade: Trade) -> None:
        """Enter one fill into the books, and end the order that it completes."""
        settle(order, trade, account=account, market=market, fill_id=FillId(self._next_id(), self.now_ms))
        if order.filled == order.qty:
            self._end(account, market, order, status=OrderStatus.FILLED, ending=Ending.NONE)
        else:
            order.status = OrderStatus.PARTIALLY_FILLED

    def _fit_reducing(self, account: Account, market: Market) -> None:
        """Cut resting reduce-only orders to the position that is left, oldest served first."""
        symbol = market.instrument.symbol
        room = {side: account.opposing(symbol, side) for side in Side}
        for order in account.reducing(symbol):
            left = room[order.side]
            if not left:
                self._end_unfilled(account, market, order, ending=Ending.REDUCE_ONLY)
                continue
            if order.remaining > left:
                order.qty, order.updated_ms = order.filled + left, self.now_ms
            room[order.side] = left - order.remaining

    def _end_unfilled(self, account: Account, market: Market, order: Order, *, ending: Ending) -> None:
        status = self.rules.partial_end if order.filled else OrderStatus.CANCELLED
        self._end(account, market, order, status=status, ending=ending)

    def _end(self, account: Account, market: Market, order: Order, *, status: OrderStatus, ending: Ending) -> None:
        """Make an order final: out of the book, margin released, into the history."""
        market.resting[order.side].remove(order)
        account.reserve(order, ZERO, coin=market.instrument.settle)
        order.status, order.ending, order.updated_ms = status, ending, self.now_ms
        account.closed(order)

    def _require_open(self, order: Order, action: str) -> None:
        if not order.is_open:
            raise VenueError(RetCode.NO_SUCH_ORDER, f"order not exists or too late to {action}")

    def _path_ms(self) -> int:
        return int(self._step * self.rules.step_ms * self.rules.speed)

    def _next_id(self) -> str:
        """Give an id in the shape of Bybit's, unique over restarts as long as the clock moves on."""
        self._ids += 1
        text = f"{self.started_ms:016x}{self._ids:016x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
