"""The kept-open streams of one asyncio gate: a task takes one, asks, and puts it back. See `risksvc.client.streams`.

grpc's public interface; belongs to one event loop. Rule: `ask` gives the answer to exactly what was asked, in time, or
raises; and a stream is put back only when it has given that answer.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from risksvc.client.streams import Shelf, StreamEndedError
from risksvc.core.types import SECOND, Nanoseconds
from risksvc.v1 import strategy_pb2


class AsyncStream:
    """A stream that is open. `answered`: it has given an answer. `late`: it was cancelled at a deadline."""

    def __init__(self, call: "grpc.aio.StreamStreamCall[Any, Any]") -> None:
        self._call = call
        self.answered = False
        self.late = False

    @property
    def over(self) -> bool:
        """It has ended, whoever ended it."""
        return self._call.done()

    async def ask(self, request: strategy_pb2.CheckOrderRequest) -> object:
        """Send one question and wait for its answer. StreamEndedError: there will be none."""
        try:
            await self._write(request)
            answer = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise StreamEndedError(error.code(), str(error.details() or "")) from None
        except asyncio.InvalidStateError:
            # It had ended before the question was written.
            raise StreamEndedError(await self._call.code(), str(await self._call.details() or "")) from None
        if answer is grpc.aio.EOF:
            raise StreamEndedError(grpc.StatusCode.OK, "the gate ended the stream")
        self.answered = True
        return answer

    async def _write(self, request: strategy_pb2.CheckOrderRequest) -> None:
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INTERNAL:
                raise
            # grpc's own word for a write into a stream that ends at this moment; the gate has not said it.
            raise StreamEndedError(grpc.StatusCode.UNAVAILABLE, f"the question could not be written: {error}") from None

    def cancel(self) -> None:
        """End it. Does nothing to one that has ended."""
        self._call.cancel()

    def cancel_late(self) -> None:
        """End it because its answer is late."""
        self.late = True
        self._call.cancel()


class AsyncStreams:
    """All streams of one channel."""

    def __init__(self, opening: Callable[[], "grpc.aio.StreamStreamCall[Any, Any]"]) -> None:
        self._opening = opening
        self._shelf: Shelf[AsyncStream] = Shelf()
        self._closed = False

    async def ask(self, request: strategy_pb2.CheckOrderRequest, due_ns: Nanoseconds) -> object | None:
        """Ask over a stream, until a moment on the monotonic clock. None: no stream is free, nothing was asked.

        StreamEndedError: no answer; what that proves about the decision is what the same status of a call proves.
        """
        stream = self._take() or self._open()
        if stream is None:
            return None
        left = max(0, due_ns - time.monotonic_ns()) / SECOND
        timer = asyncio.get_running_loop().call_later(left, stream.cancel_late)
        try:
            answer = await stream.ask(request)
        except BaseException as error:
            self._end(stream)
            if stream.late and not cancelling():
                late = "no answer came over the stream in time"
                raise StreamEndedError(grpc.StatusCode.DEADLINE_EXCEEDED, late) from None
            if isinstance(error, StreamEndedError):
                self._shelf.note_end(error, answered=stream.answered, now_ns=time.monotonic_ns())
            raise
        finally:
            timer.cancel()
        if isinstance(answer, strategy_pb2.CheckOrderResponse) and answer.client_order_id == request.client_order_id:
            self._put_back(stream)
        else:
            self._end(stream)
        return answer

    def look_after(self) -> None:
        """Give back what has not been needed for a while."""
        while (stream := self._shelf.take_old(time.monotonic_ns())) is not None:
            self._end(stream)

    def retire(self) -> None:
        """End every stream that waits: the gate goes away."""
        while (stream := self._shelf.take()) is not None:
            self._end(stream)

    def close(self) -> None:
        """End every stream. Who still waits for an answer gets none."""
        self._closed = True
        for stream in self._shelf.all():
            self._end(stream)

    def _take(self) -> AsyncStream | None:
        while (stream := self._shelf.take()) is not None:
            if not stream.over:
                return stream
            self._end(stream)
        return None

    def _open(self) -> AsyncStream | None:
        if not self._shelf.reserve(time.monotonic_ns()):
            return None
        try:
            stream = AsyncStream(self._opening())
        except BaseException:
            self._shelf.not_opened()
            raise
        self._shelf.opened(stream)
        return stream

    def _put_back(self, stream: AsyncStream) -> None:
        if self._closed:
            self._end(stream)
        else:
            self._shelf.put(stream, time.monotonic_ns())

    def _end(self, stream: AsyncStream) -> None:
        self._shelf.ended(stream)
        stream.cancel()


def cancelling() -> bool:
    """Tell whether the running task itself is being cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
