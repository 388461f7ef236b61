"""What a venue feed says, from wire to core. A message is read whole or refused whole, never half.

Rule 1: a read is stamped with a heartbeat of this gate: a time of 0 or later than now proves nothing about when the
read began, and the read is refused. Rule 2: what a venue shows is bounded here: so many rows, ids so long. Rule 3: what
may have many rows is read in steps of a few: whoever has checks waiting lets them in between (`Steps`).
"""

import re
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from risksvc.core.types import (
    ZERO,
    Instrument,
    InstrumentKind,
    MalformedInputError,
    Nanoseconds,
    Side,
    parse_decimal,
    parse_positive,
)
from risksvc.core.venue_events import (
    Balance,
    BalancesReceived,
    CashFlow,
    CashFlowKind,
    FeedConnected,
    Fill,
    FillKind,
    HistoryGapFound,
    Leg,
    Mark,
    MarksReceived,
    OrderStatesReceived,
    SnapshotReceived,
    VenueOrder,
    VenuePosition,
    VenueStatus,
)
from risksvc.gate import convert
from risksvc.v1 import venue_pb2

MAX_ROWS = 20_000  # of each kind: one read is one journal entry, of 16 MB at most
MAX_INSTRUMENTS = 20_000
MAX_SOFTWARE = 200
MAX_LIMITATIONS = 50
MAX_ID_LENGTH = 255
MARKS_AT_ONCE = 25
FILLS_AT_ONCE = 25
ORDERS_AT_ONCE = 25
ROWS_AT_ONCE = 25  # of a message, between two steps

_KINDS: Mapping[int, InstrumentKind] = {
    venue_pb2.INSTRUMENT_KIND_LINEAR: InstrumentKind.LINEAR,
    venue_pb2.INSTRUMENT_KIND_INVERSE: InstrumentKind.INVERSE,
    venue_pb2.INSTRUMENT_KIND_SPOT: InstrumentKind.SPOT,
}
_FILL_KINDS: Mapping[int, FillKind] = {
    venue_pb2.FILL_KIND_UNSPECIFIED: FillKind.TRADE,
    venue_pb2.FILL_KIND_TRADE: FillKind.TRADE,
    venue_pb2.FILL_KIND_LIQUIDATION: FillKind.LIQUIDATION,
    venue_pb2.FILL_KIND_ADL: FillKind.ADL,
    venue_pb2.FILL_KIND_DELIVERY: FillKind.DELIVERY,
    venue_pb2.FILL_KIND_TRANSFER: FillKind.TRANSFER,
}
_LEGS: Mapping[int, Leg] = {
    venue_pb2.POSITION_LEG_LONG: Leg.LONG,
    venue_pb2.POSITION_LEG_SHORT: Leg.SHORT,
}
_FLOW_KINDS: Mapping[int, CashFlowKind] = {
    venue_pb2.CASH_FLOW_KIND_FUNDING: CashFlowKind.FUNDING,
    venue_pb2.CASH_FLOW_KIND_TRANSFER: CashFlowKind.TRANSFER,
    venue_pb2.CASH_FLOW_KIND_FEE: CashFlowKind.FEE,
    venue_pb2.CASH_FLOW_KIND_OTHER: CashFlowKind.OTHER,
}
_STATUSES: Mapping[int, VenueStatus] = {
    venue_pb2.VENUE_ORDER_STATUS_OPEN: VenueStatus.OPEN,
    venue_pb2.VENUE_ORDER_STATUS_FILLED: VenueStatus.FILLED,
    venue_pb2.VENUE_ORDER_STATUS_CANCELLED: VenueStatus.CANCELLED,
    venue_pb2.VENUE_ORDER_STATUS_REJECTED: VenueStatus.REJECTED,
    venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND: VenueStatus.NOT_FOUND,
}

_Row = TypeVar("_Row")
_Read = TypeVar("_Read")
Steps = Generator[None, None, _Read]


