"""What this gate itself holds of the kill switch: the latch, written off the event loop, in order.

One thread writes, so records reach the disk in the order in which they were given; `state` changes on the event loop
only, after the disk has them. Never reads the store and decides nothing.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from risksvc.core.trading_state import Halt
from risksvc.gate.kill_switch.lease_rules import Held
from risksvc.gate.kill_switch.records import Mark, Record, namespace_of
from risksvc.gate.latch import LatchDamage, LatchState, LocalLatch


class Replica:
    """The latch behind one thread."""

    def __init__(self, latch: LocalLatch) -> None:
        self._latch = latch
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="latch")

    @property
    def state(self) -> LatchState:
        """What is latched; to be looked at, never changed."""
        return self._latch.state

    @property
    def damage(self) -> LatchDamage | None:
        """What was wrong with the latch at start."""
        return self._latch.damage

    async def remember(self, records: Iterable[Record]) -> tuple[Record, ...]:
        """Returns once the records are on disk; gives back those that were new. Raises LatchWriteError."""
        state = self._latch.state
        new = tuple(record for record in records if not state.knows(record))
        if new:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._latch.put, new)
        return tuple(record for record in new if state.add(record))

    def halt(self, halt_id: str) -> Halt | None:
        """A halt that this gate has seen and latched."""
        return self._latch.state.halts.get(halt_id)

    def mark(self, namespace: str) -> Mark:
        """How far this gate has seen the namespace's history; generation "" and epoch 0: never."""
        return self._latch.state.marks.get(namespace) or Mark(namespace, "", 0)

    def held(self, namespace: str) -> Held:
        """What the lease's rules need to know of it."""
        mark = self.mark(namespace)
        here = (halt for halt in self.state.uncleared.values() if namespace_of(halt.scope) == namespace)
        return Held(mark.generation, mark.epoch, {halt.halt_id: halt for halt in here})

    def close(self) -> None:
        """Waits for what is being written, then lets the latch go."""
        self._disk.shutdown(wait=True)
        self._latch.close()
