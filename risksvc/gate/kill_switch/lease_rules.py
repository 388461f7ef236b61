"""When may this gate approve? The rules of the kill switch's lease, as pure functions.

Never does I/O and never reads a clock. A lease says: until then, nobody can have halted unseen. It is given by one
thing only, a whole and sound read of the store, and counted from the moment before that read was asked for. Rules:

1. A read counts only from a primary whose history goes on from what this gate has seen: its generation, an epoch that
   did not go back, every halt that is latched here. What is missing is published again, and that round gives no lease.
2. A gap (no good read for a whole lease), another server (a new run id), or a history that was not sound: barrier. For
   two leases after the next good read the gate stays closed, so that every gate that holds a halt which the store lost
   or never got has the time to publish it again.
3. A reply that was handled late (over a third of a lease after it was asked for) gives no lease: this process was not
   running, or its loop lagged, and what it read may be old.
4. A primary without its quorum of replicas may have been replaced already (split brain): it gives no lease.
5. One process per gate id: while another one's heartbeat is younger than its lease and its approvals last, this one
   gets no lease.
6. A generation is never taken for granted: one that is gone or another is for an operator (`risksvc init --store`).
   Only a gate that has never seen one takes what it finds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from risksvc.core.trading_state import Halt
from risksvc.core.types import MILLISECOND, MalformedInputError, Nanoseconds
from risksvc.gate.kill_switch.view import StoreView

PRIMARY = "master"
MAX_BOUND_NS = 500 * MILLISECOND
WALL_JUMP_NS = 50 * MILLISECOND
INITIALISE = "risksvc init --store --settings FILE"


@dataclass(frozen=True, slots=True)
class Timings:
    """How often the store is read, how long a read counts, how long an approval can be used; all nanoseconds."""

    poll_ns: Nanoseconds = 100 * MILLISECOND
    lease_ns: Nanoseconds = 300 * MILLISECOND
    approval_validity_ns: Nanoseconds = 100 * MILLISECOND

    def __post_init__(self) -> None:
        if not 0 < 2 * self.poll_ns <= self.lease_ns:
            raise MalformedInputError("kill_switch.poll", "must be above 0 and at most half of kill_switch.lease")
        if self.approval_validity_ns <= 0 or self.bound_ns > MAX_BOUND_NS:
            raise MalformedInputError(
                "kill_switch.lease",
                f"lease + approval validity is {self.bound_ns / MILLISECOND:g} ms; allowed: at most "
                f"{MAX_BOUND_NS // MILLISECOND} ms, since that bounds how long after a halt an approval can be used",
            )

    @property
    def bound_ns(self) -> Nanoseconds:
        """From a halt to the last moment at which an approval given unawares can be used."""
        return self.lease_ns + self.approval_validity_ns

    @property
    def barrier_ns(self) -> Nanoseconds:
        """How long a gate stays closed after a gap."""
        return 2 * self.lease_ns

    @property
    def late_ns(self) -> Nanoseconds:
        """A reply older than this was handled by a process that did not keep up."""
        return self.lease_ns // 3


class Standing(Enum):
    """What a view of one namespace is worth."""

    SOUND = "SOUND"
    UNSOUND_SERVER = "UNSOUND_SERVER"  # not by a view: by an inspection of its configuration
    HALTS_MISSING = "HALTS_MISSING"
    NO_QUORUM = "NO_QUORUM"
    ID_TAKEN = "ID_TAKEN"
    NOT_PRIMARY = "NOT_PRIMARY"
    EPOCH_REGRESSED = "EPOCH_REGRESSED"
    GENERATION_CHANGED = "GENERATION_CHANGED"
    GENERATION_MISSING = "GENERATION_MISSING"
    UNINITIALISED = "UNINITIALISED"


# The store's history is not what this gate has seen: the lease ends at once.
STORE_LOST = frozenset(
    {
        Standing.EPOCH_REGRESSED,
        Standing.GENERATION_CHANGED,
        Standing.GENERATION_MISSING,
        Standing.UNINITIALISED,
    }
)


@dataclass(frozen=True, slots=True)
class Held:
    """What this gate has latched of one namespace. `generation` empty: it has never seen one."""

    generation: str
    epoch: int
    uncleared: Mapping[str, Halt]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one view is worth, what to publish again, and from where its history must count on (0: as it is)."""

    standing: Standing
    problem: str = ""
    republish: tuple[Halt, ...] = ()
    least_epoch: int = 0

    @property
    def sound(self) -> bool:
        """The view counts."""
        return self.standing is Standing.SOUND

    @property
    def store_lost(self) -> bool:
        """The store's history is not what this gate has seen."""
        return self.standing in STORE_LOST


