"""The engine on gRPC's own asyncio server: public interfaces only, everything on the event loop's thread."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio

from risksvc.gate.engine.methods import Handle, Method, Served, Session, Unary, Watch
from risksvc.gate.engine.statuses import status_of, too_late
from risksvc.gate.rpc_guard import Context, end

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class PublicEngine:
    """Serves on a `grpc.aio` server."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._server = grpc.aio.server(options=served.options, maximum_concurrent_rpcs=served.rpcs)
        handlers = {method.name: self._handler(method) for method in served.methods}
        self._server.add_generic_rpc_handlers((_Table(handlers),))

    def add_insecure_port(self, address: str) -> int:
        """Listens there; gives the port."""
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """The same behind TLS."""
        return self._server.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        """Serves from now on."""
        await self._server.start()

    async def failed(self) -> None:
        """Waits for ever: gRPC's own server does not fail by itself."""
        await asyncio.Event().wait()

    async def stop(self, grace: float) -> None:
        """Takes nothing new; what runs may finish for so many seconds."""
        await self._server.stop(grace)

    def _handler(self, method: Method) -> _Handler:
        # No serialisers: gRPC hands bytes through as they are.
        if isinstance(method, Unary):
            return grpc.unary_unary_rpc_method_handler(self._unary(method.handle))
        if isinstance(method, Session):
            return grpc.stream_stream_rpc_method_handler(self._session(method.handle))
        return grpc.unary_stream_rpc_method_handler(self._watch(method))

    def _unary(self, handle: Handle) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def call(request: bytes, context: Context) -> bytes:
            try:
                return await self._answer(handle, request, context)
            except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets a status and no answer
                await self._end(context, error)

        return call

    def _session(self, handle: Handle) -> Callable[[AsyncIterator[bytes], Context], AsyncGenerator[bytes, None]]:
        async def call(requests: AsyncIterator[bytes], context: Context) -> AsyncGenerator[bytes, None]:
            try:
                async for request in requests:
                    yield await self._answer(handle, request, context)
            except Exception as error:  # noqa: BLE001 - the same
                await self._end(context, error)

        return call

    def _watch(self, method: Watch) -> Callable[[bytes, Context], AsyncGenerator[bytes, None]]:
        async def call(request: bytes, context: Context) -> AsyncGenerator[bytes, None]:
            try:
                async with aclosing(method.follow(request)) as replies:
                    async for reply in replies:
                        yield reply
            except Exception as error:  # noqa: BLE001 - the same
                await self._end(context, error)

        return call

    async def _answer(self, handle: Handle, request: bytes, context: Context) -> bytes:
        served = self._served
        left: float | None = context.time_remaining()  # None: the caller set no deadline
        if left is not None and left <= 0:
            raise too_late(served.tallies)
        before = served.behind.taken
        reply = handle(request)
        if served.behind.taken != before:
            await served.behind.durable()
        return reply

    async def _end(self, context: Context, error: Exception) -> NoReturn:
        status = status_of(error, self._served.tallies)
        await end(context, status.code, str(status))


class _Table(grpc.GenericRpcHandler):
    """Finds a method by its name."""

    def __init__(self, handlers: dict[str, _Handler]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "_Handler | None":
        return self._handlers.get(handler_call_details.method)
