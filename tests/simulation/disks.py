"""What survives a kill: a gate's journal and latch, in memory, behind the interfaces of the real ones.

The journal keeps encoded entries and the latch keeps records once they are "on disk"; a process that is dead writes
nothing. The rules of what is latched are the product's own (`LatchState`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from risksvc.core.trading_state import Halt
from risksvc.core.types import RiskError
from risksvc.gate.journal import JournalStats, JournalWriteError
from risksvc.gate.kill_switch.records import Record
from risksvc.gate.latch import LatchDamage, LatchState, LatchWriteError


@dataclass(slots=True)
class Disk:
    """One gate's state folder. `power_lost`: the journal, which is not flushed, lost its end once."""

    entries: list[bytes] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    full: bool = False
    power_lost: bool = False

    def halt_ids(self) -> list[str]:
        """The halts in the latch."""
        return [record.halt_id for record in self.records if isinstance(record, Halt)]

    def lose_power(self, lost: int) -> None:
        """What was written without a flush may be gone: the journal's last entries. The latch flushes each record."""
        del self.entries[max(0, len(self.entries) - lost) :]
        self.power_lost = True


class DeadProcessError(RiskError):
    """A process that was killed tried to write."""


class MemoryJournal:
    """An `EntryLog` on a Disk. `alive`: whether the process that writes still runs."""

    def __init__(self, disk: Disk, *, alive: Callable[[], bool]) -> None:
        self._disk = disk
        self._alive = alive
        self._failed = ""

    def recover(self) -> Iterator[bytes]:
        self._failed = ""
        return iter(tuple(self._disk.entries))

    def append(self, payload: bytes) -> None:
        if not self._alive():
            raise DeadProcessError("the journal of a dead process")
        if self._disk.full or self._failed:
            self._failed = "no space left; nothing more is taken until the journal is opened again"
            raise JournalWriteError(self._failed)
        self._disk.entries.append(payload)

    async def durable(self) -> None:
        """Durability `process`: an entry that was appended survives the process."""

    def commit(self) -> None:
        """The same."""

    @property
    def stats(self) -> JournalStats:
        count = len(self._disk.entries)
        return JournalStats(count, 0, 1, "memory", "process", 0, 0, self._failed)


class MemoryLatch:
    """What `Replica` needs of a `LocalLatch`, on a Disk."""

    def __init__(self, disk: Disk, *, alive: Callable[[], bool]) -> None:
        self.damage: LatchDamage | None = None
        self.state = LatchState()
        self._disk = disk
        self._alive = alive
        for record in disk.records:
            self.state.add(record)

    def write(self, records: Iterable[Record]) -> tuple[Record, ...]:
        new = tuple(record for record in records if not self.state.knows(record))
        self.put(new)
        return tuple(record for record in new if self.state.add(record))

    def put(self, records: tuple[Record, ...]) -> None:
        if not self._alive():
            raise DeadProcessError("the latch of a dead process")
        if self._disk.full:
            raise LatchWriteError("the latch can't be written: no space left; free or repair the disk")
        self._disk.records.extend(records)

    def close(self) -> None:
        pass
