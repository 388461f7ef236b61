"""The blocking gate's streams with the stream itself played: every way in which one can fail."""

import threading
from collections.abc import Callable, Iterator
from typing import cast

import grpc
import pytest

from risksvc.client.direct import DirectStream
from risksvc.client.streams import KEEP_IDLE_NS, MOST_STREAMS, REFUSED, REFUSED_FOR_NS, StreamEndedError
from risksvc.client.streams_blocking import BlockingStreams
from risksvc.core.types import SECOND
from risksvc.v1 import strategy_pb2
from tests.unit.client.messages import a_request, an_approval

PATIENCE = 10.0
FAR_NS = 2**62
Answer = Callable[[strategy_pb2.CheckOrderRequest], bytes]


def approving(request: strategy_pb2.CheckOrderRequest) -> bytes:
    return an_approval(request).SerializeToString()


class PlayedStream:
    """Answers as told; `hang` waits until it is cancelled, as one that the gate does not answer."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.answered = False
        self.ended = 0
        self.cancelled = threading.Event()

    def ask(self, request: bytes) -> bytes:
        answer = self._world.answer(strategy_pb2.CheckOrderRequest.FromString(request))
        self.answered = True
        return answer

    def hang(self, _: strategy_pb2.CheckOrderRequest) -> bytes:
        assert self.cancelled.wait(PATIENCE)
        raise StreamEndedError(grpc.StatusCode.CANCELLED, "cancelled by the strategy")

    def cancel(self) -> None:
        self.cancelled.set()

    def end(self) -> None:
        self.ended += 1


class Clock:
    """Stands in for `time` in the streams, and stands still until a test moves it. The timekeeper's is the real one."""

    def __init__(self) -> None:
        self.now_ns = 0

    def monotonic_ns(self) -> int:
        return self.now_ns


class World:
    """Streams over a channel that is none."""

    def __init__(self) -> None:
        self.opened: list[PlayedStream] = []
        self.answer: Answer = approving
        self.available = True
        self.streams = BlockingStreams(cast("grpc.Channel", None), SECOND, opening=self._open)

    def _open(self, _: grpc.Channel) -> DirectStream | None:
        if not self.available:
            return None
        stream = PlayedStream(self)
        self.opened.append(stream)
        return cast("DirectStream", stream)

    def ask(self, *, due_ns: int = FAR_NS) -> strategy_pb2.CheckOrderResponse | None:
        return self.streams.ask(a_request(), due_ns)

    def fail(self) -> StreamEndedError:
        with pytest.raises(StreamEndedError) as caught:
            self.ask()
        return caught.value


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    still = Clock()
    monkeypatch.setattr("risksvc.client.streams_blocking.time", still)
    return still


@pytest.fixture
def world(clock: Clock) -> Iterator[World]:
    assert clock.now_ns == 0
    played = World()
    yield played
    played.streams.close()


def test_one_stream_answers_one_question_after_the_other(world: World) -> None:
    for _ in range(3):
        answer = world.ask()
        assert answer is not None
        assert answer.outcome == strategy_pb2.OUTCOME_APPROVED
    assert len(world.opened) == 1


def test_where_there_are_no_streams_nothing_is_asked(world: World) -> None:
    world.available = False
    assert world.ask() is None


def test_a_late_answer_is_none_and_its_stream_is_gone(world: World) -> None:
    def hang(request: strategy_pb2.CheckOrderRequest) -> bytes:
        return world.opened[0].hang(request)

    world.answer = hang
    with pytest.raises(StreamEndedError) as caught:
        world.ask(due_ns=0)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    world.answer = approving
    assert world.ask() is not None
    assert len(world.opened) == 2


def test_an_answer_at_the_very_moment_of_the_deadline_is_late_too(world: World) -> None:
    def crossing(request: strategy_pb2.CheckOrderRequest) -> bytes:
        assert world.opened[0].cancelled.wait(PATIENCE)
        return approving(request)

    world.answer = crossing
    with pytest.raises(StreamEndedError) as caught:
        world.ask(due_ns=0)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert world.opened[0].ended == 1


