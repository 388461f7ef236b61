"""How long one step holds up the thread that decides, while something large is taken in.

`python -m tests.bench.stalls`. Processor time of the longest step and of all of them, the least of several rounds: what
else runs on the machine is not in it. A gate with 10,000 instruments; what a real process makes of it is measured by
the rows that load one.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from risksvc.core import events, venue_events
from risksvc.core.limits import Limits
from risksvc.core.types import SECOND, Order, OrderType, PositionRange, Side, use_exact_arithmetic
from risksvc.gate import convert_feed
from risksvc.gate.codec import encode, prepared
from risksvc.gate.journal import Journal
from risksvc.gate.limits_bytes import Unpacking, pack_limits, rows_of
from risksvc.v1 import venue_pb2
from tests.bench.world import BenchGate, Size

ROUNDS = 5
BAR_MS = 5.0
SIZE = Size(10_000, 1, 0)
MARKETS, POSITIONS, UNREPORTED = 600, 200, 100_000
WIDE = PositionRange(Decimal(-1000), Decimal(1000))
Steps = Callable[[], Iterable[object]]


def longest(name: str, steps: Steps) -> bool:
    """Prints a row; True when no step was longer than the bar."""
    found = [_timed(steps()) for _ in range(ROUNDS)]
    worst = min(max(taken) for taken in found)
    whole = min(sum(taken) for taken in found)
    mark = "ok" if worst <= BAR_MS else "MISSED"
    print(f"{name:<58} longest {worst:7.2f} ms of {len(found[0]):4} steps, {whole:8.2f} ms in all   {mark}")
    return worst <= BAR_MS


def _timed(steps: Iterable[object]) -> list[float]:
    """Milliseconds of each step but the first, which belongs to whoever sends what is loaded."""
    running, taken = iter(steps), list[float]()
    next(running)
    while True:
        began = time.thread_time_ns()
        try:
            next(running)
        except StopIteration:
            return [*taken, (time.thread_time_ns() - began) / 1e6]
        taken.append((time.thread_time_ns() - began) / 1e6)


class Loads:
    """What is loaded into one gate, step by step. `journal`: a real one, on the disk that holds the temporary files."""

    def __init__(self, gate: BenchGate, journal: Journal) -> None:
        self._gate, self._journal = gate, journal
        self._number = 0

    def _apply(self, event: events.Input) -> None:
        self._gate.now += SECOND
        outputs = self._gate.gate.apply(event, self._gate.now)
        self._journal.append(encode(self._journal.stats.entries + 1, self._gate.now, event, outputs))

    def limits(self) -> Iterator[None]:
        """A file in which every second instrument has another limit."""
        self._number += 1
        limits = self._gate.gate.state.limits
        assert limits is not None, "it is open"
        unpacking = Unpacking(pack_limits(self._changed(limits)))
        yield
        yield from unpacking
        rows = rows_of(limits)
        with prepared(unpacking.written):
            self._apply(events.LimitsLoaded(unpacking.limits(), "bench", "measured"))
        yield
        while rows:
            del rows[-200:]
            yield

    def _changed(self, limits: Limits) -> Limits:
        account = limits.accounts["main"]
        rows = {
            symbol: replace(row, max_net_exposure=replace(row.max_net_exposure, value=Decimal(10**12 + self._number)))
            if index % 2
            else row
            for index, (symbol, row) in enumerate(account.instruments.items())
        }
        return replace(limits, accounts={"main": replace(account, instruments=rows)})

    def hello(self) -> Iterator[None]:
        """The venue comes back and lists so many markets."""
        rows = [
            venue_pb2.InstrumentDefinition(
                instrument=f"C{number}/USDT:USDT",
                kind=venue_pb2.INSTRUMENT_KIND_LINEAR,
                base=f"C{number}",
                quote="USDT",
                contract_size="1",
                quantity_step="0.001",
                price_step="0.01",
            )
            for number in range(MARKETS)
        ]
        said = venue_pb2.FeedHello(
            account="main",
            venue="bench",
            instruments=rows,
            client_order_id_max_length=64,
            client_order_id_characters="A-Za-z0-9_-",
        )
        yield
        connected = yield from convert_feed.feed_connected(said)
        self._apply(connected)

    def marks(self) -> Iterator[None]:
        """Every instrument's mark, moved."""
        self._number += 1
        price = f"{100 + self._number % 3}"
        rows = [venue_pb2.FeedMark(instrument=f"C{number}/USDT:USDT", mark=price) for number in range(SIZE.instruments)]
        said = venue_pb2.FeedMarks(marks=rows, as_of_gate_time_ns=self._gate.now)
        yield
        for part in (yield from convert_feed.marks(said, "main", now=self._gate.now)):
            yield
            self._apply(part)

    def read(self) -> Iterator[None]:
        """A complete read of all positions."""
        rows = [
            venue_pb2.FeedPosition(instrument=f"C{number}/USDT:USDT", quantity="1.5") for number in range(POSITIONS)
        ]
        now = self._gate.now
        said = venue_pb2.FeedSnapshot(
            positions=rows, as_of_gate_time_ns=now, window_start_ms=now // 10**6 - 50, window_end_ms=now // 10**6 - 10
        )
        yield
        self._apply((yield from convert_feed.snapshot(said, "main", now=now)))

    def tick(self) -> Iterator[None]:
        """Time passes while many orders were approved and not reported yet."""
        yield
        self._gate.gate.apply(events.Ticked(), self._gate.now)

    # -- the world -----------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Positions, by approved orders that filled."""
        for number in range(POSITIONS):
            self._ask(f"x{number}", number, quantity="1.5", price="100")
        at_ms = self._gate.now // 10**6
        fills = tuple(_fill(number, at_ms) for number in range(POSITIONS))
        self._apply(venue_events.FillsReceived("main", fills))
        self._gate.now += 200 * SECOND

    def ask_many(self) -> None:
        """Orders that nobody reports."""
        for number in range(UNREPORTED):
            self._ask(f"u{number}", number, quantity="0.001", price="99")

    def _ask(self, id_: str, number: int, *, quantity: str, price: str) -> None:
        symbol = f"C{number % SIZE.instruments}/USDT:USDT"
        order = Order("main", "s0", id_, symbol, Side.BUY, OrderType.LIMIT, Decimal(quantity), Decimal(price))
        self._gate.now += 1_000
        self._gate.gate.apply(events.OrderChecked(order, WIDE, Decimal(0)), self._gate.now)


def _fill(number: int, at_ms: int) -> venue_events.Fill:
    quantity, symbol = Decimal("1.5"), f"C{number}/USDT:USDT"
    return venue_events.Fill(
        symbol, f"t{number}", Side.BUY, quantity, Decimal(100), at_ms, client_order_id=f"x{number}"
    )


def main() -> bool:
    """Prints every row; True when all hold."""
    use_exact_arithmetic()
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        list(journal.recover())
        loads = Loads(BenchGate(SIZE), journal)
        loads.hold()
        held = [
            longest(f"a complete read of {POSITIONS} positions among 10,000 lines", loads.read),
            longest("limits of 10,000 instruments, every second one changed", loads.limits),
            longest(f"a venue that lists {MARKETS} markets", loads.hello),
            longest("marks of 10,000 instruments", loads.marks),
        ]
        loads.ask_many()
        held.append(longest(f"a tick with {UNREPORTED:,} orders that nobody reported", loads.tick))
    return all(held)


if __name__ == "__main__":
    raise SystemExit(not main())
