"""Adoption: how what exists becomes explained. A ledger entry with an owner, a cause, who and why.

It overwrites neither belief nor truth: a fill or order gets an owner; a position difference is added to the ledger, and
must be exactly what the venue shows beyond the ledger. Where exposure grew, a second person confirms.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import AdoptItem, AdoptRequested
from risksvc.core.fills import explain, forget_report
from risksvc.core.line import Line, ReportedFill
from risksvc.core.outputs import Refusal, RefusalReason
from risksvc.core.reconciliation import nothing_unexplained
from risksvc.core.reservations import Reservation
from risksvc.core.types import ZERO, Nanoseconds, plain
from risksvc.core.venue_events import Leg


def unexplained_items(book: AccountBook) -> Iterator[AdoptItem]:
    """Everything of an account that could be adopted now."""
    for line in book.lines.values():
        for fill in line.unexplained.values():
            yield AdoptItem(fill.instrument, trade_id=fill.trade_id)
        for reported in phantoms(line):
            yield AdoptItem(reported.fill.instrument, trade_id=reported.fill.trade_id)
        yield from _differences(book, line)
    for reservation in book.live():
        if not reservation.explained:
            yield AdoptItem(reservation.order.instrument, venue_order_id=_name(reservation))
        elif reservation.lost or reservation.fills_overdue:
            order = reservation.order
            yield AdoptItem(order.instrument, lost_client_order_id=order.client_order_id)


def _differences(book: AccountBook, line: Line) -> Iterator[AdoptItem]:
    if line.venue is None or not line.drifting:
        return
    if not book.hedge_mode:
        yield AdoptItem(line.symbol, position_quantity=line.drift.net)
        return
    for leg in Leg:
        left = line.leg_drift(leg)
        if left:
            yield AdoptItem(line.symbol, position_quantity=left, leg=leg)
    if not line.legs_drift and line.drift.net:  # fills that named no leg moved the net alone
        yield AdoptItem(line.symbol, position_quantity=line.drift.net)


def phantoms(line: Line) -> Iterator[ReportedFill]:
    """Reported fills of strategies that are suspected because of one: adopting one says that it never happened."""
    for reported in line.reported.values():
        if (DivergenceClass.PHANTOM_FILL.value, reported.strategy) in line.suspicions:
            yield reported


def refusals(book: AccountBook, step: AdoptRequested) -> Iterator[Refusal]:
    """Why these items can't be adopted; nothing: they can."""
    if book.snapshot_as_of is None:
        text = f"account {book.name} has had no complete venue read; `risksvc reconcile` first"
        yield Refusal(RefusalReason.NO_SNAPSHOT, text)
    if not step.items:
        yield Refusal(RefusalReason.ITEM_MISMATCH, "name what to adopt; `risksvc reconcile` lists it")
    seen: dict[tuple[str, str, str, str, Leg | None], None] = {}
    for item in step.items:
        where = item.instrument if item.position_quantity is None else _position_key(book, item)
        identity = (where, item.trade_id, item.venue_order_id, item.lost_client_order_id, item.leg)
        if identity in seen:
            yield Refusal(RefusalReason.ITEM_MISMATCH, f"{describe(item)} is named twice")
        seen[identity] = None
        if item.owner and (book.limits is None or item.owner not in book.limits.strategies):
            text = f"{item.owner} is not a strategy of account {book.name} in the limits file"
            yield Refusal(RefusalReason.OWNER_UNKNOWN, text)
        problem = _problem(book, item)
        if problem:
            yield Refusal(RefusalReason.ITEM_MISMATCH, f"{describe(item)}: {problem}")


def describe(item: AdoptItem) -> str:
    """An item in words."""
    if item.trade_id:
        return f"fill {item.trade_id} of {item.instrument}"
    if item.venue_order_id:
        return f"order {item.venue_order_id} of {item.instrument}"
    if item.lost_client_order_id:
        return f"lost order {item.lost_client_order_id} of {item.instrument}"
    leg = "" if item.leg is None else f" ({item.leg.value.lower()} leg)"
    return f"position of {plain(item.position_quantity or ZERO)} {item.instrument}{leg}"


def _problem(book: AccountBook, item: AdoptItem) -> str:
    named = (item.trade_id, item.venue_order_id, item.lost_client_order_id)
    if sum(map(bool, named)) + (item.position_quantity is not None) != 1:
        return "give exactly one of trade id, venue order id, lost order, position quantity"
    line = _line(book, item)
    if line is None:
        return "nothing is known of this instrument"
    if item.trade_id:
        return "" if _is_unexplained(line, item) else "no such unexplained fill"
    if item.venue_order_id:
        return "no such unexplained order" if _order(book, item) is None else ""
    if item.lost_client_order_id:
        return "no such lost order" if _lost(book, item) is None else ""
    left = _left(book, line, item)
    return "" if left and item.position_quantity == left else f"venue less ledger is {plain(left)} now"


