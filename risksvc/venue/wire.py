"""The feed's messages, built from rows: decimals as plain text, unknown as empty text. Decides nothing."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from risksvc.core.incident.exit_cost import Level
from risksvc.core.types import Instrument, InstrumentKind, Side, plain
from risksvc.v1 import types_pb2, venue_pb2
from risksvc.venue.assessing import AccountLook, MarketLook
from risksvc.venue.balances import BalancesRead
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.failures import ReadFailure
from risksvc.venue.listing import OrderReference
from risksvc.venue.markets import is_plain_name
from risksvc.venue.quirks import FillKind, LedgerKind, Leg, Quirks
from risksvc.venue.reader import Snapshot
from risksvc.venue.rows import BookingRow, FillRow, MarkRow, OrderRow, OrderStatus, PositionRow

_KINDS = {
    InstrumentKind.LINEAR: venue_pb2.INSTRUMENT_KIND_LINEAR,
    InstrumentKind.INVERSE: venue_pb2.INSTRUMENT_KIND_INVERSE,
    InstrumentKind.SPOT: venue_pb2.INSTRUMENT_KIND_SPOT,
}
_SIDES = {None: types_pb2.SIDE_UNSPECIFIED, Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}
_STATUSES = {
    OrderStatus.OPEN: venue_pb2.VENUE_ORDER_STATUS_OPEN,
    OrderStatus.FILLED: venue_pb2.VENUE_ORDER_STATUS_FILLED,
    OrderStatus.CANCELLED: venue_pb2.VENUE_ORDER_STATUS_CANCELLED,
    OrderStatus.REJECTED: venue_pb2.VENUE_ORDER_STATUS_REJECTED,
    OrderStatus.NOT_FOUND: venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND,
}
_FILL_KINDS = {
    FillKind.TRADE: venue_pb2.FILL_KIND_TRADE,
    FillKind.LIQUIDATION: venue_pb2.FILL_KIND_LIQUIDATION,
    FillKind.ADL: venue_pb2.FILL_KIND_ADL,
    FillKind.DELIVERY: venue_pb2.FILL_KIND_DELIVERY,
    FillKind.TRANSFER: venue_pb2.FILL_KIND_TRANSFER,
}
_LEGS = {
    None: venue_pb2.POSITION_LEG_UNSPECIFIED,
    Leg.LONG: venue_pb2.POSITION_LEG_LONG,
    Leg.SHORT: venue_pb2.POSITION_LEG_SHORT,
}
_FLOW_KINDS = {
    LedgerKind.FUNDING: venue_pb2.CASH_FLOW_KIND_FUNDING,
    LedgerKind.INTEREST: venue_pb2.CASH_FLOW_KIND_FUNDING,
    LedgerKind.TRANSFER: venue_pb2.CASH_FLOW_KIND_TRANSFER,
    LedgerKind.FEE: venue_pb2.CASH_FLOW_KIND_FEE,
    LedgerKind.REBATE: venue_pb2.CASH_FLOW_KIND_FEE,
    LedgerKind.OTHER: venue_pb2.CASH_FLOW_KIND_OTHER,
}
FILLS_PER_MESSAGE = 500


def text(value: Decimal | None) -> str:
    """Give decimal text; empty when not known."""
    return "" if value is None else plain(value)


def hello(
    account: str, *, venue: str, quirks: Quirks, instruments: Sequence[Instrument], can_cancel: bool, software: str
) -> venue_pb2.FeedRequest:
    """Introduce the feed."""
    return venue_pb2.FeedRequest(
        hello=venue_pb2.FeedHello(
            account=account,
            venue=venue,
            instruments=[_definition(each) for each in instruments],
            can_cancel=can_cancel,
            client_order_id_max_length=quirks.client_order_id_max_length,
            client_order_id_characters=quirks.client_order_id_characters,
            software=software,
        )
    )


def _definition(instrument: Instrument) -> venue_pb2.InstrumentDefinition:
    return venue_pb2.InstrumentDefinition(
        instrument=instrument.symbol,
        kind=_KINDS[instrument.kind],
        base=instrument.base,
        quote=instrument.quote,
        contract_size=plain(instrument.contract_size),
        quantity_step=text(instrument.quantity_step),
        price_step=text(instrument.price_step),
    )


def fills(rows: Sequence[FillRow]) -> Iterable[venue_pb2.FeedRequest]:
    """Pass fills on, in messages of a bounded size."""
    for start in range(0, len(rows), FILLS_PER_MESSAGE):
        some = [_fill(row) for row in rows[start : start + FILLS_PER_MESSAGE]]
        yield venue_pb2.FeedRequest(fills=venue_pb2.FeedFills(fills=some))


def _fill(row: FillRow) -> venue_pb2.FeedFill:
    return venue_pb2.FeedFill(
        instrument=row.symbol,
        trade_id=row.trade_id,
        venue_order_id=row.venue_order_id,
        client_order_id=row.client_order_id or "",
        side=_SIDES[row.side],
        quantity=plain(row.quantity),
        price=plain(row.price),
        fee=text(row.fee),
        fee_currency=row.fee_currency if is_plain_name(row.fee_currency) else "",
        venue_time_ms=row.venue_time_ms,
        kind=_FILL_KINDS[row.kind],
        order_unresolved=row.client_order_id is None,
        sequence=row.sequence,
        leg=_LEGS[row.leg],
    )


def snapshot(read: Snapshot, *, as_of_ns: int) -> venue_pb2.FeedRequest:
    """Show one complete read."""
    return venue_pb2.FeedRequest(
        snapshot=venue_pb2.FeedSnapshot(
            positions=[_position(row) for row in read.positions],
            open_orders=[_order(row) for row in read.open_orders],
            as_of_gate_time_ns=as_of_ns,
            window_start_ms=read.window_start_ms,
            window_end_ms=read.window_end_ms,
            read_duration_ms=read.duration_ms,
        )
    )


def _position(row: PositionRow) -> venue_pb2.FeedPosition:
    return venue_pb2.FeedPosition(
        instrument=row.symbol,
        quantity=plain(row.quantity),
        entry_price=text(row.entry_price),
        unrealised_pnl=text(row.unrealised_pnl),
        liquidation_price=text(row.liquidation_price),
        long_quantity=text(row.long),
        short_quantity=text(row.short),
        sequence=row.sequence,
    )


def _order(row: OrderRow) -> venue_pb2.FeedOrder:
    if row.status is OrderStatus.NOT_FOUND:
        # The client id is what was asked for; the venue's only where there was no other.
        return venue_pb2.FeedOrder(
            instrument=row.symbol,
            client_order_id=row.client_order_id,
            venue_order_id="" if row.client_order_id else row.venue_order_id,
            status=_STATUSES[row.status],
        )
    return venue_pb2.FeedOrder(
        instrument=row.symbol,
        venue_order_id=row.venue_order_id,
        client_order_id=row.client_order_id,
        side=_SIDES[row.side],
        quantity=plain(row.quantity),
        filled=plain(row.filled),
        limit_price=text(row.limit_price),
        trigger_price=text(row.trigger_price),
        reduce_only=row.reduce_only,
        status=_STATUSES[row.status],
        created_ms=row.created_ms,
        attached=row.attached,
        parent_order_id=row.parent_order_id,
        leg=_LEGS[row.leg],
    )


def order_states(rows: Sequence[OrderRow], *, as_of_ns: int) -> venue_pb2.FeedRequest:
    """Show what look-ups found."""
    states = venue_pb2.FeedOrderStates(orders=[_order(row) for row in rows], as_of_gate_time_ns=as_of_ns)
    return venue_pb2.FeedRequest(order_states=states)


def marks(rows: Sequence[MarkRow], *, as_of_ns: int) -> venue_pb2.FeedRequest:
    """Show marks."""
    found = [
        venue_pb2.FeedMark(instrument=row.symbol, mark=plain(row.mark), bid=text(row.bid), ask=text(row.ask))
        for row in rows
    ]
    return venue_pb2.FeedRequest(marks=venue_pb2.FeedMarks(marks=found, as_of_gate_time_ns=as_of_ns))


def assessment(command_id: str, look: AccountLook) -> venue_pb2.FeedRequest:
    """Show what a look at the venue found. A name that no gate can carry would make it refuse the whole."""
    positions = [row for row in look.positions if is_plain_name(row.symbol)]
    orders = [row for row in look.open_orders if is_plain_name(row.symbol)]
    unsaid = len(look.positions) - len(positions) + len(look.open_orders) - len(orders)
    problems = [*look.problems, *([f"positions: {unsaid} rows have names that the gate can't carry"] if unsaid else [])]
    found = venue_pb2.FeedAssessment(
        command_id=command_id,
        positions=[_position(row) for row in positions],
        open_orders=[_order(row) for row in orders],
        books=[_book(each) for each in look.markets if is_plain_name(each.symbol)],
        problems=problems,
        complete=look.complete and not unsaid,
    )
    return venue_pb2.FeedRequest(assessment=found)


def _book(look: MarketLook) -> venue_pb2.FeedBook:
    return venue_pb2.FeedBook(
        instrument=look.symbol,
        bids=_levels(look.book.bids) if look.book is not None else [],
        asks=_levels(look.book.asks) if look.book is not None else [],
        mark=text(look.mark.mark) if look.mark is not None else "",
        mark_age_ms=look.mark_age_ms,
    )


def _levels(levels: Iterable[Level]) -> list[venue_pb2.BookLevel]:
    return [venue_pb2.BookLevel(price=plain(each.price), quantity=plain(each.quantity)) for each in levels]


def balances(read: BalancesRead, *, as_of_ns: int) -> venue_pb2.FeedRequest:
    """Show equity and bookings. Currencies whose names no gate can carry are left out."""
    shown = [
        venue_pb2.FeedBalance(currency=row.currency, equity=text(row.equity), wallet=text(row.wallet))
        for row in read.balances
        if row.equity is not None and is_plain_name(row.currency)
    ]
    flows = [_flow(row) for row in read.flows if is_plain_name(row.currency)]
    told = venue_pb2.FeedBalances(
        balances=shown, flows=flows, as_of_gate_time_ns=as_of_ns, venue_time_ms=read.venue_time_ms
    )
    return venue_pb2.FeedRequest(balances=told)


def _flow(row: BookingRow) -> venue_pb2.FeedCashFlow:
    return venue_pb2.FeedCashFlow(
        flow_id=f"{row.name}:{row.flow_id}",  # some venues' ids are unique within one kind of entry only
        currency=row.currency,
        kind=_FLOW_KINDS[row.kind] if row.kind is not None else venue_pb2.CASH_FLOW_KIND_OTHER,
        amount=plain(row.amount),
        venue_time_ms=row.venue_time_ms,
        instrument=row.symbol if is_plain_name(row.symbol) else "",
    )


def read_failure(failure: ReadFailure) -> venue_pb2.FeedRequest:
    """Tell that a read failed."""
    told = venue_pb2.FeedReadFailure(
        what=failure.what,
        error=failure.error,
        permanent=failure.permanent,
        unknown_instrument=failure.unknown_instrument if is_plain_name(failure.unknown_instrument) else "",
    )
    return venue_pb2.FeedRequest(read_failure=told)


def stream_state(*, connected: bool, error: str = "") -> venue_pb2.FeedRequest:
    """Tell that the private stream came or went."""
    return venue_pb2.FeedRequest(stream_state=venue_pb2.FeedStreamState(connected=connected, error=error))


def history_gap(from_ms: int, to_ms: int) -> venue_pb2.FeedRequest:
    """Tell of a time whose fills the venue does not list any more."""
    return venue_pb2.FeedRequest(history_gap=venue_pb2.FeedHistoryGap(from_ms=from_ms, to_ms=to_ms))


def command_result(command_id: str, outcome: CommandOutcome, *, venue_order_id: str = "") -> venue_pb2.FeedRequest:
    """Tell what became of a command."""
    result = venue_pb2.FeedCommandResult(
        command_id=command_id,
        ok=outcome.ok,
        error=outcome.error,
        unknown=outcome.unknown,
        venue_order_id=venue_order_id,
    )
    return venue_pb2.FeedRequest(command_result=result)


def references(orders: Iterable[venue_pb2.OrderReference]) -> list[OrderReference]:
    """Read the orders that a command names."""
    return [OrderReference(each.instrument, each.client_order_id, each.venue_order_id) for each in orders]
