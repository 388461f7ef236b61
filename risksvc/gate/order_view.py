"""Orders and reservations as operators see them. Only reads."""

from collections.abc import Iterator, Sequence

from risksvc.core.book import AccountBook
from risksvc.core.reservations import ENDS_WHEN, Reservation
from risksvc.core.state import GateState
from risksvc.core.types import OrderType, Scope, Side, plain
from risksvc.gate.convert_strategy import number
from risksvc.v1 import operator_pb2, types_pb2

_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}


def working_orders(state: GateState, scope: Scope) -> Iterator[tuple[AccountBook, Reservation]]:
    """Everything in a scope that can still fill, oldest first within an account."""
    for book in state.accounts.values():
        for reservation in book.live():
            order = reservation.order
            if reservation.remaining and scope.covers(book.name, order.strategy, order.instrument):
                yield book, reservation


def order_messages(orders: Sequence[tuple[AccountBook, Reservation]]) -> list[operator_pb2.WorkingOrder]:
    """The same as messages."""
    return [order_message(book, reservation) for book, reservation in orders]


def order_message(book: AccountBook, reservation: Reservation) -> operator_pb2.WorkingOrder:
    """One order at the venue, or approved and perhaps there."""
    order = reservation.order
    market = order.type is OrderType.MARKET
    return operator_pb2.WorkingOrder(
        account=book.name,
        strategy=order.strategy,
        instrument=order.instrument,
        client_order_id=client_id_of(reservation),
        venue_order_id=reservation.venue_order_id,
        side=_SIDES[order.side],
        quantity=plain(reservation.quantity),
        remaining=plain(reservation.remaining),
        limit_price="" if market else number(reservation.limit_price),
        reduce_only=order.reduce_only,
        at_venue=reservation.at_venue,
        explained=reservation.explained,
    )


def client_id_of(reservation: Reservation) -> str:
    """The id that the venue shows; empty for an order found there without one."""
    if not reservation.found:
        return reservation.order.client_order_id
    return reservation.aliases[0] if reservation.aliases else ""


def reservation_message(book: AccountBook, reservation: Reservation) -> operator_pb2.Reservation:
    """One approved order that is not proven finished."""
    line = book.lines.get(_key(book, reservation.order.instrument))
    valued = line is not None and line.unit is not None
    return operator_pb2.Reservation(
        order=order_message(book, reservation),
        approved_at_ns=reservation.approved_at,
        valid_until_ns=reservation.valid_until,
        status=reservation.status.value,
        reserved=plain(reservation.counted_value) if valued else "",
        ends_when=ENDS_WHEN[reservation.status],
    )


def _key(book: AccountBook, symbol: str) -> str:
    instrument = book.instruments.get(symbol)
    return symbol if instrument is None else instrument.position_key
