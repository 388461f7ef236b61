"""`risksvc flatten`: the plan to leave what is held; with --execute its start, and its progress until it is over.

Without --execute nothing is changed. Ctrl-C only stops watching: the gate goes on, and says later how it ended.
"""

import time
from collections.abc import Callable

import click

from risksvc.cli.connection import VENUE_CALL_SECONDS, Gate
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.flatten_view import Followed, Way, show_flatten, show_plan, show_proposed, show_refused
from risksvc.cli.options import gate_command, reason_option, scope_from, scope_options
from risksvc.cli.output import Output, message_dict
from risksvc.v1 import incident_pb2 as pb

POLL_SECONDS = 0.5
AWAY_SECONDS = 120.0  # a gate that was killed comes back, and goes on
TARGETS = {"zero": pb.FLATTEN_TARGET_ZERO, "authorised": pb.FLATTEN_TARGET_AUTHORISED}
STYLES = {"limit-ioc": pb.FLATTEN_STYLE_LIMIT_IOC, "market": pb.FLATTEN_STYLE_MARKET}
CODES = {
    pb.FLATTEN_PHASE_FLAT: ExitCode.OK,
    pb.FLATTEN_PHASE_REACHED: ExitCode.OK,
    pb.FLATTEN_PHASE_GAPS: ExitCode.NO,
}
_TARGET = "To nothing, or to what strategies intend (needs the cause known, and a second person)."
_STYLE = "Limit orders, immediate or cancel, no further into the book than a slice should go; or market orders."
_PARTICIPATION = "Percent of the visible depth that one slice may take. Default: as in the settings (20)."
_COLLAR = "Percent from the middle of the book that counts as visible. Default: as in the settings (2)."


@click.command()
@scope_options
@click.option("--execute", is_flag=True, help="Do it. Without this only the plan is shown.")
@click.option("--to", "target", type=click.Choice(list(TARGETS)), default="zero", show_default=True, help=_TARGET)
@click.option("--style", type=click.Choice(list(STYLES)), default="limit-ioc", show_default=True, help=_STYLE)
@click.option("--participation", default="", metavar="PERCENT", help=_PARTICIPATION)
@click.option("--collar", default="", metavar="PERCENT", help=_COLLAR)
@click.option("--incident", default="", metavar="ID", help="Default: the open one of the account.")
@click.option("--confirm", default="", metavar="PROPOSAL", help="Confirm another operator's proposal.")
@click.option(
    "--show", default=None, is_flag=False, flag_value="", metavar="[ID]", help="How one stands. Default: the newest."
)
@click.option("--stop", default="", metavar="ID", help="Send nothing more of it (with --reason).")
@click.option("--no-follow", is_flag=True, help="Start it, and don't wait for its end.")
@reason_option(required=False)
@gate_command
def flatten(  # noqa: PLR0913 - one parameter per option
    gate: Gate,
    out: Output,
    *,
    account: str,
    strategy: str,
    instrument: str,
    execute: bool,
    target: str,
    style: str,
    participation: str,
    collar: str,
    incident: str,
    confirm: str,
    show: str | None,
    stop: str,
    no_follow: bool,
    reason: str,
) -> ExitCode:
    """Plan the way to flat; with --execute, go it: cancel, prove, slice, prove. Exit 0: FLAT. Exit 1: not."""
    _check_usage(execute=execute, confirm=confirm, show=show, stop=stop, reason=reason)
    if show is not None:
        return _tell(out, _get(gate, show))
    if stop:
        return _stop(gate, out, stop, reason=reason)
    request = pb.FlattenRequest(confirm_proposal_id=confirm)
    if not confirm:
        request = pb.FlattenRequest(
            scope=scope_from(account, strategy, instrument),
            execute=execute,
            target=TARGETS[target],
            style=STYLES[style],
            participation=participation,
            collar=collar,
            reason=reason,
            incident_id=incident,
        )
    answer = gate.ask_flow(lambda stub: stub.Flatten, request, seconds=VENUE_CALL_SECONDS)
    return _after(gate, out, request, answer, follow=not no_follow)


