"""Fills: into the ledger once each, and to the strategy whose approved order they fill.

A fill is matched by client order id, else by the venue order id that an approved order resolved to. What no approval
explains stays in `Line.unexplained`: it counts in the ledger and in exposure at once, and the next complete read halts.
"""

from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.events import Fill, FillKind
from risksvc.core.line import DivergenceClass, Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import Reservation
from risksvc.core.trips import Trigger
from risksvc.core.types import ZERO, Nanoseconds, plain

# What the venue does of its own accord: into the ledger, explained by its kind, owned by nobody.
VENUE_MADE: dict[FillKind, Trigger | None] = {
    FillKind.LIQUIDATION: Trigger.LIQUIDATION,
    FillKind.ADL: Trigger.ADL,
    FillKind.DELIVERY: None,
}


class FillResult:
    """What taking fills in has led to: triggers to trip (with instrument and text) and notices."""

    def __init__(self) -> None:
        self.trips: list[tuple[Trigger, str, str]] = []
        self.notices: list[Notice] = []
        self.recorded = 0


def take_fill(book: AccountBook, fill: Fill, *, now: Nanoseconds, result: FillResult) -> None:
    """Takes one fill in; one that is known may still bring the order it belongs to."""
    line = book.line_for(fill.instrument)
    if fill.trade_id not in line.trades and fill.venue_time_ms <= line.horizon_ms:
        result.notices.append(_too_old(book, fill))
        return
    if line.move(fill):
        result.recorded += 1
        _attribute(book, line, fill, now=now, result=result)
    elif fill.trade_id in line.unexplained:
        del line.unexplained[fill.trade_id]
        _attribute(book, line, fill, now=now, result=result)
    else:
        return
    book.refresh(line, *line.strategies.values())


def reattribute(book: AccountBook, line: Line, *, now: Nanoseconds) -> FillResult:
    """Tries again to explain fills, after an order's venue id has become known."""
    result = FillResult()
    for fill in list(line.unexplained.values()):
        if book.find_order(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id) is not None:
            del line.unexplained[fill.trade_id]
            _attribute(book, line, fill, now=now, result=result)
            book.refresh(line, *line.strategies.values())
    _settle_suspicion(line)
    return result


def _attribute(book: AccountBook, line: Line, fill: Fill, *, now: Nanoseconds, result: FillResult) -> None:
    signed = fill.quantity * fill.side.sign
    if fill.kind in VENUE_MADE:
        line.adopted += signed
        trigger = VENUE_MADE[fill.kind]
        if trigger is not None:
            result.trips.append((trigger, fill.instrument, describe(fill)))
        return
    reservation = book.find_order(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
    if reservation is not None and reservation.explained and _fits(reservation, fill):
        _apply(book, line, reservation, fill=fill, now=now, result=result)
    elif not _apply_late(book, line, fill, now=now, result=result):
        _leave_unexplained(line, fill, now=now)
    _settle_suspicion(line)


def _fits(reservation: Reservation, fill: Fill) -> bool:
    return reservation.order.instrument == fill.instrument and reservation.order.side is fill.side


def _apply(
    book: AccountBook, line: Line, reservation: Reservation, *, fill: Fill, now: Nanoseconds, result: FillResult
) -> None:
    give(book, line, reservation.order.strategy, signed=fill.quantity * fill.side.sign, now=now)
    if not reservation.found:
        reservation.filled += fill.quantity
    reservation.at_venue = True
    if fill.venue_order_id and not reservation.venue_order_id:
        reservation.venue_order_id = fill.venue_order_id
        book.by_venue_id[fill.venue_order_id] = reservation
    if reservation.filled > reservation.quantity:
        line.overfilled = True
        text = (
            f"{reservation.order.client_order_id} was approved for {plain(reservation.quantity)} and has filled "
            f"{plain(reservation.filled)}"
        )
        result.trips.append((Trigger.UNEXPECTED_FILL, fill.instrument, text))
    book.recount(reservation)


def _apply_late(book: AccountBook, line: Line, fill: Fill, *, now: Nanoseconds, result: FillResult) -> bool:
    """A fill of an order that was proven finished: an approval explains it, but the proof was wrong, which is told."""
    finished = book.finished.get(fill.client_order_id) if fill.client_order_id else None
    if finished is None or not _fits(finished.reservation, fill) or fill.quantity > finished.unfilled:
        return False
    finished.unfilled -= fill.quantity
    give(book, line, finished.reservation.order.strategy, signed=fill.quantity * fill.side.sign, now=now)
    text = f"{fill.client_order_id} was proven finished, and then filled: {describe(fill)}"
    result.notices.append(
        Notice(NoticeKind.LATE_FILL, book.name, "LATE_FILL", text, fill.instrument, finished.reservation.order.strategy)
    )
    return True


def give(book: AccountBook, line: Line, strategy: str, *, signed: Decimal, now: Nanoseconds) -> None:
    """Adds to a strategy's ledger position, or with no strategy to the account's adopted part."""
    if not strategy:
        line.adopted += signed
        return
    part = line.strategy(strategy)
    part.fill(signed, now=now)
    held = book.strategy(strategy).held
    if part.position == ZERO:
        held.pop(line.key, None)
    else:
        held[line.key] = None


def _leave_unexplained(line: Line, fill: Fill, *, now: Nanoseconds) -> None:
    line.unexplained[fill.trade_id] = fill
    line.suspect(Suspicion(DivergenceClass.UNEXPECTED_FILL, "", describe(fill), now))


def _settle_suspicion(line: Line) -> None:
    if not line.unexplained:
        line.suspicions.pop((DivergenceClass.UNEXPECTED_FILL.value, ""), None)


def describe(fill: Fill) -> str:
    """A fill in words."""
    order = fill.client_order_id or fill.venue_order_id or "no order id"
    return f"{fill.side.value} {plain(fill.quantity)} {fill.instrument} at {plain(fill.price)} (order {order})"


def _too_old(book: AccountBook, fill: Fill) -> Notice:
    text = f"a fill too old to tell whether it was counted: {describe(fill)}; the next reads will show if it was not"
    return Notice(NoticeKind.FILL_TOO_OLD, book.name, "FILL_TOO_OLD", text, fill.instrument)
