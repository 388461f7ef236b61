"""What a check gives back: an approval that runs out, or a denial that says why.

Never trusts an approval for longer than it was given, and never revives one. Rules: a `Decision` is true only while its
order may still be sent; what it says can change from true to false at any moment, and never back from false to true.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from risksvc.core.types import SECOND, MalformedInputError, Nanoseconds, RiskError, Scope, parse_decimal
from risksvc.v1 import strategy_pb2, types_pb2


class LocalReason(StrEnum):
    """Why this library denied by itself. The gate's own reasons are the names of risksvc.v1.DenialReason."""

    CLOSED = "LOCAL_CLOSED"
    """This gate object was closed."""
    STATE_SILENT = "LOCAL_STATE_SILENT"
    """No heartbeat recently enough to know that nobody halted; or none yet."""
    STATE_HALTED = "LOCAL_STATE_HALTED"
    """A halt covers the order; the gate was not asked."""
    STATE_REDUCING = "LOCAL_STATE_REDUCING"
    """Only reduce_only orders may be asked for now."""
    GATE_UNREACHABLE = "LOCAL_GATE_UNREACHABLE"
    """No connection, or it broke before the answer."""
    DEADLINE = "LOCAL_DEADLINE"
    """The gate did not answer in time."""
    GATE_UNDECIDED = "LOCAL_GATE_UNDECIDED"
    """The gate answered that it could not decide (overloaded, wrong version, ...)."""
    INVALID_REQUEST = "LOCAL_INVALID_REQUEST"
    """The gate could not read the request, or the guard could not make one; the message names the field."""
    UNCLEAR_ANSWER = "LOCAL_UNCLEAR_ANSWER"
    """The answer contradicts itself, lacks something, or says something that this version does not know."""
    BATCH_DENIED = "LOCAL_BATCH_DENIED"
    """Another order of an all-or-none batch may not be sent; the message names it."""
    EXPIRED = "LOCAL_EXPIRED"
    """The order was approved, but too long ago to be sent now."""


TRANSIENT = frozenset(
    {
        LocalReason.STATE_SILENT,
        LocalReason.GATE_UNREACHABLE,
        LocalReason.DEADLINE,
        LocalReason.GATE_UNDECIDED,
        LocalReason.EXPIRED,
    }
)

EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Denial:
    """One reason why an order may not be sent.

    `reason`: a LocalReason, or the gate's reason by name ("MAX_NET_EXPOSURE"). `limit` and `observed` are text in the
    unit that `message` names, empty where there is nothing to measure. `transient`: the same order could pass later
    without anyone's action.
    """

    reason: str
    message: str
    scope: Scope = EVERYTHING
    limit: str = ""
    observed: str = ""
    transient: bool = False

    @property
    def is_local(self) -> bool:
        """True when this library denied without, or in spite of, the gate's answer."""
        return isinstance(self.reason, LocalReason)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"


def local_denial(reason: LocalReason, message: str, *, scope: Scope | None = None) -> Denial:
    """Build a denial by this library."""
    return Denial(reason, message, scope=scope or EVERYTHING, transient=reason in TRANSIENT)


@dataclass(frozen=True, slots=True)
class ExposureUse:
    """Worst-case exposure against its limit, in the limits file's currency. None: not given, or no limit applies."""

    before: Decimal | None
    after: Decimal | None
    limit: Decimal | None
    headroom: Decimal | None


class Permit(Protocol):
    """What stands behind an approval: it knows the time and hears halts."""

    @property
    def valid_until_ns(self) -> Nanoseconds:
        """On the local monotonic clock."""
        ...

    def remaining_ns(self) -> Nanoseconds:
        """Return what is left of it; zero or less: run out."""
        ...

    def void_because(self) -> Denial | None:
        """Tell why it may not be used though it has not run out; None: nothing speaks against it."""
        ...


