"""The engine that drives gRPC's completion queue itself, with one thread: on a private layer of grpcio.

`grpc._cython.cygrpc` is what grpcio's own servers are made of. It promises nothing, so this is the only file that
touches it, and it is used with the versions in `choosing.TESTED` only; on any other, the public engine serves.

One thread polls, handles and answers, so no call waits for another thread; handlers run in turns with the event loop
(`shared_loop`). Rule 1: a unary reply is one batch, begun only once what was decided is durable. Rule 2: a call that
brings no message (cancelled, killed, too large) costs no handler. Rule 3: new calls are asked for as places come free
(`places`), so what can't be served in time is refused by gRPC itself, before it costs Python anything. Rule 4:
whatever goes wrong on the thread itself ends it and every call with it, and is told (`failed`): never silently deaf.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # it has no types

from risksvc.gate.engine.methods import Follow, Handle, Method, Served, Session, StatusError, Unary, Watch
from risksvc.gate.engine.places import Places
from risksvc.gate.engine.shared_loop import SharedLoop, fail, resolve
from risksvc.gate.engine.statuses import status_of, too_late

AT_ONCE = 64  # messages that are looked at one after the other, and whose replies share one wait for the disk
CANCELLED_WITHIN_SECONDS = 5.0
_log = logging.getLogger(__name__)
_NOW = 0.0  # a deadline that has passed: look, and do not wait
# These hold nothing of a call, so all calls share them.
_INITIAL = cygrpc.SendInitialMetadataOperation(None, 0)
_OK = cygrpc.SendStatusFromServerOperation(None, cygrpc.StatusCode.ok, b"", 0)
_LACKING = cygrpc.SendStatusFromServerOperation(None, cygrpc.StatusCode.cancelled, b"no message came", 0)
_CLOSE = cygrpc.ReceiveCloseOnServerOperation(0)
_UNKNOWN = StatusError(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
_TOO_MANY = StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")

_Reply = bytes | StatusError
_Private: TypeAlias = Any  # cygrpc's; it has no types


def _status(status: StatusError) -> _Private:
    return cygrpc.SendStatusFromServerOperation(None, status.code.value[0], str(status).encode(), 0)


class DirectEngine:
    """Serves methods on its own thread. `spin_seconds`: how long it looks for more, after something came, awake."""

    def __init__(self, served: Served, loop: SharedLoop, *, spin_seconds: float = 0.0) -> None:
        self.loop = loop
        self.tallies = served.tallies
        self.following: set[asyncio.Task[None]] = set()
        self._behind = served.behind
        self._rpcs = served.rpcs
        self._spin_seconds = spin_seconds
        self._table = {method.name.encode(): (_KINDS[type(method)], _served(method)) for method in served.methods}
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(list(served.options), False)
        self._server.register_completion_queue(self._queue)
        self._serving = threading.Thread(target=self._run, name="strategies", daemon=True)
        self._failed: asyncio.Future[None] = loop.create_future()
        self._buried: asyncio.Future[None] = loop.create_future()
        self._open = 0
        self.places = Places()
        self._asking: list[tuple[_Asking, bytes]] = []
        self._took = False
        self._ending = False
        self._over = False

    # -- on the event loop ---------------------------------------------------------------------------------------

    def add_insecure_port(self, address: str) -> int:
        """Listens there; gives the port."""
        port: int = self._server.add_http2_port(address.encode())
        return port

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """The same behind TLS."""
        private: Any = server_credentials
        port: int = self._server.add_http2_port(address.encode(), private._credentials)  # noqa: SLF001 - as grpcio does
        return port

    async def start(self) -> None:
        """Serves from now on."""
        self._server.start()
        self._serving.start()

    async def failed(self) -> None:
        """Raises what went wrong on the thread, when it does; waits for ever otherwise."""
        await asyncio.shield(self._failed)

    async def stop(self, grace: float) -> None:
        """Takes nothing new; what runs may finish for so many seconds; then everything is cancelled."""
        if self._serving.ident is None:
            return
        self._shut_down()
        if not await self._ended(grace):
            self._server.cancel_all_calls()
            if not await self._ended(CANCELLED_WITHIN_SECONDS):
                _log.error("the strategy listener's calls did not end when cancelled")

    def _shut_down(self) -> None:
        if not self._ending:
            self._ending = True
            self._server.shutdown(self._queue, self._is_shut_down)

    async def _ended(self, seconds: float) -> bool:
        done, _ = await asyncio.wait([self._buried], timeout=seconds)
        return bool(done)

    # -- on its own thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        self.loop.join()
        try:
            while not self._over:
                self._step()
        except BaseException as error:  # noqa: BLE001 - whatever it was, it must be told
            _log.critical("the strategy listener failed", exc_info=True)
            self.loop.call_soon_threadsafe(fail, self._failed, f"the strategy listener failed: {error!r}")
        try:
            self._bury()
        finally:
            self.loop.call_soon_threadsafe(resolve, self._buried)

    def _step(self) -> None:
        if self.places.some_free:
            self._ask_for_calls()
        if self.places.some_not_asked_for:
            event = self._queue.poll(_NOW)
            if event.tag is None:
                self.places.looked_at_all()
                return
        else:
            event = self._next()
        event.tag(event)
        if self._asking:
            while len(self._asking) < AT_ONCE:
                event = self._queue.poll(_NOW)
                if event.tag is None:
                    break
                event.tag(event)
            self._answer()

    def _next(self) -> _Private:
        """What comes next. It sleeps for it, after it has looked for a while where a core is to be spent on that."""
        if self._spin_seconds:
            until = time.monotonic() + self._spin_seconds
            while time.monotonic() < until:
                event = self._queue.poll(_NOW)
                if event.tag is not None:
                    return event
        return self._queue.poll()

    def _ask_for_calls(self) -> None:
        self.loop.begin_turn()
        try:
            free = self.places.take()
            for _ in range(0 if self._ending else free):
                self._server.request_call(self._queue, self._queue, self._arrived)
        finally:
            self.loop.end_turn()

    def _arrived(self, event: _Private) -> None:
        if not event.success:
            return  # shut down: nobody calls any more
        details = event.call_details
        found = self._table.get(details.method)
        if found is None:
            self._refuse(event.call, _UNKNOWN)
        elif self._open >= self._rpcs:
            self._refuse(event.call, _TOO_MANY)
        else:
            self._open += 1
            kind, behaviour = found
            if kind is not _UnaryCall:
                self.places.passed()
            kind(self, event.call, details.deadline, behaviour).begin()

    def _refuse(self, call: _Private, status: StatusError) -> None:
        self.places.passed()
        call.start_server_batch((_INITIAL, _status(status), _CLOSE), _ignored)

    def asks(self, call: "_Asking", data: bytes) -> None:
        """A message came; its call is answered after this event, or together with more."""
        self._asking.append((call, data))

    def closed(self, _event: _Private = None) -> None:
        """A call has ended for good."""
        self._open -= 1

    def _is_shut_down(self, _event: _Private) -> None:
        self._over = True

    def _answer(self) -> None:
        asking, self._asking, self._took = self._asking, [], False
        replies = [(call, self._reply(call, data)) for call, data in asking]
        failure = self._commit() if self._took else None
        for call, reply in replies:
            call.answer(failure or reply)

    def _reply(self, call: "_Asking", data: bytes) -> _Reply:
        self.loop.begin_turn()
        try:
            if call.deadline <= time.time():
                return too_late(self.tallies)
            before = self._behind.taken
            reply = call.handle(data)
            self._took = self._took or self._behind.taken != before
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets a status and no answer
            return status_of(error, self.tallies)
        else:
            return reply
        finally:
            self.loop.end_turn()

    def _commit(self) -> StatusError | None:
        try:
            self._behind.commit()
        except Exception as error:  # noqa: BLE001 - the same
            self.loop.begin_turn()
            try:
                return status_of(self._behind.not_durable(error), self.tallies)
            finally:
                self.loop.end_turn()
        return None

    def _bury(self) -> None:
        """Ends every call and lets gRPC's parts go; an unburied server would keep the process from ending."""
        self.loop.begin_turn()
        try:
            self._shut_down()
            for task in self.following:
                task.cancel()
        finally:
            self.loop.end_turn()
        self._server.cancel_all_calls()
        while not self._over:
            event = self._queue.poll()
            self._over = event.tag == self._is_shut_down
        self._queue.shutdown()
        while self._queue.poll().completion_type != cygrpc.CompletionType.queue_shutdown:
            pass
        self._server.destroy()


