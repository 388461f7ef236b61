"""A venue that holds its own truth: orders arrive late or never, fill in parts, race their cancels, are told of late.

It keeps one promise, that of `AccountConfig.venue_window_ns`: a request older than the window is refused. Everything
else that a venue can do to a gate, it does. It never looks into the gate.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from random import Random

from risksvc.core import venue_events
from risksvc.core.types import MILLISECOND, ZERO, Order, Side
from risksvc.core.venue_events import Fill, VenueOrder, VenueStatus
from tests.unit.core.catalogue import ACCOUNT, BTC, ETH, INVERSE, D

WINDOW_NS = 1000 * MILLISECOND
# About 2,500 in money each: what fills come in multiples of.
LOTS = {BTC: D("0.05"), ETH: D(1), INVERSE: D(25)}


class Fate(Enum):
    """Where an approved order truly is."""

    UNSENT = "UNSENT"
    FLYING = "FLYING"
    OPEN = "OPEN"
    FINAL = "FINAL"


@dataclass(slots=True)
class TrueOrder:
    """One approved order as it truly stands. `shown`: the gate was told of it by the venue."""

    order: Order
    venue_id: str
    fate: Fate
    arrives_at: int
    quantity: Decimal
    price: Decimal | None
    filled: Decimal = ZERO
    status: VenueStatus = VenueStatus.OPEN
    shown: bool = False
    called_never_sent: bool = False
    trades: list[str] = field(default_factory=list)

    @property
    def can_fill(self) -> bool:
        return self.fate in (Fate.FLYING, Fate.OPEN)


@dataclass(slots=True)
class Amendment:
    """A change on its way to an order."""

    to: TrueOrder
    arrives_at: int
    quantity: Decimal
    price: Decimal | None


class FakeVenue:
    """The truth of one account."""

    def __init__(self, rng: Random, *, enforces_reduce_only: bool) -> None:
        self.rng, self.enforces = rng, enforces_reduce_only
        self.counts = rng.random() < 0.4  # positions say which fills they hold
        self.orders: dict[str, TrueOrder] = {}  # by every client order id
        self.all: list[TrueOrder] = []
        self.amendments: list[Amendment] = []
        self.positions = dict.fromkeys(LOTS, ZERO)
        self.trades: dict[str, tuple[Fill, TrueOrder]] = {}
        self.untold: list[str] = []
        self.now = 0

    # -- what strategies send --------------------------------------------------------------------------------------

    def approved(self, order: Order, *, now: int, valid_until: int) -> TrueOrder:
        """An order that the strategy may send now; one in five it never does."""
        sent = self.rng.random() < 0.8
        fate = Fate.FLYING if sent else Fate.UNSENT
        true = TrueOrder(
            order, f"v{len(self.all)}", fate, self._arrival(now, valid_until), order.quantity, order.limit_price
        )
        self.orders[order.client_order_id] = true
        self.all.append(true)
        return true

    def amended(self, order: Order, *, now: int, valid_until: int) -> None:
        """An approved amendment; one in five is never sent."""
        true = self.orders[order.client_order_id] = self.orders[order.replaces]
        if self.rng.random() < 0.8:
            arrives = self._arrival(now, valid_until)
            self.amendments.append(Amendment(true, arrives, order.quantity, order.limit_price))

    def _arrival(self, now: int, valid_until: int) -> int:
        latest = valid_until + WINDOW_NS
        return self.rng.choice((now, now + 5 * MILLISECOND, self.rng.randint(now, latest), latest))

    def advance(self, now: int) -> list[TrueOrder]:
        """Lets what is under way arrive; returns the orders that were called never sent and arrived all the same."""
        self.now, astray = now, []
        for true in self.all:
            if true.fate is Fate.FLYING and true.arrives_at <= now:
                self._arrive(true)
                if true.called_never_sent:
                    astray.append(true)
        for one in [one for one in self.amendments if one.arrives_at <= now]:
            self.amendments.remove(one)
            if one.to.fate is Fate.OPEN and one.quantity > one.to.filled:
                one.to.quantity, one.to.price = one.quantity, one.price
        return astray

    def _arrive(self, true: TrueOrder) -> None:
        true.fate = Fate.OPEN
        if self.rng.random() < 0.08:
            self._finish(true, VenueStatus.REJECTED)
        elif true.price is None or self.rng.random() < 0.2:
            self.fill(true)

    @staticmethod
    def _finish(true: TrueOrder, status: VenueStatus) -> None:
        true.fate, true.status = Fate.FINAL, status

    # -- what the venue does ---------------------------------------------------------------------------------------

    def open_orders(self) -> list[TrueOrder]:
        return [one for one in self.all if one.fate is Fate.OPEN]

    def cancel(self, true: TrueOrder) -> None:
        self._finish(true, VenueStatus.CANCELLED)

    def fill(self, true: TrueOrder) -> None:
        """Executes a part of an open order, or all of it; reduce-only only while it reduces, where that is enforced."""
        symbol, side = true.order.instrument, true.order.side
        left = true.quantity - true.filled
        if true.order.reduce_only and self.enforces:
            left = min(left, max(ZERO, -self.positions[symbol] * side.sign))
            if not left:
                return
        lots = int(left / LOTS[symbol])
        quantity = left if self.rng.random() < 0.4 else LOTS[symbol] * self.rng.randint(1, lots)
        before = self.positions[symbol]
        self.positions[symbol] += quantity * side.sign
        if true.order.reduce_only and self.enforces:
            assert abs(self.positions[symbol]) <= abs(before), "the venue enforces reduce-only"
            assert self.positions[symbol] * before >= ZERO, "the venue enforces reduce-only"
        true.filled += quantity
        trade_id = f"t{len(self.trades):04}"
        number = len(self.trades) + 1 if self.counts else 0
        price = true.price or D(50_000)
        fill = Fill(
            symbol,
            trade_id,
            side,
            quantity,
            price,
            self.now // MILLISECOND,
            true.venue_id,
            true.order.client_order_id,
            sequence=number,
        )
        self.trades[trade_id] = (fill, true)
        self.untold.append(trade_id)
        true.trades.append(trade_id)
        if true.filled >= true.quantity:
            self._finish(true, VenueStatus.FILLED)

    # -- what it shows ---------------------------------------------------------------------------------------------

    def row(self, true: TrueOrder) -> VenueOrder:
        """The order as it is shown now."""
        status = VenueStatus.OPEN if true.fate is Fate.OPEN else true.status
        return VenueOrder(
            true.order.instrument,
            true.order.side,
            true.quantity,
            true.filled,
            status,
            venue_order_id=true.venue_id,
            client_order_id=true.order.client_order_id,
            limit_price=true.price,
            reduce_only=true.order.reduce_only,
        )

    def look_up(self, true: TrueOrder) -> VenueOrder:
        """A targeted read. An order that it has shown before, or rejected, the venue may not find (again)."""
        forgetful = true.shown and self.rng.random() < (0.5 if true.fate is Fate.FINAL else 0.15)
        rejected = true.status is VenueStatus.REJECTED and self.rng.random() < 0.5
        if true.fate in (Fate.UNSENT, Fate.FLYING) or forgetful or rejected:
            order = true.order
            missing = VenueStatus.NOT_FOUND
            return VenueOrder(order.instrument, order.side, ZERO, ZERO, missing, client_order_id=order.client_order_id)
        return self.row(true)

    def snapshot(self) -> venue_events.SnapshotReceived:
        """A complete read of this moment."""
        now_ms = self.now // MILLISECOND
        number = len(self.trades) if self.counts else 0
        held = tuple(
            venue_events.VenuePosition(key, quantity, sequence=number)
            for key, quantity in self.positions.items()
            if quantity
        )
        rows = tuple(self.row(one) for one in self.open_orders())
        began_ms = now_ms - self.rng.choice((0, 10, 200))
        return venue_events.SnapshotReceived(ACCOUNT, self.now, began_ms, now_ms, held, rows)

    # -- the truth -------------------------------------------------------------------------------------------------

    def potential(self, true: TrueOrder) -> tuple[Decimal, Decimal]:
        """What an order can still fill, and the highest limit price that it can do so at (0: a market order)."""
        if not true.can_fill:
            return ZERO, ZERO
        coming = [one for one in self.amendments if one.to is true]
        quantity = max([true.quantity, *(one.quantity for one in coming)])
        price = max([true.price or ZERO, *(one.price or ZERO for one in coming)])
        return quantity - true.filled, price

    def working(self, symbol: str, side: Side) -> Decimal:
        """All that can still fill on a side."""
        mine = (one for one in self.all if (one.order.instrument, one.order.side) == (symbol, side))
        return sum((self.potential(one)[0] for one in mine), ZERO)
