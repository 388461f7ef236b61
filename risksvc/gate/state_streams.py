"""How strategies follow their trading state: at once, on every change, and with every heartbeat."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from grpc import StatusCode

from risksvc.core.types import MILLISECOND, SECOND
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.engine.methods import StatusError, read_message
from risksvc.gate.watching import TooManyWatchersError, Watcher, state_message
from risksvc.v1 import strategy_pb2, types_pb2

_LOOK_AGAIN_SECONDS = 0.02  # a disk that hangs must not keep a halt from those who wait for it


class StateStreams:
    """risksvc.v1.StrategyService.WatchTradingState."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def follow(self, data: bytes) -> AsyncGenerator[bytes, None]:
        """The state at once, on every change, and with every heartbeat."""
        request = read_message(strategy_pb2.WatchTradingStateRequest.FromString, data)
        account = convert.name(request.account, field="account")
        strategy = convert.name(request.strategy, field="strategy")
        try:
            with self._app.watchers.following(account, strategy) as watcher:
                async for message in self._follow(watcher):
                    yield message.SerializeToString()
        except TooManyWatchersError:
            text = f"{len(self._app.watchers)} streams are open; one per strategy is enough"
            raise StatusError(StatusCode.RESOURCE_EXHAUSTED, text) from None

    async def _follow(self, watcher: Watcher) -> AsyncGenerator[strategy_pb2.WatchTradingStateResponse, None]:
        app = self._app
        sequence = 0
        while True:
            sequence += 1
            last = app.watchers.ended
            yield await self._told(watcher, sequence)
            if last:
                return
            await watcher.wait(app.settings.heartbeat_ns / SECOND)

    async def _told(self, watcher: Watcher, sequence: int) -> strategy_pb2.WatchTradingStateResponse:
        """The state as it is. What lets a strategy trade is told once it is durable; what stops it, at once."""
        app = self._app
        while True:
            watcher.changed.clear()
            heartbeat_ms = app.settings.heartbeat_ns // MILLISECOND
            message = state_message(
                app.owner, watcher, sequence=sequence, heartbeat_ms=heartbeat_ms, now=app.clock.now()
            )
            if message.trading_state == types_pb2.TRADING_STATE_HALTED or message.closed_because:
                return message
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await app.owner.durable()
                if not watcher.changed.is_set():
                    return message
