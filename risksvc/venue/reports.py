"""How failed reads are told: each one to the gate, the first and every change to the log.

A failure that calls for something (the clock, the markets) sets the event that whoever does it waits for.
"""

import asyncio
import logging
from collections.abc import Callable

from risksvc.v1 import venue_pb2
from risksvc.venue import wire
from risksvc.venue.failures import ReadFailure

_LOG = logging.getLogger("risksvc.venue")
_REPEAT_S = 30.0  # the same failure is logged again after so long


class FailureReports:
    """Tells failures for one session. `clock_off` and `markets_stale` are set when a failure calls for it.

    `unlisted`: the instrument that the last one named which the loaded markets lack; "": it named none.
    """

    def __init__(self, send: Callable[[venue_pb2.FeedRequest], None]) -> None:
        self._send = send
        self._logged: dict[str, tuple[str, float]] = {}
        self.clock_off = asyncio.Event()
        self.markets_stale = asyncio.Event()
        self.unlisted = ""

    def tell(self, failure: ReadFailure) -> None:
        """Tell a failure."""
        if failure.clock_off:
            self.clock_off.set()
        if failure.markets_stale:
            self.markets_stale.set()
            self.unlisted = failure.unknown_instrument
        now = asyncio.get_running_loop().time()
        text, at = self._logged.get(failure.what, ("", 0.0))
        if text != failure.error or now - at >= _REPEAT_S:
            self._logged[failure.what] = (failure.error, now)
            level = logging.ERROR if failure.permanent else logging.WARNING
            _LOG.log(level, "read failed: %s", failure)
        self._send(wire.read_failure(failure))

    def recovered(self, *whats: str) -> None:
        """Log that reads work again that had failed."""
        for what in whats:
            if self._logged.pop(what, None) is not None:
                _LOG.info("read works again: %s", what)