def judge(held: Held, view: StoreView) -> Verdict:
    """What a view of one namespace is worth, given what this gate holds."""
    missing = tuple(halt for halt_id, halt in held.uncleared.items() if halt_id not in view.halts)
    for standing, find in _RULES:
        problem = find(held, view)
        if problem and standing in _NOTHING_TO_REPAIR:
            return Verdict(standing, problem)
        if problem:
            behind = held.epoch if standing in _COUNTED_ON and view.epoch < held.epoch else 0
            return Verdict(standing, f"namespace {view.namespace!r} {problem}", missing, behind)
    return Verdict(Standing.SOUND)


def _not_primary(_: Held, view: StoreView) -> str:
    return "" if view.role == PRIMARY else f"the server is a replica (role {view.role or 'unknown'!r})"


def _uninitialised(held: Held, view: StoreView) -> str:
    return "" if view.generation or held.generation else f"has never been initialised; run `{INITIALISE}`"


def _generation_missing(_: Held, view: StoreView) -> str:
    return "" if view.generation else f"was emptied: its generation is gone; run `{INITIALISE}`"


def _generation_changed(held: Held, view: StoreView) -> str:
    if held.generation in ("", view.generation):
        return ""
    return (
        f"has generation {view.generation}, this gate has seen {held.generation}: it is another store, or was "
        f"initialised without this gate's state folder; check --redis-url, then run `{INITIALISE}`"
    )


def _epoch_regressed(held: Held, view: StoreView) -> str:
    if view.epoch >= held.epoch:
        return ""
    return f"went back from epoch {held.epoch} to {view.epoch}: additions were lost; what is latched here was published"


def _halts_missing(held: Held, view: StoreView) -> str:
    missing = [halt_id for halt_id in held.uncleared if halt_id not in view.halts]
    return f"lacked {len(missing)} of the halts latched here; they were published" if missing else ""


def _no_quorum(_: Held, view: StoreView) -> str:
    return "" if view.quorum else "is not acknowledged by enough replicas: what is written there now can still be lost"


def _id_taken(_: Held, view: StoreView) -> str:
    if view.rival is None:
        return ""
    other = view.rival.heartbeat
    return f"another process ({other.incarnation}) runs as gate {other.gate_id!r}: stop it, or give one another gate.id"


# A replica takes no writes; and nobody may speak for a gate twice.
_NOTHING_TO_REPAIR = frozenset({Standing.NOT_PRIMARY, Standing.ID_TAKEN})

# This gate's own store, with a part of its history lost: it counts on from where this gate has seen it.
_COUNTED_ON = frozenset({Standing.EPOCH_REGRESSED, Standing.GENERATION_MISSING})

# The first that finds something decides.
_RULES: tuple[tuple[Standing, Callable[[Held, StoreView], str]], ...] = (
    (Standing.NOT_PRIMARY, _not_primary),
    (Standing.UNINITIALISED, _uninitialised),
    (Standing.GENERATION_MISSING, _generation_missing),
    (Standing.GENERATION_CHANGED, _generation_changed),
    (Standing.EPOCH_REGRESSED, _epoch_regressed),
    (Standing.HALTS_MISSING, _halts_missing),
    (Standing.NO_QUORUM, _no_quorum),
    (Standing.ID_TAKEN, _id_taken),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease as it stands. `valid_until` 0: none. `good_until`: when the last good read stops counting."""

    valid_until: Nanoseconds = 0
    good_until: Nanoseconds = 0
    closed_until: Nanoseconds = 0
    run_id: str = ""

    def left(self, now: Nanoseconds) -> Nanoseconds:
        """What is left of it."""
        return max(0, self.valid_until - now)


def after_sound_round(lease: Lease, *, run_id: str, sent_at: Nanoseconds, now: Nanoseconds, timings: Timings) -> Lease:
    """The lease after every namespace was read and found sound. `sent_at`: before the first was asked for."""
    if now - sent_at > timings.late_ns:
        return lease
    if now >= lease.good_until or run_id != lease.run_id:
        return Lease(0, sent_at + timings.lease_ns, now + timings.barrier_ns, run_id)
    good_until = sent_at + timings.lease_ns
    valid_until = good_until if sent_at >= lease.closed_until else 0
    return replace(lease, valid_until=valid_until, good_until=good_until)


def given_up(lease: Lease) -> Lease:
    """The lease when the store's history is not sound, or time has jumped: none, and a barrier before the next."""
    return replace(lease, valid_until=0, good_until=0)


def wall_jumped(wall_ns: Nanoseconds, clock_ns: Nanoseconds) -> bool:
    """True when the wall and the gate's clock disagree on how long ago the last round was."""
    return abs(wall_ns - clock_ns) > WALL_JUMP_NS
