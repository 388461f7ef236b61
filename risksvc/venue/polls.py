"""The two loops that read the venue in a steady rhythm: the account, and marks.

Invariants: a snapshot is stamped with a heartbeat that came before its read began; a failed read is told and tried
again, more slowly each time, for ever; a command to read now is answered by a read that began after it came.
"""

import asyncio
from collections.abc import Callable

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
    """Reads the account every `positions_every_ms`, and at once when asked to."""

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
        self._wake = asyncio.Event()
        self._backoff = Backoff()

    def read_now(self, command_id: str) -> None:
        """Ask for a read that begins from now on; the command's result follows it."""
        self._asked.append(command_id)
        self._wake.set()

    async def run(self) -> None:
        """Poll for ever."""
        loop = asyncio.get_running_loop()
        deep_s = loop.time() + self._config.deep_fills_every_ms / 1_000
        while True:
            began = loop.time()
            asked, self._asked = self._asked, []
            self._wake.clear()
            deep = bool(asked) or began >= deep_s
            failure = await self._read(Reach.DEEP if deep else Reach.USUAL)
            self._answer(asked, failure)
            if failure is None and deep:
                deep_s = began + self._config.deep_fills_every_ms / 1_000
            due_s = began + self._config.positions_every_ms / 1_000 - loop.time()
            await self._pause(due_s if failure is None else self._backoff.next_s(failure.pause_ms))

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

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._wake.wait()
        except TimeoutError:
            pass


class MarkPoll:
    """Reads marks every `marks_every_ms`."""

    def __init__(
        self, config: VenueConfig, *, marks: MarkReader, clock: GateClock, send: Send, reports: FailureReports
    ) -> None:
        self._config = config
        self._marks = marks
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
            due_s = began + self._config.marks_every_ms / 1_000 - loop.time()
            await asyncio.sleep(max(due_s, 0) if failure is None else self._backoff.next_s(failure.pause_ms))

    async def _read(self) -> ReadFailure | None:
        as_of_ns = await self._clock.as_of_ns()
        try:
            marks = await self._marks.read()
        except ReadFailure as failure:
            self._reports.tell(failure)
            return failure
        self._backoff.reset()
        self._reports.recovered("marks")
        if marks:
            self._send(wire.marks(marks, as_of_ns=as_of_ns))
        return None
