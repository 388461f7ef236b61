"""Steps of risksvc.v1.OperatorService as functions of the gate, the request and who acts: limits, looking, the exit.

Halting and resuming are in `halting`, what needs the venue feed in `reconciling`. gRPC and HTTP both call these. Each
raises MalformedInputError for what it can't read, and nothing else that a caller should see. Who acts is known from the
credential and is an argument, never a field of the request.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator

from risksvc.core.book import AccountBook
from risksvc.core.events import LimitsLoaded, OrderExpected, ReducingOrderChecked
from risksvc.core.outputs import Decision
from risksvc.core.reservations import Reservation
from risksvc.core.types import MILLISECOND, MalformedInputError, Nanoseconds, Order, parse_positive
from risksvc.gate import convert, views
from risksvc.gate.app import GateApp
from risksvc.gate.codec import prepared
from risksvc.gate.config_problems import FileProblem, LimitsFileError
from risksvc.gate.convert_strategy import decision_message
from risksvc.gate.exposure_view import account_exposure
from risksvc.gate.limits_bytes import rows_of
from risksvc.gate.limits_keeper import ReadLimits, in_turns, let_go
from risksvc.gate.operating import known_accounts
from risksvc.gate.order_view import order_message, reservation_message
from risksvc.gate.reconciliation_view import account_reconciliation, check_instrument
from risksvc.v1 import operator_pb2, strategy_pb2

GENERATED_ID_LENGTH = 26
USUALLY_EXPECTED_MS = 60_000
SHORTEST_EXPECTED_MS = 1000
LONGEST_EXPECTED_MS = 3_600_000
ROWS_AT_ONCE = 200  # so that a long list does not hold up checks


async def get_status(app: GateApp, _request: operator_pb2.GetStatusRequest, _by: str) -> operator_pb2.GetStatusResponse:
    """Everything an operator wants to know first."""
    return views.status(app, now=app.clock.now())


# -- limits -------------------------------------------------------------------------------------------------------


async def get_limits(app: GateApp, _request: operator_pb2.GetLimitsRequest, _by: str) -> operator_pb2.GetLimitsResponse:
    """The limits in force."""
    found = operator_pb2.GetLimitsResponse(hash=app.owner.state.limits_hash, yaml=app.limits.text)
    await in_turns(found.MergeFromString(piece) for piece in app.limits.shown)
    return found


async def reload_limits(
    app: GateApp, request: operator_pb2.ReloadLimitsRequest, by: str
) -> operator_pb2.ReloadLimitsResponse:
    """Reads the file again; swaps whole or not at all."""
    why = convert.reason(request.reason)
    async with app.limits.attempt():
        try:
            read = await app.limits.read()
        except LimitsFileError as error:
            if not request.dry_run:
                app.limits.refused(error)
            return operator_pb2.ReloadLimitsResponse(
                loaded=False, hash=app.owner.state.limits_hash, errors=[_limits_error(one) for one in error.errors]
            )
        found = operator_pb2.ReloadLimitsResponse(loaded=True, warnings=read.loaded.warnings)
        await in_turns(found.MergeFromString(piece) for piece in read.changes)
        if not request.dry_run:
            await _put_in_force(app, read, by=by, why=why)
        found.hash = app.owner.state.limits_hash
        return found


async def _put_in_force(app: GateApp, read: ReadLimits, *, by: str, why: str) -> None:
    old = app.owner.state.limits
    rows = [] if old is None else rows_of(old)
    del old
    with prepared(read.written):
        app.owner.submit(LimitsLoaded(read.loaded.limits, by, why))
    app.limits.took(read, by=by, at=app.clock.now())
    app.limits.reloads += 1
    await let_go(rows)


def _limits_error(problem: FileProblem) -> operator_pb2.LimitsError:
    return operator_pb2.LimitsError(file=problem.file, line=problem.line, key=problem.key, message=problem.message)


# -- looking ------------------------------------------------------------------------------------------------------


async def get_exposure(
    app: GateApp, request: operator_pb2.GetExposureRequest, _by: str
) -> operator_pb2.GetExposureResponse:
    """Positions three ways, worst case, limits."""
    state, now = app.owner.state, app.clock.now()
    books = [state.accounts[name] for name in known_accounts(app, request.account)]
    return operator_pb2.GetExposureResponse(accounts=[account_exposure(state, book, now=now) for book in books])


async def list_open_orders(
    app: GateApp, request: operator_pb2.ListOpenOrdersRequest, _by: str
) -> operator_pb2.ListOpenOrdersResponse:
    """What works at the venue, or may."""
    answer = operator_pb2.ListOpenOrdersResponse()
    async for book, reservation in _live(app, request.account):
        answer.orders.append(order_message(book, reservation))
    return answer


async def list_reservations(
    app: GateApp, request: operator_pb2.ListReservationsRequest, _by: str
) -> operator_pb2.ListReservationsResponse:
    """Approved orders that are not proven finished."""
    answer = operator_pb2.ListReservationsResponse()
    async for book, reservation in _live(app, request.account):
        if not reservation.found:
            answer.reservations.append(reservation_message(book, reservation))
    return answer


async def _live(app: GateApp, account: str) -> AsyncIterator[tuple[AccountBook, Reservation]]:
    """Every live reservation of the accounts asked for; lets the loop turn between portions."""
    for name in known_accounts(app, account):
        book = app.owner.state.accounts[name]
        for index, reservation in enumerate(book.live()):
            if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
                await asyncio.sleep(0)
            yield book, reservation


async def get_reconciliation(
    app: GateApp, request: operator_pb2.GetReconciliationRequest, _by: str
) -> operator_pb2.GetReconciliationResponse:
    """The three ledgers side by side."""
    names = known_accounts(app, request.account)
    instrument = convert.optional_name(request.instrument, field="instrument")
    check_instrument((app.owner.state.accounts[name] for name in names), instrument)
    now = app.clock.now()
    accounts = [await account_reconciliation(app, name, instrument=instrument, now=now) for name in names]
    return operator_pb2.GetReconciliationResponse(accounts=accounts, now_ns=now)


# -- an order by hand ---------------------------------------------------------------------------------------------


async def expect_order(
    app: GateApp, request: operator_pb2.ExpectOrderRequest, by: str
) -> operator_pb2.ExpectOrderResponse:
    """A person announces an order that he will place at the venue: an ordinary check, with a reservation."""
    strategy = convert.name(request.strategy, field="strategy")
    event = OrderExpected(
        _order_by_hand(app, request, strategy=strategy, reduce_only=request.reduce_only),
        by,
        convert.reason(request.reason),
        valid_for=_expected_within(request.valid_ms),
        named=bool(request.client_order_id),
    )
    return operator_pb2.ExpectOrderResponse(decision=_decided(app, event))


def _expected_within(valid_ms: int) -> Nanoseconds:
    if valid_ms and not SHORTEST_EXPECTED_MS <= valid_ms <= LONGEST_EXPECTED_MS:
        problem = (
            f"{valid_ms} is not allowed; allowed: {SHORTEST_EXPECTED_MS} to {LONGEST_EXPECTED_MS}, or 0 for a minute"
        )
        raise MalformedInputError("valid_ms", problem)
    return (valid_ms or USUALLY_EXPECTED_MS) * MILLISECOND


# -- the operator's own exit --------------------------------------------------------------------------------------


async def check_reducing_order(
    app: GateApp, request: operator_pb2.CheckReducingOrderRequest, by: str
) -> operator_pb2.CheckReducingOrderResponse:
    """Checks an operator's own reducing order; passes HALTED, never increases nor flips a position."""
    strategy = convert.optional_name(request.strategy, field="strategy")
    order = _order_by_hand(app, request, strategy=strategy, reduce_only=True)
    event = ReducingOrderChecked(order, by, convert.reason(request.reason))
    return operator_pb2.CheckReducingOrderResponse(decision=_decided(app, event))


