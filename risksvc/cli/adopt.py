"""`risksvc adopt`: how what exists becomes explained. Shows, names each item, overwrites neither belief nor truth.

The request carries each item with the quantity that was just read: if the account has changed meanwhile, the gate
refuses it (ITEM_MISMATCH) instead of adopting something that nobody has seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from risksvc.cli.adopt_view import LEG_WORDS, LOST, item_table, selection, selector, show_unexplained
from risksvc.cli.connection import Gate
from risksvc.cli.errors import CliError
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.options import gate_command, reason_option, refuse_placeholder
from risksvc.cli.output import Output
from risksvc.cli.reconcile import read_venue
from risksvc.cli.refusals import show_refusals
from risksvc.cli.text import count
from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import AdoptItem, AdoptRequest, AdoptResponse, ReconcileResponse, ReconcileResult

_CODES = {
    operator_pb2.ADOPT_OUTCOME_ADOPTED: ExitCode.OK,
    operator_pb2.ADOPT_OUTCOME_PROPOSED: ExitCode.OK,
    operator_pb2.ADOPT_OUTCOME_REFUSED: ExitCode.NO,
}


@click.command()
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@click.option("--all", "every", is_flag=True, help="Every unexplained item: lists them, then names each.")
@click.option("--account", default="", metavar="NAME", help="The account. Needed when items are in several.")
@click.option("--instrument", default="", metavar="NAME", help="Only items of this instrument.")
@click.option(
    "--owner",
    default="",
    metavar="STRATEGY",
    callback=refuse_placeholder,
    help="Whose it is. Default: the account's own adopted part.",
)
@click.option(
    "--cause",
    default="",
    metavar="WORD",
    callback=refuse_placeholder,
    help="E.g. manual-trade, first-start, lost-journal.",
)
@click.option(
    "--lost-order",
    "lost",
    multiple=True,
    metavar="ID",
    help="An approved order that the venue does not know any more: it is finished. By client order id; repeatable.",
)
@click.option(
    "--leg", type=click.Choice(list(LEG_WORDS.values())), help="In hedge mode: only the long or the short position."
)
@click.option("--confirm", default="", metavar="PROPOSAL", help="Confirm another operator's proposal.")
@reason_option(required=False)
@gate_command
def adopt(  # noqa: PLR0913 - one parameter per option
    gate: Gate,
    out: Output,
    *,
    items: tuple[str, ...],
    every: bool,
    account: str,
    instrument: str,
    owner: str,
    cause: str,
    lost: tuple[str, ...],
    leg: str | None,
    confirm: str,
    reason: str,
) -> ExitCode:
    """Explain positions, orders and fills that no approval explains.

    Without ITEM, --lost-order and --all: lists what is unexplained and changes nothing. ITEM is trade:ID, order:ID or
    position:INSTRUMENT, as listed. Adopting needs --cause and --reason.
    """
    wanted, narrow = (*items, *(f"{LOST}{id_}" for id_ in lost)), _Narrowed(instrument, leg)
    adopting = bool(wanted) or every
    _check_usage(wanted, every=every, confirm=confirm, explained=bool(cause and reason))
    if confirm:
        return _send(gate, out, AdoptRequest(confirm_proposal_id=confirm))
    answer = read_venue(gate, account)
    if not adopting:
        return _list(out, answer)
    result = _only_account(answer, narrow)
    chosen = narrow.items(result) if every else _select(result, wanted, narrow)
    if not chosen:
        return _nothing(out, result)
    named = [_owned(item, owner) for item in chosen]
    if not out.as_json:
        out.line(f"Adopting in account {result.account}, owner {owner or 'none'}, each by its name:", style="bold")
        out.show_rows(named, item_table)
        out.line()
    return _send(gate, out, AdoptRequest(account=result.account, items=named, cause=cause, reason=reason))


def _check_usage(items: Sequence[str], *, every: bool, confirm: str, explained: bool) -> None:
    if sum((bool(items), every, bool(confirm))) > 1:
        raise click.UsageError("give one of: ITEM... (with --lost-order), --all, --confirm PROPOSAL")
    if (items or every) and not explained:
        raise click.UsageError("adopting needs --cause (e.g. manual-trade) and --reason")


def _owned(item: AdoptItem, owner: str) -> AdoptItem:
    named = AdoptItem()
    named.CopyFrom(item)
    named.owner = owner or item.owner
    named.description = ""
    return named


# -- choosing -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What the options leave of all that is unexplained."""

    instrument: str
    leg: str | None

    def items(self, result: ReconcileResult) -> list[AdoptItem]:
        return [item for item in result.unexplained if self._fits(item)]

    def _fits(self, item: AdoptItem) -> bool:
        of_leg = self.leg is None or not item.position_quantity or LEG_WORDS.get(item.leg) == self.leg
        return self.instrument in ("", item.instrument) and of_leg


