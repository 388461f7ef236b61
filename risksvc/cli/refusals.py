"""Refused steps of an operator: which rule, why, and what to type then. `resume` and `adopt` share it."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from risksvc.cli.errors import Hint
from risksvc.cli.output import Output, add_row, table
from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import RefusalReason

# What to type after a refusal, and what for. A reason that is not listed gets `status`.
_NEXT: Mapping["RefusalReason.ValueType", tuple[tuple[str, ...], str]] = {
    operator_pb2.REFUSAL_REASON_NO_READ_SINCE_HALT: (("reconcile",), "makes a complete read now"),
    operator_pb2.REFUSAL_REASON_ORDER_UNKNOWN: (("reservations",), "whose fate is not proven, and what proves it"),
    operator_pb2.REFUSAL_REASON_UNEXPLAINED: (("adopt",), "lists what is unexplained, and how to explain it"),
    operator_pb2.REFUSAL_REASON_DIVERGED: (("reconcile", "--explain"), "what explains each difference, and what to do"),
    operator_pb2.REFUSAL_REASON_LIMIT_EXCEEDED: (("exposure",), "what is over which limit"),
    operator_pb2.REFUSAL_REASON_ITEM_MISMATCH: (("adopt",), "lists what is unexplained now"),
    operator_pb2.REFUSAL_REASON_NO_SNAPSHOT: (("reconcile",), "makes a complete read now"),
    operator_pb2.REFUSAL_REASON_INCIDENT_UNKNOWN: (("incident", "list", "--all"), "the incidents that are known here"),
    operator_pb2.REFUSAL_REASON_INCIDENT_CLOSED: (("incident", "list"), "the incidents that are open"),
    operator_pb2.REFUSAL_REASON_HALT_IN_FORCE: (("status",), "which halts are in force, and how to clear them"),
    operator_pb2.REFUSAL_REASON_OWNER_UNKNOWN: (("limits", "show"), "which strategies there are"),
    operator_pb2.REFUSAL_REASON_NOT_ASSESSED: (("assess",), "looks at the venue itself, in seconds"),
    operator_pb2.REFUSAL_REASON_FLATTEN_REQUIRED: (("decide",), "what has to go, and the command that shows the plan"),
    operator_pb2.REFUSAL_REASON_FLATTEN_RUNNING: (("flatten", "--show"), "how the one that runs stands"),
    operator_pb2.REFUSAL_REASON_ROLE_MISSING: (("decide",), "who has recorded what, and who is waited for"),
}
_OTHERWISE = (("status",), "halts in force, proposals, and why things are closed")


def show_refusals(
    out: Output,
    refusals: Iterable[operator_pb2.Refusal],
    *,
    what: str,
    better: "Mapping[RefusalReason.ValueType, Sequence[Hint]]" = MappingProxyType({}),
) -> None:
    """Print that `what` was refused, every reason, and what to type next; `better`: what the caller knows of that."""
    found = list(refusals)
    out.line(f" REFUSED  {what}: nothing was changed", style="bold red")
    result = table("rule", "why, and what to do")
    for refusal in found:
        add_row(result, _name(refusal.reason), refusal.message)
    out.show(result)
    known = [hint for refusal in found for hint in better.get(refusal.reason, ())]
    others = [_NEXT.get(refusal.reason, _OTHERWISE) for refusal in found if refusal.reason not in better]
    others += [] if found else [_OTHERWISE]
    out.hints(list(dict.fromkeys([*known, *(Hint(out.command(*words), purpose) for words, purpose in others)])))


def _name(reason: "RefusalReason.ValueType") -> str:
    if reason not in RefusalReason.values():
        return str(reason)
    return RefusalReason.Name(reason).removeprefix("REFUSAL_REASON_")
