import dataclasses

import pytest

from risksvc.core.outputs import Decision
from risksvc.core.types import SECOND
from risksvc.gate.codec import encode
from risksvc.gate.replay import ReplayError, replay
from tests.unit.gate.steps import START, opening
from tests.unit.gate.test_owner import World, decide


@pytest.fixture
def world() -> World:
    """An owner with an open gate."""
    made = World()
    for event in opening():
        made.owner.submit(event)
    return made


def test_a_changed_output_is_named_by_its_entry(world: World) -> None:
    decide(world)
    entry = world.written()[-1]
    decision = entry.outputs[0]
    assert isinstance(decision, Decision)
    changed = dataclasses.replace(decision, limits_hash="other")
    world.journal.entries[-1] = encode(entry.seq, entry.now, entry.input, (changed,))
    with pytest.raises(ReplayError, match=rf"journal entry {entry.seq}: OrderChecked gives other outputs") as error:
        replay(world.journal.recover())
    assert error.value.seq == entry.seq


def test_a_missing_entry_is_named(world: World) -> None:
    del world.journal.entries[2]
    with pytest.raises(ReplayError, match="entry 4: entry 3 is expected"):
        replay(world.journal.recover())


def test_an_entry_that_fails_now_is_named(world: World) -> None:
    entry = world.written()[-1]
    world.journal.entries[-1] = encode(entry.seq, START - SECOND, entry.input, entry.outputs)
    with pytest.raises(ReplayError, match=f"entry {entry.seq}: SnapshotReceived can't be applied again"):
        replay(world.journal.recover())


def test_an_empty_journal_gives_a_fresh_gate() -> None:
    found = replay([])
    assert (found.entries, found.last, found.limits_loaded) == (0, 0, None)
