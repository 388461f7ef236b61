"""The asyncio gate's streams with grpc's call played: every way in which one can fail."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from risksvc.client.streams import KEEP_IDLE_NS, MOST_STREAMS, REFUSED, REFUSED_FOR_NS, StreamEndedError
from risksvc.client.streams_async import AsyncStreams
from risksvc.core.types import MILLISECOND
from risksvc.v1 import strategy_pb2
from tests.unit.client.messages import a_request, an_approval

FAR_NS = 2**62  # no clock comes to this
Answer = Callable[[strategy_pb2.CheckOrderRequest], Awaitable[object]]


async def approving(request: strategy_pb2.CheckOrderRequest) -> object:
    return an_approval(request)


async def hanging(_: strategy_pb2.CheckOrderRequest) -> object:
    return await asyncio.get_running_loop().create_future()


def ending(code: grpc.StatusCode) -> Answer:
    async def end(_: strategy_pb2.CheckOrderRequest) -> object:
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "scripted")

    return end


class PlayedCall:
    """A stream of grpc.aio: what is read is what the test says to what was written."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._asked: strategy_pb2.CheckOrderRequest | None = None
        self._reading: asyncio.Task[object] | None = None
        self.over = False

    def done(self) -> bool:
        return self.over

    def cancel(self) -> bool:
        self.over = True
        if self._reading is not None:
            self._reading.cancel()
        return True

    async def write(self, request: strategy_pb2.CheckOrderRequest) -> None:
        if self._world.ended_before is not None:
            raise asyncio.InvalidStateError
        self._asked = request

    async def read(self) -> object:
        assert self._asked is not None
        self._reading = asyncio.ensure_future(self._world.answer(self._asked))
        return await self._reading

    async def code(self) -> grpc.StatusCode | None:
        return self._world.ended_before

    async def details(self) -> str:
        return "scripted"


class World:
    """Streams over a channel that is none."""

    def __init__(self) -> None:
        self.opened: list[PlayedCall] = []
        self.answer: Answer = approving
        self.ended_before: grpc.StatusCode | None = None
        self.streams = AsyncStreams(self._open)

    def _open(self) -> "grpc.aio.StreamStreamCall[Any, Any]":
        self.opened.append(PlayedCall(self))
        return cast("grpc.aio.StreamStreamCall[Any, Any]", self.opened[-1])

    async def ask(self, *, due_ns: int = FAR_NS) -> object | None:
        return await self.streams.ask(a_request(), due_ns)

    async def fail(self, *, due_ns: int = FAR_NS) -> StreamEndedError:
        with pytest.raises(StreamEndedError) as caught:
            await self.ask(due_ns=due_ns)
        return caught.value


@pytest.fixture
def world() -> World:
    return World()


async def test_one_stream_answers_one_question_after_the_other(world: World) -> None:
    for _ in range(3):
        assert isinstance(await world.ask(), strategy_pb2.CheckOrderResponse)
    assert len(world.opened) == 1


async def test_a_late_answer_is_none_and_its_stream_is_gone(world: World) -> None:
    world.answer = hanging
    ended = await world.fail(due_ns=time.monotonic_ns() + MILLISECOND)
    assert ended.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert world.opened[0].over
    world.answer = approving
    assert await world.ask() is not None
    assert len(world.opened) == 2


async def test_a_task_that_is_cancelled_is_cancelled_and_its_stream_is_gone(world: World) -> None:
    world.answer = hanging
    asking = asyncio.create_task(world.ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert world.opened[0].over


async def test_another_questions_answer_ends_the_stream(world: World) -> None:
    async def another(_: strategy_pb2.CheckOrderRequest) -> object:
        return an_approval(a_request(client_order_id="another"))

    world.answer = another
    assert isinstance(await world.ask(), strategy_pb2.CheckOrderResponse)  # the judgement's to deny
    assert world.opened[0].over


async def test_a_stream_that_the_gate_ended_says_so(world: World) -> None:
    async def no_more(_: strategy_pb2.CheckOrderRequest) -> object:
        return grpc.aio.EOF

    world.answer = no_more
    assert (await world.fail()).code is grpc.StatusCode.OK


@pytest.mark.parametrize("code", list(grpc.StatusCode))
async def test_how_a_stream_ended_is_told(world: World, code: grpc.StatusCode) -> None:
    assert await world.ask() is not None
    world.answer = ending(code)
    ended = await world.fail()
    assert (ended.code, ended.details) == (code, "scripted")
    world.answer = approving
    assert await world.ask() is not None
    assert len(world.opened) == 2


async def test_one_that_ended_before_it_was_written_to_tells_why(world: World) -> None:
    world.ended_before = grpc.StatusCode.UNAVAILABLE
    assert (await world.fail()).code is grpc.StatusCode.UNAVAILABLE


async def test_one_that_ended_while_it_waited_is_not_asked(world: World) -> None:
    assert await world.ask() is not None
    world.opened[0].over = True
    assert await world.ask() is not None
    assert len(world.opened) == 2


@pytest.mark.parametrize("code", sorted(REFUSED, key=str))
async def test_where_streams_are_refused_none_is_tried_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch, code: grpc.StatusCode
) -> None:
    world.answer = ending(code)
    assert (await world.fail()).code is code
    world.answer = approving
    assert await world.ask() is None
    later = time.monotonic_ns() + REFUSED_FOR_NS
    monkeypatch.setattr("risksvc.client.streams_async.time.monotonic_ns", lambda: later)
    assert await world.ask() is not None


async def test_more_questions_than_streams_are_calls_of_their_own(world: World) -> None:
    world.answer = hanging
    asking = [asyncio.create_task(world.ask()) for _ in range(MOST_STREAMS)]
    await asyncio.sleep(0)
    assert await world.ask() is None
    world.streams.close()
    ended = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * MOST_STREAMS


async def test_what_is_not_needed_is_given_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await world.ask() is not None
    world.streams.look_after()
    assert not world.opened[0].over
    later = time.monotonic_ns() + KEEP_IDLE_NS
    monkeypatch.setattr("risksvc.client.streams_async.time.monotonic_ns", lambda: later)
    world.streams.look_after()
    assert world.opened[0].over


async def test_retiring_ends_what_waits(world: World) -> None:
    assert await world.ask() is not None
    world.streams.retire()
    assert world.opened[0].over


async def test_what_is_put_back_after_closing_is_ended(world: World) -> None:
    async def close_first(request: strategy_pb2.CheckOrderRequest) -> object:
        world.streams._closed = True
        return an_approval(request)

    world.answer = close_first
    assert await world.ask() is not None
    assert world.opened[0].over
