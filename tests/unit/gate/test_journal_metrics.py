"""The journal's disk and files as Prometheus sees them: what nobody knows is never room."""

import math
from pathlib import Path

from risksvc.gate.journal import JournalStats
from risksvc.gate.journal_metrics import disk_metrics


def read(folder: Path) -> dict[str, float]:
    stats = JournalStats(7, 900, 3, str(folder), "process", 0, 0, "", forgotten_early=2)
    return {sample.name: sample.value for family in disk_metrics(stats) for sample in family.samples}


def test_the_disk_and_the_files(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert 0 < found["risksvc_journal_disk_free_bytes"] <= found["risksvc_journal_disk_bytes"]
    assert found["risksvc_journal_segments"] == 3
    assert found["risksvc_journal_segments_forgotten_early_total"] == 2


def test_a_disk_that_can_not_be_asked_has_no_room_that_anybody_knows_of(tmp_path: Path) -> None:
    found = read(tmp_path / "gone")
    assert math.isnan(found["risksvc_journal_disk_free_bytes"])
    assert math.isnan(found["risksvc_journal_disk_bytes"])
