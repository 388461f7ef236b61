"""The drill: the seed's incident from divergence to review, played with real processes, led by what is printed.

`run_drill` sets a world up in which everybody has a mailbox, lets a process that never asks buy $200K, and then has two
operators do only what the last answer told them to type, until the incident is reviewed and closed. Every record is
checked: timeline, clocks, messages, certificate, cost, journal.
"""

import tempfile
from pathlib import Path

from risksvc.cli.demo.timeline import Timeline
from risksvc.cli.drill.acts import play
from risksvc.cli.drill.receivers import Receivers
from risksvc.cli.drill.world import DrillWorld


def run_drill(*, report: Path) -> int:
    """Plays the drill; 0 when every check held. The last line printed is a summary."""
    timeline = Timeline("drill")
    with (
        tempfile.TemporaryDirectory(prefix="risksvc-drill-") as folder,
        Receivers() as receivers,
        DrillWorld(Path(folder), receivers) as world,
    ):
        play(world, receivers, timeline)
        return timeline.finish(report)