def test_another_questions_answer_ends_the_stream(world: World) -> None:
    world.answer = lambda _: an_approval(a_request(client_order_id="another")).SerializeToString()
    answer = world.ask()
    assert answer is not None
    assert answer.client_order_id == "another"  # the judgement's to deny
    assert world.opened[0].ended == 1
    world.answer = approving
    assert world.ask() is not None
    assert len(world.opened) == 2


def test_an_answer_that_is_no_message_ends_the_stream(world: World) -> None:
    world.answer = lambda _: b"\x0b\xff\xff"
    assert world.fail().code is grpc.StatusCode.INTERNAL
    assert world.opened[0].ended == 1


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_how_a_stream_ended_is_told_and_the_next_question_opens_another_one(
    world: World, code: grpc.StatusCode
) -> None:
    assert world.ask() is not None

    def end(_: strategy_pb2.CheckOrderRequest) -> bytes:
        raise StreamEndedError(code, "scripted")

    world.answer = end
    assert world.fail().code is code
    world.answer = approving
    assert world.ask() is not None
    assert len(world.opened) == 2


@pytest.mark.parametrize("code", sorted(REFUSED, key=str))
def test_where_streams_are_refused_none_is_tried_for_a_while(world: World, clock: Clock, code: grpc.StatusCode) -> None:
    def refuse(_: strategy_pb2.CheckOrderRequest) -> bytes:
        raise StreamEndedError(code, "scripted")

    world.answer = refuse
    assert world.fail().code is code
    world.answer = approving
    assert world.ask() is None
    clock.now_ns = REFUSED_FOR_NS
    assert world.ask() is not None


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), RuntimeError("?")], ids=repr)
def test_after_an_exception_the_stream_is_never_used_again(world: World, trouble: BaseException) -> None:
    def broken(_: strategy_pb2.CheckOrderRequest) -> bytes:
        raise trouble

    world.answer = broken
    with pytest.raises(type(trouble)):
        world.ask()
    assert world.opened[0].cancelled.is_set()
    world.answer = approving
    assert world.ask() is not None
    assert len(world.opened) == 2


def hold(world: World, threads: int) -> tuple[threading.Event, list[threading.Thread]]:
    """Let so many threads ask at once, and wait for their answers until told."""
    release, asked = threading.Event(), threading.Semaphore(0)

    def wait(request: strategy_pb2.CheckOrderRequest) -> bytes:
        asked.release()
        assert release.wait(PATIENCE)
        return approving(request)

    world.answer = wait
    asking = [threading.Thread(target=world.ask) for _ in range(threads)]
    for thread in asking:
        thread.start()
    for _ in asking:
        assert asked.acquire(timeout=PATIENCE)
    return release, asking


def test_more_threads_than_streams_ask_by_calls_of_their_own(world: World) -> None:
    release, asking = hold(world, MOST_STREAMS)
    assert world.ask() is None
    release.set()
    for thread in asking:
        thread.join()
    # The threads are dead, their streams are not: anybody's question goes over them.
    assert world.ask() is not None
    assert len(world.opened) == MOST_STREAMS


def test_what_is_not_needed_is_given_back(world: World, clock: Clock) -> None:
    release, asking = hold(world, 3)
    release.set()
    for thread in asking:
        thread.join()
    clock.now_ns = KEEP_IDLE_NS
    world.answer = approving
    assert world.ask() is not None
    clock.now_ns += 1
    world.streams.look_after()
    assert sorted(stream.ended for stream in world.opened) == [0, 1, 1]


def test_retiring_ends_what_waits_and_leaves_what_is_asked(world: World) -> None:
    release, asking = hold(world, 1)
    world.streams.retire()
    assert world.opened[0].ended == 0
    release.set()
    asking[0].join()
    world.streams.retire()
    assert world.opened[0].ended == 1


def test_closing_cancels_who_waits_and_what_comes_back_is_ended(world: World) -> None:
    release, asking = hold(world, 1)
    world.streams.close()
    assert world.opened[0].cancelled.is_set()
    release.set()
    asking[0].join()
    assert world.opened[0].ended == 1


def test_a_stream_that_cannot_be_ended_stops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.ask() is not None

    def fail() -> None:
        raise ValueError("not this one")

    monkeypatch.setattr(world.opened[0], "end", fail)
    world.streams.retire()
    assert world.ask() is not None
    assert len(world.opened) == 2
