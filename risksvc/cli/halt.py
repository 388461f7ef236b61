"""`risksvc halt`: stops trading. Needs a reason and nothing else; never asks a question; safe to repeat.

The halt gets its id here, so that a repeated command (the answer was lost) is the same halt, not a second one.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from rich.text import Text

from risksvc.cli.cancel import cancel, cancelled_fully, protective_option, show_cancel
from risksvc.cli.connection import Gate
from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import gate_command, reason_option, scope_from, scope_options, scope_words_of
from risksvc.cli.order_table import show_orders
from risksvc.cli.output import Output, message_dict
from risksvc.cli.text import count, scope_words, state_text
from risksvc.v1 import types_pb2
from risksvc.v1.operator_pb2 import (
    HALT_EFFECT_EFFECTIVE,
    HALT_EFFECT_LATCHED,
    HaltRequest,
    HaltResponse,
)


@click.command()
@reason_option()
@scope_options
@click.option("--reducing", is_flag=True, help="Still approve orders that reduce a position (default: HALTED).")
@click.option("--halt-id", default="", metavar="ID", help="Repeat an earlier halt instead of making another.")
@click.option("--cancel", "also_cancel", is_flag=True, help="Also cancel the working orders of the scope.")
@protective_option
@gate_command
def halt(  # noqa: PLR0913 - one parameter per option
    gate: Gate,
    out: Output,
    *,
    reason: str,
    account: str,
    strategy: str,
    instrument: str,
    reducing: bool,
    halt_id: str,
    also_cancel: bool,
    protective: bool,
) -> ExitCode:
    """Halt trading, at once and until somebody resumes it: everything, or the scope that the options name."""
    if protective and not also_cancel:
        raise click.UsageError("--include-protective goes with --cancel")
    request = HaltRequest(
        scope=scope_from(account, strategy, instrument),
        state=types_pb2.TRADING_STATE_REDUCING if reducing else types_pb2.TRADING_STATE_HALTED,
        reason=reason,
        halt_id=halt_id or _new_id(),
    )
    answer = _ask(gate, out, request)
    if not out.as_json:
        _show(out, request, answer, also_cancel=also_cancel)
    code = ExitCode.OK if answer.effect in (HALT_EFFECT_EFFECTIVE, HALT_EFFECT_LATCHED) else ExitCode.UNDECIDED
    if also_cancel:
        return max(code, _cancel(gate, out, request, answer=answer, protective=protective))
    if out.as_json:
        out.json(answer)
    return code


def _new_id() -> str:
    return f"op-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}"


def _ask(gate: Gate, out: Output, request: HaltRequest) -> HaltResponse:
    try:
        return gate.ask(lambda stub: stub.Halt, request)
    except CliError as error:
        again = ["halt", "--reason", request.reason, "--halt-id", request.halt_id, *scope_words_of(request.scope)]
        again += ["--reducing"] if request.state == types_pb2.TRADING_STATE_REDUCING else []
        hints = [Hint(out.command(*again), "repeats this halt; twice is still one halt"), *error.hints]
        raise CliError(
            f"NOT KNOWN TO BE HALTED: {error.message}", code=ExitCode(error.exit_code), hints=hints
        ) from error


def _cancel(gate: Gate, out: Output, request: HaltRequest, *, answer: HaltResponse, protective: bool) -> ExitCode:
    try:
        result = cancel(gate, request.scope, reason=request.reason, include_protective=protective)
    except CliError:
        if out.as_json:  # the halt stands, and a program must learn of it
            out.json({"halt": message_dict(answer), "cancel_all": None})
        raise
    if out.as_json:
        out.json({"halt": message_dict(answer), "cancel_all": message_dict(result)})
    else:
        show_cancel(out, result)
    return ExitCode.OK if cancelled_fully(result) else ExitCode.NO


def _show(out: Output, request: HaltRequest, answer: HaltResponse, *, also_cancel: bool) -> None:
    if answer.effect in (HALT_EFFECT_EFFECTIVE, HALT_EFFECT_LATCHED):
        out.line(Text.assemble(state_text(request.state), (f"  {scope_words(request.scope)}", "bold")))
    out.line(f"halt id  {answer.halt_id or request.halt_id}")
    for line, style in _effect(answer):
        out.line(line, style=style)
    out.line()
    if not answer.can_still_fill:
        out.line("No order in this scope can still fill, as far as the gate knows.")
    else:
        out.line(f"{count(len(answer.can_still_fill), 'order')} can still fill:", style="bold")
        show_orders(out, answer.can_still_fill)
    scope = scope_words_of(request.scope)
    hints = [
        (("cancel-all", "--reason", request.reason, *scope), "cancels what can still fill, keeps protective orders"),
        (("positions", *scope[:2]), "what is really held"),
        (("reconcile", *scope[:2]), "reads the venue now, lists what is unexplained"),
        (("status",), "who has confirmed the halt"),
        (("resume", answer.halt_id, "--reason", "<why it is safe>"), "when the cause is gone"),
    ]
    out.next(*hints[1 if also_cancel or not answer.can_still_fill else 0 :])


def _effect(answer: HaltResponse) -> Iterator[tuple[str, str]]:
    """Yield what the effect means, line by line, and its colour."""
    if answer.effect == HALT_EFFECT_EFFECTIVE:
        yield "effect   EFFECTIVE: every gate has it, or can't approve without it", "bold green"
    elif answer.effect == HALT_EFFECT_LATCHED:
        missing = ", ".join(answer.missing) or "somebody who is not named"
        yield f"effect   LATCHED: in force and durable at this gate; NOT YET CONFIRMED by {missing}", "bold yellow"
        yield (
            "         It is published there as soon as they answer. A gate named here can be halted directly too.",
            "yellow",
        )
    else:
        yield "effect   NOT SAID by the gate: treat trading as not halted, and halt again", "bold red"
