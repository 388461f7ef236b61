"""Reconcile now, adopt what exists: the operator's steps that need the venue feed. Cancelling is in `cancelling`."""

import asyncio

from risksvc.core.events import AdoptConfirmed, AdoptItem, AdoptRequested
from risksvc.core.outputs import Adopted, StepProposed
from risksvc.core.types import MalformedInputError, parse_decimal
from risksvc.gate import convert, convert_feed
from risksvc.gate.app import GateApp
from risksvc.gate.exposure_view import account_exposure, adoptable, divergences
from risksvc.gate.feeds import FeedError
from risksvc.gate.operating import known_accounts, refused_by
from risksvc.v1 import operator_pb2, venue_pb2

READ_WITHIN_SECONDS = 15.0
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
