"""`risksvc halt`: stops trading. Easy on purpose: one person, at once, in any state, with no question asked.

The halt's id is made here, so a repeated command after a lost answer is still one halt; and it goes every way at once
(`halt_paths`): to each gate, to the store, to the latch of a gate that is down. Any way is enough.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from risksvc.cli.cancel import cancel, cancelled_fully, protective_option, show_cancel
from risksvc.cli.environment import read_environment
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_outcome import outcome_of
from risksvc.cli.halt_paths import Tried, Way, go_all
from risksvc.cli.halt_view import document, halted, no_way, not_halted, show
from risksvc.cli.halt_ways import Told, Ways, find_ways
from risksvc.cli.options import (
    connection_options,
    exit_with,
    json_option,
    reason_option,
    repeated,
    scope_from,
    scope_options,
    warn_of_loose_token,
)
from risksvc.cli.output import Output, message_dict
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import CancelAllResponse, HaltRequest, HaltResponse

_GATE = "Another gate that must have it, as --operator-address. May be given often. Also: `gates` of the settings."
_REDIS = "The kill switch's store. Default: that of the settings file."


@click.command()
@reason_option()
@scope_options
@click.option("--reducing", is_flag=True, help="Still approve orders that reduce a position (default: HALTED).")
@click.option("--halt-id", default="", metavar="ID", help="Repeat an earlier halt instead of making another.")
@click.option("--cancel", "also_cancel", is_flag=True, help="Also cancel the working orders of the scope.")
@protective_option
@click.option("--gate", "gates", multiple=True, metavar="ADDRESS", help=_GATE)
@click.option("--redis-url", metavar="URL", help=_REDIS)
@connection_options
@json_option
def halt(  # noqa: PLR0913 - one parameter per option
    *,
    reason: str,
    account: str,
    strategy: str,
    instrument: str,
    reducing: bool,
    halt_id: str,
    also_cancel: bool,
    protective: bool,
    gates: tuple[str, ...],
    redis_url: str | None,
    operator_address: str | None,
    settings: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Halt trading, at once and until somebody resumes it: everything, or the scope that the options name.

    Goes to every gate directly, to the store, and to the latch of a gate that is down: any one is enough.
    """
    if protective and not also_cancel:
        raise click.UsageError("--include-protective goes with --cancel")
    request = HaltRequest(
        scope=scope_from(account, strategy, instrument),
        state=types_pb2.TRADING_STATE_REDUCING if reducing else types_pb2.TRADING_STATE_HALTED,
        reason=reason,
        halt_id=halt_id or _new_id(),
    )
    told = Told(operator_address, settings, token_file, gates, redis_url)
    asked = Asked(request, told, also_cancel, protective)
    try:
        found = find_ways(told, read_environment(), request)
    except CliError as error:
        _tell_failure(Output(as_json=as_json), asked, [])
        raise no_way(request, error, told) from error
    tried = go_all(found.ways)
    warn_of_loose_token(found.token)
    out = Output(as_json=as_json, repeat=_repeat(told, tried, found.ways))
    exit_with(_tell(out, asked, tried, found=found))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person wants, and where it was said to go. `cancel`: also cancel, `protective` orders too."""

    request: HaltRequest
    told: Told
    cancel: bool
    protective: bool


def _new_id() -> str:
    return f"op-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}"


def _repeat(told: Told, tried: Sequence[Tried], ways: Sequence[Way]) -> tuple[str, ...]:
    """What the next command needs to reach a gate: this one's options, or the first gate that answered."""
    gates = [one for one in tried if one.path.startswith("gate")]
    answered = [one.address for one in gates if one.answer is not None]
    elsewhere = answered[0] if answered and gates[0].answer is None else None
    tls = next((way.tls for way in ways if way.address == elsewhere), None)
    return repeated(elsewhere or told.operator_address, told.settings, told.token_file, tls=tls or True)


def _tell(out: Output, asked: Asked, tried: Sequence[Tried], *, found: Ways) -> ExitCode:
    request = asked.request
    outcome = outcome_of(tried, private=found.private, of_account=bool(request.scope.account))
    if not outcome.taken:
        _tell_failure(out, asked, tried)
        raise not_halted(request, tried, asked.told)
    answer = halted(request, tried, outcome)
    code = ExitCode.OK if outcome.effective else ExitCode.LATCHED
    if not out.as_json:
        show(out, request, answer, tried, told=asked.told, also_cancel=asked.cancel)
    if asked.cancel:
        return _tell_cancel(out, asked, document(answer, tried), found=found, code=code)
    if out.as_json:
        out.json(document(answer, tried))
    return code


def _tell_failure(out: Output, asked: Asked, tried: Sequence[Tried]) -> None:
    """For a program: the halt's id, so that it can repeat it, and no effect."""
    if not out.as_json:
        return
    halt = document(HaltResponse(halt_id=asked.request.halt_id), tried)
    out.json({"halt": halt, "cancel_all": None} if asked.cancel else halt)


def _tell_cancel(out: Output, asked: Asked, halt: dict[str, Any], *, found: Ways, code: ExitCode) -> ExitCode:
    try:
        result = _cancel(asked.request, found, protective=asked.protective)
    except CliError:
        if out.as_json:  # the halt stands, and a program must learn of it
            out.json({"halt": halt, "cancel_all": None})
        raise
    if out.as_json:
        out.json({"halt": halt, "cancel_all": message_dict(result)})
    else:
        show_cancel(out, result)
    return code if cancelled_fully(result) else ExitCode.NO


def _cancel(request: HaltRequest, found: Ways, *, protective: bool) -> CancelAllResponse:
    from risksvc.cli.connection import connect  # noqa: PLC0415 - gRPC is loaded only when a gate is asked

    own = found.ways[0]
    if found.token is None or not own.path.startswith("gate"):
        raise CliError("nothing was cancelled: no gate can be asked", code=ExitCode.UNDECIDED)
    with connect(own.endpoint, found.token) as gate:
        return cancel(gate, request.scope, reason=request.reason, include_protective=protective)
