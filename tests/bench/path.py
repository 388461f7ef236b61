"""What one check pays between its request's bytes and its reply's, apart from RPC and rules: part by part.

    python -m tests.bench.path [rounds]

The rules are asked once, beforehand; the parts are then timed over what they gave: parse, conversion, the entry's
bytes, the append to a real file, everything that hears of a check, the reply. `submit` is the owner's step with all of
it and with rules that answer from a list. Each row is the time of one check, the least and the median of the rounds.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from risksvc.core.events import Input, OrderChecked
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import Nanoseconds, use_exact_arithmetic
from risksvc.gate.app import Counters, GateApp
from risksvc.gate.clock import Clock
from risksvc.gate.codec import encode
from risksvc.gate.convert_strategy import decision_message, order_checked
from risksvc.gate.event_log import log_step, logs_routine
from risksvc.gate.feeds import Feeds
from risksvc.gate.flatten.keeper import FlattenKeeper
from risksvc.gate.journal import Journal
from risksvc.gate.metrics import StepMetrics
from risksvc.gate.owner import Owner
from risksvc.gate.publishing import HaltPublisher
from risksvc.gate.telling.contacts_keeper import ContactsKeeper
from risksvc.gate.telling.notifying import Notifying
from risksvc.gate.watching import Watchers
from risksvc.v1 import strategy_pb2, types_pb2
from tests.bench.world import BenchGate, Size

CHECKS = 2_000
ROUNDS = 15
WORLD = Size(50, 5, 50)


@dataclass(frozen=True, slots=True)
class Asked:
    """One check, at each of its stages."""

    request: bytes
    event: OrderChecked
    outputs: tuple[Output, ...]
    now: Nanoseconds
    reply: strategy_pb2.CheckOrderResponse


class AnswersFromAList(RiskGate):
    """Rules that cost nothing: what they gave before, again."""

    def __init__(self, gate: RiskGate, asked: list[Asked]) -> None:
        super().__init__(gate.state)
        self._given = [one.outputs for one in asked]
        self._next = 0

    def apply(self, event: Input, now: Nanoseconds) -> tuple[Output, ...]:
        """The next of them, round and round."""
        del event, now
        self._next = (self._next + 1) % len(self._given)
        return self._given[self._next]


def requests() -> Iterator[bytes]:
    """What five market makers ask: ids never repeat, prices wander, quantities and beliefs are of a few sizes."""
    draw = random.Random(5)
    for index in range(CHECKS):
        yield strategy_pb2.CheckOrderRequest(
            account="main",
            strategy=f"s{draw.randrange(5)}",
            strategy_version="2026.11.3",
            client_order_id=f"mm-{index:010d}",
            instrument=f"C{draw.randrange(50)}/USDT:USDT",
            side=draw.choice((types_pb2.SIDE_BUY, types_pb2.SIDE_SELL)),
            type=types_pb2.ORDER_TYPE_LIMIT,
            quantity=f"0.0{draw.randrange(1, 40):02d}",
            limit_price=f"{draw.uniform(98, 102):.2f}",
            intended_range=strategy_pb2.PositionRange(low="-140", high="140"),
            believed_position="0",
        ).SerializeToString()


def ask(bench: BenchGate) -> list[Asked]:
    """Every check once, by the real rules."""
    found = []
    for request in requests():
        event = order_checked(strategy_pb2.CheckOrderRequest.FromString(request))
        bench.now += 10**9
        outputs = bench.gate.apply(event, bench.now)
        decision = outputs[0]
        assert isinstance(decision, Decision)
        assert decision.approved, decision.denials
        found.append(Asked(request, event, outputs, bench.now, decision_message(decision)))
    return found


def app_of(owner: Owner, clock: Clock) -> GateApp:
    """As much of a gate as hears of its checks."""
    parts = {
        "settings": SimpleNamespace(accounts={"main": None}),
        "clock": clock,
        "owner": owner,
        "counters": Counters(),
        "feeds": Feeds("bench"),
        "watchers": Watchers(owner),
        "notifying": Notifying(owner, clock, gate_id="bench", keeper=ContactsKeeper(None)),
        "publisher": HaltPublisher(cast("Any", None)),
    }
    return cast("GateApp", SimpleNamespace(**parts))


def listen(app: GateApp) -> None:
    """As `risksvc.gate.serve` wires it."""
    listeners = app.owner.listeners
    listeners.append(log_step, routine=logs_routine())
    news = (app.publisher.heard, app.feeds.heard, app.watchers.heard, app.notifying.heard, FlattenKeeper(app).heard)
    listeners.extend(news, routine=False)
    listeners.append(StepMetrics(app, CollectorRegistry()).heard)


@contextmanager
def owned(gate: RiskGate, *, heard: bool) -> Iterator[Owner]:
    """An owner with a journal of its own; `heard`: with everything that listens."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        list(journal.recover())
        clock = Clock()
        owner = Owner(gate, journal, clock)
        if heard:
            listen(app_of(owner, clock))
        yield owner


def each(one: Callable[[Any], object], given: Iterable[Any]) -> float:
    """Microseconds of each call."""
    rows = list(given)
    began = time.perf_counter_ns()
    for row in rows:
        one(row)
    return (time.perf_counter_ns() - began) / 1000 / len(rows)


def measure(asked: list[Asked], gate: RiskGate, *, rounds: int) -> dict[str, list[float]]:
    """Each part's times, round by round; the parts in shuffled order."""
    parse = strategy_pb2.CheckOrderRequest.FromString
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        list(journal.recover())
        quiet, loud = AnswersFromAList(gate, asked), AnswersFromAList(gate, asked)
        with owned(quiet, heard=False) as alone, owned(loud, heard=True) as whole:
            parts: dict[str, Callable[[], float]] = {
                "parse": lambda: each(parse, (one.request for one in asked)),
                "convert": lambda: each(order_checked, (parse(one.request) for one in asked)),
                "encode": lambda: each(lambda one: encode(1, one.now, one.event, one.outputs), asked),
                "append": lambda: each(journal.append, (encode(1, one.now, one.event, one.outputs) for one in asked)),
                "submit, nobody listens": lambda: each(alone.submit, (one.event for one in asked)),
                "submit": lambda: each(whole.submit, (one.event for one in asked)),
                "reply": lambda: each(decision_message, (one.outputs[0] for one in asked)),
                "serialise": lambda: each(lambda one: one.reply.SerializeToString(), asked),
            }
            return timed(parts, rounds=rounds)


def timed(parts: dict[str, Callable[[], float]], *, rounds: int) -> dict[str, list[float]]:
    """A round of everything, again and again."""
    order = random.Random(11)
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        names = list(parts)
        order.shuffle(names)
        for name in names:
            times[name].append(parts[name]())
    return times


def main() -> int:
    """Prints the table."""
    use_exact_arithmetic()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bench = BenchGate(WORLD)
    asked = ask(bench)
    times = measure(asked, bench.gate, rounds=rounds)
    print(f"{'us of one check':<26} {'least':>7} {'median':>7}   ({rounds} rounds of {CHECKS:,})")
    for name, taken in times.items():
        print(f"{name:<26} {min(taken):7.2f} {statistics.median(taken):7.2f}")
    whole = ("parse", "convert", "submit", "reply", "serialise")
    least = sum(min(times[name]) for name in whole)
    print(f"{'all, without the rules':<26} {least:7.2f} {sum(statistics.median(times[name]) for name in whole):7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
