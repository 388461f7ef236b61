"""Writing clears to the store: all conditions are checked there, at the moment of execution, however late that is.

A clear carries what its author looked at (generation, epoch) and a deadline on the store's own clock. So a call that
timed out is no riddle for long: once the deadline has passed, either the clears stand there or they never will.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from risksvc.core.trading_state import Clear
from risksvc.core.types import MILLISECOND, Nanoseconds
from risksvc.gate.kill_switch.store import Store
from risksvc.gate.kill_switch.view import (
    ClearGuard,
    ClearOutcome,
    ClearsWritten,
    Sight,
    StoreError,
    StoreForbiddenError,
)

PATIENCE_MS = 250
_MESSAGES = {
    ClearOutcome.LATE: "the store executed it after its deadline and refused; nothing was cleared: try again",
    ClearOutcome.OTHER_GENERATION: "the store was initialised anew meanwhile; nothing was cleared: look again",
    ClearOutcome.OTHER_EPOCH: "something was halted or cleared meanwhile; nothing was cleared: look again, try again",
    ClearOutcome.HALT_UNKNOWN: "the store does not hold that halt yet; nothing was cleared: try again in a second",
    ClearOutcome.FORBIDDEN: (
        "the gate's user in Redis may not clear halts, and nothing was cleared: name one that may in the settings, "
        "redis.clears: {username: risksvc-clear, password_file: ...}"
    ),
    ClearOutcome.UNREACHABLE: "the store can't be reached: a clear would not be durable; repair Redis, then try again",
}


@dataclass(frozen=True, slots=True)
class ClearRefusal:
    """Clears of one namespace that were not written, and why."""

    namespace: str
    outcome: ClearOutcome
    message: str


@dataclass(frozen=True, slots=True)
class ClearsResult:
    """What became of a resume: the halts whose clears stand in the store, and what was refused by namespace."""

    written: tuple[str, ...]
    refusals: tuple[ClearRefusal, ...]


class ClearWriter:
    """Writes clears of one namespace. `now`: the gate's clock; `gate_id` only reads back, it writes no heartbeat."""

    def __init__(self, store: Store, *, gate_id: str, now: Callable[[], Nanoseconds]) -> None:
        self._store = store
        self._gate_id = gate_id
        self._now = now

    async def write(self, clears: Sequence[Clear], *, sight: Sight, epoch: int) -> ClearsWritten:
        """All or none; UNREACHABLE: not written, as far as can be told. `epoch`: the store's when the author looked."""
        deadline_ms = sight.view.redis_ms + (self._now() - sight.sent_at) // MILLISECOND + PATIENCE_MS
        guard = ClearGuard(sight.view.generation, epoch, deadline_ms)
        try:
            return await self._store.add_clears(sight.view.namespace, clears, guard=guard)
        except StoreForbiddenError as error:
            return ClearsWritten(ClearOutcome.FORBIDDEN, sight.view.epoch, str(error))
        except StoreError as error:
            return await self._read_back(clears, sight=sight, problem=str(error))

    async def _read_back(self, clears: Sequence[Clear], *, sight: Sight, problem: str) -> ClearsWritten:
        await asyncio.sleep(PATIENCE_MS / 1000)
        try:
            view = await self._store.poll(sight.view.namespace, gate_id=self._gate_id, heartbeat=None)
        except StoreError:
            return ClearsWritten(ClearOutcome.UNREACHABLE, sight.view.epoch, problem)
        written = all(clear.halt_id in view.clears for clear in clears)
        return ClearsWritten(ClearOutcome.WRITTEN if written else ClearOutcome.UNREACHABLE, view.epoch, problem)


def refusal(namespace: str, written: ClearsWritten) -> ClearRefusal:
    """Why clears were not written, for people."""
    detail = f" ({written.detail})" if written.detail else ""
    return ClearRefusal(namespace, written.outcome, f"namespace {namespace!r}: {_MESSAGES[written.outcome]}{detail}")
