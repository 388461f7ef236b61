"""A look at the venue itself, for people in an incident: positions, open orders, and the books to leave by.

Apart from the complete reads: no fills, no window, nothing that the ledger rests on. It goes by the unthrottled
connection, reads in parallel, and ends by its deadline. What could not be read is named in `problems` and is unknown,
never flat: one row that can't be read makes the whole list incomplete, and the other rows are still shown. Never raises
for what a venue does, and never changes anything there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from risksvc.core.incident.exit_cost import Book
from risksvc.core.types import Instrument
from risksvc.venue.balances import normalise_balances
from risksvc.venue.books import normalise_book
from risksvc.venue.connection import VenueConnection
from risksvc.venue.failures import ReadFailure, failing_as, read_failure
from risksvc.venue.listing import Listed, newest_by_id
from risksvc.venue.normalise import net_positions, normalise_mark, normalise_order, normalise_position
from risksvc.venue.rows import MarkRow, OrderRow, PositionRow, Row, UnknownInstrumentError, UnreadableRowError
from risksvc.venue.spot import spot_positions

T = TypeVar("T")

AGE_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLook:
    """One instrument's market. `book` and `mark` None: not read, or there is none; `mark_age_ms` -1: not known."""

    symbol: str
    book: Book | None = None
    mark: MarkRow | None = None
    mark_age_ms: int = AGE_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLook:
    """What one look found. `complete`: positions and open orders were read whole."""

    positions: tuple[PositionRow, ...]
    open_orders: tuple[OrderRow, ...]
    markets: tuple[MarketLook, ...]
    problems: tuple[str, ...]
    complete: bool


class Assessor:
    """Looks at one account."""

    def __init__(self, connection: VenueConnection) -> None:
        self._connection = connection

    async def look(self, wanted: Sequence[str] = ()) -> AccountLook:
        """Read everything that can be read by the deadline; `wanted`: books that are needed besides what is held."""
        return await _Look(self._connection).take(wanted)


