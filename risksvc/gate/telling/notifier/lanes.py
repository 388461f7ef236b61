"""One lane for each recipient and channel: what has to be sent there, when it is tried again, when it is given up.

Rule 1: lanes know nothing of each other, so a channel that hangs or is dead delays nobody else. Rule 2: in a lane one
attempt is under way at a time; what is new is tried at once, whatever waits for its next attempt. Rule 3: a letter is
settled once: delivered, or given up. Rule 4: a lane is bounded; beyond it the oldest letter is given up, and said so.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from risksvc.gate.telling.contacts_file import Channel, Recipient
from risksvc.gate.telling.notifier.wire import Attempt, Outcome

# Seconds until the next attempt; the last one for all that follow.
PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
GIVE_UP_SECONDS = 900.0
ATTEMPT_SECONDS = 10.0
LETTERS_KEPT = 500
TOO_MANY = "too many messages wait for this channel"
_log = logging.getLogger(__name__)


class Tries(Protocol):
    """What a lane needs of the notifier (`risksvc.gate.telling.notifier.process.NotifierProcess`)."""

    def number(self) -> int:
        """The number of the next attempt."""
        ...

    async def attempt(self, attempt: Attempt) -> Outcome:
        """Its outcome, within `attempt.seconds`."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """How one letter stands after an attempt. `final`: there will be no other."""

    delivered: bool
    final: bool
    error: str = ""


@dataclass(slots=True, eq=False)
class Letter:
    """One message to one recipient by one channel. `report` is called after each attempt, until it is settled."""

    recipient: Recipient
    channel: Channel
    title: str
    body: str
    report: Callable[["Letter", Said], None]
    attempts: int = 0
    began: float = 0.0
    due: float = 0.0
    settled: bool = False

    @property
    def lane(self) -> str:
        """Where it goes."""
        return f"{self.recipient.name}/{self.channel.label}"

    def settle(self, said: Said) -> None:
        """Tells what became of it, unless that is known already."""
        if not self.settled:
            self.settled = said.final
            self.report(self, said)


@dataclass(slots=True, eq=False)
class _Lane:
    letters: list[Letter] = field(default_factory=list)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class Lanes:
    """All lanes; each lives while it has letters."""

    def __init__(self, notifier: Tries) -> None:
        self._notifier = notifier
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tried: dict[int, Letter] = {}

    def post(self, letter: Letter) -> None:
        """To be sent now."""
        letter.began = letter.due = asyncio.get_running_loop().time()
        lane = self._lanes.get(letter.lane)
        if lane is None:
            lane = self._lanes[letter.lane] = _Lane()
            task = asyncio.get_running_loop().create_task(self._run(letter.lane, lane), name=f"lane {letter.lane}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        lane.letters.append(letter)
        lane.woken.set()
        if len(lane.letters) > LETTERS_KEPT:
            oldest = lane.letters.pop(0)
            oldest.settle(Said(delivered=False, final=True, error=TOO_MANY))
            self._forget(oldest)

    def late(self, outcome: Outcome) -> None:
        """An outcome that came after its attempt was given up: what was taken late was taken."""
        letter = self._tried.pop(outcome.number, None)
        if letter is not None and outcome.delivered:
            letter.settle(Said(delivered=True, final=True))

    def close(self) -> None:
        """Nothing more is tried."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, name: str, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        while lane.letters:
            letter = min(lane.letters, key=_due)
            pause = letter.due - loop.time()
            if letter.settled:
                lane.letters.remove(letter)
                self._forget(letter)
            elif pause > 0:
                lane.woken.clear()
                await _woken(lane.woken, pause)
            else:
                await self._try(lane, letter)
        del self._lanes[name]

    async def _try(self, lane: _Lane, letter: Letter) -> None:
        attempt = self._attempt(letter)
        self._tried[attempt.number] = letter
        letter.attempts += 1
        try:
            outcome = await self._notifier.attempt(attempt)
        except Exception as error:  # noqa: BLE001 - a lane that ended would swallow all that comes after
            _log.error("an attempt failed in the gate: %s", type(error).__name__)
            outcome = Outcome(attempt.number, delivered=False, error=f"internal error: {type(error).__name__}")
        now = asyncio.get_running_loop().time()
        final = outcome.delivered or outcome.unusable or now - letter.began >= GIVE_UP_SECONDS
        letter.settle(Said(outcome.delivered, final, outcome.error))
        if outcome.delivered:
            for other in lane.letters:  # the channel works: what waits need not wait longer
                other.due = min(other.due, now)
        letter.due = now + PAUSES[min(letter.attempts, len(PAUSES)) - 1]

    def _forget(self, letter: Letter) -> None:
        self._tried = {number: one for number, one in self._tried.items() if one is not letter}

    def _attempt(self, letter: Letter) -> Attempt:
        source = letter.channel.source
        return Attempt(
            self._notifier.number(),
            letter.lane,
            letter.title,
            letter.body,
            ATTEMPT_SECONDS,
            place="" if source is None else source.key,
            url=letter.channel.url,
            file="" if source is None or source.file is None else str(source.file),
            variable="" if source is None else source.variable,
        )


def _due(letter: Letter) -> float:
    return letter.due


async def _woken(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