class _Asking:
    """A call whose requests are answered by a handler."""

    __slots__ = ("_begun", "_call", "_engine", "deadline", "handle")

    def __init__(self, engine: DirectEngine, call: _Private, deadline: float, handle: Handle) -> None:
        self._engine = engine
        self._call = call
        self._begun: tuple[_Private, ...] = (_INITIAL,)
        self.deadline = deadline
        self.handle = handle

    def begin(self) -> None:
        self._call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), self._heard)

    def _hung_up(self) -> None:  # its caller has gone, or has said all
        raise NotImplementedError

    def _tell(self, reply: _Private) -> None:
        raise NotImplementedError

    def _heard(self, event: _Private) -> None:
        data: bytes | None = event.batch_operations[-1].message()
        if data is None:
            self._hung_up()
        else:
            self._engine.asks(self, data)

    def answer(self, reply: _Reply) -> None:
        if isinstance(reply, StatusError):
            self._end(_status(reply))
        else:
            self._tell(cygrpc.SendMessageOperation(reply, 0))

    def _end(self, status: _Private) -> None:
        self._call.start_server_batch((*self._begun, status, _CLOSE), self._engine.closed)


class _UnaryCall(_Asking):
    """One request, one reply."""

    __slots__ = ("_looks",)

    def __init__(self, engine: DirectEngine, call: _Private, deadline: float, handle: Handle) -> None:
        super().__init__(engine, call, deadline, handle)
        self._looks = engine.places.came()

    def _hung_up(self) -> None:
        self._end(_LACKING)

    def _end(self, status: _Private) -> None:
        self._engine.places.answered(self._looks)
        super()._end(status)

    def _tell(self, reply: _Private) -> None:
        self._engine.places.answered(self._looks)
        self._call.start_server_batch((_INITIAL, reply, _OK, _CLOSE), self._engine.closed)


