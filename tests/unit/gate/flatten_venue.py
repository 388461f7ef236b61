"""A venue in memory for the executor's tests: it keeps the truth, and notes what a flatten must never do."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.incident.exit_cost import Book, Level
from risksvc.core.outputs import OrderRef
from risksvc.core.types import MILLISECOND, SECOND, ZERO, Nanoseconds, Order, OrderType, Side
from risksvc.core.venue_events import Fill, VenueOrder, VenueStatus
from tests.unit.core.catalogue import ACCOUNT, INSTRUMENTS, MARKS

if TYPE_CHECKING:
    from collections.abc import Callable

D = Decimal
START = 1_800_000_000 * SECOND
WHOLE = D(1)
CONFIG = GateConfig("g1", {ACCOUNT: AccountConfig()}, rules=RULES)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> Nanoseconds:
        self.at += 1_000
        return self.at


@dataclass(slots=True)
class TrueOrder:
    order: Order
    venue_id: str
    filled: Decimal = ZERO
    status: VenueStatus = VenueStatus.OPEN


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one order: how much of it fills, when it gets there, what the feed says of it."""

    fills: Decimal = WHOLE
    refused: bool = False
    unknown: bool = False
    lost: bool = False
    late_ns: Nanoseconds = 0
    fills_told_late_ns: Nanoseconds = 0


class Venue:
    """The truth of one account. `wrong` names what must never be."""

    def __init__(self, clock: Clock, *, hedge: bool = False) -> None:
        self.clock, self.hedge = clock, hedge
        self.positions: dict[str, Decimal] = {}
        self.orders: dict[str, TrueOrder] = {}
        self.fills: list[tuple[Nanoseconds, Fill]] = []
        self.seen: list[str] = []
        self.wrong: list[str] = []
        self.foreign = 0
        self.due: list[tuple[Nanoseconds, Callable[[], None]]] = []

    def rest(self, order: Order) -> None:
        """An order that was there before the flatten."""
        self.orders[order.client_order_id] = TrueOrder(order, f"v{len(self.orders)}")

    def execute(self, order: Order, quantity: Decimal, *, told_after: Nanoseconds = 0) -> None:
        if not quantity:
            return
        one = self.orders[order.client_order_id]
        one.filled += quantity
        self._move(order, quantity)
        now = self.clock.now()
        fill = Fill(
            order.instrument,
            f"t{len(self.fills)}",
            order.side,
            quantity,
            order.limit_price or MARKS[order.instrument],
            now // MILLISECOND,
            venue_order_id=one.venue_id,
            client_order_id=order.client_order_id,
        )
        self.fills.append((now + told_after, fill))

    def _move(self, order: Order, quantity: Decimal) -> None:
        before = self.positions.get(order.instrument, ZERO)
        after = before + quantity * order.side.sign
        self.positions[order.instrument] = after
        if order.reduce_only and (abs(after) > abs(before) or after * before < ZERO):
            self.wrong.append(f"{order.client_order_id} took {order.instrument} from {before} to {after}")

    def place(self, order: Order, fate: Fate, *, valid_until: Nanoseconds) -> None:
        """An immediate-or-cancel order gets here: it fills what it does, and is over."""
        if order.client_order_id in self.seen:
            self.wrong.append(f"{order.client_order_id} was sent twice")
        self.seen.append(order.client_order_id)

        def arrives() -> None:
            if self.clock.now() > valid_until + CONFIG.accounts[ACCOUNT].venue_window_ns:
                return  # too old: the venue refuses it, and does not know it
            one = TrueOrder(order, f"v{len(self.orders)}")
            self.orders[order.client_order_id] = one
            step = next(each for each in INSTRUMENTS if each.symbol == order.instrument).quantity_step or D(1)
            held = max(ZERO, -self.positions.get(order.instrument, ZERO) * order.side.sign)
            if order.quantity > held and not self.foreign:
                self.wrong.append(f"{order.client_order_id} asked for {order.quantity}, and {held} was held")
            quantity = min(order.quantity * fate.fills // step * step, held)
            self.execute(order, quantity, told_after=fate.fills_told_late_ns)
            one.status = VenueStatus.FILLED if quantity == order.quantity else VenueStatus.CANCELLED

        self.due.append((self.clock.now() + fate.late_ns, arrives))
        self.work()

    def work(self) -> None:
        """What was on its way and has arrived by now."""
        arrived = [one for one in self.due if one[0] <= self.clock.at]
        self.due = [one for one in self.due if one[0] > self.clock.at]
        for _, act in arrived:
            act()

    def trade(self, symbol: str, side: Side, quantity: Decimal) -> None:
        """Somebody else trades in the account."""
        self.foreign += 1
        order = Order(ACCOUNT, "", f"foreign-{self.foreign}", symbol, side, OrderType.MARKET, quantity)
        self.rest(order)
        self.execute(order, quantity)
        self.orders[order.client_order_id].status = VenueStatus.FILLED

    def cancel(self, client_order_id: str) -> bool:
        one = self.orders.get(client_order_id)
        if one is None or one.status is not VenueStatus.OPEN:
            return False
        one.status = VenueStatus.CANCELLED
        return True

    def row(self, ref: OrderRef) -> VenueOrder:
        one = self.orders.get(ref.client_order_id)
        if one is None:
            return VenueOrder(
                ref.instrument, Side.BUY, ZERO, ZERO, VenueStatus.NOT_FOUND, client_order_id=ref.client_order_id
            )
        return VenueOrder(
            one.order.instrument,
            one.order.side,
            one.order.quantity,
            one.filled,
            one.status,
            venue_order_id=one.venue_id,
            client_order_id=one.order.client_order_id,
            limit_price=one.order.limit_price,
            reduce_only=one.order.reduce_only,
        )

    def flat(self) -> bool:
        """Nothing is held, nothing works, nothing is on its way."""
        working = any(one.status is VenueStatus.OPEN for one in self.orders.values())
        return not any(self.positions.values()) and not working and not self.due


def book_of(symbol: str, *, size: Decimal | None = None, levels: int = 20) -> Book:
    """A book around the mark: equal levels, a basis point apart."""
    mark = MARKS[symbol]
    tick = next(one for one in INSTRUMENTS if one.symbol == symbol).price_step or D("0.01")
    gap = max(tick, mark / 10_000 // tick * tick)
    quantity = size if size is not None else D(10)
    return Book(
        bids=tuple(Level(mark - gap * (i + 1), quantity) for i in range(levels)),
        asks=tuple(Level(mark + gap * (i + 1), quantity) for i in range(levels)),
    )