def _left(book: AccountBook, line: Line, item: AdoptItem) -> Decimal:
    """What there is to adopt, where it differs; in hedge mode leg by leg, and the net when the legs agree."""
    if line.venue is None:
        return ZERO
    if item.leg is not None:
        return line.leg_drift(item.leg)
    return ZERO if book.hedge_mode and line.legs_drift else line.drift.net


def _is_unexplained(line: Line, item: AdoptItem) -> bool:
    return (item.instrument, item.trade_id) in line.unexplained or _phantom(line, item) is not None


def _phantom(line: Line, item: AdoptItem) -> ReportedFill | None:
    return next((one for one in phantoms(line) if one.fill.trade_id == item.trade_id), None)


def _lost(book: AccountBook, item: AdoptItem) -> Reservation | None:
    found = book.reservations.get(item.lost_client_order_id)
    if found is None or found.order.instrument != item.instrument:
        return None
    return found if found.lost or found.fills_overdue else None


def _position_key(book: AccountBook, item: AdoptItem) -> str:
    instrument = book.instruments.get(item.instrument)
    return item.instrument if instrument is None else instrument.position_key


def _line(book: AccountBook, item: AdoptItem) -> Line | None:
    return book.lines.get(_position_key(book, item))


def _name(reservation: Reservation) -> str:
    """What an unexplained order is adopted by: the venue's id, or the client's where the venue shows none."""
    return reservation.venue_order_id or reservation.ids[-1]


def _order(book: AccountBook, item: AdoptItem) -> Reservation | None:
    """The unexplained order that an item names."""
    id_ = item.venue_order_id
    found = book.find_order(client_order_id=id_, venue_order_id=id_)
    named = found is not None and found.order.instrument == item.instrument and _name(found) == id_
    return found if named and found is not None and not found.explained else None


def grows(book: AccountBook, step: AdoptRequested) -> bool:
    """True when the items make the explained position of an instrument larger, or are working orders."""
    added: dict[str, Decimal] = {}
    for item in step.items:
        if item.venue_order_id:
            return True
        key = _position_key(book, item)
        added[key] = added.get(key, ZERO) + _quantity(book.lines[key], item)
    explained = {key: book.lines[key].attributed for key in added}
    return any(abs(explained[key] + quantity) > abs(explained[key]) for key, quantity in added.items())


def _quantity(line: Line, item: AdoptItem) -> Decimal:
    fill = line.unexplained.get((item.instrument, item.trade_id))
    return line.change(fill) if fill is not None else item.position_quantity or ZERO


def adopt(book: AccountBook, step: AdoptRequested, *, now: Nanoseconds) -> None:
    """Enters the items; `refusals` was empty."""
    for item in step.items:
        line = book.lines[_position_key(book, item)]
        if item.venue_order_id:
            _adopt_order(book, line, item, now=now)
        elif item.lost_client_order_id:
            _end_lost(book, line, item, now=now)
        elif _phantom(line, item) is not None:
            _end_phantom(line, item)
        else:
            _adopt_quantity(book, line, item, now=now)
    book.adopted = book.adopted or nothing_unexplained(book)


def _adopt_quantity(book: AccountBook, line: Line, item: AdoptItem, *, now: Nanoseconds) -> None:
    quantity = _quantity(line, item)
    if item.trade_id:
        explain(line, line.unexplained[item.instrument, item.trade_id])
    else:
        line.enter(quantity, item.leg)
        if not line.drifting:
            line.suspicions.pop((DivergenceClass.POSITION_DRIFT.value, ""), None)
            line.suspicions.pop((DivergenceClass.MISSING_FILL.value, ""), None)
    line.overfilled = line.overfilled and bool(line.unexplained)
    book.give(line, item.owner, signed=quantity, now=now)
    book.refresh(line)


def _end_lost(book: AccountBook, line: Line, item: AdoptItem, *, now: Nanoseconds) -> None:
    """Somebody says that an order is finished which the venue does not know any more, or whose fills it never lists."""
    found = _lost(book, item)
    assert found is not None, "judged before"
    strategy = found.order.strategy
    book.release(found, now=now)
    if not any(one.lost for one in line.reservations.values() if one.order.strategy == strategy):
        line.suspicions.pop((DivergenceClass.LOST_ORDER.value, strategy), None)


def _end_phantom(line: Line, item: AdoptItem) -> None:
    """Somebody says that a fill which only a strategy told of never happened."""
    found = _phantom(line, item)
    assert found is not None, "judged before"
    forget_report(line, (found.fill.instrument, found.fill.trade_id))
    if not any(one.strategy == found.strategy for one in line.reported.values()):
        line.suspicions.pop((DivergenceClass.PHANTOM_FILL.value, found.strategy), None)


def _adopt_order(book: AccountBook, line: Line, item: AdoptItem, *, now: Nanoseconds) -> None:
    found = _order(book, item)
    assert found is not None, "judged before"
    book.set_owner(found, owner=item.owner, now=now)
    if all(one.explained for one in line.reservations.values()):
        line.suspicions.pop((DivergenceClass.UNEXPECTED_ORDER.value, ""), None)
