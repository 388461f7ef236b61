"""What an order costs in a batch against a check of its own: request's bytes in, reply's bytes out, without RPC.

    python -m tests.bench.batches [rounds]

Both sides ask a gate with the same rules, a journal on disk and everything that listens; orders are all approved, and
each is asked once. Rounds alternate. A row: microseconds of one order, the least and the median of the rounds, and the
ratio of orders a second (of the least, and of the medians). `rules and entry` is RiskGate.apply and the entry's bytes.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from risksvc.core.events import Input, OrdersChecked
from risksvc.core.types import use_exact_arithmetic
from risksvc.gate.codec import encode
from risksvc.gate.convert_batch import MAX_BATCH
from risksvc.gate.convert_strategy import order_checked
from risksvc.gate.journal import Journal
from risksvc.gate.owner import Owner
from risksvc.gate.strategy_service import StrategyService
from risksvc.v1 import strategy_pb2, types_pb2
from tests.bench.path import app_of, listen
from tests.bench.world import BenchGate, Size

ROUNDS = 15
BATCHES = 5  # of a round
WORLD = Size(MAX_BATCH, 1, MAX_BATCH)


class Side:
    """One gate, and its strategy service."""

    def __init__(self, folder: Path) -> None:
        self.bench = BenchGate(WORLD)
        journal = Journal(folder)
        list(journal.recover())
        owner = Owner(self.bench.gate, journal, self)
        app = app_of(owner, self)  # type: ignore[arg-type]  # as much of a clock as is read
        listen(app)
        self.service = StrategyService(app)

    def now(self) -> int:
        """Each reading is a microsecond after the one before."""
        self.bench.now += 1_000
        return self.bench.now

    def apply(self, event: Input) -> None:
        """The rules, and the entry's bytes."""
        now = self.now()
        encode(1, now, event, self.bench.gate.apply(event, now))


def orders(first: int) -> list[strategy_pb2.CheckOrderRequest]:
    """What a market maker asks for a quote on each of its instruments."""
    return [
        strategy_pb2.CheckOrderRequest(
            account="main",
            strategy="s0",
            strategy_version="2026.11.3",
            client_order_id=f"mm-{first + place:010d}",
            instrument=f"C{place}/USDT:USDT",
            side=types_pb2.SIDE_BUY if place % 2 else types_pb2.SIDE_SELL,
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity="0.012",
            limit_price="100.25",
            intended_range=strategy_pb2.PositionRange(low="-140", high="140"),
            believed_position="0",
        )
        for place in range(MAX_BATCH)
    ]


def timed(work: Callable[[Any], object], given: Sequence[Any], orders_each: int) -> float:
    """Microseconds of each order."""
    began = time.perf_counter_ns()
    for one in given:
        work(one)
    return (time.perf_counter_ns() - began) / 1000 / len(given) / orders_each


def measure(single: Side, batch: Side, *, rounds: int) -> dict[str, list[float]]:
    """Each row's times, round by round; every other round is all or none."""
    times: dict[str, list[float]] = {}
    for number in range(rounds):
        sets = [orders((number * 2 * BATCHES + index) * MAX_BATCH) for index in range(2 * BATCHES)]
        wire, asked = sets[:BATCHES], [[order_checked(one) for one in row] for row in sets[BATCHES:]]
        mode = strategy_pb2.BATCH_MODE_ALL_OR_NONE if number % 2 else strategy_pb2.BATCH_MODE_EACH
        requests = [strategy_pb2.CheckBatchRequest(mode=mode, orders=row).SerializeToString() for row in wire]
        rows: dict[str, tuple[Callable[[Any], object], Sequence[Any], int]] = {
            "bytes to bytes, single": (
                single.service.check_order,
                [one.SerializeToString() for row in wire for one in row],
                1,
            ),
            "bytes to bytes, batch": (batch.service.check_batch, requests, MAX_BATCH),
            "rules and entry, single": (single.apply, [one for row in asked for one in row], 1),
            "rules and entry, batch": (
                batch.apply,
                [OrdersChecked(tuple(row), all_or_none=bool(number % 2)) for row in asked],
                MAX_BATCH,
            ),
        }
        for name, (work, given, each) in sorted(rows.items(), reverse=bool(number // 2 % 2)):
            times.setdefault(name, []).append(timed(work, given, each))
    return times


def main() -> int:
    """Prints the table."""
    use_exact_arithmetic()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Side(Path(folder) / "single"), Side(Path(folder) / "batch"), rounds=rounds)
    print(f"{'us of one order':<26} {'least':>7} {'median':>7}   ({rounds} rounds of {BATCHES} x {MAX_BATCH})")
    for name in ("bytes to bytes", "rules and entry"):
        single, batch = times[f"{name}, single"], times[f"{name}, batch"]
        for kind, taken in (("single", single), ("batch", batch)):
            print(f"{name + ', ' + kind:<26} {min(taken):7.2f} {statistics.median(taken):7.2f}")
        ratio = statistics.median(single) / statistics.median(batch)
        print(f"{'  orders a second':<26} {min(single) / min(batch):7.2f} {ratio:7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
