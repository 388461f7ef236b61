"""One account: its lines, reservations, totals. Every change of a quantity goes through here and keeps the sums exact.

Invariants: a line's sums are the sums of what its reservations count; the total is the sum of the lines' exposures; a
strategy's total is the sum of its parts' exposures. No check walks orders or instruments.
"""

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from decimal import Decimal

from risksvc.core.beliefs import NEVER
from risksvc.core.conditions import Condition
from risksvc.core.config import RULES, AccountConfig
from risksvc.core.equity_ledger import EquityCheck
from risksvc.core.exposure import order_price, unit_value
from risksvc.core.id_archive import IdArchive
from risksvc.core.limits import AccountLimits, InstrumentLimits, Limit, Limits
from risksvc.core.line import Line
from risksvc.core.marks import next_mark
from risksvc.core.reservations import Finished, Reservation, ReservationStatus, rests_above, stand_in_id
from risksvc.core.strategy_line import StrategyBook, StrategyLine
from risksvc.core.trades import SeenTrades
from risksvc.core.types import ZERO, Instrument, Nanoseconds
from risksvc.core.venue_events import FeedConnected, Fill, Mark

DEFAULT_COLLAR = Decimal(5)
FINISHED_KEPT = 10_000


@dataclass(slots=True)
class AccountBook:
    """One account. `snapshot_as_of` None: no complete read since the start of this process.

    `anchor_ms`: the venue time of the very first one; fills before it are in what that showed. `rules`: those that the
    Inputs of this time are taken under (see `risksvc.core.config.RULES`).
    """

    name: str
    config: AccountConfig
    archive: IdArchive
    limits: AccountLimits | None = None
    rates: dict[str, Decimal] = field(default_factory=dict)
    feed: FeedConnected | None = None
    feed_connected: bool = False
    id_pattern: re.Pattern[str] | None = None
    instruments: dict[str, Instrument] = field(default_factory=dict)
    rules: int = RULES
    lines: dict[str, Line] = field(default_factory=dict)
    trades: SeenTrades = field(default_factory=SeenTrades)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    by_venue_id: dict[str, Reservation] = field(default_factory=dict)
    watched: dict[str, Reservation] = field(default_factory=dict)
    finished: OrderedDict[str, Finished] = field(default_factory=OrderedDict)
    strategies: dict[str, StrategyBook] = field(default_factory=dict)
    approvals: deque[Nanoseconds] = field(default_factory=deque)
    total: Decimal = ZERO
    held: Decimal = ZERO
    total_warned: int = 0
    oldest_mark: Nanoseconds | None = None
    unvalued: dict[str, Line] = field(default_factory=dict)
    unproven_marks: dict[str, Line] = field(default_factory=dict)
    anchored: bool = False
    adopted: bool = False
    anchor_ms: int = 0
    early_fills: dict[tuple[str, str], Fill] = field(default_factory=dict)
    snapshot_as_of: Nanoseconds | None = None
    snapshots: int = 0
    last_read_failure: str = ""
    conditions: dict[str, Condition] = field(default_factory=dict)
    measured_lag_ms: int = -1
    residual: Decimal = ZERO
    equity: EquityCheck = field(default_factory=EquityCheck)

    # -- finding -------------------------------------------------------------------------------------------------

    def strategy(self, name: str) -> StrategyBook:
        """The strategy's book, made when first needed."""
        book = self.strategies.get(name)
        if book is None:
            book = self.strategies[name] = StrategyBook()
        return book

    def line_for(self, symbol: str) -> Line:
        """The line that an instrument's position is in, made when first needed."""
        instrument = self.instruments.get(symbol)
        key = symbol if instrument is None else instrument.position_key
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key, instrument)
        if line.instrument is None:
            line.instrument = instrument
        return line

    def find_order(self, *, client_order_id: str, venue_order_id: str) -> Reservation | None:
        """The live reservation behind a venue order or fill: by client order id, else by the venue's id."""
        if client_order_id:
            found = self.reservations.get(client_order_id)
            if found is not None:
                return found
        return self.by_venue_id.get(venue_order_id) if venue_order_id else None

    def find_finished(self, *, client_order_id: str, venue_order_id: str) -> Finished | None:
        """The same among the orders that were approved, and proven finished lately."""
        found = self.finished.get(client_order_id) if client_order_id else None
        if found is None and venue_order_id:
            found = self.finished.get(stand_in_id(venue_order_id))
        return found

    def live(self) -> list[Reservation]:
        """Every live reservation once, oldest first."""
        return [one for id_, one in self.reservations.items() if id_ == one.order.client_order_id]

    def rate(self, instrument: Instrument) -> Decimal | None:
        """Limits' currency per unit of the instrument's quote currency; None: no rate."""
        return self.rates.get(instrument.quote)

    def collar(self, symbol: str) -> Decimal:
        """The price collar in percent."""
        limits = self.limits.instruments.get(symbol) if self.limits is not None else None
        return DEFAULT_COLLAR if limits is None else limits.price_collar

    @property
    def hedge_mode(self) -> bool:
        """The account holds a long and a short position per instrument."""
        return self.feed is not None and self.feed.hedge_mode

    @property
    def enforces_reduce_only(self) -> bool:
        """The venue does; where it can't, or acts on one leg, a reducing order counts as an ordinary one."""
        return self.feed is not None and self.feed.enforces_reduce_only and not self.feed.hedge_mode

    def unlisted_limits(self) -> InstrumentLimits:
        """For an operator's exit from an instrument that the file does not list: no size, the default collar."""
        return InstrumentLimits(max_net_exposure=Limit(ZERO), price_collar=DEFAULT_COLLAR)

    # -- the world around ----------------------------------------------------------------------------------------

    def set_limits(self, limits: Limits) -> None:
        """Takes new limits in, and values everything anew."""
        self.limits = limits.accounts.get(self.name)
        self.rates = dict(limits.rates)
        for line in self.lines.values():
            self._revalue_whole(line)

    def set_feed(self, feed: FeedConnected) -> None:
        """Takes in what the venue lists."""
        self.feed = feed
        self.feed_connected = True
        self.id_pattern = re.compile(f"[{feed.id_characters}]{{1,{feed.id_max_length}}}", re.ASCII)
        self.instruments = {one.symbol: one for one in feed.instruments}
        for line in self.lines.values():
            line.instrument = self.instruments.get(line.symbol, line.instrument)
            self._revalue_whole(line)

    def set_mark(self, mark: Mark, *, as_of: Nanoseconds) -> Line:
        """Takes one mark in and values its line anew."""
        line = self.line_for(mark.instrument)
        before = line.marks.get(mark.instrument)
        after = next_mark(before, mark, as_of=as_of, collar=self.collar(mark.instrument))
        line.marks[mark.instrument] = after
        line.unit = self._unit(line)
        if before is None or before.price.compare_total(after.price):
            self._recount_below(line, mark.instrument, None if before is None else max(before.price, after.price))
        self.refresh(line, *line.strategies.values())
        return line

    # -- reservations --------------------------------------------------------------------------------------------

    def reserve(self, reservation: Reservation, *, now: Nanoseconds) -> None:
        """Starts a reservation, or counts an amended one anew."""
        order = reservation.order
        line = self.line_for(order.instrument)
        for id_ in reservation.ids:
            self.reservations[id_] = reservation
        for venue_id in reservation.venue_ids:
            self.by_venue_id[venue_id] = reservation
        line.reservations[order.client_order_id] = reservation
        line.strategy(order.strategy).reservations[order.client_order_id] = reservation
        self.recount(reservation, now=now)

    def name_at_venue(self, reservation: Reservation, venue_order_id: str) -> bool:
        """Learns the venue's id of an order; False when it was known, or is another order's."""
        if not venue_order_id or venue_order_id in self.by_venue_id:
            return False
        reservation.venue_ids.append(venue_order_id)
        self.by_venue_id[venue_order_id] = reservation
        return True

    def recount(self, reservation: Reservation, *, now: Nanoseconds) -> None:
        """Counts what a reservation can still do, after anything about it has changed; ends it when it is final."""
        if reservation.is_final:
            self.release(reservation, now=now)
            return
        line = self.line_for(reservation.order.instrument)
        part = line.strategy(reservation.order.strategy)
        self._count(line, part, reservation)
        self._watch(reservation)
        self.refresh(line, part)

    def count_as_ordinary(self, reservation: Reservation, *, now: Nanoseconds) -> None:
        """The venue does not enforce reduce-only on this order after all."""
        line = self.line_for(reservation.order.instrument)
        self._uncount(line, line.strategy(reservation.order.strategy), reservation)
        reservation.reduces = False
        self.recount(reservation, now=now)

    def set_owner(self, reservation: Reservation, *, owner: str, now: Nanoseconds) -> None:
        """Explains an order that was found at the venue, and moves it to its owner's part."""
        order = reservation.order
        line = self.line_for(order.instrument)
        old = line.strategy(order.strategy)
        self._uncount(line, old, reservation)
        del old.reservations[order.client_order_id]
        reservation.order = replace(order, account=self.name, strategy=owner)
        reservation.explained = True
        self.refresh(line, old)
        self.reserve(reservation, now=now)

    def release(self, reservation: Reservation, *, now: Nanoseconds) -> None:
        """Ends a reservation on proof that nothing of it can fill."""
        for id_ in reservation.ids:
            self.archive.add(id_, reservation.mark_of(id_), reasons=(), now=now)
        if reservation.explained:
            self._keep_finished(reservation, now=now)
        self.withdraw(reservation)

    def withdraw(self, reservation: Reservation) -> None:
        """Takes a reservation out of everything, as if it had never been."""
        order = reservation.order
        line = self.line_for(order.instrument)
        part = line.strategy(order.strategy)
        self._uncount(line, part, reservation)
        for venue_id in reservation.venue_ids:
            if self.by_venue_id.get(venue_id) is reservation:
                del self.by_venue_id[venue_id]
        for id_ in reservation.ids:
            del self.reservations[id_]
        self.watched.pop(order.client_order_id, None)
        del line.reservations[order.client_order_id]
        del part.reservations[order.client_order_id]
        self.refresh(line, part)

    def _keep_finished(self, reservation: Reservation, *, now: Nanoseconds) -> None:
        finished = Finished(reservation, max(ZERO, reservation.quantity - reservation.filled), now)
        for id_ in (*reservation.ids, *map(stand_in_id, reservation.venue_ids)):
            self.finished[id_] = finished
            if len(self.finished) > FINISHED_KEPT:
                self.finished.popitem(last=False)

    # -- sums ----------------------------------------------------------------------------------------------------

    def give(self, line: Line, strategy: str, *, signed: Decimal, now: Nanoseconds) -> None:
        """Adds to a strategy's ledger position, or with no strategy to the account's adopted part."""
        if not strategy:
            line.adopted += signed
            return
        part, book = line.strategy(strategy), self.strategy(strategy)
        limits = None if self.limits is None else self.limits.strategies.get(strategy)
        part.fill(signed, lag=0 if limits is None else limits.belief_lag_ns, now=now)
        if part.position:
            book.beliefs.hold(line.key, spoken_at=NEVER if part.belief is None else part.belief.at)
        else:
            book.beliefs.drop(line.key)
        self.refresh(line, part)

    def refresh(self, line: Line, *parts: StrategyLine) -> None:
        """Brings worst cases and totals up to date after a change in a line and these parts of it."""
        exposure, held = line.worst.exposure, line.held
        line.revalue()
        self.total += line.worst.exposure - exposure
        self.held += line.held - held
        for part in parts:
            strategy = self.strategy(part.strategy)
            exposure, held = part.worst.exposure, part.held
            part.revalue(line.unit)
            strategy.total += part.worst.exposure - exposure
            strategy.held += part.held - held
        self._note_valuation(line)

    def _revalue_whole(self, line: Line) -> None:
        line.unit = self._unit(line)
        for reservation in line.reservations.values():
            self._count(line, line.strategy(reservation.order.strategy), reservation)
        self.refresh(line, *line.strategies.values())

    def _recount_below(self, line: Line, symbol: str, price: Decimal | None) -> None:
        """After a mark moved: what rests above it before and after, maybe thousands of orders, keeps its own price."""
        for reservation in line.reservations.values():
            if price is None or not rests_above(reservation, symbol, price):
                self._count(line, line.strategy(reservation.order.strategy), reservation)

    def _instrument(self, line: Line, symbol: str) -> Instrument | None:
        """What the venue lists, or listed while the position was taken."""
        return self.instruments.get(symbol) or (line.instrument if line.symbol == symbol else None)

    def _unit(self, line: Line) -> Decimal | None:
        """The value of one unit of position; of a spot asset, in the pair where it is worth most."""
        largest: Decimal | None = None
        for symbol, mark in line.marks.items():
            instrument = self._instrument(line, symbol)
            rate = None if instrument is None else self.rate(instrument)
            if instrument is None or rate is None:
                continue
            value = unit_value(instrument, rate=rate, price=mark.price)
            largest = value if largest is None else max(largest, value)
        return largest

    def order_unit(self, line: Line, reservation: Reservation) -> Decimal:
        """The value of one unit of an order at the worst price that it can fill at; 0 while that is not known."""
        order = reservation.order
        instrument, mark = self._instrument(line, order.instrument), line.marks.get(order.instrument)
        rate = None if instrument is None else self.rate(instrument)
        if instrument is None or mark is None or rate is None:
            return line.unit or ZERO
        price = order_price(
            order.side,
            order.type,
            limit_price=reservation.limit_price,
            mark=mark.price,
            collar=self.collar(order.instrument),
        )
        return unit_value(instrument, rate=rate, price=price)

    def _count(self, line: Line, part: StrategyLine, reservation: Reservation) -> None:
        quantity = reservation.remaining
        value = quantity * self.order_unit(line, reservation)
        flying = quantity if reservation.in_flight else ZERO
        self._add(
            line,
            part,
            reservation,
            quantity=quantity - reservation.counted_quantity,
            value=value - reservation.counted_value,
            flying=flying - reservation.counted_flying,
        )

    def _uncount(self, line: Line, part: StrategyLine, reservation: Reservation) -> None:
        self._add(
            line,
            part,
            reservation,
            quantity=-reservation.counted_quantity,
            value=-reservation.counted_value,
            flying=-reservation.counted_flying,
        )

    @staticmethod
    def _add(
        line: Line, part: StrategyLine, reservation: Reservation, *, quantity: Decimal, value: Decimal, flying: Decimal
    ) -> None:
        side = reservation.order.side
        if quantity or value:
            line.working = line.working.plus(side, quantity, value=value, reduces=reservation.reduces)
            part.working = part.working.plus(side, quantity, value=value, reduces=False)
            reservation.counted_quantity += quantity
            reservation.counted_value += value
        if flying:
            part.fly(side, flying)
            reservation.counted_flying += flying

    def _watch(self, reservation: Reservation) -> None:
        """Keeps the orders that time may bring something about for where every tick finds them."""
        unproven = not reservation.at_venue and reservation.status is not ReservationStatus.ACKNOWLEDGED
        unproven = unproven and not reservation.awaits_its_order  # complete reads tell, not time
        if unproven or reservation.needs_look_up:
            self.watched[reservation.order.client_order_id] = reservation
        else:
            self.watched.pop(reservation.order.client_order_id, None)

    def _note_valuation(self, line: Line) -> None:
        """Keeps the few facts about marks that every check of the account asks for."""
        if line.idle:
            self.unvalued.pop(line.key, None)
            self.unproven_marks.pop(line.key, None)
            return
        if line.unit is None:
            self.unvalued[line.key] = line
        else:
            self.unvalued.pop(line.key, None)
        self.unproven_marks.pop(line.key, None)
        for mark in line.marks.values():
            if not mark.confirmed:
                self.unproven_marks[line.key] = line
            if self.oldest_mark is None or mark.as_of < self.oldest_mark:
                self.oldest_mark = mark.as_of

    def age_marks(self) -> None:
        """Finds the oldest mark that anything held or working depends on."""
        held = (line for line in self.lines.values() if not line.idle)
        self.oldest_mark = min((mark.as_of for line in held for mark in line.marks.values()), default=None)
