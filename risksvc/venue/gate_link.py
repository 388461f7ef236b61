"""The stream to the gate: its options, its clock, and the one queue through which everything leaves.

Every option that a guarantee rests on is written out. Invariants: messages leave in the order in which they were put
in; a stream that is silent, full or broken ends the session, which then begins anew with a new channel.
"""

import asyncio
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from risksvc.tls.channels import in_words, secured
from risksvc.tls.endpoint import Endpoint
from risksvc.tls.pem import TlsError
from risksvc.v1 import venue_pb2, venue_pb2_grpc

_MESSAGE_BYTES = 16 * 1024 * 1024  # ten thousand open orders in one snapshot are 1.5 MB
_QUEUED = 5_000  # messages; a gate that lets so many pile up is not reading
_WRITE_S = 5.0
_WELCOME_S = 5.0

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.enable_retries", 0),  # a session begins anew instead
    ("grpc.enable_http_proxy", 0),  # never through a proxy of the environment
    ("grpc.use_local_subchannel_pool", 1),  # a new channel must not inherit an old one's backoff
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 10_000),  # only a second line: silence is judged by the gate's own heartbeats
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
)


class SessionEndedError(Exception):
    """The stream is over; the text says why. The feed connects again."""


class GateClock:
    """The gate's clock as its heartbeats tell it: a read is stamped with the last one that came before it began."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._last_s = asyncio.get_running_loop().time()
        self._started = asyncio.Event()

    def beat(self, gate_time_ns: int) -> None:
        """Take in a heartbeat."""
        self._last_ns = max(self._last_ns, gate_time_ns)
        self._last_s = asyncio.get_running_loop().time()
        self._started.set()

    def silent_ms(self) -> int:
        """Give how long no heartbeat has come."""
        return round((asyncio.get_running_loop().time() - self._last_s) * 1_000)

    async def as_of_ns(self) -> int:
        """Give the last heartbeat's time; before the first one, wait for it."""
        await self._started.wait()
        return self._last_ns


class GateLink:
    """One stream, from connecting to its end. Use as an asynchronous context manager."""

    def __init__(self, gate: Endpoint) -> None:
        try:
            self._channel = secured(gate).aio_channel(CHANNEL_OPTIONS)
        except TlsError as error:  # files that are being renewed, or were spoilt: the next connection looks again
            raise SessionEndedError(str(error)) from error
        stub = venue_pb2_grpc.VenueFeedServiceStub(self._channel)
        self._call = stub.Feed(wait_for_ready=False)
        self._queue: asyncio.Queue[venue_pb2.FeedRequest] = asyncio.Queue(_QUEUED)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call.cancel()
        await self._channel.close(None)

    async def introduce(self, hello: venue_pb2.FeedRequest) -> venue_pb2.FeedWelcome:
        """Say hello and wait for the welcome."""
        try:
            async with asyncio.timeout(_WELCOME_S):
                await self._write(hello)
                answer = await self.read()
        except TimeoutError:
            raise SessionEndedError("the gate does not answer") from None
        if answer.WhichOneof("message") != "welcome":
            raise SessionEndedError("the gate did not begin with a welcome")
        return answer.welcome

    def send(self, message: venue_pb2.FeedRequest) -> None:
        """Queue a message; never waits."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            raise SessionEndedError(f"the gate does not read: {_QUEUED} messages wait") from None

    async def write_queued(self) -> None:
        """Write queued messages, for ever."""
        while True:
            message = await self._queue.get()
            try:
                async with asyncio.timeout(_WRITE_S):
                    await self._write(message)
            except TimeoutError:
                raise SessionEndedError(f"the gate took no message for {_WRITE_S:.0f} s") from None

    async def read(self) -> venue_pb2.FeedResponse:
        """Read the next message."""
        try:
            answer = await self._call.read()
        except grpc.RpcError as error:
            raise _ended(error) from error
        if isinstance(answer, venue_pb2.FeedResponse):
            return answer
        code, details = await self._call.code(), await self._call.details()
        raise SessionEndedError(f"the gate closed the stream: {code.name}: {in_words(details or 'no reason given')}")

    async def _write(self, message: venue_pb2.FeedRequest) -> None:
        try:
            await self._call.write(message)
        except grpc.RpcError as error:
            raise _ended(error) from error
        except asyncio.InvalidStateError:  # the stream ended meanwhile; reading tells why
            await self.read()
            raise SessionEndedError("the stream has ended") from None


def _ended(error: grpc.RpcError) -> SessionEndedError:
    if isinstance(error, grpc.aio.AioRpcError):
        return SessionEndedError(f"{error.code().name}: {in_words(error.details() or 'no reason given')}")
    return SessionEndedError(str(error))