def whole(steps: Steps[_Read]) -> _Read:
    """Takes every step at once."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            read: _Read = done.value
            return read


def _each(rows: Iterable[_Row], read: Callable[[_Row, str], _Read], field: str) -> Steps[list[_Read]]:
    """Every row, read."""
    found: list[_Read] = []
    for index, row in enumerate(rows):
        if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1:
            yield
        found.append(read(row, f"{field}[{index}]"))
    return found


# -- hello --------------------------------------------------------------------------------------------------------


def feed_connected(hello: venue_pb2.FeedHello) -> Steps[FeedConnected]:
    """Who feeds, and what the venue can do."""
    _bounded(hello.instruments, MAX_INSTRUMENTS, field="hello.instruments")
    length = hello.client_order_id_max_length
    if not 0 < length <= MAX_ID_LENGTH:
        problem = f"{length} is not a length; allowed: 1 to {MAX_ID_LENGTH}"
        raise MalformedInputError("hello.client_order_id_max_length", problem)
    instruments = tuple((yield from _each(hello.instruments, _instrument, "hello.instruments")))
    _once((one.symbol for one in instruments), field="hello.instruments")
    _bounded(hello.limitations, MAX_LIMITATIONS, field="hello.limitations")
    return FeedConnected(
        account=convert.name(hello.account, field="hello.account"),
        venue=convert.name(hello.venue, field="hello.venue"),
        instruments=instruments,
        enforces_reduce_only=hello.enforces_reduce_only,
        id_max_length=length,
        id_characters=_character_class(hello.client_order_id_characters, field="hello.client_order_id_characters"),
        can_cancel=hello.can_cancel,
        software=convert.free_text(hello.software, field="hello.software", longest=MAX_SOFTWARE),
        hedge_mode=hello.hedge_mode,
        limitations=tuple(convert.one_line(one)[:MAX_SOFTWARE] for one in hello.limitations),
        reads_equity=hello.reads_equity,
        has_stream=hello.has_stream,
    )


def _instrument(one: venue_pb2.InstrumentDefinition, field: str) -> Instrument:
    return Instrument(
        symbol=convert.name(one.instrument, field=f"{field}.instrument"),
        kind=convert.member(one.kind, _KINDS, field=f"{field}.kind"),
        base=convert.name(one.base, field=f"{field}.base"),
        quote=convert.name(one.quote, field=f"{field}.quote"),
        contract_size=parse_positive(one.contract_size, field=f"{field}.contract_size"),
        quantity_step=convert.optional_positive(one.quantity_step, field=f"{field}.quantity_step"),
        price_step=convert.optional_positive(one.price_step, field=f"{field}.price_step"),
    )


def _character_class(body: str, *, field: str) -> str:
    """The inside of a regular expression's [...]; nothing that ends the class or turns it round."""
    text = convert.order_id(body, field=field, longest=100)
    problem = f"{convert.shown(text)} is not a character class; allowed: letters, digits and ranges, like A-Za-z0-9_-"
    if re.search(r"[\[\]^]|\\[^\W_]", text, re.ASCII):
        raise MalformedInputError(field, problem)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(f"[{text}]{{1,2}}", re.ASCII)
    except (re.error, FutureWarning) as error:
        raise MalformedInputError(field, problem) from error
    return text


# -- reads --------------------------------------------------------------------------------------------------------


def snapshot(message: venue_pb2.FeedSnapshot, account: str, *, now: Nanoseconds) -> Steps[SnapshotReceived]:
    """One complete read."""
    _bounded(message.positions, MAX_ROWS, field="snapshot.positions")
    _bounded(message.open_orders, MAX_ROWS, field="snapshot.open_orders")
    start = convert.milliseconds(message.window_start_ms, field="snapshot.window_start_ms")
    end = convert.milliseconds(message.window_end_ms, field="snapshot.window_end_ms")
    if start > end:
        raise MalformedInputError("snapshot.window_start_ms", f"{start} is after window_end_ms {end}")
    positions = tuple((yield from _each(message.positions, position, "snapshot.positions")))
    _once((one.key for one in positions), field="snapshot.positions")
    orders = tuple((yield from _each(message.open_orders, open_order, "snapshot.open_orders")))
    _once((one.venue_order_id for one in orders if one.venue_order_id), field="snapshot.open_orders")
    return SnapshotReceived(
        account=account,
        as_of=_as_of(message.as_of_gate_time_ns, field="snapshot.as_of_gate_time_ns", now=now),
        window_start_ms=start,
        window_end_ms=end,
        positions=positions,
        open_orders=orders,
    )


def marks(message: venue_pb2.FeedMarks, account: str, *, now: Nanoseconds) -> Steps[list[MarksReceived]]:
    """Marks of one read, in parts so small that no check waits long for one."""
    _bounded(message.marks, MAX_INSTRUMENTS, field="marks.marks")
    as_of = _as_of(message.as_of_gate_time_ns, field="marks.as_of_gate_time_ns", now=now)
    read = yield from _each(message.marks, _mark, "marks.marks")
    return [MarksReceived(account, as_of, part) for part in _parts(read, MARKS_AT_ONCE)]


def fills(message: venue_pb2.FeedFills) -> Steps[list[tuple[Fill, ...]]]:
    """Fills, in parts."""
    _bounded(message.fills, MAX_ROWS, field="fills.fills")
    return _parts((yield from _each(message.fills, _fill, "fills.fills")), FILLS_AT_ONCE)


