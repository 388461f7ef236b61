"""What the venue feed says: fills, complete reads, marks, targeted reads; and what time alone brings about."""

from collections.abc import Iterable, Iterator

from risksvc.core.book import AccountBook
from risksvc.core.conditions import note
from risksvc.core.deadlines import LOOK_UP_AGAIN_NS
from risksvc.core.divergences import DivergenceClass
from risksvc.core.equity import take_balances
from risksvc.core.fills import FillResult, take_fill
from risksvc.core.findings import Findings
from risksvc.core.line import Line
from risksvc.core.noting import age_marks
from risksvc.core.open_orders import take_order_state
from risksvc.core.outputs import LookUp, Notice, NoticeKind, OrderRef, Output, ReadAgain
from risksvc.core.positions import excesses, line_warning, total_warning
from risksvc.core.reconciliation import take_snapshot
from risksvc.core.reports_in import apply_fill_result, ref
from risksvc.core.reservations import IN_FLIGHT, Reservation, ReservationStatus
from risksvc.core.state import GateState
from risksvc.core.types import SECOND, Nanoseconds, Scope
from risksvc.core.venue_events import (
    BalancesReceived,
    FeedConnected,
    FeedDisconnected,
    FillsReceived,
    HistoryGapFound,
    MarksReceived,
    OrderStatesReceived,
    ReadFailed,
    SnapshotReceived,
)

LOOK_UPS_AT_ONCE = 50


def feed_connected(state: GateState, event: FeedConnected, _now: Nanoseconds) -> Iterator[Output]:
    """Takes in what the venue lists and can do."""
    book = state.accounts.get(event.account)
    if book is not None:
        book.set_feed(event)
        state.version += 1
    yield from ()


def feed_disconnected(state: GateState, event: FeedDisconnected, _now: Nanoseconds) -> Iterator[Output]:
    """Reads grow old from here on."""
    book = state.accounts.get(event.account)
    if book is not None:
        book.feed_connected = False
    yield from ()


def fills_received(state: GateState, event: FillsReceived, now: Nanoseconds) -> Iterator[Output]:
    """Takes fills in; before the first complete read they are kept aside."""
    book = state.accounts.get(event.account)
    if book is None:
        return
    if not book.anchored:
        for fill in event.fills:
            book.early_fills[fill.instrument, fill.trade_id] = fill
        return
    result = FillResult()
    for fill in event.fills:
        take_fill(book, fill, now=now, result=result)
    yield from apply_fill_result(state, book, result, now=now)


def snapshot_received(state: GateState, event: SnapshotReceived, now: Nanoseconds) -> Iterator[Output]:
    """Compares a complete read with everything that is known."""
    book = state.accounts.get(event.account)
    if book is None or (book.snapshot_as_of is not None and event.as_of < book.snapshot_as_of):
        return
    findings = take_snapshot(book, event, now=now)
    for what in (DivergenceClass.STALE_VENUE, DivergenceClass.UNREADABLE_VENUE, DivergenceClass.UNKNOWN_INSTRUMENT):
        yield from settle(book, what)
    yield from _act_on(state, book, findings, now=now)
    yield from judge_positions(state, book, book.stirring(), now=now)


def marks_received(state: GateState, event: MarksReceived, now: Nanoseconds) -> Iterator[Output]:
    """Values everything anew."""
    book = state.accounts.get(event.account)
    if book is None:
        return
    book.equity.see_marks(event.marks, as_of=event.as_of)
    notices: list[Notice | None] = []
    lines: dict[str, Line] = {}
    for mark in event.marks:
        line = book.set_mark(mark, as_of=event.as_of)
        lines[line.key] = line
        if line.warned or not line.idle:
            notices.append(line_warning(book, line, mark.instrument))
    age_marks(book)
    notices.append(total_warning(book))
    yield from (notice for notice in notices if notice is not None)
    yield from judge_positions(state, book, lines.values(), now=now)


def order_states_received(state: GateState, event: OrderStatesReceived, now: Nanoseconds) -> Iterator[Output]:
    """Takes targeted reads in: the fast proof that an order is finished."""
    book = state.accounts.get(event.account)
    if book is None:
        return
    findings = Findings()
    for row in event.orders:
        take_order_state(book, row, as_of=event.as_of, now=now, findings=findings)
    yield from _act_on(state, book, findings, now=now)


def read_failed(state: GateState, event: ReadFailed, now: Nanoseconds) -> Iterator[Output]:
    """A failed read never changes a position; it is shown until a good one comes."""
    book = state.accounts.get(event.account)
    if book is None:
        return
    book.last_read_failure = f"{event.what}: {event.error}"
    what, text = DivergenceClass.UNREADABLE_VENUE, book.last_read_failure
    if event.unknown_instrument:
        what, text = DivergenceClass.UNKNOWN_INSTRUMENT, f"{event.unknown_instrument}: {text}"
    yield from arise(book, what, text, now=now)


def balances_received(state: GateState, event: BalancesReceived, now: Nanoseconds) -> Iterator[Output]:
    """Holds the venue's equity against what is known to have moved it."""
    book = state.accounts.get(event.account)
    if book is not None:
        yield from take_balances(book, event, now=now)


