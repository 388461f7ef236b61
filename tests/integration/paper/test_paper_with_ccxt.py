"""The unmodified ccxt client trades on a running paper venue, with its own signing, parsing and error classes."""

import time
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from risksvc.venue.paper import PaperServer
from tests.integration.paper.trader import BTC, ETH, Client, new_client, point

pytestmark = pytest.mark.asyncio(loop_scope="session")

D = Decimal


async def buy(client: Client, amount: str, price: str | None = None, **params: object) -> str:
    """Place a buy and give its id."""
    order = await client.create_order(BTC, "market" if price is None else "limit", "buy", amount, price, params)
    return str(order["id"])


async def test_markets_are_loaded_with_exact_steps(trader: Client) -> None:
    markets = await trader.load_markets(reload=True)
    btc = markets[BTC]
    assert (btc["id"], btc["swap"], btc["linear"], btc["active"]) == ("BTCUSDT", True, True, True)
    assert (D(btc["contractSize"]), D(btc["precision"]["amount"]), D(btc["precision"]["price"])) == (
        D(1),
        D("0.001"),
        D("0.1"),
    )
    assert D(btc["limits"]["cost"]["min"]) == 5
    assert {"BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"} <= set(markets)
    assert all(market["linear"] for market in markets.values()), "inverse answers with a valid empty list"


async def test_markets_come_in_pages_too(paper: PaperServer, trader: Client) -> None:
    expected = set(trader.markets)
    paper.gateway.faults.switch_on("page_size", path="/v5/market/*", rows=3)
    assert set(await trader.load_markets(reload=True)) == expected


async def test_the_default_market_types_are_all_answered(paper: PaperServer) -> None:
    client = new_client()
    client.options["fetchMarkets"]["types"] = ["spot", "linear", "inverse", "option"]
    point(client, paper.base_url)
    try:
        assert BTC in await client.load_markets()
        assert {"BTC", "USDT"} <= set(client.currencies)
        assert await client.is_unified_enabled() == [False, True]
    finally:
        await client.close()


async def test_the_venue_tells_its_time(trader: Client) -> None:
    assert abs(await trader.fetch_time() - time.time() * 1_000) < 5_000
    await trader.load_time_difference()
    assert abs(trader.options["timeDifference"]) < 5_000
    trader.options["timeDifference"] = 0


async def test_tickers_and_depth(trader: Client) -> None:
    tickers = await trader.fetch_tickers([BTC, ETH])
    assert set(tickers) == {BTC, ETH}
    ticker = await trader.fetch_ticker(BTC)
    assert (D(ticker["markPrice"]), D(ticker["bid"]), D(ticker["ask"])) == (D(50_000), D(49_995), D(50_005))
    book = await trader.fetch_order_book(BTC)
    assert len(book["bids"]) == len(book["asks"]) == 10
    assert book["bids"][0][0] < 50_000 < book["asks"][0][0]
    assert len((await trader.fetch_order_book(BTC, 2))["asks"]) == 2
    await buy(trader, "1")
    taken = await trader.fetch_order_book(BTC)
    assert taken["asks"][0][1] < book["asks"][0][1], "what was taken is gone until the next step"


async def test_a_market_order_becomes_a_position(trader: Client) -> None:
    order_id = await buy(trader, "4", clientOrderId="first")
    order = await trader.fetch_order(order_id, BTC, {"acknowledged": True})
    assert (order["status"], order["type"], order["clientOrderId"]) == ("closed", "market", "first")
    assert D(order["filled"]) == 4
    trades = await trader.fetch_my_trades(BTC)
    assert len(trades) > 1, "it walked the depth"
    assert sum(D(trade["amount"]) for trade in trades) == 4
    assert {trade["order"] for trade in trades} == {order_id}
    (position,) = await trader.fetch_positions()
    assert (position["symbol"], position["side"], D(position["contracts"])) == (BTC, "long", D(4))
    cost = sum((D(trade["cost"]) for trade in trades), start=D(0))
    assert D(position["entryPrice"]) == D(order["average"]) == cost / 4
    assert D(position["notional"]) == cost, "bybit reports the value at entry, not at the mark"
    assert D(position["unrealizedPnl"]) == 200_000 - cost
    assert position["info"]["seq"] == trades[-1]["info"]["seq"]
    fees = sum((D(trade["fee"]["cost"]) for trade in trades), start=D(0))
    assert D(position["realizedPnl"]) == -fees
    balance = await trader.fetch_balance()
    assert D(balance["USDT"]["total"]) == 1_000_000 - fees
    assert D(balance["USDT"]["used"]) == cost / 10


