"""Any ccxt venue's lists, read through ccxt's unified calls.

ccxt cuts lists without a word, so a list is complete only when it is shorter than the page that was asked for. Where
the page size is not known, a length that venues use as a page size counts as cut: the read fails and says which setting
helps. Venues that list orders or executions per instrument only are read for the instruments that the settings name,
and for those that are held.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ccxt.base import errors as ccxt_errors

from risksvc.core.types import Instrument
from risksvc.venue.abilities import feature_of, needs_symbol
from risksvc.venue.failures import ReadFailure, StartError
from risksvc.venue.guarded import CcxtExchange
from risksvc.venue.listing import Listed, OrderReference, Pace
from risksvc.venue.quirks import Quirks
from risksvc.venue.rows import Row

_NEEDED = ("fetchOpenOrders", "fetchMyTrades", "fetchTickers")
_PAGE_SIZES = frozenset((20, 25, 30, 50, 100, 200, 250, 300, 500, 1000, 2000))


class UnifiedListing:
    """Reads one account. `named` are the instruments of the settings, for venues that list per instrument only."""

    def __init__(
        self,
        exchange: CcxtExchange,
        *,
        quirks: Quirks,
        instruments: Callable[[], dict[str, Instrument]],
        named: Sequence[str] = (),
        pace: Pace | None = None,
    ) -> None:
        self._exchange = exchange
        self._quirks = quirks
        self._instruments = instruments
        self._named = frozenset(named)
        self._followed: frozenset[str] = frozenset()
        self._pace = pace
        self._check_abilities()

    def _check_abilities(self) -> None:
        if self._quirks.unreadable:
            raise StartError(f"{self._exchange.id} can't be read: {self._quirks.unreadable}")
        needed = ("fetchBalance" if self._quirks.spot else "fetchPositions", *_NEEDED)
        missing = [name for name in needed if self._exchange.has.get(name) is not True]
        if missing:
            raise StartError(f"{self._exchange.id}: ccxt offers no {', '.join(missing)}; this venue can't be read")
        if self.orders_per_instrument and not self._named:
            raise StartError(f"{self._exchange.id} lists orders per instrument only: name the account's `instruments`")

    def follow(self, instruments: frozenset[str]) -> None:
        """Remember the instruments that fills may be expected in."""
        self._followed = instruments

    async def positions(self) -> Listed:
        """Read every position."""
        at_ms = self._now_ms()
        await self._turn()
        rows = await self._exchange.fetch_positions(None, dict(self._quirks.positions_params))
        return Listed(self._whole("positions", rows, self._quirks.pages.positions), at_ms)

    async def hedge_mode(self) -> bool:
        """Ask for the mode, by an instrument of each kind; a venue that can't be asked so has said nothing."""
        if self._exchange.has.get("fetchPositionMode") is not True:
            return False
        by_kind = {each.kind: symbol for symbol, each in sorted(self._instruments().items(), reverse=True)}
        for symbol in by_kind.values():
            await self._turn()
            try:
                mode = await self._exchange.fetch_position_mode(symbol)
            except (ccxt_errors.NotSupported, ccxt_errors.ArgumentsRequired):
                continue
            if mode.get("hedged") is True:
                return True
        return False

    async def balances(self, named: Sequence[str] = ()) -> Listed:
        """Read every currency that ccxt's row shows a total of; these venues can't be asked by name."""
        del named
        at_ms = self._now_ms()
        await self._turn()
        found: Mapping[str, Any] | None = await self._exchange.fetch_balance()
        totals = found.get("total") if isinstance(found, Mapping) else None
        if not isinstance(totals, Mapping) or found is None:
            raise ReadFailure("balances", "the venue answered with nothing")
        debts = found.get("debt") or {}
        rows = [
            {"currency": name, "total": total, "debt": debts.get(name), "info": {}} for name, total in totals.items()
        ]
        return Listed(rows, at_ms)

    async def ledger(self, since_ms: int) -> Listed:
        """Read the ledger; a full page is read again in halves."""
        at_ms = self._now_ms()
        return Listed(await self._entries(since_ms, None), at_ms)

    @property
    def has_ledger(self) -> bool:
        """Ccxt lists it, and this project's table knows what its entries mean."""
        return self._exchange.has.get("fetchLedger") is True and bool(self._quirks.ledger_kinds)

    async def _entries(self, start_ms: int, end_ms: int | None) -> list[Row]:
        limit = self._limit("fetchLedger", None)
        await self._turn()
        until = {"until": end_ms} if end_ms is not None else {}
        rows: list[Row] = list(await self._exchange.fetch_ledger(None, start_ms, limit, until))
        if not self._may_be_cut(len(rows), limit):
            return rows
        middle = (start_ms + (end_ms if end_ms is not None else self._now_ms())) // 2
        if middle <= start_ms:
            raise ReadFailure("balances", f"a full page of {len(rows)} ledger entries within a millisecond")
        return [*await self._entries(start_ms, middle), *await self._entries(middle + 1, end_ms)]

    @property
    def orders_per_instrument(self) -> bool:
        """As this project's table or ccxt's says."""
        return self._needs_symbol("fetchOpenOrders")

    async def open_orders(self) -> Listed:
        """Read every open order."""
        at_ms = self._now_ms()
        scopes: list[str | None] = [*self._scope()] if self.orders_per_instrument else [None]
        return Listed([row for symbol in scopes for row in await self._open_orders(symbol)], at_ms)

    async def fills(self, since_ms: int) -> Listed:
        """Read every execution, in spans that the venue allows."""
        at_ms = self._now_ms()
        scopes: list[str | None] = [*self._scope()] if self._needs_symbol("fetchMyTrades") else [None]
        rows: list[Row] = []
        for symbol in scopes:
            start = since_ms
            while at_ms - start > self._quirks.fills_window_ms:
                rows.extend(await self._span(symbol, start, start + self._quirks.fills_window_ms))
                start += self._quirks.fills_window_ms + 1
            rows.extend(await self._span(symbol, start, None))
        return Listed(rows, at_ms)

    async def recent_orders(self, instruments: Sequence[str]) -> Listed:
        """Read the instruments' open orders; ended ones are looked up one by one."""
        at_ms = self._now_ms()
        return Listed([row for symbol in instruments for row in await self._open_orders(symbol)], at_ms)

    async def order(self, reference: OrderReference) -> Listed:
        """Look one order up by id where the venue can, else in its lists, which prove presence but not absence."""
        at_ms = self._now_ms()
        by_id = self._by_id(reference)
        row = await self._fetched(reference, *by_id) if by_id is not None else None
        if row is not None:
            return Listed([self._as_asked(reference, row)], at_ms)
        rows = await self._open_orders(reference.instrument)
        if by_id is None:
            rows += await self._ended_orders(reference.instrument)
        found = [row for row in rows if reference.fits(row)]
        if not found and by_id is None:
            problem = f"{self._exchange.id} can't look an order up by this id: its absence is not proven"
            raise ReadFailure("order", problem)
        return Listed(found, at_ms)

    def _as_asked(self, reference: OrderReference, row: Row) -> Row:
        """Check that the venue answered what was asked; some leave the client id out of the answer."""
        given = row.get("clientOrderId")
        if reference.client_order_id and given and given != reference.client_order_id:
            raise ReadFailure("order", f"asked for {reference.client_order_id}, the venue answered with {given}")
        return {**row, "clientOrderId": given or reference.client_order_id}

    async def tickers(self, instruments: Sequence[str]) -> Listed:
        """Read tickers, and mark prices where the venue has a list of them."""
        at_ms = self._now_ms()
        if not instruments:
            return Listed([], at_ms)
        await self._turn()
        tickers: Mapping[str, Any] = await self._exchange.fetch_tickers(list(instruments))
        if self._exchange.has.get("fetchMarkPrices") is not True:
            return Listed(list(tickers.values()), at_ms)
        await self._turn()
        marks: Mapping[str, Any] = await self._exchange.fetch_mark_prices(list(instruments))
        rows = [{**row, "markPrice": marks.get(symbol, {}).get("markPrice")} for symbol, row in tickers.items()]
        return Listed(rows, at_ms)

    async def book(self, instrument: str, levels: int) -> Row:
        """Read one order book."""
        await self._turn()
        found: Row = await self._exchange.fetch_order_book(instrument, levels or None)
        return found

    async def _open_orders(self, symbol: str | None) -> list[Row]:
        limit = self._limit("fetchOpenOrders", self._quirks.pages.open_orders)
        await self._turn()
        params = dict(self._quirks.open_orders_params)
        rows = await self._exchange.fetch_open_orders(symbol, None, limit or None, params)
        return self._whole("open_orders", rows, limit)

    async def _ended_orders(self, symbol: str) -> list[Row]:
        """Read the newest page of ended orders, by whichever call the venue has."""
        for name, method in (
            ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders"),
            ("fetchOrders", "fetch_orders"),
            ("fetchClosedOrders", "fetch_closed_orders"),
        ):
            if self._exchange.has.get(name) is True:
                await self._turn()
                rows: list[Row] = await getattr(self._exchange, method)(symbol)
                return rows
        return []

    def _by_id(self, reference: OrderReference) -> tuple[str | None, dict[str, str]] | None:
        """Give the id and the parameters of a fetch_order, or None where the venue can't be asked that way."""
        if self._exchange.has.get("fetchOrder") is not True:
            return None
        if reference.client_order_id and self._quirks.client_id_param:
            return None, {self._quirks.client_id_param: reference.client_order_id}
        if reference.venue_order_id and not reference.client_order_id:
            return reference.venue_order_id, {}
        return None

    async def _fetched(self, reference: OrderReference, order_id: str | None, params: dict[str, str]) -> Row | None:
        await self._turn()
        try:
            row: Row = await self._exchange.fetch_order(order_id, reference.instrument, params)
        except ccxt_errors.OrderNotFound:
            return None
        return row

    async def _span(self, symbol: str | None, start_ms: int, end_ms: int | None) -> list[Row]:
        """Read executions of a span of time; a full page is not taken for all: the span is halved instead."""
        limit = self._limit("fetchMyTrades", self._quirks.pages.fills)
        params = {**self._quirks.fills_params, **({"until": end_ms} if end_ms is not None else {})}
        await self._turn()
        rows: list[Row] = await self._exchange.fetch_my_trades(symbol, start_ms, limit or None, params)
        if not self._may_be_cut(len(rows), limit):
            return rows
        middle = (start_ms + (end_ms if end_ms is not None else self._now_ms())) // 2
        if middle <= start_ms:
            raise ReadFailure(
                "fills", f"a full page of {len(rows)} executions within a millisecond: more may be missing"
            )
        return [*await self._span(symbol, start_ms, middle), *await self._span(symbol, middle + 1, end_ms)]

    def _whole(self, what: str, rows: Sequence[Row] | None, limit: int | None) -> list[Row]:
        if rows is None:
            raise ReadFailure(what, "the venue answered with nothing")
        if self._may_be_cut(len(rows), limit):
            raise ReadFailure(
                what,
                f"{len(rows)} rows are a full page: the list may be cut (settings: quirks.pages, 0 when never cut)",
            )
        return list(rows)

    @staticmethod
    def _may_be_cut(count: int, limit: int | None) -> bool:
        if limit is None:
            return count in _PAGE_SIZES
        return 0 < limit <= count

    def _limit(self, method: str, known: int | None) -> int | None:
        """Give a list's page size: this project's table first, ccxt's second, None when neither knows."""
        if known is not None:
            return known
        limit = self._feature(method, "limit")
        return limit if isinstance(limit, int) else None

    def _feature(self, method: str, key: str) -> object:
        """Look up what ccxt's feature table says about a method for swaps, or for spot."""
        return feature_of(self._exchange.features, method, key, spot=self._quirks.spot)

    def _needs_symbol(self, method: str) -> bool:
        return needs_symbol(self._exchange.features, self._quirks, method, spot=self._quirks.spot)

    def _scope(self) -> Iterable[str]:
        return sorted((self._named | self._followed) & self._instruments().keys())

    async def _turn(self) -> None:
        if self._pace is not None:
            await self._pace.turn()

    def _now_ms(self) -> int:
        """Give the venue's time by this machine's clock and the measured offset."""
        return int(self._exchange.milliseconds() - self._exchange.options.get("timeDifference", 0))
