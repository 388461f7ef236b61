"""A simulated gate: the product's own parts, wired as `risksvc.gate.serve` wires them, on one simulated process.

What is real: RiskGate, Owner, codec, replay, KillSwitchFollower with everything below it, HaltPublisher, FaultKeeper,
halting (halt and resume), ticks, lag watchdog. What is the model's: the loop, the clock, the disk, the store's far end,
the venue feed, and that requests come as calls.
"""

from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from risksvc.core.events import GateStarted, Input, LimitsLoaded
from risksvc.core.outputs import LookUp, Output
from risksvc.core.trading_state import Halt
from risksvc.core.types import MILLISECOND, Order, RiskError
from risksvc.core.venue_events import OrderStatesReceived
from risksvc.gate import beating
from risksvc.gate.app import GateApp
from risksvc.gate.faults import FaultKeeper
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.owner import GateClosedError, Owner
from risksvc.gate.publishing import HaltPublisher
from risksvc.gate.replay import replay
from risksvc.gate.watching import Watchers
from tests.simulation import catalogue
from tests.simulation.disks import Disk, MemoryJournal, MemoryLatch
from tests.simulation.stores import Cluster, SimulatedStore
from tests.simulation.virtual_time import Process, Scheduler, new_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from risksvc.gate.latch import LocalLatch

READ_NS = 250 * MILLISECOND
READ_TAKES_NS = 5 * MILLISECOND
AGAIN_NS = 100 * MILLISECOND


@dataclass(slots=True)
class GateClock:
    """One machine's clock: the model's time, from another beginning. `wall_ahead`: how far its wall clock was set."""

    scheduler: Scheduler
    offset: int
    name: str = ""
    wall_ahead: int = 0

    def now(self) -> int:
        return self.offset + self.scheduler.now

    def wall(self) -> int:
        return self.offset + self.scheduler.now + self.wall_ahead


class Venue:
    """An account at the venue: every order that arrives is over at once, unfilled."""

    def __init__(self) -> None:
        self.arrived: dict[str, None] = {}


