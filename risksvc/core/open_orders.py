"""Orders as the venue shows them: matched with approvals, found where nobody approved, missed where they are gone.

Rule 1: an order that no approval explains counts, by a stand-in reservation, and is suspect. Rule 2: absence proves an
end only for an order that was never seen at the venue, by a look-up begun after approval and venue window. Rule 3: an
order that was there and that the venue does not know any more is lost: it stays counted until somebody says what became
of it.
"""

from risksvc.core.attribution import describe_unexplained
from risksvc.core.book import AccountBook
from risksvc.core.config import RULES_2
from risksvc.core.divergences import DivergenceClass
from risksvc.core.expected import announced_order, has_run_out
from risksvc.core.fills import reattribute
from risksvc.core.findings import Findings, clear, suspect
from risksvc.core.line import Line, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import Reservation, ReservationStatus, Version, stand_in_id
from risksvc.core.types import Nanoseconds, Order, OrderType, plain
from risksvc.core.venue_events import SnapshotReceived, VenueOrder, VenueStatus


def match_orders(book: AccountBook, snapshot: SnapshotReceived, *, now: Nanoseconds, findings: Findings) -> None:
    """Takes the open orders of one complete read in, and asks after those that it does not show."""
    seen: dict[str, None] = {}
    for row in snapshot.open_orders:
        if _finished_since(book, row, as_of=snapshot.as_of):
            continue
        reservation = take_order(book, row, as_of=snapshot.as_of, now=now, findings=findings)
        if reservation.found and _counts_otherwise(book, reservation, row):
            # What it had filled before it was found may be told late, and then counts twice: the venue's count decides.
            reservation.filled = row.filled
            book.recount(reservation, now=now)
        seen[reservation.order.client_order_id] = None
    for reservation in book.live():
        if reservation.order.client_order_id not in seen:
            _absent(book, reservation, as_of=snapshot.as_of, now=now, findings=findings)
    for line in book.stirring():
        if line.suspicions:
            _clear_unexpected(book, line, findings=findings)
            _clear_found_again(book, line, findings=findings)


def _clear_unexpected(book: AccountBook, line: Line, *, findings: Findings) -> None:
    seen_before = line.suspicions.get((DivergenceClass.UNEXPECTED_ORDER.value, ""))
    # One that a targeted read showed, and that is gone by now, is judged by this complete read all the same.
    if seen_before is not None and seen_before.reads and all(one.explained for one in line.reservations.values()):
        clear(book, line, DivergenceClass.UNEXPECTED_ORDER, findings=findings)


def _clear_found_again(book: AccountBook, line: Line, *, findings: Findings) -> None:
    for what, strategy in list(line.suspicions):
        mine = (one for one in line.reservations.values() if one.order.strategy == strategy)
        if what == DivergenceClass.LOST_ORDER.value and not any(one.lost for one in mine):
            clear(book, line, DivergenceClass.LOST_ORDER, strategy=strategy, findings=findings)


