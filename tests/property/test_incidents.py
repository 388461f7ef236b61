"""Incidents under any sequence of halts, clears, ticks, starts and people's words: what is always so.

Nothing open is forgotten; a halt in force keeps its incident open; severity only rises; a clock is missed once and told
once; the record is in order of time; what is told is a line of it; a tick without Outputs has changed nothing; a state
that is written and read goes on as before; the hash seed changes nothing.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from risksvc.core.events import Ticked
from risksvc.core.gate import RiskGate
from risksvc.core.incident.clocks import runs
from risksvc.core.incident.record import TOLD, EntryKind, Incident
from risksvc.core.incident.severity import SEVERITIES, worse
from risksvc.core.outputs import HaltRaised, IncidentChanged, Output
from risksvc.gate.state_codec import dump_gate, load_gate, state_hash
from tests.conftest import CI_PROPERTY_TIMEOUT_S, IN_CI
from tests.property.incident_walk import IncidentWalk, digest
from tests.unit.core.builders import World, given

if TYPE_CHECKING:
    from risksvc.core.types import Severity

ROOT = Path(__file__).resolve().parents[2]
WALKS = 2_000 if IN_CI else 100
PRINT_DIGEST = "from tests.property.incident_walk import digest; print(digest({walks}))"


class Invariants:
    """Holds what is always so against every step of one walk."""

    def __init__(self) -> None:
        self.severities: dict[str, Severity] = {}
        self.opened: dict[str, None] = {}

    def __call__(self, walk: IncidentWalk, outputs: tuple[Output, ...]) -> None:
        state = walk.world.gate.state
        known = state.incidents.by_id
        for incident_id in list(self.opened):
            assert incident_id in known, "an open incident was forgotten"
        self.opened = dict.fromkeys(one.incident_id for one in state.incidents.open())
        for incident in known.values():
            self._of_one(incident, walk.world)
        owned = {halt_id for one in state.incidents.open() for halt_id in one.halts}
        assert {halt.halt_id for halt in state.halts.active()} <= owned, "a halt in force has no open incident"
        told = [one for one in outputs if isinstance(one, IncidentChanged)]
        assert all(bool(one.message_id) is (EntryKind(one.kind) in TOLD) for one in told)
        raised = [one.halt.halt_id for one in outputs if isinstance(one, HaltRaised)]
        assert all(state.incidents.of_halt(halt_id) is not None for halt_id in raised)

    def _of_one(self, incident: Incident, world: World) -> None:
        before = self.severities.setdefault(incident.incident_id, incident.severity)
        assert worse(before, incident.severity) is incident.severity, "severity fell"
        self.severities[incident.incident_id] = incident.severity
        times = [entry.at for entry in incident.timeline]
        assert times == sorted(times)
        assert incident.timeline[0].kind is EntryKind.OPENED
        assert incident.forgotten == 0
        assert incident.told == sum(entry.kind in TOLD for entry in incident.timeline) == len(incident.messages)
        names = [clock.name for clock in incident.clocks]
        assert len(names) == len(set(names))
        assert set(SEVERITIES[incident.severity].clocks) <= set(names)
        missed = [clock for clock in incident.clocks if clock.missed_at is not None]
        assert all(clock.missed_at is not None and clock.missed_at >= clock.due_at for clock in missed)
        assert len(missed) == sum(entry.kind is EntryKind.ESCALATED for entry in incident.timeline)
        if isinstance(world.inputs[-1][0], Ticked):
            assert not any(runs(incident, clock) and clock.due_at <= world.now for clock in incident.clocks)


@pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S)
def test_what_is_always_so() -> None:
    kinds: dict[str, int] = {}
    for seed in range(WALKS):
        walk = IncidentWalk(seed, watch=Invariants()).run()
        for _, _, outputs in walk.log:
            for one in outputs:
                if isinstance(one, IncidentChanged):
                    kinds[one.kind] = kinds.get(one.kind, 0) + 1
    walked = {"OPENED", "HALTED", "SEVERITY", "NOTE", "OWNER", "CAUSE", "RESUMED", "ENDANGERED", "ENDANGERED_OVER"}
    assert kinds.keys() == walked | {"ESCALATED", "REVIEWED", "CLOSED"}


@pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S)
def test_a_journal_without_idle_ticks_and_a_state_that_was_written_give_the_same() -> None:
    for seed in range(WALKS // 4):
        walk = IncidentWalk(seed).run()
        fresh = RiskGate()
        for event, now in given().inputs:
            fresh.apply(event, now)
        for index, (event, now, outputs) in enumerate(walk.log):
            if isinstance(event, Ticked) and not outputs:
                continue  # not journaled
            if index % 17 == 0:
                fresh = load_gate(dump_gate(fresh))
            assert fresh.apply(event, now) == outputs, f"seed {seed}, entry {index}: {event}"
        fresh.apply(Ticked(), walk.world.now + 1)
        walk.world.gate.apply(Ticked(), walk.world.now + 1)
        assert state_hash(fresh) == state_hash(walk.world.gate), f"seed {seed}"


@pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S)
def test_the_hash_seed_changes_nothing() -> None:
    digests = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST.format(walks=WALKS // 10)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.strip())
    assert digests == [digest(WALKS // 10)] * 2
