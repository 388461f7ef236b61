"""How `risksvc halt` looks: which ways took it, how far it has come, what can still fill, what to type next."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from risksvc.cli.errors import CliError, Hint
from risksvc.cli.exit_codes import ExitCode
from risksvc.cli.halt_again import again, again_elsewhere
from risksvc.cli.halt_outcome import Outcome
from risksvc.cli.halt_paths import Tried
from risksvc.cli.halt_ways import Told
from risksvc.cli.incident_steps import short_id
from risksvc.cli.options import scope_words_of
from risksvc.cli.order_table import show_orders
from risksvc.cli.output import Output, add_row, message_dict, table
from risksvc.cli.text import NONE, count, scope_words, state_text
from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import HaltRequest, WorkingOrder

_WORDS = {True: ("taken", "bold green"), False: ("FAILED", "bold red"), None: ("not needed", "dim")}
_DOWN = Hint(
    "",
    "A gate that is down, or that can't reach its store for longer than its lease, approves nothing. One that runs and "
    "reaches its store may go on approving: end its process, or take the trade key away at the venue.",
)
_NOT_KNOWN = "NOT KNOWN TO BE HALTED"
_REPEATS = "repeats this halt; twice is still one halt"
_WHO_LACKS_IT = "the same halt again: says who still lacks it"
_NOT_TRIED = Hint("", "Nothing was tried: no gate, not Redis, not the latch of a gate that is down.")
_AT_VENUE = Hint("", "Orders already at the venue can still fill: look there, and cancel there.")


def halted(request: HaltRequest, tried: Sequence[Tried], outcome: Outcome) -> operator_pb2.HaltResponse:
    """All answers as one."""
    orders: dict[bytes, WorkingOrder] = {}
    for one in tried:
        for order in one.answer.can_still_fill if one.answer is not None else ():
            orders.setdefault(order.SerializeToString(deterministic=True), order)
    confirmed = dict.fromkeys(name for one in tried if one.taken for name in (one.gate_id, *one.confirmed) if name)
    return operator_pb2.HaltResponse(
        halt_id=request.halt_id,
        effect=operator_pb2.HALT_EFFECT_EFFECTIVE if outcome.effective else operator_pb2.HALT_EFFECT_LATCHED,
        missing=outcome.missing,
        can_still_fill=orders.values(),
        confirmed=confirmed,
        incident_id=next((one.answer.incident_id for one in tried if one.answer and one.answer.incident_id), ""),
    )


def document(answer: operator_pb2.HaltResponse, tried: Sequence[Tried]) -> dict[str, Any]:
    """For programs: the answer, and what became of each way. `answer` without an effect: no way took the halt."""
    paths = [
        {"path": one.path, "address": one.address, "result": _WORDS[one.taken][0].lower(), "detail": one.detail}
        for one in tried
    ]
    asked = any(one.answer is not None for one in tried)
    effect = {} if answer.effect else {"effect": None}
    return {**message_dict(answer), **effect, "paths": paths, "can_still_fill_known": asked}


def show_ways(out: Output, tried: Sequence[Tried]) -> None:
    """One line for each way."""
    out.heading("Ways")
    result = table("to", "address", "result", "details")
    for one in tried:
        word, style = _WORDS[one.taken]
        add_row(result, one.path, one.address or NONE, Text(word, style=style), one.detail)
    out.show(result)


def show(
    out: Output,
    request: HaltRequest,
    answer: operator_pb2.HaltResponse,
    tried: Sequence[Tried],
    *,
    told: Told,
    also_cancel: bool,
) -> None:
    """Everything, for people."""
    answered = any(one.answer is not None for one in tried)
    out.line(Text.assemble(state_text(request.state), (f"  {scope_words(request.scope)}", "bold")))
    out.line(f"halt id  {request.halt_id}")
    if answer.incident_id:
        out.line(f"incident {answer.incident_id}")
    for line, style in _effect(answer):
        out.line(line, style=style)
    show_ways(out, tried)
    out.line()
    if not answered:
        out.line("No gate answered: WHAT CAN STILL FILL IS NOT KNOWN. Look at the venue.", style="bold red")
    elif not answer.can_still_fill:
        out.line("No order in this scope can still fill, as far as the gates that answered know.")
    else:
        out.line(f"{count(len(answer.can_still_fill), 'order')} can still fill:", style="bold")
        show_orders(out, answer.can_still_fill)
    hints = [] if answer.effect == operator_pb2.HALT_EFFECT_EFFECTIVE else [again(request, told, _WHO_LACKS_IT)]
    hints += [] if answered else _without_gate(out, told)
    suggestions = _next(request, answer, also_cancel=also_cancel, answered=answered)
    out.hints([*hints, *(Hint(out.command(*words), purpose) for words, purpose in suggestions)])


def _effect(answer: operator_pb2.HaltResponse) -> Iterator[tuple[str, str]]:
    """Yield what the effect means, line by line, and its colour."""
    if answer.effect == operator_pb2.HALT_EFFECT_EFFECTIVE:
        yield "effect   EFFECTIVE: every gate has it, or can't approve without it", "bold green"
        return
    missing = ", ".join(answer.missing)
    yield f"effect   LATCHED: in force and durable where it was taken; NOT YET CONFIRMED by {missing}", "bold yellow"
    yield (
        "         A gate that has it publishes it as soon as the store answers. Who is named here may still approve.",
        "yellow",
    )


def _without_gate(out: Output, told: Told) -> list[Hint]:
    """What comes first when no gate answered: everything after it asks one."""
    settings = ("--settings", str(told.settings)) if told.settings is not None else ()
    start = "first, where no gate runs: it comes back halted, and answers what follows"
    return [_AT_VENUE, Hint(out.command("serve", *settings), start)]


def _next(
    request: HaltRequest, answer: operator_pb2.HaltResponse, *, also_cancel: bool, answered: bool
) -> Iterator[tuple[tuple[str, ...], str]]:
    scope = scope_words_of(request.scope)
    if answer.can_still_fill and not also_cancel:
        yield (
            ("cancel-all", "--reason", request.reason, *scope),
            "cancels what can still fill, keeps protective orders",
        )
    direct = () if answered else ("--direct",)  # looking must not wait for a gate
    yield ("assess", *direct, *scope[:2]), "what is really held, from the venue itself, and what it costs to leave"
    if answer.incident_id:
        yield ("incident", "show", short_id(answer.incident_id)), "the record, its clocks, what to do next"
    yield ("reconcile", *scope[:2]), "reads the venue now, lists what is unexplained"
    yield ("status",), "who has confirmed the halt"
    yield ("resume", answer.halt_id, "--reason", "<why it is safe>"), "when the cause is gone"


def not_halted(request: HaltRequest, tried: Sequence[Tried], told: Told) -> CliError:
    """No way took it: what that means, and what to do."""
    failed = [one for one in tried if one.taken is False]
    codes = {one.code for one in failed} or {ExitCode.USAGE}  # every gate says that it is none of its business
    code = codes.pop() if len(codes) == 1 else ExitCode.UNDECIDED
    ways = (
        [Hint("", f"{' '.join(filter(None, (one.path, one.address)))}: {one.detail}") for one in tried]
        if len(tried) > 1
        else []
    )
    alone = failed if len(failed) == 1 else tried
    why = alone[0].detail if len(alone) == 1 else "no way took the halt"
    hints = [*ways, again(request, told, _REPEATS), _DOWN, _AT_VENUE]
    return CliError(f"{_NOT_KNOWN}: {why}", code=code, hints=hints)


def no_way(request: HaltRequest, error: CliError, told: Told) -> CliError:
    """Nothing was even tried: what is wrong, and how to go another way with the same halt."""
    hints = [*error.hints, _NOT_TRIED, *again_elsewhere(request, told), _DOWN, _AT_VENUE]
    sentence = f"{_NOT_KNOWN}: halt {request.halt_id} went nowhere: {error.message}"
    return CliError(sentence, code=ExitCode(error.exit_code), hints=hints)
