"""The way to Redis fails, for one gate or for all: nothing passes, replies vanish, everything is slow, refused, reset.

A gate that is cut off closes by its lease, though a halt is issued where it can't hear of it. Where the gate that is
asked is itself cut off, the others can't hear it from Redis: then every gate is told, as `risksvc halt` does it.
"""

import time

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage

# Mode, delay in seconds, whether gates must close.
FAULTS = (
    ("drop", 0.0, True),
    ("drop_reply", 0.0, True),
    ("delay", 0.02, False),
    ("delay", 0.2, True),
    ("refuse", 0.0, True),
    ("rst", 0.0, True),
)
_FOR_ALL = ("drop", "refuse")  # in the short version
_LONG_ROUNDS = 8
_SECONDS = 0.55  # longer than a lease and an approval


def network(options: Options) -> Verdict:
    """Every fault, for one gate and for all."""
    with stage(options, "network to Redis") as on:
        for _ in range(_LONG_ROUNDS if options.long else 1):
            for mode, delay, closes in FAULTS:
                for everybody in (False, True) if on.options.long or mode in _FOR_ALL else (False,):
                    _fail(on, mode, delay, closes=closes, everybody=everybody)
            _asked_gate_returns_last(on)
        on.oracle.recovers()
        modes = ", ".join(f"{mode} {delay * 1000:g} ms" if delay else mode for mode, delay, _ in FAULTS)
        on.verdict.notes[:] = [
            f"faults: {modes}; each for one gate, and some or all for all; the halted gate returns last"
        ]
    return on.verdict


def _fail(on: Stage, mode: str, delay: float, *, closes: bool, everybody: bool) -> None:
    on.operators.resume_all()
    on.world.until_trading()
    cut = on.world.gates if everybody else [on.random.choice(on.world.gates)]
    whole = [gate for gate in on.world.gates if gate not in cut]
    during = f"{mode} {delay * 1000:g} ms for {'all' if everybody else f'gate {cut[0].number}'}"
    on.world.network(mode, gates=cut, delay=delay)
    time.sleep(on.random.uniform(0, 0.35))
    if whole and on.random.random() < 0.6:
        on.operators.halt(on.random.choice(whole), during=during)
    else:
        on.operators.halt_everywhere(on.random.choice(cut), during=during)
    time.sleep(_SECONDS)
    if closes:
        for gate in cut:
            if "KILL_SWITCH_UNREACHABLE" not in (said := gate.reasons()):
                on.verdict.violate(f"open: gate {gate.number} says {said} after {_SECONDS} s of {during}")
    on.world.network("pass", gates=cut)
    on.oracle.check_everywhere()
    on.verdict.cycles += 1


def _asked_gate_returns_last(on: Stage) -> None:
    """Only one gate holds a halt, and it reaches Redis again 300 ms after the others: they must have waited for it."""
    on.operators.resume_all()
    on.world.until_trading()
    asked = on.random.choice(on.world.gates)
    on.world.network("refuse")
    time.sleep(_SECONDS)
    on.operators.halt(asked, during=f"all cut off, gate {asked.number} returns last", strict=True)
    on.world.network("pass", gates=[gate for gate in on.world.gates if gate is not asked])
    time.sleep(0.3)
    on.world.network("pass", gates=[asked])
    on.oracle.check_everywhere()
    on.verdict.cycles += 1
