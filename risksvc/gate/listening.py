"""Who hears of the owner's steps, and of which.

Most steps of a gate are approved checks, and an approved check alone moves nothing that most listeners look for: no
halt, no notice, no incident, no version of the state. So each says when it comes whether it wants these routine steps
too: what must hear of every check is paid for by every check. Whoever only listens can't undo or stop anything: what it
raises is logged, and the next one hears.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Self

from risksvc.core.events import Input, OrderChecked, OrdersChecked
from risksvc.core.outputs import Decision, Output
from risksvc.core.types import Nanoseconds

_log = logging.getLogger(__name__)

Listener = Callable[[Input, tuple[Output, ...], Nanoseconds], None]


def is_routine(event: Input, outputs: tuple[Output, ...]) -> bool:
    """A strategy's check, or every order of its batch, that was approved, and gave nothing besides."""
    if type(event) is OrdersChecked and len(outputs) == len(event.orders):
        return all(type(one) is Decision and not one.denials for one in outputs)
    if type(event) is not OrderChecked or len(outputs) != 1:
        return False
    decision = outputs[0]
    return type(decision) is Decision and not decision.denials


class Listeners:
    """Called in the order in which they came. They must be quick and must not submit."""

    __slots__ = ("_every", "_routine")

    def __init__(self) -> None:
        self._every: tuple[Listener, ...] = ()
        self._routine: tuple[Listener, ...] = ()

    def append(self, listener: Listener, *, routine: bool = True) -> None:
        """Adds one. `routine`: it wants approved checks that gave nothing else, too."""
        self._every += (listener,)
        if routine:
            self._routine += (listener,)

    def extend(self, listeners: Iterable[Listener], *, routine: bool = True) -> None:
        """Adds several, all alike."""
        for listener in listeners:
            self.append(listener, routine=routine)

    def remove(self, listener: Listener) -> None:
        """Lets one go; harmless when it is not there."""
        self._every = tuple(one for one in self._every if one != listener)
        self._routine = tuple(one for one in self._routine if one != listener)

    def __iadd__(self, listeners: Iterable[Listener]) -> Self:
        self.extend(listeners)
        return self

    def tell(self, event: Input, outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        """Tells everybody who wants to hear of this step. Never raises."""
        waiting = iter(self._routine if is_routine(event, outputs) else self._every)
        while True:
            try:
                for listener in waiting:
                    listener(event, outputs, now)
            except Exception:  # noqa: BLE001 - what was decided stands; whoever only listens can't undo it
                _log.exception("a listener failed on %s", type(event).__name__)
            else:
                return