def _decided(app: GateApp, event: ReducingOrderChecked | OrderExpected) -> strategy_pb2.CheckOrderResponse:
    decision = app.owner.submit(event)[0]
    if not isinstance(decision, Decision):
        raise TypeError(f"a check gave {type(decision).__name__}")
    return decision_message(decision)


def _order_by_hand(
    app: GateApp,
    request: operator_pb2.CheckReducingOrderRequest | operator_pb2.ExpectOrderRequest,
    *,
    strategy: str,
    reduce_only: bool,
) -> Order:
    """What a person asks about; without an id of its own it gets one."""
    if not request.account:
        raise MalformedInputError("account", "is required: whose order it is")
    known_accounts(app, request.account)
    order_type = convert.member(request.type, convert.ORDER_TYPES, field="type")
    return Order(
        account=request.account,
        strategy=strategy,
        client_order_id=convert.optional_id(request.client_order_id, field="client_order_id")
        or _new_order_id(app, request.account),
        instrument=convert.name(request.instrument, field="instrument"),
        side=convert.member(request.side, convert.SIDES, field="side"),
        type=order_type,
        quantity=parse_positive(request.quantity, field="quantity"),
        limit_price=convert.limit_price(request.limit_price, order_type),
        reduce_only=reduce_only,
    )


def _new_order_id(app: GateApp, account: str) -> str:
    """An id of hexadecimal digits, which every venue carries, as long as this one takes."""
    feed = app.owner.state.accounts[account].feed
    longest = GENERATED_ID_LENGTH if feed is None else min(GENERATED_ID_LENGTH, feed.id_max_length)
    return ("0f" + secrets.token_hex(GENERATED_ID_LENGTH // 2))[:longest]
