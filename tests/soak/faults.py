"""Faults: the paper venue misbehaves, in every way it knows, alone and two at a time; the oracle asks the venue itself.

Never flat by mistake: where the state is ACTIVE the truth lies inside what the gate counts, and what is held is never
counted as nothing. Never an approval on stale truth. Never a lost fill. Open again by itself when the fault ends,
unless the venue told lies about what is held for so long that a halt is right.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal

import grpc

from risksvc.cli.demo.timeline import CheckFailedError
from risksvc.v1 import operator_pb2 as op
from risksvc.v1 import types_pb2
from risksvc.venue.paper.faults import FAULTS, SOCKET_PATH
from tests.soak.journaled import trades_told
from tests.soak.options import Options
from tests.soak.trader import KEPT, SteadyTrader
from tests.soak.verdict import Verdict, timed
from tests.soak.watching import Watch, watching
from tests.soak.world import Shape, SoakWorld, soak_world

READS = ("/v5/position/list", "/v5/order/realtime", "/v5/execution/list", "/v5/market/tickers", "/v5/*")
LISTS = READS[:3]
ORDERS = ("/v5/order/create",)
# Lists that are complete and false: if they last, nobody can tell, and a halt is right.
# What is explained by itself again and again stays reduced, by rule: so many faults in an hour bring that about.
REPEATED = "REPEATED_SUSPICION"
LYING = frozenset({"empty_list", "half_list", "frozen"})
VALUES: Mapping[str, Callable[[random.Random], dict[str, int]]] = {
    "clock_skew": lambda chance: {"ms": chance.choice((-5_000, -800, 800, 5_000))},
    "position_lag": lambda chance: {"ms": chance.randint(50, 1_500)},
    "execution_lag": lambda chance: {"ms": chance.randint(50, 1_500)},
    "page_size": lambda chance: {"rows": chance.randint(1, 5)},
    "delay": lambda chance: {"ms": chance.randint(20, 2_500)},
    "delay_reply": lambda chance: {"ms": chance.randint(20, 2_500)},
    "truncated_body": lambda chance: {"percent": chance.randint(0, 99)},
    "broken_json": lambda chance: {"percent": chance.randint(0, 99)},
}
WHERE: Mapping[str, tuple[str, ...]] = {
    "clock_skew": ("*",),
    "position_lag": READS[:1],
    "execution_lag": READS[2:3],
    "reject_after_ack": ORDERS,
    "empty_list": LISTS,
    "half_list": LISTS,
    "frozen": (*LISTS, "/v5/market/tickers"),
}
AROUND = (*READS, *ORDERS)
OF_THE_STREAM = "ws_"
SOCKETS = (f"{SOCKET_PATH}*",)

MAX_AGE_MS, DENIED_AFTER_MS = 2_500, 5_000
# What may lie between a read's end and the gate's clock as it decides: one poll of the oracle, a late scheduler.
ON_THE_WAY_MS = 150
RECOVERS_WITHIN_S = 30.0
PACE = Shape(
    positions="500ms",
    settings=f"    snapshot_max_age: {MAX_AGE_MS}ms\n    mark_max_age: {MAX_AGE_MS}ms\n"
    f"    stale_denied_after: {DENIED_AFTER_MS}ms\n",
)


# What gives old executions other names when it is switched on: no venue does that while it runs, each would be a new
# fill; tests/integration/paper has it on from the start.
FROM_THE_START = frozenset({"trade_ids_per_symbol"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """One fault as it is switched on."""

    name: str
    path: str
    values: Mapping[str, int]

    def __str__(self) -> str:
        return f"{self.name} {self.path} {dict(self.values) or ''}".strip()


def choose(name: str, chance: random.Random) -> Chosen:
    """A fault somewhere it means something."""
    values = VALUES[name](chance) if name in VALUES else {}
    usual = SOCKETS if name.startswith(OF_THE_STREAM) else AROUND
    return Chosen(name, chance.choice(WHERE.get(name, usual)), values)


def plan(runs: int, chance: random.Random) -> Iterator[tuple[Chosen, ...]]:
    """Each fault alone, then pairs of any two."""
    names = [name for name in FAULTS if name not in FROM_THE_START]
    for number in range(runs):
        wanted = [names[number]] if number < len(names) else chance.sample(names, 2)
        yield tuple(choose(name, chance) for name in wanted)


def faults(options: Options) -> list[Verdict]:
    """`options.runs` runs, a few seconds each."""
    verdict = Verdict(f"faults: {options.runs} runs")
    with timed(verdict):
        runs = Runs(verdict, options.seed)
        runs.run(list(plan(options.runs, random.Random(options.seed))), lasting_s=(1.0, 3.5))
        runs.judge()
    return [verdict]


@dataclass(slots=True)
class Truth:
    """What the oracle saw against the venue's own truth. `looks`: how often it could compare."""

    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self, world: SoakWorld) -> None:
        """Compares, if nothing moved meanwhile."""
        before = world.truth()
        shown = world.exposures()
        open_for_orders = not world.closed_because() and not world.halts()
        if world.truth() != before:
            return
        self.looks += 1
        for symbol in KEPT:
            self.compare(symbol, before.get(symbol, Decimal(0)), shown.get(symbol), open_for_orders=open_for_orders)

    def compare(self, symbol: str, truth: Decimal, one: op.InstrumentExposure | None, *, open_for_orders: bool) -> None:
        """One instrument: what is held against what the gate counts."""
        if one is None:
            low = high = Decimal(0)
        else:
            low, high = Decimal(one.worst_low or 0), Decimal(one.worst_high or 0)
        active = open_for_orders and (one is None or one.trading_state == types_pb2.TRADING_STATE_ACTIVE)
        said = f"{symbol}: {truth} is held, the gate counts {low} to {high}"
        if truth and low == high == 0:
            self.wrong.append(f"flat by mistake: {said}")
        elif active and not low <= truth <= high:
            self.wrong.append(f"outside, and ACTIVE: {said}")


