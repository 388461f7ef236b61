"""The store's channel: makes halts arrive in milliseconds instead of at the next poll.

A hint and nothing more: messages get lost without a trace, so nothing may depend on one. It can only close (a halt) or
ask for a poll; a clear never takes effect through it. Its own client, so that a poll never waits behind it. With
sentinels it follows the primary that they name: a server that was replaced would be silent for ever.
"""

import asyncio
from collections.abc import Callable, Sequence

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.cancelling import heed_cancel
from risksvc.gate.kill_switch.primary import Place, PrimaryFinder
from risksvc.gate.kill_switch.view import StoreError

_SILENCE_SECONDS = 1.0
_PAUSE_SECONDS = 0.25


class Hints:
    """Listens to channels for as long as `run` runs; comes back by itself after every failure."""

    def __init__(self, url: str | StoreAddress, channels: Sequence[str], *, take: Callable[[str], None]) -> None:
        self._finder = PrimaryFinder(StoreAddress.of(url))
        self._channels = tuple(channels)
        self._take = take

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                heed_cancel()
                try:
                    await self._listen_at(await self._finder.find())
                except (RedisError, StoreError, OSError, ValueError):
                    await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await self._finder.close()

    async def _listen_at(self, place: Place | None) -> None:
        client = self._finder.open(place)
        try:
            async with client.pubsub(ignore_subscribe_messages=False) as subscription:
                await self._listen(subscription, place)
        finally:
            await client.aclose()

    async def _listen(self, subscription: PubSub, place: Place | None) -> None:
        await subscription.subscribe(*self._channels)
        silent = False
        while True:
            heed_cancel()
            message = await subscription.get_message(timeout=_SILENCE_SECONDS)
            if message is None:
                # A connection can die without a sign: two silent seconds in spite of a ping, and it is made anew.
                if silent:
                    raise TimeoutError
                silent = True
                await subscription.ping()
                if await self._finder.find() != place:
                    return
                continue
            silent = False
            if message["type"] == "message":
                self._take(message["data"])