async def test_a_flat_symbol_is_answered_by_symbol_and_absent_from_the_list(trader: Client) -> None:
    assert await trader.fetch_positions() == []
    (flat,) = await trader.fetch_positions([BTC])
    assert (flat["side"], D(flat["contracts"])) == (None, D(0))
    assert D((await trader.fetch_position(BTC))["contracts"]) == 0
    assert await trader.fetch_positions(None, {"subType": "inverse"}) == []


async def test_a_short_is_a_short(trader: Client) -> None:
    await trader.create_order(BTC, "market", "sell", "1.5")
    (position,) = await trader.fetch_positions()
    assert (position["side"], D(position["contracts"]), position["info"]["side"]) == ("short", D("1.5"), "Sell")


async def test_a_limit_order_rests_is_amended_and_cancelled(trader: Client) -> None:
    order_id = await buy(trader, "1", "49000", clientOrderId="resting")
    (order,) = await trader.fetch_open_orders()
    assert (order["id"], order["clientOrderId"], order["symbol"]) == (order_id, "resting", BTC)
    assert (order["status"], D(order["price"]), D(order["remaining"])) == ("open", D(49_000), D(1))
    edited = await trader.edit_order(order_id, BTC, "limit", "buy", "2", "49100.5")
    assert (edited["id"], edited["clientOrderId"]) == (order_id, "resting")
    (order,) = await trader.fetch_open_orders(BTC)
    assert (D(order["amount"]), D(order["price"])) == (D(2), D("49100.5"))
    await trader.cancel_order(order_id, BTC)
    assert await trader.fetch_open_orders() == []
    (order,) = await trader.fetch_canceled_and_closed_orders(BTC, params={"orderLinkId": "resting"})
    assert (order["id"], order["status"], D(order["filled"])) == (order_id, "canceled", D(0))


async def test_an_order_can_be_found_and_cancelled_by_its_client_id(trader: Client) -> None:
    order_id = await buy(trader, "1", "49000", clientOrderId="mine")
    (order,) = await trader.fetch_open_orders(BTC, params={"orderLinkId": "mine"})
    assert order["id"] == order_id
    assert await trader.fetch_open_orders(BTC, params={"orderLinkId": "other"}) == []
    await trader.cancel_order(None, BTC, {"orderLinkId": "mine"})
    (order,) = await trader.fetch_open_orders(BTC, params={"orderLinkId": "mine"})
    assert order["status"] == "canceled", "order/realtime shows a recently ended order by id"
    with pytest.raises(ccxt.OrderNotFound):
        await trader.fetch_order("unknown", BTC, {"acknowledged": True})


async def test_a_resting_order_fills_as_a_maker_when_the_price_comes(paper: PaperServer, trader: Client) -> None:
    order_id = await buy(trader, "1", "49900")
    paper.engine.set_price("BTCUSDT", D(49_800), hold=True, now_ms=0)
    (trade,) = await trader.fetch_my_trades(BTC)
    assert (trade["order"], trade["takerOrMaker"], D(trade["price"])) == (order_id, "maker", D(49_900))
    assert D(trade["fee"]["cost"]) == D("9.98")


async def test_an_order_filled_in_part_then_cancelled(trader: Client) -> None:
    order_id = await buy(trader, "5", "50005")
    (order,) = await trader.fetch_open_orders()
    filled = D(order["filled"])
    assert 0 < filled < 5
    assert order["info"]["orderStatus"] == "PartiallyFilled"
    await trader.cancel_order(order_id, BTC)
    order = await trader.fetch_closed_order(order_id, BTC)
    assert (order["info"]["orderStatus"], D(order["filled"])) == ("Cancelled", filled)