@contextmanager
def comparing(world: SoakWorld) -> Iterator[Truth]:
    """Compares all the time, from a thread of its own."""
    truth, ended = Truth(), threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            with suppress(grpc.RpcError, OSError):
                truth.look(world)

    thread = threading.Thread(target=look, name="oracle", daemon=True)
    thread.start()
    try:
        yield truth
    finally:
        ended.set()
        thread.join()


class Runs:
    """Many runs in as few worlds as halts allow."""

    def __init__(self, verdict: Verdict, seed: int) -> None:
        self.verdict = verdict
        self.chance = random.Random(seed)
        self.done = 0
        self.looks = 0
        self.approvals = 0
        self.worlds = 0
        self.met = 0
        self.trades = 0
        self.recovered_s: list[float] = []
        self.right_halts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()

    def run(self, chosen: Sequence[tuple[Chosen, ...]], *, lasting_s: tuple[float, float]) -> None:
        """Everything, in world after world."""
        left = list(reversed(chosen))
        while left:
            self.worlds += 1
            with soak_world(PACE) as world:
                trader = SteadyTrader(world, seed=self.worlds)
                self._take_position(world, trader)
                trader.start()
                try:
                    while left and self._one(world, trader, left.pop(), lasting_s=lasting_s):
                        pass
                finally:
                    trader.end()
                    self.approvals += len(trader.gate.approvals)
                    self.denials.update(trader.denials)
                self._count_trades(world, trader)

    def _count_trades(self, world: SoakWorld, trader: SteadyTrader) -> None:
        """Every execution of the venue must be in the gate's journal, told by the feed."""
        with suppress(AssertionError):
            world.until(lambda: _same(world, trader), "the last fills", within_s=RECOVERS_WITHIN_S)
        missing = trader.seen - trades_told(world)
        self.trades += len(trader.seen)
        for trade in sorted(missing):
            self._breaks("lost", f"world {self.worlds}: execution {trade} never reached the gate")

    @staticmethod
    def _take_position(world: SoakWorld, trader: SteadyTrader) -> None:
        symbol, (_, kept) = next(iter(KEPT.items()))
        world.until(lambda: trader.trade(symbol, "buy", kept), "a first position")
        world.until(lambda: trader.booked(symbol) == kept, "its fill")
        world.until(world.agree, "agreement")

    def _one(
        self, world: SoakWorld, trader: SteadyTrader, chosen: tuple[Chosen, ...], *, lasting_s: tuple[float, float]
    ) -> bool:
        """One run; True when the world can be used for another."""
        self.done += 1
        first = len(trader.gate.approvals)
        said = " + ".join(map(str, chosen))
        with watching(world) as watch, comparing(world) as truth:
            for one in chosen:
                world.paper("faults", name=one.name, path=one.path, **one.values)
            time.sleep(self.chance.uniform(*lasting_s))
            self.met += all(fault["hits"] for fault in world.paper_state()["faults"])
            world.paper_clear("faults")
            usable = self._recover(world, trader, chosen, said)
        self.looks += truth.looks
        for text in dict.fromkeys(truth.wrong):
            self._breaks("truth", f"{said}: {text}")
        for decided_ns in trader.gate.approvals[first:]:
            age_ms = _age_ms(watch, decided_ns)
            if age_ms > MAX_AGE_MS + ON_THE_WAY_MS:
                self._breaks("stale", f"{said}: approved on a read that was {age_ms:.0f} ms old")
        return usable

    def _recover(self, world: SoakWorld, trader: SteadyTrader, chosen: tuple[Chosen, ...], said: str) -> bool:
        began = time.monotonic()
        try:
            world.until(lambda: _settled(world, trader) or world.halts(), "recovery", within_s=RECOVERS_WITHIN_S)
        except AssertionError as error:
            self._breaks("stuck", f"{said}: {error}: {world.closed_because()} {world.account().last_read_failure}")
            return False
        if not world.halts():
            self.recovered_s.append(time.monotonic() - began)
            return True
        halts = "; ".join(f"{one.trigger} {one.scope.instrument}: {one.reason}" for one in world.halts())
        lied = [one.name for one in chosen if one.name in LYING]
        if {one.trigger for one in world.halts()} == {REPEATED}:
            self.right_halts[REPEATED] += 1
        elif lied:
            self.right_halts[" + ".join(lied)] += 1
        else:
            self._breaks("halt", f"{said}: {halts}")
        return self._resume(world, trader, said)

    def _resume(self, world: SoakWorld, trader: SteadyTrader, said: str) -> bool:
        """As two operators do it; a world that can't be resumed is left, and its fills are still looked at."""
        try:
            world.until(lambda: world.agree() and _same(world, trader), "agreement", within_s=RECOVERS_WITHIN_S)
        except AssertionError as error:
            self._breaks("lost", f"{said}: after a halt {error}")
            return False
        try:
            world.resume_all()
            world.until(lambda: _settled(world, trader), "an open gate", within_s=RECOVERS_WITHIN_S)
        except (AssertionError, CheckFailedError):
            return False
        return True

    def _breaks(self, rule: str, text: str) -> None:
        self.broken[rule] += 1
        self.verdict.breaks(f"{rule}: {text[:600]}")

    def judge(self) -> None:
        """Bars and figures."""
        verdict = self.verdict
        verdict.most("flat by mistake, or the truth outside while ACTIVE", self.broken["truth"], 0)
        verdict.most("approvals on stale truth", self.broken["stale"], 0)
        verdict.most("fills lost: not in the ledger, or never told to the gate", self.broken["lost"], 0)
        verdict.most("not ACTIVE again by itself, nothing unexplained", self.broken["stuck"], 0)
        verdict.most("halts though no list lied", self.broken["halt"], 0)
        verdict.least("comparisons with the venue's truth", self.looks, self.done)
        verdict.least("executions found in the gates' journals", self.trades - self.broken["lost"], self.done)
        verdict.least("approvals meanwhile", self.approvals, self.done)
        verdict.figures["halts by rule: a list lied for long, or the third suspicion in an hour"] = str(
            dict(self.right_halts) or "none"
        )
        verdict.figures["runs in which every fault was met"] = f"{self.met} of {self.done}"
        verdict.figures["denials by reason"] = str(dict(self.denials.most_common()) or "none")
        verdict.figures["worlds"] = self.worlds
        verdict.spread("ACTIVE again after the fault's end", self.recovered_s, "s")


def _settled(world: SoakWorld, trader: SteadyTrader) -> bool:
    """Open, agreed, and exactly what the venue holds."""
    status = world.status()
    open_for_orders = status.ready and not status.closed_because and not status.accounts[0].closed_because
    return open_for_orders and not status.halts and world.agree() and _same(world, trader)


def _same(world: SoakWorld, trader: SteadyTrader) -> bool:
    """The ledger is the venue's truth in every instrument; the trader goes on, so it is asked until it holds."""
    before = world.truth()
    ledger = {name: Decimal(one.ledger_position or 0) for name, one in world.exposures().items()}
    return before == world.truth() and all(ledger.get(name, 0) == before.get(name, 0) for name in {*ledger, *before})


def _age_ms(watch: Watch, decided_ns: int) -> float:
    """How old the last read was that the gate can have had when it decided."""
    reads = [look.read_at_ns for look in watch.looks if look.at_ns <= decided_ns + 40_000_000]
    return (decided_ns - max(reads)) / 1_000_000 if reads else 0.0
