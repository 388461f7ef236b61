"""A market maker as a user would write one: asyncio, the unmodified ccxt behind `guard`.

Started as a process of its own by `test_market_maker.py`. It re-quotes both sides of five instruments ten times a
second, some by cancel and replace, the others by amending in place; keeps its own tracker from the fills that it reads
at the venue, reports them, and sends belief and intended range with every order. One JSON line when it begins, one at
its end.

A quote that is denied stays where it is until the next round; one that has filled, even in part, is quoted anew.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from risksvc.cli.demo.trader import Tracker, paper_exchange
from risksvc.client import AsyncGuardedExchange, AsyncRiskGate, OrderDenied, guard, new_client_order_id

BPS = Decimal("0.0001")
EVERY_S = 0.1
LOOK_EVERY_S = 0.25
OVERLAP_MS = 2_000


@dataclass(frozen=True, slots=True)
class Quoted:
    """One instrument and how it is quoted: size in order units, the largest position it means to hold."""

    symbol: str
    size: str
    most: Decimal
    tick: Decimal
    amends: bool


QUOTED = (
    Quoted("BTC/USDT:USDT", "0.02", Decimal("0.4"), Decimal("0.1"), amends=False),
    Quoted("ETH/USDT:USDT", "0.4", Decimal(8), Decimal("0.01"), amends=False),
    Quoted("SOL/USDT:USDT", "7", Decimal(140), Decimal("0.01"), amends=True),
    Quoted("XRP/USDT:USDT", "2000", Decimal(40_000), Decimal("0.0001"), amends=True),
    Quoted("DOGE/USDT:USDT", "10000", Decimal(200_000), Decimal("0.00001"), amends=True),
)


@dataclass(slots=True)
class Side:
    """One side of one instrument, and the quote that works there."""

    quoted: Quoted
    side: str
    sign: int
    venue_order_id: str = ""
    client_order_id: str = ""
    price: Decimal = Decimal(0)


@dataclass(slots=True)
class Tally:
    """What happened."""

    asked: int = 0
    approved: int = 0
    quotes: int = 0
    fills: int = 0
    late: int = 0
    denials: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)


class MarketMaker:
    """Quotes until told to stop."""

    def __init__(self, exchange: Any, gate: AsyncRiskGate) -> None:  # noqa: ANN401 - ccxt has no types
        self.raw, self.gate = exchange, gate
        self.exchange: AsyncGuardedExchange = guard(exchange, gate)
        self.tracker, self.tally = Tracker(), Tally()
        self.mids: dict[str, Decimal] = {}
        self.seen: set[str] = set()
        self.filled: set[str] = set()
        self.mine: set[str] = set()  # client order ids: others may trade in this account
        self.sides = [Side(each, side, sign) for each in QUOTED for side, sign in (("buy", 1), ("sell", -1))]
        self.began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Quotes for so long, then takes everything back."""
        await self._look()
        say({"began": True})
        self.began = time.monotonic()
        looking = asyncio.create_task(self._keep_looking())
        spread = EVERY_S / len(self.sides)
        await asyncio.gather(*(self._keep_quoting(each, seconds, at * spread) for at, each in enumerate(self.sides)))
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await asyncio.gather(*(self._take_back(each) for each in self.sides))
        await self._end()

    async def _end(self) -> None:
        """Hears of the last fills, tells them, and what it holds at the end."""
        await self._look()
        await self.gate.flush(10)
        for each in QUOTED:
            self.gate.position(each.symbol, self.tracker.held(each.symbol))
        await self.gate.flush(5)

    # -- quoting ---------------------------------------------------------------------------------------------------

    async def _keep_quoting(self, side: Side, seconds: float, offset: float) -> None:
        due, ends = self.began + offset, self.began + seconds
        while due < ends:
            await asyncio.sleep(max(0, due - time.monotonic()))
            await self._quote(side)
            due += EVERY_S
            missed = int(max(0, time.monotonic() - due) / EVERY_S)
            self.tally.late += missed  # a round that could not be kept is left out, not caught up on
            due += missed * EVERY_S

    async def _quote(self, side: Side) -> None:
        if side.sign * self.tracker.held(side.quoted.symbol) >= side.quoted.most:
            await self._take_back(side)
            return
        price = self._price(side)
        self.tally.asked += 1
        try:
            await self._place(side, price)
        except OrderDenied as denied:
            reason = str(denied.denial.reason)
            self.tally.denials[reason] += 1
            if reason == "REPLACED_ORDER_UNKNOWN":
                side.venue_order_id = ""  # filled, and the gate knew it first
        except ccxt.OrderNotFound:
            side.venue_order_id = ""  # filled meanwhile
            self.tally.approved += 1
        except ccxt.BaseError as error:
            side.venue_order_id = ""
            self.tally.errors[f"{type(error).__name__}: {error}"[:120]] += 1
            self.tally.approved += 1
        else:
            side.price = price
            self.tally.approved += 1
            self.tally.quotes += 1
            self.tally.seconds[int(time.monotonic() - self.began)] += 1

    def _price(self, side: Side) -> Decimal:
        """Two basis points off the mid; always another tick than before, so that each round is a real change."""
        tick = side.quoted.tick
        aim = self.mids[side.quoted.symbol] * (1 - 2 * side.sign * BPS)
        price = (aim / tick).to_integral_value() * tick
        return price - side.sign * tick if price == side.price else price

    async def _place(self, side: Side, price: Decimal) -> None:
        if side.quoted.amends and side.venue_order_id and side.venue_order_id not in self.filled:
            await self.exchange.edit_order(
                side.venue_order_id,
                side.quoted.symbol,
                "limit",
                side.side,
                side.quoted.size,
                str(price),
                intended_position=(-side.quoted.most, side.quoted.most),
                believed_position=self.tracker.held(side.quoted.symbol),
            )
            return
        replaces = side.client_order_id if side.venue_order_id else None
        await self._take_back(side)
        client_order_id = new_client_order_id()
        self.mine.add(client_order_id)
        sent = await self.exchange.create_order(
            side.quoted.symbol,
            "limit",
            side.side,
            side.quoted.size,
            str(price),
            {"clientOrderId": client_order_id},
            intended_position=(-side.quoted.most, side.quoted.most),
            believed_position=self.tracker.held(side.quoted.symbol),
            replaces=replaces,
        )
        side.venue_order_id, side.client_order_id = sent["id"], client_order_id

    async def _take_back(self, side: Side) -> None:
        venue_order_id, side.venue_order_id = side.venue_order_id, ""
        if venue_order_id:
            with contextlib.suppress(ccxt.OrderNotFound):  # filled meanwhile
                await self.exchange.cancel_order(venue_order_id, side.quoted.symbol)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except ccxt.BaseError as error:
                self.tally.errors[f"looking: {type(error).__name__}: {error}"[:120]] += 1

    async def _look(self) -> None:
        tickers = await self.raw.fetch_tickers([each.symbol for each in QUOTED])
        self.mids = {symbol: Decimal(ticker["markPrice"]) for symbol, ticker in tickers.items()}
        since = self.raw.milliseconds() - OVERLAP_MS
        for row in reversed(await self.raw.fetch_my_trades(None, since, 100)):
            if row["id"] not in self.seen and row["info"]["orderLinkId"] in self.mine:
                self.seen.add(row["id"])
                self._book(row)

    def _book(self, row: Any) -> None:  # noqa: ANN401 - ccxt has no types
        self.tally.fills += 1
        self.filled.add(row["order"])
        sign = 1 if row["side"] == "buy" else -1
        self.tracker.add(row["symbol"], sign * Decimal(row["amount"]))
        self.gate.fill(
            row["info"]["orderLinkId"],
            instrument=row["symbol"],
            side=row["side"],
            quantity=row["amount"],
            price=row["price"],
            trade_id=row["id"],
            venue_time_ms=row["timestamp"],
        )


async def main() -> None:
    """Makes markets for a while and says how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    exchange = paper_exchange(options.venue, key="paper-trade", secret="paper-trade-secret", make=ccxt.bybit)
    try:
        async with AsyncRiskGate(options.gate, account="main", strategy="maker") as gate:
            await exchange.load_markets()
            assert await gate.wait_ready(20), "the gate is not heard"
            maker = MarketMaker(exchange, gate)
            await maker.run(options.seconds)
            say(_told(maker, gate))
    finally:
        await exchange.close()


def say(what: dict[str, Any]) -> None:
    """One line for the test that started this."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _told(maker: MarketMaker, gate: AsyncRiskGate) -> dict[str, Any]:
    tally = maker.tally
    return {
        "asked": tally.asked,
        "approved": tally.approved,
        "quotes": tally.quotes,
        "late": tally.late,
        "fills": tally.fills,
        "denials": tally.denials,
        "errors": tally.errors,
        "per_second": [tally.seconds[second] for second in range(max(tally.seconds, default=0) + 1)],
        "held": {each.symbol: str(maker.tracker.held(each.symbol)) for each in QUOTED},
        "reports_lost": gate.reports_lost,
    }


if __name__ == "__main__":
    asyncio.run(main())
