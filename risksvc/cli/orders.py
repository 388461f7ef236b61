"""`risksvc orders`, `reservations` and `cancel-all`: what can still fill, what is still reserved, and stopping it."""

import time
from collections.abc import Iterable

import click
from rich.table import Table

from risksvc.cli.cancel import cancel, cancelled_fully, protective_option, show_cancel
from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import (
    account_option,
    gate_command,
    reason_option,
    scope_from,
    scope_options,
    scope_words_of,
)
from risksvc.cli.order_table import show_orders
from risksvc.cli.output import Output, add_row, table
from risksvc.cli.text import NONE, count, duration, money, quantity, side_word, total
from risksvc.v1.operator_pb2 import ListOpenOrdersRequest, ListReservationsRequest, Reservation


@click.command()
@account_option
@gate_command
def orders(gate: Gate, out: Output, *, account: str) -> ExitCode:
    """List the orders that can still fill: at the venue by the last complete read, and approved since."""
    answer = gate.ask(lambda stub: stub.ListOpenOrders, ListOpenOrdersRequest(account=account))
    if out.as_json:
        out.json(answer)
        return ExitCode.OK
    if not answer.orders:
        out.line("No order can still fill, as far as the gate knows.")
        out.next((("reconcile",), "reads the venue now"))
        return ExitCode.OK
    out.line(f"{count(len(answer.orders), 'order')} can still fill", style="bold")
    show_orders(out, answer.orders)
    hints: list[tuple[tuple[str, ...], str]] = [
        (("cancel-all", "--reason", "<why>"), "cancels them, keeps protective orders")
    ]
    if not all(order.explained for order in answer.orders):
        hints.insert(0, (("adopt",), "explains the orders that no approval explains"))
    out.next(*hints)
    return ExitCode.OK


@click.command()
@account_option
@gate_command
def reservations(gate: Gate, out: Output, *, account: str) -> ExitCode:
    """List approved orders that are not proven finished, and what would prove it."""
    answer = gate.ask(lambda stub: stub.ListReservations, ListReservationsRequest(account=account))
    if out.as_json:
        out.json(answer)
        return ExitCode.OK
    if not answer.reservations:
        out.line("Nothing is reserved: every approved order is proven finished.")
        return ExitCode.OK
    reserved = money(total([reservation.reserved for reservation in answer.reservations]))
    out.line(f"{count(len(answer.reservations), 'reservation')} hold {reserved}", style="bold")
    out.show_rows(answer.reservations, _reservation_table)
    if any(reservation.status == "UNKNOWN" for reservation in answer.reservations):
        out.next((("reconcile",), "a complete read proves what became of UNKNOWN orders"))
    return ExitCode.OK


def _reservation_table(items: Iterable[Reservation]) -> Table:
    result = table(
        "account", "strategy", "instrument", "side", "can still fill", "reserved", "status", "age", "client order id",
        "ends when",
        right=("can still fill", "reserved"),
    )  # fmt: skip
    now = time.time_ns()
    for item in items:
        add_row(
            result,
            item.order.account,
            item.order.strategy or NONE,
            item.order.instrument,
            side_word(item.order.side),
            quantity(item.order.remaining),
            money(item.reserved),
            item.status,
            duration(now - item.approved_at_ns),
            item.order.client_order_id,
            item.ends_when,
            style="bold red" if item.status == "UNKNOWN" else "",
        )
    return result


@click.command("cancel-all")
@reason_option()
@scope_options
@protective_option
@gate_command
def cancel_all(  # noqa: PLR0913 - one parameter per option
    gate: Gate, out: Output, *, reason: str, account: str, strategy: str, instrument: str, protective: bool
) -> ExitCode:
    """Cancel working orders: all, or those of a scope. Lists what has to be cancelled by hand."""
    scope = scope_from(account, strategy, instrument)
    answer = cancel(gate, scope, reason=reason, include_protective=protective)
    if out.as_json:
        out.json(answer)
    else:
        show_cancel(out, answer)
        out.next((("orders", *scope_words_of(scope)[:2]), "what can still fill now"))
    return ExitCode.OK if cancelled_fully(answer) else ExitCode.NO
