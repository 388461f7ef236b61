"""The kill switch's store in memory, with the scripts' semantics, for unit tests of the follower's rules only."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

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
    StoreUnreachableError,
    StoreView,
)
from tests.unit.gate.manual_clock import ManualClock


@dataclass
class Content:
    generation: str = ""
    epoch: int = 0
    chain: str = ""
    halts: dict[str, Halt] = field(default_factory=dict)
    clears: dict[str, Clear] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, what: str) -> None:
        self.epoch += 1
        self.chain += what


class FakeServer:
    """One server that several stores share. `down`: it answers nobody; `quorum`: its replicas acknowledge."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.contents: dict[str, Content] = {}
        self.run_id = "run1"
        self.role = "master"
        self.down = False
        self.quorum = True
        self.ahead_ms = 0  # how far its clock has jumped

    def content(self, namespace: str) -> Content:
        return self.contents.setdefault(namespace, Content())

    def flush(self) -> None:
        self.contents.clear()

    def copy(self) -> dict[str, Content]:
        return copy.deepcopy(self.contents)

    @property
    def time_ms(self) -> int:
        return self.clock.now() // MILLISECOND + 123_456 + self.ahead_ms


class FakeStore:
    """One gate's way to the server. `cut`: this way is gone; `reply_ms`: how long an answer takes."""

    address = "fake://"

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.cut = False
        self.reply_ms = 0.0
        self.reconnects = 0
        self.polls = 0
        self.heartbeats = 0

    def _reach(self, namespace: str) -> Content:
        if self.cut or self.server.down:
            raise StoreUnreachableError("fake:// is down")
        return self.server.content(namespace)

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        self.polls += 1
        content = self._reach(namespace)
        rival = self._rival(content, heartbeat)
        if heartbeat and rival is None:
            self.heartbeats += 1
            content.seen[gate_id] = Seen(heartbeat, self.server.time_ms)
        view = StoreView(
            namespace=namespace,
            generation=content.generation,
            epoch=content.epoch,
            digest=f"{content.chain}:{len(content.halts)}:{len(content.clears)}",
            redis_ms=self.server.time_ms,
            run_id=self.server.run_id,
            role=self.server.role,
            halts=dict(content.halts),
            clears=dict(content.clears),
            seen=dict(content.seen),
            quorum=self.server.quorum,
            rival=rival,
        )
        self.server.clock.pass_ms(self.reply_ms)
        return view

    def _rival(self, content: Content, heartbeat: Heartbeat | None) -> Seen | None:
        found = content.seen.get(heartbeat.gate_id) if heartbeat else None
        if found is None or heartbeat is None or found.heartbeat.incarnation == heartbeat.incarnation:
            return None
        run_out = (self.server.time_ms - found.at_ms) * MILLISECOND > found.heartbeat.bound_ns
        return None if run_out else found

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        content = self._reach(namespace)
        new = [halt for halt in halts if halt.halt_id not in content.halts]
        for halt in new:
            content.halts[halt.halt_id] = halt
            content.add(f"h{halt.halt_id}")
        content.epoch = max(content.epoch, least_epoch)
        return Added(len(new), content.epoch, content.generation, self.server.quorum)

    async def add_new_halt(self, namespace: str, halt: Halt) -> Added:
        return await self.add_halts(namespace, [halt])

    async def add_clears(self, namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        content = self._reach(namespace)
        new = [clear for clear in clears if clear.halt_id not in content.clears]
        outcome = self._refuse(content, new, guard)
        if new and outcome is not None:
            return ClearsWritten(outcome, content.epoch)
        for clear in new:
            content.clears[clear.halt_id] = clear
            content.add(f"c{clear.halt_id}")
        return ClearsWritten(ClearOutcome.WRITTEN, content.epoch)

    def _refuse(self, content: Content, clears: Sequence[Clear], guard: ClearGuard) -> ClearOutcome | None:
        if self.server.time_ms > guard.deadline_ms:
            return ClearOutcome.LATE
        if content.generation != guard.generation:
            return ClearOutcome.OTHER_GENERATION
        if content.epoch != guard.epoch:
            return ClearOutcome.OTHER_EPOCH
        unknown = any(clear.halt_id not in content.halts for clear in clears)
        return ClearOutcome.HALT_UNKNOWN if unknown else None

    async def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        content = self._reach(namespace)
        await self.add_halts(namespace, beginning.halts)
        if content.generation:
            return Initialised(content.generation, created=False, epoch=content.epoch)
        content.generation = beginning.generation
        for clear in beginning.clears:
            content.clears[clear.halt_id] = clear
            content.add(f"c{clear.halt_id}")
        content.epoch = max(content.epoch, beginning.least_epoch)
        return Initialised(content.generation, created=True, epoch=content.epoch)

    async def reconnect(self) -> None:
        self.reconnects += 1

    async def close(self) -> None:
        pass
