"""From what came back, or failed to, to a decision.

Pure: no I/O; moments are arguments, and a permit is handed its clock. Rule: an approval is a complete, consistent
answer to exactly this request that leaves time to act. Everything else is a denial, and says which part was missing.
"""

from collections.abc import Callable
from typing import NamedTuple

import grpc

from risksvc.client.clock import Instant, elapsed
from risksvc.client.clock import now as clock_now
from risksvc.client.decision import Decision, Denial, LocalReason, local_denial, ran_out
from risksvc.client.following import Follower
from risksvc.core.types import MILLISECOND, SECOND, MalformedInputError, Nanoseconds, Scope
from risksvc.v1 import strategy_pb2, types_pb2

# Gates give about 100 ms. An answer that permits an order for longer than this is not one that a gate gives.
MAX_VALID_FOR_NS = 10 * SECOND


class Question(NamedTuple):
    """One check under way. `asked`: before the request left. `generation`: the halts heard by then."""

    request: strategy_pb2.CheckOrderRequest
    asked: Instant
    generation: int
    may_report_never_sent: bool

    @property
    def client_order_id(self) -> str:
        """The id that the order would carry."""
        return self.request.client_order_id


class HeldPermit:
    """Stands behind one approval: knows the clock and hears halts. Implements `decision.Permit`."""

    __slots__ = ("_clock", "_follower", "_lasts_ns", "_question")

    def __init__(
        self, question: Question, *, lasts_ns: Nanoseconds, follower: Follower, clock: Callable[[], Instant] = clock_now
    ) -> None:
        self._question = question
        self._lasts_ns = lasts_ns
        self._follower = follower
        self._clock = clock

    @property
    def valid_until_ns(self) -> Nanoseconds:
        """On the local monotonic clock."""
        return self._question.asked.monotonic_ns + self._lasts_ns

    def remaining_ns(self) -> Nanoseconds:
        """Return what is left, counted from before the request left; a suspended machine can't stop the count."""
        return self._lasts_ns - elapsed(self._question.asked, self._clock())

    def refusal(self, now: Instant | None = None) -> Denial | None:
        """Tell of a halt heard since, of silence, or that it has run out; `now` where it was just read."""
        now = now or self._clock()
        question, follower = self._question, self._follower
        request = question.request
        reduce_only = request.reduce_only
        void = follower.denial(request.instrument, reduce_only=reduce_only, now=now)
        # Where nothing was heard since that could void anything, nothing is looked up.
        if void is None and question.generation != follower.generation:
            void = follower.voided(request.instrument, reduce_only=reduce_only, since=question.generation)
        if void is None and self._lasts_ns <= elapsed(question.asked, now):
            return ran_out()
        return void


_APPROVED_IN = {
    False: (types_pb2.TRADING_STATE_ACTIVE,),
    True: (types_pb2.TRADING_STATE_ACTIVE, types_pb2.TRADING_STATE_REDUCING),
}


def judge(question: Question, answer: object, *, follower: Follower, now: Instant) -> Decision:
    """Return the decision on an answer that arrived."""
    if not isinstance(answer, strategy_pb2.CheckOrderResponse):
        return unclear(question, "it can't be read")
    if answer.client_order_id != question.request.client_order_id:
        return unclear(question, f"it is about the order {answer.client_order_id!r}", answer)
    if answer.outcome == strategy_pb2.OUTCOME_DENIED:
        return _denied(question, answer)
    if answer.outcome != strategy_pb2.OUTCOME_APPROVED:
        return unclear(question, f"its outcome is {answer.outcome}, neither APPROVED nor DENIED", answer)
    return _approved(question, answer, follower=follower, now=now)


