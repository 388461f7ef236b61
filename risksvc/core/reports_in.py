"""What strategies report of orders, fills and positions. It speeds proof up; it is never proof itself."""

from collections.abc import Iterator
from dataclasses import dataclass

from risksvc.core.believing import take_belief
from risksvc.core.book import AccountBook
from risksvc.core.config import RULES_2
from risksvc.core.events import FillReported, OrderReport, OrderReported, PositionReported, StrategyWatched
from risksvc.core.fills import FillResult, reattribute, take_fill, take_report
from risksvc.core.outputs import LookUp, OrderRef, Output, ReportTaken
from risksvc.core.reservations import IN_FLIGHT, Reservation, ReservationStatus
from risksvc.core.state import GateState
from risksvc.core.types import ZERO, InstrumentKind, Nanoseconds, Scope
from risksvc.core.venue_events import Fill


def report_order(state: GateState, event: OrderReported, now: Nanoseconds) -> Iterator[Output]:
    """Takes in what a strategy says became of an order. It speeds proof up; it is never proof itself."""
    book = state.accounts.get(event.account)
    reservation = None if book is None else book.reservations.get(event.client_order_id)
    if book is None or reservation is None or reservation.unnamed or reservation.order.strategy != event.strategy:
        yield ReportTaken(known=False)
        return
    book.strategy(event.strategy).heard_at = now
    _take_report(reservation, event)
    newly_named = book.name_at_venue(reservation, event.venue_order_id)
    book.recount(reservation, now=now)
    yield ReportTaken(known=True)
    line = book.line_for(reservation.order.instrument)
    if newly_named and line.unexplained:
        yield from apply_fill_result(state, book, reattribute(book, line, now=now), now=now)
    if reservation.needs_look_up:
        reservation.looked_up_at = now
        yield LookUp(book.name, (ref(reservation),))


@dataclass(frozen=True, slots=True)
class Move:
    """What a report makes of an order that stands at one of these. `early`: not once the venue has shown the order."""

    before: frozenset[ReservationStatus]
    after: ReservationStatus
    early: bool = True


UNACKNOWLEDGED = IN_FLIGHT | {ReservationStatus.NEVER_SENT}
NOT_FINAL = frozenset(ReservationStatus) - {ReservationStatus.FINAL_AWAITING_FILLS}
MOVES: dict[OrderReport, Move] = {
    OrderReport.SENT: Move(
        frozenset({ReservationStatus.APPROVED, ReservationStatus.NEVER_SENT}), ReservationStatus.SENT
    ),
    OrderReport.NEVER_SENT: Move(
        frozenset({ReservationStatus.APPROVED, ReservationStatus.SENT}), ReservationStatus.NEVER_SENT
    ),
    OrderReport.ACKNOWLEDGED: Move(UNACKNOWLEDGED, ReservationStatus.ACKNOWLEDGED),
    OrderReport.CANCELLED: Move(NOT_FINAL, ReservationStatus.CANCEL_REPORTED, early=False),
    OrderReport.REJECTED: Move(NOT_FINAL, ReservationStatus.REJECT_REPORTED, early=False),
}


def _take_report(reservation: Reservation, event: OrderReported) -> None:
    move = MOVES[event.report]
    if reservation.status not in move.before or (move.early and reservation.at_venue):
        return
    amendment = event.client_order_id != reservation.order.client_order_id
    if amendment and event.report is OrderReport.NEVER_SENT:
        return  # the order itself may have been sent
    reservation.status = move.after
    if not move.early:
        reservation.needs_look_up = True


def ref(reservation: Reservation) -> OrderRef:
    """How the venue knows an order; the name of a stand-in is not the venue's."""
    names = reservation.aliases[:1] if reservation.found or reservation.unnamed else [reservation.order.client_order_id]
    return OrderRef(reservation.order.instrument, "".join(names), reservation.venue_order_id)


def report_fill(state: GateState, event: FillReported, now: Nanoseconds) -> Iterator[Output]:
    """Keeps a fill apart until the venue's feed tells of it; only for an order that this strategy had approved."""
    book = state.accounts.get(event.account)
    order = None if book is None else _order_of(book, event)
    if book is not None and order is not None and book.rules < RULES_2:
        yield from _believe_fill(state, book, event.fill, now=now)
        return
    if book is None or order is None or not take_report(book, order, event.fill, now=now):
        yield ReportTaken(known=False)
        return
    book.strategy(event.strategy).heard_at = now
    if order.ids[0] not in book.reservations:
        yield ReportTaken(known=True)  # proven finished: the next reads will show whether that was wrong, or this
        return
    if order.status in UNACKNOWLEDGED:
        order.status = ReservationStatus.ACKNOWLEDGED
    line = book.line_for(event.fill.instrument)
    told = sum((one.fill.quantity for one in line.reported.values() if one.fill.client_order_id in order.ids), ZERO)
    filled = order.filled + told >= order.quantity and order.final_filled is None
    order.needs_look_up = order.needs_look_up or filled
    book.recount(order, now=now)
    yield ReportTaken(known=True)
    if filled:
        order.looked_up_at = now
        yield LookUp(book.name, (ref(order),))


def _believe_fill(state: GateState, book: AccountBook, fill: Fill, *, now: Nanoseconds) -> Iterator[Output]:
    """Rules 1: a reported fill counted as one of the venue's."""
    result = FillResult()
    take_fill(book, fill, now=now, result=result)
    yield ReportTaken(known=bool(result.recorded))
    yield from apply_fill_result(state, book, result, now=now)


def _order_of(book: AccountBook, event: FillReported) -> Reservation | None:
    """The order that the strategy tells of, live or proven finished lately."""
    fill = event.fill
    instrument = book.instruments.get(fill.instrument)
    if instrument is not None and instrument.kind is InstrumentKind.SPOT:
        return None  # only the venue's own feed says what fee was taken out of a spot balance
    order = book.reservations.get(fill.client_order_id)
    if order is None and fill.client_order_id in book.finished:
        order = book.finished[fill.client_order_id].reservation
    if order is None or order.order.strategy != event.strategy or order.is_another(fill):
        return None
    return order


def apply_fill_result(state: GateState, book: AccountBook, result: FillResult, *, now: Nanoseconds) -> Iterator[Output]:
    """Trips and tells what fills have led to."""
    for trigger, instrument, text in result.trips:
        yield from state.trip(trigger, Scope(book.name, instrument=instrument), text=text, now=now)
    yield from result.notices


def strategy_watched(state: GateState, event: StrategyWatched, now: Nanoseconds) -> Iterator[Output]:
    """A strategy began, or ceased, to follow its trading state."""
    book = state.accounts.get(event.account)
    if book is not None:
        strategy = book.strategy(event.strategy)
        strategy.watched, strategy.heard_at = event.watched, now
    yield from ()


def report_position(state: GateState, event: PositionReported, now: Nanoseconds) -> Iterator[Output]:
    """Takes a belief in, and says whether the ledger agrees."""
    book = state.accounts.get(event.account)
    limits = None if book is None or book.limits is None else book.limits.strategies.get(event.strategy)
    if book is None or limits is None or event.instrument not in book.instruments:
        yield ReportTaken(known=False)
        return
    book.strategy(event.strategy).heard_at = now
    line = book.line_for(event.instrument)
    part = line.strategy(event.strategy)
    notices = take_belief(book, line, part, quantity=event.quantity, now=now)
    yield ReportTaken(known=True, agrees=part.belief_agrees(), ledger_position=part.position)
    yield from notices
