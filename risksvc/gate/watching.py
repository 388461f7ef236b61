"""Who follows the trading state, and when they must hear of it.

A watcher is woken at once when something changed that it should hear of, and wakes by itself for each heartbeat. The
number of watchers is bounded. Never holds what a slow watcher has not read: it gets the state as it is when it reads.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from risksvc.core.denials import DenialReason
from risksvc.core.events import (
    FillReported,
    Input,
    OrderChecked,
    OrderReported,
    OrdersChecked,
    PositionReported,
    ReducingOrderChecked,
)
from risksvc.core.outputs import Output
from risksvc.core.state import GateState
from risksvc.core.trading_state import Halt
from risksvc.core.types import Nanoseconds, TradingState
from risksvc.core.venue_events import MarksReceived
from risksvc.gate.convert_strategy import halt_message
from risksvc.gate.owner import Owner
from risksvc.v1 import strategy_pb2, types_pb2

MAX_WATCHERS = 512
# These change no reason for being closed; what else they change shows in the state's version.
_QUIET = (
    OrderChecked,
    OrdersChecked,
    ReducingOrderChecked,
    OrderReported,
    FillReported,
    PositionReported,
    MarksReceived,
)


class TooManyWatchersError(Exception):
    """No room for another watcher."""


class Watcher:
    """One open stream."""

    def __init__(self, account: str, strategy: str) -> None:
        self.account = account
        self.strategy = strategy
        self.changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until something changed or the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        except TimeoutError:
            pass
        self.changed.clear()


class Watchers:
    """Every open stream. `heard` is an owner's listener; `look` is called now and then, since time closes too."""

    def __init__(self, owner: Owner, *, most: int = MAX_WATCHERS) -> None:
        self._owner = owner
        self._most = most
        self._open: dict[Watcher, None] = {}
        self.ended = False
        self._version = -1
        self._closures: dict[str, tuple[DenialReason, ...]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def end(self) -> None:
        """Lets every stream say its last word: the gate shuts down."""
        self.ended = True
        for watcher in self._open:
            watcher.changed.set()

    def watches(self, account: str, strategy: str) -> bool:
        """True when this strategy follows its state now."""
        return any(one.account == account and one.strategy == strategy for one in self._open)

    @contextmanager
    def following(self, account: str, strategy: str) -> Iterator[Watcher]:
        """Room for one stream. Raises TooManyWatchersError."""
        if len(self._open) >= self._most:
            raise TooManyWatchersError
        watcher = Watcher(account, strategy)
        self._open[watcher] = None
        try:
            yield watcher
        finally:
            del self._open[watcher]

    def heard(self, event: Input, _outputs: tuple[Output, ...], now: Nanoseconds) -> None:
        """Wakes everybody when this Input changed what they should hear of."""
        if self._owner.state.version != self._version or not isinstance(event, _QUIET):
            self.look(now)

    def look(self, now: Nanoseconds) -> None:
        """Wakes everybody when anything changed since the last look."""
        accounts = {one.account: None for one in self._open}
        closures = {account: self._owner.closed_because(account, now) for account in accounts}
        version = self._owner.state.version
        if version == self._version and closures == self._closures:
            return
        self._version, self._closures = version, closures
        for watcher in self._open:
            watcher.changed.set()


def state_message(
    owner: Owner, watcher: Watcher, *, sequence: int, heartbeat_ms: int, now: Nanoseconds
) -> strategy_pb2.WatchTradingStateResponse:
    """What one watcher is told now."""
    state = owner.state
    closed = list(owner.closed_because(watcher.account, now))
    if not _listed(state, watcher):
        closed.append(DenialReason.STRATEGY_UNKNOWN)
    trading = TradingState.HALTED if owner.fault else state.state_of(watcher.account, watcher.strategy)
    return strategy_pb2.WatchTradingStateResponse(
        trading_state=types_pb2.TradingState.ValueType(trading),
        halts=[halt_message(halt) for halt in state.halts.active() if _touches(halt, watcher)],
        sequence=sequence,
        sent_at_ns=now,
        heartbeat_ms=heartbeat_ms,
        closed_because=[types_pb2.DenialReason.ValueType(reason) for reason in sorted(closed)],
    )


def _listed(state: GateState, watcher: Watcher) -> bool:
    book = state.accounts.get(watcher.account)
    if state.limits is None or book is None or book.limits is None:
        return True  # said already, by another reason
    return watcher.strategy in book.limits.strategies


def _touches(halt: Halt, watcher: Watcher) -> bool:
    return halt.scope.account in ("", watcher.account) and halt.scope.strategy in ("", watcher.strategy)
