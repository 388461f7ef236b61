"""What one check pays between its request's bytes and its reply's, apart from RPC and rules: part by part.

    python -m tests.bench.path [rounds]

The rules are asked once, beforehand, and then answer from a list; everything else is the gate's own: parse, conversion,
the entry's bytes, the append to a real file, everything that hears of a check, the reply. Each row is the mean time of
one check in a round, the least and the median of the rounds; reading the clock between two stages costs 0.05 of it.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client import CollectorRegistry

from risksvc.core.events import OrderChecked
from risksvc.core.gate import HANDLERS, RiskGate
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import use_exact_arithmetic
from risksvc.gate.app import Counters, GateApp
from risksvc.gate.clock import Clock
from risksvc.gate.codec import encode
from risksvc.gate.convert_strategy import decision_bytes, order_checked
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

CHECKS = 200
ROUNDS = 200
WORLD = Size(50, 5, 50)
STAGES = ("parse", "convert", "clock, rules from a list", "encode", "append", "listeners", "reply")
WHOLE = "bytes to bytes"


@dataclass(frozen=True, slots=True)
class Asked:
    """One check and what the rules gave."""

    request: bytes
    outputs: tuple[Output, ...]


def answer_from_a_list(gate: RiskGate, asked: list[Asked]) -> RiskGate:
    """A gate whose rules for orders cost nothing, from now on in this process: what they gave before, again."""
    given = cycle([one.outputs for one in asked])
    HANDLERS[OrderChecked] = lambda _state, _event, _now: next(given)
    return RiskGate(gate.state)


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
        bench.now += 10**5
        outputs = bench.gate.apply(event, bench.now)
        decision = outputs[0]
        assert isinstance(decision, Decision)
        assert decision.approved, decision.denials
        found.append(Asked(request, outputs))
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
def owned(gate: RiskGate) -> Iterator[Owner]:
    """An owner with a journal of its own, and with everything that listens."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        list(journal.recover())
        clock = Clock()
        owner = Owner(gate, journal, clock)
        listen(app_of(owner, clock))
        yield owner


class Stages:
    """One check after the other, stage by stage, as the gate takes them; each object is as fresh as it is there."""

    def __init__(self, asked: list[Asked], owner: Owner, journal: Journal, rules: RiskGate) -> None:
        self._requests = [one.request for one in asked]
        self._owner, self._journal, self._rules = owner, journal, rules
        self._clock = Clock()

    def once(self) -> dict[str, float]:
        """Microseconds of one check in each stage, the mean of one round."""
        sums, read = [0] * len(STAGES), time.perf_counter_ns
        for number, data in enumerate(self._requests):
            marks = [read()]
            request = strategy_pb2.CheckOrderRequest.FromString(data)
            marks.append(read())
            event = order_checked(request)
            marks.append(read())
            now = self._clock.now()
            outputs = self._rules.apply(event, now)
            marks.append(read())
            payload = encode(number + 1, now, event, outputs)
            marks.append(read())
            self._journal.append(payload)
            marks.append(read())
            self._owner.listeners.tell(event, outputs, now)
            marks.append(read())
            decision_bytes(cast("Decision", outputs[0]))
            marks.append(read())
            for index, (begin, end) in enumerate(pairwise(marks)):
                sums[index] += end - begin
        return {name: total / 1000 / len(self._requests) for name, total in zip(STAGES, sums, strict=True)}

    def whole(self) -> dict[str, float]:
        """The same checks without a look in between, as one figure."""
        began = time.perf_counter_ns()
        for data in self._requests:
            event = order_checked(strategy_pb2.CheckOrderRequest.FromString(data))
            decision_bytes(cast("Decision", self._owner.submit(event)[0]))
        return {WHOLE: (time.perf_counter_ns() - began) / 1000 / len(self._requests)}


def measure(asked: list[Asked], gate: RiskGate, *, rounds: int) -> dict[str, list[float]]:
    """Every stage's times, round by round."""
    times: dict[str, list[float]] = {name: [] for name in (*STAGES, WHOLE)}
    rules = answer_from_a_list(gate, asked)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
        list(journal.recover())
        with owned(rules) as owner:
            stages = Stages(asked, owner, journal, rules)
            for _ in range(rounds):
                for name, taken in {**stages.once(), **stages.whole()}.items():
                    times[name].append(taken)
    return times


def main() -> int:
    """Prints the table."""
    use_exact_arithmetic()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bench = BenchGate(WORLD)
    times = measure(ask(bench), bench.gate, rounds=rounds)
    print(f"{'us of one check':<26} {'least':>7} {'median':>7}   ({rounds} rounds of {CHECKS:,})")
    for name, taken in times.items():
        print(f"{name:<26} {min(taken):7.2f} {statistics.median(taken):7.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
