"""`risksvc serve`: the gate process, wired. The numbered steps are the architecture; each is made elsewhere.

Nothing is served before the journal has been replayed and the halts of the latch are in force. A start that fails says
one clear sentence. SIGTERM and SIGINT drain: what runs is finished, nothing new is approved, the journal is whole.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from risksvc import __version__
from risksvc.core.events import DrainStarted, FaultLatched, GateStarted
from risksvc.core.types import RiskError, use_exact_arithmetic
from risksvc.gate import beating, starting, views
from risksvc.gate.anchors import AnchorKeeper
from risksvc.gate.app import GateApp
from risksvc.gate.embedded_redis import EmbeddedRedis
from risksvc.gate.engine.shared_loop import SharedLoop
from risksvc.gate.event_log import configure_logging, log_event, log_step
from risksvc.gate.faults import EXIT_FAULT, FaultKeeper
from risksvc.gate.feeds import Feeds
from risksvc.gate.flatten.keeper import FlattenKeeper
from risksvc.gate.http import HttpServer, start_http
from risksvc.gate.incident import holding
from risksvc.gate.incident.assessing import assess
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.follower import KillSwitchFollower
from risksvc.gate.kill_switch.lease_rules import Timings
from risksvc.gate.kill_switch.rounds import FollowerSettings, GatePorts
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.latch import open_latch
from risksvc.gate.limits_keeper import LimitsKeeper
from risksvc.gate.memory import keep_collections_short
from risksvc.gate.owner import EntryLog, Fault, GateClosedError, Owner
from risksvc.gate.publishing import HaltPublisher
from risksvc.gate.rebuilding import Rebuilder
from risksvc.gate.recovery import recover
from risksvc.gate.servers import Servers
from risksvc.gate.snapshot_keeper import SnapshotKeeper, stats_of
from risksvc.gate.starting import Start
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.gate.telling.notifying import Notifying
from risksvc.gate.venue_feed_service import tell_new_marks
from risksvc.gate.watching import Watchers

EXIT_OK = 0
EXIT_NO_START = 2
SETTLED_WITHIN_SECONDS = 1.0
REBUILT_WITHIN_SECONDS = 1.0
CANCEL_ROUNDS, CANCEL_SECONDS = 10, 0.1
_log = logging.getLogger(__name__)

JournalWrapper = Callable[[EntryLog], EntryLog]


def run_gate(
    settings_path: Path,
    *,
    limits_path: Path | None = None,
    redis_url: str | None = None,
    state_dir: Path | None = None,
    wrap_journal: JournalWrapper | None = None,
) -> int:
    """Runs the gate until it is told to stop; gives the exit code. What is None is as the settings file says.

    Exit codes: 0 stopped when told to; 2 could not start; 70 an internal error, after which it comes back halted.
    `wrap_journal`: for tests of failing disks only.
    """
    if not __debug__:
        return _refuse("the gate does not run with python -O or PYTHONOPTIMIZE: assertions are part of its safety")
    configure_logging()
    use_exact_arithmetic()
    start = Start(settings_path, limits_path, redis_url, state_dir)
    process = _Process(start, wrap_journal or _as_it_is)
    try:
        with asyncio.Runner(loop_factory=SharedLoop) as runner:
            return runner.run(process.run())
    except Exception as error:
        if process.served:
            _log.critical("the end went wrong", exc_info=True)
            return EXIT_FAULT
        if isinstance(error, RiskError):
            return _refuse(str(error))
        if isinstance(error, OSError):
            return _refuse(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
        raise


def _refuse(sentence: str) -> int:
    print(f"risksvc: the gate can't start: {sentence}", file=sys.stderr)  # noqa: T201 - to the person who starts it
    return EXIT_NO_START


def _as_it_is(journal: EntryLog) -> EntryLog:
    return journal


class _Process:
    """One run. `served`: the start is over, so what goes wrong from now on is a fault and no refusal to start."""

    def __init__(self, start: Start, wrap_journal: JournalWrapper) -> None:
        self.served = False
        self._start = start
        self._wrap_journal = wrap_journal
        self._ending = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._exit_code = EXIT_OK

    async def run(self) -> int:
        """The whole life of the process: one that is told to stop while it starts, stops starting."""
        loop = asyncio.get_running_loop()

        def heard(*_: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: the process ends already
                loop.call_soon_threadsafe(self._told_to_stop)

        # Not the loop's own handlers: it takes them back at its end, and a second signal would kill what is ending.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, heard)
        self._starting = living = loop.create_task(self._live())
        try:
            with suppress(asyncio.CancelledError):
                await living
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):  # Python's own end would give them their deadly meaning
                signal.signal(number, signal.SIG_IGN)
        return self._exit_code

    def _told_to_stop(self) -> None:
        """Told twice is told once: the drain has its own bound."""
        self._ending.set()
        if self._starting is not None:
            self._starting.cancel()

    async def _live(self) -> None:
        async with AsyncExitStack() as stack:
            # 1. What it is told, who it is, what it remembers: settings, identity, the journal replayed, a clock.
            base = starting.found(self._start)
            rebuilder = Rebuilder()
            stack.push_async_callback(_close_journal, base, rebuilder)
            # 2. The one owner of the state.
            owner = _owner(base, self._wrap_journal(base.journal), rebuilder)
            # 3. The kill switch: its store (a private server, or the user's), this gate's latch, the follower of both.
            url, server = starting.store_of(base.settings, self._start.redis_url)
            if server is not None:
                await server.start()
                stack.push_async_callback(server.stop)
            follower = _follower(base, owner, url=url, private=server is not None)
            stack.push_async_callback(follower.close)
            publisher = HaltPublisher(follower)
            # 4. The state comes to life: settings, halts and clears of the latch, limits.
            owner.submit(GateStarted(base.settings.gate_config(base.gate_id)))
            owner.listeners.append(publisher.heard)
            follower.announce_latch()
            keeper = starting.load_first_limits(base, owner)
            if owner.fault is not None:
                raise GateClosedError(owner.fault.what)
            # 5. What the services share, and what happens when the owner closes.
            app = _app(base, owner, follower=follower, publisher=publisher, keeper=keeper)
            faults = FaultKeeper(app, end=self._end)
            stack.push_async_callback(faults.stop)
            owner.on_fault = _both(faults.closed, app.notifying.closed)
            # 6. The listeners.
            servers = Servers(app)
            stack.push_async_callback(servers.stop)
            await servers.start()
            http = await start_http(app, host=base.settings.http.host, port=base.settings.http.port)
            stack.push_async_callback(http.stop)
            # 7. What runs beside them.
            anchors = _anchors(base, app, url=url)
            stack.push_async_callback(anchors.close)
            tasks = self._background(app, servers, anchors, _snapshots(base, app), server=server, url=url)
            stack.push_async_callback(_cancel, tasks)
            # 8. Until told to stop.
            keep_collections_short()
            self._starting, self.served = None, True
            app.serving = True
            self._announce(app)
            await self._ending.wait()
            # 9. Drain; then everything above is let go, in reverse.
            await _drain(app, servers, http)
            await publisher.settled(within_seconds=SETTLED_WITHIN_SECONDS)

    def _background(
        self,
        app: GateApp,
        servers: Servers,
        anchors: AnchorKeeper,
        snapshots: SnapshotKeeper,
        *,
        server: EmbeddedRedis | None,
        url: StoreAddress,
    ) -> list["asyncio.Task[None]"]:
        async def tell_health() -> None:
            await servers.tell_health(ready=app.serving and views.is_ready(app, app.clock.now()))

        flattens = FlattenKeeper(app)
        app.owner.listeners.append(flattens.heard)
        runs: dict[str, Awaitable[None]] = {
            "kill switch": app.kill_switch.run(hints_url=url),
            "strategy listener": servers.failed(),
            "ticks": beating.tick(app, tell_health=tell_health),
            "watchdog": beating.watch_lag(app),
            "anchors": anchors.run(),
            "snapshots": snapshots.run(),
            "holds": holding.remind(app, assess),
            "flattens": flattens.run(),
            "notifying": app.notifying.run(),
        }
        if server is not None:
            runs["redis"] = server.supervise()
        return [self._keep(app, name, run) for name, run in runs.items()]

    def _keep(self, app: GateApp, name: str, run: Awaitable[None]) -> "asyncio.Task[None]":
        """A task whose end, while the gate runs, is a fault: everything is halted, and the process ends."""

        async def kept() -> None:
            why = "ended by itself"
            try:
                await run
            except Exception as error:  # noqa: BLE001 - whatever it was, the process must not go on without it
                why = repr(error)
                _log.critical("%s failed; the process ends", name, exc_info=True)
            with suppress(GateClosedError):
                app.owner.submit(FaultLatched(f"{name}: {why}"))
            self._end(EXIT_FAULT)

        return asyncio.get_running_loop().create_task(kept(), name=name)

    def _announce(self, app: GateApp) -> None:
        for text in app.settings.warnings:
            log_event("settings_warning", logging.WARNING, message=text)
        if app.engine.problem:
            log_event("engine_fallback", logging.WARNING, message=app.engine.problem)
        log_event("serving", gate=app.gate_id, version=app.version, engine=app.engine.kind.value, **app.addresses)
        say = [f"gate {app.gate_id} (risksvc {app.version}) listens:"]
        say += [f"  {name:<9} {address}" for name, address in app.addresses.items()]
        say += [f"next: risksvc status --settings {app.settings.path}", ""]
        sys.stdout.write("\n".join(say))
        sys.stdout.flush()

    def _end(self, code: int) -> None:
        self._exit_code = self._exit_code or code
        self._ending.set()


def _follower(base: starting.Foundations, owner: Owner, *, url: StoreAddress, private: bool) -> KillSwitchFollower:
    settings, clock = base.settings, base.clock
    timings = Timings(settings.poll_ns, settings.lease_ns, settings.approval_validity_ns)
    ran_before = base.journal.report.entries > 0
    latch = open_latch(settings.state_dir / "latch", gate_id=base.gate_id, now=clock.now(), expected=ran_before)
    if latch.damage is not None:
        _log.critical("the latch was damaged, so everything is halted: %s", latch.damage.problem)
    # A halt that was journaled just before a kill -9 is not in the latch yet; unlatched it would not be published.
    latch.write(owner.state.halts.active())
    return KillSwitchFollower(
        KillSwitchStore(url),
        latch,
        settings=FollowerSettings(base.gate_id, tuple(settings.accounts), private=private, timings=timings),
        ports=GatePorts(
            now=clock.now,
            submit=owner.submit_or_keep,
            describe=lambda: (__version__, owner.state.limits_hash),
        ),
    )


def _owner(base: starting.Foundations, journal: EntryLog, rebuilder: Rebuilder) -> Owner:
    owner = Owner(
        base.replayed.gate,
        journal,
        base.clock,
        recover=lambda _: recover(base.journal),
        beside=rebuilder.run,
    )
    owner.attach(asyncio.get_running_loop())
    owner.listeners.append(log_step)
    return owner


def _snapshots(base: starting.Foundations, app: GateApp) -> SnapshotKeeper:
    keeper = SnapshotKeeper(base.journal, app.snapshots)
    base.journal.on_rotate = keeper.rotated
    return keeper


def _both(first: Callable[[Fault], None], second: Callable[[Fault], None]) -> Callable[[Fault], None]:
    def both(fault: Fault) -> None:
        first(fault)
        second(fault)

    return both


def _anchors(base: starting.Foundations, app: GateApp, *, url: StoreAddress) -> AnchorKeeper:
    return AnchorKeeper(
        base.journal,
        KillSwitchStore(url),
        gate_id=base.gate_id,
        clock=base.clock,
        every_ns=base.settings.anchor_ns,
        counters=app.counters,
    )


def _app(
    base: starting.Foundations,
    owner: Owner,
    *,
    follower: KillSwitchFollower,
    publisher: HaltPublisher,
    keeper: LimitsKeeper,
) -> GateApp:
    feeds = Feeds(base.gate_id, read_windows=base.replayed.read_windows)
    watchers = Watchers(owner)
    contacts = ContactsKeeper(base.settings.contacts_path)
    notifying = Notifying(owner, base.clock, gate_id=base.gate_id, keeper=contacts)
    app = GateApp(
        gate_id=base.gate_id,
        version=__version__,
        settings=base.settings,
        clock=base.clock,
        owner=owner,
        kill_switch=follower,
        publisher=publisher,
        limits=keeper,
        feeds=feeds,
        watchers=watchers,
        notifying=notifying,
        started_at=base.clock.now(),
        snapshots=stats_of(base.journal.folder, base.replayed),
    )
    owner.listeners += [feeds.heard, watchers.heard, notifying.heard, lambda *step: tell_new_marks(app, *step)]
    return app


async def _close_journal(base: starting.Foundations, rebuilder: Rebuilder) -> None:
    """Unless a rebuild still reads it: then the end of the process lets it go."""
    if await rebuilder.finished(within_seconds=REBUILT_WITHIN_SECONDS):
        base.journal.close()


async def _drain(app: GateApp, servers: Servers, http: HttpServer) -> None:
    log_event("draining")
    app.serving = False
    with suppress(GateClosedError):
        app.owner.submit(DrainStarted())
    app.watchers.end()
    app.feeds.end()
    await servers.tell_health(ready=False)
    await servers.stop()
    await http.stop()


async def _cancel(tasks: list["asyncio.Task[None]"]) -> None:
    """Again and again, since redis-py may swallow it (`kill_switch.cancelling`); what won't end is left behind."""
    waiting: set[asyncio.Task[None]] = set(tasks)
    for _ in range(CANCEL_ROUNDS):
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        if not waiting:
            return
    _log.error("these did not end when told to: %s", ", ".join(sorted(task.get_name() for task in waiting)))
