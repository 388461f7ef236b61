"""The demo: the $200K incident, played by real processes and checked act by act.

`run_demo` sets a small world up (Redis, paper venue, venue process, gate, two strategies, one program that never asks),
plays six acts, prints a timeline, writes a report, and fails if anything was not as it should be.
"""

import tempfile
from pathlib import Path

from risksvc.cli.demo.acts import play
from risksvc.cli.demo.timeline import Timeline
from risksvc.cli.demo.world import World


def run_demo(*, keep_running: bool, report: Path) -> int:
    """Plays the demo; 0 when every check held. `keep_running`: the world stays up afterwards, until Ctrl-C."""
    timeline = Timeline()
    with tempfile.TemporaryDirectory(prefix="risksvc-demo-") as folder, World(Path(folder)) as world:
        play(world, timeline)
        code = timeline.finish(report)
        if keep_running:
            world.keep_up(timeline)
    return code