def _only_account(answer: ReconcileResponse, narrow: _Narrowed) -> ReconcileResult:
    """The one account to adopt in; with several, only one may have unexplained items."""
    failed = [result for result in answer.results if not result.complete]
    if failed:
        first = failed[0]
        raise CliError(f"account {first.account} could not be read: {first.problem}", code=ExitCode.UNDECIDED)
    concerned = [result for result in answer.results if narrow.items(result)] or list(answer.results)
    if not concerned:
        raise CliError("the gate has no such account", code=ExitCode.NO)
    if len(concerned) > 1 and any(result.unexplained for result in concerned):
        names = ", ".join(result.account for result in concerned)
        raise click.UsageError(f"items are unexplained in several accounts ({names}): name one with --account")
    return concerned[0]


def _select(result: ReconcileResult, wanted: Sequence[str], narrow: _Narrowed) -> list[AdoptItem]:
    chosen = []
    for name in dict.fromkeys(wanted):
        matching = [item for item in narrow.items(result) if selector(item) == name]
        if not matching:
            raise CliError(
                f"{name!r} is not unexplained in account {result.account}; `risksvc adopt` lists what is",
                code=ExitCode.NO,
            )
        if len(matching) > 1:
            what = (
                "both positions: add --leg" if name.startswith("position:") else "several instruments: add --instrument"
            )
            raise click.UsageError(f"{name!r} names items of {what}")
        chosen += matching
    return chosen


# -- answers ------------------------------------------------------------------------------------------------------


def _list(out: Output, answer: ReconcileResponse) -> ExitCode:
    unexplained = [result for result in answer.results if result.unexplained]
    failed = [result for result in answer.results if not result.complete]
    if out.as_json:
        out.json(answer)
    else:
        _show_list(out, unexplained, failed, known=bool(answer.results))
    if unexplained:
        return ExitCode.NO
    return ExitCode.OK if answer.results and not failed else ExitCode.UNDECIDED


def _show_list(
    out: Output, unexplained: Sequence[ReconcileResult], failed: Sequence[ReconcileResult], *, known: bool
) -> None:
    for result in failed:
        out.line(f" NO READ  account {result.account}: {result.problem}", style="bold red")
    for result in unexplained:
        show_unexplained(out, result)
    if unexplained:
        out.next(*[hint for result in unexplained for hint in _how(result)])
    elif not known:
        out.line("The gate has no such account.", style="red")
    elif failed:
        out.next((("status",), "feeds, failures, and what is closed"))
    else:
        out.line("Everything is explained: there is nothing to adopt.", style="green")


def _how(result: ReconcileResult) -> list[tuple[tuple[str, ...], str]]:
    start = ("adopt", "--account", result.account)
    rest = (
        "--owner",
        "<STRATEGY>",
        "--cause",
        "<manual-trade, first-start, lost-journal>",
        "--reason",
        "<why it is right>",
    )
    return [
        ((*start, "--all", *rest), f"all {len(result.unexplained)}; without --owner: nobody's"),
        ((*start, *selection(result.unexplained[0]), *rest), "only the items that are named"),
    ]


def _nothing(out: Output, result: ReconcileResult) -> ExitCode:
    if out.as_json:
        out.json(AdoptResponse(outcome=operator_pb2.ADOPT_OUTCOME_ADOPTED))
    else:
        out.line(f"Everything in account {result.account} is explained: there is nothing to adopt.", style="green")
    return ExitCode.OK


def _send(gate: Gate, out: Output, request: AdoptRequest) -> ExitCode:
    answer = gate.ask(lambda stub: stub.Adopt, request)
    if out.as_json:
        out.json(answer)
    else:
        _show(out, answer)
    return _CODES.get(answer.outcome, ExitCode.UNDECIDED)


def _show(out: Output, answer: AdoptResponse) -> None:
    if answer.outcome == operator_pb2.ADOPT_OUTCOME_ADOPTED:
        out.line(f" ADOPTED  {count(answer.adopted, 'item')}", style="bold green")
        out.next((("reconcile",), "whether everything agrees now"), (("status",), "what is still halted"))
    elif answer.outcome == operator_pb2.ADOPT_OUTCOME_PROPOSED:
        out.line(
            f" PROPOSED  {answer.proposal_id}: exposure would grow, another operator must confirm", style="bold yellow"
        )
        out.next((("adopt", "--confirm", answer.proposal_id), "as another operator, with a token of their own"))
    elif answer.outcome == operator_pb2.ADOPT_OUTCOME_REFUSED:
        show_refusals(out, answer.refusals, what="the adoption")
    else:
        out.line("The gate did not say what became of it: treat nothing as adopted.", style="bold red")
        out.next((("reconcile",), "what is unexplained now"))