def order_states(
    message: venue_pb2.FeedOrderStates, account: str, *, now: Nanoseconds
) -> Steps[list[OrderStatesReceived]]:
    """Orders that were looked up, in parts: each says what became of its own orders."""
    _bounded(message.orders, MAX_ROWS, field="order_states.orders")
    as_of = _as_of(message.as_of_gate_time_ns, field="order_states.as_of_gate_time_ns", now=now)
    orders = yield from _each(message.orders, _state, "order_states.orders")
    return [OrderStatesReceived(account, as_of, part) for part in _parts(orders, ORDERS_AT_ONCE)]


def position(one: venue_pb2.FeedPosition, field: str) -> VenuePosition:
    """One position; `field` names it in an error."""
    return VenuePosition(
        key=convert.name(one.instrument, field=f"{field}.instrument"),
        quantity=parse_decimal(one.quantity, field=f"{field}.quantity"),
        entry_price=convert.optional_decimal(one.entry_price, field=f"{field}.entry_price"),
        unrealised_pnl=convert.optional_decimal(one.unrealised_pnl, field=f"{field}.unrealised_pnl"),
        liquidation_price=convert.optional_decimal(one.liquidation_price, field=f"{field}.liquidation_price"),
        long=_leg_quantity(one.long_quantity, field=f"{field}.long_quantity"),
        short=_leg_quantity(one.short_quantity, field=f"{field}.short_quantity"),
        sequence=one.sequence,
    )


def leg(value: int, *, field: str) -> Leg | None:
    """Which position of an instrument, in hedge mode; None where nothing is said."""
    return None if value == venue_pb2.POSITION_LEG_UNSPECIFIED else convert.member(value, _LEGS, field=field)


def _leg_quantity(text: str, *, field: str) -> Decimal | None:
    value = convert.optional_decimal(text, field=field)
    if value is not None and value < ZERO:
        raise MalformedInputError(field, f"{text} must be 0 or above: a leg's quantity has no sign")
    return value


def _state(one: venue_pb2.FeedOrder, field: str) -> VenueOrder:
    if one.status != venue_pb2.VENUE_ORDER_STATUS_NOT_FOUND:
        return _order(one, field)
    ids = _ids(one, field)
    instrument = convert.name(one.instrument, field=f"{field}.instrument")
    # The venue does not know it: side and quantity mean nothing, and nothing reads them.
    return VenueOrder(instrument, Side.BUY, ZERO, ZERO, VenueStatus.NOT_FOUND, *ids)


def open_order(one: venue_pb2.FeedOrder, field: str) -> VenueOrder:
    """One working or waiting order."""
    if one.status != venue_pb2.VENUE_ORDER_STATUS_OPEN:
        raise MalformedInputError(f"{field}.status", "must be OPEN: this lists working and waiting orders only")
    return _order(one, field)


def _order(one: venue_pb2.FeedOrder, field: str) -> VenueOrder:
    venue_id, client_id = _ids(one, field)
    quantity = parse_positive(one.quantity, field=f"{field}.quantity")
    filled = convert.optional_decimal(one.filled, field=f"{field}.filled") or ZERO
    if not ZERO <= filled <= quantity:
        raise MalformedInputError(f"{field}.filled", f"{one.filled} is not between 0 and the quantity {one.quantity}")
    return VenueOrder(
        instrument=convert.name(one.instrument, field=f"{field}.instrument"),
        side=convert.member(one.side, convert.SIDES, field=f"{field}.side"),
        quantity=quantity,
        filled=filled,
        status=convert.member(one.status, _STATUSES, field=f"{field}.status"),
        venue_order_id=venue_id,
        client_order_id=client_id,
        limit_price=convert.optional_positive(one.limit_price, field=f"{field}.limit_price"),
        trigger_price=convert.optional_positive(one.trigger_price, field=f"{field}.trigger_price"),
        reduce_only=one.reduce_only,
        attached=one.attached,
        parent_order_id=convert.optional_id(
            one.parent_order_id, field=f"{field}.parent_order_id", longest=convert.MAX_VENUE_ID
        ),
        leg=leg(one.leg, field=f"{field}.leg"),
    )


def _ids(one: venue_pb2.FeedOrder, field: str) -> tuple[str, str]:
    longest = convert.MAX_VENUE_ID
    venue_id = convert.optional_id(one.venue_order_id, field=f"{field}.venue_order_id", longest=longest)
    client_id = convert.optional_id(one.client_order_id, field=f"{field}.client_order_id", longest=longest)
    if not venue_id and not client_id:
        raise MalformedInputError(f"{field}.venue_order_id", "an order needs the venue's id or a client order id")
    return venue_id, client_id


