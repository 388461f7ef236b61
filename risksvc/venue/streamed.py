"""ccxt.pro's exchange classes, made to tell everything that they hear.

What `watch_my_trades` and `watch_orders` return is not complete: what comes between two calls is dropped from it. So
every row is taken where ccxt's own handlers put it, the caches of the instance, and handed on when the message has been
handled whole. An error inside a handler would end ccxt's receiving without a word: it is told instead.

Only attributes and methods that ccxt documents for subclasses are touched. The caches are never read as state.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ccxt.async_support.base.ws.cache import ArrayCacheBySymbolById

from risksvc.venue.config import VenueConfig
from risksvc.venue.guarded import CcxtClass, CcxtExchange, build_as, exchange_class_of, guarded
from risksvc.venue.quirks import Quirks
from risksvc.venue.rows import Row

TRADES, ORDERS, POSITIONS = "watchMyTrades", "watchOrders", "watchPositions"
# What can be followed, and the call that follows it.
CALLS = {TRADES: "watch_my_trades", ORDERS: "watch_orders", POSITIONS: "watch_positions"}

_CACHED = 1_000  # rows; ccxt's own number


class Hearer(Protocol):
    """Who is told what a stream says, in the order in which it says it."""

    def hear(self, trades: Sequence[Row], orders: Sequence[Row]) -> None:
        """Take in one message: the executions and orders in it, in ccxt's unified shape; both may be empty."""

    def broke(self, error: Exception) -> None:
        """Take in that a message could not be handled."""


class _TellingCache(ArrayCacheBySymbolById):  # type: ignore[misc]  # ccxt carries no types
    """One of ccxt's caches, which also collects what is put into it."""

    def __init__(self, collect: Callable[[Row], None]) -> None:
        super().__init__(_CACHED)
        self._collect = collect

    def append(self, item: Any) -> None:  # noqa: ANN401 - ccxt's
        self._collect(dict(item))  # ccxt writes later updates of an order into the same dictionary
        super().append(item)


def streamed(exchange_class: CcxtClass, quirks: Quirks) -> CcxtClass:
    """Derive a class of a ccxt.pro class that tells all to its `hearer`."""
    told_class = guarded(exchange_class, quirks)

    class Streamed(_of_bybit(told_class) if quirks.listing == "bybit" else told_class):  # type: ignore[misc]
        hearer: Hearer
        clock_ahead_ms = 0  # this machine's clock against the venue's: a log-in is signed by the venue's time

        def tell(self, hearer: Hearer) -> None:
            self.hearer = hearer
            self.told_trades: list[Row] = []
            self.told_orders: list[Row] = []
            self.myTrades = _TellingCache(lambda row: self._collect(row, self.told_trades))
            self.orders = _TellingCache(lambda row: self._collect(row, self.told_orders))

        def _collect(self, row: Row, into: list[Row]) -> None:
            if _in_its_category(row, self.markets or {}, quirks):
                into.append(row)

        def milliseconds(self) -> int:
            return int(super().milliseconds()) - self.clock_ahead_ms

        def handle_message(self, client: Any, message: Any) -> None:  # noqa: ANN401 - ccxt's
            try:
                super().handle_message(client, message)
                self.hearer.hear(list(self.told_trades), list(self.told_orders))
            except Exception as error:  # noqa: BLE001 - whatever it is would stop the receiving silently
                self.hearer.broke(error)
            finally:
                self.told_trades.clear()
                self.told_orders.clear()
                client.lastPong = client.last_message_at  # by one clock; whatever came is a sign of life

    Streamed.__name__ = Streamed.__qualname__ = f"Streamed{exchange_class.__name__}"
    return Streamed


def _of_bybit(exchange_class: CcxtClass) -> CcxtClass:
    """Derive a class that counts acknowledged subscriptions, and finds an order's market by its category.

    ccxt takes an order that lacks one key for one of the spot market.
    """

    class OfBybit(exchange_class):  # type: ignore[misc]
        acknowledged: int | None = 0

        def handle_subscription_status(self, client: Any, message: Any) -> Any:  # noqa: ANN401 - ccxt's
            self.acknowledged = (self.acknowledged or 0) + 1  # refusals never come here
            return super().handle_subscription_status(client, message)

        def parse_order(self, order: Any, market: Any = None) -> Any:  # noqa: ANN401 - ccxt's
            kind = "spot" if order.get("category") == "spot" else "contract"
            known = self.safe_market(order.get("symbol"), None, None, kind) if market is None else market
            return super().parse_order(order, known)

    return OfBybit


def _in_its_category(row: Row, markets: Mapping[str, Row], quirks: Quirks) -> bool:
    """Whether a row is of its market: ccxt takes a spot BTCUSDT for the contract where only contracts are loaded."""
    info = row.get("info")
    category = info.get("category") if quirks.listing == "bybit" and isinstance(info, Mapping) else None
    return category is None or markets.get(str(row.get("symbol")), {}).get(category) is True


def stream_class_of(name: str) -> CcxtClass | None:
    """Find the class that streams, by ccxt id or "module:Name"; None when ccxt.pro has none."""
    if ":" in name:
        return exchange_class_of(name)
    library = importlib.import_module("ccxt.pro")
    return getattr(library, name) if name in library.exchanges else None


def followed(exchange_class: CcxtClass | None, quirks: Quirks) -> tuple[str, ...]:
    """Say which calls of a class are followed. Positions alone are no stream: nothing in them could be used."""
    if exchange_class is None:
        return ()
    has = exchange_class().has
    found = tuple(name for name in CALLS if name in quirks.stream and has.get(name) is True)
    return found if TRADES in found or ORDERS in found else ()


def build_stream(exchange_class: CcxtClass, config: VenueConfig, *, quirks: Quirks, hearer: Hearer) -> CcxtExchange:
    """Build one instance for one connection: nothing of an earlier one is left in it."""
    exchange = build_as(streamed(exchange_class, quirks), config, quirks=quirks, throttled=True)
    own: dict[str, dict[str, object]] = {
        # ccxt's first read of positions can fail where nobody hears of it, and the call then waits for ever.
        POSITIONS: {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
    }
    if quirks.listing == "bybit":
        own[TRADES] = {"execType": list(quirks.kinds)}  # ccxt passes four kinds only
    exchange.options = exchange.deep_extend(exchange.options, own)
    ping_ms = exchange.streaming.get("keepAlive", config.stream_ping_ms)
    exchange.streaming = {**exchange.streaming, "keepAlive": min(ping_ms, config.stream_ping_ms)}
    exchange.timeout_on_exit = 0
    exchange.tell(hearer)
    return exchange
