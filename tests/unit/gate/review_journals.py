"""A gate's life written into a real journal, and the review's material read from it."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from risksvc.core import events
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import Output
from risksvc.gate.codec import encode
from risksvc.gate.journal import Journal
from risksvc.gate.replay import Replayed
from risksvc.gate.review.case import ReviewWanted
from risksvc.gate.review.journal import read_material
from risksvc.gate.review.material import ReviewMaterial
from risksvc.gate.segments import list_segments, stored_link
from risksvc.gate.snapshots import write_snapshot
from tests.unit.core.builders import World, given


def write_journal(world: World, folder: Path, *, segment_entries: int = 5_000) -> Path:
    """Everything that a world was told, as its gate would have journaled it."""
    gate = RiskGate()
    with Journal(folder, segment_entries=segment_entries) as journal:
        list(journal.recover())
        for number, (event, now) in enumerate(world.inputs, 1):
            journal.append(encode(number, now, event, gate.apply(event, now)))
    return folder


def forget_first_segments(world: World, folder: Path, *, kept: int, snapshot: bool) -> int:
    """As retention leaves it: the first segments are gone; gives how many entries. `snapshot`: of the state there."""
    *gone, first = list_segments(folder)[: -kept + 1 or None]
    link = stored_link(first)
    if snapshot:
        gate, last = RiskGate(), 0
        for event, now in world.inputs[: link.entries]:
            gate.apply(event, now)
            last = now
        write_snapshot(folder, link, Replayed(gate, entries=link.entries, last=last))
    for path in gone:
        path.unlink()
    return link.entries


def told(world: World, folder: Path, **wanted: Any) -> ReviewMaterial:  # noqa: ANN401 - the fields of ReviewWanted
    """The material of a world's journal, which is written for it."""
    return material(write_journal(world, folder), **wanted)


def fills(found: ReviewMaterial) -> list[tuple[str, str, Decimal]]:
    """Strategy, decision and quantity of each fill."""
    return [(one.strategy, one.decision_id, one.quantity) for one in found.case.fills]


def material(folder: Path, **wanted: Any) -> ReviewMaterial:  # noqa: ANN401 - the fields of ReviewWanted
    return read_material(folder, ReviewWanted(**wanted), lambda _: None)


def append(world: World, folder: Path, later: Sequence[tuple[events.Input, tuple[Output, ...]]]) -> None:
    """Entries that this version's core does not give by itself, one nanosecond after another."""
    with Journal(folder) as journal:
        list(journal.recover())
        for number, (event, outputs) in enumerate(later, len(world.inputs) + 1):
            journal.append(encode(number, world.now + number, event, outputs))


def diverged() -> World:
    """The seed's bug: 0.4 are held, the tracker says 0, until the gate halts."""
    world = given()
    world.hold("o-a", "0.4")
    world.wait(60)
    world.believe(0)
    world.refresh()
    world.wait(1)
    return world
