"""`risksvc decide` and `risksvc hold`: what is recommended about the position and why; who has recorded which course.

Without a course nothing is changed. FLATTEN and REDUCE take effect by one person; HOLD by two, in the roles engineering
and risk. Recording sends no order: `risksvc flatten` does.
"""

from collections.abc import Callable
from typing import Any

import click

from risksvc.cli import decide_view
from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import gate_command, reason_option
from risksvc.cli.output import Output
from risksvc.v1 import incident_pb2
from risksvc.v1.incident_pb2 import DecideRequest, DecideResponse

COURSES = {
    "flatten": incident_pb2.COURSE_FLATTEN,
    "reduce": incident_pb2.COURSE_REDUCE,
    "hold": incident_pb2.COURSE_HOLD,
}


def _incident_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "The incident. Default: the newest open one."
    return click.option("--incident", "incident_id", default="", metavar="ID", help=text)(function)


def _role_option(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "Which of your roles you speak in, e.g. engineering or risk. Default: the one that fits."
    return click.option("--role", default="", metavar="ROLE", help=text)(function)


@click.command()
@_incident_option
@click.option("--course", type=click.Choice(list(COURSES)), help="Record this course. Default: only recommend.")
@_role_option
@reason_option(required=False)
@gate_command
def decide(gate: Gate, out: Output, *, incident_id: str, course: str | None, role: str, reason: str) -> ExitCode:
    """Recommend flatten, reduce or hold, with every reason; record a course."""
    if course and not reason:
        raise click.UsageError("--reason is missing: why this course? It is kept with your name")
    if not course and (role or reason):
        raise click.UsageError("--role and --reason need --course: what is to be recorded?")
    chosen = COURSES[course] if course else incident_pb2.COURSE_UNSPECIFIED
    answer = _ask(gate, DecideRequest(incident_id=incident_id, course=chosen, role=role, reason=reason))
    if out.as_json:
        out.json(answer)
    else:
        decide_view.show(out, answer, asked=chosen)
    return _code(answer)


@click.command()
@_incident_option
@_role_option
@reason_option(required=False)
@gate_command
def hold(gate: Gate, out: Output, *, incident_id: str, role: str, reason: str) -> ExitCode:
    """Record your word for holding (with --reason); or show how the hold and its reminders stand."""
    if role and not reason:
        raise click.UsageError("--reason is missing: why is it safe to hold? It is kept with your name")
    chosen = incident_pb2.COURSE_HOLD if reason else incident_pb2.COURSE_UNSPECIFIED
    answer = _ask(gate, DecideRequest(incident_id=incident_id, course=chosen, role=role, reason=reason))
    if out.as_json:
        out.json(answer)
    else:
        decide_view.show_hold(out, answer, asked=chosen)
    return _code(answer)


def _ask(gate: Gate, request: DecideRequest) -> DecideResponse:
    return gate.ask_flow(lambda stub: stub.Decide, request)


def _code(answer: DecideResponse) -> ExitCode:
    return ExitCode.NO if answer.refusals else ExitCode.OK
