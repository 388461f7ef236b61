"""Anchors: the head of the journal's hash chain told elsewhere, at an interval, at each rotation and at the end.

A head stands for every entry before it, so a journal that was changed afterwards does not fit the anchors, however well
its own checksums were made to fit. Told twice: to the kill switch's store, and as a line on standard output for
whatever collects the gate's output. Rule 1: only what is as durable as configured is anchored: an anchor must never
vouch for entries that a power failure then takes. Rule 2: a failure is counted and told, and never holds the gate up;
the next anchor stands for this one's entries, too.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from risksvc.core.types import MILLISECOND, SECOND, Nanoseconds, RiskError
from risksvc.gate.app import Counters
from risksvc.gate.chain import GENESIS
from risksvc.gate.event_log import log_event, print_event
from risksvc.gate.journal import Head, NotDurableError
from risksvc.gate.kill_switch.anchors import Commands, add_anchor
from risksvc.gate.kill_switch.view import StoreError
from risksvc.gate.owner import TimeSource

ANCHOR_EVENT = "journal_anchor"
_LOOK_SECONDS = 1.0


class AnchorError(RiskError):
    """Something that should be an anchor and is not."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """After `seq` entries the journal of `gate_id` had this head (32 bytes). `at_ms`: wall clock."""

    gate_id: str
    seq: int
    head: bytes
    segment: int
    at_ms: int

    def fields(self) -> dict[str, str]:
        """As text, for the store and for standard output."""
        return {
            "gate": self.gate_id,
            "seq": str(self.seq),
            "head": self.head.hex(),
            "segment": str(self.segment),
            "at_ms": str(self.at_ms),
        }


def read_anchor(fields: Mapping[str, object]) -> Anchor:
    """The anchor of these fields. Raises AnchorError."""
    try:
        head = bytes.fromhex(str(fields["head"]))
        numbers = [int(str(fields[name])) for name in ("seq", "segment", "at_ms")]
        anchor = Anchor(str(fields["gate"]), numbers[0], head, numbers[1], numbers[2])
    except (KeyError, ValueError) as error:
        raise AnchorError(f"not an anchor: {error!r}") from error
    if len(head) != len(GENESIS) or anchor.seq < 1:
        raise AnchorError(f"not an anchor: {anchor}")
    return anchor


class AnchoredJournal(Protocol):
    """What is needed of the journal."""

    @property
    def head(self) -> Head | None:
        """What stands for every entry so far; None while it is being opened."""
        ...

    async def durable(self) -> None:
        """Returns when all that was appended before is as durable as configured."""
        ...


class AnchorStore(Commands, Protocol):
    """What is needed of the store: the kill switch's, over connections of its own."""

    async def close(self) -> None:
        """Lets go of everything."""
        ...


class AnchorKeeper:
    """Anchors one journal. `counters.anchor_failures`: anchors that did not reach the store, or standard output."""

    def __init__(
        self,
        journal: AnchoredJournal,
        store: AnchorStore,
        *,
        gate_id: str,
        clock: TimeSource,
        every_ns: Nanoseconds,
        counters: Counters,
    ) -> None:
        self.last: Anchor | None = None
        self._problem = ""
        self._counters = counters
        self._journal = journal
        self._store = store
        self._gate_id = gate_id
        self._clock = clock
        self._every_ns = every_ns

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if self._due():
                await self.anchor()
            await asyncio.sleep(min(_LOOK_SECONDS, self._every_ns / SECOND))

    def _due(self) -> bool:
        head, last = self._journal.head, self.last
        if head is None or (last is not None and last.seq == head.entries):
            return False
        if last is None or last.segment != head.segment:
            return True
        return self._clock.now() - last.at_ms * MILLISECOND >= self._every_ns

    async def anchor(self) -> None:
        """Tells the head as it is now. Never raises for a store or an output that fails."""
        head = self._journal.head
        if head is None or not head.entries or not head.head:
            return
        try:
            await self._journal.durable()
        except NotDurableError:
            return  # the gate closes over it; nothing is vouched for
        anchor = Anchor(self._gate_id, head.entries, head.head, head.segment, self._clock.now() // MILLISECOND)
        self.last = anchor
        problems = []
        try:
            print_event(ANCHOR_EVENT, anchor.fields())
        except (OSError, ValueError) as error:  # ValueError: it was closed
            problems.append(f"standard output: {error}")
        try:
            await add_anchor(self._store, anchor.fields())
        except StoreError as error:
            problems.append(str(error))
        self._tell("; ".join(problems))

    async def close(self) -> None:
        """A last anchor, of all that was written."""
        if self.last is None or self._journal.head is None or self.last.seq != self._journal.head.entries:
            await self.anchor()
        await self._store.close()

    def _tell(self, problem: str) -> None:
        """Counts each failure; tells the first of a row."""
        self._counters.anchor_failures += bool(problem)
        if problem and not self._problem:
            log_event("journal_anchor_failed", logging.WARNING, message=problem)
        self._problem = problem
