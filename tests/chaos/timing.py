"""How fast a real halt is: from the moment the Halt call is issued to the last order submitted anywhere it covers.

Halts alternate between everything and one account. Told to one gate only, the others learn of it by Redis.
In the series with Redis hung or killed at that very moment nothing tells them: their lease runs out.
"""

import statistics
import time
from collections.abc import Callable

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage

PER_SECOND = 100.0
BARS_MS = {"p50": 15.0, "p95": 50.0, "max": 500.0}
OUTAGE_BOUND_NS = 400_000_000
_BUCKETS_MS = (0, 2, 5, 10, 15, 20, 30, 50, 100, 200, 300, 400, 500)


def halts(options: Options) -> Verdict:
    """`options.halts` halts while all is well, each told to one gate."""
    return _timed(options, "halts told to one gate", everywhere=False)


def halts_everywhere(options: Options) -> Verdict:
    """The same, each told to every gate that it concerns, as `risksvc halt` does it."""
    return _timed(options, "halts told to every gate", everywhere=True)


def _timed(options: Options, name: str, *, everywhere: bool) -> Verdict:
    with stage(options, name, per_second=PER_SECOND) as on:
        halt = on.operators.halt_everywhere if everywhere else on.operators.halt
        for number in range(options.halts):
            gate = on.world.gates[number % len(on.world.gates)]
            on.world.until_trading()
            time.sleep(on.random.uniform(0.02, 0.12))
            one = halt(gate, gate.account if number % 2 else "")
            time.sleep(0.06)
            on.operators.resume([one])
            on.verdict.cycles += 1
        on.oracle.recovers()
        on.verdict.notes.clear()
    _tell_bars(on)
    return on.verdict


def halts_while_hung(options: Options) -> Verdict:
    """Redis is stopped (SIGSTOP) as the halt is issued."""
    return _outages(
        options, "halts, Redis hung", begin=lambda on: on.world.redis.hang(), end=lambda on: on.world.redis.wake()
    )


def halts_while_dead(options: Options) -> Verdict:
    """Redis is killed (kill -9) as the halt is issued."""
    return _outages(
        options, "halts, Redis killed", begin=lambda on: on.world.redis.kill(), end=lambda on: on.world.redis.start()
    )


def _outages(options: Options, name: str, *, begin: Callable[[Stage], None], end: Callable[[Stage], None]) -> Verdict:
    with stage(options, name, per_second=PER_SECOND) as on:
        on.bound_ns = OUTAGE_BOUND_NS
        for number in range(options.outages):
            on.world.until_trading()
            time.sleep(on.random.uniform(0.02, 0.15))
            begin(on)
            one = on.operators.halt(on.world.gates[number % len(on.world.gates)], strict=True)
            time.sleep(0.3)
            end(on)
            on.oracle.check_everywhere()
            on.operators.resume([one])
            on.verdict.cycles += 1
        on.oracle.recovers()
        on.verdict.notes.clear()
    on.verdict.notes += _spreads(on.verdict)
    return on.verdict


def _tell_bars(on: Stage) -> None:
    """The bars are for halts that reached the store; of the others the operator is told so, and they are shown."""
    verdict = on.verdict
    reached = [last for last, one in zip(verdict.last_ms, on.operators.ledger, strict=True) if one.effective]
    found = percentiles(reached)
    missed = [f"{name} {found[name]:.1f} ms, the bar is {bar:g}" for name, bar in BARS_MS.items() if found[name] > bar]
    verdict.notes += [*_spreads(verdict), f"last submit {histogram(verdict.last_ms)}"]
    verdict.violations += [f"slow: {one}" for one in missed if on.options.bars]


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p95, max; zeros where there is nothing."""
    if not values:
        return dict.fromkeys(("p50", "p95", "max"), 0.0)
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"p50": statistics.median(ordered), "p95": p95, "max": ordered[-1]}


def _spreads(verdict: Verdict) -> list[str]:
    """The truth is between the two: a strategy asks every 10 ms."""
    ways = {"last submit anywhere": verdict.last_ms, "every strategy refused": verdict.refused_ms}
    return [f"from the Halt call to {what:<22}: {_spread(values)}" for what, values in ways.items()]


def _spread(values: list[float]) -> str:
    found = percentiles(values)
    return f"p50 {found['p50']:.1f} ms, p95 {found['p95']:.1f} ms, max {found['max']:.1f} ms"


def histogram(values: list[float]) -> str:
    """One line: how many up to each bound."""
    parts = []
    for low, high in zip((-1, *_BUCKETS_MS), (*_BUCKETS_MS, float("inf")), strict=True):
        count = sum(low < value <= high for value in values)
        if count:
            parts.append(f"<={high:g} ms: {count}")
    return "; ".join(parts)