def _check_usage(*, execute: bool, confirm: str, show: str | None, stop: str, reason: str) -> None:
    if sum((execute, bool(confirm), show is not None, bool(stop))) > 1:
        raise click.UsageError("give at most one of: --execute, --confirm, --show, --stop")
    if (execute or stop) and not reason:
        raise click.UsageError("--reason is missing: why, in words of your own")


def _after(
    gate: Gate, out: Output, request: pb.FlattenRequest, answer: pb.FlattenResponse, *, follow: bool
) -> ExitCode:
    """What came of the request: refused, proposed, started, or only planned."""
    if answer.plan and not request.scope.account:  # the gate has one account: from here on it is named
        request.scope.account = answer.plan[0].account
    way = Way(request, answer)
    started = answer.flatten_id and not answer.refusals
    if started and follow:
        if not out.as_json:
            show_plan(out, way)
        run = _follow(gate, out, answer.flatten_id)
        if out.as_json:
            out.json({**message_dict(answer), "flatten": message_dict(run)})
            return CODES.get(run.phase, ExitCode.UNDECIDED)
        return _tell(out, run)
    if out.as_json:
        out.json(answer)
    else:
        _show(out, way)
    return ExitCode.NO if answer.refusals else ExitCode.OK


def _show(out: Output, way: Way) -> None:
    show_plan(out, way)
    if way.answer.refusals:
        show_refused(out, way)
    elif way.answer.proposal_id:
        show_proposed(out, way)
    elif way.answer.flatten_id:
        out.line(f" STARTED  {way.answer.flatten_id}: it goes on by itself", style="bold green")
        out.next((("flatten", "--show", way.answer.flatten_id), "how it stands"))


def _get(gate: Gate, flatten_id: str) -> pb.Flatten:
    return gate.ask_flow(lambda stub: stub.GetFlatten, pb.GetFlattenRequest(flatten_id=flatten_id)).flatten


def _tell(out: Output, run: pb.Flatten) -> ExitCode:
    if out.as_json:
        out.json(run)
    else:
        show_flatten(out, run)
    return CODES.get(run.phase, ExitCode.OK if not run.ended_at_ns else ExitCode.UNDECIDED)


def _stop(gate: Gate, out: Output, flatten_id: str, *, reason: str) -> ExitCode:
    request = pb.StopFlattenRequest(flatten_id=flatten_id, reason=reason)
    answer = gate.ask_flow(lambda stub: stub.StopFlatten, request)
    if answer.refusals:
        if out.as_json:
            out.json(answer)
        else:
            show_refused(out, Way(pb.FlattenRequest(), pb.FlattenResponse(refusals=answer.refusals)))
        return ExitCode.NO
    if out.as_json:
        out.json(answer)
    else:
        out.line(f" STOPPED  {flatten_id}: nothing more is sent; what was sent is followed to its end", style="bold")
        show_flatten(out, answer.flatten)
    return ExitCode.OK


def _follow(gate: Gate, out: Output, flatten_id: str) -> pb.Flatten:
    """Tells what happens until it is over. The gate may go away and come back: the flatten goes on then."""
    followed = Followed(None if out.as_json else out)
    try:
        return _until_over(lambda: _get(gate, flatten_id), followed)
    except KeyboardInterrupt:
        if not out.as_json:
            out.line()
            out.line(f"No longer watched: flatten {flatten_id} goes on in the gate.", style="bold")
            out.next(
                (("flatten", "--show", flatten_id), "how it stands"),
                (("flatten", "--stop", flatten_id, "--reason", "<why>"), "sends nothing more of it"),
            )
        raise


def _until_over(look: Callable[[], pb.Flatten], followed: Followed) -> pb.Flatten:
    away_since: float | None = None
    while True:
        try:
            run = look()
        except CliError as error:
            away_since = away_since or time.monotonic()
            if error.exit_code != ExitCode.UNDECIDED or time.monotonic() - away_since > AWAY_SECONDS:
                raise
            followed.away(error.message)
        else:
            away_since = None
            followed.tell(run)
            if run.ended_at_ns:
                return run
        time.sleep(POLL_SECONDS)
