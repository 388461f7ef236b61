"""The kill switch's store in Redis, as typed calls. Each returns within 100 ms or raises StoreError; none retries.

A call that raised StoreUnreachableError may still be executed later by a server that was only paused. That is harmless
by construction: a late heartbeat makes a gate look alive for longer, a late halt is still a halt, and a late clear is
refused by the deadline that it carries. Reads nothing into an answer: what a view means is `lease_rules`' business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Protocol

from redis.exceptions import NoScriptError, ReadOnlyError, RedisError

from risksvc.core.trading_state import Clear, Halt
from risksvc.gate.kill_switch import scripts
from risksvc.gate.kill_switch.records import (
    Heartbeat,
    RecordUnreadableError,
    clear_text,
    halt_text,
    heartbeat_text,
    read_clear,
    read_halt,
    read_heartbeat,
)
from risksvc.gate.kill_switch.redis_client import RedisClient, open_client, shown_address
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.view import (
    Added,
    Beginning,
    ClearGuard,
    ClearOutcome,
    ClearsWritten,
    Initialised,
    Seen,
    StoreUnreachableError,
    StoreUnreadableError,
    StoreView,
)

CALL_TIMEOUT_SECONDS = 0.1


class Store(Protocol):
    """What a follower needs of a store; a simulation may bring its own."""

    @property
    def address(self) -> str:
        """Where the store is, without credentials."""
        ...

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        """Writes the heartbeat (None: none) and reads the namespace whole, in one step."""
        ...

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        """Adds those that are missing."""
        ...

    async def add_clears(self, namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        """Adds clears, all or none, if the guard holds when it is executed."""
        ...

    async def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        """Sets the generation where there is none."""
        ...

    async def reconnect(self) -> None:
        """Looks the address up again with the next call."""
        ...

    async def close(self) -> None:
        """Lets go of everything."""
        ...


@dataclass(frozen=True, slots=True)
class _Content:
    digest: str
    halts: Mapping[str, Halt]
    clears: Mapping[str, Clear]


class _Script:
    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = sha1(source.encode()).hexdigest()  # noqa: S324 - Redis names scripts so


_POLL = _Script(scripts.POLL)
_ADD_HALTS = _Script(scripts.ADD_HALTS)
_ADD_CLEARS = _Script(scripts.ADD_CLEARS)
_INITIALISE = _Script(scripts.INITIALISE)


class KillSwitchStore:
    """The store at one address. `url`: as `redis_client.open_client` takes it."""

    def __init__(self, url: str) -> None:
        self._client: RedisClient = open_client(url)
        self._address = shown_address(url)
        self._contents: dict[str, _Content] = {}

    @property
    def address(self) -> str:
        """Where the store is, without credentials."""
        return self._address

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        """Writes the heartbeat and reads the namespace whole, in one step. None: reads only.

        Contents come over the wire only when their digest has changed; the view is whole either way.
        """
        keys = keys_of(namespace)
        known = self._contents.get(namespace)
        text = heartbeat_text(heartbeat) if heartbeat else ""
        where = (keys.meta, keys.halts, keys.clears, keys.seen)
        reply = await self._run(_POLL, where, [gate_id, text, known.digest if known else "-"])
        try:
            return self._view(namespace, reply)
        except (RecordUnreadableError, ValueError, TypeError, IndexError) as error:
            raise StoreUnreadableError(
                f"{self._address}: {keys.meta} and its neighbours hold something unreadable: {error}; "
                "use a Redis (or a database of it) that nobody else writes to"
            ) from error

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        """Adds those that are missing and tells the channel. `least_epoch`: history counts on from there."""
        keys = keys_of(namespace)
        pairs = _pairs((halt.halt_id, halt_text(halt)) for halt in halts)
        reply = await self._run(_ADD_HALTS, (keys.meta, keys.halts), [keys.channel, str(least_epoch), *pairs])
        return Added(int(reply[0]), int(reply[1]), reply[2])

    async def add_clears(self, namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        """Adds clears, all or none, if the guard still holds when the server executes it."""
        keys = keys_of(namespace)
        pairs = _pairs((clear.halt_id, clear_text(clear)) for clear in clears)
        terms = [keys.channel, guard.generation, str(guard.epoch), str(guard.deadline_ms)]
        reply = await self._run(_ADD_CLEARS, (keys.meta, keys.halts, keys.clears), [*terms, *pairs])
        return ClearsWritten(ClearOutcome(reply[0]), int(reply[1]), reply[2])

    async def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        """Puts known halts back first, then sets the generation, with known clears. One that stands is not replaced."""
        keys = keys_of(namespace)
        if beginning.halts:
            await self.add_halts(namespace, beginning.halts)
        pairs = _pairs((clear.halt_id, clear_text(clear)) for clear in beginning.clears)
        terms = [beginning.generation, str(beginning.least_epoch), scripts.SCHEMA]
        reply = await self._run(_INITIALISE, (keys.meta, keys.clears), [*terms, *pairs])
        return Initialised(reply[0], reply[1] == "1", int(reply[2]))

    async def reconnect(self) -> None:
        """Drops every connection, so that the next call looks the address up again (after a failover)."""
        await self._client.connection_pool.disconnect(inuse_connections=True)

    async def close(self) -> None:
        """Closes every connection."""
        await self._client.aclose()

    async def _run(self, script: _Script, keys: Sequence[str], arguments: Sequence[str]) -> Any:  # noqa: ANN401 - a script's reply
        rest = (str(len(keys)), *keys, *arguments)
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                return await self._evaluate(script, rest)
        except ReadOnlyError as error:
            # A replica stays a replica for whoever keeps the connection: look the address up again.
            await self.reconnect()
            raise StoreUnreachableError(f"{self._address} is a replica: {error}") from error
        except (RedisError, OSError, TimeoutError, UnicodeError) as error:
            raise StoreUnreachableError(f"{self._address}: {str(error) or type(error).__name__}") from error

    async def _evaluate(self, script: _Script, rest: Sequence[str]) -> Any:  # noqa: ANN401 - a script's reply
        execute: Callable[..., Awaitable[Any]] = self._client.execute_command
        try:
            return await execute("EVALSHA", script.sha, *rest)
        except NoScriptError:
            return await execute("EVAL", script.source, *rest)

    def _view(self, namespace: str, reply: Sequence[Any]) -> StoreView:
        generation, epoch, digest, redis_ms, run_id, role, seen = reply[:7]
        content = self._contents.get(namespace)
        if content is None or content.digest != digest:
            halts, clears = (_mapping(part) for part in reply[7:9])
            content = _Content(
                digest,
                {halt_id: read_halt(text) for halt_id, text in halts.items()},
                {halt_id: read_clear(text) for halt_id, text in clears.items()},
            )
            self._contents[namespace] = content
        return StoreView(
            namespace=namespace,
            generation=generation,
            epoch=int(epoch),
            digest=digest,
            redis_ms=int(redis_ms),
            run_id=run_id,
            role=role,
            halts=content.halts,
            clears=content.clears,
            seen={gate_id: _seen(text) for gate_id, text in _mapping(seen).items()},
        )


def _seen(text: str) -> Seen:
    at_ms, _, heartbeat = text.partition(" ")
    return Seen(read_heartbeat(heartbeat), int(at_ms))


def _mapping(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [part for pair in pairs for part in pair]
