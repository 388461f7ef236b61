"""Seeded walks through incidents: halts, clears, ticks, silence, starts, and everything that people say, in any order.

The same seed gives the same Inputs, whatever the hash seed. `watch` is called after every Input.
"""

import hashlib
from collections.abc import Callable
from random import Random

from risksvc.core import events, venue_events
from risksvc.core.incident import events as incident_events
from risksvc.core.outputs import Output
from risksvc.core.trading_state import Clear
from risksvc.core.types import SECOND, Scope, Severity, Side, TradingState, use_exact_arithmetic
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, D

STEPS = 40
WAITS = (1, 5, 31, 31, 130, 950, 3_600, 180_000)  # seconds
SCOPES = (Scope(), Scope(ACCOUNT), Scope(ACCOUNT, strategy=ALPHA), Scope(ACCOUNT, instrument=BTC))
Watch = Callable[["IncidentWalk", tuple[Output, ...]], None]


class IncidentWalk:
    """One walk; `log` holds every Input, its time and its Outputs."""

    def __init__(self, seed: int, *, watch: Watch | None = None) -> None:
        use_exact_arithmetic()
        self.rng = Random(seed)
        self.world: World = given()
        self.log: list[tuple[events.Input, int, tuple[Output, ...]]] = []
        self.watch = watch
        self._apply, self.world.apply = self.world.apply, self._heard  # type: ignore[method-assign]

    def _heard(self, event: events.Input) -> tuple[Output, ...]:
        outputs = self._apply(event)
        self.log.append((event, self.world.now, outputs))
        if self.watch is not None:
            self.watch(self, outputs)
        return outputs

    def run(self) -> "IncidentWalk":
        for _ in range(STEPS):
            self.rng.choice(_OPERATIONS)(self)
        return self

    def _id(self) -> str:
        known = list(self.world.gate.state.incidents.by_id)
        return self.rng.choice([*known, "g1-i999"])

    def _wait(self) -> None:
        self.world.now += self.rng.choice(WAITS) * SECOND
        if self.rng.random() < 0.5:
            self.world.refresh()
        self.world.tick()

    def _halt(self) -> None:
        state = self.rng.choice((TradingState.HALTED, TradingState.REDUCING))
        severity = self.rng.choice(tuple(Severity))
        self.world.apply(events.HaltRequested(self.rng.choice(SCOPES), state, "drill", "olga", "", severity))

    def _clear(self) -> None:
        for halt in self.world.halts()[: self.rng.randint(0, 3)]:
            self.world.apply(events.ClearSeen(Clear(halt.halt_id, ("olga", "rita"), self.world.now, "over")))

    def _hold(self) -> None:
        side = self.rng.choice((Side.BUY, Side.SELL))
        decision = self.world.check(self.world.order(side, "0.1", 50_000))
        if decision.approved:
            self.world.fill(decision.client_order_id, side, "0.1")

    def _unknown(self) -> None:
        self.world.fill("nobody", self.rng.choice((Side.BUY, Side.SELL)), "0.01")
        self.world.read()

    def _feed(self) -> None:
        self.world.apply(venue_events.FeedDisconnected(ACCOUNT))

    def _start(self) -> None:
        self.world.apply(events.GateStarted(self.world.config))
        self.world.lease()

    def _watch(self) -> None:
        self.world.apply(events.StrategyWatched(ACCOUNT, self.rng.choice((ALPHA, BETA)), self.rng.random() < 0.5))

    def _say(self) -> None:
        id_, by = self._id(), self.rng.choice(("olga", "rita"))
        step: events.Input = self.rng.choice(
            (
                incident_events.IncidentOpened(self.rng.choice(SCOPES), self.rng.choice(tuple(Severity)), "odd", by),
                incident_events.IncidentNoted(id_, "seen", by),
                incident_events.IncidentTaken(id_, by),
                incident_events.CauseNamed(id_, "tracker", self.rng.random() < 0.5, by),
                incident_events.IncidentClosed(id_, "over", by),
                incident_events.IncidentClosed(id_, "over", by),
                incident_events.ReviewRecorded(id_, D(7), "USD", "ab" * 32, "small", by),
            )
        )
        self.world.apply(step)


_OPERATIONS: tuple[Callable[[IncidentWalk], None], ...] = (
    IncidentWalk._wait,
    IncidentWalk._wait,
    IncidentWalk._halt,
    IncidentWalk._clear,
    IncidentWalk._hold,
    IncidentWalk._unknown,
    IncidentWalk._feed,
    IncidentWalk._start,
    IncidentWalk._watch,
    IncidentWalk._say,
    IncidentWalk._say,
    IncidentWalk._say,
)


def digest(walks: int) -> str:
    """Of all Inputs, times and Outputs of so many walks."""
    total = hashlib.sha256()
    for seed in range(walks):
        for step in IncidentWalk(seed).run().log:
            total.update(repr(step).encode())
    return total.hexdigest()
