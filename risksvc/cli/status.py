"""`risksvc status`: everything an operator wants to know first."""

import click

from risksvc.cli import incident_view, status_view
from risksvc.cli.connection import Gate
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.incident_steps import NextCommand, next_steps, short_id
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
        steps = _show_incidents(gate, out)
        status_view.show(out, answer, address=gate.address, incident=steps)
    return ExitCode.NO if check and not is_open(answer) else ExitCode.OK


def _show_incidents(gate: Gate, out: Output) -> list[NextCommand]:
    """The open ones first, and what to do about the newest; a gate that can't list them still has a status."""
    try:
        found = gate.ask_flow(lambda stub: stub.ListIncidents, incident_pb2.ListIncidentsRequest())
    except CliError as error:
        out.line(f"! the incidents can't be listed: {error.message}", style="bold red")
        return []
    if not found.incidents:
        return []
    out.line(f"Open incidents ({len(found.incidents)})", style="bold")
    incident_view.show_rows(out, found.incidents, now_ns=found.now_ns)
    out.line()
    return _steps_of(gate, found.incidents[0].incident_id)


def _steps_of(gate: Gate, incident_id: str) -> list[NextCommand]:
    """By the whole record: a list leaves out the timeline, which says how a flatten ended."""
    record = (("incident", "show", short_id(incident_id)), "the whole record")
    try:
        found = gate.ask_flow(lambda stub: stub.GetIncident, incident_pb2.GetIncidentRequest(incident_id=incident_id))
    except CliError:
        return [record]
    return [record, *next_steps(found.incident)[:_STEPS]]


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
