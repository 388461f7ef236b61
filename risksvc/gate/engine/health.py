"""The standard health service on the strategy listener: how each service stands, and every change of it."""

import asyncio
from collections.abc import AsyncGenerator

from google.protobuf.message import DecodeError
from grpc import StatusCode
from grpc_health.v1 import health, health_pb2

from risksvc.gate.engine.methods import Method, StatusError, Unary, Watch

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """How services stand. Used under the gate's lock."""

    def __init__(self) -> None:
        self._standing: dict[str, int] = {}
        self._following: dict[asyncio.Event, None] = {}
        self._ended = False

    def methods(self) -> tuple[Method, ...]:
        """What is served."""
        name = f"/{health.SERVICE_NAME}"
        return Unary(f"{name}/Check", self.check), Watch(f"{name}/Watch", self.watch)

    def set(self, service: str, standing: int) -> None:
        """How a service stands from now on."""
        if not self._ended:
            self._standing[service] = standing
            self._tell()

    def end(self) -> None:
        """Nothing is served any more, whatever is said later."""
        self._standing = dict.fromkeys(self._standing, NOT_SERVING)
        self._ended = True
        self._tell()

    def check(self, data: bytes) -> bytes:
        """How one stands."""
        service = _read(data).service
        if service not in self._standing:
            raise StatusError(StatusCode.NOT_FOUND, f"no service {service[:100]!r} is served here")
        return _written(self._standing[service])

    async def watch(self, data: bytes) -> AsyncGenerator[bytes, None]:
        """How one stands, and every change, for as long as the caller listens."""
        service = _read(data).service
        changed = asyncio.Event()
        self._following[changed] = None
        last: int | None = None
        try:
            while True:
                standing = self._standing.get(service, _UNKNOWN)
                if standing != last:
                    last = standing
                    yield _written(standing)
                await changed.wait()
                changed.clear()
        finally:
            del self._following[changed]

    def _tell(self) -> None:
        for changed in self._following:
            changed.set()


def _read(data: bytes) -> health_pb2.HealthCheckRequest:
    try:
        return health_pb2.HealthCheckRequest.FromString(data)
    except DecodeError:
        text = "the message can't be read as HealthCheckRequest; send what grpc.health.v1 describes"
        raise StatusError(StatusCode.INVALID_ARGUMENT, text) from None


def _written(standing: int) -> bytes:
    written: bytes = health_pb2.HealthCheckResponse(status=standing).SerializeToString()
    return written
