"""kill -9 in the middle of a flatten, again and again, by real processes: it goes on, never doubles, never flips.

Each cycle takes a position at the paper venue, starts a flatten, and kills the gate, the venue process or the command
line at a random moment; what was killed is started again at once. Then the venue's own record is judged: every order's
fills lead towards zero, none asked for more than was left, and no id was used twice.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

from risksvc.v1 import incident_pb2 as pb
from tests.chaos.oracle import Verdict
from tests.chaos.stage import Options
from tests.scenario.flattening import FlattenWorld, a_flatten_world

D = Decimal
WORLDS = 3  # beside each other: a cycle mostly waits
KINDS = ("gate", "gate", "gate", "venue", "venue", "cli")
LATEST_S = 2.0  # a flatten of these positions, in two or three rounds, takes about so long
PROGRESS_EVERY = 20
POSITIONS: Mapping[str, tuple[str, ...]] = {"BTCUSDT": ("0.3", "-0.3"), "ETHUSDT": ("6", "-6")}
SETTINGS = """\
    settle: 200ms
    flatten: {participation: 20, collar: 2, slice_pause: 0ms, patience: 60s}
"""


def flattens(options: Options) -> Verdict:
    """`options.cycles` cycles, shared out over worlds that run beside each other."""
    whole = Verdict("flatten, kill -9")
    began = time.monotonic()
    shares = [options.cycles // WORLDS + (one < options.cycles % WORLDS) for one in range(WORLDS)]
    jobs = [
        replace(options, cycles=share, seed=options.seed * 1_000 + one) for one, share in enumerate(shares) if share
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        for part in pool.map(_in_one_world, jobs):
            whole.take(part)
    killed = {kind: sum(note == kind for note in whole.notes) for kind in dict.fromkeys(KINDS)}
    doubled = sum("doubled" in text for text in whole.violations)
    flipped = sum("flipped" in text for text in whole.violations)
    times = ", ".join(f"{kind} {count}" for kind, count in killed.items())
    whole.notes[:] = [f"killed: {times}; {doubled} doubled, {flipped} flipped; {whole.submits} orders"]
    whole.seconds = time.monotonic() - began
    return whole


def _in_one_world(options: Options) -> Verdict:
    verdict = Verdict("flatten, kill -9")
    rng = random.Random(options.seed)
    with a_flatten_world(settings=SETTINGS) as world:
        try:
            world.begin_held({"BTCUSDT": "0.001"})
            for number in range(options.cycles):
                _cycle(world, rng, verdict)
                verdict.cycles += 1
                if number % PROGRESS_EVERY == PROGRESS_EVERY - 1:
                    sys.stderr.write(f"chaos: flatten: seed {options.seed}: {number + 1} of {options.cycles} cycles\n")
        except Exception as error:  # noqa: BLE001 - whatever went wrong is a violation, told with what the processes said
            verdict.violate(f"cycle {verdict.cycles}: {type(error).__name__}: {error}\n{world.last_words()}")
    return verdict


def _cycle(world: FlattenWorld, rng: random.Random, verdict: Verdict) -> None:
    taken = {symbol: rng.choice(quantities) for symbol, quantities in POSITIONS.items()}
    world.hold(taken)
    world.until(lambda: _explained(world), "a position that is explained")
    held, seen = world.held(), _executions(world)
    kind = rng.choice(KINDS)
    verdict.notes.append(kind)
    _strike(world, kind, after_s=rng.uniform(0, LATEST_S))
    run = world.until_over()
    if run.phase != pb.FLATTEN_PHASE_FLAT:
        verdict.violate(f"cycle {verdict.cycles}, {kind} killed: not flat: {'; '.join(run.gaps)}")
    new = [one for one in _executions(world) if one["execId"] not in {row["execId"] for row in seen}]
    verdict.submits += len(run.orders)
    for text in judged(held, new, run):
        verdict.violate(f"cycle {verdict.cycles}, {kind} killed: {text}")
    if world.held():
        verdict.violate(f"cycle {verdict.cycles}, {kind} killed: said flat, and {world.held()} is held")


def _explained(world: FlattenWorld) -> bool:
    return world.adopt_now() and world.agree()


def _strike(world: FlattenWorld, kind: str, *, after_s: float) -> None:
    """Starts a flatten, and kills something so long after."""
    restart: Mapping[str, Callable[[], None]] = {"gate": world.start_gate, "venue": world.start_venue}
    if kind == "cli":
        words = ("flatten", "--account", "main", "--execute", "--reason", "drill")
        before = world.flatten_id()
        world.begin_command("cli", "alice", *words)
        world.until(lambda: world.flatten_id() != before, "a flatten that has begun")
    else:
        world.start()
    time.sleep(after_s)
    world.kill(kind)
    if kind in restart:
        restart[kind]()


def _executions(world: FlattenWorld) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = world.at_venue()["newest_executions"]
    return rows


def judged(held: Mapping[str, D], executions: list[dict[str, Any]], run: pb.Flatten) -> list[str]:
    """What the venue's record says against a flatten: `executions` newest first, `held` before it began."""
    wrong: list[str] = []
    left = dict(held)
    orders: dict[str, str] = {}
    asked = {one.client_order_id: D(one.quantity) for one in run.orders}
    for row in reversed(executions):
        id_, symbol = row["orderLinkId"], row["symbol"]
        signed = D(row["execQty"]) * (1 if row["side"] == "Buy" else -1)
        if id_ not in asked:
            wrong.append(f"{id_!r} is no order of the flatten")
            continue
        if orders.setdefault(id_, row["orderId"]) != row["orderId"]:
            wrong.append(f"doubled: {id_} is two orders at the venue")
        after = left[symbol] + signed
        if after * left[symbol] < 0 or abs(after) > abs(left[symbol]):
            wrong.append(f"flipped: {id_} took {symbol} from {left[symbol]} to {after}")
        left[symbol] = after
    wrong += _asked_too_much(held, executions, asked)
    return wrong


def _asked_too_much(held: Mapping[str, D], executions: list[dict[str, Any]], asked: Mapping[str, D]) -> list[str]:
    """Orders for more than was left when they were filled: what the venue's reduce-only would have hidden."""
    left, seen, wrong = {symbol: abs(one) for symbol, one in held.items()}, dict[str, None](), list[str]()
    for row in reversed(executions):
        id_, symbol = row["orderLinkId"], row["symbol"]
        if id_ in asked and id_ not in seen and asked[id_] > left[symbol]:
            wrong.append(f"doubled: {id_} asked for {asked[id_]} {symbol} when {left[symbol]} was left")
        seen[id_] = None
        left[symbol] -= D(row["execQty"])
    return wrong
