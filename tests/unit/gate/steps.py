"""A small world for the owner's tests: a clock moved by hand, a journal in memory, Inputs that open the gate."""

import asyncio
import re
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum

from risksvc.core.config import RULES, AccountConfig, GateConfig
from risksvc.core.events import GateStarted, Input, LeaseRenewed, LimitsLoaded, OrderChecked
from risksvc.core.limits import AccountLimits, InstrumentLimits, Limit, Limits, StrategyLimits
from risksvc.core.types import SECOND, Instrument, InstrumentKind, Order, OrderType, PositionRange, Side
from risksvc.core.venue_events import FeedConnected, Mark, MarksReceived, SnapshotReceived
from risksvc.gate.journal import JournalStats, JournalWriteError
from tests.unit.gate.state_graph import every_attribute

BTC = "BTC/USDT:USDT"
START = 1_000 * SECOND


class StepClock:
    """Every reading is one microsecond after the one before; `at` may be set."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> int:
        self.at += 1_000
        return self.at


class MemoryJournal:
    """Entries in a list. `fail_at`: the entry (from 1) that a full disk refuses; so are all after it."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.fail_at = 0
        self.reads = 0
        self.syncs = 0
        self.not_durable: Exception | None = None

    def recover(self) -> Iterator[bytes]:
        self.reads += 1
        yield from list(self.entries)

    def append(self, payload: bytes) -> None:
        if self.fail_at and len(self.entries) + 1 >= self.fail_at:
            raise JournalWriteError("no space left on device")
        self.entries.append(payload)

    async def durable(self) -> None:
        await asyncio.sleep(0)
        self.commit()

    def commit(self) -> None:
        self.syncs += 1
        if self.not_durable is not None:
            raise self.not_durable

    @property
    def stats(self) -> JournalStats:
        return JournalStats(len(self.entries), 0, 1, "memory", "process", 0, 0, "")


def opening(at: int = START) -> list[Input]:
    """What opens a gate on a flat account."""
    config = GateConfig("gate-1", {"main": AccountConfig()}, rules=RULES)
    instrument = Instrument(BTC, InstrumentKind.LINEAR, "BTC", "USDT", Decimal(1))
    limits = Limits(
        currency="USD",
        rates={"USDT": Decimal(1)},
        accounts={
            "main": AccountLimits(
                max_total_exposure=Limit(Decimal(150_000)),
                instruments={BTC: InstrumentLimits(Limit(Decimal(50_000)), price_collar=Decimal(5))},
                strategies={"mm": StrategyLimits(band=Limit(Decimal(150)))},
            )
        },
        hash="h",
    )
    feed = FeedConnected("main", "test", (instrument,), True, 36, "a-z0-9-", True)
    return [
        GateStarted(config),
        LimitsLoaded(limits, "test", "first"),
        LeaseRenewed(at + 1_000 * SECOND),
        feed,
        MarksReceived("main", at, (Mark(BTC, Decimal(50_000)),)),
        SnapshotReceived("main", at, 1, 2, (), ()),
    ]


def order(id_: str = "o-1", *, quantity: str = "0.1") -> OrderChecked:
    """An order that passes."""
    one = Order("main", "mm", id_, BTC, Side.BUY, OrderType.LIMIT, Decimal(quantity), Decimal(50_000))
    return OrderChecked(one, PositionRange(Decimal(1), Decimal(1)), Decimal(0), "v1")


def picture(value: object) -> object:
    """Everything that an object holds, as plain values that can be compared."""
    if isinstance(value, dict):
        return [(picture(key), picture(one)) for key, one in value.items()]
    if isinstance(value, list | tuple | deque):
        return [picture(one) for one in value]
    if isinstance(value, Enum | re.Pattern) or type(value).__module__ in ("builtins", "decimal"):
        return value
    return type(value).__name__, [(name, picture(getattr(value, name))) for name in every_attribute(value)]
