"""The private layer with grpcio's call played: what it never does, above all polling a queue that is freed."""

from collections import deque
from typing import Any, cast

import grpc
import pytest

from risksvc.client import direct
from risksvc.client.direct import DirectStream, open_stream
from risksvc.client.streams import StreamEndedError

BEGUN = 3


class Operation:
    def __init__(self, *, message: bytes | None = None, code: int = 0, details: str | bytes = "") -> None:
        self._message, self._code, self._details = message, code, details

    def message(self) -> bytes | None:
        return self._message

    def code(self) -> int:
        return self._code

    def details(self) -> str | bytes:
        return self._details


class Event:
    def __init__(self, tag: object, operation: Operation) -> None:
        self.tag = tag
        self.batch_operations = (operation, operation)


def begun() -> Event:
    return Event(direct._BEGIN, Operation())


def answered(message: bytes | None) -> Event:
    return Event(direct._ANSWER, Operation(message=message))


def ended(code: grpc.StatusCode, details: str | bytes = "") -> Event:
    return Event(direct._STATUS_TAG, Operation(code=code.value[0], details=details))


class PlayedCall:
    """Gives events in turn. Polled without one left it fails: grpcio would crash, or wait for ever."""

    def __init__(self, *events: Event | BaseException, over: bool = False) -> None:
        self.events = deque(events)
        self.over = over
        self.sent: list[Any] = []
        self.cancels = 0

    def operate(self, operations: tuple[object, ...], tag: object) -> bool:
        assert tag is direct._ANSWER
        if not self.over:
            self.sent.append(operations)
        return not self.over

    def next_event(self) -> Event:
        assert self.events, "polled once too often"
        event = self.events.popleft()
        if isinstance(event, BaseException):
            raise event
        return event

    def cancel(self, code: int, details: str) -> None:
        assert (code, bool(details)) == (grpc.StatusCode.CANCELLED.value[0], True)
        self.cancels += 1


def test_question_by_question() -> None:
    call = PlayedCall(begun(), answered(b"1"), begun(), answered(b"2"))
    stream = DirectStream(call, under_way=BEGUN)
    before = stream.answered
    assert [stream.ask(b"a"), stream.ask(b"b")] == [b"1", b"2"]
    assert (before, stream.answered) == (False, True)
    assert len(call.sent) == 2


@pytest.mark.parametrize("details", ["gone", b"gone"], ids=["text", "bytes"])
def test_a_stream_that_ends_is_polled_to_its_end_and_tells_the_status(details: str | bytes) -> None:
    call = PlayedCall(begun(), begun(), answered(None), ended(grpc.StatusCode.UNAVAILABLE, details))
    stream = DirectStream(call, under_way=BEGUN)
    with pytest.raises(StreamEndedError) as caught:
        stream.ask(b"a")
    assert (caught.value.code, caught.value.details) == (grpc.StatusCode.UNAVAILABLE, "gone")
    assert not call.events
    stream.end()


def test_a_status_that_nobody_knows_is_unknown() -> None:
    strange = Event(direct._STATUS_TAG, Operation(code=99))
    stream = DirectStream(PlayedCall(strange, answered(None)), under_way=1)
    with pytest.raises(StreamEndedError) as caught:
        stream.ask(b"a")
    assert caught.value.code is grpc.StatusCode.UNKNOWN


def test_a_call_that_is_over_is_neither_asked_nor_polled() -> None:
    call = PlayedCall(over=True)
    stream = DirectStream(call, under_way=0)
    with pytest.raises(StreamEndedError):
        stream.ask(b"a")
    stream.end()
    assert not call.sent


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), ValueError("?")], ids=repr)
def test_after_an_exception_it_is_cancelled_and_never_polled_again(trouble: BaseException) -> None:
    call = PlayedCall(begun(), trouble)
    stream = DirectStream(call, under_way=BEGUN)
    with pytest.raises(type(trouble)):
        stream.ask(b"a")
    assert call.cancels == 1
    stream.end()  # nothing is left that may be polled


def test_ending_cancels_and_polls_to_the_end() -> None:
    call = PlayedCall(begun(), begun(), ended(grpc.StatusCode.CANCELLED))
    DirectStream(call, under_way=BEGUN).end()
    assert call.cancels == 1
    assert not call.events


def test_an_exception_while_ending_gives_it_up() -> None:
    call = PlayedCall(begun(), KeyboardInterrupt())
    stream = DirectStream(call, under_way=BEGUN)
    with pytest.raises(KeyboardInterrupt):
        stream.end()
    stream.end()


def test_it_is_used_with_tested_versions_of_grpcio_and_its_own_channels_only() -> None:
    channel = grpc.insecure_channel("unix:/nowhere/risksvc.sock")
    try:
        assert open_stream(channel, version="1.0.0") is None
        assert open_stream(cast("grpc.Channel", object())) is None
        stream = open_stream(channel)
        assert stream is not None
        with pytest.raises(StreamEndedError) as caught:
            stream.ask(b"")
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    finally:
        channel.close()


def test_the_version_that_is_installed_is_a_tested_one() -> None:
    assert grpc.__version__ in direct.TESTED
