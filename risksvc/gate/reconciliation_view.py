"""The three ledgers of every instrument side by side, with the fills that explain a difference or fail to.

Only reads: makes no line, changes no ledger. What is not known is empty, never 0; "agrees" is said only of what was
compared. Bounded: so many of the latest fills and orders per instrument, those that nothing explains first. Quantities
are read in one go; the event loop turns between instruments, and before each guess whose a fill or order may be.
"""

import asyncio
import heapq
from collections.abc import Iterable, Mapping
from decimal import Decimal

from risksvc.core.attribution import describe_unexplained, explain_fill
from risksvc.core.book import AccountBook
from risksvc.core.line import Line
from risksvc.core.reservations import Reservation
from risksvc.core.strategy_line import StrategyLine
from risksvc.core.types import MILLISECOND, ZERO, MalformedInputError, Nanoseconds, Side, plain
from risksvc.core.venue_events import Fill, VenueOrder, VenueStatus
from risksvc.gate.app import GateApp
from risksvc.gate.convert_strategy import number
from risksvc.gate.exposure_view import (
    age_ms,
    condition_divergences,
    line_divergences,
    status_of,
    venue_quantity,
    worth_showing,
)
from risksvc.gate.feeds import FeedLink
from risksvc.gate.order_view import client_id_of
from risksvc.v1 import operator_pb2, types_pb2

MAX_FILLS = 50
MAX_ORDERS = 50
LINES_AT_ONCE = 20
# What is worse hides what is not.
_WORST_FIRST = ("DIVERGED", "SUSPECT", "UNCONFIRMED")
_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}


async def account_reconciliation(
    app: GateApp, account: str, *, instrument: str, now: Nanoseconds
) -> operator_pb2.AccountReconciliation:
    """One account: the instruments that are held, worked or different, or the one that is named."""
    book, link = app.owner.state.accounts[account], app.feeds.link(account)
    message = _account(book, link, now=now)
    for index, line in enumerate(_chosen(book, instrument)):
        if index % LINES_AT_ONCE == LINES_AT_ONCE - 1:
            await asyncio.sleep(0)  # checks go on; each instrument is shown as of one moment
        message.instruments.append(await _instrument(book, line, link))
    return message


def check_instrument(books: Iterable[AccountBook], instrument: str) -> None:
    """Refuses one that no account lists, limits or holds: a misspelled one must not read as flat."""
    if not instrument:
        return
    known: dict[str, None] = {}
    for book in books:
        known |= dict.fromkeys(() if book.limits is None else book.limits.instruments)
        known |= dict.fromkeys(key for line in book.lines.values() for key in (line.key, line.symbol))
        known |= dict.fromkeys(key for one in book.instruments.values() for key in (one.symbol, one.position_key))
    if instrument not in known:
        shown = ", ".join(list(known)[:10]) or "none, no venue feed has said what it lists"
        more = ", …" if len(known) > 10 else ""  # noqa: PLR2004 - as many as are shown
        raise MalformedInputError("instrument", f"{instrument!r} is not an instrument here; known: {shown}{more}")


def _account(book: AccountBook, link: FeedLink | None, *, now: Nanoseconds) -> operator_pb2.AccountReconciliation:
    return operator_pb2.AccountReconciliation(
        account=book.name,
        read_age_ms=age_ms(book.snapshot_as_of, now),
        conditions=condition_divergences(book),
        residual=plain(book.residual) if book.snapshots else "",
        max_residual="" if book.limits is None else plain(book.limits.max_residual.value),
        measured_lag_ms=book.measured_lag_ms,
        settle_ms=book.config.settle_ns // MILLISECOND,
        equity_difference=number(book.equity.difference),
        equity_tolerance=number(book.equity.tolerance),
        stream_connected=link is not None and link.stream_connected,
        limitations=() if book.feed is None else book.feed.limitations,
    )


def _chosen(book: AccountBook, instrument: str) -> list[Line]:
    if not instrument:
        return [line for line in book.lines.values() if worth_showing(line)]
    listed = book.instruments.get(instrument)
    key = instrument if listed is None else listed.position_key
    found = [line for line in book.lines.values() if key == line.key or instrument == line.symbol]
    return found or ([Line(key, listed)] if _lists(book, instrument) else [])


def _lists(book: AccountBook, instrument: str) -> bool:
    """The account has something to do with it, even while it holds none."""
    limited = book.limits is not None and instrument in book.limits.instruments
    return limited or any(instrument in (one.symbol, one.position_key) for one in book.instruments.values())


# -- one instrument -----------------------------------------------------------------------------------------------


async def _instrument(book: AccountBook, line: Line, link: FeedLink | None) -> operator_pb2.InstrumentReconciliation:
    message = _ledgers(book, line)
    fills, orders = _latest_fills(line), _troubling_orders(line)
    shown = {} if link is None else link.open_orders
    for fill in fills:
        if (fill.instrument, fill.trade_id) in line.unexplained:
            await asyncio.sleep(0)
        message.fills.append(_fill(book, line, fill))
    for order in orders:
        await asyncio.sleep(0)
        message.orders.append(_order(book, line, order, shown))
    await asyncio.sleep(0)
    return message


