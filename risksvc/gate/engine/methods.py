"""What an engine serves: methods that take bytes and give bytes, and what stands behind them.

Rule 1: a handler runs whole, under the gate's one lock, and never waits. Rule 2: it gives the reply or raises; what it
raises is told as a status (`statuses`), never as an answer. Rule 3: the engine refuses a call whose deadline has passed
before its handler is asked, and sends no reply before what the handler took is as durable as the settings ask for.
Knows neither gRPC's servers nor the services.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from risksvc.core.types import RiskError

Handle = Callable[[bytes], bytes]
Follow = Callable[[bytes], AsyncGenerator[bytes, None]]
_Read = TypeVar("_Read", bound=Message)


class StatusError(RiskError):
    """Ends a call with this status instead of an answer."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def read_message(read: Callable[[bytes], _Read], data: bytes) -> _Read:
    """What a caller sent. Raises StatusError when it is not that message."""
    try:
        return read(data)
    except DecodeError:
        text = "the message can't be read; send what proto/risksvc/v1 describes, text in UTF-8"
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, text) from None


@dataclass(frozen=True, slots=True)
class Unary:
    """One request, one reply. `name`: as gRPC writes it, "/package.Service/Method"."""

    name: str
    handle: Handle


@dataclass(frozen=True, slots=True)
class Session:
    """A stream of requests, one reply to each, in order."""

    name: str
    handle: Handle


@dataclass(frozen=True, slots=True)
class Watch:
    """One request, a stream of replies that the event loop feeds: `follow` runs there, until it ends or is closed."""

    name: str
    follow: Follow


Method = Unary | Session | Watch


class Tallies(Protocol):
    """What is counted of calls, for status and metrics."""

    malformed: int
    expired: int
    internal_errors: int


class Behind(Protocol):
    """The owner, as far as an engine needs it: whether what was decided may be told."""

    @property
    def taken(self) -> int:
        """How many Inputs were taken; when a handler moved it, its reply must wait until that is durable."""
        ...

    async def durable(self) -> None:
        """Returns once all that was taken is durable; raises otherwise."""
        ...

    def commit(self) -> None:
        """The same for a thread that may wait, without the lock; what it raises is for `not_durable`."""
        ...

    def not_durable(self, error: Exception) -> Exception:
        """With the lock: closes the gate, and gives what callers are told."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """What one listener serves. `options`: gRPC's own; `rpcs`: calls at once, open streams included."""

    methods: tuple[Method, ...]
    behind: Behind
    tallies: Tallies
    options: tuple[tuple[str, int], ...]
    rpcs: int


class Engine(Protocol):
    """Serves methods on the ports that it is given; may be started and stopped once."""

    def add_insecure_port(self, address: str) -> int:
        """Listens there; gives the port (1 for a socket), or 0. May raise RuntimeError, as gRPC does."""
        ...

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """The same behind TLS."""
        ...

    async def start(self) -> None:
        """Serves from now on."""
        ...

    async def failed(self) -> None:
        """Raises once it can't serve any more; waits for ever otherwise."""
        ...

    async def stop(self, grace: float) -> None:
        """Takes nothing new; what runs may finish for so many seconds; then nothing is left."""
        ...
