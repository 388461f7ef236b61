"""What is told of the state's snapshots; no snapshot is never a young one."""

import math

import pytest

from risksvc.core.types import SECOND
from risksvc.gate.snapshot_keeper import SnapshotStats
from risksvc.gate.snapshot_metrics import snapshot_metrics

NOW = 1_000 * SECOND


@pytest.mark.parametrize(
    ("stats", "age", "behind", "successful"),
    [
        (SnapshotStats(), math.inf, 70, 1),
        (SnapshotStats(number=3, entries=50, made_at=990.5), 9.5, 20, 1),
        (SnapshotStats(number=3, entries=50, made_at=2000.0, failures=2, failed="disk full"), 0, 20, 0),
    ],
)
def test_age_entries_behind_and_failures(stats: SnapshotStats, age: float, behind: int, successful: int) -> None:
    found = {
        sample.name: sample.value for one in snapshot_metrics(stats, entries=70, now=NOW) for sample in one.samples
    }

    assert found == {
        "risksvc_journal_snapshot_age_seconds": age,
        "risksvc_journal_snapshot_entries_behind": behind,
        "risksvc_journal_snapshot_failures_total": stats.failures,
        "risksvc_journal_snapshot_last_successful": successful,
    }
