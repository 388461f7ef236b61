"""One round of following the store: read it whole, make durable what is new, renew the lease or say why not.

Order within a round: a halt goes to the owner at once (it can only close), then everything new goes to the latch, and
only what is on disk there counts: only then does a clear go to the owner, does the heartbeat tell others that this gate
has it, is the lease renewed. Clears are taken from a sound round and from nothing else. A lease counts from before the
round was asked for; one that was handled late extends nothing, so a loop that lags lets the lease run out by itself.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from risksvc.core.events import ClearSeen, HaltSeen, Input
from risksvc.core.trading_state import Clear, Halt
from risksvc.core.types import MalformedInputError, Nanoseconds
from risksvc.gate.kill_switch.initialising import initialise_namespace, new_generation
from risksvc.gate.kill_switch.inspecting import StoreWatch
from risksvc.gate.kill_switch.lease_keeper import LeaseKeeper
from risksvc.gate.kill_switch.lease_rules import Standing, Timings, Verdict, judge, wall_jumped
from risksvc.gate.kill_switch.records import GLOBAL, Heartbeat, Mark, Record, namespace_of
from risksvc.gate.kill_switch.replica import Replica
from risksvc.gate.kill_switch.store import Store
from risksvc.gate.kill_switch.view import Seen, Sight, StoreError, StoreView
from risksvc.gate.latch import LatchWriteError

# A private store has no other gate to tell, and each heartbeat costs its AOF an fsync that the round would wait for.
_PRIVATE_HEARTBEAT_ROUNDS = 10


def _nothing_to_tell() -> tuple[str, str]:
    return "", ""


@dataclass(frozen=True, slots=True)
class FollowerSettings:
    """Who follows what. `private`: the store is this gate's own embedded server, which nobody else can reach."""

    gate_id: str
    accounts: tuple[str, ...]
    private: bool = False
    timings: Timings = field(default_factory=Timings)

    def __post_init__(self) -> None:
        for account in self.accounts:
            if not account or set(account) & set("*{}"):
                raise MalformedInputError("account", f"{account!r} can't name keys; allowed: anything without * {{ }}")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The global one, then each account's."""
        return (GLOBAL, *self.accounts)


@dataclass(frozen=True, slots=True)
class GatePorts:
    """What the gate gives to its follower. `now`: its clock; `wall`: only to notice that the machine was paused.

    `submit` takes Inputs for the owner, in order, and must not block: HaltSeen, ClearSeen, LeaseRenewed, LeaseLost.
    `describe`: this gate's code version and limits hash, for the other gates of the account.
    """

    now: Callable[[], Nanoseconds]
    submit: Callable[[Input], None]
    describe: Callable[[], tuple[str, str]] = _nothing_to_tell
    wall: Callable[[], Nanoseconds] = time.time_ns


