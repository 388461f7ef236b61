"""What becomes of accepted orders: entered, filled against the synthetic depth, cut, ended.

The inner half of the engine: it holds the markets, the accounts and the venue's time, and decides nothing about who
may order what (`admission.py`). Every method runs to the end without suspending. Invariants: a market's `seq` rises by
one with every matching event, and a position's `seq` is that of the last event that it contains; resting reduce-only
orders never add up to more than the position they would close; a final order rests nowhere and waits for nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from risksvc.core.types import ONE, ZERO
from risksvc.venue.paper import spot, stops
from risksvc.venue.paper.accounts import Account
from risksvc.venue.paper.admission import Candidate, protective_price, worst_price
from risksvc.venue.paper.changes import Observer
from risksvc.venue.paper.errors import bad_params
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
    Trigger,
)
from risksvc.venue.paper.settlement import FillId, Trade, settle

# Bybit's usual rate for eight hours.
FUNDING_RATE: Final = Decimal("0.0001")

_PARTIAL_ENDS: Final = (OrderStatus.CANCELLED, OrderStatus.PARTIALLY_FILLED_CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the venue runs.

    `step_ms` is how long a price stands still, `speed` how many times faster than the clock prices follow their path,
    `max_open_orders` counts per account and instrument, `partial_end` is what a partly filled order of a contract
    becomes when it ends (a spot order always becomes `PartiallyFilledCanceled`). Every `funding_every_ms` (0: never)
    longs of every contract pay `funding_rate` of their value to shorts; Bybit does so every eight hours.
    """

    step_ms: int = 250
    speed: Decimal = ONE
    max_open_orders: int = 500
    partial_end: OrderStatus = OrderStatus.CANCELLED
    funding_every_ms: int = 0
    funding_rate: Decimal = FUNDING_RATE

    def __post_init__(self) -> None:
        if self.step_ms < 1 or self.speed <= 0 or self.max_open_orders < 1:
            raise ValueError("rules: step_ms and max_open_orders must be at least 1, speed above zero")
        if self.funding_every_ms < 0 or not -1 < self.funding_rate < 1:
            raise ValueError("rules: funding_every_ms must not be negative, funding_rate lies between -1 and 1")
        if self.partial_end not in _PARTIAL_ENDS:
            raise ValueError(f"rules: partial_end must be one of {', '.join(_PARTIAL_ENDS)}")


