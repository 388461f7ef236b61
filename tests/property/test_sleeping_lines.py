"""What is left out because nothing happens on a line changes nothing: walks repeated with every line kept awake.

The repeated gate gives the same Outputs after every Input, and at the end the same state, to the digit.
"""

import pytest

from risksvc.core.book import AccountBook
from risksvc.core.events import Ticked
from risksvc.core.gate import RiskGate
from risksvc.core.reservations import Reservation, ReservationStatus
from risksvc.core.types import SECOND, use_exact_arithmetic
from risksvc.gate.state_codec import state_hash
from tests.conftest import IN_CI
from tests.property.random_walk import STEPS, recorded

WALKS = 200 if IN_CI else 30


def wake(gate: RiskGate) -> int:
    """Wakes every line; gives back how many slept."""
    lines = [line for book in gate.state.accounts.values() for line in book.lines.values() if line.asleep]
    for line in lines:
        line.asleep = False
    return len(lines)


@pytest.mark.timeout(600)
def test_a_gate_whose_lines_never_sleep_decides_the_same() -> None:
    use_exact_arithmetic()
    slept = 0
    for seed in range(WALKS):
        walk, woken = recorded(seed, STEPS), RiskGate()
        for event, now, outputs in walk.log:
            slept += wake(woken)
            assert woken.apply(event, now) == outputs, f"seed {seed}: {event}"
        assert state_hash(woken) == state_hash(walk.gate), f"seed {seed}"
    assert slept > WALKS


@pytest.mark.timeout(600)
def test_what_is_busy_is_what_is_not_idle() -> None:
    use_exact_arithmetic()
    for seed in range(WALKS):
        gate = RiskGate()
        for event, now, _ in recorded(seed, STEPS).log:
            gate.apply(event, now)
            for book in gate.state.accounts.values():
                busy = [line for line in book.lines.values() if not line.idle]
                assert sorted(book.busy.lines) == sorted(line.key for line in busy), f"seed {seed}: {event}"
                marks = [mark.as_of for line in busy for mark in line.marks.values()]
                assert book.busy.ages == {as_of: marks.count(as_of) for as_of in marks}, f"seed {seed}: {event}"


@pytest.mark.timeout(600)
def test_what_is_due_at_a_tick_is_what_a_walk_over_every_watched_order_finds() -> None:
    use_exact_arithmetic()
    found = 0
    for seed in range(WALKS):
        gate = RiskGate()
        for event, now, _ in recorded(seed, STEPS).log:
            for book in gate.state.accounts.values() if isinstance(event, Ticked) else ():
                ripe = book.deadlines.ripen(now)
                assert set(ripe) <= book.watched.keys(), f"seed {seed}"
                assert ripe == [id_ for id_ in book.watched if id_ in ripe], f"seed {seed}"
                due = [id_ for id_, one in book.watched.items() if _may_be_due(book, one, now)]
                assert set(due) <= set(ripe), f"seed {seed}"
                found += len(due)
            gate.apply(event, now)
    assert found


def _may_be_due(book: AccountBook, one: Reservation, now: int) -> bool:
    over = now > one.valid_until + book.config.venue_window_ns
    looked_up = now - one.looked_up_at >= SECOND and (one.needs_look_up or over)
    return looked_up or (over and one.status is ReservationStatus.NEVER_SENT)
