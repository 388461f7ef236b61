"""A journal as an owner writes it: one long random walk (`tests.property.random_walk`), with every kind of Input.

`python -m tests.corpus.walk FOLDER [STEPS]` writes one. To the walk's own operations it adds what walks leave out:
strangers' fills and their adoption, resumes by one and two people, positions reported, reads that fail, feeds that go,
drains, faults. What an owner leaves out of the journal (idle ticks, superseded leases) is left out here too.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from risksvc.core import events, venue_events
from risksvc.core.adoption import unexplained_items
from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.events import Input
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Output, StepProposed
from risksvc.core.state import GateState
from risksvc.core.types import MILLISECOND, SECOND, Side
from risksvc.core.venue_events import Fill
from risksvc.gate.journal import Journal
from risksvc.gate.owner import Owner
from tests.property.fake_venue import LOTS, WINDOW_NS
from tests.property.random_walk import CUMULATED, OPERATIONS, Walk
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA

STEPS = 2_500
SEGMENT_BYTES = 512 * 1024
SEED = 40
CONFIG = GateConfig("g1", {ACCOUNT: AccountConfig(venue_window_ns=WINDOW_NS)}, rules=RULES, cool_down_ns=SECOND)
PEOPLE = ("olga", "rita")


class WalkClock:
    """Tells the walk's time."""

    def __init__(self) -> None:
        self.at = 0

    def now(self) -> int:
        return self.at


class OwnedGate:
    """A RiskGate to the walk; every Input goes through an owner, and so into the journal."""

    def __init__(self, journal: Journal) -> None:
        list(journal.recover())
        self._clock = WalkClock()
        self.owner = Owner(RiskGate(), journal, self._clock)

    @property
    def state(self) -> GateState:
        return self.owner.state

    def apply(self, event: Input, now: int) -> tuple[Output, ...]:
        self._clock.at = now
        return self.owner.submit(event)


class OwnedWalk(Walk):
    """A walk whose gate has an owner and a journal."""

    def __init__(self, seed: int, journal: Journal) -> None:
        super().__init__(seed)
        self.gate = cast("RiskGate", OwnedGate(journal))
        self._strangers = 0

    def run(self, steps: int) -> "OwnedWalk":
        self.start()
        more = tuple(MORE)
        for _ in range(steps):
            self._pass_time()
            if self.rng.random() < 0.06:
                self.rng.choice(more)(self)
            else:
                self.rng.choices(OPERATIONS, cum_weights=CUMULATED)[0](self)
        return self

    def _mark_told(self, fills: tuple[Fill, ...]) -> None:
        super()._mark_told(tuple(one for one in fills if one.trade_id in self.venue.trades))

    def _restart(self) -> None:
        self.apply(events.GateStarted(CONFIG))
        self._connect()

    def _drain(self) -> None:
        self.apply(events.DrainStarted())
        self._restart()
        self._refresh()

    def _fault(self) -> None:
        if self.rng.random() < 0.2:
            self.apply(events.FaultLatched("drill: no space left on device"))

    def _lose_feed(self) -> None:
        self.apply(venue_events.FeedDisconnected(ACCOUNT))
        self._connect()

    def _fail_read(self) -> None:
        self.apply(venue_events.ReadFailed(ACCOUNT, "positions", "drill: timed out"))

    def _say_position(self) -> None:
        symbol, who = self.rng.choice(tuple(LOTS)), self.rng.choice((ALPHA, BETA))
        wrong = LOTS[symbol] if self.rng.random() < 0.1 else 0
        self.apply(events.PositionReported(ACCOUNT, who, symbol, self._position(symbol, who) + wrong))

    def _stranger(self) -> None:
        """Somebody trades past the gate, both ways, so that the venue's own truth stays as it is."""
        if self.rng.random() < 0.8:
            return
        self._strangers += 1
        symbol = self.rng.choice(tuple(LOTS))
        at_ms = self.now // MILLISECOND
        made = [
            Fill(symbol, f"s{self._strangers}{side.name}", side, LOTS[symbol], self.prices[symbol], at_ms, "stranger")
            for side in Side
        ]
        self.apply(venue_events.FillsReceived(ACCOUNT, tuple(made)))

    def _adopt(self) -> None:
        """Everything that is unexplained, whatever its state; sometimes what is not there."""
        self._refresh()
        items = tuple(unexplained_items(self.gate.state.accounts[ACCOUNT]))
        if self.rng.random() < 0.2:
            items = (*items, events.AdoptItem("BTC/USDT:USDT", trade_id="none"))
        owner = self.rng.choice(("", ALPHA))
        step = events.AdoptRequested(
            ACCOUNT, tuple(replace(item, owner=owner) for item in items), "manual-trade", "drill", "olga"
        )
        for output in self.apply(step):
            if isinstance(output, StepProposed):
                self.apply(events.AdoptConfirmed(output.proposal_id, self.rng.choice(PEOPLE)))

    def _resume(self) -> None:
        named = tuple(halt.halt_id for halt in self.gate.state.halts.active())
        for output in self.apply(events.ResumeProposed(named or ("none",), "drill", "olga")):
            if isinstance(output, StepProposed):
                self.apply(events.ResumeConfirmed(output.proposal_id, self.rng.choice(PEOPLE)))


MORE: tuple[Callable[[OwnedWalk], None], ...] = (
    OwnedWalk._drain,
    OwnedWalk._fault,
    OwnedWalk._lose_feed,
    OwnedWalk._fail_read,
    OwnedWalk._say_position,
    OwnedWalk._stranger,
    OwnedWalk._adopt,
    OwnedWalk._adopt,
    OwnedWalk._resume,
    OwnedWalk._resume,
)


def write(folder: Path, *, steps: int = STEPS, seed: int = SEED, segment_bytes: int = SEGMENT_BYTES) -> int:
    """Walks into a new journal; the number of its entries."""
    with Journal(folder, segment_bytes=segment_bytes) as journal:
        OwnedWalk(seed, journal).run(steps)
        return journal.stats.entries


if __name__ == "__main__":
    made = write(Path(sys.argv[1]), steps=int(sys.argv[2]) if len(sys.argv) > 2 else STEPS)
    sys.stdout.write(f"{made} entries\n")