class Matching:
    """The venue's state, and how orders in it trade."""

    def __init__(self, *, markets: Iterable[Market], accounts: Iterable[Account], rules: Rules, now_ms: int) -> None:
        self.markets = {market.instrument.key: market for market in markets}
        self.accounts = {account.name: account for account in accounts}
        self.rules = rules
        self.started_ms = self.now_ms = now_ms
        self._ids = 0

    def watch(self, observer: Observer) -> None:
        """Tell `observer` of every change in any account's books from now on."""
        for account in self.accounts.values():
            account.observer = observer

    def market(self, key: str) -> Market:
        """Give an instrument's market; refuse an unknown one in Bybit's words."""
        market = self.markets.get(key)
        if market is None:
            raise bad_params("Not supported symbols")
        return market

    def next_id(self) -> str:
        """Give an id in the shape of Bybit's, unique over restarts as long as the clock moves on."""
        self._ids += 1
        text = f"{self.started_ms:016x}{self._ids:016x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def candidate(self, account: Account, market: Market, request: OrderRequest) -> Candidate:
        """Put together what the rules of admission look at."""
        return Candidate(
            account=account,
            market=market,
            markets=self.markets,
            request=request,
            price=protective_price(request, market),
            max_open_orders=self.rules.max_open_orders,
        )

    def enter(self, candidate: Candidate, *, trigger: Trigger | None = None) -> Order:
        """Write an accepted order into the account's books; with a trigger it waits as a stop."""
        request, account, instrument = candidate.request, candidate.account, candidate.market.instrument
        is_market = request.order_type is OrderType.MARKET
        order = Order(
            number=account.next_order_number(),
            order_id=self.next_id(),
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
            fee_coin=spot.received_coin(instrument, request.side) if instrument.is_spot else instrument.settle,
            inverse=instrument.is_inverse,
            spot=instrument.is_spot,
            leg=request.leg,
            take_profit=request.take_profit,
            stop_loss=request.stop_loss,
            trigger=trigger,
            status=OrderStatus.UNTRIGGERED if trigger else OrderStatus.NEW,
        )
        account.opened(order)
        account.reserve(order, candidate.margin, coin=candidate.coin)
        return order

    def work(self, account: Account, market: Market, order: Order) -> None:
        """Let an order trade with the depth, then rest or end, as its time in force says."""
        offered = market.available(order.side, order.price)
        if order.time_in_force is TimeInForce.POST_ONLY and offered:
            self.end_unfilled(account, market, order, ending=Ending.POST_ONLY)
            return
        if order.time_in_force is TimeInForce.FOK and offered < order.remaining:
            self.end_unfilled(account, market, order, ending=Ending.NOT_ENOUGH_DEPTH)
            return
        if offered:
            self._take(account, market, order, qty=min(offered, order.remaining))
        if not order.is_open:
            return
        if order.time_in_force is TimeInForce.IOC:
            self.end_unfilled(account, market, order, ending=Ending.NOT_ENOUGH_DEPTH)
            return
        market.resting[order.side].add(account.name, order)
        if order.reduce_only:
            account.list_reducing(order)

    def fill(self, candidate: Candidate, *, exec_type: ExecType, fee_rate: Decimal | None = None) -> Order:
        """Enter an order that is filled from outside the depth, at its price or the mid."""
        account, market = candidate.account, candidate.market
        price = candidate.request.price or market.mid
        order = self.enter(replace(candidate, request=replace(candidate.request, price=price), price=price))
        market.seq += 1
        trade = Trade(price=price, qty=order.qty, is_maker=False, exec_type=exec_type, fee_rate=fee_rate)
        self._settle(account, market, order, trade)
        self.fit_reducing(account, market)
        return order

    def cross(self, market: Market) -> None:
        """Trigger the stops that the mark has reached, then fill the resting orders that the depth has reached.

        Best price first, as far as the depth goes.
        """
        for owner, stop in market.reached_stops():
            if stop.is_waiting:
                self._trigger(self.accounts[owner], market, stop)
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
                self.fit_reducing(account, market)

    def fit_reducing(self, account: Account, market: Market) -> None:
        """Cut resting reduce-only orders to the position that is left, oldest served first; then cut each stop."""
        key = market.instrument.key
        room = {(leg, side): account.opposing(key, side, leg) for leg in account.legs for side in Side}
        for order in account.reducing(key):
            left = room[order.leg, order.side]
            if not left:
                self.end_unfilled(account, market, order, ending=Ending.REDUCE_ONLY)
                continue
            self._cut(account, order, order.filled + left)
            room[order.leg, order.side] = left - order.remaining
        for stop in market.stops_of(account.name):
            left = account.opposing(key, stop.side, stop.leg)
            if left:
                self._cut(account, stop, left)
            else:
                self.end_unfilled(account, market, stop, ending=Ending.REDUCE_ONLY)

    def end_unfilled(self, account: Account, market: Market, order: Order, *, ending: Ending) -> None:
        """End an order that still had something to trade."""
        if order.is_waiting:
            status = OrderStatus.DEACTIVATED
        elif not order.filled:
            status = OrderStatus.CANCELLED
        else:
            status = OrderStatus.PARTIALLY_FILLED_CANCELED if order.spot else self.rules.partial_end
        self.end(account, market, order, status=status, ending=ending)

    def end(self, account: Account, market: Market, order: Order, *, status: OrderStatus, ending: Ending) -> None:
        """Make an order final: out of the book, what it kept back released, into the history."""
        market.resting[order.side].remove(order)
        market.stops.pop(order.order_id, None)
        instrument = market.instrument
        coin = spot.paid_coin(instrument, order.side) if order.spot else instrument.settle
        account.reserve(order, ZERO, coin=coin)
        order.status, order.ending, order.updated_ms = status, ending, self.now_ms
        account.closed(order)

    def _cut(self, account: Account, order: Order, qty: Decimal) -> None:
        if order.qty > qty:
            order.qty, order.updated_ms = qty, self.now_ms
            account.changed(order)

    def _take(self, account: Account, market: Market, order: Order, *, qty: Decimal) -> None:
        market.seq += 1
        for price, part in market.consume(order.side, qty):
            self._settle(account, market, order, Trade(price=price, qty=part, is_maker=False))
        self.fit_reducing(account, market)

    def _settle(self, account: Account, market: Market, order: Order, trade: Trade) -> None:
        """Enter one fill into the books, end the order that it completes, and mind the stops that hang on it."""
        settle(order, trade, account=account, market=market, fill_id=FillId(self.next_id(), self.now_ms))
        if order.filled == order.qty:
            self.end(account, market, order, status=OrderStatus.FILLED, ending=Ending.NONE)
        else:
            order.status = OrderStatus.PARTIALLY_FILLED
        if order.trigger is not None:
            for sibling in stops.siblings(market, order):
                self.end_unfilled(account, market, sibling, ending=Ending.BY_USER)
        self._hang_stops(account, market, order)

    def _hang_stops(self, account: Account, market: Market, order: Order) -> None:
        """Give an order's fills their take-profit and stop-loss, or let those grow with them."""
        for trigger in stops.wanted(order):
            child = stops.child(market, trigger)
            if child is not None:
                child.qty, child.updated_ms = order.filled, self.now_ms
                account.changed(child)
            else:
                self.wait(account, market, trigger, qty=order.filled, leg=order.leg)

    def wait(self, account: Account, market: Market, trigger: Trigger, *, qty: Decimal, leg: int) -> Order:
        """Enter a stop that waits for its price."""
        request = stops.request(market.instrument.key, trigger, qty=qty, leg=leg)
        candidate = replace(self.candidate(account, market, request), price=trigger.price)
        stop = self.enter(candidate, trigger=trigger)
        market.stops[stop.order_id] = (account.name, stop)
        return stop

    def _trigger(self, account: Account, market: Market, stop: Order) -> None:
        """Turn a stop whose price was reached into a market order; it was cut to its position when that shrank."""
        del market.stops[stop.order_id]
        stop.price, stop.status = worst_price(market, stop.side), OrderStatus.NEW
        account.changed(stop)
        self.work(account, market, stop)
