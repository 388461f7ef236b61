"""ccxt.pro's classes made to tell: every row arrives once, whatever the pace, and nothing goes deaf in silence."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.quirks import QUIRKS, Quirks
from risksvc.venue.rows import Row
from risksvc.venue.streamed import ORDERS, POSITIONS, TRADES, build_stream, followed, stream_class_of
from tests.unit.venue.builders import BTC, BYBIT, settings
from tests.unit.venue.private_stream import PrivateServer, execution, order


class Heard:
    """Keeps what a stream tells."""

    def __init__(self) -> None:
        self.trades: list[Row] = []
        self.orders: list[Row] = []
        self.messages: list[tuple[int, int]] = []
        self.errors: list[Exception] = []
        self._changed = asyncio.Event()

    def hear(self, trades: Sequence[Row], orders: Sequence[Row]) -> None:
        self.trades += trades
        self.orders += orders
        self.messages.append((len(trades), len(orders)))
        self._changed.set()

    def broke(self, error: Exception) -> None:
        self.errors.append(error)
        self._changed.set()

    async def until(self, trades: int = 0, orders: int = 0, errors: int = 0) -> None:
        async with asyncio.timeout(20):
            while len(self.trades) < trades or len(self.orders) < orders or len(self.errors) < errors:
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def streaming(*calls: str) -> AsyncIterator[tuple[PrivateServer, Any, Heard]]:
    """A server, and a stream connected to it, whose events are awaited by the calls as a program would."""
    async with PrivateServer() as server:
        heard = Heard()
        config = settings(base_url=server.base_url)
        exchange = build_stream(stream_class_of("bybit"), config, quirks=BYBIT, hearer=heard)
        await exchange.load_markets()

        async def follow(call: str) -> None:
            while True:
                await getattr(exchange, call)()

        tasks = [asyncio.create_task(follow(call)) for call in calls]
        try:
            yield server, exchange, heard
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await exchange.close()


async def test_three_hundred_fast_executions_all_arrive_once_each_and_in_order() -> None:
    """ccxt drops from what its calls return whatever comes between two of them."""
    async with streaming("watch_my_trades", "watch_orders") as (server, _, heard):
        await server.until_subscribed("execution", "order")
        for number in range(0, 300, 3):
            await server.push("execution", *(execution(each) for each in range(number, number + 3)))
            await server.push("order", order(cumExecQty="0.001", orderStatus="PartiallyFilled"))
        await heard.until(trades=300, orders=100)
        assert [row["id"] for row in heard.trades] == [f"e-{number}" for number in range(300)]
        assert {row["symbol"] for row in heard.trades} == {BTC}
        assert len(heard.orders) == 100
        assert heard.errors == []


async def test_each_message_is_told_whole_and_the_rows_are_not_changed_by_later_ones() -> None:
    async with streaming("watch_orders") as (server, _, heard):
        await server.until_subscribed("order")
        await server.push("order", order(), order(orderStatus="Cancelled", leavesQty="0"))
        await heard.until(orders=2)
        assert (0, 2) in heard.messages
        assert [row["status"] for row in heard.orders] == ["open", "canceled"]


async def test_liquidations_and_deliveries_are_told_too() -> None:
    """ccxt's own setting passes four kinds of execution and drops the rest."""
    async with streaming("watch_my_trades") as (server, _, heard):
        await server.until_subscribed("execution")
        kinds = ["Trade", "BustTrade", "AdlTrade", "Delivery", "MovePosition"]
        await server.push("execution", *(execution(at, execType=kind) for at, kind in enumerate(kinds)))
        await heard.until(trades=5)
        assert [row["info"]["execType"] for row in heard.trades] == kinds


async def test_what_happens_in_a_category_that_is_not_read_is_not_taken_for_a_contracts() -> None:
    """An account's stream tells of its spot orders, too, and ccxt gives them the name of the contract."""
    async with streaming("watch_orders", "watch_my_trades") as (server, _, heard):
        await server.until_subscribed("order", "execution")
        for category in ("spot", "inverse", "linear"):
            await server.push("order", order(category=category, orderId=category))
            await server.push("execution", execution(1, category=category, execId=category))
        await heard.until(trades=1, orders=1)
        assert [(row["id"], row["symbol"]) for row in (*heard.orders, *heard.trades)] == [("linear", BTC)] * 2


async def test_a_message_that_can_not_be_handled_is_told_and_the_stream_is_not_deaf() -> None:
    """An error in a handler ends ccxt's receiving, with no error anywhere."""
    async with streaming("watch_my_trades") as (server, _, heard):
        await server.until_subscribed("execution")
        await server.push("execution", execution(1, execQty="much"))
        await heard.until(errors=1)
        await server.push("execution", execution(2))
        await heard.until(trades=1)
        assert heard.trades[-1]["id"] == "e-2"


async def test_a_refused_log_in_raises() -> None:
    async with PrivateServer() as server:
        server.refuse_log_in = True
        config = settings(base_url=server.base_url)
        exchange = build_stream(stream_class_of("bybit"), config, quirks=BYBIT, hearer=Heard())
        await exchange.load_markets()
        with pytest.raises(ccxt_errors.AuthenticationError):
            await exchange.watch_orders()
        await exchange.close()


async def test_a_log_in_is_signed_by_the_venues_time_and_life_is_judged_by_this_machines() -> None:
    async with streaming("watch_orders") as (server, exchange, _):
        exchange.clock_ahead_ms = 3_600_000
        await server.until_subscribed("order")
        await server.push("order", order())
        assert ccxt.pro.Exchange.milliseconds() - exchange.milliseconds() == pytest.approx(3_600_000, abs=1_000)
        (client,) = exchange.clients.values()
        assert client.lastPong == client.last_message_at
        assert client.keepAlive == settings().stream_ping_ms


def test_no_first_read_of_positions_is_made_by_ccxt() -> None:
    exchange = build_stream(stream_class_of("bybit"), settings(), quirks=BYBIT, hearer=Heard())
    assert exchange.options["watchPositions"]["fetchPositionsSnapshot"] is False
    assert exchange.options["maxRetriesOnFailure"] == 0


@pytest.mark.parametrize(
    ("exchange_id", "quirks", "calls"),
    [
        ("bybit", QUIRKS["bybit"], (TRADES, ORDERS, POSITIONS)),
        ("bybit", Quirks(stream=(POSITIONS,)), ()),
        ("bybit", Quirks(), ()),
        ("deribit", QUIRKS["deribit"], (TRADES, ORDERS)),
        ("bitmart", Quirks(stream=(TRADES, POSITIONS)), ()),
    ],
    ids=["all", "positions alone", "not in the table", "two", "not in ccxt.pro"],
)
def test_only_what_ccxt_pro_has_and_the_table_allows_is_followed(
    exchange_id: str, quirks: Quirks, calls: tuple[str, ...]
) -> None:
    assert followed(stream_class_of(exchange_id), quirks) == calls


def test_a_venue_that_ccxt_pro_does_not_have_has_no_stream() -> None:
    missing = min(set(ccxt.async_support.exchanges) - set(ccxt.pro.exchanges))
    assert stream_class_of(missing) is None
    assert followed(None, QUIRKS["bybit"]) == ()
    assert stream_class_of("ccxt.async_support:bybit") is ccxt.async_support.bybit
