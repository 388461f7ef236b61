"""Inputs of a flatten: what people ask for, what its executor offers to send, and what the feed said of what was sent.

As in `risksvc.core.events`: frozen values that a journal holds and replays. Numbers that come of the settings or of a
book are in the Input, so that a replay needs neither.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from risksvc.core.types import MILLISECOND, SECOND, Nanoseconds, Scope, Side

MINUTE = 60 * SECOND


class FlattenTarget(Enum):
    """How far to go. AUTHORISED: to what each strategy intends, clamped to the limits file; never a growth."""

    ZERO = "ZERO"
    AUTHORISED = "AUTHORISED"


class FlattenStyle(Enum):
    """How orders are priced. LIMIT_IOC: no further than the slice should reach into the book."""

    LIMIT_IOC = "LIMIT_IOC"
    MARKET = "MARKET"


class FlattenOutcome(Enum):
    """What the venue feed said of one order that it was told to place. Never proof of anything."""

    PLACED = "PLACED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Mid:
    """The middle of one instrument's book."""

    instrument: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class FlattenRequested:
    """A person starts a flatten. `scope` names an account; `linked` are the account's hedges, by instrument.

    `incident_id` empty: the open one of the account. `mids`: the middle of each book then, which the cost is held
    against. `participation` and `collar` in percent.
    """

    scope: Scope
    by: str
    reason: str
    incident_id: str = ""
    target: FlattenTarget = FlattenTarget.ZERO
    style: FlattenStyle = FlattenStyle.LIMIT_IOC
    participation: Decimal = Decimal(20)
    collar: Decimal = Decimal(2)
    slice_pause_ns: Nanoseconds = SECOND
    patience_ns: Nanoseconds = 2 * MINUTE
    linked: tuple[tuple[str, ...], ...] = ()
    mids: tuple[Mid, ...] = ()


@dataclass(frozen=True, slots=True)
class FlattenConfirmed:
    """Another operator confirms what one proposed."""

    proposal_id: str
    by: str


@dataclass(frozen=True, slots=True)
class FlattenStopped:
    """A person wants nothing more to be sent."""

    flatten_id: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Slice:
    """What one round may trade in one instrument, by its book. `limit_price` None: a market order."""

    instrument: str
    side: Side
    quantity: Decimal
    limit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FlattenSliced:
    """The executor offers one round: the core makes the orders, clamps them, gives them their ids, approves or not.

    `problem`: what stands in the way of the rest, or of all of it, in words.
    """

    flatten_id: str
    slices: tuple[Slice, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FlattenOrderAnswered:
    """What the feed said of one order. It speeds proof up; it is never proof itself."""

    flatten_id: str
    client_order_id: str
    outcome: FlattenOutcome
    venue_order_id: str = ""
    error: str = ""


# An approval of a flatten's order is for its executor alone, which sends it at once: what a crash leaves unsent is
# proven so when this and the venue's window have passed.
ORDER_VALID_NS = 2000 * MILLISECOND
