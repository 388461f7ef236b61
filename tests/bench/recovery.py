"""How long a gate takes to know everything again: a journal of a million entries, by the newest snapshot and the tail.

The journal is a real one: every entry went through the real owner into
real segment files (on tmpfs where there is one), and a real snapshot process followed as it does beside a gate. The
last snapshot is taken before the last two segments, as when a gate is killed just before the next one stands: the
longest tail of a gate whose snapshots keep up. Compared with the state that the writing process held: its hash.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from risksvc.core import events, venue_events
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import MILLISECOND, Order, OrderType, PositionRange, Side
from risksvc.gate.journal import SEGMENT_ENTRIES, Journal
from risksvc.gate.owner import Owner
from risksvc.gate.recovery import recover
from risksvc.gate.segments import Link
from risksvc.gate.snapshots import list_snapshots, number_of
from risksvc.gate.snapshots import path_of as snapshot_path
from risksvc.gate.state_codec import dump_gate, load_gate, state_hash
from tests.bench.options import Options
from tests.bench.paired import Ratio
from tests.bench.results import Results, Table
from tests.bench.world import LARGE, BenchGate, Size

ENTRIES, QUICK_ENTRIES = 1_000_000, 10_000
MIXED = Size(100, 10, 1_000)
LOT = Decimal("0.001")
WIDE = PositionRange(Decimal(-1000), Decimal(1000))
LEASE_EVERY, READ_EVERY = 20, 500  # pairs of orders
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - tempfile makes a folder of its own in it


class SettableClock:
    """Tells the world's time."""

    at = 0

    def now(self) -> int:
        return self.at