def history_gap_found(state: GateState, event: HistoryGapFound, _now: Nanoseconds) -> Iterator[Output]:
    """Fills of this time can't be known any more: whoever wants to go on adopts what is there."""
    book = state.accounts.get(event.account)
    if book is not None:
        text = f"the venue lists no fills from {event.from_ms} to {event.to_ms} ms any more: nobody knows what happened"
        book.last_read_failure = text
        book.equity.begin_anew()  # what was booked then is not known either
        book.adopted = False  # until a complete read agrees everywhere, or somebody adopts what it shows
        yield Notice(NoticeKind.HISTORY_GAP, book.name, "HISTORY_GAP", text)


def judge_positions(
    state: GateState, book: AccountBook, lines: Iterable[Line], *, now: Nanoseconds
) -> Iterator[Output]:
    """Trips on those of these positions, and on totals, that are over their limits or outside their bands."""
    for excess in excesses(book, lines):
        yield from state.trip(excess.trigger, excess.scope, text=excess.text, now=now)


def _act_on(state: GateState, book: AccountBook, findings: Findings, *, now: Nanoseconds) -> Iterator[Output]:
    for trigger, instrument, text in findings.trips:
        yield from state.trip(trigger, Scope(book.name, instrument=instrument), text=text, now=now)
    yield from findings.notices
    yield from look_up(book, findings.look_up, now=now)
    if findings.read_again:
        yield ReadAgain(book.name)


def look_up(book: AccountBook, reservations: list[Reservation], *, now: Nanoseconds) -> Iterator[LookUp]:
    """Asks where orders stand, each at most once a second."""
    due = [one for one in reservations if now - one.looked_up_at >= LOOK_UP_AGAIN_NS]
    refs: list[OrderRef] = []
    for reservation in due:
        reservation.looked_up_at = now
        refs.append(ref(reservation))
    for start in range(0, len(refs), LOOK_UPS_AT_ONCE):
        yield LookUp(book.name, tuple(refs[start : start + LOOK_UPS_AT_ONCE]))


def tick(state: GateState, now: Nanoseconds) -> Iterator[Output]:
    """What time brings about. State changes exactly where an Output says so."""
    for book in state.accounts.values():
        yield from _end_never_sent(book, now=now)
        yield from _grow_stale(book, now=now)
        if book.feed_connected:
            ripe = [book.watched[id_] for id_ in book.deadlines.ripen(now)]
            yield from look_up(book, [one for one in ripe if _is_due(book, one, now=now)], now=now)
            for reservation in ripe:
                book.deadlines.put(reservation, window=book.config.venue_window_ns)
    for proposal in state.proposals.expired(now):
        text = f"{proposal.kind} proposal {proposal.proposal_id} by {proposal.step.by} ran out"
        yield Notice(NoticeKind.PROPOSAL_EXPIRED, "", proposal.kind, text)


def arise(book: AccountBook, what: DivergenceClass, text: str, *, now: Nanoseconds) -> Iterator[Notice]:
    """Notes what concerns the account as a whole, and tells it once."""
    if note(book.conditions, what, text, now=now).seen == 1:
        yield Notice(NoticeKind.CONDITION, book.name, what.value, text)


def settle(book: AccountBook, what: DivergenceClass) -> Iterator[Notice]:
    """What caused it is gone."""
    gone = book.conditions.pop(what.value, None)
    if gone is not None:
        yield Notice(NoticeKind.CONDITION_CLEARED, book.name, what.value, f"over: {gone.message}")


def _grow_stale(book: AccountBook, *, now: Nanoseconds) -> Iterator[Notice]:
    if book.snapshot_as_of is None or DivergenceClass.STALE_VENUE.value in book.conditions:
        return
    if now - book.snapshot_as_of > book.config.snapshot_max_age_ns:
        text = (
            f"no complete read for {(now - book.snapshot_as_of) // SECOND} s: {book.last_read_failure or 'none came'}"
        )
        yield from arise(book, DivergenceClass.STALE_VENUE, text, now=now)


def _end_never_sent(book: AccountBook, *, now: Nanoseconds) -> Iterator[Notice]:
    for id_ in book.deadlines.ripen(now):
        reservation = book.watched[id_]
        over = now > reservation.valid_until + book.config.venue_window_ns
        if reservation.status is ReservationStatus.NEVER_SENT and over and not reservation.at_venue:
            order = reservation.order
            text = f"{order.client_order_id}: never sent, and the venue window has passed"
            book.release(reservation, now=now)
            kind = NoticeKind.RESERVATION_ENDED
            yield Notice(kind, book.name, kind.value, text, order.instrument, order.strategy)


def _is_due(book: AccountBook, reservation: Reservation, *, now: Nanoseconds) -> bool:
    """Nothing proves yet what became of it; its window is over, or someone said that it is finished."""
    if now - reservation.looked_up_at < LOOK_UP_AGAIN_NS:
        return False
    if reservation.needs_look_up:
        return True
    over = now > reservation.valid_until + book.config.venue_window_ns
    if over and reservation.status in IN_FLIGHT:
        reservation.status = ReservationStatus.UNKNOWN
    return over and not reservation.at_venue
