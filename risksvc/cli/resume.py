"""`risksvc resume`: proposes or confirms clearing named halts. There is no force: a refusal says what to do."""

import time
from collections.abc import Sequence

import click

from risksvc.cli.connection import Gate
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_table import halt_table
from risksvc.cli.options import gate_command, reason_option
from risksvc.cli.output import Output
from risksvc.cli.refusals import show_refusals
from risksvc.cli.text import count, duration
from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import ConfirmResume, ProposeResume, ResumeRequest, ResumeResponse

_CODES = {
    operator_pb2.RESUME_OUTCOME_CLEARED: ExitCode.OK,
    operator_pb2.RESUME_OUTCOME_PROPOSED: ExitCode.OK,
    operator_pb2.RESUME_OUTCOME_REFUSED: ExitCode.NO,
}


@click.command()
@click.argument("halt_ids", nargs=-1, metavar="[HALT_ID]...")
@click.option("--all", "every", is_flag=True, help="Every halt in force: lists them, then names each.")
@click.option("--confirm", default="", metavar="PROPOSAL", help="Confirm another operator's proposal.")
@reason_option(required=False)
@gate_command
def resume(gate: Gate, out: Output, *, halt_ids: tuple[str, ...], every: bool, confirm: str, reason: str) -> ExitCode:
    """Clear named halts. P0 and global halts need a second operator, who confirms the proposal."""
    _check_usage(halt_ids, every=every, confirm=confirm, reason=reason)
    if confirm:
        request = ResumeRequest(confirm=ConfirmResume(proposal_id=confirm))
    else:
        named = _every_halt(gate, out) if every else list(halt_ids)
        if not named:
            _nothing_halted(out)
            return ExitCode.OK
        request = ResumeRequest(propose=ProposeResume(halt_ids=named, reason=reason))
    answer = gate.ask(lambda stub: stub.Resume, request)
    if out.as_json:
        out.json(answer)
    else:
        _show(out, answer)
    return _CODES.get(answer.outcome, ExitCode.UNDECIDED)


def _check_usage(halt_ids: Sequence[str], *, every: bool, confirm: str, reason: str) -> None:
    if sum((bool(halt_ids), every, bool(confirm))) != 1:
        raise click.UsageError(
            "give exactly one of: HALT_ID..., --all, --confirm PROPOSAL. `risksvc status` lists halts and proposals"
        )
    if confirm and reason:
        raise click.UsageError("--confirm takes no --reason: the proposal has one")
    if not confirm and not reason:
        raise click.UsageError("--reason is missing: why is it safe to trade again?")


def _every_halt(gate: Gate, out: Output) -> list[str]:
    status = gate.ask(lambda stub: stub.GetStatus, operator_pb2.GetStatusRequest())
    if status.halts and not out.as_json:
        out.line(f"Clearing {count(len(status.halts), 'halt')}, each by its name:", style="bold")
        out.show(halt_table(status.halts, now_ns=status.now_ns))
        out.line()
    return [halt.halt_id for halt in status.halts]


def _nothing_halted(out: Output) -> None:
    if out.as_json:
        out.json(ResumeResponse(outcome=operator_pb2.RESUME_OUTCOME_CLEARED))
        return
    out.line("No halt is in force: there is nothing to clear.")
    out.next((("status",), "whether anything else keeps the gate closed"))


def _show(out: Output, answer: ResumeResponse) -> None:
    if answer.outcome == operator_pb2.RESUME_OUTCOME_CLEARED:
        out.line(f" CLEARED  {', '.join(answer.cleared)}", style="bold green")
        out.line("Approvals from before the halt stay void; a strategy's first order needs a fresh, matching belief.")
        out.next(
            (("status",), "what may be traded now"),
            (("incident", "show"), "what an open incident still needs: its review, then to be closed"),
        )
    elif answer.outcome == operator_pb2.RESUME_OUTCOME_PROPOSED:
        left = duration(answer.expires_at_ns - time.time_ns())
        out.line(
            f" PROPOSED  {answer.proposal_id}: nothing is cleared until another operator confirms", style="bold yellow"
        )
        out.line(f"The proposal runs out in {left}. The other operator types, with a token of their own:")
        out.next((("resume", "--confirm", answer.proposal_id), "as another operator"))
    elif answer.outcome == operator_pb2.RESUME_OUTCOME_REFUSED:
        show_refusals(out, answer.refusals, what="the resume")
    else:
        out.line("The gate did not say what became of it: treat the halts as in force.", style="bold red")
        out.next((("status",), "which halts are in force"))
