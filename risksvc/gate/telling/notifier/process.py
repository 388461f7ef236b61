"""The notifier's process, as the gate holds it: started when it is first needed, watched, and started again.

Rule 1: nothing here blocks the event loop, and nobody waits for the notifier longer than one attempt may take. Rule 2:
an attempt always gets an outcome: the notifier's, or that it died, or that it did not answer; one that comes too late
is told all the same. Rule 3: a notifier that does not answer for 15 s is killed; started again, it waits longer each
time it did not live long.
"""

import asyncio
import itertools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from risksvc.gate.event_log import log_event
from risksvc.gate.telling.notifier.wire import Attempt, Failed, Outcome, Ping, Pong, Ready, line_of, read_line

START_SECONDS = 60.0
PING_SECONDS = 5.0
SILENT_SECONDS = 15.0
LIVED_SECONDS = 30.0
PAUSES = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
LATE_KEPT = 1000
_ENDING_SECONDS = 5.0
_LINE_BYTES = 1024 * 1024
DIED = "the notifier died while it sent this"
NOT_UP = "the notifier is not running"
COMMAND = (sys.executable, "-P", "-m", "risksvc.gate.telling.notifier.child")
_log = logging.getLogger(__name__)

Late = Callable[[Outcome], None]


class NotifierProcess:
    """One notifier at a time. `up`: it can send; `restarts`: how often it was started again; `problem`: why it is down.

    `late`: told of outcomes that came after their attempt was given up.
    """

    def __init__(self, command: Sequence[str] = COMMAND, *, late: Late | None = None) -> None:
        self.restarts = 0
        self.problem = ""
        self.software = ""
        self.late = late
        self._command = tuple(command)
        self._wanted = asyncio.Event()
        self._up = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._given_up: dict[int, None] = {}
        self._heard_at = 0.0
        self._why = ""

    @property
    def up(self) -> bool:
        """It can send."""
        return self._up.is_set()

    @property
    def fine(self) -> bool:
        """It can send, or nobody has needed it yet."""
        return self.up or not self._wanted.is_set()

    @property
    def pid(self) -> int | None:
        """Its process, while there is one."""
        return None if self._process is None else self._process.pid

    def want(self) -> None:
        """It is needed from now on."""
        self._wanted.set()

    def number(self) -> int:
        """The number of the next attempt."""
        return next(self._numbers)

    async def attempt(self, attempt: Attempt) -> Outcome:
        """Its outcome, within `attempt.seconds`."""
        self.want()
        loop = asyncio.get_running_loop()
        until = loop.time() + attempt.seconds
        if not await self._comes_up(attempt.seconds):
            return Outcome(attempt.number, delivered=False, error=NOT_UP)
        future: asyncio.Future[Outcome] = loop.create_future()
        self._waiting[attempt.number] = future
        try:
            # The notifier's own bound is shorter, so that it can say what went wrong.
            self._say(line_of(replace(attempt, seconds=max(1.0, 0.8 * (until - loop.time())))))
            await asyncio.wait({future}, timeout=max(0.0, until - loop.time()))
            if future.done():
                return future.result()
        finally:
            self._waiting.pop(attempt.number, None)
        self._given_up[attempt.number] = None
        while len(self._given_up) > LATE_KEPT:
            del self._given_up[next(iter(self._given_up))]
        return Outcome(attempt.number, delivered=False, error=f"no answer within {attempt.seconds:g} s")

    async def _comes_up(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    # -- its life ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: starts it when it is wanted, and again when it is gone."""
        await self._wanted.wait()
        loop, short_lives = asyncio.get_running_loop(), 0
        try:
            while True:
                began = loop.time()
                self.problem = await self._lived()
                short_lives = 0 if loop.time() - began > LIVED_SECONDS else short_lives + 1
                pause = PAUSES[min(short_lives, len(PAUSES) - 1)] if short_lives > 1 else 0.0
                self.restarts += 1
                log_event("notifier_ended", logging.WARNING, why=self.problem, again_in_seconds=pause)
                await asyncio.sleep(pause)
        finally:
            await self._end()

    async def _lived(self) -> str:
        try:
            return await self._live()
        except Exception as error:  # noqa: BLE001 - whatever ended it, there must be another
            _log.error("the notifier's life ended by an error in the gate: %r", error)
            return f"internal error: {type(error).__name__}"

    async def _live(self) -> str:
        """One life; why it ended."""
        self._why = ""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # what its libraries say may hold an address
                limit=_LINE_BYTES,
            )
        except OSError as error:
            return f"its process can't be started: {error}"
        self._heard_at = asyncio.get_running_loop().time()
        watching = asyncio.create_task(self._watch(), name="notifier watch")
        try:
            await self._listen()
            async with asyncio.timeout(_ENDING_SECONDS):
                code = await self._process.wait()
        except TimeoutError:
            return "it closed its output and did not end"
        finally:
            watching.cancel()
            await self._end()
        return self._why or f"it ended with code {code}"

    async def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None, "started with a pipe"  # noqa: PT018, S101
        loop = asyncio.get_running_loop()
        with suppress(ValueError):  # a line without end: it is no notifier any more
            while line := await self._process.stdout.readline():
                self._heard_at = loop.time()
                self._take(line)

    def _take(self, line: bytes) -> None:
        said = read_line(line)
        if isinstance(said, Ready):
            self.software, self.problem = said.software, ""
            self._up.set()
            log_event("notifier_ready", software=said.software)
        elif isinstance(said, Outcome):
            self._settle(said)
        elif isinstance(said, Failed):
            self._why = said.why
        elif not isinstance(said, Pong):
            _log.warning("the notifier said what this gate does not understand")

    def _settle(self, outcome: Outcome) -> None:
        future = self._waiting.get(outcome.number)
        if future is not None and not future.done():
            future.set_result(outcome)
        elif outcome.number in self._given_up:
            del self._given_up[outcome.number]
            if self.late is not None:
                self.late(outcome)

    async def _watch(self) -> None:
        """Kills it when it falls silent."""
        loop = asyncio.get_running_loop()
        for number in itertools.count(1):
            await asyncio.sleep(PING_SECONDS)
            if loop.time() - self._heard_at > (SILENT_SECONDS if self.up else START_SECONDS):
                _log.warning("the notifier does not answer and is killed")
                self._kill()
                return
            if self.up:
                self._say(line_of(Ping(number)))

    def _say(self, line: bytes) -> None:
        """Into the pipe; what it does not take is bounded, since each lane has one attempt under way."""
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(line)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _end(self) -> None:
        """It is gone; who waits for it is told so."""
        self._up.clear()
        self._given_up.clear()
        for number, future in self._waiting.items():
            if not future.done():
                future.set_result(Outcome(number, delivered=False, error=DIED))
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ENDING_SECONDS):
                    await process.wait()
        if process.stdin is not None:
            process.stdin.close()
