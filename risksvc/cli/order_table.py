"""Working orders as a table: `orders`, `halt` and `cancel-all` show the same."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import NONE, quantity, side_word
from risksvc.v1 import operator_pb2


def show_orders(out: Output, orders: Sequence[operator_pb2.WorkingOrder]) -> None:
    """Print working orders, those first that no approval explains."""
    out.show_rows(sorted(orders, key=lambda order: order.explained), order_table)


def order_table(orders: Iterable[operator_pb2.WorkingOrder]) -> Table:
    """One row per order; what no approval explains is red."""
    result = table(
        "account", "strategy", "instrument", "side", "can still fill", "of", "price", "seen at venue",
        "client order id", "venue order id", "",
        right=("can still fill", "of", "price"),
    )  # fmt: skip
    for order in orders:
        add_row(
            result,
            order.account,
            order.strategy or NONE,
            order.instrument,
            side_word(order.side),
            quantity(order.remaining),
            quantity(order.quantity),
            quantity(order.limit_price, empty="market"),
            "yes" if order.at_venue else "not yet",
            order.client_order_id or NONE,
            order.venue_order_id or NONE,
            _remarks(order),
            style="" if order.explained else "bold red",
        )
    return result


def _remarks(order: operator_pb2.WorkingOrder) -> str:
    return ", ".join(
        words
        for words, applies in (("UNEXPLAINED", not order.explained), ("reduce-only", order.reduce_only))
        if applies
    )