class _Look:
    """One look, while it is taken."""

    def __init__(self, connection: VenueConnection) -> None:
        self._connection = connection
        self._listing = connection.command_listing
        self._secrets = connection.config.secrets()
        self._ends_s = asyncio.get_running_loop().time() + connection.config.assess_timeout_ms / 1_000
        self._problems: dict[str, None] = {}
        self._markets: dict[str, MarketLook] = {}
        self._lists_failed = 0

    async def take(self, wanted: Sequence[str]) -> AccountLook:
        asked = self._listed(wanted)
        (positions, orders), _ = await asyncio.gather(self._account(asked), self._read_markets(asked))
        held = [*(row.pair or row.symbol for row in positions), *(row.symbol for row in orders)]
        await self._read_markets([symbol for symbol in dict.fromkeys(held) if symbol not in self._markets])
        return AccountLook(
            positions=tuple(positions),
            open_orders=tuple(orders),
            markets=tuple(self._markets[symbol] for symbol in sorted(self._markets)),
            problems=tuple(self._problems),
            complete=not self._lists_failed,
        )

    def _listed(self, wanted: Sequence[str]) -> list[str]:
        known = self._connection.known(wanted)
        for symbol in sorted(set(wanted) - set(known)):
            self._problem(f"book: {symbol}: the venue does not list it")
        return known

    # --- the account ---

    async def _account(self, asked: Sequence[str]) -> tuple[list[PositionRow], list[OrderRow]]:
        """Positions and orders at once; where the venue lists orders per instrument, first what is held."""
        if not self._listing.orders_per_instrument:
            positions, orders = await asyncio.gather(self._positions(), self._orders())
            return positions, orders
        positions = await self._positions()
        self._listing.follow(frozenset([*asked, *(row.pair or row.symbol for row in positions)]))
        return positions, await self._orders()

    async def _positions(self) -> list[PositionRow]:
        spot = self._connection.quirks.spot
        listed = await self._list("positions", self._listing.balances if spot else self._listing.positions)
        if listed is None:
            return []
        try:
            with failing_as("positions", self._secrets):
                return self._assets(listed.rows) if spot else net_positions(self._contracts(listed.rows))
        except ReadFailure as failure:
            self._failed(failure)
            return []

    def _assets(self, rows: Sequence[Row]) -> list[PositionRow]:
        return spot_positions(normalise_balances(rows, what="positions"), self._connection.assets)

    def _contracts(self, rows: Sequence[Row]) -> list[PositionRow]:
        def read(row: Row) -> PositionRow | None:
            instrument = self._instrument("positions", row)
            return normalise_position(row, instrument=instrument, quirks=self._connection.quirks)

        return self._each(rows, read)

    async def _orders(self) -> list[OrderRow]:
        listed = await self._list("open_orders", self._listing.open_orders)

        def read(row: Row) -> OrderRow | None:
            self._instrument("open_orders", row)
            order = normalise_order(row, quirks=self._connection.quirks, listed_open=True)
            return None if order.status.final else order

        return [] if listed is None else self._each(newest_by_id(listed.rows), read)

    def _each(self, rows: Iterable[Row], read: Callable[[Row], T | None]) -> list[T]:
        """Read rows one by one: a row that can't be read is named, and takes none of the others with it."""
        found: list[T] = []
        for row in rows:
            try:
                one = read(row)
            except UnreadableRowError as error:
                self._failed(read_failure(error.what, error, secrets=self._secrets))
                continue
            if one is not None:
                found.append(one)
        return found

    def _instrument(self, what: str, row: Row) -> Instrument:
        symbol = str(row.get("symbol"))
        found = self._connection.instruments.get(symbol)
        if found is None:
            amount = row.get("contracts") if what == "positions" else row.get("amount")
            problem = f"not among the loaded markets; the venue shows {row.get('side')} {amount} of it"
            raise UnknownInstrumentError(what, symbol, problem)
        return found

    async def _list(self, what: str, read: Callable[[], Awaitable[Listed]]) -> Listed | None:
        try:
            return await self._by_deadline(what, read)
        except ReadFailure as failure:
            self._failed(failure)
            return None

    # --- the markets ---

    async def _read_markets(self, symbols: Sequence[str]) -> None:
        """Books one by one, marks together: a book that fails takes nothing else with it."""
        if not symbols:
            return
        books, marks = await asyncio.gather(
            asyncio.gather(*(self._book(symbol) for symbol in symbols)), self._marks(symbols)
        )
        for symbol, book in zip(symbols, books, strict=True):
            mark, age_ms = marks.get(symbol, (None, AGE_UNKNOWN))
            self._markets[symbol] = MarketLook(symbol=symbol, book=book, mark=mark, mark_age_ms=age_ms)

    async def _book(self, symbol: str) -> Book | None:
        instrument, quirks = self._connection.instruments[symbol], self._connection.quirks

        async def read() -> Book:
            row = await self._listing.book(symbol, quirks.book_levels)
            return normalise_book(row, instrument=instrument, quirks=quirks)

        try:
            return await self._by_deadline("book", read)
        except ReadFailure as failure:
            self._problem(f"book: {symbol}: {failure.error.removeprefix(f'{symbol}: ')}")
            return None

    async def _marks(self, symbols: Sequence[str]) -> dict[str, tuple[MarkRow, int]]:
        try:
            listed = await self._by_deadline("marks", lambda: self._listing.tickers(symbols))
        except ReadFailure as failure:
            self._problem(str(failure))
            return {}
        found: dict[str, tuple[MarkRow, int]] = {}
        for row in listed.rows:
            try:
                mark = normalise_mark(row, quirks=self._connection.quirks)
            except UnreadableRowError as error:
                self._problem(str(read_failure("marks", error, secrets=self._secrets)))
                continue
            if mark is not None:
                found[mark.symbol] = (mark, self._age_ms(row, listed))
        for symbol in symbols:
            if symbol not in found:
                self._problem(f"marks: {symbol}: the venue gives no mark price")
        return found

    def _age_ms(self, row: Row, listed: Listed) -> int:
        """By the venue's own time: the ticker's where it has one, else the answer's where that is the venue's."""
        at_ms = row.get("timestamp")
        if at_ms is None and self._connection.quirks.listing == "bybit":
            at_ms = listed.venue_time_ms
        return AGE_UNKNOWN if at_ms is None else max(0, self._connection.venue_now_ms() - int(at_ms))

    # --- what goes wrong ---

    async def _by_deadline(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """Read; raises ReadFailure, also when the deadline comes first."""
        try:
            async with asyncio.timeout_at(self._ends_s):
                with failing_as(what, self._secrets):
                    return await read()
        except TimeoutError as error:
            raise read_failure(what, error) from error

    def _failed(self, failure: ReadFailure) -> None:
        """Positions or orders were not read whole."""
        self._lists_failed += 1
        self._problem(str(failure))

    def _problem(self, text: str) -> None:
        self._problems[text] = None
