"""A strategy that trades at random, so many market orders a second: the unmodified ccxt behind `guard`.

A process of its own. It sends belief and intended range with each order, keeps its tracker from the fills that it reads
at the venue and reports them, and stays within a small position in each instrument whatever of its orders fills. One
JSON line when it begins, one at its end: what was asked, approved, denied and filled, and what it holds.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from risksvc.cli.demo.trader import Tracker, paper_exchange
from risksvc.client import AsyncRiskGate, OrderDenied, guard, new_client_order_id

LOOK_EVERY_S = 0.25
OVERLAP_MS = 2_000
LOT_USD = Decimal(200)
MOST_LOTS = 4
SIDES = {"buy": 1, "sell": -1}


class Taker:
    """Trades until told to stop."""

    def __init__(self, exchange: Any, gate: AsyncRiskGate, *, lots: dict[str, Decimal], seed: int) -> None:  # noqa: ANN401 - ccxt has no types
        self.raw, self.gate = exchange, gate
        self.exchange = guard(exchange, gate)
        self.lots, self.chance = lots, random.Random(seed)
        self.tracker = Tracker()
        self.pending: Counter[tuple[str, str]] = Counter()  # lots on their way, by instrument and side
        self.mine: dict[str, Decimal] = {}  # what is not filled yet, by client order id
        self.seen: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.denials: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    async def run(self, seconds: float, per_second: float) -> None:
        """Trades for so long, then hears of its last fills."""
        due = began = time.monotonic()
        looking = asyncio.create_task(self._keep_looking())
        orders: set[asyncio.Task[None]] = set()
        while due < began + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            order = asyncio.create_task(self._order())
            orders.add(order)
            order.add_done_callback(orders.discard)
            due += self.chance.expovariate(per_second)
        await asyncio.gather(*orders)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await self._hear_the_last(ends_s=due + 10)
        await self.gate.flush(10)
        for symbol in self.lots:
            self.gate.position(symbol, self.tracker.held(symbol))
        await self.gate.flush(5)

    async def _hear_the_last(self, *, ends_s: float) -> None:
        await self._look()
        if self.mine and time.monotonic() < ends_s:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._hear_the_last(ends_s=ends_s)

    # -- trading ---------------------------------------------------------------------------------------------------

    def _side(self, symbol: str) -> str:
        """A side on which another lot stays within bounds, whatever fills; empty: none does."""
        held = self.tracker.held(symbol) / self.lots[symbol]
        fits = [side for side, sign in SIDES.items() if sign * held + self.pending[symbol, side] + 1 <= MOST_LOTS]
        return self.chance.choice(fits) if fits else ""

    async def _order(self) -> None:
        symbol = self.chance.choice(list(self.lots))
        side = self._side(symbol)
        if not side:
            self.counts["left out"] += 1
            return
        lot, name = self.lots[symbol], new_client_order_id()
        self.pending[symbol, side] += 1
        self.mine[name] = lot
        self.counts["asked"] += 1
        try:
            await self.exchange.create_order(
                symbol,
                "market",
                side,
                str(lot),
                None,
                {"clientOrderId": name},
                intended_position=(-MOST_LOTS * lot, MOST_LOTS * lot),
                believed_position=self.tracker.held(symbol),
            )
        except OrderDenied as denied:
            self.denials[str(denied.denial.reason)] += 1
            self._forget(symbol, side, name)
        except ccxt.BaseError as error:  # its fate is not known: it stays pending, and a fill may still come
            self.errors[f"{type(error).__name__}: {error}"[:120]] += 1
        else:
            self.counts["approved"] += 1

    def _forget(self, symbol: str, side: str, name: str) -> None:
        if self.mine.pop(name, None) is not None:
            self.pending[symbol, side] -= 1

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            try:
                await self._look()
            except ccxt.BaseError as error:
                self.errors[f"looking: {type(error).__name__}: {error}"[:120]] += 1
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        since = self.raw.milliseconds() - OVERLAP_MS
        for row in reversed(await self.raw.fetch_my_trades(None, since, 100)):
            name = row["info"]["orderLinkId"]
            if row["id"] not in self.seen and name in self.mine:
                self.seen.add(row["id"])
                self._book(row, name)

    def _book(self, row: Any, name: str) -> None:  # noqa: ANN401 - ccxt has no types
        symbol, side, amount = row["symbol"], row["side"], Decimal(row["amount"])
        self.counts["fills"] += 1
        self.tracker.add(symbol, SIDES[side] * amount)
        self.gate.fill(
            name,
            instrument=symbol,
            side=side,
            quantity=amount,
            price=row["price"],
            trade_id=row["id"],
            venue_time_ms=row["timestamp"],
        )
        self.mine[name] -= amount
        if not self.mine[name]:
            self._forget(symbol, side, name)


async def lots_of(exchange: Any, symbols: list[str]) -> dict[str, Decimal]:  # noqa: ANN401 - ccxt has no types
    """About LOT_USD of each, on the venue's grid, one step at least."""
    tickers = await exchange.fetch_tickers()
    found = {}
    for symbol in symbols:
        step = Decimal(exchange.market(symbol)["precision"]["amount"])
        wanted = LOT_USD / Decimal(tickers[symbol]["markPrice"]) / step
        found[symbol] = max(Decimal(1), wanted.to_integral_value()) * step
    return found


async def main() -> None:
    """Trades for a while and says how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    parser.add_argument("--symbols", required=True)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    exchange = paper_exchange(options.venue, key="paper-trade", secret="paper-trade-secret", make=ccxt.bybit)
    try:
        async with AsyncRiskGate(options.gate, account="main", strategy="taker") as gate:
            await exchange.load_markets()
            assert await gate.wait_ready(20), "the gate is not heard"
            lots = await lots_of(exchange, options.symbols.split(","))
            taker = Taker(exchange, gate, lots=lots, seed=options.seed)
            say({"began": True})
            await taker.run(options.seconds, options.per_second)
            say(_told(taker, gate))
    finally:
        await exchange.close()


def say(what: dict[str, Any]) -> None:
    """One line for whoever started this."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _told(taker: Taker, gate: AsyncRiskGate) -> dict[str, Any]:
    return {
        **taker.counts,
        "unfilled": len(taker.mine),
        "denials": taker.denials,
        "errors": taker.errors,
        "held": {symbol: str(taker.tracker.held(symbol)) for symbol in taker.lots},
        "reports_lost": gate.reports_lost,
    }


if __name__ == "__main__":
    asyncio.run(main())
