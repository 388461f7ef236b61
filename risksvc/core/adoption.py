"""Adoption: how what exists becomes explained. A ledger entry with an owner, a cause, who and why.

It overwrites neither belief nor truth: a fill or order gets an owner; a position difference is added to the ledger, and
must be exactly what the venue shows beyond the ledger. Where exposure grew, a second person confirms.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.divergences import DivergenceClass
from risksvc.core.events import AdoptItem, AdoptRequested
from risksvc.core.fills import explain
from risksvc.core.line import Line
from risksvc.core.outputs import Refusal, RefusalReason
from risksvc.core.reconciliation import difference, nothing_unexplained
from risksvc.core.reservations import Reservation
from risksvc.core.types import ZERO, Nanoseconds, plain


def unexplained_items(book: AccountBook) -> Iterator[AdoptItem]:
    """Everything of an account that could be adopted now."""
    for line in book.lines.values():
        for fill in line.unexplained.values():
            yield AdoptItem(fill.instrument, trade_id=fill.trade_id)
        left = difference(line)
        if left:
            yield AdoptItem(line.symbol, position_quantity=left)
    for reservation in book.live():
        if not reservation.explained:
            yield AdoptItem(reservation.order.instrument, venue_order_id=_name(reservation))


def refusals(book: AccountBook, step: AdoptRequested) -> Iterator[Refusal]:
    """Why these items can't be adopted; nothing: they can."""
    if book.snapshot_as_of is None:
        text = f"account {book.name} has had no complete venue read; `risksvc reconcile` first"
        yield Refusal(RefusalReason.NO_SNAPSHOT, text)
    if not step.items:
        yield Refusal(RefusalReason.ITEM_MISMATCH, "name what to adopt; `risksvc reconcile` lists it")
    seen: dict[tuple[str, str, str], None] = {}
    for item in step.items:
        where = item.instrument if item.position_quantity is None else _position_key(book, item)
        identity = (where, item.trade_id, item.venue_order_id)
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
    return f"position of {plain(item.position_quantity or ZERO)} {item.instrument}"


def _problem(book: AccountBook, item: AdoptItem) -> str:
    if sum((bool(item.trade_id), bool(item.venue_order_id), item.position_quantity is not None)) != 1:
        return "give exactly one of trade id, venue order id, position quantity"
    line = _line(book, item)
    if line is None:
        return "nothing is known of this instrument"
    if item.trade_id:
        return "" if (item.instrument, item.trade_id) in line.unexplained else "no such unexplained fill"
    if item.venue_order_id:
        return "no such unexplained order" if _order(book, item) is None else ""
    left = difference(line)
    return "" if left and item.position_quantity == left else f"venue less ledger is {plain(left)} now"


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
    if item.trade_id:
        return line.change(line.unexplained[item.instrument, item.trade_id])
    return item.position_quantity or ZERO


def adopt(book: AccountBook, step: AdoptRequested, *, now: Nanoseconds) -> None:
    """Enters the items; `refusals` was empty."""
    for item in step.items:
        line = book.lines[_position_key(book, item)]
        if item.venue_order_id:
            _adopt_order(book, line, item, now=now)
        else:
            _adopt_quantity(book, line, item, now=now)
    book.adopted = book.adopted or nothing_unexplained(book)


def _adopt_quantity(book: AccountBook, line: Line, item: AdoptItem, *, now: Nanoseconds) -> None:
    quantity = _quantity(line, item)
    if item.trade_id:
        explain(line, line.unexplained[item.instrument, item.trade_id])
    else:
        line.ledger += quantity
        line.base += quantity
        line.low = line.high = line.ledger
        line.suspicions.pop((DivergenceClass.POSITION_DRIFT.value, ""), None)
    line.overfilled = line.overfilled and bool(line.unexplained)
    book.give(line, item.owner, signed=quantity, now=now)
    book.refresh(line)


def _adopt_order(book: AccountBook, line: Line, item: AdoptItem, *, now: Nanoseconds) -> None:
    found = _order(book, item)
    assert found is not None, "judged before"
    book.set_owner(found, owner=item.owner, now=now)
    if all(one.explained for one in line.reservations.values()):
        line.suspicions.pop((DivergenceClass.UNEXPECTED_ORDER.value, ""), None)