async def test_cancel_all_of_a_symbol_and_of_everything(trader: Client) -> None:
    for number in range(3):
        await buy(trader, "0.1", "49000", clientOrderId=f"btc-{number}")
    await trader.create_order(ETH, "limit", "sell", "1", "2600")
    cancelled = await trader.cancel_all_orders(BTC)
    assert {order["clientOrderId"] for order in cancelled} == {"btc-0", "btc-1", "btc-2"}
    assert [order["symbol"] for order in await trader.fetch_open_orders()] == [ETH]
    assert len(await trader.cancel_all_orders()) == 1
    assert await trader.fetch_open_orders() == []


async def test_reduce_only_closes_is_cut_and_is_refused_when_flat(trader: Client) -> None:
    await buy(trader, "1")
    order = await trader.create_order(BTC, "market", "sell", "5", None, {"reduceOnly": True})
    closed = await trader.fetch_order(order["id"], BTC, {"acknowledged": True})
    assert (D(closed["amount"]), closed["reduceOnly"]) == (D(1), True)
    assert await trader.fetch_positions() == []
    with pytest.raises(ccxt.InvalidOrder, match="110017"):
        await trader.create_order(BTC, "market", "sell", "1", None, {"reduceOnly": True})


@pytest.mark.parametrize(
    ("params", "price", "status", "reason"),
    [
        ({"postOnly": True}, "50005", "canceled", "EC_PostOnlyWillTakeLiquidity"),
        ({"timeInForce": "FOK"}, "50005", "canceled", "EC_NoImmediateQtyToFill"),
        ({"timeInForce": "IOC"}, "50005", "canceled", "EC_NoImmediateQtyToFill"),
        ({"timeInForce": "IOC"}, "50100", "closed", "EC_NoError"),
    ],
)
async def test_times_in_force(
    trader: Client, *, params: dict[str, object], price: str, status: str, reason: str
) -> None:
    order_id = await buy(trader, "5", price, **params)
    order = await trader.fetch_order(order_id, BTC, {"acknowledged": True})
    assert (order["status"], order["info"]["rejectReason"]) == (status, reason)


REFUSED = [
    # symbol, type, amount, price, parameters, ccxt's class, code
    (BTC, "limit", "1", "49000", {"clientOrderId": "taken"}, ccxt.InvalidOrder, "110072"),
    (BTC, "limit", "1", "49000", {"clientOrderId": "a" * 37}, ccxt.BadRequest, "10001"),
    (BTC, "limit", "1", "60000", {}, ccxt.InvalidOrder, "110003"),
    (BTC, "limit", "0.001", "3000", {}, ccxt.InvalidOrder, "110094"),
    (BTC, "limit", "1000", "49000", {}, ccxt.InsufficientFunds, "110007"),
    (BTC, "limit", "1191", "49000", {}, ccxt.BadRequest, "10001"),
    (BTC, "market", "1", None, {"positionIdx": 1}, ccxt.BadRequest, "position mode"),
    (BTC, "market", "1", None, {"triggerPrice": "49000", "triggerDirection": "below"}, ccxt.BadRequest, "triggerPrice"),
    (BTC, "market", "1", None, {"stopLoss": {"triggerPrice": "51000"}}, ccxt.BadRequest, "should be lower"),
    (
        BTC,
        "market",
        "1",
        None,
        {"stopLoss": {"triggerPrice": "49000", "price": "48900"}},
        ccxt.BadRequest,
        "slLimitPrice",
    ),
]


@pytest.mark.parametrize(("symbol", "kind", "amount", "price", "params", "error", "text"), REFUSED)
async def test_refusals_come_out_as_ccxts_errors(
    trader: Client,
    *,
    symbol: str,
    kind: str,
    amount: str,
    price: str | None,
    params: dict[str, object],
    error: type[Exception],
    text: str,
) -> None:
    await buy(trader, "0.01", "49000", clientOrderId="taken")
    with pytest.raises(error, match=text):
        await trader.create_order(symbol, kind, "buy", amount, price, params)
    assert len(await trader.fetch_open_orders()) == 1