class Decision:
    """The answer to one check. Use it as a condition, once, at the moment of sending: `if decision: send(...)`.

    An approval is true only while its order may still be sent: it turns false when it runs out (about 100 ms after the
    check *began*), and at once when a halt that covers it is heard. An approved order that is not sent should be
    reported with `never_sent(client_order_id)`, so that its headroom is given back.
    """

    __slots__ = ("_permit", "client_order_id", "denials", "response")

    def __init__(
        self,
        client_order_id: str,
        *,
        denials: tuple[Denial, ...] = (),
        permit: Permit | None = None,
        response: strategy_pb2.CheckOrderResponse | None = None,
    ) -> None:
        self.client_order_id = client_order_id
        """The id that the order must carry at the venue."""
        self.denials = denials
        """Every rule that speaks against the order, the most important first; empty when approved."""
        self.response = response
        """The gate's answer as it came (risksvc.v1.CheckOrderResponse); None when there was none."""
        self._permit = permit

    @property
    def approved(self) -> bool:
        """The gate approved. Says nothing about now: an approval that has run out still answers True here."""
        return self._permit is not None and not self.denials

    @property
    def headline(self) -> Denial | None:
        """The first denial; None when approved."""
        return self.denials[0] if self.denials else None

    @property
    def valid_until(self) -> float:
        """When sending must have begun: seconds on `time.monotonic()`; 0.0 when denied."""
        return self._permit.valid_until_ns / SECOND if self._permit is not None and self.approved else 0.0

    def remaining(self) -> float:
        """Return the seconds left to begin sending; 0.0 when denied or run out. `usable` looks at halts, too."""
        if self._permit is None or not self.approved:
            return 0.0
        return max(0, self._permit.remaining_ns()) / SECOND

    def refusal(self) -> Denial | None:
        """Tell why the order may not be sent at this moment; None: it may."""
        if self.denials:
            return self.denials[0]
        if self._permit is None:
            return local_denial(LocalReason.UNCLEAR_ANSWER, "the decision carries no approval; do not send the order")
        void = self._permit.void_because()
        if void is not None:
            return void
        if self._permit.remaining_ns() <= 0:
            late = "the approval ran out before the order was sent; report it never sent and check again with a new id"
            return local_denial(LocalReason.EXPIRED, late)
        return None

    def usable(self) -> bool:
        """Tell whether the order may be sent now: approved, not run out, no halt heard since, heartbeats arriving."""
        return self.refusal() is None

    def __bool__(self) -> bool:
        return self.usable()

    @property
    def instrument_exposure(self) -> ExposureUse | None:
        """Worst-case exposure in the order's instrument; None when the gate gave none."""
        if self.response is None or not self.response.HasField("instrument_exposure"):
            return None
        return _exposure(self.response.instrument_exposure)

    @property
    def total_exposure(self) -> ExposureUse | None:
        """Worst-case exposure over the account; None when the gate gave none."""
        if self.response is None or not self.response.HasField("total_exposure"):
            return None
        return _exposure(self.response.total_exposure)

    def __str__(self) -> str:
        refusal = self.refusal()
        if refusal is None:
            return f"{self.client_order_id}: approved, {self.remaining() * 1000:.0f} ms left to send"
        return f"{self.client_order_id}: {refusal}"

    def __repr__(self) -> str:
        return f"<Decision {self}>"


def _exposure(use: types_pb2.ExposureUse) -> ExposureUse:
    return ExposureUse(_shown(use.before), _shown(use.after), _shown(use.limit), _shown(use.headroom))


def _shown(text: str) -> Decimal | None:
    # Only for display: nothing is permitted by these, so what can't be read is shown as not given.
    try:
        return parse_decimal(text, field="exposure")
    except MalformedInputError:
        return None


class OrderDenied(RiskError):  # noqa: N818 - it is an answer, not an error of the program
    """An order was not sent because it may not be. `decision` is the check's answer, `denial` the reason."""

    def __init__(self, decision: Decision, denial: Denial | None = None) -> None:
        self.decision = decision
        late = local_denial(LocalReason.EXPIRED, "the approval was not used in time")
        self.denial = denial or decision.refusal() or late
        super().__init__(f"order {decision.client_order_id} was not sent: {self.denial}")
