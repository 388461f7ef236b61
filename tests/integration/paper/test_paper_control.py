"""The control API over HTTP, and what it makes the ccxt client see."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest
import pytest_asyncio

from risksvc.venue.paper import PaperServer
from tests.integration.paper.trader import BTC, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

D = Decimal


class Control:
    """Sends control requests; gives the status and the decoded answer."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def get(self, path: str) -> Any:  # noqa: ANN401 - decoded JSON
        async with self._session.get(f"{self._base_url}/paper/{path}") as response:
            return await response.json()

    async def post(self, path: str, /, **body: object) -> tuple[int, Any]:
        async with self._session.post(f"{self._base_url}/paper/{path}", json=body) as response:
            return response.status, await response.json()

    async def delete(self, path: str) -> tuple[int, Any]:
        async with self._session.delete(f"{self._base_url}/paper/{path}") as response:
            return response.status, await response.json()


@pytest_asyncio.fixture(loop_scope="session")
async def control(paper: PaperServer) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession() as session:
        yield Control(session, paper.base_url)


async def test_a_price_is_set_held_and_let_go(control: Control, trader: Client) -> None:
    status, row = await control.post("price", symbol="BTCUSDT", price="43210.5")
    assert (status, row["mid"], row["held"]) == (200, "43210.5", True)
    assert D((await trader.fetch_ticker(BTC))["markPrice"]) == D("43210.5")
    _, row = await control.post("price", symbol="BTCUSDT", price="44000", hold=False)
    assert (row["mid"], row["held"]) == ("44000", False)
    _, row = await control.post("price", symbol="BTCUSDT")
    assert row["held"] is False


async def test_a_price_fills_what_rests(control: Control, trader: Client) -> None:
    await trader.create_order(BTC, "limit", "sell", "1", "51000")
    await control.post("price", symbol="BTCUSDT", price="51100")
    (position,) = await trader.fetch_positions()
    assert (position["side"], D(position["entryPrice"])) == ("short", D(51_000))


async def test_the_depth_is_reshaped(control: Control, trader: Client) -> None:
    status, row = await control.post("depth", symbol="BTCUSDT", levels=2, first_notional="5000", growth_notional="0")
    assert (status, row["levels"]) == (200, {"Buy": 2, "Sell": 2})
    order = await trader.create_order(BTC, "market", "buy", "1")
    found = await trader.fetch_order(order["id"], BTC, {"acknowledged": True})
    assert (found["status"], D(found["filled"])) == ("canceled", D("0.198"))


async def test_faults_are_listed_switched_on_and_off(control: Control, trader: Client) -> None:
    listed = await control.get("faults")
    assert listed["known"]["position_lag"]["parameters"] == {"ms": 1000}
    assert set(listed["events"]) == {
        "order", "fill", "drift", "liquidation", "adl", "funding", "delivery", "delisting", "transfer", "stops",
        "hedge", "listing",
    }  # fmt: skip
    status, fault = await control.post("faults", name="http_error", path="/v5/position/*", count=5, status=500)
    assert (status, fault["name"], fault["remaining"], fault["hits"]) == (200, "http_error", 5, 0)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await trader.fetch_positions()
    (shown,) = (await control.get("faults"))["on"]
    assert (shown["remaining"], shown["hits"]) == (4, 1)
    status, left = await control.delete(f"faults/{fault['id']}")
    assert (status, left["on"]) == (200, [])
    assert await trader.fetch_positions() == []
    await control.post("faults", name="delay")
    await control.post("faults", name="hang")
    _, left = await control.delete("faults")
    assert left["on"] == []


async def test_an_order_that_never_asked(control: Control, trader: Client) -> None:
    """A process that holds the trade key and never asks: an order out of nowhere, seen by everybody who looks."""
    status, ack = await control.post(
        "events", name="order", account="main", symbol="BTCUSDT", side="Buy", orderType="Market", qty="4"
    )
    assert status == 200
    (position,) = await trader.fetch_positions()
    assert D(position["contracts"]) == 4
    assert {trade["order"] for trade in await trader.fetch_my_trades(BTC)} == {ack["orderId"]}


