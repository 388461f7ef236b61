"""What it costs: the venue process at one read a second over fifty symbols, and what loading markets does to checks.

The share of a core is taken from the process's own processor time. Checks are timed by the gate itself (its histogram:
decided and journaled) and from outside, quiet and while a venue process's connection loads six hundred markets once a
second (it does so once an hour), window by window in turn, so that a noisy machine disturbs both alike.
"""

import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psutil

from risksvc.v1 import strategy_pb2, types_pb2
from risksvc.v1.strategy_pb2_grpc import StrategyServiceStub
from tests.soak import market_loader
from tests.soak.options import Options
from tests.soak.verdict import Verdict, percentile, timed
from tests.soak.world import Shape, SoakWorld, soak_world

SHARE = 15.0
RATIO = 1.1
SYMBOLS, MARKETS = 50, 600
WINDOW_S = 3.0
ASK_EVERY_S = 0.002


def cpu(options: Options) -> list[Verdict]:
    """A position in each of fifty instruments, one complete read a second."""
    verdict = Verdict(f"cpu: the venue process at 1 Hz, {SYMBOLS} symbols held")
    with timed(verdict), soak_world(Shape(traded=SYMBOLS)) as world:
        for symbol in world.shape.symbols:
            name = f"{symbol.partition('/')[0]}USDT"
            world.paper("events", name="fill", account="main", symbol=name, side="Buy", qty="10")
        world.until(
            lambda: len(world.exposures()) >= SYMBOLS and world.account().snapshot_age_ms < 1_000, "a read of all"
        )
        process = psutil.Process(world.pid("venue"))
        before, began = process.cpu_times(), time.monotonic()
        time.sleep(options.cpu_seconds)
        after, passed = process.cpu_times(), time.monotonic() - began
        used = after.user + after.system - before.user - before.system
        verdict.most("share of one core", 100 * used / passed, SHARE, "%")
        verdict.figures["resident memory"] = f"{process.memory_info().rss / 2**20:.0f} MB"
    return [verdict]


def markets(options: Options) -> list[Verdict]:
    """`options.windows` windows quiet, and as many while markets are loaded."""
    verdict = Verdict(f"markets: checks while {MARKETS} markets are loaded")
    with timed(verdict), soak_world(Shape(listed=MARKETS)) as world, loader(world) as loading:
        outside: dict[bool, list[float]] = {True: [], False: []}
        inside: dict[bool, Buckets] = {True: Counter(), False: Counter()}
        loads = 0
        for number in range(2 * options.windows):
            busy = bool(number % 2)
            loads += _command(loading, "load" if busy else "rest")
            before = _buckets(world)
            outside[busy] += time_checks(world, WINDOW_S)
            inside[busy].update({bound: count - before[bound] for bound, count in _buckets(world).items()})
        loads += _command(loading, "rest")
        p99 = {busy: quantile(found, 0.99) for busy, found in inside.items()}
        verdict.most("p99 of a check in the gate, loading against quiet", p99[True] / p99[False], RATIO, "times")
        verdict.least("loads of all markets meanwhile", loads, options.windows)
        for busy, name in ((False, "quiet"), (True, "loading")):
            verdict.figures[f"in the gate, {name}"] = f"p99 {p99[busy]:.3f} ms (n {inside[busy].total()})"
            verdict.spread(f"from outside, {name}", outside[busy], "ms")
            verdict.figures[f"from outside, {name}, p99"] = f"{percentile(outside[busy], 0.99):.3f} ms"
    return [verdict]


Buckets = Counter[float]


def _buckets(world: SoakWorld) -> Buckets:
    """How many checks took no longer than each bound (seconds) but longer than the one below."""
    rows = sorted(
        (float(dict(labels)["le"]), int(n)) for labels, n in world.metrics()["risksvc_check_seconds_bucket"].items()
    )
    return Counter({bound: n - below for (bound, n), (_, below) in zip(rows, [(0.0, 0), *rows], strict=False)})


def quantile(buckets: Buckets, share: float) -> float:
    """Milliseconds that so large a share does not exceed; straight inside a bucket, as Prometheus does it."""
    wanted, below, low = share * buckets.total(), 0, 0.0
    for bound in sorted(buckets):
        if buckets[bound] and below + buckets[bound] >= wanted:
            return 1_000 * (low + (bound - low) * (wanted - below) / buckets[bound])
        below, low = below + buckets[bound], bound
    return math.nan


def time_checks(world: SoakWorld, seconds: float) -> list[float]:
    """Milliseconds of each check; the same order, named anew each time and taken back at once."""
    found, number = [], time.monotonic_ns()
    with grpc.insecure_channel(world.gate) as channel:
        stub, ends = StrategyServiceStub(channel), time.monotonic() + seconds
        while time.monotonic() < ends:
            number += 1
            request = _request(number)
            began = time.perf_counter()
            stub.CheckOrder(request, timeout=2)
            found.append((time.perf_counter() - began) * 1_000)
            time.sleep(ASK_EVERY_S)
    return found


def _request(number: int) -> strategy_pb2.CheckOrderRequest:
    """An order off the venue's grid: decided whole and journaled, but it reserves nothing and trips nothing."""
    return strategy_pb2.CheckOrderRequest(
        account="main",
        strategy="taker",
        client_order_id=f"t{number}",
        instrument="BTC/USDT:USDT",
        side=types_pb2.SIDE_BUY,
        type=types_pb2.ORDER_TYPE_LIMIT,
        quantity="0.0005",
        limit_price="50000",
        intended_position="0.3",
        believed_position="0",
    )


@contextmanager
def loader(world: SoakWorld) -> Iterator[subprocess.Popen[str]]:
    """A process with the venue process's own connection, which loads markets when it is told to."""
    words = (sys.executable, str(market_loader.__file__), world.venue_url)
    with (
        (world.folder / "loader.log").open("a") as log,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready", world.last_words()
            yield process
        finally:
            process.kill()


def _command(process: subprocess.Popen[str], what: str) -> int:
    """Tells the loader to load or to rest; gives how often it has loaded everything since the last command."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{what}\n")
    process.stdin.flush()
    return int(process.stdout.readline())
