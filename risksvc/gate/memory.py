"""Full garbage collections that stay short, however much the gate remembers.

A full collection looks at every object there is, on the thread that decides: with some thousand reservations one held
up everything for 158 ms (a single run, on a busy machine), more than the lag at which the gate gives up its lease. What
has survived one is the gate's memory, freed by its reference count, so it is not looked at again: each full collection
costs only what was made since the one before. What is lost by that: a ring of objects that outlived a full collection
and is dropped later is never freed; the state should hold none.
"""

import gc
from typing import Any


def keep_collections_short() -> None:
    """From now on; to be called once, when what was recovered is in memory."""
    gc.callbacks.append(_spare_survivors)
    gc.collect()


def _spare_survivors(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] == 2:  # noqa: PLR2004 - the oldest
        gc.freeze()
