"""Flatten as an operator's step: the plan by the books as they are now, its start, how it stands, its stop.

The plan changes nothing. It rests on the position that the last complete read confirmed, held against a look at the
venue made for it; where the two differ, or the look is not complete, it says so, and a flatten would wait for a read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from risksvc.core.book import AccountBook
from risksvc.core.flatten.events import (
    FlattenConfirmed,
    FlattenRequested,
    FlattenStopped,
    FlattenStyle,
    FlattenTarget,
    Mid,
)
from risksvc.core.flatten.exits import authorised, exits, expanded, lines_of, offsetting
from risksvc.core.flatten.run import FlattenRun
from risksvc.core.incident.exit_cost import Book
from risksvc.core.incident.record import Incident
from risksvc.core.incident.venue_look import VenueLook
from risksvc.core.outputs import Refusal, RefusalReason, StepProposed, StepRefused
from risksvc.core.reservations import Reservation
from risksvc.core.types import HUNDRED, ZERO, MalformedInputError, Scope, parse_positive, plain
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.flatten.legs import legs
from risksvc.gate.flatten.view import flatten_message
from risksvc.gate.incident.looking import look
from risksvc.gate.incident.operations import find_incident
from risksvc.gate.operating import check_scope, refusal_message, refused_by
from risksvc.gate.order_view import order_messages, working_orders
from risksvc.v1 import incident_pb2 as pb

MAX_COLLAR = Decimal(50)
_TARGETS: Mapping[int, FlattenTarget] = {
    pb.FLATTEN_TARGET_UNSPECIFIED: FlattenTarget.ZERO,
    pb.FLATTEN_TARGET_ZERO: FlattenTarget.ZERO,
    pb.FLATTEN_TARGET_AUTHORISED: FlattenTarget.AUTHORISED,
}
_STYLES: Mapping[int, FlattenStyle] = {
    pb.FLATTEN_STYLE_UNSPECIFIED: FlattenStyle.LIMIT_IOC,
    pb.FLATTEN_STYLE_LIMIT_IOC: FlattenStyle.LIMIT_IOC,
    pb.FLATTEN_STYLE_MARKET: FlattenStyle.MARKET,
}


async def flatten(app: GateApp, request: pb.FlattenRequest, by: str) -> pb.FlattenResponse:
    """Shows the plan; with `execute` starts it, too."""
    if request.confirm_proposal_id:
        return _confirm(app, request, by)
    asked = _read(app, request, by)
    answer, seen = await _planned(app, asked)
    if request.execute:
        _start(app, replace(asked, mids=_mids(seen.books)), answer)
    return answer


def _incident_id(app: GateApp, named: str) -> str:
    """The incident of this id, or of this end of an id; what is not known is the core's to refuse."""
    found = find_incident(app, named) if named else None
    return found.incident_id if isinstance(found, Incident) else named


def _read(app: GateApp, request: pb.FlattenRequest, by: str) -> FlattenRequested:
    scope = convert.scope(request.scope)
    if not scope.account and len(app.settings.accounts) == 1:
        scope = Scope(next(iter(app.settings.accounts)))
    if not scope.account:
        raise MalformedInputError("scope.account", "is required: whose positions are flattened; one account at a time")
    check_scope(app, scope)
    settings = app.settings.accounts[scope.account].incident
    pace = settings.flatten
    why = convert.free_text(request.reason, field="reason", longest=convert.MAX_REASON)
    return FlattenRequested(
        scope=scope,
        by=by,
        reason=convert.reason(request.reason) if request.execute else why,
        incident_id=_incident_id(app, request.incident_id),
        target=convert.member(request.target, _TARGETS, field="target"),
        style=convert.member(request.style, _STYLES, field="style"),
        participation=_percent(request.participation, pace.participation, HUNDRED, field="participation"),
        collar=_percent(request.collar, pace.collar, MAX_COLLAR, field="collar"),
        slice_pause_ns=pace.slice_pause_ns,
        patience_ns=pace.patience_ns,
        linked=settings.linked,
    )


def _percent(text: str, default: Decimal, most: Decimal, *, field: str) -> Decimal:
    if not text:
        return default
    value = parse_positive(text, field=field)
    if value > most:
        raise MalformedInputError(field, f"{text} % is not allowed; allowed: above 0, at most {plain(most)}")
    return value


# -- the plan -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What a plan rests on: the look at the venue, and the books that it brought."""

    look: VenueLook
    books: Mapping[str, Book]


async def _planned(app: GateApp, asked: FlattenRequested) -> tuple[pb.FlattenResponse, Seen]:
    account, scope = asked.scope.account, asked.scope
    book = app.owner.state.accounts[account]
    instruments = expanded(book, scope, asked.linked)
    held = [line.symbol for line in lines_of(book, instruments) if not line.idle]
    found = await look(app, account, list(dict.fromkeys((*instruments, *held))))
    seen = Seen(found, books_of(found))
    state = app.owner.state
    book = state.accounts[account]
    problems = list(_problems(book, asked, found, instruments))
    answer = pb.FlattenResponse(problems=problems, by_hand=not can_place(app, account))
    answer.cancels.extend(order_messages(list(_cancels(app, asked, instruments))))
    if found.complete and book.snapshot_as_of is not None:
        targets = authorised(book, scope, instruments) if asked.target is FlattenTarget.AUTHORISED else {}
        answer.plan.extend(legs(book, exits(book, scope, instruments, targets), asked, seen.books))
    return answer, seen


