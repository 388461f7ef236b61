"""`risksvc incident`: the record of what happened and what is done about it; every step says what comes next.

An incident is named by its id or by its end, like `i3`; not named, it is the newest open one.
"""

from pathlib import Path

import click

from risksvc.cli import incident_export, incident_view
from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import PathOption, gate_command, refuse_placeholder, scope_from, scope_options
from risksvc.cli.output import Output
from risksvc.cli.refusals import show_refusals
from risksvc.v1 import incident_pb2, types_pb2
from risksvc.v1.incident_pb2 import UpdateIncidentRequest

_SEVERITIES = {"P0": types_pb2.SEVERITY_P0, "P1": types_pb2.SEVERITY_P1, "P2": types_pb2.SEVERITY_P2}
_FORMS = ("markdown", "json")
_ID_AND_WORDS = 2


@click.group()
def incident() -> None:
    """What happened, who does what about it, by when, and who was told."""


_id = click.argument("incident_id", required=False, default="", metavar="[ID]")
_words = click.argument("words", nargs=-1, required=True, metavar="[ID] WORDS")


@incident.command("list")
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@gate_command
def list_(gate: Gate, out: Output, *, closed: bool) -> ExitCode:
    """The open incidents, the newest first."""
    request = incident_pb2.ListIncidentsRequest(include_closed=closed)
    answer = gate.ask_flow(lambda stub: stub.ListIncidents, request)
    if out.as_json:
        out.json(answer)
    else:
        incident_view.show_list(out, answer, closed=closed)
    return ExitCode.OK


@incident.command()
@_id
@click.option("--full", is_flag=True, help="The whole timeline and all evidence, not the last lines.")
@gate_command
def show(gate: Gate, out: Output, *, incident_id: str, full: bool) -> ExitCode:
    """Everything about one, on one page: clocks, timeline, evidence, who was told, what to do next."""
    answer = _get(gate, incident_id)
    if out.as_json:
        out.json(answer)
    else:
        incident_view.show(out, answer, full=full)
    return ExitCode.OK


@incident.command("open")
@click.argument("words", callback=refuse_placeholder)
@click.option(
    "--severity",
    type=click.Choice(list(_SEVERITIES)),
    required=True,
    help="P0: money moves in the wrong direction. P1: positions are open, and unknown or unmanaged. P2: degraded.",
)
@scope_options
@gate_command
def open_(gate: Gate, out: Output, *, words: str, severity: str, **scope: str) -> ExitCode:
    """Open an incident by hand: WORDS say what you see. Halts open theirs by themselves."""
    request = incident_pb2.OpenIncidentRequest(scope=scope_from(**scope), severity=_SEVERITIES[severity], summary=words)
    answer = gate.ask_flow(lambda stub: stub.OpenIncident, request)
    if out.as_json:
        out.json(answer)
    else:
        incident_view.show_step(out, answer.incident, "OPENED")
    return ExitCode.OK


@incident.command()
@_words
@gate_command
def note(gate: Gate, out: Output, *, words: tuple[str, ...]) -> ExitCode:
    """Add a line to the timeline."""
    incident_id, text = _named(words)
    return _update(gate, out, UpdateIncidentRequest(incident_id=incident_id, note=text), done="NOTED")


@incident.command()
@_words
@click.option("--fixed/--not-fixed", default=False, help="It can't happen again: mended, or switched off.")
@gate_command
def cause(gate: Gate, out: Output, *, words: tuple[str, ...], fixed: bool) -> ExitCode:
    """Name the root cause, and say whether it is fixed."""
    incident_id, text = _named(words)
    step = incident_pb2.NameCause(cause=text, fixed=fixed)
    return _update(gate, out, UpdateIncidentRequest(incident_id=incident_id, cause=step), done="CAUSE NAMED")


@incident.command()
@_id
@gate_command
def take(gate: Gate, out: Output, *, incident_id: str) -> ExitCode:
    """Own it from now on: everybody is told that you do."""
    request = UpdateIncidentRequest(incident_id=incident_id, take=incident_pb2.TakeIncident())
    return _update(gate, out, request, done="TAKEN")


@incident.command()
@_words
@gate_command
def close(gate: Gate, out: Output, *, words: tuple[str, ...]) -> ExitCode:
    """Close it: WORDS say what came of it. Refused while one of its halts is in force or a flatten runs."""
    incident_id, text = _named(words)
    step = incident_pb2.CloseIncident(summary=text)
    return _update(gate, out, UpdateIncidentRequest(incident_id=incident_id, close=step), done="CLOSED")


@incident.command()
@_id
@click.option("--format", "form", type=click.Choice(_FORMS), default="markdown", show_default=True)
@click.option("--output", type=PathOption, help="A new file. Default: standard output.")
@gate_command
def export(gate: Gate, out: Output, *, incident_id: str, form: str, output: Path | None) -> ExitCode:
    """The whole record as markdown or JSON, for the review and for whoever asks."""
    answer = _get(gate, incident_id)
    as_json = form == "json" or out.as_json
    text = incident_export.as_json(answer) if as_json else incident_export.as_markdown(answer)
    incident_export.write(text, output)
    return ExitCode.OK


# -- what they share ----------------------------------------------------------------------------------------------


def _named(words: tuple[str, ...]) -> tuple[str, str]:
    """The incident, where one is named, and the words."""
    if len(words) > _ID_AND_WORDS:
        raise click.UsageError("put the words in quotation marks: they are one argument, after the incident's id")
    text = refuse_placeholder(click.get_current_context(), click.Argument(["words"]), words[-1])
    return (words[0] if len(words) == _ID_AND_WORDS else ""), text


def _get(gate: Gate, incident_id: str) -> incident_pb2.GetIncidentResponse:
    return gate.ask_flow(lambda stub: stub.GetIncident, incident_pb2.GetIncidentRequest(incident_id=incident_id))


def _update(gate: Gate, out: Output, request: UpdateIncidentRequest, *, done: str) -> ExitCode:
    answer = gate.ask_flow(lambda stub: stub.UpdateIncident, request)
    if out.as_json:
        out.json(answer)
    elif answer.refusals:
        show_refusals(out, answer.refusals, what=request.WhichOneof("step") or "this")
    else:
        incident_view.show_step(out, answer.incident, done)
    return ExitCode.NO if answer.refusals else ExitCode.OK
