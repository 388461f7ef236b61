"""Fills: into the ledger once each, and to the strategy whose approved order they fill.

A fill is matched by client order id, else by the venue order id that an approved order resolved to. What no approval
explains stays in `Line.unexplained`: it counts in the ledger and in exposure at once, and the next complete read halts.
What only a strategy has reported stays apart in `Line.reported`: its order stays reserved whole, which covers it either
way, and only its belief may rest on it.
"""

from collections.abc import Iterator
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.config import RULES_2, RULES_3
from risksvc.core.divergences import DivergenceClass
from risksvc.core.expected import announced_fill
from risksvc.core.line import Line, ReportedFill, Suspicion
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.reservations import Reservation
from risksvc.core.trips import Trigger
from risksvc.core.types import ZERO, Nanoseconds, plain
from risksvc.core.venue_events import Fill, FillKind

# What the venue does of its own accord: into the ledger, explained by its kind, and out of what it closed.
VENUE_MADE: dict[FillKind, tuple[DivergenceClass, Trigger | None]] = {
    FillKind.LIQUIDATION: (DivergenceClass.LIQUIDATION, Trigger.LIQUIDATION),
    FillKind.ADL: (DivergenceClass.ADL, Trigger.ADL),
    FillKind.DELIVERY: (DivergenceClass.DELIVERY, None),
    FillKind.TRANSFER: (DivergenceClass.TRANSFER, None),
}
# So many fills of one line may wait for the venue's word; a strategy that reports more is not heard.
REPORTED_KEPT = 1_000


class FillResult:
    """What taking fills in has led to: triggers to trip (with instrument and text) and notices."""

    def __init__(self) -> None:
        self.trips: list[tuple[Trigger, str, str]] = []
        self.notices: list[Notice] = []
        self.recorded = 0


def take_fill(book: AccountBook, fill: Fill, *, now: Nanoseconds, result: FillResult) -> None:
    """Takes one fill in; one that is known may still bring the order it belongs to."""
    line = book.line_for(fill.instrument)
    if book.trades.too_old(fill):
        result.notices.append(_too_old(book, fill))
        return
    if _is_history(book, fill):
        return
    if book.trades.add(fill):
        result.recorded += 1
        _confirm(line, fill)
        line.move(fill)
        book.equity.take_fill(fill)
        named = _attribute(book, line, fill, new=True, now=now, result=result)
        book.refresh(line)
    elif _key(fill) in line.unexplained:
        named = _attribute(book, line, fill, new=False, now=now, result=result)
    else:
        return
    if named:
        _try_again(book, line, now=now, result=result)


def _is_history(book: AccountBook, fill: Fill) -> bool:
    """What the very first read showed has it already; a feed that begins anew soon after tells of it again."""
    if book.rules < RULES_3 or fill.venue_time_ms >= book.anchor_ms:
        return False
    ids = {"client_order_id": fill.client_order_id, "venue_order_id": fill.venue_order_id}
    return book.find_order(**ids) is None and book.find_finished(**ids) is None


def take_report(book: AccountBook, order: Reservation, fill: Fill, *, now: Nanoseconds) -> bool:
    """Keeps a fill that only a strategy tells of; False for one that is known, or more than its order can fill."""
    line = book.line_for(fill.instrument)
    waiting = sum((one.fill.quantity for one in line.reported.values() if one.fill.client_order_id in order.ids), ZERO)
    left = order.quantity - order.filled - waiting
    known = book.trades.knows(fill) or _key(fill) in line.reported
    if known or book.trades.too_old(fill) or fill.quantity > left or len(line.reported) >= REPORTED_KEPT:
        return False
    strategy = order.order.strategy
    line.asleep = False
    line.reported[_key(fill)] = ReportedFill(fill, strategy, now)
    line.strategy(strategy).report(fill.side, fill.quantity)
    return True


def _confirm(line: Line, fill: Fill) -> None:
    """The venue tells of a fill that was reported before: from here on only the venue's word counts."""
    forget_report(line, _key(fill))


def forget_report(line: Line, key: tuple[str, str]) -> None:
    """Lets a reported fill go: it was told by the venue, or it never happened."""
    reported = line.reported.pop(key, None)
    if reported is not None:
        line.strategy(reported.strategy).report(reported.fill.side, -reported.fill.quantity)


def reattribute(book: AccountBook, line: Line, *, now: Nanoseconds) -> FillResult:
    """Tries again to explain fills, after an order's venue id has become known."""
    result = FillResult()
    _try_again(book, line, now=now, result=result)
    return result


def _try_again(book: AccountBook, line: Line, *, now: Nanoseconds, result: FillResult) -> None:
    for fill in list(line.unexplained.values()):
        _attribute(book, line, fill, new=False, now=now, result=result)


def explain(line: Line, fill: Fill) -> None:
    """Takes a fill out of what is unexplained."""
    line.unexplained.pop(_key(fill), None)
    if not line.unexplained:
        line.suspicions.pop((DivergenceClass.UNEXPECTED_FILL.value, ""), None)


