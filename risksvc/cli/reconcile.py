"""`risksvc reconcile`: a complete venue read now, whether the three ledgers agree, and with --explain why not."""

from collections.abc import Sequence

import click

from risksvc.cli import explanation_view, positions_view
from risksvc.cli.adopt_view import show_unexplained
from risksvc.cli.connection import VENUE_CALL_SECONDS, Gate
from risksvc.cli.divergence_table import divergence_table
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import account_option, gate_command
from risksvc.cli.output import Output, message_dict
from risksvc.v1.operator_pb2 import (
    GetReconciliationRequest,
    GetReconciliationResponse,
    ReconcileRequest,
    ReconcileResponse,
    ReconcileResult,
)


@click.command()
@account_option
@click.option("--explain", is_flag=True, help="The three ledgers side by side, each fill explained, what to do.")
@click.option("--instrument", default="", metavar="NAME", help="With --explain: only this one, also while it agrees.")
@gate_command
def reconcile(gate: Gate, out: Output, *, account: str, explain: bool, instrument: str) -> ExitCode:
    """Read the venue now. Exit 0: everything agrees; 1: something differs; 3: no complete read was possible."""
    if instrument and not explain:
        raise click.UsageError("--instrument needs --explain")
    answer = read_venue(gate, account)
    if explain:
        request = GetReconciliationRequest(account=account, instrument=instrument)
        _explain(out, answer, gate.ask(lambda stub: stub.GetReconciliation, request))
    elif out.as_json:
        out.json(answer)
    else:
        for result in answer.results:
            _show(out, result)
        _next(out, answer.results)
    return verdict(answer.results)


def _explain(out: Output, read: ReconcileResponse, ledgers: GetReconciliationResponse) -> None:
    """What was read now, and what all that was read before adds to it."""
    if out.as_json:
        out.json(message_dict(read) | message_dict(ledgers))
        return
    for result in read.results:
        if not result.complete:
            _show(out, result)
            out.line("What follows is as of the last complete read.", style="bold")
    explanation_view.show(out, ledgers, {result.account: result.unexplained for result in read.results})


def read_venue(gate: Gate, account: str) -> ReconcileResponse:
    """Ask the gate for a complete read now."""
    return gate.ask(lambda stub: stub.Reconcile, ReconcileRequest(account=account), seconds=VENUE_CALL_SECONDS)


def verdict(results: Sequence[ReconcileResult]) -> ExitCode:
    """A difference weighs more than a read that failed: it is known."""
    if any(result.complete and not result.agrees for result in results):
        return ExitCode.NO
    if not results or not all(result.complete for result in results):
        return ExitCode.UNDECIDED
    return ExitCode.OK


def _show(out: Output, result: ReconcileResult) -> None:
    if not result.complete:
        out.line(f" NO READ  account {result.account}: {result.problem}", style="bold red")
        out.line("What the account holds is not known. An unreadable account is never taken for flat.")
        return
    if result.agrees:
        out.line(
            f" AGREES  account {result.account}: belief, ledger and venue agree, everything is explained",
            style="bold green",
        )
    else:
        out.line(f" DIFFERS  account {result.account}", style="bold red")
    if result.HasField("exposure"):
        positions_view.show(out, [result.exposure])
    if result.divergences:
        out.heading("Differences")
        out.show(divergence_table(result.divergences))
    show_unexplained(out, result)
    out.line()


def _next(out: Output, results: Sequence[ReconcileResult]) -> None:
    if not results:
        out.line("The gate has no such account.", style="red")
        out.next((("status",), "which accounts there are"))
    elif any(result.unexplained for result in results):
        out.next(
            (("reconcile", "--explain"), "which fills explain each difference, what to do, what to type"),
            (("adopt",), "how to explain each item"),
            (("orders",), "what can still fill"),
            (("halt", "--reason", "<why>"), "if it is not halted yet"),
        )
    elif verdict(results) is not ExitCode.OK:
        out.next((("status",), "feeds, failures, and what is closed"), (("reconcile", "--explain"), "again, and why"))
    else:
        out.next((("status",), "what is still halted, and how to clear it"))