def _finished_since(book: AccountBook, row: VenueOrder, *, as_of: Nanoseconds) -> bool:
    """An order that was proven finished while the read was under way, and was open when its list was read.

    A list may lag as positions do: one that the venue itself has shown as final is not open again a moment later. What
    only absence proved finished has no such grace: if it is there, it can fill.
    """
    if book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id) is not None:
        return False
    finished = book.find_finished(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    if finished is None or finished.reservation.is_another(row):
        return False
    shown_final = book.rules >= RULES_2 and finished.reservation.is_final
    return finished.at >= as_of - (book.config.settle_ns if shown_final else 0)


def _counts_otherwise(book: AccountBook, reservation: Reservation, row: VenueOrder) -> bool:
    if book.rules < RULES_2:
        return row.filled > reservation.filled
    return row.filled != reservation.filled


def take_order(
    book: AccountBook, row: VenueOrder, *, as_of: Nanoseconds, now: Nanoseconds, findings: Findings
) -> Reservation:
    """Takes in one order that the venue shows; one that no approval explains counts, and is suspect."""
    reservation = _shown(book, row, now=now)
    if reservation.is_as_shown(row):
        return reservation
    reservation.show(row, settled_before=as_of - book.config.venue_window_ns)
    if reservation.reduces and not row.reduce_only and not reservation.is_final:
        book.count_as_ordinary(reservation, now=now)
    newly_named = book.name_at_venue(reservation, row.venue_order_id)
    book.recount(reservation, now=now)
    line = book.line_for(row.instrument)
    if newly_named and line.unexplained:
        findings.add(reattribute(book, line, now=now))
    if not reservation.explained and book.adopted:
        text = f"{describe_order(row)}; {describe_unexplained(book, line, row)}"
        suspect(book, line, Suspicion(DivergenceClass.UNEXPECTED_ORDER, "", text, now), findings=findings)
    return reservation


def _shown(book: AccountBook, row: VenueOrder, *, now: Nanoseconds) -> Reservation:
    """The reservation behind a row; for an order that nobody approved a stand-in: it can fill, so it counts."""
    name = stand_in_id(row.venue_order_id or row.client_order_id)
    known = book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    if known is not None and known.is_another(row):
        known = book.reservations.get(name)
    known = known or announced_order(book, row)
    if known is not None:
        return known
    owner = owner_of_attached(book, row)
    order = Order(
        account=book.name,
        strategy=owner or "",
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
        explained=owner is not None,
        found=True,
        aliases=[row.client_order_id] if free else [],
        venue_ids=[row.venue_order_id] if row.venue_order_id else [],
        status=ReservationStatus.ACKNOWLEDGED,
        filled=row.filled,
    )
    book.reserve(stand_in, now=now)
    return stand_in


def owner_of_attached(book: AccountBook, row: VenueOrder) -> str | None:
    """Whose take-profit or stop-loss it is: its parent's, or the only holder's there. None: of no approved order.

    Only one that reduces is taken for that: it inherits its parent's approval, and can't grow what was approved.
    """
    if not (row.attached and row.reduce_only):
        return None
    parent_id = row.parent_order_id
    parent = book.find_order(client_order_id=parent_id, venue_order_id=parent_id)
    if parent is None and parent_id:
        finished = book.find_finished(client_order_id=parent_id, venue_order_id=parent_id)
        parent = None if finished is None else finished.reservation
    if parent is not None:
        return parent.order.strategy if parent.explained else None
    holders = [part.strategy for part in book.line_for(row.instrument).strategies.values() if part.position]
    return holders[0] if len(holders) == 1 else None


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
    elif has_run_out(book, reservation, as_of=as_of):
        findings.notices.append(_ended(book, reservation, "announced, and its time ran out without an order"))
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
        return
    if reservation.awaits_its_order:
        return  # the venue never had this id: that it does not know it proves nothing
    if reservation.absence_proves(as_of=as_of, venue_window=book.config.venue_window_ns):
        findings.notices.append(_ended(book, reservation, "the venue does not know it"))
        book.release(reservation, now=now)
    elif book.rules >= RULES_2 and reservation.is_lost(as_of=as_of, venue_window=book.config.venue_window_ns):
        reservation.lost = True
        line, order = book.line_for(reservation.order.instrument), reservation.order
        text = f"the venue had order {order.client_order_id} and does not know it any more"
        lost = Suspicion(DivergenceClass.LOST_ORDER, order.strategy, text, now)
        suspect(book, line, lost, findings=findings)


def _ended(book: AccountBook, reservation: Reservation, why: str) -> Notice:
    order = reservation.order
    text = f"{order.client_order_id}: {why}"
    return Notice(NoticeKind.RESERVATION_ENDED, book.name, "RESERVATION_ENDED", text, order.instrument, order.strategy)
