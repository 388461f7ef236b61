"""`risksvc status`: everything an operator wants to know first."""

import click

from risksvc.cli import incident_view, status_view
from risksvc.cli.connection import Gate
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.incident_steps import next_steps, short_id
from risksvc.cli.options import gate_command
from risksvc.cli.output import Output
from risksvc.v1 import incident_pb2, operator_pb2, types_pb2

_STEPS = 3


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 unless every account is open and nothing is halted or reduced.")
@gate_command
def status(gate: Gate, out: Output, *, check: bool) -> ExitCode:
    """Show what may be traded, why not, and what to do about it."""
    answer = gate.ask(lambda stub: stub.GetStatus, operator_pb2.GetStatusRequest())
    if out.as_json:
        out.json(answer)
    else:
        _show_incidents(gate, out)
        status_view.show(out, answer, address=gate.address)
    return ExitCode.NO if check and not is_open(answer) else ExitCode.OK


def _show_incidents(gate: Gate, out: Output) -> None:
    """The open ones first; a gate that can't list them still has a status."""
    try:
        found = gate.ask_flow(lambda stub: stub.ListIncidents, incident_pb2.ListIncidentsRequest())
    except CliError as error:
        out.line(f"! the incidents can't be listed: {error.message}", style="bold red")
        return
    if found.incidents:
        out.line(f"Open incidents ({len(found.incidents)})", style="bold")
        incident_view.show_rows(out, found.incidents, now_ns=found.now_ns)
        newest = found.incidents[0]
        steps = (("incident", "show", short_id(newest.incident_id)), "the whole record"), *next_steps(newest)
        out.next(*steps[:_STEPS])
        out.line()


def is_open(answer: operator_pb2.GetStatusResponse) -> bool:
    """True when nothing at all is halted, reduced or closed."""
    states = [answer.trading_state, *(account.trading_state for account in answer.accounts)]
    closed = list(answer.closed_because) + [reason for account in answer.accounts for reason in account.closed_because]
    return (
        answer.ready
        and not answer.halts
        and not closed
        and all(state == types_pb2.TRADING_STATE_ACTIVE for state in states)
    )