def _fill(one: venue_pb2.FeedFill, field: str) -> Fill:
    longest = convert.MAX_VENUE_ID
    return Fill(
        instrument=convert.name(one.instrument, field=f"{field}.instrument"),
        trade_id=convert.order_id(one.trade_id, field=f"{field}.trade_id", longest=longest),
        side=convert.member(one.side, convert.SIDES, field=f"{field}.side"),
        quantity=parse_positive(one.quantity, field=f"{field}.quantity"),
        price=parse_positive(one.price, field=f"{field}.price"),
        venue_time_ms=convert.milliseconds(one.venue_time_ms, field=f"{field}.venue_time_ms"),
        venue_order_id=convert.optional_id(one.venue_order_id, field=f"{field}.venue_order_id", longest=longest),
        client_order_id=convert.optional_id(one.client_order_id, field=f"{field}.client_order_id", longest=longest),
        fee=convert.optional_decimal(one.fee, field=f"{field}.fee"),
        fee_currency=convert.optional_name(one.fee_currency, field=f"{field}.fee_currency"),
        kind=convert.member(one.kind, _FILL_KINDS, field=f"{field}.kind"),
        unresolved=one.order_unresolved,
        sequence=one.sequence,
        leg=leg(one.leg, field=f"{field}.leg"),
    )


# -- cash ---------------------------------------------------------------------------------------------------------


def balances(message: venue_pb2.FeedBalances, account: str, *, now: Nanoseconds) -> BalancesReceived:
    """Equity, and what moved cash."""
    _bounded(message.balances, MAX_ROWS, field="balances.balances")
    _bounded(message.flows, MAX_ROWS, field="balances.flows")
    _once((one.currency for one in message.balances), field="balances.balances")
    return BalancesReceived(
        account=account,
        as_of=_as_of(message.as_of_gate_time_ns, field="balances.as_of_gate_time_ns", now=now),
        venue_time_ms=convert.milliseconds(message.venue_time_ms, field="balances.venue_time_ms"),
        balances=tuple(_balance(one, f"balances.balances[{i}]") for i, one in enumerate(message.balances)),
        flows=tuple(_flow(one, f"balances.flows[{i}]") for i, one in enumerate(message.flows)),
    )


def _balance(one: venue_pb2.FeedBalance, field: str) -> Balance:
    return Balance(
        currency=convert.name(one.currency, field=f"{field}.currency"),
        equity=parse_decimal(one.equity, field=f"{field}.equity"),
        wallet=convert.optional_decimal(one.wallet, field=f"{field}.wallet"),
    )


def _flow(one: venue_pb2.FeedCashFlow, field: str) -> CashFlow:
    return CashFlow(
        flow_id=convert.order_id(one.flow_id, field=f"{field}.flow_id", longest=convert.MAX_VENUE_ID),
        currency=convert.name(one.currency, field=f"{field}.currency"),
        kind=convert.member(one.kind, _FLOW_KINDS, field=f"{field}.kind"),
        amount=parse_decimal(one.amount, field=f"{field}.amount"),
        venue_time_ms=convert.milliseconds(one.venue_time_ms, field=f"{field}.venue_time_ms"),
        instrument=convert.optional_name(one.instrument, field=f"{field}.instrument"),
    )


def history_gap(message: venue_pb2.FeedHistoryGap, account: str) -> HistoryGapFound:
    """A time whose fills nobody can list any more."""
    from_ms = convert.milliseconds(message.from_ms, field="history_gap.from_ms")
    to_ms = convert.milliseconds(message.to_ms, field="history_gap.to_ms")
    if from_ms > to_ms:
        raise MalformedInputError("history_gap.to_ms", f"{to_ms} is before from_ms {from_ms}")
    return HistoryGapFound(account, from_ms, to_ms)


def _mark(one: venue_pb2.FeedMark, field: str) -> Mark:
    bid = convert.optional_positive(one.bid, field=f"{field}.bid")
    ask = convert.optional_positive(one.ask, field=f"{field}.ask")
    return Mark(
        instrument=convert.name(one.instrument, field=f"{field}.instrument"),
        price=parse_positive(one.mark, field=f"{field}.mark"),
        bid=bid,
        ask=ask,
    )


def _as_of(value: int, *, field: str, now: Nanoseconds) -> Nanoseconds:
    if not 0 < value <= now:
        problem = f"{value} is not the gate's time of a heartbeat that has been sent; the read proves nothing"
        raise MalformedInputError(field, problem)
    return value


def _bounded(rows: Sequence[object], most: int, *, field: str) -> None:
    if len(rows) > most:
        raise MalformedInputError(field, f"{len(rows)} rows; at most {most} are allowed")


def _once(names: Iterable[str], *, field: str) -> None:
    seen: dict[str, None] = {}
    for one in names:
        if one in seen:
            raise MalformedInputError(field, f"{convert.shown(one)} is listed twice")
        seen[one] = None


def _parts(rows: Sequence[_Row], size: int) -> list[tuple[_Row, ...]]:
    return [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]
