"""Asks as Python strategies do: `python -m tests.bench.clients blocking|asyncio KEY=VALUE...`, see native/load.cc.

Through the client library; with stub=1 by the generated stub alone, with the same channel options: what the library
adds and what a gate adds are then seen against a bare echo.
"""

import asyncio
import sys
import time

import grpc
import grpc.aio

from risksvc.client.asynchronous import AsyncRiskGate
from risksvc.client.blocking import RiskGate
from risksvc.client.channel import CHANNEL_OPTIONS
from risksvc.v1 import strategy_pb2, strategy_pb2_grpc
from tests.bench.course import Course
from tests.bench.orders import Orders

APPROVED = strategy_pb2.OUTCOME_APPROVED
DEADLINE = 2.0
READY_WITHIN = 10.0


def orders_of(course: Course) -> Orders:
    numbers = {name: course.number(name) for name in ("instruments", "strategies")}
    return Orders(course.words["prefix"], **numbers)


def blocking(course: Course) -> None:
    orders = orders_of(course)
    with RiskGate(course.words["target"], account="main", strategy="s0", deadline=DEADLINE) as gate:
        if not gate.wait_ready(READY_WITHIN):
            raise SystemExit("the gate told no state")
        while course.more():
            since = time.perf_counter_ns()
            decision = gate.check(**orders.arguments())
            course.took(since, approved=bool(decision), problem=str(decision))


def blocking_stub(course: Course) -> None:
    orders = orders_of(course)
    with grpc.insecure_channel(course.words["target"], options=CHANNEL_OPTIONS) as channel:
        check = strategy_pb2_grpc.StrategyServiceStub(channel).CheckOrder
        while course.more():
            since = time.perf_counter_ns()
            answer = check(orders.request(), timeout=DEADLINE)
            course.took(since, approved=answer.outcome == APPROVED)


async def in_asyncio(course: Course) -> None:
    orders = orders_of(course)
    async with AsyncRiskGate(course.words["target"], account="main", strategy="s0", deadline=DEADLINE) as gate:
        if not await gate.wait_ready(READY_WITHIN):
            raise SystemExit("the gate told no state")
        while course.more():
            since = time.perf_counter_ns()
            decision = await gate.check(**orders.arguments())
            course.took(since, approved=bool(decision), problem=str(decision))


async def stub_in_asyncio(course: Course) -> None:
    orders = orders_of(course)
    async with grpc.aio.insecure_channel(course.words["target"], options=CHANNEL_OPTIONS) as channel:
        check = strategy_pb2_grpc.StrategyServiceStub(channel).CheckOrder
        while course.more():
            since = time.perf_counter_ns()
            answer = await check(orders.request(), timeout=DEADLINE)
            course.took(since, approved=answer.outcome == APPROVED)


def main() -> None:
    kind, course = sys.argv[1], Course.of(sys.argv[2:])
    stub = course.number("stub")
    if kind == "blocking":
        (blocking_stub if stub else blocking)(course)
    else:
        asyncio.run((stub_in_asyncio if stub else in_asyncio)(course))
    course.tell()


if __name__ == "__main__":
    main()
