"""What is unexplained, as a table with the selectors that `risksvc adopt` takes."""

from collections.abc import Iterable, Mapping

from rich.table import Table

from risksvc.cli.output import Output, add_row, table
from risksvc.v1 import venue_pb2
from risksvc.v1.operator_pb2 import AdoptItem, ReconcileResult

LOST = "lost:"
LEG_WORDS: Mapping["venue_pb2.PositionLeg.ValueType", str] = {
    venue_pb2.POSITION_LEG_LONG: "long",
    venue_pb2.POSITION_LEG_SHORT: "short",
}


def selector(item: AdoptItem) -> str:
    """How a person names an item: trade:ID, order:ID, lost:ID or position:INSTRUMENT."""
    if item.trade_id:
        return f"trade:{item.trade_id}"
    if item.venue_order_id:
        return f"order:{item.venue_order_id}"
    if item.lost_client_order_id:
        return f"{LOST}{item.lost_client_order_id}"
    return f"position:{item.instrument}"


def selection(item: AdoptItem) -> tuple[str, ...]:
    """The words that name an item in a command."""
    if item.lost_client_order_id:
        return ("--lost-order", item.lost_client_order_id)
    leg = LEG_WORDS.get(item.leg)
    return (selector(item),) if leg is None else (selector(item), "--leg", leg)


def item_table(items: Iterable[AdoptItem]) -> Table:
    """One row per item."""
    result = table("item", "instrument", "what")
    for item in items:
        add_row(result, " ".join(selection(item)), item.instrument, item.description or _words(item))
    return result


def _words(item: AdoptItem) -> str:
    if item.trade_id:
        return "a fill that no approval explains"
    if item.venue_order_id:
        return "an order that no approval explains"
    if item.lost_client_order_id:
        return "an approved order that the venue does not know any more: adopting it says that it is finished"
    return f"venue less ledger: {item.position_quantity}"


def show_unexplained(out: Output, result: ReconcileResult) -> None:
    """Print the unexplained items of one account."""
    if result.unexplained:
        out.heading(f"Unexplained in account {result.account} ({len(result.unexplained)})")
        out.show_rows(result.unexplained, item_table)
