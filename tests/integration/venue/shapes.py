"""Accounts of every shape at one paper venue, and a desk at one of them: a trader's client beside its reader."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Self

import aiohttp
import ccxt.async_support

from risksvc.venue.balances import BalanceReader
from risksvc.venue.config import AccountKind, VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.fills import FillCursor, OrderIds, Reach
from risksvc.venue.paper import PaperConfig
from risksvc.venue.paper.config import AccountConfig, ApiKey
from risksvc.venue.paper.instruments import EVERY_INSTRUMENT
from risksvc.venue.paper.server import PaperServer
from risksvc.venue.reader import AccountReader, Snapshot
from risksvc.venue.rows import FillRow

BTC, BTC_USDC, BTC_USD = "BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC"
BTC_SPOT, ETH_BTC = "BTC/USDT", "ETH/BTC"
D = Decimal
COINS = {"USDT": D(1_000_000), "USDC": D(1_000_000), "BTC": D(10), "ETH": D(50)}
PRICES = dict.fromkeys(("BTCUSDT", "BTCPERP", "BTCUSD", "spot:BTCUSDT"), D(50_000))
UNDO_MS = 60_000


def account(name: str, *, hedge: bool = False) -> AccountConfig:
    return AccountConfig(
        name=name, keys=(ApiKey(key=name, secret=f"{name}-s", permission="trade"),), balances=COINS, hedge=hedge
    )


def every_shape() -> PaperConfig:
    """A venue with a one-way and a hedging account, each with coins of its own."""
    accounts = (account("one-way"), account("hedged", hedge=True))
    return PaperConfig(prices=PRICES, accounts=accounts, instruments=EVERY_INSTRUMENT)


class Desk:
    """One account: a trader's client beside the connection that reads it."""

    def __init__(self, paper: PaperServer, name: str, listing: str, **changes: object) -> None:
        self.paper, self.name = paper, name
        settings: dict[str, Any] = {
            "account": name,
            "gate_target": "none",
            "api_key": name,
            "api_secret": f"{name}-s",
            "base_url": paper.base_url,
            "quirks": {"listing": listing},
            "stream": False,
        }
        self.connection = VenueConnection(VenueConfig(**{**settings, **changes}))
        self.fills: list[FillRow] = []
        self.trader = ccxt.async_support.bybit({"apiKey": name, "secret": f"{name}-s"})
        self.trader.urls["api"] = dict.fromkeys(self.trader.urls["api"], paper.base_url)
        self.trader.options["fetchMarkets"] = {"types": ["linear", "inverse", "spot"]}
        self.trader.options["createMarketBuyOrderRequiresPrice"] = False
        self.trader.has["fetchCurrencies"] = False
        for exchange in (self.trader, self.connection.poll, self.connection.command):
            exchange.timeout_on_exit = 0

    async def __aenter__(self) -> Self:
        await self.connection.measure_clock()
        await self.connection.load_markets()
        await self.connection.check_key()
        await self.trader.load_markets()
        self.since_ms = self.connection.venue_now_ms() - UNDO_MS
        orders = OrderIds()
        cursor = FillCursor(
            since_ms=self.since_ms,
            now_ms=self.connection.venue_now_ms(),
            overlaps=dict.fromkeys(Reach, UNDO_MS),
            orders=orders,
        )
        self.reader = AccountReader(self.connection, cursor=cursor, orders=orders, pass_on=self.fills.extend)
        self.balances = BalanceReader(self.connection, since_ms=self.since_ms)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self.trader.close()

    async def order(self, symbol: str, side: str, quantity: str, **params: object) -> None:
        await self.trader.create_order(symbol, "market", side, quantity, None, params)

    async def limit(self, symbol: str, side: str, quantity: str, price: str, **params: object) -> None:
        await self.trader.create_order(symbol, "limit", side, quantity, price, params)

    async def event(self, name: str, **values: str) -> None:
        url = f"{self.paper.base_url}/paper/events"
        body = {"name": name, "account": self.name, **values}
        async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def read(self) -> Snapshot:
        return await self.reader.read()

    async def held(self) -> dict[str, Decimal]:
        return {row.symbol: row.quantity for row in (await self.read()).positions}

    def moved(self, symbol: str, fills: Sequence[FillRow] | None = None) -> Decimal:
        """What the fills add up to in one instrument or asset, as the gate counts them."""
        total = D(0)
        for fill in self.fills if fills is None else fills:
            if symbol in (fill.symbol, fill.symbol.partition("/")[0] if ":" not in fill.symbol else ""):
                total += fill.side.sign * fill.quantity
                total -= fill.fee or D(0) if fill.fee_currency == symbol else D(0)
        return total


def spot_desk(paper: PaperServer, listing: str) -> Desk:
    return Desk(paper, "one-way", listing, kind=AccountKind.SPOT)
