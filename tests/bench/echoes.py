"""Bare echo servers of CheckOrder and CheckOrders: what carrying the messages costs, when nothing is decided.

`python -m tests.bench.echoes aio|rust|direct|public ADDRESS`: on `grpc.aio` as anybody would, on pygrpc-native's lowest
layer, or on the gate's own engine. The answer is as large as an approval of the gate and never worked out:
only the order's id is put in. Says "ready", and ends when standard input does.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from risksvc.v1 import strategy_pb2, strategy_pb2_grpc, types_pb2

_USE = types_pb2.ExposureUse(before="1250.05", after="1300.05", limit="1000000000000", headroom="999999998699.95")
_ANSWER = strategy_pb2.CheckOrderResponse(
    outcome=strategy_pb2.OUTCOME_APPROVED,
    instrument_exposure=_USE,
    total_exposure=_USE,
    trading_state=types_pb2.TRADING_STATE_ACTIVE,
    valid_until_ns=1_800_000_000_100_000_000,
    valid_for_ns=100_000_000,
    limits_hash="a" * 64,
    decided_at_ns=1_800_000_000_000_000_000,
)
_AT_ONCE = 64
_read = strategy_pb2.CheckOrderRequest.FromString


def answer(request: strategy_pb2.CheckOrderRequest) -> strategy_pb2.CheckOrderResponse:
    _ANSWER.client_order_id = request.client_order_id
    return _ANSWER


def echo(request: bytes) -> bytes:
    """The same for an engine: bytes in, bytes out."""
    return answer(_read(request)).SerializeToString()


class AioEcho(strategy_pb2_grpc.StrategyServiceServicer):
    """What a user of grpc.aio would write."""

    async def CheckOrder(  # noqa: N802 - gRPC's name
        self, request: strategy_pb2.CheckOrderRequest, context: object
    ) -> strategy_pb2.CheckOrderResponse:
        return answer(request)

    async def CheckOrders(  # noqa: N802
        self, request_iterator: AsyncIterator[strategy_pb2.CheckOrderRequest], context: object
    ) -> AsyncIterator[strategy_pb2.CheckOrderResponse]:
        async for request in request_iterator:
            yield answer(request)


async def _serve_aio(address: str) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    strategy_pb2_grpc.add_StrategyServiceServicer_to_server(AioEcho(), server)  # type: ignore[abstract]  # the rest is not asked
    server.add_insecure_port(address)
    await server.start()
    await _until_told()


def _serve_rust(address: str) -> None:
    """Unary calls only: it carries no stream of requests, and no TLS."""
    import pygrpc_native  # type: ignore[import-not-found] # noqa: PLC0415 - in a folder of its own (make bench-tools)

    front = pygrpc_native.NativeGrpcFront(address, [("/risksvc.v1.StrategyService/CheckOrder", False)])
    front.start()
    serving = threading.Thread(target=_answer_all, args=(front,))
    serving.start()
    print("ready", flush=True)
    sys.stdin.read()
    front.close()
    serving.join()


def _answer_all(front: Any) -> None:  # noqa: ANN401 - it has no types here
    while (events := front.recv_batch(_AT_ONCE)) is not None:
        for _kind, call, _method, request, _client in events:
            if request is not None:
                front.respond(call, echo(request))


async def _until_told() -> None:
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> None:
    kind, address = sys.argv[1:3]
    if kind == "aio":
        asyncio.run(_serve_aio(address))
        return
    if kind == "rust":
        _serve_rust(address)
        return
    from tests.bench.own_engine import serve  # noqa: PLC0415 - the bare echo loads nothing of the gate

    serve(echo, address=address, kind=kind)


if __name__ == "__main__":
    main()
