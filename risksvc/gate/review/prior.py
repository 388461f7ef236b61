"""What a snapshot of the state knows of an account before a journal's first entry: positions, beliefs, orders, names.

Pure. Of a snapshot that does not end exactly where the journal begins only what does not move is taken.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.gate.replay import Replayed
from risksvc.gate.review.orders import KnownOrder
from risksvc.gate.review.reading import AccountReading


def remember(reading: AccountReading, prior: Replayed, *, exact: bool) -> None:
    """What a snapshot knows of an account. One from later on says only what does not move: instruments, limits."""
    state = prior.gate.state
    book = state.accounts.get(reading.account)
    reading.limits = state.limits
    if book is None:
        return
    reading.instruments.update(book.instruments)
    if exact:
        _remember_orders(reading, book)


def _remember_orders(reading: AccountReading, book: AccountBook) -> None:
    for reservation in book.live():
        for id_ in reservation.ids:
            reading.orders.approve(reservation.order, KnownOrder(reservation.approved_at, reservation.order.strategy))
            reading.orders.roots[id_] = reservation.order.client_order_id
        for venue_id in reservation.venue_ids:
            reading.orders.name_at_venue(reservation.order.client_order_id, venue_id)
    for line in book.lines.values():
        for part in line.strategies.values():
            if part.declared is not None:
                reading.intents[part.strategy, line.symbol] = part.declared


def held_in(book: AccountBook | None) -> Iterator[tuple[tuple[str, str], Decimal]]:
    """What was held, by strategy (empty: nobody's) and instrument."""
    for line in () if book is None else book.lines.values():
        for part in line.strategies.values():
            yield (part.strategy, line.symbol), part.position
        rest = line.ledger - sum(part.position for part in line.strategies.values())
        if rest:
            yield ("", line.symbol), rest


def believed_in(book: AccountBook | None) -> Iterator[tuple[tuple[str, str], Decimal]]:
    """What was believed last."""
    for line in () if book is None else book.lines.values():
        for part in line.strategies.values():
            if part.belief is not None:
                yield (part.strategy, line.symbol), part.belief.quantity
