"""The kill switch's store in Redis, as typed calls. Each command gets 100 ms at most, then StoreError; none is retried.

A call that raised StoreUnreachableError may still be executed later by a server that was only paused. That is harmless
by construction: a late heartbeat makes a gate look alive for longer, a late halt is still a halt, and a late clear is
refused by the deadline that it carries. Reads nothing into an answer: what a view means is `lease_rules`' business.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from risksvc.core.trading_state import Clear, Halt
from risksvc.gate.kill_switch import scripts
from risksvc.gate.kill_switch.address import StoreAddress
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
from risksvc.gate.kill_switch.scripts import Keys, keys_of
from risksvc.gate.kill_switch.server_link import Answer, Script, ServerLink
from risksvc.gate.kill_switch.soundness import Inspection, inspect_server
from risksvc.gate.kill_switch.view import (
    Added,
    Beginning,
    ClearGuard,
    ClearOutcome,
    ClearsWritten,
    Initialised,
    Seen,
    StoreError,
    StoreUnreachableError,
    StoreUnreadableError,
    StoreView,
)

_NO_QUORUM = "not acknowledged by enough replicas yet: a failover may lose it, and then it stays halted"
_PIECE = 200  # halts in one command: some 50 KB
_TOLD_WITHIN_SECONDS = 0.02  # a server that is slower is not waited for: storing a halt tells the channel too

_T = TypeVar("_T")


class Store(Protocol):
    """What a follower needs of a store; a simulation may bring its own.

    A gate id is one process's: a heartbeat leaves that of another incarnation alone while it is younger than its own
    bound, and the view names it as the rival. `quorum` in what comes back: enough replicas have acknowledged it.
    """

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

    async def add_new_halt(self, namespace: str, halt: Halt) -> Added:
        """Adds one that was just raised, and tells the channel of it first, stored or not."""
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


_POLL = Script(scripts.POLL)
_ADD_HALTS = Script(scripts.ADD_HALTS)
_ADD_CLEARS = Script(scripts.ADD_CLEARS)
_INITIALISE = Script(scripts.INITIALISE)


class KillSwitchStore:
    """The store at one address: a text as `StoreAddress.of` takes it, or that."""

    def __init__(self, address: str | StoreAddress) -> None:
        place = StoreAddress.of(address)
        self._address = place
        self._link = ServerLink(place)
        self._clears_link = self._link if place.clears is None else ServerLink(place, user=place.clears)
        self._contents: dict[str, _Content] = {}
        self._halts: dict[str, Halt] = {}  # everything read so far, by key and id
        self._clears: dict[str, Clear] = {}

    @property
    def address(self) -> str:
        """Where the store is, without credentials."""
        return self._link.shown

    async def poll(self, namespace: str, *, gate_id: str, heartbeat: Heartbeat | None) -> StoreView:
        """Writes the heartbeat and reads the namespace whole, in one step. None: reads only.

        What an id stands for comes over the wire once; the view is whole either way. A heartbeat is not written over
        another incarnation's that still counts: that one is the view's rival.
        """
        keys = keys_of(namespace)
        known = self._contents.get(namespace, _NOTHING_YET)
        told = (heartbeat_text(heartbeat), heartbeat.incarnation) if heartbeat else ("", "")
        terms = [keys.clears, known.digest, gate_id, *told, "1" if self._address.replicas else ""]
        answer = await self._link.run(_POLL, (keys.meta, keys.halts, keys.seen), terms)
        try:
            content = known if answer.reply[2] == known.digest else await self._content(keys, answer.reply)
            self._contents[namespace] = content
            view = _view(namespace, answer, content)
        except (RecordUnreadableError, ValueError, TypeError, IndexError) as error:
            raise StoreUnreadableError(
                f"{self.address}: {keys.meta} and its neighbours hold something unreadable: {error}; "
                "use a Redis (or a database of it) that nobody else writes to"
            ) from error
        found = view.seen.get(gate_id)
        taken = heartbeat is not None and found is not None and found.heartbeat.incarnation != heartbeat.incarnation
        return replace(view, rival=found) if taken else view

    async def add_halts(self, namespace: str, halts: Sequence[Halt], *, least_epoch: int = 0) -> Added:
        """Adds those that are missing and tells the channel, in pieces. `least_epoch`: history counts on from there."""
        keys = keys_of(namespace)
        new, quorum = 0, True
        for start in range(0, max(1, len(halts)), _PIECE):
            pairs = _pairs((halt.halt_id, halt_text(halt)) for halt in halts[start : start + _PIECE])
            terms = [keys.channel, str(least_epoch), *pairs]
            answer = await self._link.run(_ADD_HALTS, (keys.meta, keys.halts), terms)
            new += int(answer.reply[0])
            quorum = quorum and answer.quorum
        return Added(new, int(answer.reply[1]), answer.reply[2], quorum)

    async def add_new_halt(self, namespace: str, halt: Halt) -> Added:
        """Adds one that was just raised. The channel is told of it first.

        A server that finds both at once tells nobody before its disk has the halt. Told first, gates that listen have
        it in force before that, and also where it can't be stored (a disk that is full, a replica that is missing): a
        halt that is heard can only close. Not for what is published again: each message asks every gate for a round.
        """
        with suppress(StoreError, TimeoutError):  # a hint and nothing more; the stored one is told again
            async with asyncio.timeout(_TOLD_WITHIN_SECONDS):
                await self._link.call("PUBLISH", keys_of(namespace).channel, halt_text(halt))
        return await self.add_halts(namespace, [halt])

    async def add_clears(self, namespace: str, clears: Sequence[Clear], *, guard: ClearGuard) -> ClearsWritten:
        """Adds clears, all or none, if the guard still holds when the server executes it.

        Without a quorum they are WRITTEN all the same: a clear that a failover loses leaves the halt in force, and no
        gate takes a clear from a read without a quorum.
        """
        keys = keys_of(namespace)
        pairs = _pairs((clear.halt_id, clear_text(clear)) for clear in clears)
        terms = [keys.channel, keys.halts, guard.generation, str(guard.epoch), str(guard.deadline_ms), *pairs]
        answer = await self._clears_link.run(_ADD_CLEARS, (keys.meta, keys.clears), terms)
        outcome, epoch, detail = answer.reply
        if not answer.quorum:
            detail = f"{detail}; not acknowledged by enough replicas yet" if detail else _NO_QUORUM
        return ClearsWritten(ClearOutcome(outcome), int(epoch), detail, answer.quorum)

    async def initialise(self, namespace: str, beginning: Beginning) -> Initialised:
        """Puts known halts back first, then sets the generation, with known clears. One that stands is not replaced."""
        keys = keys_of(namespace)
        if beginning.halts:
            await self.add_halts(namespace, beginning.halts)
        pairs = _pairs((clear.halt_id, clear_text(clear)) for clear in beginning.clears)
        terms = [beginning.generation, str(beginning.least_epoch), scripts.SCHEMA]
        answer = await self._link.run(_INITIALISE, (keys.meta, keys.clears), [*terms, *pairs])
        return Initialised(answer.reply[0], answer.reply[1] == "1", int(answer.reply[2]))

    async def inspect(self, namespaces: Sequence[str]) -> Inspection:
        """How the server is configured, and whether anything of these namespaces would ever expire."""
        info = await self._link.call("INFO")
        lives = {}
        for key in (key for namespace in namespaces for key in keys_of(namespace).stored):
            lives[key] = int(await self._link.call("PTTL", key))
        return inspect_server(info, lives, replicas=self._address.replicas)

    async def command(self, *words: str) -> Any:  # noqa: ANN401 - a command's reply
        """One command beside the kill switch's own (`anchors`). Raises StoreError."""
        return await self._link.call(*words)

    async def reconnect(self) -> None:
        """Drops every connection, so that the next call looks the address up again (after a failover)."""
        await self._link.reconnect()
        if self._clears_link is not self._link:
            await self._clears_link.reconnect()

    async def close(self) -> None:
        """Closes every connection."""
        await self._link.close()
        if self._clears_link is not self._link:
            await self._clears_link.close()

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
            texts = await self._link.call("HMGET", key, *piece)
            if None in texts:
                raise StoreUnreachableError(f"{self.address}: {key} was emptied while it was read")
            known.update((f"{key} {one}", read(text)) for one, text in zip(piece, texts, strict=True))
        return {one: known[f"{key} {one}"] for one in ids}


def _view(namespace: str, answer: Answer, content: _Content) -> StoreView:
    generation, epoch, digest, redis_ms, run_id, role, seen = answer.reply[:7]
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
        quorum=answer.quorum,
    )


def _seen(text: str) -> Seen:
    at_ms, _, heartbeat = text.partition(" ")
    return Seen(read_heartbeat(heartbeat), int(at_ms))


def _mapping(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [part for pair in pairs for part in pair]
