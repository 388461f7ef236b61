"""Which server is the primary: the one of the address, or the one that a majority of all configured sentinels names.

redis-py's own Sentinel client takes the first answer that it gets, so a sentinel that is cut off with the old primary
would name it. Here all are asked at once, and only the address counts on which a majority of the *configured* ones
agrees. Every sentinel's client has the pinned options of `redis_client`.
"""

import asyncio
from collections import Counter

from redis.exceptions import RedisError

from risksvc.gate.kill_switch.address import Credentials, Sentinels, StoreAddress
from risksvc.gate.kill_switch.redis_client import RedisClient, open_client
from risksvc.gate.kill_switch.view import StoreUnreachableError

_ASK_TIMEOUT_SECONDS = 0.1

Place = tuple[str, int]


class PrimaryFinder:
    """Opens clients of the primary. Without sentinels that is the address itself."""

    def __init__(self, address: StoreAddress, *, user: Credentials | None = None) -> None:
        self._address = address
        self._user = user or address.user or (address.url_user if address.sentinels else None)
        hosts = address.sentinels.hosts if address.sentinels else ()
        self._sentinels = {host: open_client(address.sentinel_url(*host), address.sentinel_user) for host in hosts}

    async def find(self) -> Place | None:
        """Where the primary is; None: the address says so itself. Raises StoreUnreachableError."""
        if self._address.sentinels is None:
            return None
        return await self._ask(self._address.sentinels)

    def open(self, place: Place | None) -> RedisClient:
        """A client of what `find` gave, as the user."""
        url = self._address.url if place is None else self._address.server_url(*place)
        return open_client(url, self._user)

    async def close(self) -> None:
        """Lets the sentinels go."""
        for client in self._sentinels.values():
            await client.aclose()

    async def _ask(self, sentinels: Sentinels) -> Place:
        """As soon as a majority agrees: one that hangs costs nothing."""
        asked = [asyncio.ensure_future(self._answer(host, sentinels.master)) for host in sentinels.hosts]
        votes: Counter[Place] = Counter()
        problems = []
        try:
            for answered in asyncio.as_completed(asked):
                place, problem = await answered
                problems.append(problem)
                if place is not None:
                    votes[place] += 1
                    if votes[place] >= sentinels.majority:
                        return place
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        said = [f"{count} name {host}:{port}" for (host, port), count in sorted(votes.items())]
        said += sorted(problem for problem in problems if problem)
        raise StoreUnreachableError(
            f"{self._address.shown}: no primary that {sentinels.majority} of {len(sentinels.hosts)} sentinels name: "
            + "; ".join(said)
        )

    async def _answer(self, host: Place, master: str) -> tuple[Place | None, str]:
        name = f"{host[0]}:{host[1]}"
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_SECONDS):
                answer = await self._sentinels[host].sentinel_get_master_addr_by_name(master)
            if not isinstance(answer, tuple):
                return None, f"{name} knows no {master}"
            return (str(answer[0]), int(answer[1])), ""
        except (RedisError, OSError, TimeoutError, ValueError, IndexError) as error:
            return None, f"{name}: {str(error) or type(error).__name__}"
