"""Drift: a position that moves by one quantity step, with no fill that says so, is found within three reconciles.

A thousand trials on virtual time over the core itself (every market once with numbered fills, once without), then a few
with every process real, through the paper venue. Reconciles are complete reads taken in after the position moved: the
first may have been under way.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from risksvc.core.outputs import NoticeKind
from risksvc.core.types import use_exact_arithmetic
from tests.soak import taker
from tests.soak.options import Options
from tests.soak.processes import strategy
from tests.soak.simulated import STEP, Account, Market, said
from tests.soak.verdict import Verdict, timed
from tests.soak.watching import wall_ns, watching
from tests.soak.world import Shape, SoakWorld, soak_world

MARKETS = [
    Market(rate, symbols, lag_ms, numbered)
    for numbered, rate, symbols, lag_ms in itertools.product((True, False), (5, 20), (3, 50), (0, 200))
]
FOUND_WITHIN = 3
WATCHED_READS = 15


@dataclass(slots=True)
class Trial:
    """One trial. `found`, `halted`: on which reconcile after the drift; 0: not within WATCHED_READS."""

    market: Market
    found: int = 0
    found_ms: int = 0
    halted: int = 0
    fills: int = 0
    denied: int = 0
    false_suspects: int = 0
    false_halts: tuple[str, ...] = ()


def drift(options: Options) -> Iterator[Verdict]:
    """In process, then with real processes."""
    yield in_process(options)
    yield with_processes(options)


def in_process(options: Options) -> Verdict:
    """`options.trials` trials on virtual time."""
    use_exact_arithmetic()
    verdict = Verdict(f"drift: {options.trials} trials on virtual time")
    with timed(verdict):
        notices: Counter[str] = Counter()
        trials = [one_trial(MARKETS[n % len(MARKETS)], f"{options.seed}-{n}", notices) for n in range(options.trials)]
        for numbered in (True, False):
            _judge(verdict, [one for one in trials if one.market.numbered is numbered], numbered=numbered)
        verdict.figures["fills; orders denied"] = f"{sum(x.fills for x in trials)}; {sum(x.denied for x in trials)}"
        verdict.figures["SUSPECT by class"] = said(notices, NoticeKind.SUSPECT)
    return verdict


def one_trial(market: Market, seed: str, notices: Counter[str]) -> Trial:
    """Trades in peace for a while, then one position moves by one step."""
    chance = random.Random(seed)
    account = Account(market, chance)
    account.run_until(account.now_ms + chance.randint(4_000, 6_000))
    trial = Trial(market)
    trial.false_suspects = sum(len(read.suspects) for read in account.reads)
    trial.false_halts = tuple(halt for read in account.reads for halt in read.halts)
    name, at_ms, before = chance.choice(market.names()), account.now_ms, len(account.reads)
    account.drifts[name] = (at_ms, chance.choice((STEP, -STEP)))

    def judged() -> bool:
        _take(trial, account, name, at_ms=at_ms, before=before)
        return bool(trial.halted)

    account.run_until(at_ms + (WATCHED_READS + 1) * market.every_ms, stop=judged)
    trial.fills, trial.denied = sum(map(len, account.fills.values())), sum(account.denials.values())
    notices.update(account.notices)
    return trial


def _take(trial: Trial, account: Account, name: str, *, at_ms: int, before: int) -> None:
    for number, read in enumerate(account.reads[before:], 1):
        if name in read.suspects and not trial.found:
            trial.found, trial.found_ms = number, account.now_ms - at_ms
        if read.halts and not trial.halted:
            trial.halted = number


def _judge(verdict: Verdict, trials: list[Trial], *, numbered: bool) -> None:
    how = "numbered fills" if numbered else "fills without numbers"
    found = [one for one in trials if 0 < one.found <= FOUND_WITHIN]
    for one in trials:
        if not 0 < one.found <= FOUND_WITHIN:
            verdict.breaks(f"{how}: found on reconcile {one.found or 'none'} in {one.market}")
        for halt in one.false_halts:
            verdict.breaks(f"{how}: halted without a drift: {halt}")
    verdict.least(f"{how}: found within {FOUND_WITHIN} reconciles", 100 * len(found) / max(1, len(trials)), 100, "%")
    verdict.most(f"{how}: halts before anything drifted", sum(len(one.false_halts) for one in trials), 0)
    verdict.figures[f"{how}: SUSPECT before anything drifted"] = sum(one.false_suspects for one in trials)
    verdict.spread(f"{how}: reconciles until SUSPECT", [one.found for one in trials if one.found])
    verdict.spread(f"{how}: time until SUSPECT", [one.found_ms for one in trials if one.found], "ms")
    verdict.spread(f"{how}: reconciles until the halt", [one.halted for one in trials if one.halted])
    verdict.figures[f"{how}: not halted within {WATCHED_READS} reconciles"] = sum(not one.halted for one in trials)


# -- real processes -----------------------------------------------------------------------------------------------


def with_processes(options: Options) -> Verdict:
    """`options.real_trials` trials through the paper venue, while a strategy trades."""
    verdict = Verdict(f"drift: {options.real_trials} trials with real processes")
    found: list[tuple[int, float, int, float]] = []
    with timed(verdict), soak_world(Shape(traded=3)) as world:
        words = ("--per-second", "5", "--symbols", ",".join(world.shape.symbols), "--seed", str(options.seed))
        with strategy(world, taker, 3_600, *words):
            chance = random.Random(options.seed)
            found += [_real_trial(world, chance, verdict, number) for number in range(options.real_trials)]
        within = [one for one in found if 0 < one[0] <= FOUND_WITHIN]
        verdict.least(f"found within {FOUND_WITHIN} reconciles", 100 * len(within) / max(1, len(found)), 100, "%")
        for index, name in enumerate(
            ("reconciles until SUSPECT", "seconds", "reconciles until the halt", "seconds to it")
        ):
            verdict.spread(name, [one[index] for one in found])
    return verdict


def _real_trial(
    world: SoakWorld, chance: random.Random, verdict: Verdict, number: int
) -> tuple[int, float, int, float]:
    """Reconciles and seconds until SUSPECT, and until the halt. Afterwards all is as before."""
    world.until(lambda: world.agree() and not world.halts(), "peace", within_s=30)
    symbol, step = chance.choice((("BTCUSDT", "0.001"), ("ETHUSDT", "0.01"), ("SOLUSDT", "0.1")))
    sign = chance.choice(("", "-"))
    with watching(world) as watch:
        world.until(lambda: watch.looks, "a look")
        moved_ns = wall_ns()
        world.paper("events", name="drift", account="main", symbol=symbol, qty=f"{sign}{step}")
        world.until(world.halts, f"a halt after {sign}{step} {symbol}", within_s=30)
        world.until(lambda: watch.first(lambda one: bool(one.halts)), "a look at it")
    suspect = watch.first(lambda one: bool(one.suspects or one.halts), after_ns=moved_ns)
    halted = watch.first(lambda one: bool(one.halts), after_ns=moved_ns)
    assert suspect is not None
    assert halted is not None
    world.paper("events", name="drift", account="main", symbol=symbol, qty=f"{'' if sign else '-'}{step}")
    world.until(lambda: not world.account().divergences, "a read that agrees", within_s=30)
    world.resume_all()
    reads = [watch.reads_between(moved_ns, one.at_ns) for one in (suspect, halted)]
    if not 0 < reads[0] <= FOUND_WITHIN:
        verdict.breaks(f"trial {number}: found on reconcile {reads[0]}: {suspect}")
    return reads[0], (suspect.at_ns - moved_ns) / 1e9, reads[1], (halted.at_ns - moved_ns) / 1e9
