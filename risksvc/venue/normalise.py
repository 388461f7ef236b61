"""ccxt's rows -> what the gate counts: signed quantities in the venue's order unit, orders, fills, marks.

Pure, and never imports ccxt. Only a row that says zero contracts is flat; whatever can't be read is refused
(`UnreadableRowError`), never left out.
"""

from dataclasses import replace
from decimal import Decimal

from risksvc.core.types import ZERO, Instrument, InstrumentKind, Side
from risksvc.venue.legs import fill_leg, leg_quantities, named_leg, position_leg
from risksvc.venue.quirks import CLOSED_POSITION_KEYS, FillKind, Quirks
from risksvc.venue.rows import (
    FillRow,
    MarkRow,
    OrderRow,
    OrderStatus,
    PositionRow,
    Row,
    RowReader,
    UnreadableRowError,
)

_SIGNS = {"long": 1, "short": -1}


# --- positions ---


def normalise_position(row: Row, *, instrument: Instrument, quirks: Quirks) -> PositionRow | None:
    """Read one position row; None when it is flat. `instrument` is what the loaded markets say about its symbol."""
    reader = RowReader(row, "positions")
    _refuse_closed(reader)
    contracts = reader.exact("contracts")
    if contracts is None:
        raise reader.refuse("contracts is missing: a position of unknown size is not a flat one")
    if contracts == ZERO:
        return None
    quantity = _sign(reader, contracts, quirks) * abs(contracts)
    mark = _mark(reader, instrument, quirks)
    return PositionRow(
        symbol=instrument.symbol,
        quantity=quantity,
        listed_as=_listed_as(reader),
        leg=position_leg(reader, quantity, quirks),
        sequence=reader.counter(quirks.position_seq_key),
        base_quantity=_base_quantity(quantity, mark=mark, instrument=instrument),
        notional=_notional(
            reader, size=quantity * instrument.contract_size, mark=mark, kind=instrument.kind, quirks=quirks
        ),
        entry_price=reader.price_figure("entryPrice"),
        unrealised_pnl=_pnl(reader),
        liquidation_price=reader.price_figure("liquidationPrice"),
    )


def _refuse_closed(reader: RowReader) -> None:
    """Refuse the history of a closed position: with its side and size it looks exactly like an open one."""
    for key in CLOSED_POSITION_KEYS:
        if key in reader.info:
            raise reader.refuse(f"this is a closed position ({key} is set), where open ones are expected")


def _sign(reader: RowReader, contracts: Decimal, quirks: Quirks) -> int:
    """Take the sign from `side`; from `contracts` only for the venues that are known to sign it."""
    side = reader.text("side").lower()
    if side in _SIGNS:
        if contracts < ZERO and _SIGNS[side] > 0:
            raise reader.refuse(f"contradicts itself: side long, contracts {contracts}")
        return _SIGNS[side]
    leg = named_leg(reader, quirks)
    if not side and leg is not None:
        return _SIGNS[leg.value.lower()]
    if not side and quirks.signed_contracts:
        return -1 if contracts < ZERO else 1
    raise reader.refuse(f"side is {reader.row.get('side')!r} though contracts is {contracts}; long or short is needed")


def _listed_as(reader: RowReader) -> str:
    """Name what makes two rows of one symbol two positions, rather than one row listed twice."""
    index = str(reader.info.get("positionIdx", ""))
    return "/".join((reader.text("id"), reader.text("side").lower(), reader.text("marginMode"), index))


def _mark(reader: RowReader, instrument: Instrument, quirks: Quirks) -> Decimal | None:
    mark = reader.decimal("markPrice")
    if not mark:
        return None
    return mark / instrument.contract_size if quirks.mark_per_contract else mark


def _base_quantity(quantity: Decimal, *, mark: Decimal | None, instrument: Instrument) -> Decimal | None:
    size = quantity * instrument.contract_size
    if instrument.kind is not InstrumentKind.INVERSE:
        return size
    return size / mark if mark else None


def _pnl(reader: RowReader) -> Decimal | None:
    """Read the unrealised PnL, which ccxt names differently for some venues."""
    value = reader.figure("unrealizedPnl")
    return reader.figure("unrealizedProfit") if value is None else value