def _ledgers(book: AccountBook, line: Line) -> operator_pb2.InstrumentReconciliation:
    read, hedged = venue_quantity(book, line), book.hedge_mode
    flat = ZERO if read is not None else None
    return operator_pb2.InstrumentReconciliation(
        instrument=line.key,
        strategies=[_strategy(part) for part in line.strategies.values() if part.strategy],
        adopted=plain(line.adopted),
        unexplained=plain(line.ledger - line.attributed),
        ledger=plain(line.ledger),
        venue=number(read),
        difference="" if read is None else plain(line.drift.net),
        low=plain(line.low),
        high=plain(line.high),
        status=_status(line, read),
        divergences=line_divergences(book, line),
        ledger_long=plain(line.long) if hedged else "",
        ledger_short=plain(line.short) if hedged else "",
        venue_long=number(flat if line.venue_long is None else line.venue_long) if hedged else "",
        venue_short=number(flat if line.venue_short is None else line.venue_short) if hedged else "",
    )


def _status(line: Line, read: Decimal | None) -> str:
    """The worst that is known; empty: never read, so nothing was compared."""
    known = {status_of(suspicion) for suspicion in line.suspicions.values()}
    for status in _WORST_FIRST:
        if status in known:
            return status
    if read is None:
        return ""
    # Before an account is adopted nothing is suspect, and yet nothing agrees.
    differs = line.drifting or line.low != line.high or line.unexplained
    return "SUSPECT" if differs or not all(one.explained for one in line.reservations.values()) else "AGREES"


def _strategy(part: StrategyLine) -> operator_pb2.StrategyReconciliation:
    belief = part.belief
    return operator_pb2.StrategyReconciliation(
        strategy=part.strategy,
        believed="" if belief is None else plain(belief.quantity),
        believed_at_ns=0 if belief is None else belief.at,
        ledger=plain(part.position),
        in_flight_buy=plain(part.flying_buy),
        in_flight_sell=plain(part.flying_sell),
        agrees=belief is not None and part.belief_agrees(),
    )


# -- fills --------------------------------------------------------------------------------------------------------


def _latest_fills(line: Line) -> list[Fill]:
    """The latest of those that nothing explains or the venue does not list, then of the others; oldest first."""
    doubtful = line.unexplained | {key: one.fill for key, one in line.reported.items()}
    first = _latest(list(doubtful.values()), MAX_FILLS)
    others = [fill for fill in line.recent if (fill.instrument, fill.trade_id) not in doubtful]
    return sorted([*first, *_latest(others, MAX_FILLS - len(first))], key=_when)


def _latest(fills: list[Fill], most: int) -> list[Fill]:
    return heapq.nlargest(most, fills, key=_when)


def _when(fill: Fill) -> tuple[int, str]:
    return fill.venue_time_ms, fill.trade_id


def _fill(book: AccountBook, line: Line, fill: Fill) -> operator_pb2.ExplainedFill:
    whose = explain_fill(book, line, fill)
    return operator_pb2.ExplainedFill(
        trade_id=fill.trade_id,
        side=_SIDES[fill.side],
        quantity=plain(fill.quantity),
        price=plain(fill.price),
        venue_time_ms=fill.venue_time_ms,
        venue_order_id=fill.venue_order_id,
        client_order_id=fill.client_order_id,
        kind=fill.kind.value,
        strategy=whose.strategy,
        explanation=whose.text,
        explained=whose.explained,
    )


# -- orders -------------------------------------------------------------------------------------------------------


def _troubling_orders(line: Line) -> list[Reservation]:
    """The latest of the orders that no approval explains, or that the venue lost."""
    return [one for one in line.reservations.values() if one.lost or not one.explained][-MAX_ORDERS:]


def _order(
    book: AccountBook, line: Line, reservation: Reservation, shown: Mapping[str, VenueOrder]
) -> operator_pb2.ExplainedOrder:
    return operator_pb2.ExplainedOrder(
        venue_order_id=reservation.venue_order_id,
        client_order_id=client_id_of(reservation),
        side=_SIDES[reservation.order.side],
        quantity=plain(reservation.quantity),
        filled=plain(reservation.filled),
        explanation=_why(book, line, reservation, shown),
    )


def _why(book: AccountBook, line: Line, reservation: Reservation, shown: Mapping[str, VenueOrder]) -> str:
    if reservation.lost:
        left, strategy = plain(reservation.remaining), reservation.order.strategy
        return f"{strategy}'s: the venue had it and does not know it any more; {left} still counts"
    return describe_unexplained(book, line, shown.get(reservation.venue_order_id) or _as_shown(reservation))


def _as_shown(reservation: Reservation) -> VenueOrder:
    """What the venue would show of it: the feed that showed it is gone."""
    order = reservation.order
    return VenueOrder(
        order.instrument,
        order.side,
        reservation.quantity,
        reservation.filled,
        VenueStatus.OPEN,
        venue_order_id=reservation.venue_order_id,
        client_order_id=client_id_of(reservation),
        limit_price=reservation.limit_price,
        reduce_only=order.reduce_only,
    )
