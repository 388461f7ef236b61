"""A market whose venue tells everything late: positions lag, executions are listed late, look-ups forget for a moment.

`Market(seed).run(difference)` trades for a while, reads once a second, and lets one true difference happen on the way,
or none. It draws from the seed what this venue does: whether it counts, whether the account has legs, how late it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from random import Random

from risksvc.core.events import FillReported, GateStarted, OrderReport
from risksvc.core.outputs import LookUp, Output
from risksvc.core.types import MILLISECOND, SECOND, ZERO, Nanoseconds, Side
from risksvc.core.venue_events import Fill, Leg, VenueOrder, VenuePosition, VenueStatus
from risksvc.core.windows import NOTHING_HELD, Held
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, MARKS, D, feed, instrument, limit

AMPLE = limit(10**9)
STEP = D("0.001")
READ_EVERY = SECOND
HAPPENS_AT, LASTS = 12, 20  # seconds; a difference has the latter to be found in
FORGETS_FOR = 1_000 * MILLISECOND  # the venue's window: a look-up may not know an order that has just come or ended


class Difference(Enum):
    """What truly differs."""

    NOTHING = "NOTHING"
    POSITION = "POSITION"
    LEGS = "LEGS"
    INVENTED_FILL = "INVENTED_FILL"
    LOST_ORDER = "LOST_ORDER"


@dataclass(slots=True)
class Order:
    """One order as it truly stands; `changed_at`: when it came, or ended."""

    row: VenueOrder
    changed_at: Nanoseconds
    leg: Leg | None


class Market:
    """Truth, and what is told of it. `reads` counts those after the difference; `restarts`: the gate does, at times."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.rate = self.rng.choice((1, 4, 8))
        self.lag = self.rng.choice((0, 200, 1_900)) * MILLISECOND
        self.late = self.rng.choice((0, 0, 500, 5_000)) * MILLISECOND
        self.counts, self.hedged = self.rng.random() < 0.4, self.rng.random() < 0.3
        self.world: World = given(total=AMPLE, instruments={BTC: instrument(max_net_exposure=AMPLE)})
        self.world.apply(feed(hedge_mode=self.hedged))
        self.began, self.ends_at = self.world.now, self.world.now + 2 * LASTS * SECOND
        self.history: list[tuple[Nanoseconds, Held, int]] = [(0, NOTHING_HELD, 0)]
        self.unlisted: list[tuple[Nanoseconds, Fill]] = []
        self.orders: dict[str, Order] = {}
        self.asked: list[LookUp] = []
        self.made, self.reads, self.differs = 0, 0, False
        self.named: dict[str, None] = {}
        self.forgotten = ""

    @property
    def truth(self) -> Held:
        return self.history[-1][1]

    def run(self, difference: Difference, *, watch: Callable[["Market"], None] | None = None) -> "Market":
        """Until something halts, or the time is over."""
        event_at = read_at = self.began
        while not self.world.triggers() and self.world.now < self.ends_at:
            self._go_to(min(event_at, read_at))
            if not self.differs and self.world.now > self.began + HAPPENS_AT * SECOND:
                self._let_happen(difference)
            if event_at <= read_at:
                event_at += int(self.rng.expovariate(self.rate) * SECOND)
                self._trade()
            else:
                read_at += READ_EVERY
                self._read()
            if watch is not None:
                watch(self)
        return self

    def _go_to(self, at: Nanoseconds) -> None:
        for listed_at, fill in sorted(self.unlisted, key=lambda one: one[0]):
            if listed_at <= at:
                self.world.now = max(self.world.now, listed_at)
                self._hear(self.world.tell(fill, *([fill] if self.rng.random() < 0.2 else [])))
        self.unlisted = [one for one in self.unlisted if one[0] > at]
        self.world.now = max(self.world.now, at)

    def _hear(self, outputs: Sequence[Output]) -> None:
        self.asked += [one for one in outputs if isinstance(one, LookUp)]

    # -- what is traded ----------------------------------------------------------------------------------------------

    def _trade(self) -> None:
        self.world.lease()
        self.world.marks()
        resting = [id_ for id_, one in self.orders.items() if self._rests(id_) and one.row.filled < one.row.quantity]
        if resting and self.rng.random() < 0.5:
            self._go_on(self.rng.choice(resting))
        else:
            self._place()

    def _rests(self, id_: str) -> bool:
        return self.orders[id_].row.status is VenueStatus.OPEN and id_ != self.forgotten

    def _place(self) -> None:
        side, leg = self.rng.choice(tuple(Side)), None
        if self.hedged:
            leg = Leg.LONG if side is Side.BUY else Leg.SHORT
        self.made += 1
        id_, quantity = f"m{self.made}", STEP * self.rng.randint(1, 5)
        if not self.world.check(self.world.order(side, quantity, MARKS[BTC], client_order_id=id_)).approved:
            return
        row = self.world.row(id_, side, quantity, MARKS[BTC], venue_order_id=f"v{self.made}")
        self.orders[id_] = Order(row, self.world.now, leg)
        if self.rng.random() < 0.8:
            self.world.report(id_, OrderReport.ACKNOWLEDGED, venue_id=f"v{self.made}")
            self.named[id_] = None
        if self.rng.random() < 0.7:
            self._fill(id_)

    def _go_on(self, id_: str) -> None:
        if self.rng.random() < 0.6:
            self._fill(id_)
            return
        order = self.orders[id_]
        order.row, order.changed_at = replace(order.row, status=VenueStatus.CANCELLED), self.world.now
        if self.rng.random() < 0.7:
            self.world.report(id_, OrderReport.CANCELLED)
            self._hear(self.world.outputs)

    def _fill(self, id_: str) -> None:
        order = self.orders[id_]
        left = order.row.quantity - order.row.filled
        quantity = left if self.rng.random() < 0.6 else STEP * self.rng.randint(1, int(left / STEP))
        filled = order.row.filled + quantity
        status = VenueStatus.FILLED if filled == order.row.quantity else VenueStatus.OPEN
        order.row, order.changed_at = replace(order.row, filled=filled, status=status), self.world.now
        number = self.history[-1][2] + 1
        fill = self.world.make_fill(
            "" if id_ in self.named and self.rng.random() < 0.5 else id_,  # a feed finds out whose it is
            order.row.side,
            quantity,
            venue_order_id=order.row.venue_order_id,
            sequence=number if self.counts else 0,
            leg=order.leg,
        )
        self._hold(self.truth.plus(quantity * fill.side.sign, order.leg), number)
        self.unlisted.append((self.world.now + int(self.rng.random() * self.late), fill))
        if self.rng.random() < 0.3:
            self.world.apply(FillReported(ACCOUNT, ALPHA, replace(fill, client_order_id=id_)))
            self._hear(self.world.outputs)

    def _hold(self, held: Held, number: int) -> None:
        self.history.append((self.world.now, held, number))

    # -- what differs ------------------------------------------------------------------------------------------------

    def _let_happen(self, difference: Difference) -> None:
        known = self.world.book.reservations
        resting = [id_ for id_ in self.orders if self._rests(id_) and id_ in known and known[id_].at_venue]
        number = self.history[-1][2]
        if difference is Difference.POSITION:
            self._hold(self.truth.plus(STEP, Leg.LONG), number)
        elif difference is Difference.LEGS:
            self._hold(self.truth.plus(STEP, Leg.LONG).plus(-STEP, Leg.SHORT), number)
        elif not resting:
            return  # as soon as an order rests
        elif difference is Difference.INVENTED_FILL:
            side = self.orders[resting[0]].row.side
            self.world.apply(FillReported(ACCOUNT, ALPHA, self.world.make_fill(resting[0], side, STEP)))
        elif difference is Difference.LOST_ORDER:
            self.forgotten = resting[0]
        self.differs, self.ends_at = True, self.world.now + LASTS * SECOND

    # -- what is read ------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        self.reads += self.differs
        if self.rng.random() < 0.03:
            self.world.apply(GateStarted(self.world.config))
            self.world.apply(feed(hedge_mode=self.hedged))
        self.world.lease()
        self.world.marks()
        seen_at = self.world.now - int(self.rng.random() * self.lag)
        held, number = next((held, number) for at, held, number in reversed(self.history) if at <= seen_at)
        counter = number if self.counts else 0
        row = VenuePosition(BTC, held.net, sequence=counter)
        if self.hedged:
            row = replace(row, long=held.long, short=held.short)
        shown = [row] if held != NOTHING_HELD else []
        rows = [one.row for id_, one in self.orders.items() if self._rests(id_)]
        self._hear(self.world.read(rows, shown=shown))
        for asked in self.asked:
            self._answer(asked)
        self.asked.clear()

    def _answer(self, asked: LookUp) -> None:
        self.world.now += MILLISECOND
        self._hear(self.world.look_up(*(self._found(one.client_order_id, one.venue_order_id) for one in asked.orders)))

    def _found(self, client_order_id: str, venue_order_id: str) -> VenueOrder:
        id_ = client_order_id or f"m{venue_order_id[1:]}"
        order = self.orders.get(id_)
        young = order is not None and self.world.now - order.changed_at < FORGETS_FOR and self.rng.random() < 0.5
        if order is None or young or id_ == self.forgotten:
            return self.world.row(id_, Side.BUY, ZERO, status=VenueStatus.NOT_FOUND)
        return order.row
