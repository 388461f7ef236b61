"""Tells the user's `on_state` of every change of the trading state, once each.

Rules: what the callback raises is logged and stops nothing; it is never told of a silence before it was told of a
state, and nothing more once the gate object is closed. One call at a time: the caller sees to that.
"""

import inspect
import logging
from collections.abc import Callable

from risksvc.client.clock import Instant
from risksvc.client.following import Follower, Halt
from risksvc.core.types import TradingState

logger = logging.getLogger("risksvc.client")

OnState = Callable[[TradingState | None, tuple[Halt, ...]], None]
"""Told of every change: the state (None: silent, treat as HALTED) and the halts in force that touch this strategy."""


class Teller:
    """Knows what was told last."""

    def __init__(self, on_state: OnState | None, *, follower: Follower) -> None:
        if on_state is not None and (inspect.iscoroutinefunction(on_state) or not callable(on_state)):
            raise TypeError("on_state: must be a plain function of (state, halts); it is called from the background")
        self._on_state = on_state
        self._follower = follower
        self._told: tuple[TradingState | None, tuple[Halt, ...]] | None = None

    def tell(self, now: Instant) -> None:
        """Call `on_state` if there is anything new to tell."""
        standing = self._follower.standing(now)
        view = (None, ()) if standing is None else standing.view()
        nothing_new = view == self._told or (self._told is None and standing is None)
        if self._on_state is None or nothing_new or self._follower.closed:
            return
        self._told = view
        try:
            self._on_state(*view)
        except Exception:
            logger.exception("on_state failed; the state itself is followed on")
