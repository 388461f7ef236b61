"""What Prometheus sees of the state's snapshots: how far behind the newest is, whether the last attempt made one."""

import math
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from risksvc.core.types import SECOND, Nanoseconds
from risksvc.gate.snapshot_keeper import SnapshotStats


def snapshot_metrics(snapshots: SnapshotStats, *, entries: int, now: Nanoseconds) -> Iterator[Metric]:
    """`entries`: in the journal now. No snapshot: its age is +Inf, and every entry counts as behind."""
    age = max(0.0, now / SECOND - snapshots.made_at) if snapshots.number else math.inf
    yield GaugeMetricFamily(
        "risksvc_journal_snapshot_age_seconds", "Age of the newest snapshot of the state; +Inf: none.", age
    )
    yield GaugeMetricFamily(
        "risksvc_journal_snapshot_entries_behind",
        "Journal entries since the newest snapshot: what a start applies again.",
        max(0, entries - snapshots.entries),
    )
    yield CounterMetricFamily(
        "risksvc_journal_snapshot_failures",
        "Attempts that made no snapshot: the journal could not be replayed, or the file not be written.",
        value=snapshots.failures,
    )
    yield GaugeMetricFamily(
        "risksvc_journal_snapshot_last_successful",
        "0 while the last attempt made no snapshot: the next start may be refused.",
        float(not snapshots.failed),
    )
