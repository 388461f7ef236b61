"""What is written down when an incident opens: the three ledgers, orders, fills, differences, limits, versions.

Made in the same step as the halt, so it is bounded and cheap however much is working: of long lists what matters most
is kept, the rest is counted (`omitted`; the journal has it). Only reads.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from risksvc.core.book import AccountBook
from risksvc.core.fills import describe
from risksvc.core.incident.record import Evidence, EvidencePosition
from risksvc.core.line import Line
from risksvc.core.reservations import Reservation
from risksvc.core.types import ZERO, Scope, plain

if TYPE_CHECKING:
    from risksvc.core.state import GateState

POSITIONS_KEPT = 100
ORDERS_KEPT = 100
FILLS_KEPT = 50
DIVERGENCES_KEPT = 50
VERSIONS_KEPT = 100
WORDS_KEPT = 300


def gather(state: "GateState", scope: Scope) -> Evidence:
    """What is known now about the scope's account, or about all of them: what the scope names comes first."""
    books = [book for book in state.accounts.values() if scope.account in ("", book.name)]
    lines = _by_weight(books, scope)
    positions = [_position(book, line) for book, line in lines if _matters(line)]
    working = sum(len(line.reservations) for _, line in lines)
    orders = tuple(islice(_orders(lines), ORDERS_KEPT))
    fills = list(_fills(lines))
    divergences = list(_divergences(books, lines))
    versions = [(f"{book.name}/{name}", one.version) for book in books for name, one in book.strategies.items() if name]
    kept = (
        (len(positions), POSITIONS_KEPT),
        (working, ORDERS_KEPT),
        (len(fills), FILLS_KEPT),
        (len(divergences), DIVERGENCES_KEPT),
        (len(versions), VERSIONS_KEPT),
    )
    return Evidence(
        limits_hash=state.limits_hash,
        positions=tuple(positions[:POSITIONS_KEPT]),
        orders=orders,
        fills=tuple(_words(text) for text in fills[:FILLS_KEPT]),
        divergences=tuple(_words(text) for text in divergences[:DIVERGENCES_KEPT]),
        versions=tuple(versions[:VERSIONS_KEPT]),
        omitted=sum(max(0, found - most) for found, most in kept),
    )


def _by_weight(books: Iterable[AccountBook], scope: Scope) -> list[tuple[AccountBook, Line]]:
    """Every line, the scope's own first, then by exposure."""
    found = [(book, line) for book in books for line in book.lines.values()]
    found.sort(key=lambda one: (scope.instrument not in one[1].symbols, -one[1].worst.exposure))
    return found


def _matters(line: Line) -> bool:
    """Somebody says that something is held, or something can fill."""
    believed = any(part.belief is not None and part.belief.quantity for part in line.strategies.values())
    return bool(not line.idle or line.ledger or line.venue or believed)


def _position(book: AccountBook, line: Line) -> EvidencePosition:
    beliefs = [part.belief.quantity for part in line.strategies.values() if part.belief is not None]
    mark = line.mark
    return EvidencePosition(
        account=book.name,
        instrument=line.symbol,
        believed=sum(beliefs, ZERO) if beliefs else None,
        ledger=line.ledger,
        venue=line.venue,
        exposure=line.worst.exposure,
        mark=None if mark is None else mark.price,
    )


def _orders(lines: list[tuple[AccountBook, Line]]) -> Iterator[str]:
    """Orders that no approval explains first."""
    for explained in (False, True):
        for book, line in lines:
            for reservation in line.reservations.values():
                if reservation.explained is explained:
                    yield _words(_order(book, reservation))


def _order(book: AccountBook, reservation: Reservation) -> str:
    order = reservation.order
    price = "at market" if reservation.limit_price is None else f"at {plain(reservation.limit_price)}"
    whose = f"strategy {order.strategy}" if order.strategy else "no strategy"
    known = f"{order.client_order_id} {reservation.venue_order_id}".strip()
    parts = (
        f"{book.name} {order.instrument}: {order.side.value} {plain(reservation.quantity)} {price},",
        f"filled {plain(reservation.filled)}, {reservation.status.value}, {whose}, {known}",
        "" if reservation.explained else "(NO APPROVAL EXPLAINS IT)",
    )
    return " ".join(part for part in parts if part)


def _fills(lines: list[tuple[AccountBook, Line]]) -> Iterator[str]:
    """Those that no approval explains first, then the last ones, the newest first."""
    unexplained = {(line.key, key) for _, line in lines for key in line.unexplained}
    for book, line in lines:
        for fill in line.unexplained.values():
            yield f"{book.name}: {describe(fill)} (NO APPROVAL EXPLAINS IT)"
    last = [
        (fill.venue_time_ms, fill.trade_id, f"{book.name}: {describe(fill)}")
        for book, line in lines
        for fill in line.recent[-FILLS_KEPT:]
        if (line.key, (fill.instrument, fill.trade_id)) not in unexplained
    ]
    for _, _, text in sorted(last, reverse=True):
        yield text


def _divergences(books: Iterable[AccountBook], lines: list[tuple[AccountBook, Line]]) -> Iterator[str]:
    """What has diverged first."""
    for diverged in (True, False):
        for book, line in lines:
            for suspicion in line.suspicions.values():
                if suspicion.diverged is diverged:
                    standing = "DIVERGED" if diverged else "SUSPECT"
                    yield f"{book.name} {line.symbol}: {suspicion.divergence.value} {standing}: {suspicion.message}"
    for book in books:
        for condition in book.conditions.values():
            yield f"{book.name}: {condition.divergence.value}: {condition.message}"


def _words(text: str) -> str:
    return text if len(text) <= WORDS_KEPT else text[: WORDS_KEPT - 1] + "…"
