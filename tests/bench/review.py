"""How long a review takes: 11 days and 100,000 decisions, from CSV files and from a journal that a real gate wrote.

`python -m tests.bench.review [DECISIONS]`. The journal also holds a mark and a complete read every five seconds, as a
venue process sends them. Both are reviewed by the command, as a process of its own; making them is not counted. The
tracker in the files misses a fill in the first hour, so that every later decision is judged on a wrong belief.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from risksvc.core import events, venue_events
from risksvc.core.gate import RiskGate
from risksvc.core.types import (
    MILLISECOND,
    SECOND,
    Order,
    OrderType,
    PositionRange,
    Side,
    use_exact_arithmetic,
)
from risksvc.gate.codec import encode
from risksvc.gate.journal import Journal
from risksvc.venue.paper.prices import GeneratedPath
from tests.unit.gate.steps import BTC, opening

DECISIONS = 100_000
DAYS = 11
BAR_SECONDS = 30.0
SPAN = DAYS * 86_400 * SECOND
START = 1_641_772_800 * SECOND
READ_EVERY = 5 * SECOND
MINUTE = 60 * SECOND
PATH = GeneratedPath(Decimal(50_000), "review")


def price(at: int) -> Decimal:
    return PATH.at((at - START) // MILLISECOND).quantize(Decimal("0.1"))


def wishes(count: int) -> Iterator[tuple[int, Decimal]]:
    """When the strategy decides, and the position that it wants then; never the one that it has."""
    chance, last = random.Random(1), Decimal(0)
    for number in range(count):
        wanted = Decimal(chance.randint(-900, 900)) / 1000
        last = wanted if wanted != last else -wanted + Decimal("0.001")
        yield START + SECOND + (SPAN - 2 * SECOND) * number // count, last


# -- files --------------------------------------------------------------------------------------------------------


def write_files(folder: Path, count: int) -> Path:
    folder.mkdir()
    header = "instrument,kind,base,quote,contract_size,quantity_step"
    (folder / "instruments.csv").write_text(f"{header}\n{BTC},linear,BTC,USDT,1,0.001\n")
    minutes = range(START, START + SPAN, MINUTE)
    (folder / "prices.csv").write_text("time,price\n" + "".join(f"{at // MILLISECOND},{price(at)}\n" for at in minutes))
    orders, held = ["time,strategy,instrument,client_order_id,side,quantity,belief,intent"], Decimal(0)
    fills = [
        "time,instrument,side,quantity,price,client_order_id,fee",
        f"{(START + 3600 * SECOND) // MILLISECOND},{BTC},buy,4.65,{price(START)},,",
    ]
    for number, (at, wanted) in enumerate(wishes(count)):
        size, side = abs(wanted - held), "buy" if wanted > held else "sell"
        orders.append(f"{at // MILLISECOND},mm,{BTC},o-{number},{side},{size},{held},{wanted}")
        fills.append(f"{at // MILLISECOND + 50},{BTC},{side},{size},{price(at)},o-{number},{size}")
        held = wanted
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "fills.csv").write_text("\n".join(fills) + "\n")
    return folder


# -- a journal ----------------------------------------------------------------------------------------------------


class WrittenGate:
    """A gate whose every step is journaled."""

    def __init__(self, journal: Journal) -> None:
        list(journal.recover())
        self.gate, self.journal = RiskGate(), journal
        self.entries, self.now, self.held = 0, 0, Decimal(0)

    def take(self, event: events.Input, now: int) -> None:
        self.entries, self.now = self.entries + 1, max(self.now, now)
        outputs = self.gate.apply(event, self.now)
        self.journal.append(encode(self.entries, self.now, event, outputs))

    def read(self, at: int) -> None:
        """Lease, mark and complete read, as every few seconds."""
        mark, at_ms = price(at), at // MILLISECOND
        self.take(events.LeaseRenewed(at + 1_000 * SECOND), at)
        self.take(venue_events.MarksReceived("main", at, (venue_events.Mark(BTC, mark, mark - 1, mark + 1),)), at)
        held = (venue_events.VenuePosition(BTC, self.held),) if self.held else ()
        self.take(venue_events.SnapshotReceived("main", at, at_ms - 10, at_ms, held, ()), at)

    def decide(self, number: int, at: int, wanted: Decimal) -> None:
        """An order, its acknowledgement, its fill, and the proof that it is finished."""
        size, side, at_price = abs(wanted - self.held), Side.BUY if wanted > self.held else Side.SELL, price(at)
        id_, venue_id = f"o-{number}", f"v-{number}"
        order = Order("main", "mm", id_, BTC, side, OrderType.LIMIT, size, at_price)
        self.take(events.OrderChecked(order, PositionRange(wanted, wanted), self.held, "v1"), at)
        self.take(events.OrderReported("main", "mm", id_, events.OrderReport.ACKNOWLEDGED, venue_id), at + MILLISECOND)
        fill = venue_events.Fill(BTC, f"t-{number}", side, size, at_price, at // MILLISECOND + 2, venue_id, id_, size)
        self.take(venue_events.FillsReceived("main", (fill,)), at + 2 * MILLISECOND)
        filled = venue_events.VenueStatus.FILLED
        row = venue_events.VenueOrder(BTC, side, size, size, filled, venue_id, id_, at_price)
        self.take(venue_events.OrderStatesReceived("main", at + 3 * MILLISECOND, (row,)), at + 3 * MILLISECOND)
        self.held = wanted


def write_journal(folder: Path, count: int) -> int:
    with Journal(folder) as journal:
        written = WrittenGate(journal)
        for event in opening(START):
            written.take(event, START)
        read_at = START + MILLISECOND
        for number, (at, wanted) in enumerate(wishes(count)):
            while read_at <= at - 10 * MILLISECOND:
                written.read(read_at)
                read_at += READ_EVERY
            written.decide(number, at, wanted)
        return written.entries


# -- measuring ----------------------------------------------------------------------------------------------------


def timed(*words: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "risksvc.cli.main", "review", *words, "--no-record"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Prints both times; 1 when one is above the bar."""
    use_exact_arithmetic()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder / "files", count)
        entries = write_journal(folder / "journal", count)
        from_files = timed("--from-files", str(files), "--output", str(folder / "a"))
        from_journal = timed(str(folder / "journal"), "--output", str(folder / "b"))
    print(f"review of {DAYS} days and {count:,} decisions, bar {BAR_SECONDS:.0f} s")
    print(f"  from files                       {from_files:6.1f} s")
    print(f"  from a journal of {entries:>9,} entries {from_journal:5.1f} s")
    return 0 if max(from_files, from_journal) <= BAR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
