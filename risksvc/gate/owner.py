"""The one door to the state: an Input in, applied, journaled, and only then answered.

Rule 1: apply, journal, reply, in this order; nothing is awaited in between, so no lock is needed. Rule 2: what can't be
journaled was never decided: the owner closes, and its caller gets an exception and never the Outputs. Rule 3: after an
exception the state may be half changed, so it is thrown away and rebuilt from the journal before anything else is
taken. Rule 4: everything happens under one lock, which the event loop holds whenever it runs, and the engine of the
strategy listener for each of its turns (`engine.shared_loop`); other threads `hand_over`. Rule 5: whoever tells anybody
what came of an Input awaits `durable` first; only what closes may be told before.

Two Inputs are journaled with care. A renewed lease matters only through the last one before a decision, so the last is
written just before the next entry of another kind. A tick is written when it gives Outputs: only then it changed state.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from risksvc.core.denials import DenialReason
from risksvc.core.events import FaultLatched, Input, LeaseLost, LeaseRenewed, Ticked
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Output
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, RiskError
from risksvc.gate.codec import encode
from risksvc.gate.journal import JournalStats
from risksvc.gate.replay import Replayed, replay

_log = logging.getLogger(__name__)


class GateClosedError(RiskError):
    """The gate met a fault: nothing is taken until it has been rebuilt, and nothing approved until a person resumes."""


class EntryLog(Protocol):
    """What the owner needs of a journal (`risksvc.gate.journal.Journal`)."""

    def recover(self) -> Iterator[bytes]:
        """Every payload, oldest first; after its end `append` is ready."""
        ...

    def append(self, payload: bytes) -> None:
        """Returns once the entry survives this process; raises otherwise."""
        ...

    async def durable(self) -> None:
        """Returns once all that was appended before survives what the settings ask for; raises otherwise."""
        ...

    def commit(self) -> None:
        """The same for a thread that may wait."""
        ...

    @property
    def stats(self) -> JournalStats:
        """How it stands now."""
        ...


class TimeSource(Protocol):
    """What the owner needs of a clock."""

    def now(self) -> Nanoseconds:
        """Never below an earlier reading."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """What closed the gate. `fatal`: an assertion or an fsync failed, so this process must not go on."""

    what: str
    fatal: bool


Listener = Callable[[Input, tuple[Output, ...], Nanoseconds], None]
Recover = Callable[[EntryLog], Replayed]
Beside = Callable[[Callable[[], Replayed]], Awaitable[Replayed]]


def replay_all(journal: EntryLog) -> Replayed:
    """The state that every entry of a journal gives."""
    return replay(journal.recover())


class Owner:
    """Owns the RiskGate. `gate` must be what the journal's entries give; `journal` must be ready for `append`.

    `listeners` are called after each reply is certain, in order; they must be quick and must not submit. `on_fault` is
    called once for each closing; whoever is called latches a halt and awaits `reopen`. `recover`: gives the state from
    the journal, blocking; `beside`: runs that off the loop, and gives its result on the loop.
    """

    def __init__(
        self,
        gate: RiskGate,
        journal: EntryLog,
        clock: TimeSource,
        *,
        on_fault: Callable[[Fault], None] | None = None,
        recover: Recover = replay_all,
        beside: Beside = asyncio.to_thread,
    ) -> None:
        self.listeners: list[Listener] = []
        self.on_fault = on_fault
        self._gate = gate
        self._journal = journal
        self._clock = clock
        self._recover = recover
        self._beside = beside
        self._lease: tuple[LeaseRenewed, Nanoseconds] | None = None
        self._fault: Fault | None = None
        self._kept: list[Input] = []
        self._reopening = False
        self._must_end = False
        self._taken = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def state(self) -> GateState:
        """The state as it is now; another object after a rebuild, so it is asked for each time and never kept."""
        return self._gate.state

    @property
    def fault(self) -> Fault | None:
        """Why nothing is taken now; None: open."""
        return self._fault

    @property
    def must_end(self) -> bool:
        """True for good once a fault was fatal, reopened or not."""
        return self._must_end

    @property
    def taken(self) -> int:
        """How many Inputs were taken so far: whoever saw it move awaits `durable` before telling anybody."""
        return self._taken

    @property
    def journal_stats(self) -> JournalStats:
        """How the journal stands."""
        return self._journal.stats

    def closed_because(self, account: str, now: Nanoseconds) -> tuple[DenialReason, ...]:
        """Why nothing of an account would be approved, apart from halts, in descending precedence."""
        if self._fault is not None:
            return (DenialReason.GATE_FAULT,)
        return self._gate.closed_because(account, now)

    # -- taking --------------------------------------------------------------------------------------------------

    def submit(self, event: Input) -> tuple[Output, ...]:
        """Applies, journals, gives back the Outputs. Raises GateClosedError; then nothing of it counts."""
        if self._fault is not None:
            raise GateClosedError(self._fault.what)
        now = self._clock.now()
        try:
            outputs = self._gate.apply(event, now)
            self._write(event, outputs, now)
        except Exception as error:
            raise self._close(type(event).__name__, error, fatal=isinstance(error, AssertionError)) from error
        self._taken += 1
        for listener in self.listeners:
            _tell(listener, event, outputs, now)
        return outputs

    def submit_or_keep(self, event: Input) -> None:
        """For what must not be lost (a halt or clear that was seen, a feed that went): kept for the reopening."""
        if self._fault is None:
            with suppress(GateClosedError):
                self.submit(event)
                return
        if isinstance(event, LeaseRenewed | LeaseLost):  # many in a long fault, and only the last one says something
            self._kept = [one for one in self._kept if not isinstance(one, LeaseRenewed | LeaseLost)]
        self._kept.append(event)

    async def durable(self) -> None:
        """Returns once all that was submitted before is as durable as the settings ask for.

        Raises GateClosedError, and closes the gate for good: after an fsync that failed nobody knows what is on the
        disk, nor whether a later one that succeeds means anything.
        """
        if self._fault is not None:
            raise GateClosedError(self._fault.what)
        try:
            await self._journal.durable()
        except Exception as error:
            raise self.not_durable(error) from error

    def commit(self) -> None:
        """The same for a thread that may wait; without the lock. What it raises is for `not_durable`, with the lock."""
        self._journal.commit()

    def not_durable(self, error: Exception) -> GateClosedError:
        """Closes the gate for good, and gives what the caller is told."""
        if self._fault is not None:  # closed meanwhile: the journal is being opened again, and says then what it is
            return GateClosedError(self._fault.what)
        return self._close("the journal", error, fatal=True)

    def hand_over(self, event: Input) -> "Future[tuple[Output, ...]]":
        """The same from another thread."""
        if self._loop is None:
            raise GateClosedError("the gate is not running yet")
        done: Future[tuple[Output, ...]] = Future()
        self._loop.call_soon_threadsafe(self._submit_into, event, done)
        return done

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the loop on whose thread everything happens."""
        self._loop = loop

    def _submit_into(self, event: Input, done: "Future[tuple[Output, ...]]") -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            done.set_result(self.submit(event))
        except RiskError as error:
            done.set_exception(error)

    def _write(self, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        if not outputs and isinstance(event, LeaseRenewed):
            # What counts is the latest end that was promised.
            if self._lease is None or event.valid_until >= self._lease[0].valid_until:
                self._lease = (event, now)
            return
        if not outputs and isinstance(event, Ticked):
            return
        if self._lease is not None:
            lease, at = self._lease
            self._append(lease, (), at)
            self._lease = None
        self._append(event, outputs, now)

    def _append(self, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        self._journal.append(encode(self._journal.stats.entries + 1, now, event, outputs))

    # -- faults --------------------------------------------------------------------------------------------------

    def _close(self, doing: str, error: Exception, *, fatal: bool) -> GateClosedError:
        what = f"{doing}: {error if isinstance(error, RiskError) else repr(error)}"
        self._must_end = self._must_end or fatal
        if self._fault is None:
            self._fault = Fault(what, fatal=fatal)
            _log.critical("the gate is closed: %s", what, exc_info=error)
            if self.on_fault is not None and not self._reopening:
                self.on_fault(self._fault)
        return GateClosedError(what)

    async def reopen(self) -> None:
        """Rebuilds the state from the journal, off the loop; then, in one step on it, takes up what was kept.

        Until that step nothing is taken, and what must not be lost is kept. Raises when the journal can't be read or
        written yet: the owner stays closed, for the reason that it had. Cancelled, it stays closed likewise; the
        journal may then still be read beside the loop, so it must not be opened again by this process.
        """
        if self._fault is None or self._reopening:
            return
        self._reopening = True
        try:
            rebuilt = await self._beside(lambda: self._recover(self._journal))
            self._swap(rebuilt.gate)
        finally:
            self._reopening = False

    def _swap(self, gate: RiskGate) -> None:
        if self._fault is None:
            raise AssertionError("only a closed gate is rebuilt")
        fault = self._fault
        self._gate, self._lease, self._fault = gate, None, None
        try:
            self._take_up(FaultLatched(fault.what))
        except GateClosedError:
            self._fault = Fault(fault.what, fatal=self._must_end)
            raise

    def _take_up(self, latched: FaultLatched) -> None:
        while self._kept:
            self.submit(self._kept[0])
            del self._kept[0]
        self.submit(latched)


def _tell(listener: Listener, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
    try:
        listener(event, outputs, now)
    except Exception:  # noqa: BLE001 - what was decided stands; whoever only listens can't undo it
        _log.exception("a listener failed on %s", type(event).__name__)
