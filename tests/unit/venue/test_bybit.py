"""Bybit's lists, page by page: ccxt's own class, its requests answered from a script."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import ccxt.async_support
import pytest
from ccxt.base import errors as ccxt_errors

from risksvc.venue.bybit import BybitListing, key_may_order
from risksvc.venue.failures import ReadFailure
from risksvc.venue.listing import OrderReference, Pace
from risksvc.venue.markets import normalise_markets
from risksvc.venue.normalise import normalise_position
from tests.unit.venue.builders import BTC, BYBIT

Params: TypeAlias = dict[str, Any]
USDC = "BTC/USDC:USDC"
INVERSE = "BTC/USD:BTC"
POSITIONS, REALTIME, HISTORY, EXECUTIONS = "position/list", "order/realtime", "order/history", "execution/list"


def market(symbol: str, market_id: str) -> Params:
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    kind = {"linear": settle != base, "inverse": settle == base}
    shape = {"type": "swap", "swap": True, "contract": True, "spot": False, "option": False, "future": False}
    steps = {"precision": {"amount": "0.001", "price": "0.1"}, "contractSize": "1", "limits": {}, "info": {}}
    names = {"id": market_id, "symbol": symbol, "base": base, "quote": quote, "settle": settle}
    return {**names, **kind, **shape, **steps, "baseId": base, "quoteId": quote, "settleId": settle, "active": True}


class ScriptedBybit(ccxt.async_support.bybit):  # type: ignore[misc]
    """Answers each request with what `answer` says for its path and parameters."""

    number = str

    def __init__(self, answer: Callable[[str, Params], Any]) -> None:
        super().__init__({"apiKey": "k", "secret": "s"})
        self.answer = answer
        self.asked: list[tuple[str, Params]] = []
        self.set_markets([market(BTC, "BTCUSDT"), market(USDC, "BTCPERP"), market(INVERSE, "BTCUSD")])

    async def fetch2(self, path: str, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 - ccxt's
        params = rest[2] if len(rest) > 2 else options.get("params", {})
        name = "/".join(path.split("/")[-2:])
        self.asked.append((name, params))
        found = self.answer(name, params)
        if isinstance(found, Exception):
            raise found
        return found if "retCode" in found else {"retCode": 0, "result": found, "time": time.time_ns() // 1_000_000}

    def params(self, name: str) -> list[Params]:
        return [params for asked, params in self.asked if asked == name]


def listing(
    answer: Callable[[str, Params], Any], *, only: tuple[str, ...] = (BTC,)
) -> tuple[BybitListing, ScriptedBybit]:
    exchange = ScriptedBybit(answer)
    found = normalise_markets(exchange.markets, precision_mode=4, quirks=BYBIT)
    instruments = {symbol: each for symbol, each in found.items() if symbol in only}
    return BybitListing(exchange, quirks=BYBIT, instruments=lambda: instruments), exchange


def rows(*found: Params, cursor: str = "") -> Params:
    return {"list": list(found), "nextPageCursor": cursor}


def order(number: int, **changes: object) -> Params:
    row = {"symbol": "BTCUSDT", "orderId": f"v-{number}", "orderLinkId": f"c-{number}", "side": "Buy", "qty": "2"}
    state = {"orderType": "Limit", "price": "50000", "orderStatus": "New", "cumExecQty": "0", "leavesQty": "2"}
    return {**row, **state, **changes}


async def test_pages_are_read_until_no_cursor_comes_back() -> None:
    pages = {"": rows(order(1), cursor="a"), "a": rows(order(2), cursor="b"), "b": rows(order(3))}
    lists, exchange = listing(lambda _, params: pages[params.get("cursor", "")])
    found = await lists.open_orders()
    assert [row["clientOrderId"] for row in found.rows] == ["c-1", "c-2", "c-3"]
    assert [params["limit"] for params in exchange.params(REALTIME)] == [50, 50, 50]


async def test_a_cursor_to_an_empty_page_is_the_end() -> None:
    pages = {"": rows(order(1), cursor="a"), "a": rows(cursor="b")}
    lists, exchange = listing(lambda _, params: pages[params.get("cursor", "")])
    assert len((await lists.open_orders()).rows) == 1
    assert len(exchange.asked) == 2


async def test_a_cursor_that_goes_in_circles_is_a_failure() -> None:
    lists, _ = listing(lambda _, params: rows(order(1), cursor="same"))
    with pytest.raises(ReadFailure, match="same page cursor twice"):
        await lists.open_orders()


async def test_a_list_that_never_ends_is_a_failure() -> None:
    lists, exchange = listing(lambda _, params: rows(order(1), cursor=f"{len(exchange.asked)}"))
    with pytest.raises(ReadFailure, match="more than 200 pages"):
        await lists.open_orders()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"list": None},
        {"list": "none"},
        {"list": [None]},
        {"retCode": 0, "result": {"list": []}},
        {"retCode": 0, "result": {"list": []}, "time": "now"},
    ],
    ids=str,
)
async def test_an_answer_without_a_list_or_a_time_is_a_failure(answer: Params) -> None:
    lists, _ = listing(lambda *_: answer)
    with pytest.raises(ReadFailure):
        await lists.positions()


async def test_an_answer_from_the_past_is_a_failure_that_asks_for_the_clock() -> None:
    lists, _ = listing(lambda *_: {"retCode": 0, "result": rows(), "time": time.time_ns() // 1_000_000 - 5_000})
    with pytest.raises(ReadFailure, match="older than its request") as failure:
        await lists.positions()
    assert failure.value.clock_off


async def test_every_settle_coin_is_asked_for() -> None:
    """ccxt asks inverse orders by the linear settle coin, and gets an empty list."""
    lists, exchange = listing(lambda *_: rows(), only=(BTC, USDC, INVERSE))
    await lists.positions()
    await lists.open_orders()
    await lists.fills(time.time_ns() // 1_000_000)

    def scopes(name: str) -> list[tuple[str, str]]:
        return sorted((params["category"], params.get("settleCoin", "")) for params in exchange.params(name))

    assert scopes(POSITIONS) == [("inverse", ""), ("linear", "USDC"), ("linear", "USDT")]
    assert scopes(REALTIME) == [("inverse", "BTC"), ("linear", "USDC"), ("linear", "USDT")]
    assert scopes(EXECUTIONS) == [("inverse", ""), ("linear", "")]


async def test_every_kind_of_execution_is_asked_for() -> None:
    """ccxt's fetch_my_trades asks for ordinary trades only: a liquidation would stay unseen."""
    lists, exchange = listing(lambda *_: rows())
    await lists.fills(time.time_ns() // 1_000_000 - 1_000)
    assert "execType" not in exchange.params(EXECUTIONS)[0]


async def test_a_long_absence_is_read_in_spans_that_the_venue_allows() -> None:
    lists, exchange = listing(lambda *_: rows())
    now, day = time.time_ns() // 1_000_000, 86_400_000
    await lists.fills(now - 20 * day)
    asked = sorted(exchange.params(EXECUTIONS), key=lambda params: params["startTime"])
    assert len(asked) == 3
    assert all(params["endTime"] - params["startTime"] < 7 * day for params in asked[:-1])
    assert [later["startTime"] for later in asked[1:]] == [params["endTime"] + 1 for params in asked[:-1]]
    assert "endTime" not in asked[-1]


async def test_one_failing_list_fails_the_read() -> None:
    def answer(_: str, params: Params) -> Any:  # noqa: ANN401
        return ccxt_errors.RequestTimeout("x") if params.get("settleCoin") == "USDC" else rows()

    lists, _ = listing(answer, only=(BTC, USDC))
    with pytest.raises(ccxt_errors.RequestTimeout):
        await lists.positions()


async def test_the_two_legs_of_hedge_mode() -> None:
    legs = [
        {"symbol": "BTCUSDT", "side": "Buy", "size": "3", "positionIdx": 1, "markPrice": "50000"},
        {"symbol": "BTCUSDT", "side": "Sell", "size": "1", "positionIdx": 2, "markPrice": "50000"},
    ]
    lists, exchange = listing(lambda *_: rows(*legs))
    instruments = normalise_markets(exchange.markets, precision_mode=4, quirks=BYBIT)
    found = [
        normalise_position(row, instrument=instruments[row["symbol"]], quirks=BYBIT)
        for row in (await lists.positions()).rows
    ]
    assert [each.quantity for each in found if each is not None] == [3, -1]


async def test_an_instrument_that_is_not_loaded_keeps_its_raw_name() -> None:
    lists, _ = listing(lambda *_: rows({"symbol": "NEWUSDT", "side": "Buy", "size": "3"}))
    assert (await lists.positions()).rows[0]["symbol"] == "NEWUSDT"


# --- look-ups ---


def known_in(*names: str) -> Callable[[str, Params], Params]:
    return lambda name, params: rows(order(1, orderLinkId=params.get("orderLinkId", ""))) if name in names else rows()


@pytest.mark.parametrize(
    ("where", "asked"),
    [(REALTIME, [REALTIME]), (HISTORY, [REALTIME, HISTORY]), ("", [REALTIME, HISTORY, EXECUTIONS])],
)
async def test_an_order_is_looked_for_in_every_place_in_turn(where: str, asked: list[str]) -> None:
    lists, exchange = listing(known_in(where))
    found = await lists.order(OrderReference(BTC, "c-1"))
    assert [name for name, _ in exchange.asked] == asked
    assert len(found.rows) == bool(where)
    assert {(params["symbol"], params["orderLinkId"]) for _, params in exchange.asked} == {("BTCUSDT", "c-1")}


async def test_a_place_that_answers_not_found_counts_as_read() -> None:
    lists, exchange = listing(lambda *_: ccxt_errors.OrderNotFound("110001"))
    assert (await lists.order(OrderReference(BTC, "c-1"))).rows == []
    assert len(exchange.asked) == 3


async def test_executions_of_an_order_that_is_nowhere_are_a_contradiction() -> None:
    execution = {"symbol": "BTCUSDT", "execId": "t-1", "orderId": "v-1"}
    lists, _ = listing(lambda name, _: rows(execution) if name == EXECUTIONS else rows())
    with pytest.raises(ReadFailure, match="has executions"):
        await lists.order(OrderReference(BTC, venue_order_id="v-1"))


async def test_recent_orders_are_the_open_ones_then_the_ended_ones() -> None:
    def answer(_: str, params: Params) -> Params:
        return rows(order(1, orderStatus="Cancelled")) if params.get("openOnly") else rows(order(1))

    lists, exchange = listing(answer, only=(BTC, USDC))
    found = await lists.recent_orders([BTC])
    assert [row["status"] for row in found.rows] == ["open", "canceled"]
    assert {params["settleCoin"] for _, params in exchange.asked} == {"USDT"}


async def test_few_tickers_are_asked_for_by_name_and_many_by_category() -> None:
    ticker = {"symbol": "BTCUSDT", "markPrice": "50000", "bid1Price": "1", "ask1Price": "2", "openInterestValue": "0"}
    lists, exchange = listing(lambda *_: rows(ticker, {**ticker, "symbol": "OTHERUSDT"}))
    found = await lists.tickers([BTC])
    assert [row["symbol"] for row in found.rows] == [BTC]
    assert exchange.asked[0][1]["symbol"] == "BTCUSDT"
    assert (await lists.tickers([])).rows == []
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(("flag", "may"), [(0, True), ("0", True), (1, False), (None, False), ("", False)], ids=repr)
async def test_a_key_may_order_only_when_the_venue_says_that_it_is_not_read_only(flag: object, *, may: bool) -> None:
    assert await key_may_order(ScriptedBybit(lambda *_: {"readOnly": flag})) is may


async def test_requests_are_spaced_out() -> None:
    pace = Pace(1_000)
    began = asyncio.get_running_loop().time()
    for _ in range(20):
        await pace.turn()
    assert asyncio.get_running_loop().time() - began >= 0.018
