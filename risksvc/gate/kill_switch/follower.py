"""The gate's hold on the kill switch: follows the store, halts, clears, and says how it stands.

`run` keeps the rounds going; everything else may be called beside it, from the same event loop. Never decides an order
and never waits for one. A halt never fails for want of Redis: it is latched here and published when Redis is back. A
clear takes effect only through a round that reads it back from the store.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MILLISECOND, SECOND, Nanoseconds
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.cancelling import heed_cancel
from risksvc.gate.kill_switch.effect import LATCH, REDIS, Effect, HaltPaths, judge_effect
from risksvc.gate.kill_switch.hints import Hints
from risksvc.gate.kill_switch.initialising import (
    InitialiseOutcome,
    NamespaceInitialised,
    initialise_namespace,
    new_generation,
)
from risksvc.gate.kill_switch.inspecting import Inspectable, StoreWatch
from risksvc.gate.kill_switch.records import GLOBAL, Mark, RecordUnreadableError, namespace_of, read_halt
from risksvc.gate.kill_switch.replica import Replica
from risksvc.gate.kill_switch.resuming import ClearsResult, ClearWriter, refusal
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts, Rounds
from risksvc.gate.kill_switch.scripts import keys_of
from risksvc.gate.kill_switch.soundness import Inspection
from risksvc.gate.kill_switch.store import Store
from risksvc.gate.kill_switch.view import ClearOutcome, ClearsWritten, Seen, Sight, StoreError
from risksvc.gate.latch import LatchWriteError, LocalLatch

_NOT_REPLICATED = "the halt is stored, but not enough replicas have acknowledged it: a failover could lose it there"
_ASK_AGAIN_SECONDS = 0.01
_GAP_SECONDS = 0.002  # between rounds that something asked for: a flood of messages is no flood of rounds


class GateSeen(NamedTuple):
    """A gate as its last heartbeat describes it. `age_ms`: since then, as of now; `bound_ms`: its lease + approvals."""

    version: str
    limits_hash: str
    age_ms: int
    incarnation: str
    bound_ms: int


@dataclass(frozen=True, slots=True)
class NamespaceStatus:
    """One namespace as last read, and every gate that was ever seen there (this one, too) by its id."""

    namespace: str
    generation: str
    epoch: int
    halts: int
    clears: int
    gates: Mapping[str, GateSeen]


@dataclass(frozen=True, slots=True)
class FollowerStatus:
    """For GetStatus and metrics; durations in nanoseconds. `connected`: the store answers and its history is sound.

    `generation` and `epoch` are the global namespace's. `problem`: why there is no lease, in words; empty: it is whole.
    `inspection`: the server's configuration as last looked at.
    """

    connected: bool
    lease_left_ns: Nanoseconds
    lease_length_ns: Nanoseconds
    approval_validity_ns: Nanoseconds
    bound_ns: Nanoseconds
    generation: str
    epoch: int
    problem: str
    store: str
    namespaces: tuple[NamespaceStatus, ...]
    inspection: Inspection | None = None


class KillSwitchFollower:
    """One gate's hold on the kill switch. Closing it lets store and latch go."""

    def __init__(self, store: Store, latch: LocalLatch, *, settings: FollowerSettings, ports: GatePorts) -> None:
        self._store = store
        self._replica = Replica(latch)
        self._settings = settings
        self._ports = ports
        self._watch = StoreWatch(store, settings.namespaces) if isinstance(store, Inspectable) else None
        self._rounds = Rounds(store, self._replica, settings=settings, ports=ports, watch=self._watch)
        self._writer = ClearWriter(store, gate_id=settings.gate_id, now=ports.now)

    @property
    def bound_ns(self) -> Nanoseconds:
        """From a halt to the last moment at which an approval given unawares can be used."""
        return self._settings.timings.bound_ns

    def announce_latch(self) -> None:
        """Submits every halt and clear of the latch; to be called once, before anything is served."""
        self._rounds.announce_latch()

    async def run(self, *, hints_url: str | StoreAddress = "") -> None:
        """Rounds until cancelled; ends in no other way, short of a bug (treat that as a fault). `announce_latch` first.

        `hints_url`: the store's address, to hear of halts in milliseconds; empty: by polls only.
        """
        beside = [self._hints(hints_url).run()] if hints_url else []
        beside += [self._watch.run()] if self._watch is not None else []
        tasks = [asyncio.create_task(each) for each in beside]
        try:
            while True:
                started = self._ports.now()
                await self._rounds.run_one()
                heed_cancel()
                await self._rest(started)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def step(self) -> None:
        """One round, now (tests, and whoever needs the store's latest)."""
        await self._rounds.run_one()

    async def publish_halt(self, halt: Halt) -> HaltPaths:
        """Latches the halt here and writes it to the store, both at once; raises neither's failure, tells it.

        What the store did not take is published again by the rounds. The owner has applied the halt before this call.
        """
        self._rounds.publish_elsewhere(halt)
        latched, (stored, not_stored) = await asyncio.gather(self._latch(halt), self._add(halt))
        self._rounds.again.set()
        problem = "; ".join(part for part in (latched, not_stored) if part)
        return HaltPaths(latched=not latched, stored=stored, problem=problem)

    async def effect_of(self, halt: Halt) -> Effect:
        """Who does not have the halt yet. Asks the store now; without it, nobody else can be said to have it."""
        try:
            asked = await self._store.poll(namespace_of(halt.scope), gate_id=self._settings.gate_id, heartbeat=None)
        except StoreError:
            return self.effect_as_last_seen(halt)
        view = self._rounds.named_here(asked)
        silent_ns = self._rounds.silent_ns(view)
        found = judge_effect(view, halt.halt_id, own_id=self._settings.gate_id, silent_ns=silent_ns)
        trusted = self._settings.private or self._rounds.trusts(view)  # nobody else can reach a private store
        doubt = () if trusted or REDIS in found.missing else (REDIS,)
        return Effect((*self._not_latched(halt), *doubt, *found.missing), found.confirmed if trusted else ())

    def effect_as_last_seen(self, halt: Halt) -> Effect:
        """The same without asking: nobody has confirmed but, perhaps, this gate's own latch."""
        sight = self._rounds.sights.get(namespace_of(halt.scope))
        others = (gate_id for gate_id in sorted(sight.view.seen if sight else ()) if gate_id != self._settings.gate_id)
        return Effect((*self._not_latched(halt), REDIS, *others))

    async def effective(self, halt_id: str) -> Effect:
        """The same by its id; one that is not latched here: this gate itself does not have it."""
        halt = self._replica.halt(halt_id)
        return Effect((self._settings.gate_id,)) if halt is None else await self.effect_of(halt)

    async def wait_effective(self, halt: Halt, *, within_ns: Nanoseconds) -> Effect:
        """Asked again until it is effective or the time is up, which no store that hangs makes longer."""
        deadline, effect = self._ports.now() + within_ns, self.effect_as_last_seen(halt)
        while (left := deadline - self._ports.now()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left / SECOND):
                    effect = await self.effect_of(halt)
                    if effect.effective:
                        break
                    await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return effect

    def _not_latched(self, halt: Halt) -> tuple[str, ...]:
        return () if self._replica.halt(halt.halt_id) else (LATCH,)

    def epochs(self) -> dict[str, int]:
        """The epoch of each namespace as last read: what somebody who looks now sees."""
        return {namespace: sight.view.epoch for namespace, sight in self._rounds.sights.items()}

    async def write_clears(
        self, clears: Sequence[Clear], *, seen_epochs: Mapping[str, int] | None = None
    ) -> ClearsResult:
        """Writes clears to the store, each namespace whole or not at all, then reads them back (which submits them).

        `seen_epochs`: what their author looked at (`epochs()` then); None: what was last read. Never raises for Redis.
        """
        written: list[str] = []
        refusals = []
        for namespace, group in self._by_namespace(clears).items():
            result = await self._write_group(namespace, group, seen_epochs=seen_epochs)
            if result.outcome is ClearOutcome.WRITTEN:
                written += (clear.halt_id for clear in group)
            else:
                refusals.append(refusal(namespace, result))
        if written:
            await self._rounds.run_one()
        return ClearsResult(tuple(written), tuple(refusals))

    async def initialise(self, *, accept_other: bool = False) -> tuple[NamespaceInitialised, ...]:
        """The operator's step: creates the namespaces, or restores them after a loss. Raises StoreError.

        `accept_other`: a generation that this gate does not know is taken for its own from now on.
        """
        fresh = new_generation()
        state, gate_id = self._replica.state, self._settings.gate_id
        done = []
        for namespace in self._settings.namespaces:
            result = await initialise_namespace(self._store, namespace, state=state, fresh=fresh, gate_id=gate_id)
            if result.outcome is InitialiseOutcome.OTHER_GENERATION and accept_other:
                await self._replica.remember([Mark(namespace, result.generation, 0)])
            done.append(result)
        self._rounds.again.set()
        return tuple(done)

    def status(self) -> FollowerStatus:
        """How it stands now."""
        keeper, timings = self._rounds.keeper, self._settings.timings
        everything = self._rounds.sights.get(GLOBAL)
        return FollowerStatus(
            connected=keeper.connected,
            lease_left_ns=keeper.lease.left(self._ports.now()),
            lease_length_ns=timings.lease_ns,
            approval_validity_ns=timings.approval_validity_ns,
            bound_ns=timings.bound_ns,
            generation=everything.view.generation if everything else "",
            epoch=everything.view.epoch if everything else 0,
            problem=keeper.problem,
            store=self._store.address,
            namespaces=tuple(_namespace_status(sight, now=self._ports.now()) for sight in self._rounds.sights.values()),
            inspection=self._watch.last if self._watch is not None else None,
        )

    async def close(self) -> None:
        """Lets store and latch go; `run` must have ended."""
        await self._store.close()
        self._replica.close()

    async def _rest(self, started: Nanoseconds) -> None:
        """Until the next round is due, something asks for it, or the lease ends (which is told at once)."""
        keeper = self._rounds.keeper
        now = self._ports.now()
        pause = max(0, started + self._settings.timings.poll_ns - now)
        left = keeper.lease.left(now)
        with suppress(TimeoutError):
            async with asyncio.timeout((min(pause, left) if left else pause) / SECOND):
                await self._rounds.again.wait()
            await asyncio.sleep(_GAP_SECONDS)
        self._rounds.again.clear()
        keeper.expire(self._ports.now())

    def _hints(self, url: str | StoreAddress) -> Hints:
        channels = [keys_of(namespace).channel for namespace in self._settings.namespaces]
        return Hints(url, channels, take=self._take_hint)

    def _take_hint(self, message: str) -> None:
        try:
            self._rounds.take_hint(read_halt(message))
        except RecordUnreadableError:
            self._rounds.take_hint(None)

    async def _latch(self, halt: Halt) -> str:
        try:
            await self._replica.remember([halt])
        except LatchWriteError as error:
            return str(error)
        return ""

    async def _add(self, halt: Halt) -> tuple[bool, str]:
        """Whether it is stored, and what is wrong: the rounds publish it until enough replicas have it."""
        try:
            added = await self._store.add_new_halt(namespace_of(halt.scope), halt)
        except StoreError as error:
            return False, str(error)
        return True, "" if added.quorum else f"{self._store.address}: {_NOT_REPLICATED}"

    def _by_namespace(self, clears: Sequence[Clear]) -> dict[str, list[Clear]]:
        groups: dict[str, list[Clear]] = {}
        for clear in clears:
            halt = self._replica.halt(clear.halt_id)
            groups.setdefault(namespace_of(halt.scope) if halt else GLOBAL, []).append(clear)
        return groups

    async def _write_group(
        self, namespace: str, clears: Sequence[Clear], *, seen_epochs: Mapping[str, int] | None
    ) -> ClearsWritten:
        sight = self._rounds.sights.get(namespace)
        lease_ns = self._settings.timings.lease_ns
        if sight is None or self._ports.now() - sight.sent_at > lease_ns or not self._rounds.keeper.connected:
            return ClearsWritten(ClearOutcome.UNREACHABLE, 0, self._rounds.keeper.problem)
        epoch = sight.view.epoch if seen_epochs is None else seen_epochs.get(namespace, -1)
        there = [replace(clear, halt_id=self._rounds.id_in_store(clear.halt_id)) for clear in clears]
        return await self._writer.write(there, sight=sight, epoch=epoch)


def _namespace_status(sight: Sight, *, now: Nanoseconds) -> NamespaceStatus:
    view = sight.view
    since_ms = (now - sight.sent_at) // MILLISECOND
    gates = {gate_id: _gate_seen(seen, view.redis_ms + since_ms - seen.at_ms) for gate_id, seen in view.seen.items()}
    return NamespaceStatus(view.namespace, view.generation, view.epoch, len(view.halts), len(view.clears), gates)


def _gate_seen(seen: Seen, age_ms: int) -> GateSeen:
    told = seen.heartbeat
    return GateSeen(told.version, told.limits_hash, age_ms, told.incarnation, told.bound_ns // MILLISECOND)
