"""The broken designs: each takes one mechanism out of the kill switch, and the simulator has to notice.

A mutant swaps an attribute of the product (or of the model's disk, server, clock) for the time of its runs. It comes
with the faults that it is weak to and the seeds that show it, so that the whole gate takes a minute. Those of the
reservations (released by time alone, by a cancel that was only asked for, …) are in tests/property.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from risksvc.client.decision import Decision
from risksvc.core.trading_state import Clear, HaltSet
from risksvc.gate.kill_switch import follower, lease_keeper, lease_rules, rounds
from risksvc.gate.kill_switch.effect import REDIS, Effect
from risksvc.gate.kill_switch.lease_rules import Lease, Standing, Timings, Verdict
from risksvc.gate.kill_switch.rounds import Rounds
from risksvc.gate.kill_switch.view import ClearGuard, StoreView
from tests.simulation import servers
from tests.simulation.disks import Disk, MemoryLatch
from tests.simulation.gates import GateClock, GateHost
from tests.simulation.servers import Server
from tests.simulation.stores import Cluster
from tests.simulation.virtual_time import Process
from tests.simulation.world import Mix, run_seed

FOR_EVER = 10**12
Swap = tuple[Any, str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is swapped, the mix that shows it, and how many seeds it may take. `rules`: those that must notice."""

    swaps: Callable[[], list[Swap]]
    mix: Mix
    rules: tuple[str, ...]
    seeds: range = range(40)