def _key(fill: Fill) -> tuple[str, str]:
    return fill.instrument, fill.trade_id


def _attribute(book: AccountBook, line: Line, fill: Fill, *, new: bool, now: Nanoseconds, result: FillResult) -> bool:
    """Gives a fill to whose it is; True when it taught the venue's id of an order."""
    if fill.kind in VENUE_MADE:
        _take_venue_made(book, line, fill, now=now, result=result)
        return False
    order = book.find_order(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
    if order is not None and order.is_another(fill):
        order = None
    order = order or announced_fill(book, fill)
    named = order is not None and book.name_at_venue(order, fill.venue_order_id)
    if order is not None and (new or not order.found):
        # What a found order had filled before is in what the venue showed of it.
        _count(line, order, fill=fill, result=result)
    if order is not None and (order.explained or not order.found):
        book.give(line, order.order.strategy, signed=line.change(fill), now=now)
        explain(line, fill)
    elif not _apply_late(book, line, fill, now=now, result=result):
        line.unexplained[_key(fill)] = fill
        line.suspect(Suspicion(DivergenceClass.UNEXPECTED_FILL, "", describe(fill), now))
    if order is not None:
        book.recount(order, now=now)
    return named


def _take_venue_made(book: AccountBook, line: Line, fill: Fill, *, now: Nanoseconds, result: FillResult) -> None:
    """What the venue did of its own accord comes out of what it closed, whosever that is."""
    for strategy, signed in _shares(book, line, fill):
        book.give(line, strategy, signed=signed, now=now)
    divergence, trigger = VENUE_MADE[fill.kind]
    text = describe(fill)
    if trigger is not None:
        result.trips.append((trigger, fill.instrument, text))
    result.notices.append(Notice(NoticeKind.VENUE_EVENT, book.name, divergence.value, text, line.symbol))


def _shares(book: AccountBook, line: Line, fill: Fill) -> Iterator[tuple[str, Decimal]]:
    """Whose position such a fill closes: what is nobody's first, then the largest holder's; what is left is nobody's.

    A strategy whose position the venue closed is right to believe so. Of several the venue does not say whose it took.
    In hedge mode the two legs of one strategy may hide each other. A spot asset that came or went is the account's.
    """
    left = line.change(fill)
    parts = list(line.strategies.values())
    nobodys = line.ledger - left - sum((part.position for part in parts), ZERO)
    if book.rules < RULES_2 or fill.kind is FillKind.TRANSFER:
        parts = []
    elif book.hedge_mode and len(parts) == 1 and not nobodys:
        yield parts[0].strategy, left
        return
    largest_first = sorted(parts, key=lambda part: -abs(part.position))
    for strategy, position in (("", nobodys), *((part.strategy, part.position) for part in largest_first)):
        share = _closed(position, left)
        if share:
            yield strategy, share
            left -= share
    if left:
        yield "", left


def _closed(position: Decimal, signed: Decimal) -> Decimal:
    """How much of a signed quantity takes a position towards zero."""
    if position > ZERO > signed:
        return max(signed, -position)
    return min(signed, -position) if position < ZERO < signed else ZERO


def _count(line: Line, order: Reservation, *, fill: Fill, result: FillResult) -> None:
    """Takes a fill off what the order can still do."""
    order.filled += fill.quantity
    order.at_venue = True
    if order.filled > order.quantity:
        line.overfilled = True
        text = (
            f"{order.order.client_order_id} was approved for {plain(order.quantity)} and has filled "
            f"{plain(order.filled)}"
        )
        result.trips.append((Trigger.UNEXPECTED_FILL, fill.instrument, text))


def _apply_late(book: AccountBook, line: Line, fill: Fill, *, now: Nanoseconds, result: FillResult) -> bool:
    """A fill of an order that was proven finished: an approval explains it, but the proof was wrong, which is told."""
    finished = book.find_finished(client_order_id=fill.client_order_id, venue_order_id=fill.venue_order_id)
    if finished is None or finished.reservation.is_another(fill) or fill.quantity > finished.unfilled:
        return False
    strategy = finished.reservation.order.strategy
    finished.unfilled -= fill.quantity
    line.overfilled = True  # its headroom may have been given to another order meanwhile
    book.give(line, strategy, signed=line.change(fill), now=now)
    explain(line, fill)
    text = f"{fill.client_order_id or fill.venue_order_id} was proven finished, and then filled: {describe(fill)}"
    result.notices.append(Notice(NoticeKind.LATE_FILL, book.name, "LATE_FILL", text, fill.instrument, strategy))
    return True


def describe(fill: Fill) -> str:
    """A fill in words."""
    order = fill.client_order_id or fill.venue_order_id or "no order id"
    return f"{fill.side.value} {plain(fill.quantity)} {fill.instrument} at {plain(fill.price)} (order {order})"


def _too_old(book: AccountBook, fill: Fill) -> Notice:
    text = f"a fill too old to tell whether it was counted: {describe(fill)}; the next reads will show if it was not"
    return Notice(NoticeKind.FILL_TOO_OLD, book.name, "FILL_TOO_OLD", text, fill.instrument)
