"""The store as a simulated gate sees it: `Store`'s calls over the simulated network to the servers of the model.

As the real one: one patience per call, then StoreUnreachableError, no retry; what was asked for may still be executed
later. A call that failed looks the primary's address up again, and so does `reconnect`.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MILLISECOND
from risksvc.gate.kill_switch.records import Heartbeat
from risksvc.gate.kill_switch.server_link import CALL_TIMEOUT_SECONDS, WAIT_MS
from risksvc.gate.kill_switch.view import (
    Added,
    Beginning,
    ClearGuard,
    ClearsWritten,
    Initialised,
    StoreError,
    StoreUnreachableError,
    StoreView,
)
from tests.simulation.network import Network
from tests.simulation.servers import Server
from tests.simulation.virtual_time import Process

WAIT_NS = WAIT_MS * MILLISECOND
_T = TypeVar("_T")
Ask = Callable[[Server], _T]


@dataclass(frozen=True, slots=True)
class ClearAsked:
    """What is known of a clear when it is sent: by whom, when, and which halts its author could see."""

    who: str
    at: int
    known: frozenset[str]


class Listener(Protocol):
    """Hears what servers execute; `clear_asked` is called when a clear leaves its gate."""

    def halts_stored(self, server: Server, halts: Sequence[Halt]) -> None: ...

    def clear_asked(self, who: str) -> ClearAsked: ...

    def clears_stored(self, server: Server, namespace: str, clears: Sequence[Clear], asked: ClearAsked) -> None: ...


class Cluster:
    """Servers, who is primary, and who knows. `quorum`: replicas that must acknowledge."""

    def __init__(self, servers: Sequence[Server], network: Network, *, quorum: int, listener: Listener) -> None:
        self.servers = list(servers)
        self.network = network
        self.quorum = quorum
        self.primary = self.servers[0]
        self.old: Server | None = None  # a primary that was replaced and does not know
        self.believers: dict[str, None] = {}  # processes that still find the old one
        self.subscribers: dict[str, tuple[Process, tuple[str, ...], Callable[[Halt | None], None]]] = {}
        self.listener = listener

    def address_for(self, who: str) -> Server:
        return self.old if self.old is not None and who in self.believers else self.primary

    def publish(self, server: Server, namespace: str, halts: Sequence[Halt]) -> None:
        """A namespace's channel: to whoever listens to it on this server; a clear is told as None."""
        for name, (process, follows, hear) in self.subscribers.items():
            if namespace in follows and self.address_for(name) is server:
                for halt in halts or (None,):
                    self.network.send(server.name, name, hear, halt, process=process)

    def acknowledged(self, server: Server) -> tuple[bool, int]:
        """Whether enough replicas will have acknowledged what was just written, and after how long."""
        if not self.quorum:
            return True, 0
        lags = sorted(one.lag for one in self.servers if one.following is server and one.frozen is None and one.up)
        if len(lags) < self.quorum or 2 * lags[self.quorum - 1] > WAIT_NS:
            return False, WAIT_NS
        return True, 2 * lags[self.quorum - 1]


class SimulatedStore:
    """One process's connection to the cluster."""

    def __init__(self, process: Process, cluster: Cluster) -> None:
        self._process = process
        self._cluster = cluster
        self._server = cluster.address_for(process.name)

    @property
    def address(self) -> str:
        return f"model://{self._server.name}"

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        view, quorum = await self._call(lambda server: server.poll(namespace, gate_id, heartbeat))
        return view if quorum else replace(view, quorum=False)

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        given = tuple(halts)

        def add(server: Server) -> Added:
            added = server.add_halts(namespace, given, least_epoch)
            if added.new:
                self._cluster.publish(server, namespace, given)
            self._cluster.listener.halts_stored(server, given)
            return added

        added, quorum = await self._call(add)
        return added if quorum else replace(added, quorum=False)

    async def add_new_halt(self, namespace: str, halt: Halt) -> Added:
        _, added = await asyncio.gather(self._tell(namespace, halt), self.add_halts(namespace, [halt]))
        return added

    async def _tell(self, namespace: str, halt: Halt) -> None:
        with suppress(StoreError):
            await self._call(lambda server: self._cluster.publish(server, namespace, (halt,)))

    async def add_clears(self, namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        given, asked = tuple(clears), self._cluster.listener.clear_asked(self._process.name)

        def add(server: Server) -> ClearsWritten:
            before = server.space(namespace)
            written = server.add_clears(namespace, given, guard)
            if server.space(namespace) is not before:
                self._cluster.publish(server, namespace, ())
                self._cluster.listener.clears_stored(server, namespace, given, asked)
            return written

        written, quorum = await self._call(add)
        return written if quorum else replace(written, quorum=False)

    async def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        if beginning.halts:
            await self.add_halts(namespace, beginning.halts)
        return (await self._call(lambda server: server.initialise(namespace, beginning)))[0]

    async def reconnect(self) -> None:
        self._server = self._cluster.address_for(self._process.name)

    async def close(self) -> None:
        pass

    async def _call(self, ask: Ask[_T]) -> tuple[_T, bool]:
        """Executes it on the server; what it gave, and whether enough replicas have it."""
        process, network = self._process, self._cluster.network
        future: asyncio.Future[Any] = process.create_future()
        timer = process.call_later(CALL_TIMEOUT_SECONDS, _fail, future, "no answer in time")
        exchange = _Exchange(self._cluster, self._server, process, ask, future)
        network.send(process.name, self._server.name, exchange.arrive)
        try:
            answer: tuple[_T, bool] = await future
        except StoreUnreachableError:
            self._server = self._cluster.address_for(process.name)
            raise
        finally:
            timer.cancel()
        return answer


class _Exchange:
    """One request and its reply."""

    __slots__ = ("_ask", "_cluster", "_future", "_process", "_server")

    def __init__(  # noqa: PLR0917
        self, cluster: Cluster, server: Server, process: Process, ask: Ask[Any], future: "asyncio.Future[Any]"
    ) -> None:
        self._cluster = cluster
        self._server = server
        self._process = process
        self._ask = ask
        self._future = future

    def arrive(self) -> None:
        """At the server; one that hangs takes it up when it wakes, whoever still waits."""
        server = self._server
        if not server.up:
            self._reply(_fail, f"{server.name} is down")
        elif server.hung:
            server.waiting.append(self.arrive)
        elif not server.is_primary:
            self._reply(_fail, f"{server.name} is a replica: READONLY")
        else:
            scheduler, starts, cuts = self._cluster.network.scheduler, server.starts, self._cuts()
            answer = self._ask(server)
            quorum, wait = self._cluster.acknowledged(server)
            if not wait and not server.slow:
                self._reply(_succeed, (answer, quorum))
                return
            scheduler.at(scheduler.now + wait + server.slow, self._waited, answer, quorum, starts, cuts)

    def _cuts(self) -> int:
        return sum(server.cuts for server in self._cluster.servers)

    def _waited(self, answer: object, quorum: bool, starts: int, cuts: int) -> None:  # noqa: FBT001
        if self._server.up and self._server.starts == starts:
            self._reply(_succeed, (answer, quorum and (not self._cluster.quorum or cuts == self._cuts())))

    def _reply(self, act: Callable[..., None], what: object) -> None:
        self._cluster.network.send(
            self._server.name, self._process.name, act, self._future, what, process=self._process
        )


def _succeed(future: "asyncio.Future[Any]", answer: object) -> None:
    if not future.done():
        future.set_result(answer)


def _fail(future: "asyncio.Future[Any]", why: str) -> None:
    if not future.done():
        future.set_exception(StoreUnreachableError(why))
