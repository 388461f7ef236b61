"""The wall clock jumps by hours while everything runs (libfaketime): leases must not notice, or close.

The gates' clock, and then the store's. Only the wall clock is faked: what counts since boot can be set by nobody.
Skipped, and said so, where Debian's package `faketime` is not installed.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options, Stage, stage

_SHORT = ("+3h", "-5h", "+0.06s")
_LONG = ("+0", "+3h", "-5h", "-4h", "+1d", "+0.06s", "+0.04s", "-0.06s", "+0") * 3
_LIBRARIES = ("lib/*/faketime/libfaketimeMT.so.1", "lib*/faketime/libfaketimeMT.so.1")


def clocks(options: Options) -> Verdict:
    """The gates' wall clock."""
    with stage(options, "wall clock of the gates", begin=False) as on:
        if not (library := _library()):
            return _skipped(on)
        fake = _Clock(on.world.folder / "clock")
        on.world.gate_environment = _environment(library, fake.path)
        on.world.begin()
        jumps = _LONG if options.long else _SHORT
        for jump in jumps:
            on.operators.resume_all()
            on.world.until_trading()
            _halt_around(on, fake, jump)
        fake.jump("-5h")  # back below what is journaled, then a new process
        gate = on.random.choice(on.world.gates)
        on.world.kill(gate.process)
        on.world.start_gate(gate)
        on.oracle.check_everywhere()
        on.oracle.recovers()
        on.verdict.notes[:] = [f"jumps: {', '.join(dict.fromkeys(jumps))}; then a restart 5 h before its own journal"]
    return on.verdict


def _halt_around(on: Stage, fake: "_Clock", jump: str) -> None:
    """A halt within 100 ms of a jump, before or after it."""
    first = on.random.random() < 0.5
    if first:
        fake.jump(jump)
    time.sleep(on.random.uniform(0, 0.1))
    on.operators.halt(on.random.choice(on.world.gates), during=f"clock {jump}")
    if not first:
        fake.jump(jump)
    on.oracle.check_everywhere()
    on.verdict.cycles += 1


def redis_clock(options: Options) -> Verdict:
    """The store's: it says how old another gate's heartbeat is. Valkey, since Debian's Redis clashes with the fake."""
    with stage(replace(options, server="valkey"), "wall clock of the store", begin=False) as on:
        if not (library := _library()):
            return _skipped(on)
        fake = _Clock(on.world.folder / "clock")
        on.world.redis.binary = _wrapped(on.world.redis.binary, _environment(library, fake.path), on.world.folder)
        on.world.begin()
        for jump in ("+1h", "-2h", "+3h", "-1h"):
            on.operators.resume_all()
            on.world.until_trading()
            asked, deaf = on.random.sample(on.world.gates, 2)
            on.world.network("drop", gates=[deaf])
            fake.jump(jump)
            time.sleep(on.random.uniform(0, 0.03))
            on.operators.halt(asked, during=f"the store's clock {jump}, gate {deaf.number} deaf")
            time.sleep(0.45)
            on.world.network("pass", gates=[deaf])
            on.oracle.check_everywhere()
            on.verdict.cycles += 1
        on.oracle.recovers()
        on.verdict.notes[:] = ["jumps: +1h, -2h, +3h, -1h, each while one gate can't hear of the halt but has a lease"]
    return on.verdict


class _Clock:
    """What libfaketime reads: an offset."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jump("+0")

    def jump(self, offset: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.rename(self.path)


def _environment(library: str, path: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _wrapped(binary: Path, environment: dict[str, str], folder: Path) -> Path:
    """A script that becomes the server, with this environment."""
    script = folder / "server"
    settings = "\n".join(f"export {name}='{value}'" for name, value in environment.items())
    script.write_text(f'#!/bin/sh\n{settings}\nexec {binary} "$@"\n')
    script.chmod(0o700)
    return script


def _library() -> str:
    return next((str(path) for pattern in _LIBRARIES for path in Path("/usr").glob(pattern)), "")


def _skipped(on: Stage) -> Verdict:
    on.world.gates.clear()
    on.verdict.notes.append("SKIPPED: libfaketime is not installed (Debian: apt install faketime)")
    if os.environ.get("CI") == "true":
        on.verdict.violate("skipped: CI skips nothing")
    return on.verdict
