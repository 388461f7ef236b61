"""What an account did and what its instruments cost, over a time that has passed: for a review, not for a gate.

Reads and never writes, through the same listings as the live feed: fills and bookings of the account, candles of one
minute of every instrument that was traded, of the mark price where the venue has that. A list that can't be read whole
raises ReadFailure; candles that a venue does not have any more are told in `missing` and never made up.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from risksvc.core.types import Instrument, use_exact_arithmetic
from risksvc.core.venue_events import CashFlow, CashFlowKind, Fill, FillKind, Leg
from risksvc.venue.abilities import feature_of
from risksvc.venue.balances import normalise_booking
from risksvc.venue.config import VenueConfig
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as
from risksvc.venue.normalise import normalise_fill
from risksvc.venue.quirks import LedgerKind
from risksvc.venue.rows import BookingRow, FillRow, Row, RowReader

MINUTE_MS = 60_000
_TIMEFRAME = "1m"
_CANDLES = 1_000  # of one page, where ccxt does not know how many the venue gives
_SHOWN_GAPS = 20
_FIELDS = ("open", "high", "low", "close")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Candle:
    """One minute of an instrument, in venue time; `close` is what it cost at `end_ms`."""

    instrument: str
    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @property
    def end_ms(self) -> int:
        """The moment that its close stands for."""
        return self.start_ms + MINUTE_MS


@dataclass(frozen=True, slots=True)
class VenueHistory:
    """All of one account's time. `missing`: what the venue could not tell, a line each."""

    venue: str
    instruments: tuple[Instrument, ...]
    fills: tuple[Fill, ...]
    flows: tuple[CashFlow, ...]
    candles: tuple[Candle, ...]
    missing: tuple[str, ...] = ()


def read_history(config: VenueConfig, *, start_ms: int, end_ms: int, tell: Tell) -> VenueHistory:
    """Reads it whole. Raises ReadFailure or StartError. `tell`: hears in words how far it is."""
    use_exact_arithmetic()
    return asyncio.run(_history(config, start_ms=start_ms, end_ms=end_ms, tell=tell))


async def _history(config: VenueConfig, *, start_ms: int, end_ms: int, tell: Tell) -> VenueHistory:
    connection = VenueConnection(config)
    try:
        return await _Reader(connection, start_ms=start_ms, end_ms=end_ms, tell=tell).read()
    finally:
        await connection.close()


