"""What may be traded: halts and clears as an observed-remove set.

Rule 1: halts and clears are only ever added. Rule 2: a clear names the halts that it clears, so it can't erase one that
its author did not see. Rule 3: a scope's state is the strictest of the uncleared halts that cover it. Rule 4: merging
is union, in any order and as often as one likes. No halt ever runs out by time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from risksvc.core.types import ACTIVE, Nanoseconds, Scope, Severity, TradingState

# The origin of a halt that the command line wrote into the store itself: no gate raised it.
BY_COMMAND_LINE = "cli"


@dataclass(frozen=True, slots=True)
class Halt:
    """One halt. `trigger` is a name from the trip table or "OPERATOR"; `by` an operator's name or "gate:<id>".

    `origin`: the gate that raised it, or BY_COMMAND_LINE.
    """

    halt_id: str
    scope: Scope
    state: TradingState
    severity: Severity
    trigger: str
    reason: str
    by: str
    at: Nanoseconds
    origin: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Clears one halt. `by` holds every person who took part, the proposer first."""

    halt_id: str
    by: tuple[str, ...]
    at: Nanoseconds
    reason: str


class HaltSet:
    """The observed-remove set, and the states that follow from it."""

    __slots__ = ("_active", "_clears", "_halts")

    def __init__(self) -> None:
        self._halts: dict[str, Halt] = {}
        self._clears: dict[str, Clear] = {}
        self._active: dict[str, Halt] = {}

    def add_halt(self, halt: Halt) -> bool:
        """Takes a halt in; True when it was not known. The first of two with one id stands."""
        if halt.halt_id in self._halts:
            return False
        self._halts[halt.halt_id] = halt
        if halt.halt_id not in self._clears:
            self._active[halt.halt_id] = halt
        return True

    def add_clear(self, clear: Clear) -> bool:
        """Takes a clear in, before or after its halt; True when it was not known."""
        if clear.halt_id in self._clears:
            return False
        self._clears[clear.halt_id] = clear
        self._active.pop(clear.halt_id, None)
        return True

    def active(self) -> Iterator[Halt]:
        """The halts in force, oldest first."""
        return iter(self._active.values())

    def halt(self, halt_id: str) -> Halt | None:
        """A halt by its id, cleared or not."""
        return self._halts.get(halt_id)

    def is_cleared(self, halt_id: str) -> bool:
        """True when a clear names it."""
        return halt_id in self._clears

    def covering(self, account: str, strategy: str, instrument: str) -> Sequence[Halt]:
        """The halts in force that cover an order of this account, strategy and instrument."""
        if not self._active:
            return ()
        return [halt for halt in self._active.values() if halt.scope.covers(account, strategy, instrument)]

    def state(self, account: str, strategy: str, instrument: str) -> TradingState:
        """The strictest state over such an order."""
        if not self._active:
            return ACTIVE
        return max((halt.state for halt in self.covering(account, strategy, instrument)), default=ACTIVE)
