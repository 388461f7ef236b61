"""`risksvc assess`: what is really held, straight from the venue, on one page; `--direct` needs no gate for it.

Exit 0: every account was read whole. 3: something is unknown, and is never flat.
"""

from pathlib import Path

import click

from risksvc.cli import assess_view
from risksvc.cli.errors import DIRECT, CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import account_option, connection_options, exit_with, gate_session, json_option, repeated
from risksvc.cli.output import Output
from risksvc.v1.incident_pb2 import AssessRequest, AssessResponse

ASSESS_SECONDS = 15.0  # the gate gives its feeds 8


@click.command()
@account_option
@click.option("--incident", "incident_id", default="", metavar="ID", help="Record it there. Default: every open one.")
@click.option("--direct", is_flag=True, help="Read settings, key and venue here, without the gate; records nothing.")
@connection_options
@json_option
def assess(  # noqa: PLR0913 - one parameter per option
    *,
    operator_address: str | None,
    settings: Path | None,
    token_file: Path | None,
    as_json: bool,
    account: str,
    incident_id: str,
    direct: bool,
) -> None:
    """Look at the venue itself: positions, orders, limits, belief beside it, and what it would cost to leave.

    Exit 0: every account was read whole. 3: something is unknown.
    """
    if direct and incident_id:
        raise click.UsageError("--incident needs the gate: what is read with --direct is recorded nowhere")
    if direct:
        from risksvc.cli.assess_direct import assess_directly  # noqa: PLC0415 - ccxt takes its time

        answer = assess_directly(operator_address, settings, token_file, account=account)
        repeat = repeated(operator_address, settings, token_file)
    else:
        request = AssessRequest(account=account, incident_id=incident_id)
        answer, repeat = _ask(operator_address, settings, token_file, request=request)
    out = Output(as_json=as_json, repeat=repeat)
    if as_json:
        out.json(answer)
    else:
        assess_view.show(out, answer, account=account)
    exit_with(ExitCode.OK if answer.complete else ExitCode.UNDECIDED)


def _ask(
    operator_address: str | None, settings: Path | None, token_file: Path | None, *, request: AssessRequest
) -> tuple[AssessResponse, tuple[str, ...]]:
    """By the gate; where it can't, the way without it is named first."""
    try:
        with gate_session(operator_address, settings, token_file) as (gate, repeat):
            return gate.ask_flow(lambda stub: stub.Assess, request, seconds=ASSESS_SECONDS), repeat
    except CliError as error:
        if error.exit_code == ExitCode.USAGE:
            raise
        words = ["assess", "--direct", *(("--account", request.account) if request.account else ())]
        command = Output(as_json=False, repeat=repeated(None, settings, None, tls=False)).command(*words)
        others = [hint for hint in error.hints if "--direct" not in hint.command]
        raise CliError(error.message, code=ExitCode(error.exit_code), hints=[Hint(command, DIRECT), *others]) from error
