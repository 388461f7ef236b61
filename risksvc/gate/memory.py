"""Collections and threads of the gate that never hold up a check for long, however much it remembers and does beside.

Collections: what the gate remembers is freed by its reference count. Only rings need to be found, and those are young:
so only young objects are looked at; what has survived two looks is looked at once millions more have, and then never
again. Measured over 20,000 orders that stay (processor time of one thread, 2 cores at 2 GHz or so): with Python's own
thresholds one collection took 200 ms and all of them 36 % of the time; with these, 3 to 5 ms and 10 %. What is lost: a
ring of objects that was there for long and is dropped later is freed late or never; the state should hold none.

Threads: one that works in Python beside the deciding one gives way after an interval. Measured with a busy thread
beside: a wait of 1 ms was late by 5.2 ms at the median with Python's own 5 ms, by 0.25 ms with 0.1 ms; the busy thread
did as much.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SWITCH_SECONDS = 0.0001
# New objects before a look; looks before the survivors of the one before are looked at again; and before all are.
_THRESHOLDS = (2_000, 1, 1_000)


def keep_collections_short() -> None:
    """From now on; to be called once, when what was recovered is in memory."""
    gc.callbacks.append(_spare_survivors)
    gc.collect()
    gc.set_threshold(*_THRESHOLDS)


def _spare_survivors(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == 2:  # noqa: PLR2004 - the oldest
        gc.freeze()


@contextmanager
def no_collections() -> Iterator[None]:
    """Inside, many small objects are made and none of them is garbage: looking for it takes longer than the work."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def keep_threads_short() -> None:
    """From now on; to be called once, at the start of the process."""
    sys.setswitchinterval(SWITCH_SECONDS)