async def test_a_fill_out_of_nowhere(control: Control, trader: Client) -> None:
    status, ack = await control.post(
        "events", name="fill", account="main", symbol="BTCUSDT", side="Sell", qty="2", price="50123.4"
    )
    assert status == 200
    (trade,) = await trader.fetch_my_trades(BTC)
    assert (trade["order"], trade["side"], D(trade["price"])) == (ack["orderId"], "sell", D("50123.4"))
    assert trade["info"]["orderLinkId"] == ""
    (position,) = await trader.fetch_positions()
    assert position["side"] == "short"


async def test_a_liquidation_is_no_ordinary_trade(control: Control, trader: Client) -> None:
    await trader.create_order(BTC, "market", "buy", "3")
    status, ack = await control.post("events", name="liquidation", account="main", symbol="BTCUSDT", qty="1")
    assert status == 200
    (position,) = await trader.fetch_positions()
    assert D(position["contracts"]) == 2
    ordinary = await trader.fetch_my_trades(BTC)
    assert sum(D(trade["amount"]) for trade in ordinary) == 3, "ccxt asks for ordinary trades only"
    (bust,) = await trader.fetch_my_trades(BTC, params={"execType": "BustTrade"})
    assert (bust["order"], bust["side"], D(bust["amount"])) == (ack["orderId"], "sell", D(1))
    order = await trader.fetch_closed_order(ack["orderId"], BTC)
    assert order["info"]["createType"] == "CreateByLiq"
    every = await trader.private_get_v5_execution_list({"category": "linear"})
    assert {row["execType"] for row in every["result"]["list"]} == {"Trade", "BustTrade"}


async def test_a_new_listing_is_traded_before_the_client_knows_it(control: Control, trader: Client) -> None:
    for base, status in (("NEW", "Trading"), ("SOON", "PreLaunch")):
        code, row = await control.post("events", name="listing", base=base, price="2", status=status)
        assert (code, row["status"]) == (200, status)
    await control.post("events", name="fill", account="main", symbol="NEWUSDT", side="Buy", qty="10")
    (position,) = await trader.fetch_positions()
    assert position["symbol"] == "NEWUSDT", "not in the loaded markets: the raw id"
    known = set(trader.markets)
    try:
        markets = await trader.load_markets(reload=True)
        assert markets["NEW/USDT:USDT"]["active"]
        assert not markets["SOON/USDT:USDT"]["active"]
        with pytest.raises(ccxt.ExchangeError, match="110074"):
            await trader.create_order("SOON/USDT:USDT", "market", "buy", "10")
    finally:
        trader.set_markets([market for symbol, market in trader.markets.items() if symbol in known])