class JournaledWorld(BenchGate):
    """A gate of a size whose Inputs go through an owner. `mix` gives one Input after another, for ever."""

    def __init__(self, size: Size, journal: Journal) -> None:
        list(journal.recover())
        self._clock = SettableClock()
        self.live = RiskGate()
        self.owner = Owner(self.live, journal, self._clock)
        super().__init__(size)

    def _apply(self, event: events.Input) -> tuple[Output, ...]:
        self.now += MILLISECOND
        self._clock.at = self.now
        return self.owner.submit(event)

    def mix(self) -> Iterator[None]:
        """Pairs of orders that are filled or cancelled, every fifth check denied, leases, marks, complete reads."""
        pair = 0
        while True:
            pair += 1
            filled = pair % 2 == 0
            position = Decimal(0)
            for side in Side:
                order = self._pair_order(pair, side)
                decision = self._apply(events.OrderChecked(order, WIDE, position))[0]
                assert isinstance(decision, Decision)
                assert decision.approved, decision.denials
                yield
                yield from self._settle(order, filled=filled)
                position += LOT * side.sign * filled
            if pair % 5 == 0:
                denied = events.OrderChecked(self._pair_order(pair, Side.BUY, price="150"), WIDE, position)
                self._apply(denied)
                yield
            yield from self._surroundings(pair)

    def _pair_order(self, pair: int, side: Side, *, price: str = "100") -> Order:
        self._made += 1
        symbol = self._symbols[pair % len(self._symbols)]
        strategy = self._strategies[pair // len(self._symbols) % len(self._strategies)]
        return Order("main", strategy, f"o{self._made}", symbol, side, OrderType.LIMIT, LOT, Decimal(price))

    def _settle(self, order: Order, *, filled: bool) -> Iterator[None]:
        id_ = order.client_order_id
        acknowledged = events.OrderReport.ACKNOWLEDGED
        self._apply(events.OrderReported("main", order.strategy, id_, acknowledged, f"v{id_}"))
        yield
        if filled:
            at_ms = self.now // MILLISECOND
            fill = venue_events.Fill(order.instrument, f"t{id_}", order.side, LOT, Decimal(100), at_ms, f"v{id_}", id_)
            self._apply(venue_events.FillsReceived("main", (fill,)))
        else:
            self._finish(order)
        yield

    def _surroundings(self, pair: int) -> Iterator[None]:
        if pair % LEASE_EVERY == 0:
            self._apply(events.LeaseRenewed(self.now + 10**18))
            marks = tuple(venue_events.Mark(symbol, Decimal(100)) for symbol in self._symbols[:10])
            self._apply(venue_events.MarksReceived("main", self.now, marks))
            yield
        if pair % READ_EVERY == 0:
            at_ms = self.now // MILLISECOND
            book = self.live.state.accounts["main"]
            rows = tuple(_as_shown(one.order) for one in book.live())
            self._apply(venue_events.SnapshotReceived("main", self.now, at_ms - 100, at_ms - 50, (), rows))
            yield


def _as_shown(order: Order) -> venue_events.VenueOrder:
    id_ = order.client_order_id
    working = venue_events.VenueStatus.OPEN
    return venue_events.VenueOrder(
        order.instrument, order.side, order.quantity, Decimal(0), working, id_, id_, order.limit_price
    )


class Follower:
    """Has a snapshot made whenever none is being made, as the gate does. `hold`: makes no more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def rotated(self, link: Link) -> None:
        if self._process is None or self._process.poll() is not None:
            self.make(link.number)

    def make(self, before: int) -> None:
        words = [sys.executable, "-m", "risksvc.gate.snapshotting", str(self._folder), str(before), str(os.getpid())]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        if self._process is not None:
            assert self._process.wait() == 0, "no snapshot could be made"


@dataclass(frozen=True, slots=True)
class Generated:
    """A journal, and what the process that wrote it knew."""

    entries: int
    seconds: float
    hash: str


def generate(folder: Path, entries: int) -> Generated:
    """Writes a journal of so many entries, with snapshots made on the way."""
    began = time.monotonic()
    follower = Follower(folder)
    with Journal(folder) as journal:
        world = JournaledWorld(MIXED, journal)
        journal.on_rotate = follower.rotated
        mix = world.mix()
        tail = min(2 * SEGMENT_ENTRIES, entries // 2)
        last = (entries - tail) // SEGMENT_ENTRIES * SEGMENT_ENTRIES
        while journal.stats.entries <= last:  # one entry more closes the segment
            next(mix)
        follower.wait()
        journal.on_rotate = None
        while number_of(list_snapshots(folder)[0]) < journal.stats.segments:
            follower.make(journal.stats.segments)
            follower.wait()
        while journal.stats.entries < entries:
            next(mix)
        return Generated(journal.stats.entries, time.monotonic() - began, state_hash(world.live))


def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="risksvc-bench-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)


def measure(options: Options, results: Results) -> None:
    """Adds its table, and the figure of the bar. Raises RuntimeError when what came back is not what was written."""
    if not options.wants("recovery"):
        return
    entries = QUICK_ENTRIES if options.quick else ENTRIES
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_temporary()))
        made = generate(folder, entries)
        size = sum(path.stat().st_size for path in folder.glob("*.rsj")) / 1e6
        began, used = time.perf_counter(), time.process_time()
        with Journal(folder) as journal:
            found = recover(journal)
            seconds, used = time.perf_counter() - began, time.process_time() - used
        if found.entries != made.entries or state_hash(found.gate) != made.hash:
            raise RuntimeError("what was recovered is not what was written")
        kept = snapshot_path(folder, found.snapshot).stat().st_size / 1e6
    rows = [
        ("journal", f"{made.entries:,} entries, {size:,.0f} MB"),
        ("snapshot", f"of {found.snapshot_entries:,} entries, {kept:.1f} MB"),
        ("applied again", f"{found.tail:,} entries"),
        ("recovered in", f"{seconds:.2f} s ({used:.2f} s of processor time), the state's hash equal"),
    ]
    if not options.quick:
        rows.append(snapshot_cost(BenchGate(LARGE).gate, f"{LARGE}"))
        results.figures["recovery"] = Ratio((seconds,))
    results.tables.append(Table("Recovery", ("what", "found"), tuple(rows)))


def snapshot_cost(gate: RiskGate, what: str) -> tuple[str, str]:
    """Size and time of the state's bytes."""
    began = time.perf_counter()
    data = dump_gate(gate)
    written = time.perf_counter()
    load_gate(data)
    read = time.perf_counter()
    times = f"written in {written - began:.2f} s, read in {read - written:.2f} s"
    return f"snapshot of {what}", f"{len(data) / 1e6:.1f} MB, {times}"
