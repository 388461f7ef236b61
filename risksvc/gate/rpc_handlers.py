"""How services are registered: as the generated code would, but bytes that are no message get an answer, not a trace.

gRPC answers a request that it can't parse with INTERNAL and an exception in the log. Here a unary call gets
INVALID_ARGUMENT; on a stream such a message becomes an empty one, which its service refuses like any malformed message.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode

from risksvc.gate.app import GateApp
from risksvc.gate.rpc_guard import Context, end

_TEXT = "the message can't be read as {name}; send what proto/risksvc/v1 describes, text in UTF-8"


class _Unreadable:
    """Stands for bytes that are no message."""


_UNREADABLE = _Unreadable()


def add_service(app: GateApp, server: grpc.aio.Server, descriptor: ServiceDescriptor, *, servicer: object) -> None:
    """Registers every method of a service."""
    handlers = {method.name: _handler(app, method, getattr(servicer, method.name)) for method in descriptor.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(descriptor.full_name, handlers),))


def _handler(
    app: GateApp, method: MethodDescriptor, behaviour: Callable[..., Any]
) -> "grpc.RpcMethodHandler[Any, Any]":
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    codec: dict[str, Any] = {
        "request_deserializer": _reader(request.FromString, request if method.client_streaming else _unreadable),
        "response_serializer": response.SerializeToString,
    }
    text = _TEXT.format(name=method.input_type.name)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(behaviour, **codec)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream(app, behaviour, text), **codec)
    return grpc.unary_unary_rpc_method_handler(_unary(app, behaviour, text), **codec)


def _unreadable() -> _Unreadable:
    return _UNREADABLE


def _reader(read: Callable[[bytes], Any], otherwise: Callable[[], Any]) -> Callable[[bytes], Any]:
    def deserialize(data: bytes) -> Any:  # noqa: ANN401 - a message, or what stands for one
        try:
            return read(data)
        except DecodeError:
            return otherwise()

    return deserialize


def _unary(app: GateApp, behaviour: Callable[..., Awaitable[Any]], text: str) -> Callable[..., Awaitable[Any]]:
    async def call(request: Any, context: Context) -> Any:  # noqa: ANN401 - by method
        if request is _UNREADABLE:
            await _refuse(app, context, text)
        return await behaviour(request, context)

    return call


def _stream(app: GateApp, behaviour: Callable[..., AsyncIterator[Any]], text: str) -> Callable[..., AsyncIterator[Any]]:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:  # noqa: ANN401 - by method
        if request is _UNREADABLE:
            await _refuse(app, context, text)
        async for answer in behaviour(request, context):
            yield answer

    return call


async def _refuse(app: GateApp, context: Context, text: str) -> None:
    app.counters.malformed += 1
    await end(context, StatusCode.INVALID_ARGUMENT, text)