def _cancels(
    app: GateApp, asked: FlattenRequested, instruments: tuple[str, ...]
) -> Iterator[tuple[AccountBook, Reservation]]:
    """Everything that works in the scope: protective orders too, since flat means that nothing is left to protect."""
    whole = replace(asked.scope, instrument="")
    for book, one in working_orders(app.owner.state, whole):
        if not instruments or one.order.instrument in instruments:
            yield book, one


def books_of(found: VenueLook) -> dict[str, Book]:
    """The books that a look brought."""
    return {symbol: market.book for symbol, market in found.markets.items() if market.book is not None}


def _mids(books: Mapping[str, Book]) -> tuple[Mid, ...]:
    return tuple(Mid(symbol, book.mid) for symbol, book in books.items() if book.mid is not None)


def _problems(
    book: AccountBook, asked: FlattenRequested, found: VenueLook, instruments: tuple[str, ...]
) -> Iterator[str]:
    """What the plan could not see, or does not rest on."""
    yield from found.problems
    if book.snapshot_as_of is None:
        yield "no complete read since the gate's start: what is held is not known; is the venue process running?"
    elif not book.adopted:
        yield "what the account holds has not been adopted: every order would be denied; `risksvc reconcile`"
    if found.complete:
        yield from _differences(book, found, instruments)
    if not asked.scope.strategy:
        yield from offsetting(book, instruments)


def _differences(book: AccountBook, found: VenueLook, instruments: tuple[str, ...]) -> Iterator[str]:
    seen = {row.key: row.quantity for row in found.positions}
    keys = dict.fromkeys((*(line.key for line in lines_of(book, instruments)), *seen))
    for key in keys:
        line = book.lines.get(key)
        symbol = key if line is None else line.symbol
        if instruments and symbol not in instruments:
            continue
        shown = seen.get(key, ZERO) - book.config.spot_baseline.get(key, ZERO)
        low, high = (ZERO, ZERO) if line is None else (line.low, line.high)
        margin = ZERO if line is None else line.tolerance
        if not low - margin <= shown <= high + margin:
            known = plain(low) if low == high else f"{plain(low)} to {plain(high)}"
            yield f"{symbol}: the venue shows {plain(shown)} now, the last complete read confirmed {known}"
        elif low != high:
            yield f"{symbol}: ledger and venue differ ({plain(low)} to {plain(high)}): only the smaller end is traded"


# -- starting and stopping ----------------------------------------------------------------------------------------


def can_place(app: GateApp, account: str) -> bool:
    """The account's feed is there, and may place orders."""
    link = app.feeds.link(account)
    return link is not None and link.can_place


def _start(app: GateApp, asked: FlattenRequested, answer: pb.FlattenResponse) -> None:
    account = asked.scope.account
    if not can_place(app, account):
        text = (
            f"the venue feed of account {account} may not place orders (a read-only key, or started without "
            "`--allow-orders`), or is not connected: place these by hand, each after `risksvc check-reducing`"
        )
        answer.refusals.append(refusal_message(Refusal(RefusalReason.ORDERS_NOT_ALLOWED, text)))
        return
    _take_in(app, asked, answer)


def _confirm(app: GateApp, request: pb.FlattenRequest, by: str) -> pb.FlattenResponse:
    if request != pb.FlattenRequest(confirm_proposal_id=request.confirm_proposal_id):
        raise MalformedInputError("confirm_proposal_id", "confirms what was proposed; leave all else empty")
    answer = pb.FlattenResponse()
    proposal = convert.order_id(request.confirm_proposal_id, field="confirm_proposal_id")
    _take_in(app, FlattenConfirmed(proposal, by), answer)
    return answer


def _take_in(app: GateApp, event: FlattenRequested | FlattenConfirmed, answer: pb.FlattenResponse) -> None:
    outputs = app.owner.submit(event)
    first = outputs[0] if outputs else None
    if isinstance(first, StepRefused):
        answer.refusals.extend(refused_by(outputs))
    elif isinstance(first, StepProposed):
        answer.proposal_id = first.proposal_id
    else:
        answer.flatten_id = next(reversed(app.owner.state.flattens.by_id))


async def get_flatten(app: GateApp, request: pb.GetFlattenRequest, _by: str) -> pb.GetFlattenResponse:
    """How one stands."""
    run = _find(app, convert.optional_id(request.flatten_id, field="flatten_id"))
    return pb.GetFlattenResponse(flatten=flatten_message(app.owner.state, run, now=app.clock.now()))


def _find(app: GateApp, flatten_id: str) -> FlattenRun:
    known = app.owner.state.flattens.by_id
    if not known:
        raise MalformedInputError("flatten_id", "no flatten has been started, or none is remembered")
    wanted = flatten_id or next(reversed(known))
    if wanted not in known:
        raise MalformedInputError("flatten_id", f"{wanted!r} is not known; known: {', '.join(list(known)[-5:])}")
    return known[wanted]


async def stop_flatten(app: GateApp, request: pb.StopFlattenRequest, by: str) -> pb.StopFlattenResponse:
    """Nothing more is sent; what was sent is followed to its end."""
    flatten_id = convert.order_id(request.flatten_id, field="flatten_id")
    refusals = refused_by(app.owner.submit(FlattenStopped(flatten_id, by, convert.reason(request.reason))))
    if refusals:
        return pb.StopFlattenResponse(refusals=refusals)
    run = _find(app, flatten_id)
    return pb.StopFlattenResponse(flatten=flatten_message(app.owner.state, run, now=app.clock.now()))
