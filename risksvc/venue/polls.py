"""The loops that read the venue in a steady rhythm: the account as a whole, and marks, balances, fills by themselves.

Invariants: what is sent is stamped with a heartbeat that came before its read began; a failed read is told and tried
again, more slowly each time, for ever; a command to read now is answered by a read that began after it came. However
much is asked and however many events come, the complete reads that they cause begin `stream_debounce_ms` apart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.commands import CommandOutcome
from risksvc.venue.config import VenueConfig
from risksvc.venue.failures import ReadFailure
from risksvc.venue.fills import Reach
from risksvc.venue.gate_link import GateClock
from risksvc.venue.marks import MarkReader
from risksvc.venue.reader import AccountReader
from risksvc.venue.reports import FailureReports

Send = Callable[[venue_pb2.FeedRequest], None]
ReadOnce = Callable[[int], Awaitable[venue_pb2.FeedRequest | None]]  # stamped with the gate's time of the argument

_BACKOFF_MIN_MS, _BACKOFF_MAX_MS = 200, 5_000
_ACCOUNT_LISTS = ("positions", "open_orders", "fills")


class Backoff:
    """Doubling pauses, from the first failure to the next success."""

    def __init__(self) -> None:
        self._ms = 0

    def reset(self) -> None:
        """Begin anew after a success."""
        self._ms = 0

    def next_s(self, at_least_ms: int = 0) -> float:
        """Give the pause after one more failure, seconds."""
        self._ms = min(max(self._ms * 2, _BACKOFF_MIN_MS), _BACKOFF_MAX_MS)
        return max(self._ms, at_least_ms) / 1_000


class AccountPoll:
    """Reads the account every `positions_every_ms`, at once when asked to, and soon after an event."""

    def __init__(
        self,
        config: VenueConfig,
        *,
        reader: AccountReader,
        marks: MarkReader,
        clock: GateClock,
        send: Send,
        reports: FailureReports,
    ) -> None:
        self._config = config
        self._reader = reader
        self._marks = marks
        self._clock = clock
        self._send = send
        self._reports = reports
        self._asked: list[str] = []
        self._asked_s = inf
        self._triggered_s = inf
        self._deep = False
        self._wake = asyncio.Event()
        self._backoff = Backoff()

    def read_now(self, command_id: str) -> None:
        """Ask for a read that begins from now on; the command's result follows it."""
        self._asked.append(command_id)
        self.read_deep()

    def read_deep(self) -> None:
        """Ask for a read that begins from now on and reaches far back."""
        self._deep = True
        self._asked_s = self._now()
        self._wake.set()

    def trigger(self) -> None:
        """Ask for a read soon: something has happened. What else happens until then is in the same read."""
        if self._triggered_s == inf:
            self._triggered_s = self._now() + self._config.stream_debounce_ms / 1_000
            self._wake.set()

    async def run(self) -> None:
        """Poll for ever."""
        deep_every_s = self._config.deep_fills_every_ms / 1_000
        deep_s = self._now() + deep_every_s
        while True:
            began = self._now()
            asked, self._asked = self._asked, []
            deep, self._deep = self._deep or began >= deep_s, False
            self._asked_s = self._triggered_s = inf
            failure = await self._read(Reach.DEEP if deep else Reach.USUAL)
            self._answer(asked, failure)
            if failure is None and deep:
                deep_s = began + deep_every_s
            if failure is None:
                await self._pause(began, due_s=began + self._config.positions_every_ms / 1_000)
            else:
                self._deep = self._deep or deep
                await self._pause(began, due_s=self._now() + self._backoff.next_s(failure.pause_ms), failed=True)

    async def _read(self, reach: Reach) -> ReadFailure | None:
        as_of_ns = await self._clock.as_of_ns()
        try:
            snapshot = await self._reader.read(reach)
        except ReadFailure as failure:
            self._reports.tell(failure)
            return failure
        self._backoff.reset()
        self._reports.recovered(*_ACCOUNT_LISTS)
        self._marks.held = snapshot.instruments()
        self._send(wire.snapshot(snapshot, as_of_ns=as_of_ns))
        return None

    def _answer(self, command_ids: list[str], failure: ReadFailure | None) -> None:
        outcome = CommandOutcome(ok=True) if failure is None else CommandOutcome(ok=False, error=str(failure))
        for command_id in command_ids:
            self._send(wire.command_result(command_id, outcome))

    async def _pause(self, began: float, *, due_s: float, failed: bool = False) -> None:
        """Wait until the next read is due or wanted; events do not hurry a venue that is failing."""
        gap_s = self._config.stream_debounce_ms / 1_000
        ended = self._now()
        while True:
            triggered_s = max(self._triggered_s, due_s if failed else ended + gap_s)  # it never reads all the time
            at_s = min(due_s, max(min(self._asked_s, triggered_s), began + gap_s))
            if at_s <= self._now():
                return
            self._wake.clear()
            await either(self._wake, at_s - self._now())

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


class SteadyPoll:
    """Does one kind of read every so often and sends what it gives. `what` names it in failures, as they name it."""

    def __init__(
        self, what: str, every_ms: int, *, read: ReadOnce, clock: GateClock, send: Send, reports: FailureReports
    ) -> None:
        self._what = what
        self._every_s = every_ms / 1_000
        self._read_once = read
        self._clock = clock
        self._send = send
        self._reports = reports
        self._backoff = Backoff()

    async def run(self) -> None:
        """Poll for ever."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            failure = await self._read()
            due_s = began + self._every_s - loop.time()
            await asyncio.sleep(max(due_s, 0) if failure is None else self._backoff.next_s(failure.pause_ms))

    async def _read(self) -> ReadFailure | None:
        as_of_ns = await self._clock.as_of_ns()
        try:
            message = await self._read_once(as_of_ns)
        except ReadFailure as failure:
            self._reports.tell(failure)
            return failure
        self._backoff.reset()
        self._reports.recovered(self._what)
        if message is not None:
            self._send(message)
        return None


async def either(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or so long."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        pass
