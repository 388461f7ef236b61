"""Reconcile now, adopt what exists, cancel what works: the operator's steps that need the venue feed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from risksvc.core.book import AccountBook
from risksvc.core.events import AdoptConfirmed, AdoptItem, AdoptRequested
from risksvc.core.outputs import Adopted, StepProposed
from risksvc.core.reports_in import ref
from risksvc.core.reservations import Reservation
from risksvc.core.types import MalformedInputError, parse_decimal
from risksvc.gate import convert, convert_feed
from risksvc.gate.app import GateApp
from risksvc.gate.event_log import log_event
from risksvc.gate.exposure_view import account_exposure, adoptable, divergences
from risksvc.gate.feeds import CommandResult, FeedError, references
from risksvc.gate.operating import check_scope, known_accounts, refused_by
from risksvc.gate.order_view import order_messages, working_orders
from risksvc.v1 import operator_pb2, venue_pb2

READ_WITHIN_SECONDS = 15.0
CANCEL_WITHIN_SECONDS = 10.0
CANCELS_AT_ONCE = 16
MAX_ITEMS = 10_000


# -- reconcile ----------------------------------------------------------------------------------------------------


async def reconcile(app: GateApp, request: operator_pb2.ReconcileRequest, _by: str) -> operator_pb2.ReconcileResponse:
    """Asks for a complete read now and says what it showed."""
    accounts = known_accounts(app, request.account)
    problems = await asyncio.gather(*(_read_now(app, account) for account in accounts))
    results = [_result(app, account, problem) for account, problem in zip(accounts, problems, strict=True)]
    return operator_pb2.ReconcileResponse(results=results)


async def _read_now(app: GateApp, account: str) -> str:
    """Why no complete read came; empty: one came, and the core has taken it in."""
    before = _reads(app, account)
    command = venue_pb2.FeedCommand(read_now=venue_pb2.ReadNow())
    try:
        result = await app.feeds.command(account, command, within_seconds=READ_WITHIN_SECONDS)
    except FeedError as error:
        return str(error)
    if not result.ok:
        return result.error or "the venue feed could not read the account"
    if _reads(app, account) <= before:
        return "the feed says that it has read, and no complete read could be taken in; see `risksvc status`"
    return ""


def _reads(app: GateApp, account: str) -> int:
    return app.owner.state.accounts[account].snapshots


def _result(app: GateApp, account: str, problem: str) -> operator_pb2.ReconcileResult:
    state = app.owner.state
    book = state.accounts[account]
    differing, unexplained = divergences(book), adoptable(book)
    return operator_pb2.ReconcileResult(
        account=account,
        complete=not problem,
        problem=problem,
        agrees=not (problem or differing or unexplained) and book.adopted,
        divergences=differing,
        unexplained=unexplained,
        exposure=account_exposure(state, book, now=app.clock.now()),
    )


# -- adopt --------------------------------------------------------------------------------------------------------


async def adopt(app: GateApp, request: operator_pb2.AdoptRequest, by: str) -> operator_pb2.AdoptResponse:
    """Explains what exists."""
    outputs = app.owner.submit(_adoption(app, request, by))
    first = outputs[0]
    if isinstance(first, Adopted):
        return operator_pb2.AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_ADOPTED, adopted=first.items)
    if isinstance(first, StepProposed):
        return operator_pb2.AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_PROPOSED, proposal_id=first.proposal_id)
    return operator_pb2.AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_REFUSED, refusals=refused_by(outputs))


def _adoption(app: GateApp, request: operator_pb2.AdoptRequest, by: str) -> AdoptRequested | AdoptConfirmed:
    if request.confirm_proposal_id:
        if request.account or request.items or request.cause or request.reason:
            raise MalformedInputError("confirm_proposal_id", "confirms what was proposed; leave all else empty")
        return AdoptConfirmed(convert.order_id(request.confirm_proposal_id, field="confirm_proposal_id"), by)
    if not request.account:
        raise MalformedInputError("account", "is required: whose positions, orders and fills are adopted")
    known_accounts(app, request.account)
    if not 0 < len(request.items) <= MAX_ITEMS:
        problem = f"names {len(request.items)} items; name 1 to {MAX_ITEMS}, `risksvc reconcile` lists them"
        raise MalformedInputError("items", problem)
    return AdoptRequested(
        account=request.account,
        items=tuple(_item(one, f"items[{index}]") for index, one in enumerate(request.items)),
        cause=convert.name(request.cause, field="cause"),
        reason=convert.reason(request.reason),
        by=by,
    )


def _item(one: operator_pb2.AdoptItem, where: str) -> AdoptItem:
    longest = convert.MAX_VENUE_ID
    if sum(map(bool, (one.trade_id, one.venue_order_id, one.lost_client_order_id, one.position_quantity))) != 1:
        problem = "needs exactly one of trade_id, venue_order_id, lost_client_order_id, position_quantity"
        raise MalformedInputError(where, problem)
    quantity = one.position_quantity
    if one.leg and not quantity:
        raise MalformedInputError(f"{where}.leg", "is allowed only with position_quantity; leave it unspecified")
    return AdoptItem(
        instrument=convert.name(one.instrument, field=f"{where}.instrument"),
        trade_id=convert.optional_id(one.trade_id, field=f"{where}.trade_id", longest=longest),
        venue_order_id=convert.optional_id(one.venue_order_id, field=f"{where}.venue_order_id", longest=longest),
        position_quantity=parse_decimal(quantity, field=f"{where}.position_quantity") if quantity else None,
        owner=convert.optional_name(one.owner, field=f"{where}.owner"),
        lost_client_order_id=convert.optional_id(
            one.lost_client_order_id, field=f"{where}.lost_client_order_id", longest=longest
        ),
        leg=convert_feed.leg(one.leg, field=f"{where}.leg"),
    )


# -- cancel -------------------------------------------------------------------------------------------------------

Working = tuple[AccountBook, Reservation]


@dataclass(slots=True)
class _Cancelled:
    done: list[Working] = field(default_factory=list)
    by_hand: list[Working] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)


async def cancel_all(app: GateApp, request: operator_pb2.CancelAllRequest, by: str) -> operator_pb2.CancelAllResponse:
    """Cancels working orders, or says what to cancel by hand. Needs no approval in any state."""
    scope = convert.scope(request.scope)
    check_scope(app, scope)
    reason = convert.reason(request.reason)
    orders = list(working_orders(app.owner.state, scope))
    kept = [] if request.include_protective else [one for one in orders if _protects(app, *one)]
    kept_ids = {id(reservation) for _, reservation in kept}
    wanted = [one for one in orders if id(one[1]) not in kept_ids]
    log_event("cancel_all", by=by, scope=str(scope), reason=reason, orders=len(wanted), kept=len(kept))
    told = await _cancel(app, wanted)
    return operator_pb2.CancelAllResponse(
        cancelled=order_messages(told.done),
        by_hand=order_messages(told.by_hand),
        kept=order_messages(kept),
        problem="; ".join(told.problems),
    )


def _protects(app: GateApp, book: AccountBook, reservation: Reservation) -> bool:
    """Reduce-only and trigger orders protect an open position."""
    link = app.feeds.link(book.name)
    row = None if link is None else link.open_orders.get(reservation.venue_order_id)
    return reservation.order.reduce_only or (row is not None and row.trigger_price is not None)


async def _cancel(app: GateApp, wanted: Sequence[Working]) -> _Cancelled:
    told = _Cancelled()
    turns = asyncio.Semaphore(CANCELS_AT_ONCE)

    async def one_by_one(order: Working) -> None:
        async with turns:
            result = await _cancel_one(app, *order)
        (told.done if result.ok else told.by_hand).append(order)
        if not result.ok:
            told.problems[result.error or "the venue feed could not cancel"] = None

    await asyncio.gather(*(one_by_one(order) for order in wanted))
    return told


async def _cancel_one(app: GateApp, book: AccountBook, reservation: Reservation) -> CommandResult:
    link = app.feeds.link(book.name)
    if link is not None and not link.can_cancel:
        text = f"the venue feed of account {book.name} may not cancel (a read-only key): cancel these at the venue"
        return CommandResult(ok=False, error=text)
    cancel = venue_pb2.CancelOrders(orders=references([ref(reservation)]))
    command = venue_pb2.FeedCommand(cancel_orders=cancel)
    try:
        return await app.feeds.command(book.name, command, within_seconds=CANCEL_WITHIN_SECONDS)
    except FeedError as error:
        return CommandResult(ok=False, error=f"{error}; cancel these at the venue", unknown=True)
