"""Commands and scripts for the store's primary, each once, each within 100 ms, and whether enough replicas have them.

Rule 1: nothing is retried; what failed is the caller's, whose next poll is the retry. Rule 2: `WAIT` goes on the very
connection of the script, in the same write, and its count is compared: Redis answers it with how many acknowledged, not
with an error. Rule 3: whoever turns out to be no primary is let go, and the address is looked up again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, NoReturn

from redis.exceptions import (
    NoPermissionError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from risksvc.gate.kill_switch.address import Credentials, StoreAddress
from risksvc.gate.kill_switch.primary import Place, PrimaryFinder
from risksvc.gate.kill_switch.redis_client import RedisClient
from risksvc.gate.kill_switch.view import StoreError, StoreForbiddenError, StoreUnreachableError

CALL_TIMEOUT_SECONDS = 0.1
# A replica that lives answers in a round trip.
WAIT_MS = 35
ASK_AGAIN_SECONDS = 1.0
_READONLY = "READONLY"


class Script:
    """One Lua script and the name that Redis gives it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


@dataclass(frozen=True, slots=True)
class Answer:
    """A script's reply, and whether enough replicas have what it wrote and read."""

    reply: Any
    quorum: bool


class _ScriptMissingError(Exception):
    """The server was restarted or flushed: it has to be told the script again."""


class ServerLink:
    """One user's way to the primary. `user` None: the address's own."""

    def __init__(self, address: StoreAddress, *, user: Credentials | None = None) -> None:
        self._address = address
        self._finder = PrimaryFinder(address, user=user)
        self._client: RedisClient | None = None if address.sentinels else self._finder.open(None)
        self._place: Place | None = None
        self._asked_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> Answer:
        """Runs a script. Raises StoreUnreachableError; StoreForbiddenError when the ACL is why."""
        rest = (str(len(keys)), *keys, *arguments)
        try:
            return await self._run("EVALSHA", script.sha, *rest)
        except _ScriptMissingError:
            return await self._run("EVAL", script.source, *rest)

    async def call(self, *command: str) -> Any:  # noqa: ANN401 - a command's reply
        """One command. Raises as `run` does."""

        async def one(client: RedisClient) -> Any:  # noqa: ANN401
            execute: Callable[..., Awaitable[Any]] = client.execute_command
            return await execute(*command)

        return await self._guarded(one)

    async def reconnect(self) -> None:
        """Drops every connection, so that the next call looks the address up again (after a failover)."""
        await self._drop(self._client)

    async def close(self) -> None:
        """Closes every connection."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._let_go()
        await self._finder.close()

    async def _run(self, *command: str) -> Answer:
        wanted = self._address.replicas
        if not wanted:
            return Answer(await self.call(*command), quorum=True)

        async def both(client: RedisClient) -> tuple[Any, int]:
            return await _with_wait(client, command, ("WAIT", str(wanted), str(WAIT_MS)))

        reply, acknowledged = await self._guarded(both)
        return Answer(reply, quorum=acknowledged >= wanted)

    async def _guarded(self, ask: Callable[[RedisClient], Awaitable[Any]]) -> Any:  # noqa: ANN401 - a command's reply
        client = None
        try:
            client = await self._primary()
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                reply = await ask(client)
        except (RedisError, OSError, TimeoutError, UnicodeError) as error:
            await self._failed(error, client)
        return reply

    async def _failed(self, error: Exception, client: RedisClient | None) -> NoReturn:
        said = f"{self.shown}: {str(error) or type(error).__name__}"
        if isinstance(error, NoScriptError):
            raise _ScriptMissingError from error
        if isinstance(error, ReadOnlyError) or _READONLY in str(error):
            # A replica stays a replica for whoever keeps the connection: look the address up again.
            await self._drop(client)
            raise StoreUnreachableError(f"{self._address.shown} is a replica: {error}") from error
        if forbidden(error):
            raise StoreForbiddenError(said) from error
        if self._address.sentinels is not None and not isinstance(error, ResponseError):
            await self._drop(client)
        raise StoreUnreachableError(said) from error

    @property
    def shown(self) -> str:
        """Where it is, and with sentinels whom they named; without credentials."""
        found = f" ({self._place[0]}:{self._place[1]})" if self._place else ""
        return f"{self._address.shown}{found}"

    async def _primary(self) -> RedisClient:
        async with self._connecting:
            if self._client is None:
                return self._take(await self._finder.find())
            if self._address.sentinels and self._due():
                self._asking = asyncio.get_running_loop().create_task(self._ask_again())
            return self._client

    def _take(self, place: Place | None) -> RedisClient:
        self._place, self._client = place, self._finder.open(place)
        self._asked_at = asyncio.get_running_loop().time()
        return self._client

    def _due(self) -> bool:
        since = asyncio.get_running_loop().time() - self._asked_at
        return since > ASK_AGAIN_SECONDS and (self._asking is None or self._asking.done())

    async def _ask_again(self) -> None:
        """Beside the polls: a primary that was replaced and still answers is left as soon as the sentinels say so."""
        self._asked_at = asyncio.get_running_loop().time()
        try:
            place = await self._finder.find()
        except StoreError:
            return  # no majority: whom they named last is asked on, and its replicas' acknowledgement tells
        if place != self._place:
            await self._let_go()

    async def _drop(self, client: RedisClient | None) -> None:
        """Whoever failed; another that was found meanwhile stays."""
        if client is None or client is not self._client:
            return
        if self._address.sentinels is None:
            await client.connection_pool.disconnect(inuse_connections=True)
        else:
            await self._let_go()

    async def _let_go(self) -> None:
        client, self._client, self._place = self._client, None, None
        if client is not None:
            await client.aclose()


async def _with_wait(client: RedisClient, command: Sequence[str], wait: Sequence[str]) -> tuple[Any, int]:
    """The command's reply, and how many replicas acknowledged; one write, one connection.

    The reply counts whatever becomes of the other: an idle server looks at its clock ten times a second only, so a WAIT
    that finds nobody may answer after the socket's patience. By hand, since redis-py's pipeline gives all or nothing.
    """
    pool: Any = client.connection_pool
    connection = await pool.get_connection()
    try:
        await connection.send_packed_command(connection.pack_commands([command, wait]))
        try:
            reply = await connection.read_response()
        except ResponseError:
            await connection.disconnect()  # WAIT's answer is still to come, and must not be taken for another's
            raise
        try:
            return reply, int(await connection.read_response())
        except (RedisTimeoutError, TimeoutError):
            return reply, 0
    finally:
        await pool.release(connection)


def forbidden(error: BaseException) -> bool:
    """The ACL is why. A script's own command is refused with a text of Redis's or Valkey's."""
    text = str(error)
    return isinstance(error, NoPermissionError) or any(sign in text for sign in _FORBIDDEN_SIGNS)


_FORBIDDEN_SIGNS = ("NOPERM", "ACL failure in script", "The user executing the script")
