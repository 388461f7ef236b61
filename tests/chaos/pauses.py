"""SIGSTOP of each kind of process for 10 ms to 10 s at random moments: what wakes up never uses what it knew before.

While something stands still, everything is halted by way of a gate that runs, or one that does not.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from signal import SIGCONT, SIGSTOP

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage
from tests.chaos.world import Gate

_SHORT = (0.01, 0.05, 0.15, 0.35, 0.8)
_LONG = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 3.0, 10.0)
_LONG_ROUNDS = 3
_KINDS = ("gate", "strategy", "redis", "proxy", "feed")


def pauses(options: Options) -> Verdict:
    """Every kind, every length."""
    with stage(options, "SIGSTOP") as on:
        for _ in range(_LONG_ROUNDS if options.long else 1):
            for seconds in _LONG if options.long else _SHORT:
                for kind in _KINDS:
                    _pause(on, kind, seconds)
        on.oracle.recovers()
        lengths = _LONG if options.long else _SHORT
        on.verdict.notes[:] = [f"stopped: {', '.join(_KINDS)}; for {', '.join(f'{one:g}' for one in lengths)} s each"]
    return on.verdict


def _pause(on: Stage, kind: str, seconds: float) -> None:
    on.operators.resume_all()
    on.world.until_trading()
    victim = on.random.choice(on.world.gates)
    signal = _signaller(on, kind, victim)
    gate = on.random.choice([each for each in on.world.gates if kind != "gate" or each is not victim])
    halted_after = on.random.uniform(0, min(seconds, 0.5))
    signal(SIGSTOP)
    try:
        waking = threading.Timer(seconds, signal, (SIGCONT,))
        waking.start()
        time.sleep(halted_after)
        on.operators.halt(gate, during=f"{kind} stopped for {seconds:g} s", strict=kind == "redis")
        waking.join()
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal(SIGCONT)
    on.oracle.check_everywhere()
    on.verdict.cycles += 1


def _signaller(on: Stage, kind: str, victim: Gate) -> Callable[[int], None]:
    world = on.world

    def redis(number: int) -> None:
        world.redis.wake() if number == SIGCONT else world.redis.hang()

    if kind == "redis":
        return redis
    processes = {
        "gate": victim.process,
        "strategy": victim.strategy_process,
        "proxy": world.proxy_process,
        "feed": world.feed_process,
    }
    return processes[kind].signal  # type: ignore[no-any-return]  # handles of two kinds
