"""What Prometheus sees of the journal's files: the room on their disk, their number, what went too early."""

import math
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from risksvc.gate.disk_room import disk_room
from risksvc.gate.journal import JournalStats


def disk_metrics(journal: JournalStats) -> Iterator[Metric]:
    """Read now. What the system can't say is NaN, never 0 and never enough."""
    room = disk_room(Path(journal.path))
    yield GaugeMetricFamily(
        "risksvc_journal_disk_free_bytes",
        "Room left on the disk that holds the journal; when it is used up, everything is denied.",
        math.nan if room is None else room.free,
    )
    yield GaugeMetricFamily(
        "risksvc_journal_disk_bytes",
        "Size of the disk that holds the journal.",
        math.nan if room is None else room.total,
    )
    yield GaugeMetricFamily("risksvc_journal_segments", "Files of the journal.", journal.segments)
    yield CounterMetricFamily(
        "risksvc_journal_segments_forgotten_early",
        "Files of the journal deleted before journal.keep was over, because it is beyond journal.max_size.",
        value=journal.forgotten_early,
    )
