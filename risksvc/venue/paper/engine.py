"""The matching engine: accepts, amends and cancels orders, moves prices and time.

It owns all markets and accounts; every change of state goes through one of its methods (or through `forced.py`, which
acts on it), which run to the end without suspending. No I/O, no clock (`now_ms` is an argument; time never runs
backwards inside), no floats, no randomness: the same calls at the same times give the same state. A refusal
(`VenueError`) leaves everything as it was.

How orders trade: an arriving order takes what the depth offers at its price or better (taker); what may rest, rests,
and trades at its own price (maker) as soon as a step brings opposite depth to it, at most as much as that depth
holds. Accounts trade with the depth, not with each other. A resting reduce-only order is cut or cancelled, newest
first, when the position it would close shrinks. A stop waits until the mark reaches its price.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from risksvc.venue.paper import forced, stops
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.admission import (
    AMENDMENT_RULES,
    NEW_ORDER_RULES,
    OUTSIDE_FILL_RULES,
    Candidate,
    fit_reduce_only,
    refuse_unless,
)
from risksvc.venue.paper.depth import DepthProfile
from risksvc.venue.paper.errors import RetCode, VenueError, bad_params
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.matching import Matching, Rules
from risksvc.venue.paper.orders import ONE_WAY, Ending, ExecType, Order, OrderRequest, OrderStatus

__all__ = ["Engine", "Rules"]


class Engine(Matching):
    """The venue's state and everything that may change it."""

    def __init__(self, *, markets: Iterable[Market], accounts: Iterable[Account], rules: Rules, now_ms: int) -> None:
        super().__init__(markets=markets, accounts=accounts, rules=rules, now_ms=now_ms)
        self._step = 0
        self._fundings = 0
        for market in self.markets.values():
            market.candles.note(now_ms, market.mid)

    def list_market(self, market: Market) -> None:
        """Begin to trade a new instrument; refuse one that is already listed."""
        if market.instrument.key in self.markets:
            raise bad_params(f"{market.instrument.symbol} is already listed")
        market.move_to(self._path_ms())
        market.candles.note(self.now_ms, market.mid)
        self.markets[market.instrument.key] = market

    def advance(self, now_ms: int) -> None:
        """Bring the venue to `now_ms`: when a step has begun, move all prices and fill the orders they reach."""
        self.now_ms = max(self.now_ms, now_ms)
        self._cancel_for_the_silent()
        step = (self.now_ms - self.started_ms) // self.rules.step_ms
        if step == self._step:
            return
        passed_ms = (step - self._step) * self.rules.step_ms
        self._step = step
        for market in self.markets.values():
            market.move_to(self._path_ms(), passed_ms=passed_ms)
            market.candles.note(self.now_ms, market.mid)
            self.cross(market)
        self._fund_when_due()

    def create(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Accept an order and let it trade; raise VenueError when a rule refuses it."""
        market, candidate = self._admit(account, request, now_ms)
        order = self.enter(candidate)
        self.work(account, market, order)
        return order

    def create_rejected(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Accept an order and reject it right after: acknowledged, yet never working."""
        market, candidate = self._admit(account, request, now_ms)
        order = self.enter(candidate)
        self.end(account, market, order, status=OrderStatus.REJECTED, ending=Ending.REJECTED)
        return order

    def amend(
        self, account: Account, order: Order, *, qty: Decimal | None, price: Decimal | None, now_ms: int
    ) -> Order:
        """Change an open order's total quantity or price; it keeps its ids, queues anew, trades if it crosses."""
        self.advance(now_ms)
        market = self.market(order.symbol)
        self._require_open(order, "replace")
        if order.is_waiting:
            raise bad_params("a waiting stop is not amended by the paper venue: cancel it and set another")
        candidate = self._amendment(account, order, qty=qty, price=price)
        refuse_unless(AMENDMENT_RULES, candidate)
        candidate = fit_reduce_only(candidate)
        market.resting[order.side].remove(order)
        account.unlist_reducing(order)
        order.qty, order.price, order.updated_ms = candidate.request.qty, candidate.price, self.now_ms
        account.reserve(order, candidate.margin, coin=candidate.coin)
        account.changed(order)
        self.work(account, market, order)
        return order

    def cancel(self, account: Account, order: Order, *, now_ms: int) -> None:
        """Cancel an open order; refuse when it has ended, also when it ended just now."""
        self.advance(now_ms)
        self._require_open(order, "cancel")
        self.end_unfilled(account, self.market(order.symbol), order, ending=Ending.BY_USER)

    def cancel_all(
        self,
        account: Account,
        *,
        symbol: str = "",
        settle: str = "",
        category: str = "",
        order_filter: str = "",
        now_ms: int,
    ) -> list[Order]:
        """Cancel the open orders of an instrument, a settle coin, a category, a filter, or all; give them."""
        self.advance(now_ms)
        orders = []
        for order in account.open_orders.newest_first(symbol=symbol):
            instrument = self.markets[order.symbol].instrument
            if (
                settle in ("", instrument.settle)
                and category in ("", instrument.category)
                and stops.passes(order, order_filter)
            ):
                orders.append(order)
        for order in orders:
            self.end_unfilled(account, self.markets[order.symbol], order, ending=Ending.BY_USER)
        return orders

    def fill_outside(self, account: Account, request: OrderRequest, *, now_ms: int) -> Order:
        """Give an account a fill that it never asked for, at the request's price or the mid, whatever the depth."""
        self.advance(now_ms)
        market = self.market(request.symbol)
        candidate = self.candidate(account, market, request)
        refuse_unless(OUTSIDE_FILL_RULES, candidate)
        return self.fill(candidate, exec_type=ExecType.TRADE)

    def liquidate(
        self, account: Account, symbol: str, *, qty: Decimal | None, leg: int = ONE_WAY, now_ms: int
    ) -> Order:
        """Close a position, or `qty` of it, by force at the mid."""
        self.advance(now_ms)
        return forced.liquidate(self, account, symbol, qty=qty, leg=leg)

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
        market.candles.note(self.now_ms, market.mid)
        self.cross(market)

    def set_depth(self, symbol: str, profile: DepthProfile, *, now_ms: int) -> None:
        """Give an instrument's depth another shape."""
        self.advance(now_ms)
        market = self.market(symbol)
        market.reshape(profile)
        self.cross(market)

    def _admit(self, account: Account, request: OrderRequest, now_ms: int) -> tuple[Market, Candidate]:
        self.advance(now_ms)
        market = self.market(request.symbol)
        candidate = self.candidate(account, market, request)
        refuse_unless(NEW_ORDER_RULES, candidate)
        return market, fit_reduce_only(candidate)

    def _amendment(self, account: Account, order: Order, *, qty: Decimal | None, price: Decimal | None) -> Candidate:
        request = OrderRequest(
            symbol=order.symbol,
            side=order.side,
            order_type=order.order_type,
            qty=order.qty if qty is None else qty,
            price=order.price if price is None else price,
            time_in_force=order.time_in_force,
            reduce_only=order.reduce_only,
            leg=order.leg,
        )
        return replace(self.candidate(account, self.market(order.symbol), request), amends=order)

    def _require_open(self, order: Order, action: str) -> None:
        if not order.is_open:
            code = RetCode.SPOT_NO_SUCH_ORDER if order.spot else RetCode.NO_SUCH_ORDER
            raise VenueError(code, f"order not exists or too late to {action}")

    def _cancel_for_the_silent(self) -> None:
        """Cancel what an account has asked to have cancelled once its private sockets are gone for long enough."""
        for account in self.accounts.values():
            since = account.silent_since_ms
            if account.dead_man_ms and since is not None and self.now_ms - since >= account.dead_man_ms:
                account.silent_since_ms = None
                for order in account.open_orders.newest_first(symbol=""):
                    self.end_unfilled(account, self.markets[order.symbol], order, ending=Ending.BY_USER)

    def _fund_when_due(self) -> None:
        """Settle funding of every contract once when a funding time has passed since the last step."""
        if not self.rules.funding_every_ms:
            return
        due = (self.now_ms - self.started_ms) // self.rules.funding_every_ms
        if due > self._fundings:
            self._fundings = due
            contracts = [market for market in self.markets.values() if not market.instrument.is_spot]
            for market in contracts:
                forced.fund(self, market, self.rules.funding_rate, accounts=self.accounts.values())

    def _path_ms(self) -> int:
        return int(self._step * self.rules.step_ms * self.rules.speed)
