"""Which limits file is in force, and what became of every attempt to load one.

Rule 1: the file is read in a process of its own (`risksvc.gate.limits_loading`), and what it gives is taken up in
portions, so that no check waits for a large one; the swap itself is one Input to the owner: whole or not at all.
Rule 2: one attempt at a time, each compared with the limits that are in force then. Rule 3: a file with a mistake
changes nothing but the counts.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from risksvc.core.limits import Limits
from risksvc.core.types import Nanoseconds
from risksvc.gate import aside
from risksvc.gate.codec import Table
from risksvc.gate.config_problems import FileProblem, LimitsFileError
from risksvc.gate.limits_bytes import Unpacking
from risksvc.gate.limits_file import LoadedLimits, effective
from risksvc.gate.limits_loading import (
    Answer,
    decode_answer,
    decode_packed,
    decode_pieces,
    decode_text,
    problems_of,
    show,
)

LONGEST_SECONDS = 120.0
NICENESS = 10
_ENDING_SECONDS = 5.0
_LET_GO_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """A file that was read, ready to be put in force.

    `written`: its tables as the journal will hold them. `shown`, `changes`: pieces of GetLimitsResponse and
    ReloadLimitsResponse, a few entries each.
    """

    loaded: LoadedLimits
    written: Sequence[tuple[Table, bytes]]
    shown: Sequence[bytes]
    changes: Sequence[bytes]


@dataclass(slots=True)
class LimitsKeeper:
    """The limits file and its history in this process.

    `text`: the file as loaded, empty while the limits are those of the journal. `last_error` empty: the last attempt
    succeeded. `warnings`: of the file in force. `shown`: the limits in force as people read them, in pieces.
    """

    path: Path
    text: str = ""
    loaded_at: Nanoseconds = 0
    loaded_by: str = ""
    reloads: int = 0
    failures: int = 0
    last_error: str = ""
    warnings: tuple[str, ...] = ()
    shown: Sequence[bytes] = ()
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin(self, limits: Limits) -> None:
        """These are in force at the start; takes a while where there are many."""
        self.shown = show(effective(limits))

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """One attempt to load; others wait for it."""
        async with self._turn:
            yield

    async def read(self) -> ReadLimits:
        """The file as it is now. Raises LimitsFileError."""
        found = await self._ask()
        if found.problems:
            raise LimitsFileError(problems_of(found))
        await asyncio.sleep(0)
        unpacking = Unpacking(decode_packed(found.packed))
        await in_turns(unpacking)
        loaded = LoadedLimits(unpacking.limits(), decode_text(found.text), self.path, found.warnings)
        await asyncio.sleep(0)
        shown = decode_pieces(found.effective)
        await asyncio.sleep(0)
        return ReadLimits(loaded, unpacking.written, shown, decode_pieces(found.changes))

    def took(self, read: ReadLimits, *, by: str, at: Nanoseconds) -> None:
        """New limits are in force."""
        self.shown = read.shown
        self.started(read.loaded, by=by, at=at)

    def started(self, loaded: LoadedLimits, *, by: str, at: Nanoseconds) -> None:
        """The same at the start, where they are shown by `begin`."""
        self.text, self.warnings = loaded.text, loaded.warnings
        self.loaded_by, self.loaded_at = by, at
        self.last_error = ""

    def refused(self, error: LimitsFileError) -> None:
        """A file was refused; what was in force stands."""
        self.failures += 1
        self.last_error = str(error)

    async def _ask(self) -> Answer:
        words = aside.words("risksvc.gate.limits_loading", str(self.path), str(os.getpid()), niceness=NICENESS)
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        except OSError as error:
            raise self._problem(f"the process that reads it can't be started: {error}") from error
        try:
            return await asyncio.wait_for(_exchange(process, self.shown), LONGEST_SECONDS)
        except TimeoutError:
            raise self._problem(f"the process that reads it took longer than {LONGEST_SECONDS:g} s") from None
        except msgspec.MsgspecError:
            what = f"the process that reads it ended with code {process.returncode} and gave nothing; see the log"
            raise self._problem(what) from None
        finally:
            await _end(process)

    def _problem(self, what: str) -> LimitsFileError:
        return LimitsFileError((FileProblem(str(self.path), 0, "", what),))


async def _exchange(process: asyncio.subprocess.Process, shown: Sequence[bytes]) -> Answer:
    """Gives it what it compares with, in pieces, while it says what it found."""
    assert process.stdin is not None, "asked for"  # noqa: S101 - a pipe was asked for
    assert process.stdout is not None, "asked for"  # noqa: S101 - a pipe was asked for
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended early, and its answer says why
        for piece in shown:
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()
    said = await process.stdout.read()
    await process.wait()
    await asyncio.sleep(0)
    return decode_answer(said)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.wait_for(process.wait(), _ENDING_SECONDS)


async def in_turns(steps: Iterable[object]) -> None:
    """Takes every step; whoever waits for the thread that decides has it in between."""
    for _ in steps:
        await asyncio.sleep(0)


async def let_go(rows: list[object]) -> None:
    """Forgets the rows of limits that are not in force any more: freed at once, they would hold up a check."""
    while rows:
        del rows[-_LET_GO_AT_ONCE:]
        await asyncio.sleep(0)
