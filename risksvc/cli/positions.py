"""`risksvc positions` and `risksvc exposure`: what is held three ways, and what could be held against the limits."""

import click

from risksvc.cli import exposure_view, positions_view
from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import account_option, gate_command
from risksvc.cli.output import Output
from risksvc.v1.operator_pb2 import GetExposureRequest, GetExposureResponse


@click.command()
@account_option
@gate_command
def positions(gate: Gate, out: Output, *, account: str) -> ExitCode:
    """Show what is held: the venue's position beside the ledger's beside what the strategies believe."""
    answer = _ask(gate, account)
    if out.as_json:
        out.json(answer)
    else:
        positions_view.show(out, answer.accounts)
        differing = positions_view.differences(answer.accounts)
        out.next(
            (("reconcile", "--explain"), "reads the venue now, says which fills explain each difference")
            if differing
            else (("reconcile",), "reads the venue now")
        )
    return ExitCode.OK


@click.command()
@account_option
@gate_command
def exposure(gate: Gate, out: Output, *, account: str) -> ExitCode:
    """Show worst-case exposure against its limits: what is held, plus everything that can still fill."""
    answer = _ask(gate, account)
    if out.as_json:
        out.json(answer)
    else:
        exposure_view.show(out, answer.accounts)
        out.next(
            (("reservations",), "what is reserved and not proven finished"), (("limits", "show"), "the limits in force")
        )
    return ExitCode.OK


def _ask(gate: Gate, account: str) -> GetExposureResponse:
    return gate.ask(lambda stub: stub.GetExposure, GetExposureRequest(account=account))
