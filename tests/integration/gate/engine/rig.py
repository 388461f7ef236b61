"""An engine with made-up methods on a loop of its own, as the gate runs it, and what a client needs to call it."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import grpc

from risksvc.core.types import MalformedInputError
from risksvc.gate.engine.choosing import make_engine
from risksvc.gate.engine.methods import Engine, Method, Served, Session, StatusError, Unary, Watch
from risksvc.gate.engine.settings import EngineKind, EngineSettings, Standing
from risksvc.gate.engine.shared_loop import SharedLoop
from risksvc.gate.owner import GateClosedError
from risksvc.gate.servers import STRATEGY_BUDGET, channel_options

PATIENCE = 20.0
_Result = TypeVar("_Result")


@dataclass
class Tallies:
    malformed: int = 0
    expired: int = 0
    internal_errors: int = 0


@dataclass
class Journal:
    """Stands behind the handlers. `open`: whether the disk answers; `error`: what it answers with."""

    taken: int = 0
    commits: int = 0
    closed: list[Exception] = field(default_factory=list)
    error: Exception | None = None
    open: threading.Event = field(default_factory=threading.Event)

    async def durable(self) -> None:
        try:
            await asyncio.to_thread(self.commit)
        except OSError as error:
            raise self.not_durable(error) from error

    def commit(self) -> None:
        self.commits += 1
        assert self.open.wait(PATIENCE)
        if self.error is not None:
            raise self.error

    def not_durable(self, error: Exception) -> Exception:
        self.closed.append(error)
        return GateClosedError("the journal")


def raising(error: Exception) -> Callable[[], bytes]:
    def fail() -> bytes:
        raise error

    return fail


class Rig:
    """`handled`: every request that a handler was asked. Requests name what becomes of them."""

    def __init__(self, kind: EngineKind, *, rpcs: int = 64, spin_ns: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rs"))
        self.target = f"unix:{self.folder}/e.sock"
        self.handled: list[bytes] = []
        self.watching = 0
        self.journal, self.tallies = Journal(), Tallies()
        self.journal.open.set()
        self.failure: BaseException | None = None
        self.hold = threading.Event()
        self.engine: Engine
        self.loop: SharedLoop
        self.secure_port = 0
        self.credentials: grpc.ServerCredentials | None = None
        self.kind, self._rpcs, self._spin_ns = kind, rpcs, spin_ns
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._ending = False
        self._channels: list[grpc.Channel] = []

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels:
            channel.close()
        self.hold.set()
        self.journal.open.set()
        self.stop(0.5)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        shutil.rmtree(self.folder)

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=SharedLoop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SharedLoop)
        self.loop, self._stopped = loop, asyncio.Event()
        options = tuple(channel_options(STRATEGY_BUDGET))
        served = Served(self._methods(), self.journal, self.tallies, options, self._rpcs)
        self.engine = make_engine(Standing(self.kind), EngineSettings(self.kind, self._spin_ns), served)
        assert self.engine.add_insecure_port(self.target) == 1
        if self.credentials is not None:
            self.secure_port = self.engine.add_secure_port("127.0.0.1:0", self.credentials)
        await self.engine.start()
        failed = asyncio.ensure_future(self.engine.failed())
        failed.add_done_callback(self._failed)
        self._up.set()
        await self._stopped.wait()
        failed.cancel()
        await asyncio.gather(failed, return_exceptions=True)

    def _failed(self, failed: "asyncio.Future[None]") -> None:
        if not failed.cancelled():
            self.failure = failed.exception()

    def stop(self, grace: float) -> None:
        async def stop() -> None:
            await self.engine.stop(grace)
            self._stopped.set()

        if not self._ending:  # the loop ends soon after, and takes nothing more
            self._ending = True
            self.on_loop(stop())

    def on_loop(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE)

    # -- what is served ------------------------------------------------------------------------------------------

    def _methods(self) -> tuple[Method, ...]:
        return Unary("/t/Echo", self._handle), Session("/t/Talk", self._handle), Watch("/t/Watch", self._follow)

    def _handle(self, data: bytes) -> bytes:
        self.handled.append(data)
        table: dict[bytes, Callable[[], bytes]] = {
            b"malformed": raising(MalformedInputError("quantity", "must be positive")),
            b"closed": raising(GateClosedError("a fault")),
            b"bug": raising(RuntimeError("a secret of the inside")),
            b"status": raising(StatusError(grpc.StatusCode.NOT_FOUND, "nobody")),
            b"hold": self._held,
            b"slow": lambda: self._slow(data),
            b"take": self._take,
            b"wake": self._wake,
        }
        return table.get(data.partition(b" ")[0], lambda: data)()

    def _held(self) -> bytes:
        assert self.hold.wait(PATIENCE)
        return b"held"

    def _slow(self, data: bytes) -> bytes:
        time.sleep(float(data.removeprefix(b"slow")))
        return data

    def _take(self) -> bytes:
        self.journal.taken += 1
        return b"taken"

    def _wake(self) -> bytes:
        """As a listener of the owner would."""
        self._left = asyncio.get_running_loop().create_task(self._woken())
        return b"waking"

    async def _woken(self) -> None:
        self.handled.append(b"woken")

    async def _follow(self, data: bytes) -> AsyncGenerator[bytes, None]:
        if data == b"bug":
            raise RuntimeError("a secret of the inside")
        if data == b"full":
            raise StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "no room")
        self.watching += 1
        try:
            for number in range(int(data)):
                yield b"%d" % number
                await asyncio.sleep(0.01)
        finally:
            self.watching -= 1

    # -- calling -------------------------------------------------------------------------------------------------

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channel = grpc.insecure_channel(self.target, options=options)
        self._channels.append(channel)
        return channel

    def echo(self) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
        return unary(self.channel(), "/t/Echo")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < ends, what
            time.sleep(0.005)


def unary(channel: grpc.Channel, name: str) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
    """Bytes as they are."""
    calls: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(name)
    return calls


def talk(channel: grpc.Channel, name: str) -> "grpc.StreamStreamMultiCallable[bytes, bytes]":
    calls: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(name)
    return calls


def watch(channel: grpc.Channel) -> "grpc.UnaryStreamMultiCallable[bytes, bytes]":
    calls: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/t/Watch")
    return calls
