"""The gate's private Redis, for whoever has none: a real server on a unix socket in the state folder.

Rule 1: one server per folder. The server inherits the folder's lock, so the lock is held exactly as long as a server
runs there, whoever started it; two never write one append-only file. Rule 2: a server that is found running (the gate
was killed a moment ago) has the data: it is used as long as it answers, and ended when it does not. Rule 3: a server
that dies is started again, ever slower; its data stays, and what it lost the latch gives back. Ends only processes that
it started or that hold this folder's lock, by their id. Start it from a thread that lives as long as the gate.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

from redis.exceptions import RedisError

from risksvc.core.types import RiskError
from risksvc.gate.file_lock import LockedError, lock_file, private_folder, write_pid
from risksvc.gate.kill_switch.cancelling import heed_cancel
from risksvc.gate.kill_switch.redis_client import open_client
from risksvc.gate.redis_server import find_server, last_words, start_server
from risksvc.gate.store_place import check_private, private_place, url_of

_READY_SECONDS = 10.0
_LOAD_SECONDS = 60.0
_STEP_SECONDS = 0.01
_ENDING_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_STABLE_SECONDS = 10.0


class EmbeddedRedisError(RiskError):
    """The private server does not start or does not answer."""


class EmbeddedRedis:
    """A private server. `folder`: in the state folder, only for this. `binary`: None lets `find_server` choose.

    Nothing is made on disk before `start`.
    """

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self._place = private_place(folder)
        self._binary = binary
        self._process: Popen[bytes] | None = None
        self._pid = 0
        self._stopping = False

    @property
    def socket_path(self) -> Path:
        """Where it listens."""
        return self._place.socket

    @property
    def url(self) -> str:
        """Its address, as --redis-url would have it."""
        return url_of(self._place)

    @property
    def process(self) -> Popen[bytes] | None:
        """The server if this process started it; None: one that was found running."""
        return self._process

    @property
    def pid(self) -> int:
        """The running server's process id; 0: none."""
        return self._pid

    async def start(self) -> None:
        """Returns when a server answers. Raises EmbeddedRedisError or NoServerError, saying what to do."""
        self._stopping = False
        self._make_folders()
        await self._begin()

    async def supervise(self) -> None:
        """Starts the server again whenever it dies; until it is stopped, or this is cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not self._stopping:
            since = loop.time()
            if self._pid:
                await _ended(self._pid)
                self._forget()
            pause = _FIRST_PAUSE_SECONDS if loop.time() - since > _STABLE_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with suppress(RiskError, OSError):
                await self._begin()
            heed_cancel()

    async def stop(self) -> None:
        """Ends the server, whether started or found; its data is on disk."""
        self._stopping = True
        await self._end()

    def _make_folders(self) -> None:
        private_folder(self._place.folder)
        apart = self._place.socket.parent
        if apart != self._place.folder:
            apart.mkdir(mode=0o700, exist_ok=True)
            check_private(apart)

    async def _begin(self) -> None:
        if self._stopping:
            return
        lock = await self._take_lock()
        if lock is None:
            return  # one is running, and answers
        try:
            self._launch(lock)
        finally:
            os.close(lock)
        try:
            await self._wait_ready()
        except BaseException:
            await self._end()
            raise

    def _forget(self) -> None:
        if self._process is not None:
            self._process.wait()
        self._process, self._pid = None, 0

    def _launch(self, lock: int) -> None:
        self._place.socket.unlink(missing_ok=True)
        binary = self._binary or find_server()
        try:
            self._process = start_server(binary, self._place, keep_open=lock, parent=os.getpid())
        except OSError as error:
            raise EmbeddedRedisError(f"{binary} can't be started: {error}") from error
        self._pid = self._process.pid
        write_pid(lock, self._pid)

    async def _take_lock(self) -> int | None:
        """The folder's lock, free for a new server; None when an old one answers and is used."""
        deadline = asyncio.get_running_loop().time() + 2 * _ENDING_SECONDS
        killed = False
        while True:
            try:
                return lock_file(self._place.folder / "lock")
            except LockedError as held:
                if await self._answers() and self._holds(held.pid):
                    self._process, self._pid = None, held.pid
                    return None
                remaining = deadline - asyncio.get_running_loop().time()
                if remaining < 0:
                    raise EmbeddedRedisError(
                        f"{self._place.folder}: process {held.pid} holds this folder and does not answer; end it"
                    ) from held
                if remaining < _ENDING_SECONDS and not killed:
                    killed = True
                    self._kill_holder(held.pid)
            await asyncio.sleep(5 * _STEP_SECONDS)

    def _kill_holder(self, pid: int) -> None:
        """Ends a server of this folder that does not answer."""
        if self._holds(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _holds(self, pid: int) -> bool:
        """True when that very process, which is not this one, has the lock's file open: it is this folder's server."""
        lock = self._place.folder / "lock"
        try:
            return pid != os.getpid() and any(entry.samefile(lock) for entry in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            return False

    async def _wait_ready(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not await self._answers():
            waited = loop.time() - started
            if self._process is not None and self._process.poll() is not None:
                raise EmbeddedRedisError(f"the private Redis ended at once: {last_words(self._place)}")
            if waited > (_LOAD_SECONDS if self._place.socket.exists() else _READY_SECONDS):
                raise EmbeddedRedisError(f"the private Redis did not answer: {last_words(self._place)}")
            await asyncio.sleep(_STEP_SECONDS)

    async def _answers(self) -> bool:
        if not self._place.socket.exists():
            return False
        client = open_client(self.url)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    async def _end(self) -> None:
        pid = self._pid
        if not pid:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_ENDING_SECONDS):
                await _ended(pid)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await _ended(pid)
        self._forget()


async def _ended(pid: int) -> None:
    """Returns when the process has ended, ours or not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)  # a process descriptor is readable once the process has ended
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