@contextmanager
def swapped(swaps: list[Swap]) -> Iterator[None]:
    """For as long as it lasts, the design is broken."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in swaps]
    for owner, name, value in swaps:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def caught(mutant: Mutant) -> tuple[int, str] | None:
    """The first seed that notices, and by what; None: the mutant lives."""
    with swapped(mutant.swaps()):
        for seed in mutant.seeds:
            for violation in run_seed(seed, mutant.mix).violations:
                if violation.partition(":")[0] in mutant.rules:
                    return seed, violation
    return None


# -- what tells of halts --------------------------------------------------------------------------------------------


def _pub_sub_only() -> list[Swap]:
    """Halts come by the channel alone; what a poll reads is not looked at."""

    def nothing(*_: object) -> None:
        pass

    async def take(self: Rounds, views: Any, *, sent_at: int) -> None:  # noqa: ANN401
        now = self._ports.now()
        self.keeper.sound(run_id="any", sent_at=now, now=now)

    return [(Rounds, "_submit_halts", nothing), (Rounds, "_take", take), *_no_lease()]


def _no_lease() -> list[Swap]:
    """One good read opens the gate for good."""

    def renew(lease: Lease, *, run_id: str, sent_at: int, now: int, timings: Timings) -> Lease:
        return Lease(now + FOR_EVER, now + FOR_EVER, 0, run_id)

    return [
        (lease_keeper, "after_sound_round", renew),
        (lease_keeper, "given_up", lambda lease: lease),
        (lease_rules, "given_up", lambda lease: lease),
    ]


def _missing_is_running() -> list[Swap]:
    """An emptied store says that nothing is halted."""
    kept = tuple(rule for rule in lease_rules._RULES if rule[0] in (Standing.NOT_PRIMARY, Standing.ID_TAKEN))
    return [(lease_rules, "_RULES", kept)]


def _last_write_wins() -> list[Swap]:
    """A clear is a flag: whatever was halted before it runs again."""

    def add_clear(self: HaltSet, clear: Clear) -> bool:
        for halt_id in list(self._active):
            self._clears.setdefault(halt_id, replace(clear, halt_id=halt_id))
        self._active.clear()
        new = clear.halt_id not in self._clears
        self._clears[clear.halt_id] = clear
        return new

    return [(HaltSet, "add_clear", add_clear)]


def _memory_only() -> list[Swap]:
    """Nothing outlives the process."""
    begin = GateHost._begin

    def begin_anew(self: GateHost, process: Process) -> None:
        self.disk = Disk()
        begin(self, process)

    return [(GateHost, "_begin", begin_anew)]


def _no_republish() -> list[Swap]:
    """A store that lost halts is not told of them again; it is taken as it is."""

    def judge(held: lease_rules.Held, view: StoreView) -> Verdict:
        verdict = _JUDGE(replace(held, uncleared={}), view)
        return Verdict(Standing.SOUND) if verdict.standing is Standing.EPOCH_REGRESSED else verdict

    return [(rounds, "judge", judge)]


# -- what makes a lease ---------------------------------------------------------------------------------------------

_JUDGE = lease_rules.judge
_RENEW = lease_rules.after_sound_round


def _no_quorum() -> list[Swap]:
    """A primary is believed, whoever follows it."""
    return [(Cluster, "acknowledged", lambda self, server: (True, 0))]


def _no_barrier() -> list[Swap]:
    """After a gap the first good read opens the gate."""

    def renew(lease: Lease, *, run_id: str, sent_at: int, now: int, timings: Timings) -> Lease:
        if now - sent_at > timings.late_ns:
            return lease
        good_until = sent_at + timings.lease_ns
        return Lease(good_until, good_until, 0, run_id)

    return [(lease_keeper, "after_sound_round", renew)]


def _no_client_ttl() -> list[Swap]:
    """An approval is an approval, however old."""
    return [(Decision, "usable", lambda self: self.approved)]


def _clock_sleeps() -> list[Swap]:
    """The lease is counted by a clock that stands still while the process does."""
    slept: dict[str, int] = {}
    began: dict[str, int] = {}
    pause, wake = Process.pause, Process.wake

    def pause_clock(self: Process) -> None:
        began.setdefault(self.name, self.scheduler.now)
        pause(self)

    def wake_clock(self: Process) -> None:
        since = began.pop(self.name, self.scheduler.now)
        slept[self.name] = slept.get(self.name, 0) + self.scheduler.now - since
        wake(self)

    def now(self: GateClock) -> int:
        if self.scheduler.now == 0 or self.scheduler.steps < 2:
            slept.pop(self.name, None)
        return self.offset + self.scheduler.now - slept.get(self.name, 0)

    return [
        (Process, "pause", pause_clock),
        (Process, "wake", wake_clock),
        (GateClock, "now", now),
        (rounds, "wall_jumped", lambda wall_ns, clock_ns: False),
    ]


def _late_reply_renews() -> list[Swap]:
    """A lease counts from the moment in which the answer was handled."""

    def renew(lease: Lease, *, run_id: str, sent_at: int, now: int, timings: Timings) -> Lease:
        return _RENEW(lease, run_id=run_id, sent_at=now, now=now, timings=timings)

    return [(lease_keeper, "after_sound_round", renew)]


def _twins_both_open() -> list[Swap]:
    """Nobody looks whose heartbeat it is."""
    return [(servers, "_rival", lambda stands, heartbeat, at_ms: None)]


# -- what is said and cleared ---------------------------------------------------------------------------------------


def _no_epoch_guard() -> list[Swap]:
    """A clear is taken whatever has been halted since its author looked."""
    add_clears = Server.add_clears

    def unguarded(self: Server, namespace: str, clears: Any, guard: ClearGuard) -> Any:  # noqa: ANN401
        return add_clears(self, namespace, clears, replace(guard, epoch=self.space(namespace).epoch))

    return [(Server, "add_clears", unguarded)]


def _no_deadline_guard() -> list[Swap]:
    """A clear is taken however late it is executed."""
    add_clears = Server.add_clears

    def unguarded(self: Server, namespace: str, clears: Any, guard: ClearGuard) -> Any:  # noqa: ANN401
        return add_clears(self, namespace, clears, replace(guard, deadline_ms=FOR_EVER * 10))

    return [(Server, "add_clears", unguarded)]


def _tells_before_latched() -> list[Swap]:
    """The heartbeat says that a halt is here before the disk has it."""
    learn = Rounds._learn

    async def learn_late(self: Rounds, views: Any, verdicts: Any) -> None:  # noqa: ANN401
        for view in views:
            if verdicts[view.namespace].sound and self._applied.get(view.namespace) != view.digest:
                self._applied[view.namespace] = view.digest
                self.again.set()
        await learn(self, views, verdicts)

    def forget(self: MemoryLatch, records: Any) -> None:  # noqa: ANN401
        """And that moment is drawn out: the disk takes it when the process ends well, which is never."""

    return [(Rounds, "_learn", learn_late), (MemoryLatch, "put", forget)]


def _effect_ignores_gates() -> list[Swap]:
    """EFFECTIVE as soon as the store has it."""

    def judge(view: StoreView, halt_id: str, **_: object) -> Effect:
        return Effect(() if halt_id in view.halts else (REDIS,))

    return [(follower, "judge_effect", judge)]


_SLOW = ("slow, then hung",) * 3
_LONG = 2_500_000_000
MUTANTS: Mapping[str, Mutant] = {
    "pub/sub only": Mutant(_pub_sub_only, Mix(kinds=("cut", "loss"), hints=True), ("V1", "V9")),
    "poll without lease": Mutant(_no_lease, Mix(kinds=("cut", "hang")), ("V1", "V9")),
    "missing key = running": Mutant(_missing_is_running, Mix(kinds=("cut", "flush", "restart empty")), ("V1", "V3")),
    "last write wins": Mutant(_last_write_wins, Mix(kinds=(), halts=4, resumes=3), ("V1", "V2", "V3")),
    "no durable latch": Mutant(_memory_only, Mix(kinds=("crash",)), ("V6",)),
    "no republish": Mutant(_no_republish, Mix(kinds=("cut", "restart old")), ("V1", "V3")),
    "no quorum": Mutant(_no_quorum, Mix(kinds=("split brain",), quorum=True, storm_ns=_LONG, halts=3), ("V1",)),
    "no barrier": Mutant(_no_barrier, Mix(kinds=("restart",), halts=3), ("V11",)),
    "no client TTL": Mutant(_no_client_ttl, Mix(kinds=("pause strategy",), dawdle=0.5), ("V2",)),
    "lease kept after a pause": Mutant(
        _clock_sleeps, Mix(kinds=("pause gate",), watchdog=False, hints=False, halts=3), ("V1", "V9")
    ),
    "late reply renews the lease": Mutant(
        _late_reply_renews, Mix(kinds=_SLOW, watchdog=False, hints=False, halts=3), ("V1", "V9")
    ),
    "two processes with one id": Mutant(_twins_both_open, Mix(kinds=("twin",)), ("V8",)),
    "resume without epoch guard": Mutant(_no_epoch_guard, Mix(kinds=("slow network",), halts=4, resumes=3), ("V5",)),
    "resume without deadline": Mutant(_no_deadline_guard, Mix(kinds=("hang",), halts=4, resumes=3), ("V5",)),
    "told before latched": Mutant(
        _tells_before_latched, Mix(kinds=("power cut", "flush"), gates=2), ("V1", "V3", "V6")
    ),
    "effect ignores a live gate": Mutant(
        _effect_ignores_gates, Mix(kinds=("cut", "pause gate"), hints=False, halts=2, resumes=0), ("V1",)
    ),
}
