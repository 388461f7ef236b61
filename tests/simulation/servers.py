"""A model of the kill switch's servers: what the scripts do to a data set, and what replication makes of it.

A server's data set is the result of its log; a replica is the same log, cut off where its link was. The scripts are
those of `risksvc.gate.kill_switch.scripts`, said again; `test_server_model.py` runs one table on this model and on a
real server, so that the two can't drift apart.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha1

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.view import (
    Added,
    Beginning,
    ClearGuard,
    ClearOutcome,
    ClearsWritten,
    Initialised,
    Seen,
    StoreView,
)


@dataclass(frozen=True, slots=True)
class Space:
    """One namespace; replaced whole with every change, so whoever holds one holds a snapshot."""

    generation: str = ""
    epoch: int = 0
    chain: str = ""
    halts: Mapping[str, Halt] = field(default_factory=dict)
    clears: Mapping[str, Clear] = field(default_factory=dict)
    seen: Mapping[str, Seen] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return f"{self.chain}:{len(self.halts)}:{len(self.clears)}"

    def with_halts(self, halts: Iterable[Halt], *, least_epoch: int) -> "Space":
        new = {halt.halt_id: halt for halt in halts if halt.halt_id not in self.halts}
        chain = _chained(self.chain, "h", new)
        epoch = max(self.epoch + len(new), least_epoch)
        return replace(self, halts={**self.halts, **new}, chain=chain, epoch=epoch)

    def with_clears(self, clears: Iterable[Clear]) -> "Space":
        new = {clear.halt_id: clear for clear in clears if clear.halt_id not in self.clears}
        chain = _chained(self.chain, "c", new)
        return replace(self, clears={**self.clears, **new}, chain=chain, epoch=self.epoch + len(new))


def _chained(chain: str, kind: str, ids: Iterable[str]) -> str:
    for one in ids:
        chain = sha1(f"{chain}{kind}{one}".encode()).hexdigest()  # noqa: S324 - as the script does
    return chain


EMPTY = Space()
Change = Callable[[Space], Space]
Entry = tuple[int, str, Change | None]  # when, namespace, what; None: everything is flushed


class Server:
    """One server of the model. `lag`: how long a write takes to a replica, one way, nanoseconds.

    `following`: whose replica it is. `frozen`: what a replica that is cut off had of the log.
    """

    def __init__(self, name: str, *, now: Callable[[], int], lag: int = MILLISECOND, ahead_ms: int = 0) -> None:
        self.name = name
        self.up = True
        self.hung = False
        self.slow = 0
        self.lag = lag
        self.ahead_ms = ahead_ms
        self.starts = 1
        self.cuts = 0
        self.following: Server | None = None
        self.frozen: list[Entry] | None = None
        self.log: list[Entry] = []
        self.spaces: dict[str, Space] = {}
        self.waiting: list[Callable[[], object]] = []
        self.now = now
        self.out_since: int | None = None
        self.outages: list[tuple[int, int]] = []  # when it answered nobody: from, to

    def outage_begins(self) -> None:
        if self.out_since is None:
            self.out_since = self.now()

    def outage_over(self) -> None:
        if self.out_since is not None:
            self.outages.append((self.out_since, self.now()))
            self.out_since = None

    @property
    def run_id(self) -> str:
        return f"{self.name}.{self.starts}"

    @property
    def is_primary(self) -> bool:
        return self.following is None

    @property
    def clock_ms(self) -> int:
        return 1_800_000_000_000 + self.ahead_ms + self.now() // MILLISECOND

    def space(self, namespace: str) -> Space:
        return self.spaces.get(namespace, EMPTY)

    def write(self, namespace: str, change: Change) -> Space:
        self.log.append((self.now(), namespace, change))
        changed = self.spaces[namespace] = change(self.space(namespace))
        return changed

    # -- the scripts ---------------------------------------------------------------------------------------------

    def poll(self, namespace: str, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        before, at_ms, rival = self.space(namespace), self.clock_ms, None
        if heartbeat is not None:
            seen = before.seen
            if any(one.at_ms > at_ms for one in seen.values()):  # ahead of this server's clock: counts from now
                seen = {name: replace(one, at_ms=min(one.at_ms, at_ms)) for name, one in seen.items()}
            rival = _rival(seen.get(gate_id), heartbeat, at_ms)
            told = {**seen, gate_id: Seen(heartbeat, at_ms)} if rival is None else seen
            before = self.write(namespace, lambda space: replace(space, seen=told))
        return StoreView(
            namespace=namespace,
            generation=before.generation,
            epoch=before.epoch,
            digest=before.digest,
            redis_ms=at_ms,
            run_id=self.run_id,
            role="master" if self.is_primary else "slave",
            halts=before.halts,
            clears=before.clears,
            seen=before.seen,
            rival=rival,
        )

    def add_halts(self, namespace: str, halts: tuple[Halt, ...], least_epoch: int) -> Added:
        old = self.space(namespace)
        new = sum(halt.halt_id not in old.halts for halt in halts)
        space = old
        if new or least_epoch > old.epoch:
            space = self.write(namespace, lambda one: one.with_halts(halts, least_epoch=least_epoch))
        return Added(new, space.epoch, space.generation)

    def add_clears(self, namespace: str, clears: tuple[Clear, ...], guard: ClearGuard) -> ClearsWritten:
        space = self.space(namespace)
        fresh = tuple(clear for clear in clears if clear.halt_id not in space.clears)
        if not fresh:
            return ClearsWritten(ClearOutcome.WRITTEN, space.epoch)
        if self.clock_ms > guard.deadline_ms:
            return ClearsWritten(ClearOutcome.LATE, space.epoch, str(self.clock_ms))
        if space.generation != guard.generation:
            return ClearsWritten(ClearOutcome.OTHER_GENERATION, space.epoch, space.generation)
        if space.epoch != guard.epoch:
            return ClearsWritten(ClearOutcome.OTHER_EPOCH, space.epoch)
        for clear in fresh:
            if clear.halt_id not in space.halts:
                return ClearsWritten(ClearOutcome.HALT_UNKNOWN, space.epoch, clear.halt_id)
        return ClearsWritten(ClearOutcome.WRITTEN, self.write(namespace, lambda one: one.with_clears(fresh)).epoch)

    def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        old = self.space(namespace)
        created = not old.generation
        if old.generation in ("", beginning.generation):

            def begin(space: Space) -> Space:
                begun = replace(space, generation=beginning.generation).with_clears(beginning.clears)
                return replace(begun, epoch=max(begun.epoch, beginning.least_epoch))

            old = self.write(namespace, begin)
        return Initialised(old.generation, created, old.epoch)

    # -- its life ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        self.log.append((self.now(), "", None))
        self.spaces = {}

    def become(self, log: list[Entry]) -> None:
        """Another data set, as after a restart or a resynchronisation."""
        self.log, self.spaces = log, {}
        for _, namespace, change in log:
            if change is None:
                self.spaces = {}
            else:
                self.spaces[namespace] = change(self.space(namespace))

    def has_of_primary(self) -> list[Entry]:
        """What a replica has of its primary's log: all but the last moments, or less when its link is cut."""
        if self.frozen is not None:
            return list(self.frozen)
        assert self.following is not None, f"{self.name} is no replica"
        until = self.now() - self.lag
        return [entry for entry in self.following.log if entry[0] <= until]

    def cut_link(self) -> None:
        self.frozen = self.has_of_primary()
        self.cuts += 1

    def follow(self, primary: "Server") -> None:
        """A replica of this one from now on; what it had of its own is gone."""
        self.following, self.frozen = primary, None
        self.log, self.spaces = [], {}
        self.cuts += 1

    def promote(self) -> None:
        """A primary with what it has."""
        log = self.has_of_primary()
        self.following, self.frozen = None, None
        self.cuts += 1
        self.become(log)


def _rival(stands: Seen | None, heartbeat: Heartbeat, at_ms: int) -> Seen | None:
    if stands is None or stands.heartbeat.incarnation == heartbeat.incarnation:
        return None
    alive = (at_ms - stands.at_ms) * MILLISECOND <= stands.heartbeat.bound_ns
    return stands if alive else None
