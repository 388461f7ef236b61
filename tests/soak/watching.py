"""What the gate says, looked at all the time: reads, suspicions, halts, each with when it was first seen."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import grpc

from risksvc.v1 import operator_pb2 as op
from risksvc.v1 import types_pb2
from tests.soak.world import SoakWorld

LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the status. Times are the gate's: `at_ns` of the answer, `read_at_ns` of the last complete read."""

    at_ns: int
    read_at_ns: int
    state: str
    closed: tuple[str, ...]
    halts: tuple[str, ...]
    suspects: tuple[str, ...]


def look_at(status: op.GetStatusResponse) -> Look:
    """One look. `read_at_ns` 0: nothing was ever read."""
    account = status.accounts[0]
    age_ms = account.snapshot_age_ms
    return Look(
        at_ns=status.now_ns,
        read_at_ns=0 if age_ms < 0 else status.now_ns - age_ms * 1_000_000,
        state=types_pb2.TradingState.Name(account.trading_state)[14:],
        closed=tuple(
            types_pb2.DenialReason.Name(one)[14:] for one in (*status.closed_because, *account.closed_because)
        ),
        halts=tuple(f"{one.trigger} {one.scope.instrument}: {one.reason}" for one in status.halts),
        suspects=tuple(f"{one.divergence_class} {one.instrument}" for one in account.divergences),
    )


@dataclass(slots=True)
class Watch:
    """Every look since it began."""

    looks: list[Look] = field(default_factory=list)

    def reads_between(self, from_ns: int, to_ns: int) -> int:
        """How many complete reads were taken in between two moments."""
        known = max((look.read_at_ns for look in self.looks if look.at_ns <= from_ns), default=0)
        count = 0
        for look in self.looks:
            # One read's time is told to a millisecond: it wobbles by that.
            if from_ns < look.at_ns <= to_ns and look.read_at_ns > known + 5_000_000:
                count, known = count + 1, look.read_at_ns
        return count

    def first(self, holds: Callable[[Look], bool], *, after_ns: int = 0) -> Look | None:
        """The first look that shows something."""
        return next((look for look in self.looks if look.at_ns >= after_ns and holds(look)), None)


@contextmanager
def watching(world: SoakWorld) -> Iterator[Watch]:
    """Looks from a thread of its own until the block ends."""
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            with suppress(grpc.RpcError):
                watch.looks.append(look_at(world.status()))

    thread = threading.Thread(target=look, name="watching", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def wall_ns() -> int:
    """The gate's clock is this machine's."""
    return time.time_ns()