class _Reader:
    """One reading of one account."""

    def __init__(self, connection: VenueConnection, *, start_ms: int, end_ms: int, tell: Tell) -> None:
        self._connection = connection
        self._start_ms, self._end_ms = start_ms, end_ms
        self._tell = tell
        self._secrets = connection.config.secrets()
        self._missing: list[str] = []

    async def read(self) -> VenueHistory:
        connection = self._connection
        await connection.measure_clock()
        await connection.load_markets()
        with failing_as("positions", self._secrets):
            if not connection.quirks.spot:
                connection.hedge_mode = connection.quirks.hedge_mode or await connection.poll_listing.hedge_mode()
        fills = await self._fills()
        self._tell(f"{len(fills):,} fills read from {connection.exchange_id}")
        flows = await self._flows()
        traded = sorted({fill.instrument for fill in fills} | set(connection.config.instruments))
        candles: list[Candle] = []
        for symbol in traded:
            candles += await self._candles(symbol)
        instruments = tuple(connection.instruments[symbol] for symbol in traded if symbol in connection.instruments)
        history = (tuple(fills), tuple(flows), tuple(candles))
        return VenueHistory(connection.exchange_id, instruments, *history, tuple(self._missing))

    # -- the account ---------------------------------------------------------------------------------------------

    async def _fills(self) -> list[Fill]:
        connection = self._connection
        connection.poll_listing.follow(frozenset(connection.config.instruments))
        with failing_as("fills", self._secrets):
            listed = await connection.poll_listing.fills(self._start_ms)
            quirks, hedged = connection.quirks, connection.hedge_mode
            read = [normalise_fill(row, quirks=quirks, hedged=hedged) for row in listed.rows]
        rows = {fill.key: fill for fill in read if fill is not None and fill.venue_time_ms <= self._end_ms}
        for symbol in {fill.symbol for fill in rows.values()} - connection.instruments.keys():
            await connection.load_markets(symbol)  # one that has ended since
        unlisted = sorted({fill.symbol for fill in rows.values()} - connection.instruments.keys())
        if unlisted:
            raise ReadFailure.unlisted("fills", f"the venue lists no {', '.join(unlisted)}", unlisted[0])
        fills = [_fill(row) for row in rows.values()]
        return sorted(fills, key=lambda fill: (fill.venue_time_ms, fill.sequence, fill.instrument, fill.trade_id))

    async def _flows(self) -> list[CashFlow]:
        connection = self._connection
        if not connection.reads_ledger:
            self._missing.append(f"{connection.exchange_id} lists no ledger here: funding is not in the review")
            return []
        with failing_as("balances", self._secrets):
            listed = await connection.command_listing.ledger(self._start_ms)
            read = [normalise_booking(row, quirks=connection.quirks) for row in listed.rows]
        bookings = {f"{row.name}:{row.flow_id}": row for row in read if row is not None and row.kind is not None}
        flows = [_flow(key, row) for key, row in bookings.items() if row.venue_time_ms <= self._end_ms]
        return sorted(flows, key=lambda flow: (flow.venue_time_ms, flow.flow_id))

    # -- prices --------------------------------------------------------------------------------------------------

    async def _candles(self, symbol: str) -> list[Candle]:
        """Reads every minute, page by page, each page asked for by both of its ends."""
        size = self._page_size()
        found: dict[int, Candle] = {}
        first = self._start_ms - self._start_ms % MINUTE_MS
        for start in range(first, self._end_ms + 1, size * MINUTE_MS):
            end = min(start + (size - 1) * MINUTE_MS, self._end_ms)
            with failing_as("marks", self._secrets):
                rows = await self._page(symbol, start, end, size)
                found.update((candle.start_ms, candle) for candle in map(_candle_of(symbol), rows))
            self._tell(f"{len(found):,} minutes of {symbol} read")
        self._note_gaps(symbol, sorted(found), first)
        return [found[at] for at in sorted(found) if first <= at <= self._end_ms]

    async def _page(self, symbol: str, start_ms: int, end_ms: int, size: int) -> Sequence[Row]:
        exchange = self._connection.poll
        params: dict[str, object] = {"until": end_ms}
        if exchange.has.get("fetchMarkOHLCV") is True and not self._connection.quirks.spot:
            params["price"] = "mark"
        rows = await exchange.fetch_ohlcv(symbol, _TIMEFRAME, start_ms, size, params)
        return [dict(zip(("time", *_FIELDS), row, strict=False)) for row in rows]

    def _page_size(self) -> int:
        exchange = self._connection.poll
        if exchange.has.get("fetchOHLCV") is not True:
            raise ReadFailure("marks", f"ccxt reads no candles of {exchange.id}: give prices.csv instead")
        limit = feature_of(exchange.features, "fetchOHLCV", "limit", spot=self._connection.quirks.spot)
        return limit if isinstance(limit, int) and limit > 0 else _CANDLES

    def _note_gaps(self, symbol: str, starts: Sequence[int], first: int) -> None:
        gaps = list(_gaps([first - MINUTE_MS, *starts]))
        for start, minutes in gaps[:_SHOWN_GAPS]:
            self._missing.append(f"{symbol}: the venue has no candles for {minutes:,} minutes from {start} ms on")
        if len(gaps) > _SHOWN_GAPS:
            self._missing.append(f"{symbol}: and {len(gaps) - _SHOWN_GAPS:,} more gaps in its candles")
        if not starts:
            self._missing.append(f"{symbol}: the venue has no candles of this time at all")


def _gaps(starts: Sequence[int]) -> Iterator[tuple[int, int]]:
    for before, after in pairwise(starts):
        if after - before > MINUTE_MS:
            yield before + MINUTE_MS, (after - before) // MINUTE_MS - 1


def _candle_of(symbol: str) -> Callable[[Row], Candle]:
    def read(row: Row) -> Candle:
        reader = RowReader({**row, "symbol": symbol}, "marks")
        prices = [reader.positive(name) for name in _FIELDS]
        return Candle(symbol, reader.milliseconds("time"), *prices)

    return read


def _fill(row: FillRow) -> Fill:
    return Fill(
        instrument=row.symbol,
        trade_id=row.trade_id,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        venue_time_ms=row.venue_time_ms,
        venue_order_id=row.venue_order_id,
        client_order_id=row.client_order_id or "",
        fee=row.fee,
        fee_currency=row.fee_currency,
        kind=FillKind(row.kind.value),
        unresolved=row.client_order_id is None,
        sequence=row.sequence,
        leg=None if row.leg is None else Leg(row.leg.value),
    )


_FLOW_KINDS = {
    LedgerKind.FUNDING: CashFlowKind.FUNDING,
    LedgerKind.INTEREST: CashFlowKind.FUNDING,
    LedgerKind.TRANSFER: CashFlowKind.TRANSFER,
    LedgerKind.FEE: CashFlowKind.FEE,
    LedgerKind.REBATE: CashFlowKind.FEE,
}


def _flow(key: str, row: BookingRow) -> CashFlow:
    kind = CashFlowKind.OTHER if row.kind is None else _FLOW_KINDS.get(row.kind, CashFlowKind.OTHER)
    return CashFlow(key, row.currency, kind, row.amount, row.venue_time_ms, row.symbol)
