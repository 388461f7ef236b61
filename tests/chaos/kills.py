"""kill -9 of any process at a random moment around a halt, again and again: no acknowledged halt is ever lost.

Each cycle issues a halt and kills something while the halt is under way; what was killed is started again at once, as a
supervisor would. Halts are left standing over some cycles, and cleared in others, so that strategies trade in between.
"""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.halts import Halted
from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage
from tests.chaos.world import TOKENS, Gate

_KINDS = ("gate", "gate", "gate", "gate", "redis", "redis", "strategy", "strategy", "feed", "proxy", "operator")
_MOST_STANDING = 4
_PROGRESS_EVERY = 20
_WORLD_CYCLES = 250


def kills(options: Options) -> Verdict:
    """`options.cycles` cycles, in worlds of 250 at most: a start that replays a long journal makes no better test."""
    whole = Verdict("kill -9")
    for begun in range(0, options.cycles, _WORLD_CYCLES):
        cycles = min(_WORLD_CYCLES, options.cycles - begun)
        part = _kills(replace(options, cycles=cycles, seed=options.seed + begun))
        whole.take(part)
        if options.cycles > _WORLD_CYCLES:
            done = (
                f"{begun + cycles} of {options.cycles} cycles, {part.lost} lost, {part.late} late, {part.seconds:.0f} s"
            )
            sys.stderr.write(f"chaos: kill -9: {done}\n")
    return whole


def _kills(options: Options) -> Verdict:
    with stage(options, "kill -9") as on:
        token = on.world.folder / "token"
        token.write_text(TOKENS["alice"])
        token.chmod(0o600)
        killed = dict.fromkeys(dict.fromkeys(_KINDS), 0)
        for number in range(options.cycles):
            kind = on.random.choice(_KINDS)
            killed[kind] += 1
            _cycle(on, kind, number=number)
            on.verdict.cycles += 1
            if number % _PROGRESS_EVERY == _PROGRESS_EVERY - 1:
                on.oracle.recovers()
        on.oracle.recovers()
        times = ", ".join(f"{kind} {count}" for kind, count in killed.items())
        on.verdict.notes[:] = [f"killed: {times}"]
    return on.verdict


def _cycle(on: Stage, kind: str, *, number: int) -> None:
    gate = on.random.choice(on.world.gates)
    account = on.random.choice(("", gate.account))
    during = f"cycle {number}, {kind} killed"
    if kind == "operator":
        _halt_by_a_killed_operator(on, gate, account, during=during)
    else:
        _halt_while(on, gate, account, during=during, kill=_killer(on, kind))
    on.oracle.check_everywhere()
    standing = on.operators.standing
    if on.random.random() < 0.7 or len(standing) >= _MOST_STANDING:
        on.operators.resume(standing)
        time.sleep(on.random.uniform(0, 0.2))


def _halt_while(on: Stage, gate: Gate, account: str, *, during: str, kill: Callable[[], None]) -> Halted:
    """A halt, and a kill up to 30 ms before or 60 ms after it was issued."""
    before = on.random.uniform(-0.03, 0.06)
    time.sleep(max(0.0, -before))
    one = on.operators.note(account, during=during)
    asking = threading.Thread(target=on.operators.ask, args=(one, gate), daemon=True)
    if before < 0:
        kill()
    asking.start()
    if before >= 0:
        time.sleep(before)
        kill()
    asking.join()
    if not one.promised:
        on.operators.insist(one)
    return one


def _halt_by_a_killed_operator(on: Stage, gate: Gate, account: str, *, during: str) -> None:
    """The command line dies in mid-halt; the operator repeats the command, with the id that it had."""
    one = on.operators.note(account, during=during)
    scope = ("--account", account) if account else ()
    token = ("--token-file", str(on.world.folder / "token"))
    command = on.world.cli(gate, "halt", "--reason", "chaos", "--halt-id", one.halt_id, *scope, *token)
    time.sleep(on.random.uniform(0, 0.12))
    on.world.kill(command)
    on.operators.insist(one)


def _killer(on: Stage, kind: str) -> Callable[[], None]:
    """Kills one and starts it again."""
    world = on.world
    victim = on.random.choice(world.gates)

    def gate() -> None:
        world.kill(victim.process)
        world.start_gate(victim)

    def strategy() -> None:
        world.kill(victim.strategy_process)
        world.start_strategy(victim)

    def redis() -> None:
        world.redis.kill()
        world.redis.start()

    def feed() -> None:
        world.kill(world.feed_process)
        world.start_feed()

    def proxy() -> None:
        world.kill(world.proxy_process)
        world.start_proxy()

    kinds = {"gate": gate, "strategy": strategy, "redis": redis, "feed": feed, "proxy": proxy}
    return kinds[kind]
