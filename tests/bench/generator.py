"""The load generator for machines without a C++ compiler: asyncio, with the same words and the same answer.

It costs more of the processor than the C++ one, so that ratios with many in flight are its own more than the server's:
the report says which generator asked. One caller alone is a blocking stub, as there.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import grpc
import grpc.aio

from risksvc.v1 import strategy_pb2, strategy_pb2_grpc
from tests.bench.clients import APPROVED, DEADLINE, blocking_stub, orders_of
from tests.bench.course import Course

_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
_BATCH = 100


class Asking:
    """Over channels of its own."""

    def __init__(self, course: Course) -> None:
        self.course, self.orders = course, orders_of(course)
        number = course.number("channels") or 1
        self._channels = [grpc.aio.insecure_channel(course.words["target"], options=_OPTIONS) for _ in range(number)]
        self._stubs = [strategy_pb2_grpc.StrategyServiceStub(channel) for channel in self._channels]

    async def close(self) -> None:
        for channel in self._channels:
            await channel.close()

    async def _ask(self, since: int) -> None:
        stub: Any = self._stubs[self.orders.made % len(self._stubs)]
        try:
            answer = await stub.CheckOrder(self.orders.request(), timeout=DEADLINE)
        except grpc.RpcError as error:
            self.course.took(since, approved=False, failed=True, problem=str(error))
        else:
            self.course.took(since, approved=answer.outcome == APPROVED)

    async def closed(self) -> None:
        async def caller() -> None:
            while self.course.more():
                await self._ask(time.perf_counter_ns())

        await asyncio.gather(*(caller() for _ in range(self.course.number("inflight"))))

    async def paced(self) -> None:
        """By the clock; latency counts from when a call was due."""
        for _ in range(self.course.warm):
            self.course.more()
            await self._ask(time.perf_counter_ns())
        began, gap, sent = time.perf_counter_ns(), 1_000_000_000 // self.course.number("rate"), 0
        async with asyncio.TaskGroup() as group:
            while self.course.more():
                due = began + gap * sent
                await asyncio.sleep(max(0, due - time.perf_counter_ns()) / 1e9)
                group.create_task(self._ask(due))
                sent += 1

    async def talk(self) -> None:
        asked: deque[int] = deque()
        room = asyncio.Semaphore(self.course.number("inflight"))

        async def requests() -> AsyncIterator[strategy_pb2.CheckOrderRequest]:
            while True:
                await room.acquire()
                if not self.course.more():
                    return
                asked.append(time.perf_counter_ns())
                yield self.orders.request()

        stub: Any = self._stubs[0]
        async for answer in stub.CheckOrders(requests()):
            self.course.took(asked.popleft(), approved=answer.outcome == APPROVED)
            room.release()


async def _run(course: Course, way: Callable[[Asking], Coroutine[Any, Any, None]]) -> None:
    asking = Asking(course)
    try:
        await way(asking)
    finally:
        await asking.close()


def main() -> None:
    course = Course.of(sys.argv[1:])
    if course.words["mode"] == "batch":
        raise SystemExit("batches are measured by the C++ generator only")
    if course.words["mode"] == "stream":
        asyncio.run(_run(course, Asking.talk))
    elif course.number("rate"):
        asyncio.run(_run(course, Asking.paced))
    elif course.number("inflight") > 1:
        asyncio.run(_run(course, Asking.closed))
    else:
        blocking_stub(course)
    course.tell()


if __name__ == "__main__":
    main()
