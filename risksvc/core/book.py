"""One account: its lines, reservations, totals. Every change of a quantity goes through here and keeps the sums exact.

Invariants: a line's sums are the sums of what its reservations count; the total is the sum of the lines' exposures; a
strategy's total is the sum of its parts' exposures. No check walks orders or instruments.
"""

import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from decimal import Decimal

from risksvc.core.config import AccountConfig
from risksvc.core.events import FeedConnected, Fill, Mark
from risksvc.core.exposure import unit_value
from risksvc.core.limits import AccountLimits, InstrumentLimits, Limit, Limits
from risksvc.core.line import Line
from risksvc.core.marks import next_mark
from risksvc.core.reservations import IdArchive, Reservation, ReservationStatus
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import HUNDRED, ONE, ZERO, Instrument, Nanoseconds, Side

DEFAULT_COLLAR = Decimal(5)
FINISHED_KEPT = 10_000


@dataclass(slots=True)
class StrategyBook:
    """One strategy of one account, over all instruments."""

    total: Decimal = ZERO
    version: str = ""
    resumed_at: Nanoseconds = 0
    held: dict[str, None] = field(default_factory=dict)
    approvals: deque[Nanoseconds] = field(default_factory=deque)
    breaches: deque[Nanoseconds] = field(default_factory=deque)


@dataclass(slots=True)
class Finished:
    """An order proven finished, for a fill that comes late all the same. `unfilled`: what it might still explain."""

    reservation: Reservation
    unfilled: Decimal