class RunningGate:
    """One process from its start to its end."""

    def __init__(self, host: "GateHost", process: Process) -> None:
        self.host = host
        self.process = process
        self.clock = host.clock
        self._began_read = 0
        journal = MemoryJournal(host.disk, alive=lambda: process.alive)
        gate = replay(journal.recover()).gate
        self.owner = Owner(gate, journal, self.clock)
        self.owner.attach(process)
        latch = MemoryLatch(host.disk, alive=lambda: process.alive)
        latch.write(self.owner.state.halts.active())
        self.follower = KillSwitchFollower(
            SimulatedStore(process, host.cluster),
            cast("LocalLatch", latch),
            settings=FollowerSettings(host.gate_id, (host.account,), timings=catalogue.TIMINGS),
            ports=GatePorts(
                now=self.clock.now,
                submit=self.owner.submit_or_keep,
                describe=lambda: ("model", "v1"),
                wall=self.clock.wall,
            ),
        )
        self.publisher = HaltPublisher(self.follower)
        self.app = self._app()

    def _app(self) -> GateApp:
        nothing: Any = None
        settings: Any = SimpleNamespace(accounts={self.host.account: None}, lease_ns=catalogue.TIMINGS.lease_ns)
        return GateApp(
            gate_id=self.host.gate_id,
            version="model",
            settings=settings,
            clock=cast("Any", self.clock),
            owner=self.owner,
            kill_switch=self.follower,
            publisher=self.publisher,
            limits=nothing,
            feeds=nothing,
            watchers=Watchers(self.owner),
            notifying=nothing,
            started_at=self.clock.now(),
        )

    def start(self) -> None:
        """Steps 4 to 8 of `serve`."""
        owner, host = self.owner, self.host
        owner.submit(GateStarted(catalogue.config_of(host.gate_id, host.account)))
        owner.listeners += [self.publisher.heard, host.listener, self._heard, self.app.watchers.heard]
        self.follower.announce_latch()
        if owner.state.limits is None:
            owner.submit(LimitsLoaded(catalogue.limits_of(host.account), "gate:start", "read at the start"))
        owner.on_fault = FaultKeeper(self.app, end=self._end).closed
        if host.hints:
            host.cluster.subscribers[self.process.name] = (self.process, ("*", host.account), self._hint)
        runs = [self.follower.run(), beating.tick(self.app, tell_health=_nobody_asks)]
        if host.watchdog:
            runs.append(beating.watch_lag(self.app))
        for run in runs:
            self.process.create_task(run)
        self._feed(catalogue.connected(host.account))
        self._feed(catalogue.marks(host.account, self.clock.now()))
        self._begin_read()

    def _hint(self, halt: Halt | None) -> None:
        self.follower._rounds.take_hint(halt)

    def _end(self, code: int) -> None:
        self.host.ended(code)

    # -- the venue feed ------------------------------------------------------------------------------------------

    def _feed(self, event: Input) -> None:
        with suppress(GateClosedError):
            self.owner.submit(event)

    def _begin_read(self) -> None:
        as_of = self.clock.now()
        self.process.call_later(READ_TAKES_NS / 1e9, self._end_read, as_of)
        self.process.call_later(READ_NS / 1e9, self._begin_read)

    def _end_read(self, as_of: int) -> None:
        self._feed(catalogue.flat_read(self.host.account, as_of=as_of, now=self.clock.now()))

    def _heard(self, _event: Input, outputs: tuple[Output, ...], _now: int) -> None:
        for output in outputs:
            if isinstance(output, LookUp):
                self.process.call_later(0.003, self._look_up, output, self.clock.now())

    def _look_up(self, asked: LookUp, as_of: int) -> None:
        book = self.owner.state.accounts[asked.account]
        rows = []
        for ref in asked.orders:
            found = book.reservations.get(ref.client_order_id)
            if found is not None:
                missing = ref.client_order_id not in self.host.venue.arrived
                rows.append(catalogue.over(found.order, never_arrived=missing))
        if rows:
            self._feed(OrderStatesReceived(asked.account, as_of, tuple(rows)))

    def told_of(self, order: Order) -> None:
        """The feed's own stream: an order that arrived is over."""
        row = catalogue.over(order, never_arrived=False)
        self._feed(OrderStatesReceived(order.account, self.clock.now(), (row,)))


class GateHost:
    """Where a gate runs, crashes and is started again; its disk and its clock outlive the process.

    `listener`: hears what every process here decides; `began`: told when one stands; `ended`: when it ends by itself.
    """

    def __init__(self, name: str, *, gate_id: str, account: str, cluster: Cluster, clock: GateClock) -> None:
        self.name = name
        self.gate_id = gate_id
        self.account = account
        self.cluster = cluster
        self.clock = clock
        self.disk = Disk()
        self.venue = Venue()
        self.running: RunningGate | None = None
        self.watchdog = True
        self.hints = True
        self.starts = 0
        self.listener: Callable[[Input, tuple[Output, ...], int], None] = lambda event, outputs, now: None
        self.failed: Callable[[str], None] = lambda what: None
        self.ended: Callable[[int], None] = lambda code: None
        self.began: Callable[[], None] = lambda: None
        self.starting = False
        self.retired = False
        self.disk_delay: Callable[[], tuple[int, int]] = lambda: (2 * MILLISECOND, 0)

    @property
    def up(self) -> bool:
        return self.running is not None

    def start(self) -> None:
        """The supervisor starts a process here."""
        if self.retired or self.up or self.starting:
            return
        self.starts += 1
        process = new_process(self.cluster.network.scheduler, self.name, disk=self.disk_delay, failed=self.failed)
        self.clock.wall_ahead = 0
        self.starting = True
        process.call_soon(self._begin, process)

    def _begin(self, process: Process) -> None:
        self.starting = False
        try:
            running = RunningGate(self, process)
        except RiskError:  # a full disk: the supervisor tries again
            self.cluster.network.scheduler.at(self.cluster.network.scheduler.now + AGAIN_NS, self.start)
            return
        self.running = running
        running.start()
        self.began()

    def kill(self) -> None:
        """SIGKILL."""
        if self.running is not None:
            self.cluster.subscribers.pop(self.name, None)
            self.running.process.kill()
            self.running = None


async def _nobody_asks() -> None:
    pass
