"""A strategy that goes on trading whatever the venue does, and knows its fills even when the venue hides them.

A thread: real `guard`, real ccxt, real orders. What it holds it learns from the paper venue's control API, which no
fault touches, so its belief is always right: whatever the gate then suspects or halts comes from the venue.
"""

import random
import threading
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import Any, Unpack

import ccxt

from risksvc.cli.demo.trader import Tracker, paper_exchange
from risksvc.client import Decision, OrderArguments, OrderDenied, RiskGate, guard, new_client_order_id
from tests.soak.world import SoakWorld, unified

EVERY_S = 0.2
TIMEOUT_MS = 1_000
# Instrument, lot, where the position is kept: one is always held, so that "flat" would be wrong.
KEPT = {"BTC/USDT:USDT": (Decimal("0.004"), Decimal("0.1")), "ETH/USDT:USDT": (Decimal("0.08"), Decimal(0))}
AROUND_LOTS = 3


class RecordingGate(RiskGate):
    """The gate as strategies use it; `approvals` holds when each was decided, on the gate's clock."""

    def __init__(self, target: str, *, account: str, strategy: str) -> None:
        super().__init__(target, account=account, strategy=strategy)
        self.approvals: list[int] = []

    def check(self, **order: Unpack[OrderArguments]) -> Decision:
        decision = super().check(**order)
        if decision.approved and decision.response is not None:
            self.approvals.append(decision.response.decided_at_ns)
        return decision


class SteadyTrader(threading.Thread):
    """Trades until `end`."""

    def __init__(self, world: SoakWorld, *, seed: int, every_s: float = EVERY_S) -> None:
        super().__init__(name="trader", daemon=True)
        self.world, self.chance, self.every_s = world, random.Random(seed), every_s
        exchange = paper_exchange(world.venue_url, key="paper-trade", secret="paper-trade-secret")
        exchange.timeout = TIMEOUT_MS
        exchange.load_markets()
        self.gate = RecordingGate(world.gate, account="main", strategy="taker")
        assert self.gate.wait_ready(20), "the gate is not heard"
        self.exchange = guard(exchange, self.gate)
        self.tracker = Tracker()
        self.denials: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.mine: set[str] = set()
        self.seen: set[str] = set()
        self.ended = threading.Event()

    def end(self) -> None:
        """Ends the trading, and tells what was not told yet."""
        self.ended.set()
        self.join()
        self.book()
        self.gate.close()

    def run(self) -> None:
        """One order after another."""
        while not self.ended.wait(self.every_s):
            with suppress(OSError):
                self.book()
            symbol = self.chance.choice(list(KEPT))
            lot, kept = KEPT[symbol]
            off = (self.tracker.held(symbol) - kept) / lot
            side = self.chance.choice(("buy", "sell")) if abs(off) < AROUND_LOTS else "sell" if off > 0 else "buy"
            self.trade(symbol, side, lot)
            for name, held in self.tracker.items():
                self.gate.position(name, held)

    def trade(self, symbol: str, side: str, quantity: Decimal) -> bool:
        """Asks, and sends what was approved; False when it was denied or refused."""
        name = new_client_order_id()
        self.mine.add(name)
        most = abs(KEPT[symbol][1]) + 6 * KEPT[symbol][0]
        try:
            self.exchange.create_order(
                symbol,
                "market",
                side,
                str(quantity),
                None,
                {"clientOrderId": name},
                intended_position=(-most, most),
                believed_position=self.tracker.held(symbol),
            )
        except OrderDenied as denied:
            self.denials[str(denied.denial.reason)] += 1
            return False
        except ccxt.BaseError as error:  # approved; what became of it the fills will tell
            self.errors[type(error).__name__] += 1
        return True

    def booked(self, symbol: str) -> Decimal:
        """What it holds, after a look."""
        self.book()
        return self.tracker.held(symbol)

    def book(self) -> None:
        """Takes in, and reports, every fill of its own that it has not seen."""
        for row in reversed(self.world.at_venue()["newest_executions"]):
            if row["execId"] not in self.seen and row["orderLinkId"] in self.mine:
                self.seen.add(row["execId"])
                self._take(row)

    def _take(self, row: dict[str, Any]) -> None:
        symbol, side, quantity = unified(row["symbol"]), row["side"].lower(), Decimal(row["execQty"])
        self.tracker.add(symbol, quantity if side == "buy" else -quantity)
        self.gate.fill(
            row["orderLinkId"],
            instrument=symbol,
            side=side,
            quantity=quantity,
            price=row["execPrice"],
            trade_id=row["execId"],
            venue_time_ms=int(row["execTime"]),
        )
