"""Rows as ccxt gives them, and a venue that answers from a script, so that each test shows only what matters."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from risksvc.core.types import ONE, Instrument, InstrumentKind
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.listing import Listed, OrderReference
from risksvc.venue.quirks import QUIRKS, Quirks
from risksvc.venue.rows import Row
from risksvc.venue.sent_orders import SentOrders
from risksvc.venue.spot import told_assets

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"
BTC_INVERSE = "BTC/USD:BTC"
BYBIT = QUIRKS["bybit"]


def linear(symbol: str = BTC, contract_size: str = "1") -> Instrument:
    base = symbol.partition("/")[0]
    return Instrument(
        symbol=symbol, kind=InstrumentKind.LINEAR, base=base, quote="USDT", contract_size=Decimal(contract_size)
    )


def inverse(contract_size: str = "1") -> Instrument:
    return Instrument(
        symbol=BTC_INVERSE,
        kind=InstrumentKind.INVERSE,
        base="BTC",
        quote="USD",
        contract_size=Decimal(contract_size),
        quantity_step=ONE,
    )


def position_row(**changes: object) -> Row:
    row = {"symbol": BTC, "side": "long", "contracts": "2", "entryPrice": "50000", "markPrice": "51000", "info": {}}
    return {**row, **changes}


def order_row(**changes: object) -> Row:
    row = {
        "symbol": BTC,
        "id": "v-1",
        "clientOrderId": "c-1",
        "side": "buy",
        "type": "limit",
        "price": "50000",
        "amount": "2",
        "filled": "0",
        "status": "open",
        "timestamp": 1_700_000_000_000,
        "info": {},
    }
    return {**row, **changes}


def fill_row(**changes: object) -> Row:
    row = {
        "symbol": BTC,
        "id": "t-1",
        "order": "v-1",
        "side": "buy",
        "amount": "1",
        "price": "50000",
        "timestamp": 1_700_000_000_000,
        "fee": {"cost": "0.5", "currency": "USDT"},
        "info": {"execType": "Trade", "orderLinkId": "c-1"},
    }
    return {**row, **changes}


def settings(**changes: Any) -> VenueConfig:  # noqa: ANN401 - any setting
    given: dict[str, Any] = {
        "account": "main",
        "gate_target": "unix:/nowhere",
        "api_key": "KEY",
        "api_secret": "SECRET",
    }
    return VenueConfig(**{**given, **changes})


@dataclass
class ScriptedListing:
    """Answers each call with the next entry of its script, the last one for ever; an exception is raised."""

    script: dict[str, list[object]] = field(default_factory=dict)
    calls: list[tuple[str, object]] = field(default_factory=list)
    time_ms: int = 1_700_000_000_000
    followed: frozenset[str] = frozenset()
    books: dict[str, object] = field(default_factory=dict)
    orders_per_instrument: bool = False

    async def _next(self, name: str, argument: object = None) -> Listed:
        self.calls.append((name, argument))
        answers = self.script.get(name, [[]])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, asyncio.Event):  # a venue that hangs
            await answer.wait()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Listed):
            return answer
        self.time_ms += 100
        return Listed(cast("Sequence[Row]", answer), self.time_ms)

    async def positions(self) -> Listed:
        return await self._next("positions")

    async def balances(self, named: Sequence[str] = ()) -> Listed:
        return await self._next("balances", tuple(named))

    async def ledger(self, since_ms: int) -> Listed:
        return await self._next("ledger", since_ms)

    @property
    def has_ledger(self) -> bool:
        return "ledger" in self.script

    async def hedge_mode(self) -> bool:
        self.calls.append(("hedge_mode", None))
        return False

    async def open_orders(self) -> Listed:
        return await self._next("open_orders")

    async def fills(self, since_ms: int) -> Listed:
        return await self._next("fills", since_ms)

    async def recent_orders(self, instruments: Sequence[str]) -> Listed:
        return await self._next("recent_orders", tuple(instruments))

    async def order(self, reference: OrderReference) -> Listed:
        return await self._next("order", reference)

    async def tickers(self, instruments: Sequence[str]) -> Listed:
        return await self._next("tickers", tuple(instruments))

    async def book(self, instrument: str, levels: int) -> Row:
        self.calls.append(("book", (instrument, levels)))
        answer = self.books.get(instrument, {"bids": [["49990", "3"]], "asks": [["50010", "4"]]})
        if isinstance(answer, asyncio.Event):  # a venue that hangs
            await answer.wait()
        if isinstance(answer, Exception):
            raise answer
        return cast("Row", answer)

    def follow(self, instruments: frozenset[str]) -> None:
        self.followed = instruments

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@dataclass
class ScriptedConnection:
    """A connection whose two instances answer from one script."""

    poll_listing: ScriptedListing
    quirks: Quirks = BYBIT
    instruments: dict[str, Instrument] = field(default_factory=lambda: {BTC: linear(), ETH: linear(ETH)})
    config: VenueConfig = field(default_factory=settings)
    hedge_mode: bool = False
    command: Any = None
    can_cancel: bool = True
    exchange_id: str = "bybit"
    triggers_apart: bool = False
    sent: SentOrders = field(default_factory=SentOrders)

    @property
    def command_listing(self) -> ScriptedListing:
        return self.poll_listing

    def known(self, symbols: Sequence[str]) -> list[str]:
        return sorted(self.instruments.keys() & set(symbols))

    @property
    def assets(self) -> dict[str, tuple[Instrument, ...]]:
        return told_assets(self.instruments.values(), named=self.config.instruments, quirks=self.quirks)

    @property
    def reads_ledger(self) -> bool:
        return self.poll_listing.has_ledger

    def venue_now_ms(self) -> int:
        return self.poll_listing.time_ms + 250

    def saw_legs(self) -> None:
        self.hedge_mode = True

    async def measure_clock(self) -> None:
        self.poll_listing.calls.append(("measure_clock", None))


def connection(script: dict[str, list[object]] | None = None, **changes: Any) -> VenueConnection:  # noqa: ANN401
    scripted = ScriptedConnection(ScriptedListing(script or {}), **changes)
    return cast("VenueConnection", scripted)


def listing_of(connected: VenueConnection) -> ScriptedListing:
    return cast("ScriptedListing", connected.poll_listing)
