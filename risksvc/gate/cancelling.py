"""Cancels working orders through the venue feed, or says what to cancel by hand. Needs no approval, in any state.

What protects an open position (reduce-only and trigger orders) is kept unless somebody says `--all`; where nothing is
open it protects nothing and goes too. Where everything of an account or an instrument is to go, the venue is asked to
cancel everything there, known to this gate or not; where it can't, and for what it leaves, order by order.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from risksvc.core.book import AccountBook
from risksvc.core.reports_in import ref
from risksvc.core.reservations import Reservation
from risksvc.core.types import Scope
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.event_log import log_event
from risksvc.gate.feeds import CommandResult, FeedError, references
from risksvc.gate.operating import check_scope, known_accounts
from risksvc.gate.order_view import order_messages, working_orders
from risksvc.v1 import operator_pb2, venue_pb2

CANCEL_WITHIN_SECONDS = 10.0
CANCELS_AT_ONCE = 16

Working = tuple[AccountBook, Reservation]


@dataclass(slots=True)
class _Cancelled:
    done: list[Working] = field(default_factory=list)
    by_hand: list[Working] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)


async def cancel_all(app: GateApp, request: operator_pb2.CancelAllRequest, by: str) -> operator_pb2.CancelAllResponse:
    """Cancels working orders, or says what to cancel by hand."""
    scope = convert.scope(request.scope)
    check_scope(app, scope)
    reason = convert.reason(request.reason)
    orders = list(working_orders(app.owner.state, scope))
    kept = [] if request.include_protective else [one for one in orders if _protects(app, *one)]
    kept_ids = {id(reservation) for _, reservation in kept}
    wanted = [one for one in orders if id(one[1]) not in kept_ids]
    log_event("cancel_all", by=by, scope=str(scope), reason=reason, orders=len(wanted), kept=len(kept))
    told = _Cancelled()
    swept = await _sweep(app, _sweeps(app, scope, protective=request.include_protective), told)
    told.done += [one for one in wanted if _is_swept(one, swept)]
    await _cancel(app, [one for one in wanted if not _is_swept(one, swept)], told)
    return operator_pb2.CancelAllResponse(
        cancelled=order_messages(told.done),
        by_hand=order_messages(told.by_hand),
        kept=order_messages(kept),
        problem="; ".join(told.problems),
    )


def _protects(app: GateApp, book: AccountBook, reservation: Reservation) -> bool:
    """A reduce-only or trigger order, while a position is open that it could protect."""
    link = app.feeds.link(book.name)
    row = None if link is None else link.open_orders.get(reservation.venue_order_id)
    if not reservation.order.reduce_only and (row is None or row.trigger_price is None):
        return False
    return _is_open(book, reservation.order.instrument)


def _is_open(book: AccountBook, instrument: str = "") -> bool:
    """Something is held, or may be: in one instrument, or in any."""
    if book.snapshot_as_of is None:
        return True
    lines = [book.line_for(instrument)] if instrument else list(book.lines.values())
    return any(held for line in lines for held in (line.low, line.high, line.ledger, line.venue, line.long, line.short))


# -- everything at once -------------------------------------------------------------------------------------------

Swept = Mapping[str, tuple[str, ...]]  # account → instruments; none: the whole account


def _sweeps(app: GateApp, scope: Scope, *, protective: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The accounts where all of the scope is to go: no strategy's part alone, and nothing that may be protective.

    What protects may have been placed since the last read, so where something is open, only `protective` sweeps.
    """
    if scope.strategy:
        return
    for name in known_accounts(app, scope.account):
        link = app.feeds.link(name)
        may_sweep = protective or not _is_open(app.owner.state.accounts[name], scope.instrument)
        if may_sweep and link is not None and link.can_cancel:
            yield name, (scope.instrument,) if scope.instrument else ()


async def _sweep(app: GateApp, sweeps: Iterator[tuple[str, tuple[str, ...]]], told: _Cancelled) -> Swept:
    """Asks each venue; gives where it is done."""

    async def one(account: str, instruments: tuple[str, ...]) -> CommandResult:
        everything = venue_pb2.CancelEverything(instruments=instruments)
        command = venue_pb2.FeedCommand(cancel_everything=everything)
        try:
            return await app.feeds.command(account, command, within_seconds=CANCEL_WITHIN_SECONDS)
        except FeedError as error:
            return CommandResult(ok=False, error=str(error), unknown=True)

    wanted = list(sweeps)
    results = await asyncio.gather(*(one(*each) for each in wanted))
    for (account, _), result in zip(wanted, results, strict=True):
        if not result.ok and "still stand" in result.error:  # what this gate may not know of yet
            told.problems[f"account {account}: {result.error}"] = None
    return {account: which for (account, which), result in zip(wanted, results, strict=True) if result.ok}


def _is_swept(order: Working, swept: Swept) -> bool:
    """What the venue had: an order that was approved and may still be on its way is not cancelled by it."""
    book, reservation = order
    which = swept.get(book.name)
    if which is None or not reservation.at_venue:
        return False
    return not which or reservation.order.instrument in which


# -- one by one ---------------------------------------------------------------------------------------------------


async def _cancel(app: GateApp, wanted: Sequence[Working], told: _Cancelled) -> None:
    turns = asyncio.Semaphore(CANCELS_AT_ONCE)

    async def one_by_one(order: Working) -> None:
        async with turns:
            result = await cancel_one(app, *order)
        (told.done if result.ok else told.by_hand).append(order)
        if not result.ok:
            told.problems[result.error or "the venue feed could not cancel"] = None

    await asyncio.gather(*(one_by_one(order) for order in wanted))


async def cancel_one(app: GateApp, book: AccountBook, reservation: Reservation) -> CommandResult:
    """Asks the venue to cancel one order."""
    link = app.feeds.link(book.name)
    if link is not None and not link.can_cancel:
        text = (
            f"the venue feed of account {book.name} may not cancel (started without --allow-orders, or with a "
            "read-only key): cancel these at the venue"
        )
        return CommandResult(ok=False, error=text)
    try:
        command = cancel_command(reservation)
        return await app.feeds.command(book.name, command, within_seconds=CANCEL_WITHIN_SECONDS)
    except FeedError as error:
        return CommandResult(ok=False, error=f"{error}; cancel these at the venue", unknown=True)


def cancel_command(reservation: Reservation) -> venue_pb2.FeedCommand:
    """One order's cancel as the feed gets it; a flatten's, too."""
    return venue_pb2.FeedCommand(cancel_orders=venue_pb2.CancelOrders(orders=references([ref(reservation)])))
