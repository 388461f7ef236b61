"""The kill switch's store in Redis, as typed calls. Each command gets 100 ms at most, then StoreError; none is retried.

A call that raised StoreUnreachableError may still be executed later by a server that was only paused. That is harmless
by construction: a late heartbeat makes a gate look alive for longer, a late halt is still a halt, and a late clear is
refused by the deadline that it carries. Reads nothing into an answer: what a view means is `lease_rules`' business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Protocol, TypeVar

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
from risksvc.gate.kill_switch.scripts import Keys, keys_of
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
_PIECE = 200  # halts in one command: some 50 KB

_T = TypeVar("_T")


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
    """A namespace's content, whole, and its digest ("-": none that a server gives)."""

    digest: str
    halts: Mapping[str, Halt]
    clears: Mapping[str, Clear]


_NOTHING_YET = _Content("-", {}, {})


class _ScriptMissingError(Exception):
    """The server was restarted or flushed: it has to be told the script again."""


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
        self._halts: dict[str, Halt] = {}  # everything read so far, by key and id
        self._clears: dict[str, Clear] = {}

    @property
    def address(self) -> str:
        """Where the store is, without credentials."""
        return self._address

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        """Writes the heartbeat and reads the namespace whole, in one step. None: reads only.

        What an id stands for comes over the wire once; the view is whole either way.
        """
        keys = keys_of(namespace)
        known = self._contents.get(namespace, _NOTHING_YET)
        text = heartbeat_text(heartbeat) if heartbeat else ""
        where = (keys.meta, keys.halts, keys.clears, keys.seen)
        reply = await self._run(_POLL, where, [gate_id, text, known.digest])
        try:
            content = known if reply[2] == known.digest else await self._content(keys, reply)
            self._contents[namespace] = content
            return _view(namespace, reply, content)
        except (RecordUnreadableError, ValueError, TypeError, IndexError) as error:
            raise StoreUnreadableError(
                f"{self._address}: {keys.meta} and its neighbours hold something unreadable: {error}; "
                "use a Redis (or a database of it) that nobody else writes to"
            ) from error

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        """Adds those that are missing and tells the channel, in pieces. `least_epoch`: history counts on from there."""
        keys = keys_of(namespace)
        new = 0
        for start in range(0, max(1, len(halts)), _PIECE):
            pairs = _pairs((halt.halt_id, halt_text(halt)) for halt in halts[start : start + _PIECE])
            reply = await self._run(_ADD_HALTS, (keys.meta, keys.halts), [keys.channel, str(least_epoch), *pairs])
            new += int(reply[0])
        return Added(new, int(reply[1]), reply[2])

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

    async def _content(self, keys: Keys, reply: Sequence[Any]) -> _Content:
        halts = await self._read(self._halts, keys.halts, reply[7], read=read_halt)
        clears = await self._read(self._clears, keys.clears, reply[8], read=read_clear)
        return _Content(reply[2], halts, clears)

    async def _read(
        self, known: dict[str, _T], key: str, ids: Sequence[str], *, read: Callable[[str], _T]
    ) -> dict[str, _T]:
        """What stands under these ids. Read in pieces, each kept, so that a next try has less to read."""
        new = [one for one in ids if f"{key} {one}" not in known]
        for start in range(0, len(new), _PIECE):
            piece = new[start : start + _PIECE]
            texts = await self._call("HMGET", key, *piece)
            if None in texts:
                raise StoreUnreachableError(f"{self._address}: {key} was emptied while it was read")
            known.update((f"{key} {one}", read(text)) for one, text in zip(piece, texts, strict=True))
        return {one: known[f"{key} {one}"] for one in ids}

    async def _run(self, script: _Script, keys: Sequence[str], arguments: Sequence[str]) -> Any:  # noqa: ANN401 - a script's reply
        rest = (str(len(keys)), *keys, *arguments)
        try:
            return await self._call("EVALSHA", script.sha, *rest)
        except _ScriptMissingError:
            return await self._call("EVAL", script.source, *rest)

    async def _call(self, *command: str) -> Any:  # noqa: ANN401 - a command's reply
        execute: Callable[..., Awaitable[Any]] = self._client.execute_command
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                return await execute(*command)
        except NoScriptError as error:
            raise _ScriptMissingError from error
        except ReadOnlyError as error:
            # A replica stays a replica for whoever keeps the connection: look the address up again.
            await self.reconnect()
            raise StoreUnreachableError(f"{self._address} is a replica: {error}") from error
        except (RedisError, OSError, TimeoutError, UnicodeError) as error:
            raise StoreUnreachableError(f"{self._address}: {str(error) or type(error).__name__}") from error


def _view(namespace: str, reply: Sequence[Any], content: _Content) -> StoreView:
    generation, epoch, digest, redis_ms, run_id, role, seen = reply[:7]
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
