"""The part that measures how a halt travels, and that no check asks Redis.

Bare: a message published on the gate's own Redis server, until a blocking subscriber has it. A halt: written to the
store by the product's own client, until a gate has it in force (the time of its journal entry). Both by turns, at one
server, which writes each halt to disk before it tells of it.
"""

import asyncio
import itertools
import json
import random
import statistics
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from risksvc.core.events import HaltSeen
from risksvc.core.trading_state import BY_COMMAND_LINE, Halt
from risksvc.core.types import Scope, Severity, TradingState
from risksvc.gate.codec import decode
from risksvc.gate.journal import read_journal
from risksvc.gate.kill_switch.store import KillSwitchStore
from risksvc.gate.kill_switch.view import StoreUnreachableError
from risksvc.gate.store_place import private_place
from tests.bench.gates import MeasuredGate, World
from tests.bench.loads import PIPELINE, ask, new_prefix
from tests.bench.options import Options
from tests.bench.paired import Ratio
from tests.bench.processes import module
from tests.bench.results import Results, Table
from tests.bench.subscriber import CHANNEL

BLOCKS = 7  # each gives one ratio
PAUSE = 0.02
QUIET_SECONDS = 2.0
Arrivals = list[float]


def measure(options: Options, results: Results) -> None:
    """Adds its table, and the two figures of the bars."""
    if not options.wants("halts"):
        return
    each = 12 if options.quick else 60
    with MeasuredGate(World()) as gate:
        server = private_place(gate.folder / "s" / "redis").socket
        with redis.Redis(unix_socket_path=str(server)) as client:
            _commands(gate, client, results)
            bare, sent = _send(server, client, blocks=BLOCKS, each=each)
        gate.heard()
        halts = _arrived(gate.folder / "s" / "journal", sent)
    found = Ratio(tuple(_p99(ours) / _p99(theirs) for ours, theirs in zip(halts, bare, strict=True)))
    results.figures["halt arrival"] = found
    rows = (_row("bare pub/sub, blocking subscriber", bare, ""), _row("a halt, in force at a gate", halts, str(found)))
    columns = ("until it is there", "p50 us", "p95", "p99", "p99 / bare")
    results.tables.append(
        Table("Halts", columns, rows, (_NOTE.format(number=BLOCKS * each, blocks=BLOCKS, each=each),))
    )


_NOTE = (
    "{number} of each by turns, in {blocks} blocks of {each}; each block's p99 gives one ratio. Redis writes "
    "a halt to disk before it tells of it, a bare message it does not."
)


def _commands(gate: MeasuredGate, client: "redis.Redis", results: Results) -> None:
    """Redis commands for each check, beyond those of a gate that is not asked."""

    def count() -> int:
        info: Any = client.info("stats")
        return int(info["total_commands_processed"])

    before = count()
    time.sleep(QUIET_SECONDS)
    each_second = (count() - before) / QUIET_SECONDS
    prefix, before, began = new_prefix(), count(), time.monotonic()
    measured = ask(gate, PIPELINE, prefix=prefix, seconds=QUIET_SECONDS)
    more = count() - before - each_second * (time.monotonic() - began)
    results.figures["redis commands"] = Ratio((max(0.0, more) / measured.asked,))
    gate.took(prefix, measured.asked)
    gate.finish()


def _send(
    server: Path, client: "redis.Redis", *, blocks: int, each: int
) -> tuple[list[Arrivals], list[dict[str, int]]]:
    """Microseconds of the bare messages by block; when each halt was written, by its id, by block."""
    listening = subprocess.Popen(
        module("tests.bench.subscriber", str(server)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert listening.stdout is not None
        if listening.stdout.readline().strip() != "ready":
            raise RuntimeError("the subscriber did not start")
        sent = asyncio.run(_by_turns(KillSwitchStore(f"unix://{server}"), client, blocks=blocks, each=each))
        client.publish(CHANNEL, "end")
        said: Arrivals = json.loads(listening.stdout.readline())
    finally:
        listening.kill()
        listening.wait()
    return [said[block * each : (block + 1) * each] for block in range(blocks)], sent


async def _by_turns(store: KillSwitchStore, client: "redis.Redis", *, blocks: int, each: int) -> list[dict[str, int]]:
    draw, sent, numbers = random.Random(7), list[dict[str, int]](), itertools.count(1)
    await store.poll("main", gate_id="bench", heartbeat=None)  # connected
    for _ in range(blocks):
        halts: dict[str, int] = {}
        turns = ["bare", "halt"] * each
        draw.shuffle(turns)
        for turn in turns:
            if turn == "bare":
                client.publish(CHANNEL, str(time.time_ns()))
            else:
                halt = _halt(f"bench-{next(numbers)}")
                began = time.time_ns()
                with suppress(StoreUnreachableError):  # it gives up after 50 ms: then nothing is known of this one
                    await store.add_new_halt("main", halt)
                    halts[halt.halt_id] = began
            await asyncio.sleep(PAUSE)
        sent.append(halts)
    await store.close()
    return sent


def _halt(halt_id: str) -> Halt:
    """Of a strategy that nobody is."""
    return Halt(
        halt_id=halt_id,
        scope=Scope("main", "idle"),
        state=TradingState.HALTED,
        severity=Severity.P2,
        trigger="OPERATOR",
        reason="measured",
        by="alice",
        at=time.time_ns(),
        origin=BY_COMMAND_LINE,
    )


def _arrived(journal: Path, sent: list[dict[str, int]]) -> list[Arrivals]:
    seen: dict[str, int] = {}
    for payload in read_journal(journal):
        entry = decode(payload)
        if isinstance(entry.input, HaltSeen):
            seen.setdefault(entry.input.halt.halt_id, entry.now)
    return [[(seen[id_] - at) / 1000 for id_, at in block.items()] for block in sent]


def _p99(values: Arrivals) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _row(name: str, blocks: list[Arrivals], ratio: str) -> tuple[str, ...]:
    values = [value for block in blocks for value in block]
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return (name, *(f"{cuts[at]:,.0f}" for at in (49, 94, 98)), ratio)
