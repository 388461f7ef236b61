"""A whole rig for the venue process: a real paper venue, real ccxt, a real gRPC stream to a scripted gate."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp
import ccxt.async_support
import grpc
import grpc.aio

from risksvc.v1 import venue_pb2, venue_pb2_grpc
from risksvc.venue.config import VenueConfig
from risksvc.venue.feed import feed_until
from risksvc.venue.paper import PaperServer

BTC = "BTC/USDT:USDT"
Message: TypeAlias = Any  # one of the messages of the feed
Exchange: TypeAlias = Any  # ccxt carries no types

WAIT_S = 20.0  # for anything that must happen; a noisy machine only makes a test slower


class GateSide(venue_pb2_grpc.VenueFeedServiceServicer):
    """The gate as a script: welcomes, beats, commands, and keeps all it is told in the order in which it came."""

    def __init__(self) -> None:
        self.fills_since_ms = 0
        self.mark_instruments = [BTC]
        self.beating = True
        self.refuse: tuple[grpc.StatusCode, str] | None = None
        self.received: list[venue_pb2.FeedRequest] = []
        self.hellos: list[venue_pb2.FeedHello] = []
        self.beats: list[int] = []
        self.attempts = 0
        self._came = asyncio.Condition()
        self._commands: asyncio.Queue[venue_pb2.FeedCommand] = asyncio.Queue()
        self._ids = 0

    async def Feed(  # type: ignore[override]  # noqa: N802 - gRPC's name; grpc.aio takes a coroutine, too
        self, request_iterator: AsyncIterator[Message], context: Message
    ) -> None:
        self.attempts += 1
        if self.refuse is not None:
            await context.abort(*self.refuse)
        hello = await context.read()
        self.hellos.append(hello.hello)
        welcome = venue_pb2.FeedWelcome(
            gate_id="test", fills_since_ms=self.fills_since_ms, mark_instruments=self.mark_instruments
        )
        await context.write(venue_pb2.FeedResponse(welcome=welcome))
        writing = asyncio.create_task(self._write(context))
        try:
            while (message := await context.read()) is not grpc.aio.EOF:
                async with self._came:
                    self.received.append(message)
                    self._came.notify_all()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, context: Message) -> None:
        while True:
            if self.beating:
                now = time.time_ns()
                self.beats.append(now)
                await context.write(venue_pb2.FeedResponse(heartbeat=venue_pb2.FeedHeartbeat(gate_time_ns=now)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await context.write(venue_pb2.FeedResponse(command=await self._commands.get()))

    def mark(self) -> int:
        """Where the record stands now: later messages come after it."""
        return len(self.received)

    async def until(
        self, kind: str, fits: Callable[[Message], bool] = lambda _: True, *, after: int = 0, wait_s: float = WAIT_S
    ) -> Message:
        """The first message of a kind that fits, among those after a mark."""
        seen = after
        async with asyncio.timeout(wait_s), self._came:
            while True:
                for message in self.received[seen:]:
                    if message.WhichOneof("message") == kind and fits(getattr(message, kind)):
                        return getattr(message, kind)
                seen = len(self.received)
                await self._came.wait()

    def all(self, kind: str, *, after: int = 0) -> list[Message]:
        return [getattr(each, kind) for each in self.received[after:] if each.WhichOneof("message") == kind]

    def index(self, kind: str, message: Message) -> int:
        return next(
            i
            for i, each in enumerate(self.received)
            if getattr(each, kind) is message or (each.WhichOneof("message") == kind and getattr(each, kind) == message)
        )

    async def command(self, **what: Message) -> Message:
        """Give a command and wait for its result."""
        self._ids += 1
        command_id = f"c{self._ids}"
        self._commands.put_nowait(venue_pb2.FeedCommand(command_id=command_id, **what))
        return await self.until("command_result", lambda result: result.command_id == command_id)

    async def read_now(self) -> Message:
        return await self.command(read_now=venue_pb2.ReadNow())

    async def look_up(self, *client_ids: str, instrument: str = BTC) -> Message:
        orders = [venue_pb2.OrderReference(instrument=instrument, client_order_id=each) for each in client_ids]
        return await self.command(look_up_orders=venue_pb2.LookUpOrders(orders=orders))

    async def cancel(self, *client_ids: str) -> Message:
        orders = [venue_pb2.OrderReference(instrument=BTC, client_order_id=each) for each in client_ids]
        return await self.command(cancel_orders=venue_pb2.CancelOrders(orders=orders))

    def fills(self, *, before: int | None = None) -> dict[tuple[str, str], venue_pb2.FeedFill]:
        """Every fill told so far, each once."""
        found: dict[tuple[str, str], venue_pb2.FeedFill] = {}
        for message in self.received[:before]:
            for fill in message.fills.fills:
                found[(fill.instrument, fill.trade_id)] = fill
        return found


class Rig:
    """Everything together; the feed starts with `start`, all is stopped on leaving."""

    def __init__(self, paper: PaperServer, gate: GateSide, folder: Path) -> None:
        self.paper = paper
        self.gate = gate
        self.target = f"unix:{folder}/feed.sock"
        self.trader: Exchange = ccxt.async_support.bybit({"apiKey": "paper-trade", "secret": "paper-trade-secret"})
        self.trader.urls["api"] = dict.fromkeys(self.trader.urls["api"], paper.base_url)
        self.trader.options["fetchMarkets"] = {"types": ["linear"]}
        self.trader.has["fetchCurrencies"] = False
        self.trader.timeout_on_exit = 0
        self._told = asyncio.Event()
        self._feed: asyncio.Task[int] | None = None
        self._server: grpc.aio.Server | None = None

    def config(self, **overrides: object) -> VenueConfig:
        settings: dict[str, Any] = {
            "account": "main",
            "gate_target": self.target,
            "api_key": "paper-read",
            "api_secret": "paper-read-secret",
            "base_url": self.paper.base_url,
            "positions_every_ms": 150,
            "marks_every_ms": 200,
            "request_timeout_ms": 700,
            "gate_silence_ms": 1_000,
            "stream": False,  # most of what is shown here must hold without one
        }
        return VenueConfig(**{**settings, **overrides})

    async def serve_gate(self) -> None:
        self._server = grpc.aio.server()
        venue_pb2_grpc.add_VenueFeedServiceServicer_to_server(self.gate, self._server)
        self._server.add_insecure_port(self.target)
        await self._server.start()

    async def stop_gate(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def start(self, **overrides: object) -> GateSide:
        """Start the feed and wait for its first snapshot."""
        self._feed = asyncio.create_task(feed_until(self._told, self.config(**overrides)))
        await self.gate.until("snapshot")
        return self.gate

    async def stop_feed(self) -> None:
        """End the venue process's part as SIGTERM does."""
        self._told.set()
        assert self._feed is not None
        assert await self._feed == 0
        self._feed = None

    async def order(self, client_id: str, side: str, quantity: str, price: str | None = None) -> Message:
        kind = "market" if price is None else "limit"
        return await self.trader.create_order(BTC, kind, side, quantity, price, {"clientOrderId": client_id})

    async def event(self, name: str, **values: str) -> None:
        url = f"{self.paper.base_url}/paper/events"
        async with aiohttp.ClientSession() as http, http.post(url, json={"name": name, **values}) as answer:
            assert answer.status == 200, await answer.text()

    def fault(self, name: str, path: str = "*", *, count: int | None = None, **values: Any) -> None:  # noqa: ANN401 - a fault's own parameters
        self.paper.gateway.faults.switch_on(name, path=path, account="", count=count, **values)

    def heal(self) -> None:
        self.paper.gateway.faults.clear_all()

    async def __aenter__(self) -> Self:
        await self.serve_gate()
        await self.trader.load_markets()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        self._told.set()
        if self._feed is not None:
            assert await self._feed == 0
        await self.trader.close()
        await self.stop_gate()


def position(snapshot: Message, instrument: str = BTC) -> Decimal:
    held = [each for each in snapshot.positions if each.instrument == instrument]
    assert len(held) <= 1
    return Decimal(held[0].quantity) if held else Decimal(0)


def holding(quantity: str) -> Callable[[Message], bool]:
    return lambda snapshot: position(snapshot) == Decimal(quantity)
