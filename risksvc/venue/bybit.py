"""Bybit v5's lists, read page by page through ccxt's endpoint methods and parsed by ccxt.

ccxt's unified list calls are not used here: they ask for one kind of execution only (liquidations would stay unseen),
ask for inverse orders by the linear settle coin (an empty list), return one page and lose the cursor when it is empty.
Signing, throttling, error classes and row parsing are ccxt's. Each page must have the expected shape, and a time that
is not older than the request: a frozen answer is not an answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from ccxt.base import errors as ccxt_errors

from risksvc.core.types import Instrument, InstrumentKind
from risksvc.venue.failures import ReadFailure
from risksvc.venue.guarded import CcxtExchange
from risksvc.venue.listing import MAX_PAGES, Listed, OrderReference, Pace, merged, together
from risksvc.venue.quirk_fields import DAY_MS
from risksvc.venue.quirks import LedgerKind, Quirks
from risksvc.venue.rows import Row, RowReader

Params: TypeAlias = dict[str, Any]
Scope: TypeAlias = tuple[tuple[str, str], ...]
Call: TypeAlias = Callable[[Params], Awaitable[Any]]

_STALE_MS = 1_000  # an answer may be so much older than its request: servers of one venue differ by less
_RECENT_PAGES = 2  # of ended orders in one coalesced look-up; what is not among them is looked up by its id
_FEW_TICKERS = 3  # up to so many are read one by one: a whole category is 600 rows
_LINEAR, _INVERSE, _SPOT = "linear", "inverse", "spot"
_CONTRACT = "contract"
_UNIFIED_ACCOUNT = {"accountType": "UNIFIED"}
_LEDGER_LIMIT = 50
_LEDGER_SPAN_MS = 7 * DAY_MS - 1
_HEDGED = frozenset(("1", "2"))  # what positionIdx says in hedge mode
_MODES_ASKED = 20  # instruments whose mode is asked for


class BybitListing:
    """Reads one account. `instruments` gives the loaded ones, which say what categories and settle coins there are."""

    def __init__(
        self,
        exchange: CcxtExchange,
        *,
        quirks: Quirks,
        instruments: Callable[[], dict[str, Instrument]],
        pace: Pace | None = None,
    ) -> None:
        self._exchange = exchange
        self._pages = quirks.pages
        self._spot = quirks.spot
        self._flows = [name for name, kind in quirks.ledger_kinds.items() if kind is not LedgerKind.TRADE]
        self._window_ms = quirks.fills_window_ms
        self._instruments = instruments
        self._pace = pace

    async def positions(self) -> Listed:
        """Read every position of every settle coin; inverse ones come in one list."""
        call, limit = self._exchange.privateGetV5PositionList, self._pages.positions
        scopes = [{"category": _LINEAR, "settleCoin": coin} for coin in self._settle_coins(InstrumentKind.LINEAR)]
        if self._settle_coins(InstrumentKind.INVERSE):
            scopes.append({"category": _INVERSE})
        lists = await together(*(self._read("positions", call, scope, limit=limit) for scope in scopes))
        return _parsed(lists, self._exchange.parse_position)

    async def hedge_mode(self) -> bool:
        """Ask for the mode of some instruments of each settle coin: by name, flat ones are listed too."""
        chosen: dict[Scope, list[str]] = {}
        for symbol in sorted(self._instruments()):
            chosen.setdefault(self._scope(symbol), []).append(symbol)
        markets = [self._exchange.market(symbols[0]) for symbols in list(chosen.values())[:_MODES_ASKED]]
        scopes = [{"category": _category(market), "symbol": market["id"]} for market in markets]
        call = self._exchange.privateGetV5PositionList
        lists = await together(*(self._read("positions", call, scope, limit=None) for scope in scopes))
        return any(str(row.get("positionIdx")) in _HEDGED for part in lists for row in part.rows)

    async def balances(self, named: Sequence[str] = ()) -> Listed:
        """Read every coin that is not zero, and those that are named and were not among them."""
        listed = await self._balances({})
        absent = sorted(set(named) - {str(row["currency"]) for row in listed.rows})
        return merged([listed, await self._balances({"coin": ",".join(absent)})]) if absent else listed

    async def _balances(self, asked: Params) -> Listed:
        call = self._exchange.privateGetV5AccountWalletBalance
        read = await self._read("balances", call, {**_UNIFIED_ACCOUNT, **asked}, limit=None)
        if len(read.rows) != 1 or not isinstance(read.rows[0].get("coin"), list):
            raise ReadFailure("balances", f"the answer is not of one account with its coins but {str(read.rows)[:80]}")
        return Listed([self._balance(coin) for coin in read.rows[0]["coin"]], read.venue_time_ms)

    def _balance(self, coin: Row) -> Row:
        """Name what is read of a coin. What spot trading has borrowed is still in the wallet, and is owed."""
        return {
            "currency": self._exchange.safe_currency_code(coin.get("coin")),
            "total": coin.get("walletBalance"),
            "debt": coin.get("spotBorrow", coin.get("borrowAmount")),
            "equity": coin.get("equity"),
            "info": coin,
        }

    async def ledger(self, since_ms: int) -> Listed:
        """Read the transaction log, in spans that the venue allows; without an end it would give one day only.

        Each execution is an entry. Where they fill more than a page, the other kinds are asked for one by one.
        """
        until_ms = self._now_ms() + _STALE_MS
        starts = range(min(since_ms, until_ms), until_ms + 1, _LEDGER_SPAN_MS + 1)
        spans = [{"startTime": start, "endTime": min(start + _LEDGER_SPAN_MS, until_ms)} for start in starts]
        lists = await together(*(self._ledger_span({**_UNIFIED_ACCOUNT, **span}) for span in spans))
        return _parsed(lists, self._entry)

    async def _ledger_span(self, scope: Params) -> Listed:
        call = self._exchange.privateGetV5AccountTransactionLog
        rows, cursor, at_ms = await self._page("balances", call, {**scope, "limit": _LEDGER_LIMIT})
        if not rows or not cursor:
            return Listed(rows, at_ms)
        scopes = [{**scope, "type": name} for name in self._flows]
        return merged(await together(*(self._read("balances", call, each, limit=_LEDGER_LIMIT) for each in scopes)))

    @property
    def has_ledger(self) -> bool:
        """Every account has one."""
        return True

    def _entry(self, row: Row) -> Row:
        """Parse an entry; its amount is exact and signed in the row itself.

        A settlement of USDC contracts also turns profit into cash: that was in the equity before, and is no flow.
        """
        parsed: Row = self._exchange.parse_ledger_entry(row)
        amount = RowReader({**row, "info": row}, "balances").figure("change")
        turned = RowReader({**row, "info": row}, "balances").figure("cashFlow")
        if row.get("type") == "SETTLEMENT" and amount is not None and turned is not None:
            amount -= turned
        market_id = row.get("symbol")
        symbol = self._market_of(row)["symbol"] if market_id else ""
        return {**parsed, "amount": amount, "direction": None, "symbol": symbol}

    @property
    def orders_per_instrument(self) -> bool:
        """They are listed account-wide."""
        return False

    async def open_orders(self) -> Listed:
        """Read every open order, conditional ones included."""
        lists = await together(*(self._orders("open_orders", scope) for scope in self._order_scopes()))
        return _parsed(lists, self._parse_order)

    async def fills(self, since_ms: int) -> Listed:
        """Read every kind of execution, in spans that the venue allows; without an end the venue answers until now."""
        spans: list[Params] = []
        start, now_ms = since_ms, self._now_ms()
        while now_ms - start > self._window_ms:
            spans.append({"startTime": start, "endTime": start + self._window_ms})
            start += self._window_ms + 1
        spans.append({"startTime": start})
        call, limit = self._exchange.privateGetV5ExecutionList, self._pages.fills
        scopes = [{"category": category, **span} for category in self._categories() for span in spans]
        lists = await together(*(self._read("fills", call, scope, limit=limit) for scope in scopes))
        return _parsed(lists, self._parse_trade)

    async def recent_orders(self, instruments: Sequence[str]) -> Listed:
        """Read open orders, then recently ended ones: an order that ends in between is in the second list."""
        scopes = [dict(scope) for scope in sorted({self._scope(symbol) for symbol in instruments})]
        lists = await together(*(self._orders("order", scope) for scope in scopes))
        ended = await together(
            *(self._orders("order", {**scope, "openOnly": 1}, pages=_RECENT_PAGES) for scope in scopes)
        )
        return _parsed([*lists, *ended], self._parse_order)

    async def order(self, reference: OrderReference) -> Listed:
        """Look one order up where it can be: live and recently ended ones, then history, then executions.

        History lags behind, so it is asked second. Executions of an order that neither list knows are a contradiction.
        """
        market = self._exchange.market(reference.instrument)
        by_id = (
            {"orderLinkId": reference.client_order_id}
            if reference.client_order_id
            else {"orderId": reference.venue_order_id}
        )
        scope = {"category": _category(market), "symbol": market["id"], **by_id}
        for call in (self._exchange.privateGetV5OrderRealtime, self._exchange.privateGetV5OrderHistory):
            found = await self._known(call, scope)
            if found.rows:
                return _parsed([found], self._parse_order)
        executions = await self._known(self._exchange.privateGetV5ExecutionList, scope)
        if executions.rows:
            raise ReadFailure("order", f"{by_id} has executions, but neither open orders nor history list it")
        return executions

    async def tickers(self, instruments: Sequence[str]) -> Listed:
        """Read tickers one by one when few are wanted, else a category at once; only wanted rows are parsed."""
        if not instruments:
            return Listed([], self._now_ms())
        markets = {symbol: self._exchange.market(symbol) for symbol in instruments}
        ids = {market["id"]: market for market in markets.values()}
        if len(markets) <= _FEW_TICKERS:
            scopes = [{"category": _category(market), "symbol": market["id"]} for market in markets.values()]
        else:
            scopes = [{"category": category} for category in sorted({_category(market) for market in markets.values()})]
        call = self._exchange.publicGetV5MarketTickers
        lists = await together(*(self._read("marks", call, scope, limit=None) for scope in scopes))
        wanted = merged(lists)
        rows = [self._exchange.parse_ticker(row, ids[row["symbol"]]) for row in wanted.rows if row.get("symbol") in ids]
        return Listed(rows, wanted.venue_time_ms)

    async def book(self, instrument: str, levels: int) -> Row:
        """Read one order book."""
        market = self._exchange.market(instrument)
        scope = {"category": _category(market), "symbol": market["id"], **({"limit": levels} if levels else {})}
        if self._pace is not None:
            await self._pace.turn()
        asked_ms = self._now_ms()
        answer = await self._exchange.publicGetV5MarketOrderbook(scope)
        _fresh("book", answer, asked_ms=asked_ms)
        found: Row = self._exchange.parse_order_book(answer["result"], instrument, None, "b", "a")
        return found

    def follow(self, instruments: frozenset[str]) -> None:
        """Do nothing: executions are listed account-wide."""

    async def _orders(self, what: str, scope: Params, *, pages: int = MAX_PAGES) -> Listed:
        call = self._exchange.privateGetV5OrderRealtime
        return await self._read(what, call, scope, limit=self._pages.open_orders, pages=pages)

    async def _known(self, call: Call, scope: Params) -> Listed:
        """Read a list by id; some endpoints answer with an error where others answer with an empty list."""
        try:
            return await self._read("order", call, scope, limit=None)
        except ccxt_errors.OrderNotFound:
            return Listed([], self._now_ms())

    async def _read(self, what: str, call: Call, scope: Params, *, limit: int | None, pages: int = MAX_PAGES) -> Listed:
        """Read a list to its end: no cursor comes back, or an empty page. Fewer `pages` read its start only."""
        rows: list[Row] = []
        params = scope if limit is None else {**scope, "limit": limit}
        first_ms, cursor = 0, ""
        for _ in range(pages):
            page, next_cursor, at_ms = await self._page(what, call, {**params, "cursor": cursor} if cursor else params)
            first_ms = first_ms or at_ms
            rows.extend(page)
            if not page or not next_cursor:
                return Listed(rows, first_ms)
            if next_cursor == cursor:
                raise ReadFailure(what, "the venue gave the same page cursor twice: the list can't be read to its end")
            cursor = next_cursor
        if pages == MAX_PAGES:
            raise ReadFailure(what, f"the list has more than {MAX_PAGES} pages")
        return Listed(rows, first_ms)

    async def _page(self, what: str, call: Call, params: Params) -> tuple[list[Row], str, int]:
        if self._pace is not None:
            await self._pace.turn()
        asked_ms = self._now_ms()
        answer = await call(params)
        result = answer["result"]
        if not isinstance(result.get("list"), list) or not all(isinstance(row, dict) for row in result["list"]):
            raise ReadFailure(what, f"the answer has no list but {str(result)[:80]!r}")
        at_ms = _fresh(what, answer, asked_ms=asked_ms)
        return result["list"], str(result.get("nextPageCursor") or ""), at_ms

    def _now_ms(self) -> int:
        """Give the venue's time by this machine's clock and the measured offset."""
        return int(self._exchange.nonce())

    def _settle_coins(self, kind: InstrumentKind) -> list[str]:
        scopes = [dict(scope) for scope in self._scopes()]
        return [scope["settleCoin"] for scope in scopes if scope["category"] == _CATEGORY[kind]]

    def _scopes(self) -> list[Scope]:
        return sorted({self._scope(symbol) for symbol in self._instruments()})

    def _scope(self, symbol: str) -> Scope:
        """Give what an instrument's orders are asked by: contracts by their settle coin, spot pairs all at once."""
        market = self._exchange.market(symbol)
        category = _category(market)
        return (("category", category),) if self._spot else (("category", category), ("settleCoin", market["settle"]))

    def _categories(self) -> list[str]:
        default = _SPOT if self._spot else _LINEAR
        return sorted({dict(scope)["category"] for scope in self._scopes()}) or [default]

    def _order_scopes(self) -> list[Params]:
        return [dict(scope) for scope in self._scopes()]

    def _parse_order(self, row: Row) -> Row:
        parsed: Row = self._exchange.parse_order(row, self._market_of(row))
        return parsed

    def _parse_trade(self, row: Row) -> Row:
        parsed: Row = self._exchange.parse_trade(row, self._market_of(row))
        return parsed

    def _market_of(self, row: Row) -> Any:  # noqa: ANN401 - ccxt's
        return self._exchange.safe_market(row.get("symbol"), None, None, _SPOT if self._spot else _CONTRACT)