async def test_raw_requests_that_ccxt_would_not_build_are_refused(trader: Client) -> None:
    good = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    bad: list[dict[str, object]] = [
        {"symbol": "NOSUCH"}, {"category": ""}, {"category": "moon"}, {"category": "inverse"}, {"side": "buy"},
        {"side": ""}, {"orderType": "Stop"}, {"qty": ""}, {"qty": "1e3"}, {"qty": "NaN"}, {"qty": "-1"},
        {"qty": "0.0001"}, {"qty": ["1"]}, {"qty": 1.5e30}, {"orderType": "Limit"}, {"reduceOnly": "maybe"},
        {"timeInForce": "DAY"}, {"orderLinkId": "a b"}, {"price": "x", "orderType": "Limit"},
    ]  # fmt: skip
    for changes in bad:
        with pytest.raises(ccxt.BadRequest):
            await trader.private_post_v5_order_create({**good, **changes})
    assert await trader.fetch_positions() == []


async def test_what_has_ended_cannot_be_changed(trader: Client) -> None:
    order_id = await buy(trader, "1")
    with pytest.raises(ccxt.OrderNotFound, match="too late to cancel"):
        await trader.cancel_order(order_id, BTC)
    with pytest.raises(ccxt.OrderNotFound, match="too late to replace"):
        await trader.edit_order(order_id, BTC, "limit", "buy", "2", "49000")
    with pytest.raises(ccxt.OrderNotFound):
        await trader.cancel_order("unknown", BTC)


async def test_a_dead_mans_switch_is_taken_within_bybits_bounds(paper: PaperServer, trader: Client) -> None:
    await trader.cancel_all_orders_after(10_000)
    assert paper.gateway.engine.accounts["main"].dead_man_ms == 10_000
    with pytest.raises(ccxt.BadRequest, match="timeWindow"):
        await trader.cancel_all_orders_after(1_000)


@pytest.mark.parametrize(("key", "secret"), [("nobody", "x"), ("paper-trade", "wrong")])
async def test_a_wrong_key_or_signature_is_refused(paper: PaperServer, trader: Client, key: str, secret: str) -> None:
    client = new_client(key, secret=secret)
    client.set_markets_from_exchange(trader)
    point(client, paper.base_url)
    try:
        with pytest.raises(ccxt.AuthenticationError, match=r"1000[34]"):
            await client.fetch_positions()
        assert D((await client.fetch_ticker(BTC))["markPrice"]) == 50_000, "public calls need no key"
    finally:
        await client.close()


async def test_a_read_only_key_reads_everything_and_orders_nothing(trader: Client, reader: Client) -> None:
    order_id = await buy(trader, "1", "49000")
    assert [order["id"] for order in await reader.fetch_open_orders()] == [order_id]
    assert (await reader.private_get_v5_user_query_api())["result"]["readOnly"] == 1
    for method, arguments in (
        ("create_order", (BTC, "market", "buy", "1")),
        ("cancel_order", (order_id, BTC)),
        ("edit_order", (order_id, BTC, "limit", "buy", "2", "49000")),
        ("cancel_all_orders", ()),
    ):
        with pytest.raises(ccxt.PermissionDenied, match="10005"):
            await getattr(reader, method)(*arguments)
    assert len(await trader.fetch_open_orders()) == 1
    assert (await trader.private_get_v5_user_query_api())["result"]["readOnly"] == 0


async def test_accounts_are_apart(trader: Client, stranger: Client) -> None:
    await buy(trader, "1", clientOrderId="same")
    assert await stranger.fetch_positions() == []
    assert await stranger.fetch_my_trades(BTC) == []
    assert await buy(stranger, "1", clientOrderId="same"), "client ids are unique per account"
    with pytest.raises(ccxt.OrderNotFound):
        await stranger.cancel_order(await buy(trader, "1", "49000"), BTC)


