"""Cancelling working orders: `cancel-all`, and `halt --cancel`."""

from collections.abc import Callable
from typing import Any

import click

from risksvc.cli.connection import VENUE_CALL_SECONDS, Gate
from risksvc.cli.order_table import show_orders
from risksvc.cli.output import Output
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import CancelAllRequest, CancelAllResponse


def protective_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --include-protective (--all): what protects an open position is kept unless somebody says so."""
    text = "Also reduce-only and trigger orders, which protect an open position."
    return click.option("--include-protective", "--all", "protective", is_flag=True, help=text)(function)


def cancel(gate: Gate, scope: types_pb2.Scope, *, reason: str, include_protective: bool) -> CancelAllResponse:
    """Ask the gate to cancel the scope's orders; waits for the venue's confirmations."""
    request = CancelAllRequest(scope=scope, reason=reason, include_protective=include_protective)
    return gate.ask(lambda stub: stub.CancelAll, request, seconds=VENUE_CALL_SECONDS)


def cancelled_fully(answer: CancelAllResponse) -> bool:
    """True when nothing is left to do by hand."""
    return not answer.by_hand and not answer.problem


def show_cancel(out: Output, answer: CancelAllResponse) -> None:
    """Print what was cancelled, what is left to a person, what was kept."""
    for title, orders, style in (
        ("Cancelled, confirmed by the venue", answer.cancelled, "bold green"),
        ("CANCEL BY HAND at the venue", answer.by_hand, "bold red"),
        ("Kept: they protect an open position", answer.kept, "bold"),
    ):
        if orders:
            out.line()
            out.line(f"{title} ({len(orders)}):", style=style)
            show_orders(out, orders)
    if answer.problem:
        out.line(f"! {answer.problem}", style="bold red")
    if not (answer.cancelled or answer.by_hand or answer.kept):
        out.line("There was no order to cancel.")
