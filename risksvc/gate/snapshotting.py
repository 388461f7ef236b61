"""The process that makes a snapshot: `python -m risksvc.gate.snapshotting FOLDER BEFORE PARENT`.

It reads the newest usable snapshot and the closed segments after it (at most so many at once), applies every entry
again (and so proves, while the gate runs, that the journal can be replayed and gives what was recorded), and writes the
state before segment BEFORE. From the journal alone: a snapshot can't hold what the journal does not say. It takes no
lock, touches no segment, runs aside (`risksvc.gate.aside`) and ends with the gate (PARENT). It prints one line: a JSON
object, what it made or {"failed": why}.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from risksvc.core.types import RiskError, use_exact_arithmetic
from risksvc.gate.event_log import configure_logging
from risksvc.gate.memory import no_collections
from risksvc.gate.parent_death import die_with
from risksvc.gate.recovery import newest_usable
from risksvc.gate.replay import Replayed, replay
from risksvc.gate.segments import Link, read_closed
from risksvc.gate.snapshots import path_of, remove_others, write_snapshot

EXIT_FAILED = 1
SEGMENTS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Made:
    """A snapshot: before which segment, after how many entries, `replayed` of them now; `older`: the other one kept.

    `older` 0: there is no other one.
    """

    number: int
    entries: int
    replayed: int
    older: int
    bytes: int
    state_hash: str
    seconds: float


def make_snapshot(folder: Path, *, before: int, at_once: int = SEGMENTS_AT_ONCE) -> Made:
    """Makes the snapshot before a segment, keeps the one that it started from, removes all others.

    Where more than `at_once` segments would have to be read, it makes an earlier one, so that each run ends in good
    time and a late process catches up step by step.

    Raises ReplayError (the journal gives another state than it did), JournalCorruptError, SnapshotError, OSError.
    """
    began = time.monotonic()
    base, _ = newest_usable(folder, before=before)
    before = min(before, at_once + (base.link.number if base else 1))
    state, link = _replay_closed(folder, base.state if base else None, since=base.link if base else None, before=before)
    digest = write_snapshot(folder, link, state)
    older = base.link.number if base else 0
    remove_others(folder, (before, older))
    return Made(
        number=before,
        entries=link.entries,
        replayed=state.tail,
        older=older,
        bytes=path_of(folder, before).stat().st_size,
        state_hash=digest,
        seconds=round(time.monotonic() - began, 3),
    )


def _replay_closed(folder: Path, onto: Replayed | None, *, since: Link | None, before: int) -> tuple[Replayed, Link]:
    ends: list[Link] = []

    def payloads() -> Iterator[bytes]:
        for found in read_closed(folder, since=since, before=before):
            if isinstance(found, Link):
                ends.append(found)
            else:
                yield found

    state = replay(payloads(), onto=onto)
    return state, ends[0]


def main(words: list[str]) -> int:
    """Makes one snapshot; 0 when it stands."""
    folder, before, parent = Path(words[0]), int(words[1]), int(words[2])
    configure_logging()
    use_exact_arithmetic()
    try:
        die_with(parent)
        with no_collections():
            made = make_snapshot(folder, before=before)
    except (RiskError, OSError) as error:
        _say({"failed": str(error)})
        return EXIT_FAILED
    _say(asdict(made))
    return 0


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