def _approved(
    question: Question, answer: strategy_pb2.CheckOrderResponse, *, follower: Follower, now: Instant
) -> Decision:
    flaw = _flaw(answer)
    if flaw is not None:
        return unclear(question, f"it {flaw}", answer)
    if answer.trading_state not in _APPROVED_IN[question.request.reduce_only]:
        return unclear(question, f"it approves while the trading state is {answer.trading_state}", answer)
    # Two bounds, the earlier counts: a repeated id gets its first approval again, whose time on the gate's clock may
    # have run out long ago.
    on_gates_clock = elapsed(question.asked, now) + follower.left_ns(answer.valid_until_ns, now)
    permit = HeldPermit(question, lasts_ns=min(answer.valid_for_ns, on_gates_clock), follower=follower)
    refusal = permit.refusal(now)
    if refusal is None:
        return Decision(question.request.client_order_id, permit=permit, response=answer)
    return Decision(question.client_order_id, denials=(refusal,), response=answer)


def _flaw(answer: strategy_pb2.CheckOrderResponse) -> str | None:
    """Tell what an approval lacks, in the order in which it is looked at; None: nothing."""
    if answer.denials:
        return "approves and lists denials at once"
    if not 0 < answer.valid_for_ns <= MAX_VALID_FOR_NS:
        return "does not say for how long, or for too long"
    decided_at_ns = answer.decided_at_ns
    if decided_at_ns <= 0:
        return "does not say when it was decided"
    if answer.valid_until_ns <= decided_at_ns:
        return "had run out when it was given"
    return None if answer.limits_hash else "does not name the limits that decided"


def _denied(question: Question, answer: strategy_pb2.CheckOrderResponse) -> Decision:
    denials = tuple(_denial(denial) for denial in answer.denials)
    if not denials:
        silent = "the gate denied without a reason; do not send the order, and look at the gate's log"
        denials = (local_denial(LocalReason.UNCLEAR_ANSWER, silent),)
    return Decision(question.client_order_id, denials=denials, response=answer)


def _denial(denial: types_pb2.Denial) -> Denial:
    if denial.reason in types_pb2.DenialReason.values():
        reason = types_pb2.DenialReason.Name(denial.reason).removeprefix("DENIAL_REASON_")
    else:
        reason = f"UNKNOWN_{denial.reason}"
    try:
        scope = Scope(denial.scope.account, denial.scope.strategy, denial.scope.instrument)
    except MalformedInputError:
        scope = Scope()
    return Denial(reason, denial.message, scope, denial.limit, denial.observed, denial.transient)


def unclear(question: Question, what: str, answer: strategy_pb2.CheckOrderResponse | None = None) -> Decision:
    """Deny for an answer that is none."""
    message = f"the gate's answer counts as a denial: {what}; do gate and library have the same version?"
    denial = local_denial(LocalReason.UNCLEAR_ANSWER, message)
    return Decision(question.client_order_id, denials=(denial,), response=answer)


def refused(question: Question, denial: Denial) -> Decision:
    """Deny without an answer."""
    return Decision(question.client_order_id, denials=(denial,))


# What a gRPC status means to a strategy. Everything else: the gate could not decide.
_STATUS: dict[grpc.StatusCode, tuple[LocalReason, str]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        LocalReason.DEADLINE,
        "the gate did not answer within {deadline_ms} ms; it is overloaded, hung, or the deadline is too short",
    ),
    grpc.StatusCode.UNAVAILABLE: (
        LocalReason.GATE_UNREACHABLE,
        "the gate at {target} can't be reached, or went away before it answered; is it running?",
    ),
    grpc.StatusCode.INVALID_ARGUMENT: (LocalReason.INVALID_REQUEST, "the gate refused the request as malformed"),
}
# The gate has read the request and made nothing of it: there is no approval that could be lost.
NOTHING_DECIDED = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED})


def failed(
    question: Question, *, code: grpc.StatusCode | None, details: str, target: str, deadline: float, closed: bool
) -> Decision:
    """Return the decision when no answer arrived."""
    if closed:
        message = "this gate object was closed while it asked; make a new one to trade on"
        return refused(question, local_denial(LocalReason.CLOSED, message))
    name = "no status" if code is None else code.name
    undecided = (LocalReason.GATE_UNDECIDED, "the gate could not decide")
    reason, text = undecided if code is None else _STATUS.get(code, undecided)
    message = text.format(target=target, deadline_ms=round(deadline * SECOND / MILLISECOND))
    return refused(question, local_denial(reason, f"{message} ({name}: {details[:500]})"))
