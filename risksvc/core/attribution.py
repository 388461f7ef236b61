"""Whose a fill or order may be that no approval explains: by client id, venue id, prefix, time, side and quantity.

A guess for people, kept apart from what is proven: nothing here gives a fill to anybody. Best guess first.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from risksvc.core.book import AccountBook
from risksvc.core.line import Line
from risksvc.core.reservations import Reservation
from risksvc.core.types import SECOND, plain
from risksvc.core.venue_events import Fill, FillKind, VenueOrder

Row = VenueOrder | Fill
PREFIX = 4  # so many characters that two ids have in common say something
NEAR_NS = 10 * SECOND  # an approval so long ago may have been this order's


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whose it is (empty: nobody's) and why, in words; `explained`: an approval or the venue explains it."""

    strategy: str
    text: str
    explained: bool


def explain_fill(book: AccountBook, line: Line, fill: Fill) -> Explanation:
    """Says of one fill of the ledger whose it is and by what, or why it is nobody's."""
    if (fill.instrument, fill.trade_id) in line.unexplained:
        return Explanation("", describe_unexplained(book, line, fill), explained=False)
    if (fill.instrument, fill.trade_id) in line.reported:
        strategy = line.reported[fill.instrument, fill.trade_id].strategy
        return Explanation(strategy, f"reported by {strategy}; the venue has not listed it", explained=False)
    if fill.kind is not FillKind.TRADE:
        return Explanation("", f"made by the venue: {fill.kind.value}", explained=True)
    order = _approved(book, fill)
    if order is None:
        return Explanation("", "adopted, or its order was forgotten since", explained=True)
    return Explanation(order.order.strategy, f"approved order {order.order.client_order_id}", explained=True)


def _approved(book: AccountBook, row: Row) -> Reservation | None:
    live = book.find_order(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    if live is not None:
        return live
    finished = book.find_finished(client_order_id=row.client_order_id, venue_order_id=row.venue_order_id)
    return None if finished is None else finished.reservation


def describe_unexplained(book: AccountBook, line: Line, row: Row) -> str:
    """Whose it may be, in words."""
    for guess in _GUESSES:
        text = next(guess(book, line, row), "")
        if text:
            return text
    return f"nobody has approvals of {row.side.value} {row.instrument} that it resembles: another program, or by hand"


def _known_order(book: AccountBook, _line: Line, row: Row) -> Iterator[str]:
    """The id is one of ours, but it is not what was approved under it."""
    order = _approved(book, row)
    if order is not None and not order.found:
        approved, side = order.order, order.order.side.value
        yield (
            f"its id is {approved.strategy}'s order {approved.client_order_id} ({side} {plain(order.quantity)} "
            f"{approved.instrument}), which does not cover it"
        )


def _asked_before(book: AccountBook, _line: Line, row: Row) -> Iterator[str]:
    """The id was asked about, and denied or finished long ago."""
    if row.client_order_id and book.archive.knows(row.client_order_id):
        yield f"its id {row.client_order_id} was asked about before: sent though denied, or long after it was finished"


def _same_prefix(book: AccountBook, _line: Line, row: Row) -> Iterator[str]:
    """Strategies number their orders: what begins like the ids of one is likely its own."""
    prefix = row.client_order_id[:PREFIX]
    if len(prefix) < PREFIX:
        return
    for order in (*book.reservations.values(), *(one.reservation for one in book.finished.values())):
        if order.found or not order.order.client_order_id.startswith(prefix):
            continue
        yield f"its id begins like those of {order.order.strategy} ({prefix}…), which did not ask for it"


def _same_shape(book: AccountBook, line: Line, row: Row) -> Iterator[str]:
    """An approval of the same side and instrument, lately, of no other known order."""
    for order in reversed(list(line.reservations.values())):
        approved = order.order
        near = book.snapshot_as_of is None or book.snapshot_as_of - order.approved_at <= NEAR_NS
        if order.found or approved.side is not row.side or order.at_venue or not near:
            continue
        size = "the same quantity" if order.quantity == row.quantity else f"quantity {plain(order.quantity)}"
        yield f"{approved.strategy} was approved {approved.client_order_id} on this side lately ({size}), not seen yet"


_GUESSES: tuple[Callable[[AccountBook, Line, Row], Iterator[str]], ...] = (
    _known_order,
    _asked_before,
    _same_prefix,
    _same_shape,
)
