"""What one account's equity must be, by everything that is known: per currency, since an anchor. Arithmetic only.

A currency's equity is its cash and what the positions settled in it are worth at the mark. The anchor says what cash
there was; from then on each fill moves quantity and cash by its own price, and fees and bookings move cash:

    linear   worth = quantity x contract size x mark        in the quote currency
    inverse  worth = - quantity x contract size / mark      in the base coin
    spot     a fill moves base and quote, which are cash both

So nothing adds up but what really happened: the marks count at the anchor and now, however often it is checked.
Rule 1: a fill counts once it is inside, by the venue's time. Rule 2: a booking's id counts once. Rule 3: a TRANSFER
fill moves a position and no cash: the booking that it comes from tells of that. Rule 4: a fill's fee comes with the
fill, and a FEE booking is one that no fill carries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.types import ZERO, Instrument, InstrumentKind, Nanoseconds
from risksvc.core.venue_events import CashFlow, Fill, FillKind, Mark

FLOWS_KEPT = 10_000
FILLS_WAITING = 10_000  # beyond it balances have not come for long: the older half counts without their time
MARKS_KEPT = 4


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """A mark, and when it was read."""

    as_of: Nanoseconds
    price: Decimal


@dataclass(slots=True)
class EquityCheck:
    """One account's; `difference` and `tolerance` in the limits' currency, None until two balances were compared.

    `difference` is of the currency that is furthest from what is explained; `unchecked` are those that have no rate.
    `anchor_ms` None: the next balances begin anew. `cash` and `held` are as of `at_ms`, the last balances' time; what
    is told of later times waits in `fills` and `flows`. `feeless`: the value of fills whose fee nobody knows.
    """

    difference: Decimal | None = None
    tolerance: Decimal | None = None
    unchecked: tuple[str, ...] = ()
    anchor_ms: int | None = None
    at_ms: int = -1
    cash: dict[str, Decimal] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    anchor_marks: dict[str, Decimal] = field(default_factory=dict)
    anchor_gross: Decimal = ZERO
    feeless: dict[str, Decimal] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    flows: list[CashFlow] = field(default_factory=list)
    flow_ids: dict[str, int] = field(default_factory=dict)
    flows_forgotten_ms: int = -1
    marks: dict[str, list[MarkSeen]] = field(default_factory=dict)

    def begin_anew(self) -> None:
        """Takes what is there for explained. Only the first balances, adoption, a history gap or a resume do this.

        Each is a person's word or the end of what can be known; anything else would hide what nobody explained.
        """
        self.anchor_ms = self.difference = self.tolerance = None
        self.fills.clear()

    def anchor(self, cash: Mapping[str, Decimal], held: Mapping[str, Decimal], *, at_ms: int) -> None:
        """Takes this cash and these positions for explained; what is booked later counts from here."""
        self.anchor_ms = self.at_ms = at_ms
        self.cash, self.held = dict(cash), dict(held)
        self.feeless.clear()
        self.flows = [flow for flow in self.flows if flow.venue_time_ms > at_ms]

    # -- what is told --------------------------------------------------------------------------------------------

    def see_marks(self, marks: Sequence[Mark], *, as_of: Nanoseconds) -> None:
        """Keeps the last few marks of each instrument, for balances that were read between two of them."""
        for mark in marks:
            seen = self.marks.setdefault(mark.instrument, [])
            seen.append(MarkSeen(as_of, mark.price))
            del seen[:-MARKS_KEPT]

    def mark_at(self, symbol: str, as_of: Nanoseconds, *, within: Nanoseconds) -> Decimal | None:
        """The mark nearest to this time; None: none is near enough."""
        nearest = min(self.marks.get(symbol, ()), key=lambda seen: abs(seen.as_of - as_of), default=None)
        return None if nearest is None or abs(nearest.as_of - as_of) > within else nearest.price

    def take_fill(self, fill: Fill) -> None:
        """Keeps a fill until balances come that it is in."""
        if self.anchor_ms is not None and fill.kind is not FillKind.TRANSFER:
            self.fills.append(fill)

    def take_flow(self, flow: CashFlow) -> None:
        """Keeps a booking until balances come that it is in; one that is known, or was forgotten, is nothing new."""
        if flow.flow_id in self.flow_ids or flow.venue_time_ms <= self.flows_forgotten_ms:
            return
        self.flow_ids[flow.flow_id] = flow.venue_time_ms
        self.flows.append(flow)
        if len(self.flow_ids) > FLOWS_KEPT:
            oldest = next(iter(self.flow_ids))
            self.flows_forgotten_ms = max(self.flows_forgotten_ms, self.flow_ids.pop(oldest))
            del self.flows[:-FLOWS_KEPT]

    # -- what it comes to ----------------------------------------------------------------------------------------

    def book(self, known: Callable[[str], Instrument | None], *, until_ms: int) -> None:
        """Counts every fill and booking up to this venue time. What the anchor's equity had already, it has."""
        assert self.anchor_ms is not None, "balances came first"
        waiting = self.fills
        overdue = len(waiting) // 2 if len(waiting) > FILLS_WAITING else 0
        self.fills = []
        for index, fill in enumerate(waiting):
            instrument = known(fill.instrument)
            if fill.venue_time_ms > until_ms and index >= overdue:
                self.fills.append(fill)
            elif instrument is not None and fill.venue_time_ms <= self.anchor_ms:
                self._book_before_anchor(fill, instrument)
            elif instrument is not None:
                self._book_fill(fill, instrument)
        for flow in self.flows:
            if self.anchor_ms < flow.venue_time_ms <= until_ms:
                self._move(flow.currency, flow.amount)
        self.flows = [flow for flow in self.flows if flow.venue_time_ms > until_ms]
        self.at_ms = until_ms

    def _book_fill(self, fill: Fill, instrument: Instrument) -> None:
        signed = fill.quantity * fill.side.sign
        if instrument.kind is InstrumentKind.SPOT:
            self._move(instrument.base, signed)
            self._move(instrument.quote, -signed * fill.price)
        else:
            self._hold(fill.instrument, signed)
            self._move(settles_in(instrument), -worth(instrument, signed, price=fill.price))
        if fill.fee is None:
            traded = abs(worth(instrument, signed, price=fill.price)) or fill.quantity * fill.price
            currency = settles_in(instrument)
            self.feeless[currency] = self.feeless.get(currency, ZERO) + traded
        else:
            self._move(fill.fee_currency or settles_in(instrument), -fill.fee)

    def _book_before_anchor(self, fill: Fill, instrument: Instrument) -> None:
        """Told late: the venue's equity had it already, the anchor's positions had not."""
        signed = fill.quantity * fill.side.sign
        if instrument.kind is InstrumentKind.SPOT:
            return
        self._hold(fill.instrument, signed)
        mark = self.anchor_marks.get(fill.instrument, fill.price)
        self._move(settles_in(instrument), -worth(instrument, signed, price=mark))

    def _hold(self, symbol: str, signed: Decimal) -> None:
        quantity = self.held.pop(symbol, ZERO) + signed
        if quantity:
            self.held[symbol] = quantity

    def _move(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = self.cash.get(currency, ZERO) + amount


def settles_in(instrument: Instrument) -> str:
    """The currency that profit and fees are paid in, where a fill does not say."""
    return instrument.base if instrument.kind is InstrumentKind.INVERSE else instrument.quote


def worth(instrument: Instrument, quantity: Decimal, *, price: Decimal) -> Decimal:
    """What a signed quantity adds to the equity of the currency that it settles in; nothing for spot, which is cash."""
    if instrument.kind is InstrumentKind.SPOT:
        return ZERO
    if instrument.kind is InstrumentKind.INVERSE:
        return -quantity * instrument.contract_size / price
    return quantity * instrument.contract_size * price
