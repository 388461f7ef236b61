"""What kept-open streams of checks have in common, blocking and asyncio: how many, how long, and what their end means.

Pure: no I/O, no clock. Streams belong to no thread and no task: whoever asks takes one, alone, and puts it back when it
has answered; so a thread that dies leaves nothing open, and as many are open as there were questions at once. Rules: a
stream that did not answer its question in time, in turn and in full is ended and never used again, so that no answer
can meet a later question; what a stream can't do, a call of its own does.
"""

from collections import deque
from threading import Lock
from typing import Generic, TypeVar

import grpc

from risksvc.core.types import SECOND, Nanoseconds

METHOD = "/risksvc.v1.StrategyService/CheckOrders"

# Of one gate object, which has one connection. A gate takes 32 calls of one connection at a time; the state, the
# reports and the checks that find no stream free are calls of their own.
MOST_STREAMS = 8
# A stream counts as a call at the gate, so one that is not needed is given back.
KEEP_IDLE_NS = 30 * SECOND
# How long no stream is tried after the gate, or what is between, refused one.
REFUSED_FOR_NS = 5 * SECOND

# Nothing is between us and a gate that has streams, or it has no room for one: calls may pass all the same.
REFUSED = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED})
# How a stream ends whose gate stops, restarts or lost the connection, perhaps long before the question; a call that
# ends so is told apart from one that was never looked at by asking again with the same id.
ASK_AGAIN = REFUSED | {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


class StreamEndedError(Exception):
    """A stream ended without the answer. `code`: as of a call; OK: the gate ended it."""

    def __init__(self, code: grpc.StatusCode | None, details: str) -> None:
        self.code = code
        self.details = details
        super().__init__(f"{'no status' if code is None else code.name}: {details}")


_Stream = TypeVar("_Stream")


class Shelf(Generic[_Stream]):
    """Streams that wait for a question, for any thread. The last one put back is taken first: others grow old."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Nanoseconds, _Stream]] = deque()
        self._open: set[_Stream] = set()
        self._counting = Lock()
        self._reserved = 0
        self._not_before_ns = 0

    def __len__(self) -> int:
        return len(self._open)

    def reserve(self, now_ns: Nanoseconds) -> bool:
        """Tell whether one more may be opened; then it is `opened`, or `not_opened` gives the room back."""
        with self._counting:
            room = len(self._open) + self._reserved < MOST_STREAMS and now_ns >= self._not_before_ns
            self._reserved += room
            return room

    def note_end(self, ended: StreamEndedError, *, answered: bool, now_ns: Nanoseconds) -> None:
        """Open none for a while when one was refused before it answered anything."""
        if ended.code in REFUSED and not answered:
            self._not_before_ns = now_ns + REFUSED_FOR_NS

    def opened(self, stream: _Stream) -> None:
        """Count one that was opened; it is in use."""
        with self._counting:
            self._reserved -= 1
            self._open.add(stream)

    def not_opened(self) -> None:
        """Give back the room of one that could not be opened."""
        with self._counting:
            self._reserved -= 1

    def ended(self, stream: _Stream) -> None:
        """Count one no longer."""
        with self._counting:
            self._open.discard(stream)

    def all(self) -> tuple[_Stream, ...]:
        """Return every one that is open, waiting or in use."""
        with self._counting:
            return tuple(self._open)

    def take(self) -> _Stream | None:
        """Take one for a question; None: none waits."""
        try:
            return self._waiting.pop()[1]
        except IndexError:
            return None

    def put(self, stream: _Stream, now_ns: Nanoseconds) -> None:
        """Put one back that has answered."""
        self._waiting.append((now_ns, stream))

    def take_old(self, now_ns: Nanoseconds) -> _Stream | None:
        """Take one that has waited too long, to end it; None: there is none."""
        try:
            since, stream = self._waiting.popleft()
        except IndexError:
            return None
        if now_ns - since > KEEP_IDLE_NS:
            return stream
        self._waiting.appendleft((since, stream))
        return None
