"""A snapshot and the tail give what the whole journal gives: for any walk, any size of segments, any cut.

The state's hash is compared, so every attribute of it; and every Output of the tail.
"""

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.core.gate import RiskGate
from risksvc.gate.journal import Journal
from risksvc.gate.recovery import recover
from risksvc.gate.replay import replay
from risksvc.gate.segments import list_segments
from risksvc.gate.snapshotting import make_snapshot
from risksvc.gate.state_codec import dump_gate, load_gate, state_hash
from tests.conftest import CI_PROPERTY_TIMEOUT_S, IN_CI
from tests.corpus.walk import OwnedWalk
from tests.property.random_walk import STEPS, recorded

WALKS = 1_000 if IN_CI else 40
JOURNALS = 300 if IN_CI else 25


@pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S)
def test_a_state_that_was_written_and_read_anywhere_decides_as_before() -> None:
    for seed in range(WALKS):
        log = recorded(seed, STEPS).log
        cuts = Random(seed).sample(range(len(log)), k=min(3, len(log)))
        straight, cut = RiskGate(), RiskGate()
        for index, (event, now, outputs) in enumerate(log):
            if index in cuts:
                cut = load_gate(dump_gate(cut))
            straight.apply(event, now)
            assert cut.apply(event, now) == outputs, f"seed {seed}, entry {index}: {event}"
        assert state_hash(cut) == state_hash(straight), f"seed {seed}"


@pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S)
@settings(max_examples=JOURNALS)
@given(seed=st.integers(0, 10_000), segment_entries=st.integers(5, 60), cuts=st.lists(st.integers(2, 12), max_size=3))
def test_a_journal_with_snapshots_gives_the_state_that_wrote_it(
    seed: int, segment_entries: int, cuts: list[int]
) -> None:
    with tempfile.TemporaryDirectory(prefix="rs") as name:
        folder = Path(name)
        with Journal(folder, segment_entries=segment_entries) as journal:
            walk = OwnedWalk(seed, journal)
            walk.run(STEPS)
            walk._fail_read()  # what is idle (a tick, a lease) is not in the journal: the last entry is
            live = state_hash(walk.gate.owner._gate)  # type: ignore[attr-defined]
        for before in sorted(set(cuts)):
            if before <= len(list_segments(folder)):
                make_snapshot(folder, before=before)
        with Journal(folder) as journal:
            found = recover(journal)
            assert state_hash(found.gate) == live
            assert state_hash(replay(journal.recover()).gate) == live