async def test_open_orders_come_in_pages_of_twenty(trader: Client) -> None:
    ids = [await buy(trader, "0.01", "49000") for _ in range(70)]
    first = await trader.fetch_open_orders()
    assert len(first) == 20, "the default page, silently truncated"
    assert {order["id"] for order in first} == set(ids[-20:]), "newest first"
    assert len(await trader.fetch_open_orders(BTC, limit=200)) == 50, "the cap"
    every = await trader.fetch_open_orders(params={"paginate": True})
    assert {order["id"] for order in every} == set(ids)
    assert len(every) == 70


async def test_trades_come_in_pages_of_fifty_newest_first(paper: PaperServer, trader: Client) -> None:
    for _ in range(130):
        await buy(trader, "0.001")
    page = await trader.private_get_v5_execution_list({"category": "linear"})
    rows = page["result"]["list"]
    assert len(rows) == 50
    assert rows[0]["execTime"] >= rows[-1]["execTime"]
    assert len(await trader.fetch_my_trades(BTC, limit=1_000)) == 100, "the cap"
    seen = [row["execId"] for row in rows]
    while cursor := page["result"]["nextPageCursor"]:
        page = await trader.private_get_v5_execution_list({"category": "linear", "cursor": cursor})
        seen += [row["execId"] for row in page["result"]["list"]]
        await buy(trader, "0.001", clientOrderId=f"late-{len(seen)}")  # what happens meanwhile shifts no page
    assert len(seen) == len(set(seen)) == 130
    assert len(await trader.fetch_my_trades(BTC, params={"paginate": True, "paginationCalls": 5})) == 130 + 2


async def test_closed_orders_and_trades_can_be_asked_for_by_order_and_time(trader: Client) -> None:
    first = await buy(trader, "3", clientOrderId="first")
    second = await buy(trader, "1", clientOrderId="second")
    by_order = await trader.fetch_order_trades(first, BTC)
    assert {trade["order"] for trade in by_order} == {first}
    assert sum(D(trade["amount"]) for trade in by_order) == 3
    assert {trade["order"] for trade in await trader.fetch_my_trades(BTC, params={"orderLinkId": "second"})} == {second}
    created = (await trader.fetch_closed_order(second, BTC))["timestamp"]
    assert await trader.fetch_closed_orders(BTC, since=created + 60_000) == []
    assert await trader.fetch_my_trades(BTC, since=created + 60_000) == []
    assert len(await trader.fetch_closed_orders(BTC, since=created - 60_000)) == 2
    with pytest.raises(ccxt.BadRequest, match="7 days"):
        await trader.fetch_my_trades(BTC, since=1, params={"endTime": created})


async def test_positions_come_in_pages(trader: Client) -> None:
    for symbol in sorted(trader.markets):
        await trader.create_order(symbol, "market", "buy", "1" if symbol in {BTC, ETH} else "100")
    held = len(trader.markets)
    page = await trader.private_get_v5_position_list({"category": "linear", "settleCoin": "USDT", "limit": 3})
    assert len(page["result"]["list"]) == 3
    assert page["result"]["nextPageCursor"]
    every = await trader.fetch_positions(None, {"paginate": True, "limit": 3})
    assert len(every) == held


@pytest.mark.parametrize(
    "path",
    ["v5/position/list", "v5/order/realtime"],
)
async def test_a_list_without_a_scope_is_refused(trader: Client, path: str) -> None:
    with pytest.raises(ccxt.BadRequest, match="settleCoin"):
        await trader.request(path, ["private"], "GET", {"category": "linear"})
    with pytest.raises(ccxt.BadRequest, match="category"):
        await trader.request(path, ["private"], "GET", {"settleCoin": "USDT"})


async def test_a_path_that_does_not_exist_is_told(trader: Client) -> None:
    with pytest.raises(ccxt.BadRequest, match="10017"):
        await trader.request("v5/order/create-batch", ["private"], "POST", {})


async def test_the_client_never_reaches_anything_else(trader: Client, paper: PaperServer) -> None:
    def leaves(node: object) -> list[object]:
        return [each for value in node.values() for each in leaves(value)] if isinstance(node, dict) else [node]

    assert set(leaves(trader.urls["api"])) == {paper.base_url}
