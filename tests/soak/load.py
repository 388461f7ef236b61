"""Load: random fills and a re-quoting market maker, with and without position lag. No false halt, ever.

Everything that trades asks the gate, so nothing is unexplained: a SUSPECT may come and go, a halt may not.
"""

import itertools
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import ccxt

from risksvc.cli.demo.trader import paper_exchange
from risksvc.cli.demo.world import PRICES
from tests.scenario import market_maker
from tests.soak import taker
from tests.soak.options import Options
from tests.soak.processes import end_of, strategy
from tests.soak.verdict import Verdict, timed
from tests.soak.world import Shape, SoakWorld, soak_world

RATES, SYMBOLS, LAGS_MS = (5, 20), (3, 50), (0, 200)
LOOK_EVERY_S, LOOKS = 0.1, 5
TICKS = {"BTCUSDT": "0.1", "ETHUSDT": "0.01", "SOLUSDT": "0.01", "XRPUSDT": "0.0001", "DOGEUSDT": "0.00001"}


def load(options: Options) -> Iterator[Verdict]:
    """Every rate, number of symbols and lag, each for `options.seconds` in a world of its own."""
    return (one_load(options, *each) for each in itertools.product(RATES, SYMBOLS, LAGS_MS))


def one_load(options: Options, rate: int, symbols: int, lag_ms: int) -> Verdict:
    """So many random fills a second over so many symbols, while positions lag."""
    verdict = Verdict(f"load: {rate}/s over {symbols} symbols, position lag {lag_ms / 1_000:g} s")
    with timed(verdict), soak_world(Shape(traded=symbols)) as world:
        _trade(world, verdict, rate=rate, lag_ms=lag_ms, options=options)
    return verdict


def _trade(world: SoakWorld, verdict: Verdict, *, rate: int, lag_ms: int, options: Options) -> None:
    if lag_ms:
        world.paper("faults", name="position_lag", path="/v5/position/list", ms=lag_ms)
    notices, metrics = world.notices(), world.metrics()
    watched = Watched(random.Random(options.seed))
    words = ("--per-second", str(rate), "--symbols", ",".join(world.shape.symbols), "--seed", str(options.seed))
    with (
        strategy(world, taker, options.seconds, *words) as takes,
        strategy(world, market_maker, options.seconds) as makes,
    ):
        watched.until_both_end(world, takes, makes, within_s=options.seconds + 60)
        told = {"taker": end_of(takes), "maker": end_of(makes)}
    world.until(world.agree, "agreement of the ledgers", within_s=30)
    _judge(world, verdict, told=told, watched=watched, since=world.notices() - notices)
    verdict.figures["approvals and denials by reason"] = _decisions(world.metrics(), metrics)


def _judge(
    world: SoakWorld, verdict: Verdict, *, told: dict[str, Any], watched: "Watched", since: Counter[str]
) -> None:
    halts = sorted({f"{one.trigger} {one.scope.instrument}: {one.reason}" for one in world.halts()})
    for halt in halts:
        verdict.breaks(f"halted: {halt}")
    suspects = {name.removeprefix("SUSPECT "): count for name, count in since.items() if name.startswith("SUSPECT ")}
    verdict.most("SUSPECT that ended in a halt", len(halts), 0)
    verdict.least("fills of the random strategy", told["taker"].get("fills", 0), 1)
    verdict.most("reports lost", sum(one["reports_lost"] for one in told.values()), 0)
    truth, held = world.truth(), Counter[str]()
    for one in told.values():
        for symbol, quantity in one["held"].items():
            held[symbol] += Decimal(quantity)  # type: ignore[assignment]  # a Counter adds decimals as well
    wrong = [f"{name}: {held[name]} of {truth.get(name, 0)}" for name in held if held[name] != truth.get(name, 0)]
    for one in wrong:
        verdict.breaks(f"a tracker is not the venue: {one}")
    verdict.most("instruments whose trackers differ from the venue", len(wrong), 0)
    verdict.figures["SUSPECT seen"] = ", ".join(f"{name} {count}" for name, count in suspects.items()) or "none"
    verdict.figures["complete reads"] = watched.reads
    verdict.figures["fills"] = f"taker {told['taker'].get('fills', 0)}, maker {told['maker']['fills']}"
    verdict.figures["orders"] = f"taker {told['taker'].get('asked', 0)}, maker {told['maker']['asked']}"
    verdict.figures["errors at the venue"] = str({**told["taker"]["errors"], **told["maker"]["errors"]} or "none")
    verdict.spread("position lag measured, at least", watched.lags_ms, "ms")


def _decisions(after: dict[str, Any], before: dict[str, Any]) -> str:
    """What the gate answered meanwhile, by the first reason."""
    name, counts = "risksvc_checks_total", Counter[str]()
    for labels, count in after.get(name, {}).items():
        said = dict(labels)
        counts[said["reason"] or "approved"] += int(count - before.get(name, {}).get(labels, 0))
    return ", ".join(f"{reason} {count}" for reason, count in counts.most_common() if count) or "none"


class Watched:
    """Moves prices, counts reads, and measures how far positions lag behind executions."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.reads = 0
        self.lags_ms: list[float] = []
        self._read_at = 0

    def until_both_end(self, world: SoakWorld, *processes: subprocess.Popen[str], within_s: float) -> None:
        exchange = paper_exchange(world.venue_url, key="paper-trade", secret="paper-trade-secret")
        exchange.load_markets()
        ends = time.monotonic() + within_s
        while any(one.poll() is None for one in processes):
            assert time.monotonic() < ends, "a strategy does not come to its end"
            self._move_a_price(world)
            with suppress(ccxt.BaseError):
                self._measure_lag(exchange)
            for _ in range(LOOKS):
                self._count_reads(world)
                time.sleep(LOOK_EVERY_S)

    def _move_a_price(self, world: SoakWorld) -> None:
        """A few basis points around where it began, past the quotes of one side now and then."""
        symbol = self.chance.choice(list(TICKS))
        price = Decimal(PRICES[symbol]) * (1 + Decimal(self.chance.randint(-8, 8)) / 10_000)
        tick = Decimal(TICKS[symbol])
        world.paper("price", symbol=symbol, price=str((price / tick).to_integral_value() * tick))

    def _count_reads(self, world: SoakWorld) -> None:
        status = world.status()
        read_at = status.now_ns // 1_000_000 - status.accounts[0].snapshot_age_ms
        if read_at > self._read_at + 5:  # one read's time is told to a millisecond: it wobbles by that
            self.reads += 1
            self._read_at = read_at

    def _measure_lag(self, exchange: Any) -> None:  # noqa: ANN401 - ccxt has no types
        """The age of the oldest execution that a position does not count: the lag is at least that."""
        positions = {row["symbol"]: row["info"] for row in exchange.fetch_positions()}
        now_ms = exchange.milliseconds()  # one machine, one clock
        late = [
            now_ms - row["timestamp"]
            for row in exchange.fetch_my_trades(None, now_ms - 1_500, 100)
            if row["timestamp"] <= now_ms
            and int(row["info"]["seq"]) > int(positions.get(row["symbol"], {"seq": 2**63})["seq"])
        ]
        self.lags_ms.append(max(late, default=0))
