"""What the store says, as values; and what can go wrong between it and this gate."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.gate.kill_switch.records import Heartbeat


class StoreError(RiskError):
    """The store gave no answer that counts. Nothing follows from it, and no lease."""


class StoreUnreachableError(StoreError):
    """No connection, no answer in time, or an answer that it can't serve now. What was asked may still be done."""


class StoreForbiddenError(StoreUnreachableError):
    """The server's ACL does not let this user do that. Nothing was done."""


class StoreUnreadableError(StoreError):
    """It answered with something that this version can't read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One gate's last heartbeat, and when it came: milliseconds of the store's clock."""

    heartbeat: Heartbeat
    at_ms: int


@dataclass(frozen=True, slots=True)
class StoreView:
    """One namespace, read whole in one step. `generation` empty: never initialised, or lost.

    `quorum`: as many replicas as were asked for have acknowledged the server's history up to this read (none asked for:
    True). `rival`: another process lives under this gate's id; its heartbeat was left as it is. `epoch` counts
    additions; `digest` names this very content and how it came about. `redis_ms`: the store's clock, to be compared
    with nothing but itself. `run_id` is another for every start of a server; `role`: "master" or "slave".
    """

    namespace: str
    generation: str
    epoch: int
    digest: str
    redis_ms: int
    run_id: str
    role: str
    halts: Mapping[str, Halt]
    clears: Mapping[str, Clear]
    seen: Mapping[str, Seen]
    quorum: bool = True
    rival: Seen | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A view, and when it was asked for on the gate's clock."""

    view: StoreView
    sent_at: Nanoseconds


@dataclass(frozen=True, slots=True)
class Added:
    """Halts were taken: how many were new, where the store's history stands, and whether enough replicas have it."""

    new: int
    epoch: int
    generation: str
    quorum: bool = True


class ClearOutcome(Enum):
    """What became of clears. Only WRITTEN changed anything, and only UNREACHABLE leaves it open."""

    WRITTEN = "WRITTEN"
    LATE = "LATE"
    OTHER_GENERATION = "OTHER_GENERATION"
    OTHER_EPOCH = "OTHER_EPOCH"
    HALT_UNKNOWN = "HALT_UNKNOWN"
    FORBIDDEN = "FORBIDDEN"
    UNREACHABLE = "UNREACHABLE"


@dataclass(frozen=True, slots=True)
class ClearsWritten:
    """What became of clears, and the epoch after it.

    Without a quorum they may be lost at a failover; what they cleared is halted then, as before.
    """

    outcome: ClearOutcome
    epoch: int
    detail: str = ""
    quorum: bool = True


@dataclass(frozen=True, slots=True)
class ClearGuard:
    """What must still hold when a clear is executed, however late that is.

    `generation` and `epoch`: what its author looked at. `deadline_ms`: milliseconds of the store's own clock.
    """

    generation: str
    epoch: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Initialised:
    """The generation that stands now, and whether this call set it."""

    generation: str
    created: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a namespace begins: a new generation, or after a loss the old one with all that is known of it."""

    generation: str
    least_epoch: int = 0
    clears: tuple[Clear, ...] = ()
    halts: tuple[Halt, ...] = ()