@dataclass(slots=True)
class AccountBook:
    """One account. `snapshot_as_of` None: no complete read since the start of this process."""

    name: str
    config: AccountConfig
    archive: IdArchive
    limits: AccountLimits | None = None
    rates: dict[str, Decimal] = field(default_factory=dict)
    feed: FeedConnected | None = None
    feed_connected: bool = False
    id_pattern: re.Pattern[str] | None = None
    instruments: dict[str, Instrument] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    by_venue_id: dict[str, Reservation] = field(default_factory=dict)
    watched: dict[str, Reservation] = field(default_factory=dict)
    finished: OrderedDict[str, Finished] = field(default_factory=OrderedDict)
    strategies: dict[str, StrategyBook] = field(default_factory=dict)
    approvals: deque[Nanoseconds] = field(default_factory=deque)
    total: Decimal = ZERO
    total_warned: int = 0
    oldest_mark: Nanoseconds | None = None
    unvalued: dict[str, Line] = field(default_factory=dict)
    unproven_marks: dict[str, Line] = field(default_factory=dict)
    anchored: bool = False
    adopted: bool = False
    early_fills: list[Fill] = field(default_factory=list)
    snapshot_as_of: Nanoseconds | None = None
    snapshots: int = 0
    last_read_failure: str = ""

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

    def unlisted_limits(self) -> InstrumentLimits:
        """For an operator's exit from an instrument that the file does not list: no size, the default collar."""
        return InstrumentLimits(max_net_exposure=Limit(ZERO), price_collar=DEFAULT_COLLAR)

    # -- changing ------------------------------------------------------------------------------------------------

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
            line.instrument = self.instruments.get(line.key, line.instrument)
            self._revalue_whole(line)

    def set_mark(self, mark: Mark, *, as_of: Nanoseconds) -> Line:
        """Takes one mark in and values its line anew."""
        line = self.line_for(mark.instrument)
        line.mark = next_mark(line.mark, mark, as_of=as_of, collar=self.collar(mark.instrument))
        self._revalue_whole(line)
        return line

    def reserve(self, reservation: Reservation) -> None:
        """Starts a reservation, or counts an amended one anew."""
        order = reservation.order
        line = self.line_for(order.instrument)
        for id_ in (order.client_order_id, *reservation.aliases):
            self.reservations[id_] = reservation
        if reservation.venue_order_id:
            self.by_venue_id[reservation.venue_order_id] = reservation
        line.reservations[order.client_order_id] = reservation
        line.strategy(order.strategy).reservations[order.client_order_id] = reservation
        self.recount(reservation)

    def recount(self, reservation: Reservation) -> None:
        """Counts what a reservation can still do, after anything about it has changed; ends it when it is final."""
        line = self.line_for(reservation.order.instrument)
        part = line.strategy(reservation.order.strategy)
        if reservation.is_final:
            self._end(reservation, line)
        else:
            self._count(line, part, reservation)
            self._watch(reservation, part)
        self.refresh(line, part)

    def set_owner(self, reservation: Reservation, line: Line, *, owner: str) -> None:
        """Explains an order that was found at the venue, and moves it to its owner's part."""
        order = reservation.order
        old = line.strategy(order.strategy)
        self._uncount(line, old, reservation)
        old.reservations.pop(order.client_order_id, None)
        old.in_flight.pop(order.client_order_id, None)
        reservation.order = replace(order, account=self.name, strategy=owner)
        reservation.explained = True
        self.refresh(line, old)
        self.reserve(reservation)

    def release(self, reservation: Reservation) -> None:
        """Ends a reservation on proof that nothing of it can fill."""
        line = self.line_for(reservation.order.instrument)
        self._end(reservation, line)
        self.refresh(line, line.strategy(reservation.order.strategy))

    def refresh(self, line: Line, *parts: StrategyLine) -> None:
        """Brings worst cases and totals up to date after a change in a line and these parts of it."""
        self.total += line.revalue()
        for part in parts:
            self.strategy(part.strategy).total += part.revalue(line.unit)
        self._note_valuation(line)

    def _revalue_whole(self, line: Line) -> None:
        rate = None if line.instrument is None else self.rate(line.instrument)
        if line.instrument is None or line.mark is None or rate is None:
            line.unit = None
        else:
            line.unit = unit_value(line.instrument, rate=rate, price=line.mark.price)
        for reservation in line.reservations.values():
            self._count(line, line.strategy(reservation.order.strategy), reservation)
        self.refresh(line, *line.strategies.values())

    def order_unit(self, line: Line, reservation: Reservation) -> Decimal:
        """The value of one unit of an order at the worst price that it can fill at; 0 while that is not known."""
        rate = None if line.instrument is None else self.rate(line.instrument)
        if rate is None:
            return ZERO
        return line.price_of(reservation, rate=rate, collar=self.collar(reservation.order.instrument))

    def _count(self, line: Line, part: StrategyLine, reservation: Reservation) -> None:
        quantity = reservation.remaining
        value = quantity * self.order_unit(line, reservation)
        more, more_value = quantity - reservation.counted_quantity, value - reservation.counted_value
        if more or more_value:
            side, reduces = reservation.order.side, reservation.reduces
            line.working = line.working.plus(side, more, value=more_value, reduces=reduces)
            part.working = part.working.plus(side, more, value=more_value, reduces=reduces)
            reservation.counted_quantity, reservation.counted_value = quantity, value

    def _watch(self, reservation: Reservation, part: StrategyLine) -> None:
        id_ = reservation.order.client_order_id
        if reservation.in_flight:
            part.in_flight[id_] = reservation
        else:
            part.in_flight.pop(id_, None)
        unproven = not reservation.at_venue and reservation.status is not ReservationStatus.ACKNOWLEDGED
        if unproven or reservation.needs_look_up or reservation.final_filled is not None:
            self.watched[id_] = reservation
        else:
            self.watched.pop(id_, None)

    def _end(self, reservation: Reservation, line: Line) -> None:
        order = reservation.order
        part = line.strategy(order.strategy)
        unfilled = max(ZERO, reservation.quantity - reservation.filled)
        self._uncount(line, part, reservation)
        for id_ in (order.client_order_id, *reservation.aliases):
            self.reservations.pop(id_, None)
            self.finished[id_] = Finished(reservation, unfilled)
            if len(self.finished) > FINISHED_KEPT:
                self.finished.popitem(last=False)
        self.by_venue_id.pop(reservation.venue_order_id, None)
        self.watched.pop(order.client_order_id, None)
        line.reservations.pop(order.client_order_id, None)
        part.reservations.pop(order.client_order_id, None)
        part.in_flight.pop(order.client_order_id, None)

    @staticmethod
    def _uncount(line: Line, part: StrategyLine, reservation: Reservation) -> None:
        side, reduces = reservation.order.side, reservation.reduces
        less, less_value = -reservation.counted_quantity, -reservation.counted_value
        line.working = line.working.plus(side, less, value=less_value, reduces=reduces)
        part.working = part.working.plus(side, less, value=less_value, reduces=reduces)
        reservation.counted_quantity = reservation.counted_value = ZERO

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
        if line.mark is not None and not line.mark.confirmed:
            self.unproven_marks[line.key] = line
        else:
            self.unproven_marks.pop(line.key, None)
        if line.mark is not None and (self.oldest_mark is None or line.mark.as_of < self.oldest_mark):
            self.oldest_mark = line.mark.as_of

    def age_marks(self) -> None:
        """Finds the oldest mark that anything held or working depends on."""
        ages = [line.mark.as_of for line in self.lines.values() if line.mark is not None and not line.idle]
        self.oldest_mark = min(ages, default=None)


def collared(mark: Decimal, collar: Decimal, side: Side) -> Decimal:
    """The furthest limit price that the collar allows: above the mark for a buy, below it for a sell."""
    share = collar / HUNDRED
    return mark * (ONE + share) if side is Side.BUY else mark * (ONE - share)