def _notional(
    reader: RowReader, *, size: Decimal, mark: Decimal | None, kind: InstrumentKind, quirks: Quirks
) -> Decimal | None:
    """Value the position at the mark: by the mark, by entry value + PnL, or by the venue's figure where it is at mark.

    The `notional` of a ccxt row is unsigned, in the base coin for inverse contracts, and at many venues the value at
    entry; so it is the last resort, and only where it is known to be at the mark.
    """
    if kind is InstrumentKind.INVERSE:
        return size
    if mark is not None:
        return size * mark
    entry, pnl = reader.decimal("entryPrice"), _pnl(reader)
    if entry and pnl is not None:
        return size * entry + pnl
    stated = reader.decimal("notional")
    if quirks.notional_at_mark and stated:
        return abs(stated) if size > ZERO else -abs(stated)
    return None


def net_positions(rows: list[PositionRow]) -> list[PositionRow]:
    """Give one row per instrument: the legs of a hedge add up, and stay told apart in `long` and `short`.

    The same row twice means that the list moved while its pages were read, so another row may be missing: refused.
    """
    by_symbol: dict[str, list[PositionRow]] = {}
    for row in rows:
        legs = by_symbol.setdefault(row.symbol, [])
        if any(row.listed_as == other.listed_as for other in legs):
            raise UnreadableRowError(
                "positions", row.symbol, f"{row.listed_as!r} is listed twice: the list moved while read"
            )
        legs.append(row)
    return [_one(legs) for legs in by_symbol.values()]


def _one(legs: list[PositionRow]) -> PositionRow:
    """Put an instrument's rows into one. A leg's sequence number says nothing of the other leg, listed or not."""
    long, short = leg_quantities(legs)
    if len(legs) > 1:
        return replace(_net(legs), long=long, short=short)
    return legs[0] if long is None else replace(legs[0], long=long, short=short, sequence=0)


def _net(legs: list[PositionRow]) -> PositionRow:
    """Add legs up; a mean entry or liquidation price of two legs would mean nothing, so none is given."""
    return PositionRow(
        symbol=legs[0].symbol,
        quantity=sum((leg.quantity for leg in legs), ZERO),
        listed_as="net",
        base_quantity=_total([leg.base_quantity for leg in legs]),
        notional=_total([leg.notional for leg in legs]),
        unrealised_pnl=_total([leg.unrealised_pnl for leg in legs]),
    )


def _total(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, ZERO) if len(known) == len(values) else None


# --- orders ---

_STATUSES = {
    "open": OrderStatus.OPEN,
    "canceling": OrderStatus.OPEN,
    "closed": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.CANCELLED,
    "rejected": OrderStatus.REJECTED,
}


def normalise_order(row: Row, *, quirks: Quirks, listed_open: bool = False) -> OrderRow:
    """Read one order row.

    `listed_open`: it comes from the list of open orders, so a status that is not known counts as working, and an
    unknown filled quantity as nothing (all of it may still fill: the worst case). Elsewhere, where they would be taken
    as proof, both are refused.
    """
    reader = RowReader(row, "open_orders" if listed_open else "order")
    if not reader.text("id"):
        raise reader.refuse("the order has no id")
    quantity = reader.positive("amount")
    status = _status(reader, listed_open=listed_open)
    filled = _filled(reader, quantity=quantity, status=status)
    return OrderRow(
        symbol=reader.text("symbol"),
        client_order_id=reader.text("clientOrderId"),
        venue_order_id=reader.text("id"),
        side=_side(reader, quirks),
        quantity=quantity,
        filled=filled,
        limit_price=_limit_price(reader, quirks),
        trigger_price=reader.exact("triggerPrice") or reader.exact("stopPrice") or None,
        reduce_only=row.get("reduceOnly") is True,
        status=_ended(status, filled=filled, quantity=quantity),
        created_ms=reader.milliseconds("timestamp"),
        attached=str(reader.info.get(quirks.attached_key, "")) in quirks.attached_values,
        parent_order_id=str(reader.info.get(quirks.parent_key) or ""),
        leg=named_leg(reader, quirks),
    )


def _status(reader: RowReader, *, listed_open: bool) -> OrderStatus:
    status = _STATUSES.get(reader.text("status").lower())
    if status is not None:
        return status
    if listed_open:
        return OrderStatus.OPEN
    raise reader.refuse(f"status is {reader.row.get('status')!r}, which says neither working nor finished")


def _filled(reader: RowReader, *, quantity: Decimal, status: OrderStatus) -> Decimal:
    filled, remaining = reader.exact("filled"), reader.exact("remaining")
    if filled is None and remaining is not None and status is OrderStatus.OPEN:
        filled = quantity - remaining
    if filled is None and status in (OrderStatus.OPEN, OrderStatus.REJECTED):
        filled = ZERO
    if filled is None:
        raise reader.refuse("filled is missing: how much a finished order did is not known")
    if filled < ZERO or filled > quantity:
        raise reader.refuse(f"filled {filled} is not between 0 and the amount {quantity}")
    return filled