class _SessionCall(_Asking):
    """A stream: each reply is sent together with the wish for the next request."""

    __slots__ = ()

    def _hung_up(self) -> None:
        self._end(_OK)

    def _tell(self, reply: _Private) -> None:
        operations = (*self._begun, reply, cygrpc.ReceiveMessageOperation(0))
        self._begun = ()
        self._call.start_server_batch(operations, self._heard)


class _WatchCall:
    """A stream that the event loop feeds: its task sends from there, which gRPC's calls allow."""

    __slots__ = ("_begun", "_call", "_engine", "_follow", "_gone", "_sent", "_task")

    def __init__(self, engine: DirectEngine, call: _Private, _deadline: float, follow: Follow) -> None:
        self._engine = engine
        self._call = call
        self._follow = follow
        self._begun: tuple[Any, ...] = (_INITIAL,)
        self._gone = False
        self._sent: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._call.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(0),), self._closed)
        self._call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), self._heard)

    def _heard(self, event: _Private) -> None:
        data: bytes | None = event.batch_operations[0].message()
        self._engine.loop.begin_turn()
        try:
            if data is None:
                self._end(_LACKING)
            elif not self._gone:
                self._task = self._engine.loop.create_task(self._feed(data), name="watch")
                self._engine.following.add(self._task)
                self._task.add_done_callback(self._engine.following.discard)
        finally:
            self._engine.loop.end_turn()

    async def _feed(self, data: bytes) -> None:
        status = _OK
        try:
            async with aclosing(self._follow(data)) as replies:
                async for reply in replies:
                    await self._send(reply)
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets a status
            status = _status(status_of(error, self._engine.tallies))
        self._end(status)

    async def _send(self, reply: bytes) -> None:
        self._sent = self._engine.loop.create_future()
        self._call.start_server_batch((*self._begun, cygrpc.SendMessageOperation(reply, 0)), self._told)
        self._begun = ()
        await self._sent

    def _told(self, _event: _Private) -> None:
        self._engine.loop.begin_turn()
        try:
            resolve(self._sent)
        finally:
            self._engine.loop.end_turn()

    def _closed(self, _event: _Private) -> None:
        self._engine.closed()
        self._engine.loop.begin_turn()
        try:
            self._gone = True
            if self._task is not None:
                self._task.cancel()
        finally:
            self._engine.loop.end_turn()

    def _end(self, status: _Private) -> None:
        if not self._gone:
            self._call.start_server_batch((*self._begun, status), _ignored)


_KINDS: dict[type, Callable[..., Any]] = {Unary: _UnaryCall, Session: _SessionCall, Watch: _WatchCall}


def _served(method: Method) -> Handle | Follow:
    return method.handle if isinstance(method, Unary | Session) else method.follow


def _ignored(_event: _Private) -> None:
    pass
