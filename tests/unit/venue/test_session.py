"""A whole session between a scripted gate and a small server that speaks Bybit: real ccxt, real sockets in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from risksvc.core.types import use_exact_arithmetic
from risksvc.v1 import venue_pb2
from risksvc.venue.connection import VenueConnection
from risksvc.venue.gate_link import GateLink, SessionEndedError
from risksvc.venue.session import Session
from tests.unit.venue.builders import BTC, settings
from tests.unit.venue.private_stream import PrivateServer, execution, order

DAY_MS = 86_400_000
STILL = {"positions_every_ms": 60_000, "marks_every_ms": 60_000}


@pytest.fixture(scope="module", autouse=True)
def _exact_arithmetic() -> None:
    use_exact_arithmetic()


class Link:
    """The gate as a script: beats, commands, and keeps what it is told."""

    def __init__(self) -> None:
        self.sent: list[venue_pb2.FeedRequest] = []
        self.commands: asyncio.Queue[venue_pb2.FeedResponse] = asyncio.Queue()
        self.full = False
        self._changed = asyncio.Event()

    def send(self, message: venue_pb2.FeedRequest) -> None:
        if self.full:
            raise SessionEndedError("the gate does not read")
        self.sent.append(message)
        self._changed.set()

    async def write_queued(self) -> None:
        await asyncio.Event().wait()

    async def read(self) -> venue_pb2.FeedResponse:
        try:
            async with asyncio.timeout(0.05):
                return await self.commands.get()
        except TimeoutError:
            return venue_pb2.FeedResponse(heartbeat=venue_pb2.FeedHeartbeat(gate_time_ns=time.time_ns()))

    def read_now(self, command_id: str) -> None:
        command = venue_pb2.FeedCommand(command_id=command_id, read_now=venue_pb2.ReadNow())
        self.commands.put_nowait(venue_pb2.FeedResponse(command=command))

    def kinds(self) -> list[str]:
        return [str(each.WhichOneof("message")) for each in self.sent]

    async def until(self, holds: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds(self.kinds()):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def session(
    server: PrivateServer, *, since_ms: int = 0, **changes: object
) -> AsyncIterator[tuple[Link, "asyncio.Task[None]"]]:
    connection = VenueConnection(settings(base_url=server.base_url, **changes))
    await connection.load_markets()
    link = Link()
    welcome = venue_pb2.FeedWelcome(gate_id="g", fills_since_ms=since_ms, mark_instruments=[BTC])
    running = asyncio.create_task(Session(connection, link=cast("GateLink", link), welcome=welcome).run())
    try:
        yield link, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()


async def test_an_execution_and_the_end_of_its_order_are_told_as_they_happen() -> None:
    since_ms = time.time_ns() // 1_000_000
    async with PrivateServer() as server, session(server, since_ms=since_ms, **STILL) as (link, _):
        await link.until(
            lambda kinds: kinds.count("stream_state") == 1 and kinds.count("snapshot") >= 2 and "balances" in kinds
        )
        del link.sent[:]
        rows = [execution(number, execTime=str(since_ms + number)) for number in (1, 2, 3)]
        await server.push("execution", *rows)
        await server.push("order", order(orderStatus="Filled", cumExecQty="0.003", leavesQty="0"))
        await link.until(lambda kinds: "snapshot" in kinds)
        assert link.kinds() == ["fills", "order_states", "snapshot"]
        assert [fill.trade_id for fill in link.sent[0].fills.fills] == ["e-1", "e-2", "e-3"]
        (state,) = link.sent[1].order_states.orders
        assert (state.client_order_id, state.status, state.filled) == (
            "c-1",
            venue_pb2.VENUE_ORDER_STATUS_FILLED,
            "0.003",
        )


async def test_reads_never_come_in_a_burst_whatever_is_asked_and_whatever_happens() -> None:
    """At the start, while commands and events rain down, and when the stream comes back."""
    async with PrivateServer() as server, session(server, stream_retry_min_ms=50) as (link, _):
        await link.until(lambda kinds: "stream_state" in kinds)
        ends = asyncio.get_running_loop().time() + 1.0
        number = 0
        while asyncio.get_running_loop().time() < ends:
            number += 1
            link.read_now(f"c-{number}")
            await server.push("order", order())
            await asyncio.sleep(0.005)
        await server.hang_up()
        await link.until(lambda kinds: kinds.count("stream_state") == 3)
        await link.until(lambda kinds: kinds.count("command_result") == number)
        at = [when for when, _, _ in server.requests]
    busiest = max(sum(1 for when in at if began <= when < began + 1) for began in at)
    closest = max(sum(1 for when in at if began <= when < began + 0.1) for began in at)
    assert number > 30
    assert busiest <= 30, "Bybit allows 50 list calls a second"
    assert closest <= 8
    answered = [each.command_result.ok for each in link.sent if each.HasField("command_result")]
    assert all(answered)


@pytest.mark.parametrize("days", [1, 10])
async def test_a_downtime_that_is_longer_than_the_venues_history_is_said(days: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    since_ms, reach_ms = now_ms - days * DAY_MS, now_ms - 3 * DAY_MS
    quirks = {"fill_history_ms": 3 * DAY_MS}
    async with PrivateServer() as server, session(server, since_ms=since_ms, quirks=quirks, **STILL) as (link, _):
        await link.until(lambda kinds: "snapshot" in kinds)
        gaps = [each.history_gap for each in link.sent if each.HasField("history_gap")]
    asked = [int(query["startTime"]) for _, path, query in server.requests if path == "/v5/execution/list"]
    if days == 1:
        assert gaps == []
        assert min(asked) <= since_ms
    else:
        assert link.kinds()[0] == "history_gap"
        assert (gaps[0].from_ms, len(gaps)) == (since_ms, 1)
        assert reach_ms <= gaps[0].to_ms < now_ms
        assert reach_ms <= min(asked) <= gaps[0].to_ms


@pytest.mark.parametrize("stream", [False, True], ids=["without", "with"])
async def test_fills_alone_are_read_in_between_where_no_stream_tells_of_them(*, stream: bool) -> None:
    async with PrivateServer() as server, session(server, stream=stream, fills_every_ms=100, **STILL) as (link, _):
        await link.until(lambda kinds: kinds.count("snapshot") >= 1 + stream and "balances" in kinds)
        before = len(server.requests)
        await asyncio.sleep(0.35)
        paths = {path for _, path, _ in server.requests[before:]}
    assert paths == (set() if stream else {"/v5/execution/list"})


async def test_a_gate_that_does_not_read_ends_the_session_not_only_the_stream() -> None:
    async with PrivateServer() as server, session(server, **STILL) as (link, running):
        await link.until(lambda kinds: kinds.count("snapshot") >= 2)
        link.full = True
        await server.push("order", order(orderStatus="Cancelled", leavesQty="0"))
        async with asyncio.timeout(20):
            with pytest.raises(SessionEndedError):
                await running