def _ended(status: OrderStatus, *, filled: Decimal, quantity: Decimal) -> OrderStatus:
    """Set right what is called closed though it was cancelled half filled, and rejected though it did something."""
    if status is OrderStatus.FILLED and filled < quantity:
        return OrderStatus.CANCELLED
    if status is OrderStatus.REJECTED and filled > ZERO:
        return OrderStatus.CANCELLED
    return status


def _limit_price(reader: RowReader, quirks: Quirks) -> Decimal | None:
    kind = reader.text("type").lower()
    if kind == "market":  # venues put a protection price there
        return None
    price = reader.exact("price")
    if not price and quirks.limit_price_key:
        price = reader.instead("price", reader.info.get(quirks.limit_price_key)).exact("price")
    if not price and kind == "limit":
        raise reader.refuse("a limit order without a price")
    return price or None


def _side(reader: RowReader, quirks: Quirks) -> Side:
    """Give the side: by the venue's own word where ccxt's is wrong."""
    return quirks.sides.get(str(reader.info.get(quirks.side_key))) or reader.side()


# --- fills ---


def normalise_fill(row: Row, *, quirks: Quirks, hedged: bool = False) -> FillRow | None:
    """Read one execution row; None when it is no fill (some venues list funding payments among the executions).

    `hedged`: the account is in hedge mode.
    """
    reader = RowReader(row, "fills")
    kind = _fill_kind(reader, quirks)
    if kind is None:
        return None
    for key in ("id", "symbol", "timestamp"):
        if not reader.text(key):
            raise reader.refuse(f"{key} is missing")
    fee, currency = _fee(reader, quirks)
    side, quantity = _side(reader, quirks), reader.positive("amount")
    return FillRow(
        symbol=reader.text("symbol"),
        trade_id=reader.text("id"),
        venue_order_id=reader.text("order"),
        client_order_id=_client_id(reader, quirks),
        side=side,
        quantity=quantity,
        price=reader.positive("price"),
        fee=fee,
        fee_currency=currency,
        venue_time_ms=reader.milliseconds("timestamp"),
        kind=kind,
        sequence=reader.counter(quirks.fill_seq_key),
        leg=fill_leg(reader, side=side, quantity=quantity, quirks=quirks, hedged=hedged),
    )


def _fill_kind(reader: RowReader, quirks: Quirks) -> FillKind | None:
    if not quirks.kind_key or quirks.kind_key not in reader.info:
        return FillKind.TRADE
    name = str(reader.info[quirks.kind_key])
    if name not in quirks.kinds:
        raise reader.refuse(
            f"{quirks.kind_key} is {name!r}, which the venue's table does not know (settings: quirks.kinds)"
        )
    return quirks.kinds[name]


def _client_id(reader: RowReader, quirks: Quirks) -> str | None:
    given = reader.text("clientOrderId")
    if given:
        return given
    if quirks.trade_client_id_key and quirks.trade_client_id_key in reader.info:
        return str(reader.info[quirks.trade_client_id_key] or "")
    return None


def _fee(reader: RowReader, quirks: Quirks) -> tuple[Decimal | None, str]:
    fee = reader.row.get("fee")
    if not isinstance(fee, dict) or fee.get("cost") is None:
        return None, ""
    named = reader.info.get(quirks.fee_currency_key) if quirks.fee_currency_key else None
    return reader.instead("cost", fee["cost"]).figure("cost"), str(named or fee.get("currency") or "")


# --- marks ---


def normalise_mark(row: Row, *, quirks: Quirks) -> MarkRow | None:
    """Read one ticker; None when it has no mark price (the last trade's price is not one).

    A spot pair has none by nature: the middle of the book stands in for it, where the book has both sides.
    """
    reader = RowReader(row, "marks")
    bid, ask = _quote(reader, "bid"), _quote(reader, "ask")
    mark = reader.exact("markPrice")
    if quirks.spot:
        mark = (bid + ask) / 2 if bid is not None and ask is not None else None
    elif not mark and quirks.mark_key:
        mark = reader.instead("markPrice", reader.info.get(quirks.mark_key)).exact("markPrice")
    if mark is None or mark <= ZERO:
        return None
    return MarkRow(symbol=reader.text("symbol"), mark=mark, bid=bid, ask=ask)


def _quote(reader: RowReader, side: str) -> Decimal | None:
    price = reader.exact(side)
    return price if price is not None and price > ZERO else None