async def test_the_state_is_shown(control: Control, trader: Client) -> None:
    await trader.create_order(BTC, "market", "buy", "1")
    await trader.create_order(BTC, "limit", "buy", "1", "49000", {"clientOrderId": "resting"})
    state = await control.get("state")
    main = state["accounts"]["main"]
    assert (main["positions"], main["open_orders"], main["executions"]) == ({"BTCUSDT": "1"}, 1, 1)
    assert main["newest_open_orders"][0]["orderLinkId"] == "resting"
    assert state["markets"]["BTCUSDT"]["resting"] == {"Buy": 1, "Sell": 0}
    assert state["accounts"]["other"]["positions"] == {}
    assert "secret" not in str(state)


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("price", {}, "symbol is required"),
    ("price", {"symbol": "NOSUCH", "price": "1"}, "Not supported symbols"),
    ("price", {"symbol": "BTCUSDT", "price": "-1"}, "above 0"),
    ("price", {"symbol": "BTCUSDT", "price": "1.23"}, "multiple of 0.1"),
    ("price", {"symbol": "BTCUSDT", "price": "a lot"}, "price"),
    ("depth", {"symbol": "BTCUSDT", "levels": 1_000}, "levels"),
    ("faults", {}, "name is required"),
    ("faults", {"name": "nothing"}, "unknown"),
    ("faults", {"name": "delay", "ms": "1"}, "whole number"),
    ("faults", {"name": "delay", "ms": [1]}, "whole number or text"),
    ("faults", {"name": "delay", "self": 1}, "takes ms"),
    ("events", {"name": "nothing"}, "known are order, fill"),
    ("events", {"name": "fill", "account": "nobody", "symbol": "BTCUSDT", "side": "Buy", "qty": "1"}, "known are main"),
    ("events", {"name": "fill", "account": "main", "symbol": "BTCUSDT", "side": "Up", "qty": "1"}, "Buy, Sell"),
    ("events", {"name": "fill", "account": "main", "symbol": "BTCUSDT", "side": "Buy"}, "qty"),
    ("events", {"name": "fill", "account": "main", "symbol": "BTCUSDT", "side": "Buy", "qty": "0"}, "minimum"),
    ("events", {"name": "liquidation", "account": "main", "symbol": "BTCUSDT"}, "holds no BTCUSDT"),
    ("events", {"name": "adl", "account": "main", "symbol": "BTCUSDT"}, "holds no BTCUSDT"),
    ("events", {"name": "funding", "symbol": "BTCUSDT", "rate": "1"}, "between -1 and 1"),
    ("events", {"name": "funding", "symbol": "BTCUSDT", "category": "spot"}, "no positions to settle"),
    ("events", {"name": "delivery", "symbol": "BTCUSDT", "execType": "Trade"}, "Delivery or Settle"),
    ("events", {"name": "delivery", "symbol": "BTCUSDT", "price": "0.01"}, "multiple of 0.1"),
    ("events", {"name": "delisting", "symbol": "NOSUCH"}, "Not supported symbols"),
    ("events", {"name": "transfer", "account": "main", "coin": "btc", "amount": "1"}, "capital letters"),
    ("events", {"name": "transfer", "account": "main", "coin": "BTC"}, "amount is required"),
    ("events", {"name": "transfer", "account": "main", "coin": "BTC", "amount": "-1"}, "only 0 BTC"),
    ("events", {"name": "stops", "account": "main", "symbol": "BTCUSDT", "stopLoss": "1"}, "holds no BTCUSDT"),
    ("events", {"name": "hedge", "account": "main", "on": "maybe"}, "true or false"),
    (
        "events",
        {"name": "fill", "account": "main", "symbol": "BTCUSDT", "side": "Buy", "qty": "1", "positionIdx": "1"},
        "position mode",
    ),
    ("events", {"name": "listing", "base": "NEW", "category": "option"}, "inverse"),
    ("events", {"name": "listing", "base": "BTC"}, "already listed"),
    ("events", {"name": "listing", "base": "b/c"}, "capital letters"),
    ("events", {"name": "listing", "base": "NEW", "status": "Gone"}, "PreLaunch"),
    ("events", {"name": "listing", "base": "NEW", "price": "-1"}, "above zero"),
]


@pytest.mark.parametrize(("path", "body", "text"), REFUSED, ids=range(len(REFUSED)))
async def test_nonsense_is_refused_with_what_is_allowed(
    control: Control, path: str, body: dict[str, object], text: str
) -> None:
    status, answer = await control.post(path, **body)
    assert status == 400
    assert text in answer["error"]


async def test_unknown_control_paths_and_bad_bodies_are_told(control: Control, paper: PaperServer) -> None:
    assert (await control.post("nothing"))[0] == 404
    assert (await control.delete("faults/7")) == (400, {"error": "no fault has the id 7"})
    assert (await control.delete("faults/x"))[0] == 400
    for body in (b"", b"[]", b"{", b"null", b'{"a": 1e999}', b"\xff"):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{paper.base_url}/paper/price", data=body) as response,
        ):
            assert response.status == 400


async def test_a_position_drifts_without_an_execution(control: Control, trader: Client) -> None:
    before = len(await trader.fetch_my_trades(BTC))
    status, row = await control.post("events", name="drift", account="main", symbol="BTCUSDT", qty="0.001")
    assert (status, row["size"]) == (200, "0.001")
    (position,) = await trader.fetch_positions()
    assert (position["side"], D(position["contracts"])) == ("long", D("0.001"))
    assert len(await trader.fetch_my_trades(BTC)) == before
    status, row = await control.post("events", name="drift", account="main", symbol="BTCUSDT", qty="-0.001")
    assert (status, row["size"], await trader.fetch_positions()) == (200, "0", [])
    for qty, problem in (("0", "qty is required"), ("0.0005", "a multiple of the step")):
        status, row = await control.post("events", name="drift", account="main", symbol="BTCUSDT", qty=qty)
        assert status == 400
        assert problem in row["error"]
