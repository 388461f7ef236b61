"""Orders that a person announced and places at the venue by hand: known there by what they are, not by an id.

Rule 1: an announcement explains one order of the venue, bound once, before that becomes unexpected. Rule 2: it explains
nothing that was unexplained before, nothing larger, nothing at a worse price. Rule 3: it ends on a complete read begun
after its time and the venue's window that does not show its order; never by time alone, and not by a targeted read,
which would ask for an id that the venue never had.
"""

from collections.abc import Sequence
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.events import OrderExpected
from risksvc.core.marks import collared
from risksvc.core.reservations import Reservation
from risksvc.core.types import SECOND, Nanoseconds, OrderType, Side
from risksvc.core.venue_events import Fill, VenueOrder

VALID_AT_LEAST_NS = SECOND
VALID_AT_MOST_NS = 3600 * SECOND


def announcement_rules(event: OrderExpected) -> tuple[tuple[bool, str], ...]:
    """What an announcement must be, each with what is said of one that is not."""
    at_least, at_most = VALID_AT_LEAST_NS // SECOND, VALID_AT_MOST_NS // SECOND
    holds = VALID_AT_LEAST_NS <= event.valid_for <= VALID_AT_MOST_NS
    return (
        (holds, f"an order can be announced for {at_least} to {at_most} seconds"),
        (not event.order.replaces, "an announced order replaces none; announce the new one alone"),
    )


def announced_order(book: AccountBook, row: VenueOrder) -> Reservation | None:
    """The announced order that an unknown order at the venue is taken to be. From here on it is that one, for good.

    Of several that would do, the smallest: a large order can't be the smaller announcement, and must find its own.
    """
    if row.attached or _finished_before(book, row):
        return None
    fitting = [one for one in _awaited(book, row) if row.quantity <= one.remaining and _is_such(book, one, row)]
    return _bind(book, min(fitting, key=_remaining), row) if fitting else None


def announced_fill(book: AccountBook, fill: Fill) -> Reservation | None:
    """The announced order that a fill of an unknown order is taken to be of.

    Of several that would do, the one of just this quantity, else the largest: it may be a part of that.
    """
    known = book.line_for(fill.instrument).unexplained.get((fill.instrument, fill.trade_id))
    if fill.unresolved or (known is not None and not known.unresolved) or _finished_before(book, fill):
        return None
    fitting = [one for one in _awaited(book, fill) if fill.quantity <= one.remaining and _filled_within(one, fill)]
    exact = [one for one in fitting if one.remaining == fill.quantity]
    return _bind(book, max(exact or fitting, key=_remaining), fill) if fitting else None


def has_run_out(book: AccountBook, reservation: Reservation, *, as_of: Nanoseconds) -> bool:
    """True for an announcement whose order a complete read, begun when its time was over, does not show."""
    window = book.config.venue_window_ns
    return reservation.awaits_its_order and reservation.absence_proves(as_of=as_of, venue_window=window)


def _awaited(book: AccountBook, seen: VenueOrder | Fill) -> Sequence[Reservation]:
    line = book.line_for(seen.instrument)
    return [one for one in line.reservations.values() if one.awaits_its_order and not one.is_another(seen)]


def _finished_before(book: AccountBook, seen: VenueOrder | Fill) -> bool:
    """What tells late of an order that was proven finished is no new order."""
    known = book.find_finished(client_order_id=seen.client_order_id, venue_order_id=seen.venue_order_id)
    return known is not None and not known.reservation.is_another(seen)


def _remaining(reservation: Reservation) -> Decimal:
    return reservation.remaining


def _bind(book: AccountBook, reservation: Reservation, seen: VenueOrder | Fill) -> Reservation:
    """The venue's client order id, if it gave one, is a further name of it; its own id is learnt by whoever asked."""
    reservation.at_venue = True
    name = seen.client_order_id
    if name and name not in book.reservations:
        reservation.aliases.append(name)
        book.reservations[name] = reservation
    return reservation


def _is_such(book: AccountBook, reservation: Reservation, row: VenueOrder) -> bool:
    """What it is, apart from its size. One that was announced to reduce must do so at the venue, where that can be."""
    if reservation.reduces and not row.reduce_only:
        return False
    if reservation.order.type is OrderType.LIMIT:
        return row.limit_price is not None and not reservation.exceeds_approval(row)
    return row.limit_price is None or _near_mark(book, row)


def _near_mark(book: AccountBook, row: VenueOrder) -> bool:
    """Venues show a market order as one with a limit some way through the mark; what rests further off is another."""
    mark, collar = book.line_for(row.instrument).marks.get(row.instrument), book.collar(row.instrument)
    if mark is None or row.limit_price is None:
        return False
    low, high = (collared(mark.price, collar, side) for side in (Side.SELL, Side.BUY))
    return low <= row.limit_price <= high


def _filled_within(reservation: Reservation, fill: Fill) -> bool:
    limit = reservation.limit_price
    if limit is None:
        return True
    return fill.price <= limit if fill.side is Side.BUY else fill.price >= limit
