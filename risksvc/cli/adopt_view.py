"""What is unexplained, as a table with the selectors that `risksvc adopt` takes."""

from collections.abc import Iterable

from rich.table import Table

from risksvc.cli.output import Output, add_row, table
from risksvc.v1.operator_pb2 import AdoptItem, ReconcileResult


def selector(item: AdoptItem) -> str:
    """How a person names an item: trade:ID, order:ID or position:INSTRUMENT."""
    if item.trade_id:
        return f"trade:{item.trade_id}"
    if item.venue_order_id:
        return f"order:{item.venue_order_id}"
    return f"position:{item.instrument}"


def item_table(items: Iterable[AdoptItem]) -> Table:
    """One row per item."""
    result = table("item", "instrument", "what")
    for item in items:
        add_row(result, selector(item), item.instrument, item.description or _words(item))
    return result


def _words(item: AdoptItem) -> str:
    if item.trade_id:
        return "a fill that no approval explains"
    if item.venue_order_id:
        return "an order that no approval explains"
    return f"venue less ledger: {item.position_quantity}"


def show_unexplained(out: Output, result: ReconcileResult) -> None:
    """Print the unexplained items of one account."""
    if result.unexplained:
        out.heading(f"Unexplained in account {result.account} ({len(result.unexplained)})")
        out.show_rows(result.unexplained, item_table)
