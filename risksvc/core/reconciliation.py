"""Believed, ledger, venue: what a complete read shows, and what follows.

Rule 1: only a complete read gets here; one that failed changes nothing. Rule 2: the venue's quantity must equal the
ledger at some point inside the read's window. Rule 3: what differs is SUSPECT at once; an order or fill that no
approval explains is DIVERGED on one complete read, a wrong belief on the next, a drifting position on the third in a
row. Rule 4: no ledger is ever overwritten by another; what can be true is an interval, and the worst end
counts.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.fills import FillResult, describe, reattribute, take_fill
from risksvc.core.line import Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import Reservation, ReservationStatus, Version, stand_in_id
from risksvc.core.trips import Trigger
from risksvc.core.types import MILLISECOND, ZERO, Nanoseconds, Order, OrderType, plain
from risksvc.core.venue_events import SnapshotReceived, VenueOrder, VenueStatus

KEEP_FILLS_MS = 60_000  # fills older than the window by this much can't be reached by a later window
UNRESOLVED_READS = 3  # so many reads may fail to find a fill's order before it counts as unexplained


@dataclass(slots=True)
class Findings:
    """What a read has led to: (trigger, instrument, text) to trip, notices, orders to look up."""

    trips: list[tuple[Trigger, str, str]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    look_up: list[Reservation] = field(default_factory=list)

    def add(self, result: FillResult) -> None:
        """Adds what fills have led to."""
        self.trips += result.trips
        self.notices += result.notices


def take_snapshot(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds) -> Findings:
    """Compares one complete read with everything that is known."""
    findings = Findings()
    if not _anchor(book, snapshot, now=now, findings=findings):
        return findings
    book.snapshot_as_of = snapshot.as_of
    book.snapshots += 1
    book.last_read_failure = ""
    held = {row.key: row.quantity for row in snapshot.positions}
    for key in (*held, *book.config.spot_baseline):
        book.line_for(key)
    for line in book.lines.values():
        seen = held.get(line.key, ZERO) - book.config.spot_baseline.get(line.key, ZERO)
        _compare(book, line, seen=seen, snapshot=snapshot, now=now, findings=findings)
    _match_orders(book, snapshot, now=now, findings=findings)
    if not book.adopted:
        book.adopted = nothing_unexplained(book)
    if book.adopted:
        for line in book.lines.values():
            _judge(book, line, findings=findings)
    return findings


def nothing_unexplained(book: AccountBook) -> bool:
    """True when ledger and venue agree everywhere and every order and fill has an approval or an owner."""
    for line in book.lines.values():
        unread = line.venue is None and not line.idle
        if line.low != line.high or line.unexplained or unread:
            return False
    return all(reservation.explained for reservation in book.reservations.values())


def _anchor(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds, findings: Findings) -> bool:
    """The very first read: fills older than it are history; one inside its window leaves the start to the next read."""
    if book.anchored:
        return True
    from_ms = _window_start_ms(book, snapshot)
    for key, fill in list(book.early_fills.items()):
        if fill.venue_time_ms < from_ms:
            book.trades.add(fill)
            del book.early_fills[key]
    if any(fill.venue_time_ms <= snapshot.window_end_ms for fill in book.early_fills.values()):
        book.last_read_failure = "fills fell inside the first read: it can't tell what it counts; the next may"
        return False
    book.anchored = True
    result = FillResult()
    for fill in book.early_fills.values():
        take_fill(book, fill, now=now, result=result)
    book.early_fills.clear()
    findings.add(result)
    return True


def _window_start_ms(book: AccountBook, snapshot: SnapshotReceived) -> int:
    """How far a position may lag behind the fills that made it."""
    return snapshot.window_start_ms - book.config.settle_ns // MILLISECOND


def _compare(
    book: AccountBook,
    line: Line,
    *,
    seen: Decimal,
    snapshot: SnapshotReceived,
    now: Nanoseconds,
    findings: Findings,
) -> None:
    before = (line.low, line.high)
    from_ms = _window_start_ms(book, snapshot)
    sums, after = line.read_sums(from_ms=from_ms, to_ms=snapshot.window_end_ms)
    line.venue = seen
    if any(abs(seen - one) <= line.tolerance for one in sums):
        line.low = line.high = line.ledger
        line.compact(before_ms=from_ms - KEEP_FILLS_MS)
        _clear(book, line, DivergenceClass.POSITION_DRIFT, findings=findings)
    else:
        line.low, line.high = min(line.ledger, seen + after), max(line.ledger, seen + after)
        if book.adopted:
            text = f"the venue holds {plain(seen)}, the ledger says {plain(sums[-1])}"
            _suspect(book, line, DivergenceClass.POSITION_DRIFT, text=text, now=now, findings=findings)
    if (line.low, line.high) != before:
        book.refresh(line)


def _suspect(
    book: AccountBook, line: Line, what: DivergenceClass, *, text: str, now: Nanoseconds, findings: Findings
) -> None:
    known = (what.value, "") in line.suspicions
    suspicion = line.suspect(Suspicion(what, "", text, now))
    suspicion.message = text
    if not known:
        findings.notices.append(Notice(NoticeKind.SUSPECT, book.name, what.value, text, line.symbol))


def _clear(book: AccountBook, line: Line, what: DivergenceClass, *, findings: Findings, strategy: str = "") -> None:
    gone = line.suspicions.pop((what.value, strategy), None)
    if gone is not None:
        text = f"explained again: {gone.message}"
        findings.notices.append(Notice(NoticeKind.SUSPECT_CLEARED, book.name, what.value, text, line.symbol, strategy))


# -- orders -------------------------------------------------------------------------------------------------------


def _match_orders(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds, findings: Findings) -> None:
    seen: dict[str, None] = {}
    for row in snapshot.open_orders:
        if _finished_since(book, row, as_of=snapshot.as_of):
            continue
        reservation = take_order(book, row, as_of=snapshot.as_of, now=now, findings=findings)
        if reservation.found and row.filled > reservation.filled:
            # Fills come before the complete read that counts them: the venue's count is not ahead of the ledger.
            reservation.filled = row.filled
            book.recount(reservation, now=now)
        seen[reservation.order.client_order_id] = None
    for reservation in book.live():
        if reservation.order.client_order_id not in seen:
            _absent(book, reservation, as_of=snapshot.as_of, now=now, findings=findings)
    for line in book.lines.values():
        seen_before = line.suspicions.get((DivergenceClass.UNEXPECTED_ORDER.value, ""))
        # One that a targeted read showed, and that is gone by now, is judged by this complete read all the same.
        if seen_before is not None and seen_before.reads and all(one.explained for one in line.reservations.values()):
            _clear(book, line, DivergenceClass.UNEXPECTED_ORDER, findings=findings)


def _finished_since(book: AccountBook, row: VenueOrder, *, as_of: Nanoseconds) -> bool:
    """An order that was proven finished while the read was under way, and was open when its list was read."""
    if book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id) is not None:
        return False
    finished = book.find_finished(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    return finished is not None and finished.at >= as_of and not finished.reservation.is_another(row)


def take_order(
    book: AccountBook, row: VenueOrder, *, as_of: Nanoseconds, now: Nanoseconds, findings: Findings
) -> Reservation:
    """Takes in one order that the venue shows; one that no approval explains counts, and is suspect."""
    reservation = _shown(book, row, now=now)
    if reservation.is_as_shown(row):
        return reservation
    reservation.show(row, settled_before=as_of - book.config.venue_window_ns)
    if reservation.reduces and not row.reduce_only:
        book.count_as_ordinary(reservation, now=now)
    newly_named = book.name_at_venue(reservation, row.venue_order_id)
    book.recount(reservation, now=now)
    line = book.line_for(row.instrument)
    if newly_named and line.unexplained:
        findings.add(reattribute(book, line, now=now))
    if not reservation.explained and book.adopted:
        text = describe_order(row)
        _suspect(book, line, DivergenceClass.UNEXPECTED_ORDER, text=text, now=now, findings=findings)
    return reservation


def _shown(book: AccountBook, row: VenueOrder, *, now: Nanoseconds) -> Reservation:
    """The reservation behind a row; for an order that nobody approved a stand-in: it can fill, so it counts."""
    name = stand_in_id(row.venue_order_id or row.client_order_id)
    known = book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    if known is not None and known.is_another(row):
        known = book.reservations.get(name)
    if known is not None:
        return known
    order = Order(
        account=book.name,
        strategy="",
        client_order_id=name,
        instrument=row.instrument,
        side=row.side,
        type=OrderType.MARKET if row.limit_price is None else OrderType.LIMIT,
        quantity=row.quantity,
        limit_price=row.limit_price,
        reduce_only=row.reduce_only,
    )
    free = row.client_order_id and row.client_order_id not in book.reservations
    stand_in = Reservation(
        order,
        now,
        [Version(row.quantity, row.limit_price, now)],
        reduces=row.reduce_only and book.enforces_reduce_only,
        explained=False,
        found=True,
        aliases=[row.client_order_id] if free else [],
        venue_ids=[row.venue_order_id] if row.venue_order_id else [],
        status=ReservationStatus.ACKNOWLEDGED,
        filled=row.filled,
    )
    book.reserve(stand_in, now=now)
    return stand_in


def describe_order(row: VenueOrder) -> str:
    """An order in words."""
    price = "market" if row.limit_price is None else plain(row.limit_price)
    name = row.client_order_id or row.venue_order_id
    return f"no approval explains order {name}: {row.side.value} {plain(row.quantity)} {row.instrument} at {price}"


def _absent(
    book: AccountBook, reservation: Reservation, *, as_of: Nanoseconds, now: Nanoseconds, findings: Findings
) -> None:
    """A live reservation that a complete read did not show among the open orders."""
    if as_of <= reservation.approved_at or reservation.final_filled is not None:
        return
    if reservation.found and not reservation.explained:
        book.release(reservation, now=now)
    elif reservation.proven:
        reservation.needs_look_up = True
        findings.look_up.append(reservation)
        book.recount(reservation, now=now)


def take_order_state(
    book: AccountBook, row: VenueOrder, *, as_of: Nanoseconds, now: Nanoseconds, findings: Findings
) -> None:
    """Takes in the result of a targeted read."""
    reservation = book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    if reservation is None:
        return
    if row.status is not VenueStatus.NOT_FOUND:
        take_order(book, row, as_of=as_of, now=now, findings=findings)
    elif reservation.absence_proves(as_of=as_of, venue_window=book.config.venue_window_ns):
        findings.notices.append(_ended(book, reservation, "the venue does not know it"))
        book.release(reservation, now=now)


def _ended(book: AccountBook, reservation: Reservation, why: str) -> Notice:
    order = reservation.order
    text = f"{order.client_order_id}: {why}"
    return Notice(NoticeKind.RESERVATION_ENDED, book.name, "RESERVATION_ENDED", text, order.instrument, order.strategy)


# -- judgement ----------------------------------------------------------------------------------------------------


def _judge(book: AccountBook, line: Line, *, findings: Findings) -> None:
    """Counts this read for every suspicion of the line, and lets those that have lasted diverge."""
    for part in line.strategies.values():
        if line.suspicions and part.belief_agrees():
            _clear(book, line, DivergenceClass.BELIEF_DRIFT, strategy=part.strategy, findings=findings)
    for suspicion in list(line.suspicions.values()):
        suspicion.reads += 1
        if suspicion.diverged or not _lasted(book, line, suspicion):
            continue
        suspicion.diverged = True
        trigger = Trigger(suspicion.divergence.value)
        text = suspicion.message
        if suspicion.divergence is DivergenceClass.UNEXPECTED_FILL:
            text = "no approval explains " + "; ".join(describe(fill) for fill in list(line.unexplained.values())[:5])
        findings.trips.append((trigger, line.symbol, text))
        findings.notices.append(
            Notice(NoticeKind.DIVERGED, book.name, trigger.value, text, line.symbol, suspicion.strategy)
        )


def _lasted(book: AccountBook, line: Line, suspicion: Suspicion) -> bool:
    if suspicion.divergence is DivergenceClass.POSITION_DRIFT:
        return suspicion.reads >= book.config.drift_reads
    if suspicion.divergence is DivergenceClass.UNEXPECTED_FILL:
        settled = any(not fill.unresolved for fill in line.unexplained.values())
        return settled or suspicion.reads >= UNRESOLVED_READS
    if suspicion.divergence is DivergenceClass.BELIEF_DRIFT:
        return book.snapshot_as_of is not None and book.snapshot_as_of > suspicion.since
    return True


def difference(line: Line) -> Decimal:
    """Venue less ledger, in quantity; 0 when they agree or the venue was never read."""
    if line.venue is None or line.low == line.high:
        return ZERO
    return (line.low + line.high) - line.ledger - line.ledger
