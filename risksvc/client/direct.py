"""One kept-open stream of checks on which the asking thread itself sends, waits and reads. PRIVATE LAYER of grpcio.

This is the only file of the client library that uses `grpc._cython.cygrpc`, which grpcio may change with any version.
So it is used on the versions it is tested on only (`TESTED`); on others `open_stream` gives None, and every check is a
call through grpc's public interface. Why at all: a public stream hands every question to one thread and every answer to
another; this one does without both, and takes less than half the time of a call.

Rule 1: one thread at a time uses a stream; `cancel` may come from any. Rule 2: grpcio frees the queue as soon as
everything that was begun has ended, and polling it then is a crash: what is under way is counted, and after an
exception in the middle of a count (Ctrl-C) the stream is never touched again. Rule 3: a stream that is done with is
cancelled and polled to its end, else grpcio keeps it until the channel closes. Not after a fork: see `forking`.
"""

from typing import Any, Protocol

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from risksvc.client.streams import METHOD, StreamEndedError

TESTED = frozenset({"1.85.1"})
"""Versions of grpcio with which the whole test suite passes over this."""

_STATUS: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_CANCELLED: int = grpc.StatusCode.CANCELLED.value[0]
_NO_FLAGS = 0
# As `wait_for_ready=False` of a call: fails at once while there is no connection.
_DO_NOT_WAIT: int = cygrpc.InitialMetadataFlags.wait_for_ready_explicitly_set
_PROPAGATE: int = cygrpc.PropagationConstants.GRPC_PROPAGATE_DEFAULTS
_BEGIN, _STATUS_TAG, _ANSWER = object(), object(), object()
_METHOD = METHOD.encode()
_Send = cygrpc.SendMessageOperation
_Receive = cygrpc.ReceiveMessageOperation


class _Event(Protocol):
    tag: object
    batch_operations: tuple[Any, ...]


class _Call(Protocol):
    """What is used of grpcio's SegregatedCall: a call with a completion queue of its own."""

    def operate(self, operations: tuple[object, ...], tag: object) -> bool: ...
    def next_event(self) -> _Event: ...
    def cancel(self, code: int, details: str) -> None: ...


class DirectStream:
    """A stream that is open. `answered`: it has given an answer."""

    def __init__(self, call: _Call, *, under_way: int) -> None:
        self._call = call
        self._under_way = under_way
        self._status: tuple[grpc.StatusCode | None, str] = (None, "the stream ended without a status")
        self.answered = False

    def ask(self, request: bytes) -> bytes:
        """Send one question and wait for its answer. StreamEndedError: there will be none, and the stream is gone."""
        try:
            answer = self._exchange(request)
            if answer is not None:
                self.answered = True
                return answer
            self._poll_to_the_end()
        except BaseException:
            self._abandon()
            raise
        raise StreamEndedError(*self._status)

    def cancel(self) -> None:
        """Make whoever waits for an answer stop waiting. Any thread may; does nothing to a stream that has ended."""
        self._call.cancel(_CANCELLED, "cancelled by the strategy")

    def end(self) -> None:
        """End a stream that waits for no answer. Waits for nobody: what is cancelled here ends here."""
        try:
            self.cancel()
            self._poll_to_the_end()
        except BaseException:
            self._abandon()
            raise

    def _exchange(self, request: bytes) -> bytes | None:
        call = self._call
        if not call.operate((_Send(request, _NO_FLAGS), _Receive(_NO_FLAGS)), _ANSWER):
            return None
        self._under_way += 1
        while True:
            event = call.next_event()
            self._under_way -= 1
            if event.tag is _ANSWER:
                answer: bytes | None = event.batch_operations[1].message()
                return answer
            self._note(event)

    def _poll_to_the_end(self) -> None:
        while self._under_way:
            event = self._call.next_event()
            self._under_way -= 1
            self._note(event)

    def _note(self, event: _Event) -> None:
        if event.tag is not _STATUS_TAG:
            return
        status = event.batch_operations[0]
        details = status.details()
        text = details.decode(errors="replace") if isinstance(details, bytes) else str(details or "")
        self._status = (_STATUS.get(status.code(), grpc.StatusCode.UNKNOWN), text)

    def _abandon(self) -> None:
        """Cancel, and never poll again: what is under way may no longer be what was counted."""
        self._under_way = 0
        self._call.cancel(_CANCELLED, "given up by the strategy")


def open_stream(channel: grpc.Channel, *, version: str = grpc.__version__) -> DirectStream | None:
    """Open a stream; waits for nothing. None: not with this grpcio, or not over such a channel."""
    inner = getattr(channel, "_channel", None)
    if version not in TESTED or not isinstance(inner, cygrpc.Channel):
        return None
    begun = (
        ((cygrpc.SendInitialMetadataOperation(None, _DO_NOT_WAIT),), _BEGIN),
        ((cygrpc.ReceiveStatusOnClientOperation(_NO_FLAGS),), _STATUS_TAG),
        ((cygrpc.ReceiveInitialMetadataOperation(_NO_FLAGS),), _BEGIN),
    )
    call = inner.segregated_call(_PROPAGATE, _METHOD, None, None, None, None, begun)
    return DirectStream(call, under_way=len(begun))
