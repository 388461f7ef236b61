"""The kept-open streams of one blocking gate: a thread takes one, asks, and puts it back. See `risksvc.client.streams`.

Rule: `ask` gives the answer to exactly what was asked, in time, or raises. A stream whose answer is late, garbled, or
another question's is ended.
"""

import itertools
import logging
import time
from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError

from risksvc.client.direct import DirectStream, open_stream
from risksvc.client.streams import Shelf, StreamEndedError
from risksvc.client.timekeeping import Timekeeper
from risksvc.core.types import Nanoseconds
from risksvc.v1 import strategy_pb2

logger = logging.getLogger("risksvc.client")

_JOIN_PATIENCE = 1.0
_read_answer = strategy_pb2.CheckOrderResponse.FromString

OpenStream = Callable[[grpc.Channel], DirectStream | None]


class BlockingStreams:
    """All streams of one channel. Thread-safe."""

    def __init__(self, channel: grpc.Channel, deadline_ns: Nanoseconds, *, opening: OpenStream = open_stream) -> None:
        self._channel = channel
        self._opening = opening
        self._shelf: Shelf[DirectStream] = Shelf()
        self._keeper = Timekeeper(deadline_ns)
        self._numbers = itertools.count()
        self._closed = False

    def ask(
        self, request: strategy_pb2.CheckOrderRequest, due_ns: Nanoseconds
    ) -> strategy_pb2.CheckOrderResponse | None:
        """Ask over a stream, until a moment on the monotonic clock. None: no stream is free, nothing was asked.

        StreamEndedError: no answer; what that proves about the decision is what the same status of a call proves.
        """
        stream = self._shelf.take() or self._open()
        if stream is None:
            return None
        try:
            answer = self._answer(stream, request, due_ns)
        except StreamEndedError as ended:
            self._shelf.ended(stream)
            self._shelf.note_end(ended, answered=stream.answered, now_ns=time.monotonic_ns())
            raise
        except BaseException:
            self._shelf.ended(stream)
            stream.cancel()
            raise
        if answer.client_order_id == request.client_order_id:
            self._put_back(stream)
        else:
            self._end(stream)
        return answer

    def look_after(self) -> None:
        """Give back what has not been needed for a while."""
        while (stream := self._shelf.take_old(time.monotonic_ns())) is not None:
            self._end(stream)

    def retire(self) -> None:
        """End every stream that waits: the gate goes away, or this process is about to fork."""
        while (stream := self._shelf.take()) is not None:
            self._end(stream)

    def close(self) -> None:
        """End every stream. Who still waits for an answer gets none."""
        self._closed = True
        self.retire()
        for stream in self._shelf.all():
            stream.cancel()
        self._keeper.stop()
        self._keeper.join(_JOIN_PATIENCE)

    def _answer(
        self, stream: DirectStream, request: strategy_pb2.CheckOrderRequest, due_ns: Nanoseconds
    ) -> strategy_pb2.CheckOrderResponse:
        number = next(self._numbers)
        try:
            self._keeper.begin(number, due_ns, stream)
            data = stream.ask(request.SerializeToString())
        except StreamEndedError as ended:
            raise ended if self._keeper.end(number) else _late() from None
        except BaseException:
            self._keeper.end(number)
            raise
        if not self._keeper.end(number):
            # It came at the very moment in which the timekeeper cancelled the stream.
            stream.end()
            raise _late()
        try:
            return _read_answer(data)
        except DecodeError as error:
            stream.end()
            raise StreamEndedError(grpc.StatusCode.INTERNAL, f"the answer can't be read: {error}") from None

    def _open(self) -> DirectStream | None:
        if not self._shelf.reserve(time.monotonic_ns()):
            return None
        stream = None
        try:
            stream = self._opening(self._channel)
        finally:
            if stream is None:
                self._shelf.not_opened()
            else:
                self._shelf.opened(stream)
        return stream

    def _put_back(self, stream: DirectStream) -> None:
        self._shelf.put(stream, time.monotonic_ns())
        if self._closed:
            self.retire()

    def _end(self, stream: DirectStream) -> None:
        self._shelf.ended(stream)
        try:
            stream.end()
        except Exception as error:  # noqa: BLE001 - it is never used again, whatever it was
            logger.debug("a stream could not be ended: %r", error)


def _late() -> StreamEndedError:
    return StreamEndedError(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer came over the stream in time")
