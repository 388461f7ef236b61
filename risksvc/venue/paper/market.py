"""One instrument's market: its price, the depth on both sides, the orders that rest in it, the stops that wait.

Time runs in steps: within a step the price stands still and what was taken from the depth stays taken; a new step
moves the price along its path and restores the depth, at once or, where its profile says so, bit by bit. So an outcome
depends on the step an order falls in, never on how often anybody looked. No I/O and no clock. Invariants: the best bid
is below the best ask; resting orders are sorted by price, then by age.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.types import ONE, ZERO
from risksvc.venue.paper.decimals import nearest_to
from risksvc.venue.paper.depth import DepthProfile, Level, Taken, ladder
from risksvc.venue.paper.instruments import Instrument
from risksvc.venue.paper.klines import Candles
from risksvc.venue.paper.orders import Order, Side
from risksvc.venue.paper.prices import PricePath


class RestingSide:
    """The resting orders of one side, best price first, older first at the same price."""

    def __init__(self, side: Side) -> None:
        self._sign = -side.sign
        self._rows: list[tuple[Decimal, int, str, Order]] = []
        self._arrivals = 0
        self._keys: dict[str, tuple[Decimal, int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def best(self) -> tuple[str, Order] | None:
        """Give the owner's name and the order that trades first."""
        return self._rows[0][2:] if self._rows else None

    def add(self, owner: str, order: Order) -> None:
        """Queue an order behind those of its price."""
        self._arrivals += 1
        key = (order.price * self._sign, self._arrivals)
        self._keys[order.order_id] = key
        insort(self._rows, (*key, owner, order))

    def remove(self, order: Order) -> None:
        """Take an order out; do nothing when it doesn't rest here."""
        key = self._keys.pop(order.order_id, None)
        if key is not None:
            del self._rows[bisect_left(self._rows, key, key=_order_of)]


def _order_of(row: tuple[Decimal, int, str, Order]) -> tuple[Decimal, int]:
    return row[:2]


class Market:
    """The state of one instrument; `path` says where its price is going unless it is pinned.

    `stops` are the waiting take-profits and stop-losses by order id, with their owners' names.
    """

    def __init__(self, instrument: Instrument, *, path: PricePath, profile: DepthProfile) -> None:
        self.instrument = instrument
        self.path = path
        self.profile = profile
        self.resting = {side: RestingSide(side) for side in Side}
        self.stops: dict[str, tuple[str, Order]] = {}
        self.seq = 0
        self.update_id = 0
        self.pinned: Decimal | None = None
        self._scale = ONE
        self._elapsed_ms = 0
        self._ladders: dict[Side, list[Level]] = {}
        self._taken = {side: Taken() for side in Side}
        self.mid = self._mid_now()
        self.opening = self.last = self.high = self.low = self.mid
        self.volume = self.turnover = ZERO
        self.candles = Candles()

    def move_to(self, elapsed_ms: int, *, passed_ms: int = 0) -> None:
        """Begin a new step at `elapsed_ms` of path time, `passed_ms` of the clock after the last: new price, depth."""
        self._elapsed_ms = elapsed_ms
        self._ladders.clear()
        self.update_id += 1
        self._set_mid(self._mid_now())
        for side, taken in self._taken.items():
            if taken:
                self._refill(side, taken, passed_ms)

    def _refill(self, side: Side, taken: Taken, passed_ms: int) -> None:
        refill_ms = self.profile.refill_ms
        share = min(ONE, Decimal(passed_ms) / refill_ms) if refill_ms else ONE
        taken.refill(self._full(side), share)

    def pin(self, price: Decimal | None) -> None:
        """Hold the price at `price` until told otherwise; None lets it follow its path again."""
        self.pinned = price
        self.move_to(self._elapsed_ms)

    def shift(self, price: Decimal) -> None:
        """Put the price at `price` now and let it follow its path from there, scaled."""
        self.pinned = None
        self._scale = price / self.path.at(self._elapsed_ms)
        self.move_to(self._elapsed_ms)

    def reshape(self, profile: DepthProfile) -> None:
        """Give the depth another shape, from now on."""
        self.profile = profile
        self._taken = {side: Taken() for side in Side}
        self.move_to(self._elapsed_ms)

    def levels(self, side: Side) -> list[Level]:
        """Give what is left of the bids (Buy) or asks (Sell), best first; the list is the market's own."""
        found = self._ladders.get(side)
        if found is None:
            found = self._ladders[side] = self._taken[side].left_of(self._full(side), self.instrument.step)
        return found

    def _full(self, side: Side) -> list[Level]:
        return ladder(self.mid, side=side, profile=self.profile, instrument=self.instrument)

    @property
    def best_bid(self) -> Level | None:
        """Give the highest bid, None when there is none."""
        return next(iter(self.levels(Side.BUY)), None)

    @property
    def best_ask(self) -> Level | None:
        """Give the lowest ask, None when there is none."""
        return next(iter(self.levels(Side.SELL)), None)

    def within(self, side: Side, limit: Decimal) -> Iterator[Level]:
        """Give the levels that an order of `side` may trade with at `limit`, best first."""
        for level in self.levels(side.opposite):
            if side.sign * (level.price - limit) > 0:
                return
            yield level

    def available(self, side: Side, limit: Decimal) -> Decimal:
        """Give the quantity that an order of `side` could take at `limit` or better."""
        return sum((level.size for level in self.within(side, limit)), start=ZERO)

    def consume(self, side: Side, qty: Decimal) -> list[tuple[Decimal, Decimal]]:
        """Take `qty` for an order of `side`, best levels first; give (price, quantity) per level."""
        levels = self.levels(side.opposite)
        taken: list[tuple[Decimal, Decimal]] = []
        while levels and qty > 0:
            level = levels[0]
            part = min(qty, level.size)
            taken.append((level.price, part))
            qty -= part
            level.size -= part
            self._taken[side.opposite].add(level.place, part)
            if not level.size:
                del levels[0]
        self.update_id += 1
        return taken

    def reached_stops(self) -> list[tuple[str, Order]]:
        """Give the waiting stops whose price the mark has reached, with their owners' names, oldest first."""
        return [
            (owner, stop) for owner, stop in self.stops.values() if stop.trigger and stop.trigger.is_reached(self.mid)
        ]

    def stops_of(self, owner: str) -> list[Order]:
        """Give the waiting stops of an account."""
        return [stop for name, stop in self.stops.values() if name == owner]

    def traded(self, price: Decimal, qty: Decimal) -> None:
        """Count a trade in the day's figures."""
        self.last = price
        self.volume += qty
        self.turnover += self.instrument.value(qty, price)
        self.candles.trade(qty, self.instrument.value(qty, price))

    def _mid_now(self) -> Decimal:
        if self.pinned is not None:
            return self.pinned
        tick = self.instrument.tick
        return max(tick, nearest_to(self.path.at(self._elapsed_ms) * self._scale, tick))

    def _set_mid(self, mid: Decimal) -> None:
        self.mid = mid
        self.last = mid
        self.high = max(self.high, mid)
        self.low = min(self.low, mid)
