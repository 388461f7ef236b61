"""Flattens: what was asked, what was sent for it, what proved it. Where one stands is derived, so a restart goes on.

Invariants: an order is in `orders` from the step that approved it, before anybody could send it, and its id is never
used again (I16); a read counts only if it began after everything in scope was final; FLAT is said on two such reads
(I17). Memory is bounded: of ended flattens the oldest go.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from risksvc.core.flatten.events import FlattenOutcome, FlattenRequested
from risksvc.core.types import ZERO, Nanoseconds, Order, Scope

ENDED_KEPT = 50


class FlattenPhase(Enum):
    """Where a flatten stands. The names are those of `risksvc.v1.FlattenPhase`."""

    CANCELLING = "CANCELLING"
    SETTLING = "SETTLING"
    READING = "READING"
    SENDING = "SENDING"
    CONFIRMING = "CONFIRMING"
    FLAT = "FLAT"
    REACHED = "REACHED"
    GAPS = "GAPS"


class OrderEnd(Enum):
    """What is proven of one order. UNKNOWN until something is."""

    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    NOT_FOUND = "NOT_FOUND"


@dataclass(frozen=True, slots=True)
class ProvingRead:
    """One complete read that began after everything in scope was final. The window is venue time, milliseconds."""

    as_of: Nanoseconds
    window_start_ms: int
    window_end_ms: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """The evidence. `positions`: what is held by instrument, none where all are zero.

    `not_seen`: what complete reads can't show at this venue.
    """

    at: Nanoseconds
    reads: tuple[ProvingRead, ...]
    positions: tuple[tuple[str, Decimal], ...]
    not_seen: tuple[str, ...] = ()


@dataclass(slots=True)
class FlattenOrder:
    """One approved order. `traded`, `cost`: its fills so far, against the mid at the start, in the limits' currency."""

    order: Order
    approved_at: Nanoseconds
    valid_until: Nanoseconds
    outcome: FlattenOutcome | None = None
    error: str = ""
    venue_order_id: str = ""
    end: OrderEnd = OrderEnd.UNKNOWN
    traded: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(slots=True)
class FlattenRun:
    """One flatten. `instruments` empty: all of the account. `targets`: where a part may stay, by (line, strategy).

    `settled_after`: when the last order in scope became final; only reads that began later count. `read`: the last such
    read; None: none yet. `proof`: those that showed the target. `best`: how near each position has come. `unnamed`:
    quantity and cost of fills whose venue order id is not known yet. `denied`: why the last round was not approved.
    """

    flatten_id: str
    incident_id: str
    asked: FlattenRequested
    by: tuple[str, ...]
    instruments: tuple[str, ...]
    started_at: Nanoseconds
    settled_after: Nanoseconds
    progress_at: Nanoseconds
    targets: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    orders: dict[str, FlattenOrder] = field(default_factory=dict)
    made: int = 0
    read: ProvingRead | None = None
    proof: list[ProvingRead] = field(default_factory=list)
    stuck: int = 0
    best: dict[str, Decimal] = field(default_factory=dict)
    others_left: int = -1
    unnamed: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    denied: str = ""
    stopped: str = ""
    result: FlattenPhase | None = None
    ended_at: Nanoseconds | None = None
    certificate: Certificate | None = None
    gaps: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return self.asked.scope

    @property
    def account(self) -> str:
        """The account."""
        return self.asked.scope.account

    @property
    def runs(self) -> bool:
        """Not over."""
        return self.ended_at is None

    @property
    def cost(self) -> Decimal:
        """What it has cost against the mids when it started, fees not included; below zero: a gain."""
        return sum((one.cost for one in self.orders.values()), ZERO)

    def covers(self, order: Order) -> bool:
        """Whether an order of its account belongs to its scope."""
        mine = not self.scope.strategy or order.strategy == self.scope.strategy
        return mine and (not self.instruments or order.instrument in self.instruments)


@dataclass(slots=True)
class Flattens:
    """All flattens that are remembered, by id, the oldest first; `running` names those that are not over."""

    by_id: dict[str, FlattenRun] = field(default_factory=dict)
    running: dict[str, None] = field(default_factory=dict)
    made: int = 0

    def of_account(self, account: str) -> FlattenRun | None:
        """The one that runs in this account: one at a time."""
        return next((one for one in map(self.by_id.__getitem__, self.running) if one.account == account), None)

    def add(self, run: FlattenRun) -> None:
        """Keeps one that begins."""
        self.by_id[run.flatten_id] = run
        self.running[run.flatten_id] = None

    def end(self, run: FlattenRun) -> None:
        """One is over; the oldest of those are let go."""
        del self.running[run.flatten_id]
        ended = [one for one in self.by_id if one not in self.running]
        for flatten_id in ended[:-ENDED_KEPT]:
            del self.by_id[flatten_id]