_CATEGORY = {InstrumentKind.LINEAR: _LINEAR, InstrumentKind.INVERSE: _INVERSE}


def _category(market: Row) -> str:
    if market.get("spot") is True:
        return _SPOT
    return _LINEAR if market["linear"] else _INVERSE


def _fresh(what: str, answer: Row, *, asked_ms: int) -> int:
    """Give an answer's time; one that is older than its request is refused."""
    at_ms = answer.get("time")
    if not isinstance(at_ms, int):
        raise ReadFailure(what, f"the answer's time is {at_ms!r}")
    if at_ms < asked_ms - _STALE_MS:
        raise ReadFailure(what, f"the answer is {asked_ms - at_ms} ms older than its request", clock_off=True)
    return at_ms


def _parsed(lists: Sequence[Listed], parse: Callable[[Row], Row]) -> Listed:
    """Parse raw rows one for one: none may be lost on the way."""
    whole = merged(lists)
    return Listed([parse(row) for row in whole.rows], whole.venue_time_ms)


async def ended_markets(exchange: CcxtExchange, unlisted: str) -> list[Row]:
    """Look for an instrument, by either name, among the contracts that have ended: they are listed only when asked."""
    found: list[Row] = []
    for category in (_LINEAR, _INVERSE):
        listed = await exchange.fetch_future_markets({"category": category, "status": "Closed"})
        found += [market for market in listed if unlisted in (market["id"], market["symbol"])]
    return found


async def key_may_order(exchange: CcxtExchange) -> bool:
    """Ask the venue whether the key may do more than read."""
    answer = await exchange.privateGetV5UserQueryApi()
    return str(answer["result"].get("readOnly")) == "0"