class Rounds:
    """Rounds, one after the other. `sights`: the last view of each namespace, sound or not."""

    def __init__(
        self,
        store: Store,
        replica: Replica,
        *,
        settings: FollowerSettings,
        ports: GatePorts,
        watch: StoreWatch | None = None,
    ) -> None:
        self.keeper = LeaseKeeper(settings.timings, submit=ports.submit)
        self.sights: dict[str, Sight] = {}
        self.again = asyncio.Event()  # something changed: the next round should not wait
        self._store = store
        self._replica = replica
        self._settings = settings
        self._ports = ports
        self._watch = watch
        self._incarnation = secrets.token_hex(8)
        self._turn = asyncio.Lock()
        self._count = 0
        self._last: tuple[Nanoseconds, Nanoseconds] | None = None  # wall, clock
        self._applied: dict[str, str] = {}  # namespace -> digest of what is applied and durable
        self._told: dict[str, str] = {}  # namespace -> digest in the last heartbeat
        self._submitted: set[str] = set()  # ids of halts
        self._owners: dict[str, str] = {}  # ids of halts -> the namespace in which each was met first
        self._aliases: dict[str, str] = {}  # names that halts have here -> their ids in the store
        self._heard: dict[str, Halt] = {}  # on the channel, and not latched yet
        self._since: dict[tuple[str, str], tuple[Seen, Nanoseconds]] = {}  # a heartbeat, and since when
        elsewhere = (
            halt for halt in replica.state.uncleared.values() if namespace_of(halt.scope) not in settings.namespaces
        )
        self._elsewhere = {halt.halt_id: halt for halt in elsewhere}

    async def run_one(self) -> None:
        """One round; raises nothing that Redis or a disk can cause."""
        async with self._turn:
            self._count += 1
            sent_at = self._ports.now()
            self._notice_jump(sent_at)
            try:
                views = [self.named_here(view) for view in await self._poll_all()]
                self._notice_heartbeats(views)
                self.sights = {view.namespace: Sight(view, sent_at) for view in views}
                await self._take(views, sent_at=sent_at)
            except (StoreError, LatchWriteError) as error:
                self.keeper.unreachable(str(error), now=self._ports.now())
                with suppress(LatchWriteError):  # told already; kept, and tried again with the next round
                    await self._remember([])

    def announce_latch(self) -> None:
        """Tells the owner, before the first round, every halt and clear that the latch holds."""
        state = self._replica.state
        for halt in state.halts.values():
            self._submit_halt(halt)
        for clear in state.clears.values():
            self._ports.submit(ClearSeen(clear))

    def take_hint(self, halt: Halt | None) -> None:
        """A message on the channel: a halt counts at once, anything asks for a round now."""
        if halt is not None and self._replica.halt(halt.halt_id) is None:
            self._submit_halt(halt)
            self._heard[halt.halt_id] = halt
        self.again.set()

    def id_in_store(self, halt_id: str) -> str:
        """The id under which the store has a halt."""
        return self._aliases.get(halt_id, halt_id)

    def trusts(self, view: StoreView) -> bool:
        """A view that may say who has a halt: this gate has a lease, from this very server, and its history goes on.

        Whoever has a lease has seen one history for two leases, longer than an approval from another one lasts.
        """
        lease = self.keeper.lease
        sound = judge(self._replica.held(view.namespace), view).sound
        return sound and view.run_id in lease.run_id.split("+") and lease.left(self._ports.now()) > 0

    def silent_ns(self, view: StoreView) -> dict[str, Nanoseconds]:
        """For how long, by this gate's own clock, each gate's heartbeat has been what it is in this view."""
        now, known = self._ports.now(), self._since
        stood = ((gate_id, known.get((view.namespace, gate_id)), seen) for gate_id, seen in view.seen.items())
        return {gate_id: now - since[1] for gate_id, since, seen in stood if since is not None and since[0] == seen}

    def publish_elsewhere(self, halt: Halt) -> None:
        """Keeps a halt of a namespace that this gate does not follow until the store has taken it."""
        if namespace_of(halt.scope) not in self._settings.namespaces:
            self._elsewhere[halt.halt_id] = halt

    def _notice_jump(self, now: Nanoseconds) -> None:
        wall = self._ports.wall()
        last, self._last = self._last, (wall, now)
        if last is not None and wall_jumped(wall - last[0], now - last[1]):
            self.keeper.give_up("the wall clock jumped: was this machine paused?", now=now)

    def _notice_heartbeats(self, views: Sequence[StoreView]) -> None:
        now = self._ports.now()
        for view in views:
            for gate_id, seen in view.seen.items():
                key = (view.namespace, gate_id)
                if key not in self._since or self._since[key][0] != seen:
                    self._since[key] = (seen, now)

    async def _poll_all(self) -> list[StoreView]:
        """Where the first is another process's, no other is kept from it: two can't share a gate's id by halves."""
        views: list[StoreView] = []
        for namespace in self._settings.namespaces:
            taken = any(view.rival is not None for view in views)
            views.append(await self._poll(namespace, None if taken else self._heartbeat(namespace)))
        return views

    async def _poll(self, namespace: str, heartbeat: Heartbeat | None) -> StoreView:
        view = await self._store.poll(namespace, gate_id=self._settings.gate_id, heartbeat=heartbeat)
        if heartbeat is not None:
            self._told[namespace] = heartbeat.digest
        return view

    def _heartbeat(self, namespace: str) -> Heartbeat | None:
        digest = self._applied.get(namespace, "")
        due = self._count % _PRIVATE_HEARTBEAT_ROUNDS == 1
        if self._settings.private and not due and self._told.get(namespace) == digest:
            return None
        version, limits_hash = self._ports.describe()
        bound = self._settings.timings.bound_ns
        return Heartbeat(self._settings.gate_id, self._incarnation, digest, bound, version, limits_hash)

    async def _take(self, views: Sequence[StoreView], *, sent_at: Nanoseconds) -> None:
        for view in views:
            self._submit_halts(view)
        verdicts = {view.namespace: judge(self._replica.held(view.namespace), view) for view in views}
        if await self._began(verdicts):
            return
        worst = _worst(verdicts)
        if not worst.sound:
            self.keeper.unsound(worst, now=self._ports.now())
        await self._learn(views, verdicts)
        if worst.sound:
            self._renew("+".join(dict.fromkeys(view.run_id for view in views)), sent_at=sent_at)
        else:
            await self._repair(verdicts)
        with suppress(StoreError):  # others' namespaces: tried again with the next round, and no reason to close
            await self._publish_elsewhere()

    def _renew(self, run_id: str, *, sent_at: Nanoseconds) -> None:
        """An unsound server opens no gate; it does not close one that is open, whose latch holds every halt."""
        now = self._ports.now()
        closed = not self.keeper.lease.left(now) or run_id != self.keeper.lease.run_id
        refusal = self._watch.refusal(run_id) if self._watch is not None and closed else ""
        if refusal:
            self.keeper.unsound(Verdict(Standing.UNSOUND_SERVER, refusal), now=now)
        else:
            self.keeper.sound(run_id=run_id, sent_at=sent_at, now=now)

    def _submit_halts(self, view: StoreView) -> None:
        if self._applied.get(view.namespace) != view.digest:
            for halt in view.halts.values():
                self._submit_halt(halt)

    def _submit_halt(self, halt: Halt) -> None:
        if halt.halt_id not in self._submitted:
            self._submitted.add(halt.halt_id)
            self._owners.setdefault(halt.halt_id, namespace_of(halt.scope))
            self._ports.submit(HaltSeen(halt))

    def named_here(self, view: StoreView) -> StoreView:
        """Ids are unique within a namespace only: one that is another halt's here gets a name of its own."""
        where = view.namespace
        halts_here = [one for one in view.halts if self._owners.setdefault(one, where) != where]
        clears_here = [one for one in view.clears if self._owners.get(one, where) != where]
        names = {one: f"{one}@{where}" for one in (*halts_here, *clears_here)}
        if not names:
            return view
        self._aliases.update((name, one) for one, name in names.items())
        halts = (replace(halt, halt_id=names.get(one, one)) for one, halt in view.halts.items())
        clears = (replace(clear, halt_id=names.get(one, one)) for one, clear in view.clears.items())
        return replace(
            view,
            halts={halt.halt_id: halt for halt in halts},
            clears={clear.halt_id: clear for clear in clears},
        )

    async def _learn(self, views: Sequence[StoreView], verdicts: Mapping[str, Verdict]) -> None:
        records: list[Record] = []
        for view in views:
            if self._applied.get(view.namespace) != view.digest:
                records += view.halts.values()
            if verdicts[view.namespace].sound:
                records += self._sound_records(view)
        new = await self._remember(records)
        for record in new:
            if isinstance(record, Clear):
                self._ports.submit(ClearSeen(record))
        for view in views:
            if verdicts[view.namespace].sound and self._applied.get(view.namespace) != view.digest:
                self._applied[view.namespace] = view.digest
                self.again.set()  # the next heartbeat tells the others

    async def _remember(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """With the halts that were only heard of: the store may lose them before any round reads them."""
        heard = list(self._heard.values())
        new = await self._replica.remember([*heard, *records])
        for halt in heard:
            self._heard.pop(halt.halt_id, None)
        return new

    def _sound_records(self, view: StoreView) -> list[Record]:
        mark = Mark(view.namespace, view.generation, view.epoch)
        if self._applied.get(view.namespace) == view.digest:
            return [mark]
        return [*view.clears.values(), mark]

    async def _repair(self, verdicts: Mapping[str, Verdict]) -> None:
        for namespace, verdict in verdicts.items():
            if verdict.standing is Standing.NOT_PRIMARY:
                await self._store.reconnect()
            elif verdict.republish or verdict.least_epoch:
                await self._store.add_halts(namespace, verdict.republish, least_epoch=verdict.least_epoch)
                self.again.set()

    async def _publish_elsewhere(self) -> None:
        for halt in list(self._elsewhere.values()):
            added = await self._store.add_halts(namespace_of(halt.scope), [halt])
            if added.quorum:
                self._elsewhere.pop(halt.halt_id, None)

    async def _began(self, verdicts: Mapping[str, Verdict]) -> bool:
        """A private server that this gate's sound latch has never seen used: nobody's history can be lost."""
        new = [namespace for namespace, verdict in verdicts.items() if verdict.standing is Standing.UNINITIALISED]
        if not new or not self._settings.private or self._replica.damage is not None:
            return False
        state, gate_id, fresh = self._replica.state, self._settings.gate_id, new_generation()
        for namespace in new:
            await initialise_namespace(self._store, namespace, state=state, fresh=fresh, gate_id=gate_id)
        self.again.set()
        return True


def _worst(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The one to tell people: a lost history before anything else."""
    unsound = [verdict for verdict in verdicts.values() if not verdict.sound]
    lost = [verdict for verdict in unsound if verdict.store_lost]
    return next(iter([*lost, *unsound]), Verdict(Standing.SOUND))
