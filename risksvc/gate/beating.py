"""What time alone brings about in the gate process: ticks for the core, a look at what watchers should hear, the lag.

The watchdog rests on one fact: a loop that wakes late was not running, and what it decides next may rest on old reads.
Late by more than a third of a lease, it gives the lease up; the next good read of the store gives another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from risksvc.core.events import LeaseLost, Ticked
from risksvc.core.types import MILLISECOND, SECOND
from risksvc.gate.app import GateApp
from risksvc.gate.incident.watched import tell_watched
from risksvc.gate.owner import GateClosedError

TICK_NS = 100 * MILLISECOND
WATCH_NS = 20 * MILLISECOND


async def tick(app: GateApp, *, tell_health: Callable[[], Awaitable[None]]) -> None:
    """Every 100 ms, until cancelled."""
    while True:
        await asyncio.sleep(TICK_NS / SECOND)
        with suppress(GateClosedError):
            tell_watched(app)
            app.owner.submit(Ticked())
        app.watchers.look(app.clock.now())
        await tell_health()


async def watch_lag(app: GateApp) -> None:
    """Until cancelled."""
    most = app.settings.lease_ns // 3
    while True:
        due = app.clock.now() + WATCH_NS
        await asyncio.sleep(WATCH_NS / SECOND)
        late = app.clock.now() - due
        if late <= most:
            continue
        app.counters.late_loops += 1
        with suppress(GateClosedError):
            app.owner.submit(LeaseLost(store_lost=False, why=f"the event loop lagged by {late // MILLISECOND} ms"))
