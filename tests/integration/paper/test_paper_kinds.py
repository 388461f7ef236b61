"""Every kind of instrument and account as the unmodified ccxt client sees it: inverse, USDC, spot, hedge, events."""

from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest
import pytest_asyncio

from risksvc.venue.paper import (
    EVERY_INSTRUMENT,
    AccountConfig,
    ApiKey,
    DepthProfile,
    PaperConfig,
    PaperServer,
    Rules,
    serve_paper,
)
from tests.integration.paper.trader import BTC, Client, new_client, point

pytestmark = pytest.mark.asyncio(loop_scope="session")

D = Decimal
INVERSE, USDC, SPOT, CROSS = "BTC/USD:BTC", "BTC/USDC:USDC", "BTC/USDT", "ETH/BTC"
COINS = {"USDT": D(1_000_000), "USDC": D(500_000), "BTC": D(10)}


def account(name: str, *, hedge: bool) -> AccountConfig:
    key = ApiKey(key=name, secret=f"{name}-secret", permission="trade")
    return AccountConfig(name=name, keys=(key,), balances=COINS, hedge=hedge)


CONFIG = PaperConfig(
    accounts=(account("plain", hedge=False), account("hedged", hedge=True)),
    instruments=EVERY_INSTRUMENT,
    prices={key: D(50_000) for key in ("BTCUSDT", "BTCUSD", "BTCPERP", "spot:BTCUSDT")} | {"spot:ETHBTC": D("0.05")},
    rules=Rules(step_ms=24 * 3_600_000),
    depth=DepthProfile(levels=10, half_spread_bps=D(1), first_notional=D(100_000)),
)


@pytest_asyncio.fixture(loop_scope="session")
async def venue() -> AsyncIterator[PaperServer]:
    server = await serve_paper(CONFIG)
    try:
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def loaded() -> AsyncIterator[dict[str, Client]]:
    """Clients that know all markets; closing one is what costs."""
    clients = {name: new_client(name) for name in ("plain", "hedged")}
    server = await serve_paper(CONFIG)
    try:
        for client in clients.values():
            client.options["fetchMarkets"]["types"] = ["linear", "inverse", "spot"]
            point(client, server.base_url)
            await client.load_markets()
        yield clients
    finally:
        await server.stop()
        for client in clients.values():
            await client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def plain(venue: PaperServer, loaded: dict[str, Client]) -> Client:
    point(loaded["plain"], venue.base_url)
    return loaded["plain"]


@pytest_asyncio.fixture(loop_scope="session")
async def hedged(venue: PaperServer, loaded: dict[str, Client]) -> Client:
    point(loaded["hedged"], venue.base_url)
    return loaded["hedged"]


async def happen(venue: PaperServer, name: str, **params: str) -> Any:  # noqa: ANN401 - decoded JSON
    body = {"name": name, **params}
    async with aiohttp.ClientSession() as session, session.post(f"{venue.base_url}/paper/events", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_markets_of_each_kind_are_told_apart(plain: Client) -> None:
    inverse, usdc, spot = (plain.market(symbol) for symbol in (INVERSE, USDC, SPOT))
    assert (inverse["id"], inverse["inverse"], inverse["settle"], D(inverse["contractSize"])) == (
        "BTCUSD", True, "BTC", D(1),
    )  # fmt: skip
    assert (usdc["id"], usdc["linear"], usdc["settle"]) == ("BTCPERP", True, "USDC")
    assert (spot["id"], spot["spot"], D(spot["precision"]["amount"]), D(spot["limits"]["cost"]["min"])) == (
        "BTCUSDT", True, D("0.000001"), D(5),
    )  # fmt: skip
    tickers = await plain.fetch_tickers([INVERSE])
    assert D(tickers[INVERSE]["markPrice"]) == 50_000
    assert D((await plain.fetch_ticker(SPOT))["bid"]) == 49_995
    assert (await plain.fetch_order_book(INVERSE))["asks"][0][1] == 100_000, "contracts of a dollar"


async def test_an_inverse_position_lives_in_coin(plain: Client) -> None:
    order = await plain.create_order(INVERSE, "market", "buy", "100000")
    (position,) = await plain.fetch_positions(None, {"subType": "inverse"})
    assert (position["symbol"], position["side"], D(position["contracts"])) == (INVERSE, "long", D(100_000))
    assert (D(position["entryPrice"]), D(position["notional"])) == (D(50_005), D(2))
    (trade,) = await plain.fetch_my_trades(INVERSE)
    assert (trade["order"], trade["fee"]["currency"], D(trade["amount"])) == (order["id"], "BTC", D(100_000))
    assert abs(D(trade["cost"]) - D(100_000) / 50_005) < D("1e-17")
    balance = await plain.fetch_balance()
    assert D(balance["BTC"]["total"]) == 10 - D(trade["fee"]["cost"])
    assert D(balance["USDT"]["total"]) == 1_000_000
    resting = await plain.create_order(INVERSE, "limit", "sell", "500", "51000")
    await plain.edit_order(resting["id"], INVERSE, "limit", "sell", "700", "51000")
    (opened,) = await plain.fetch_open_orders(INVERSE)
    assert (opened["symbol"], D(opened["amount"])) == (INVERSE, D(700))
    assert [each["id"] for each in await plain.cancel_all_orders(INVERSE)] == [resting["id"]]
    closed = await plain.fetch_closed_order(order["id"], INVERSE)
    assert (closed["symbol"], D(closed["average"]), closed["fee"]["currency"]) == (INVERSE, D(50_005), "BTC")


async def test_a_usdc_contract_settles_in_usdc(plain: Client) -> None:
    await plain.create_order(USDC, "market", "sell", "1")
    assert await plain.fetch_positions() == [], "ccxt asks for USDT"
    (position,) = await plain.fetch_positions(None, {"settleCoin": "USDC"})
    assert (position["symbol"], position["side"]) == (USDC, "short")
    balance = await plain.fetch_balance()
    assert D(balance["USDC"]["total"]) == 500_000 - D("27.49725")


async def test_spot_moves_balances(plain: Client) -> None:
    await plain.create_order(SPOT, "market", "buy", "0.5")
    await plain.create_order(CROSS, "limit", "buy", "2", "0.0502")
    (trade,) = await plain.fetch_my_trades(SPOT)
    assert (trade["symbol"], trade["fee"]["currency"], D(trade["fee"]["cost"])) == (SPOT, "BTC", D("0.0005"))
    paid = sum(D(each["cost"]) for each in await plain.fetch_my_trades(CROSS))
    balance = await plain.fetch_balance()
    assert D(balance["BTC"]["total"]) == 10 + D("0.4995") - paid
    assert D(balance["USDT"]["total"]) == 1_000_000 - D("25002.5")
    assert D(balance["ETH"]["total"]) == D("1.998")
    resting = await plain.create_order(SPOT, "limit", "sell", "1", "51000")
    assert D((await plain.fetch_balance())["BTC"]["used"]) == 1
    (opened,) = await plain.fetch_open_orders(SPOT)
    assert (opened["symbol"], opened["id"], D(opened["remaining"])) == (SPOT, resting["id"], D(1))
    await plain.cancel_order(resting["id"], SPOT)
    assert D((await plain.fetch_balance())["BTC"]["used"]) == 0
    with pytest.raises(ccxt.InsufficientFunds, match="170131"):
        await plain.create_order(SPOT, "limit", "sell", "50", "51000")
    with pytest.raises(ccxt.OrderNotFound):
        await plain.cancel_order(resting["id"], SPOT)
    cost = await plain.create_market_buy_order_with_cost(SPOT, "10001")
    bought = await plain.fetch_closed_order(cost["id"], SPOT)
    assert (bought["status"], D(bought["filled"])) == ("closed", D("0.2"))
    assert await plain.fetch_positions() == []


async def test_a_hedge_has_two_positions(hedged: Client) -> None:
    await hedged.create_order(BTC, "market", "buy", "2", None, {"hedged": True})
    await hedged.create_order(BTC, "market", "sell", "1", None, {"hedged": True})
    rows = await hedged.fetch_positions()
    assert [(row["symbol"], row["side"], D(row["contracts"]), row["hedged"]) for row in rows] == [
        (BTC, "long", D(2), True),
        (BTC, "short", D(1), True),
    ]
    close = await hedged.create_order(BTC, "market", "sell", "5", None, {"hedged": True, "reduceOnly": True})
    trades = await hedged.fetch_order_trades(close["id"], BTC)
    assert sum(D(trade["info"]["closedSize"]) for trade in trades) == 2
    (short,) = await hedged.fetch_positions()
    assert short["side"] == "short"
    assert len(await hedged.fetch_positions([BTC])) == 2, "by symbol also the flat leg"
    with pytest.raises(ccxt.BadRequest, match="position idx not match position mode"):
        await hedged.create_order(BTC, "market", "buy", "1")
    with pytest.raises(ccxt.BadRequest, match="110024"):
        await hedged.set_position_mode(False)
    await hedged.create_order(BTC, "market", "buy", "1", None, {"hedged": True, "reduceOnly": True})
    await hedged.set_position_mode(False)
    await hedged.create_order(BTC, "market", "buy", "1")


async def test_a_leg_is_liquidated_and_deleveraged(venue: PaperServer, hedged: Client) -> None:
    for side in ("buy", "sell"):
        await hedged.create_order(INVERSE, "market", side, "3000", None, {"hedged": True})
    await happen(venue, "liquidation", account="hedged", symbol="BTCUSD", positionIdx="2", qty="1000")
    await happen(venue, "adl", account="hedged", symbol="BTCUSD", positionIdx="1", price="50100")
    (short,) = await hedged.fetch_positions(None, {"subType": "inverse"})
    assert (short["side"], D(short["contracts"])) == ("short", D(2_000))
    (adl,) = await hedged.fetch_my_trades(INVERSE, params={"execType": "AdlTrade"})
    assert (adl["side"], D(adl["price"]), adl["info"]["createType"]) == ("sell", D(50_100), "CreateByAdl_PassThrough")


async def test_the_ledger_tells_every_change_of_a_wallet(venue: PaperServer, plain: Client) -> None:
    await plain.create_order(BTC, "market", "buy", "1")
    await happen(venue, "funding", symbol="BTCUSDT", rate="0.0002")
    await happen(venue, "transfer", account="plain", coin="USDT", amount="-250.5")
    await happen(venue, "transfer", account="plain", coin="BTC", amount="1")
    # ccxt sorts by time alone; what happens within a millisecond is told apart by its number.
    rows = sorted(await plain.fetch_ledger("USDT"), key=lambda row: int(row["info"]["id"].partition("_")[2]))
    assert [(row["info"]["type"], row["direction"], D(row["amount"])) for row in rows] == [
        ("TRADE", "out", D("27.50275")),
        ("SETTLEMENT", "out", D(10)),
        ("TRANSFER_OUT", "out", D("250.5")),
    ]
    # ccxt's `before` of what goes out is wrong: it adds the change to `after` once more.
    for earlier, later in pairwise(rows):
        assert D(earlier["after"]) - D(later["amount"]) == D(later["after"])
    assert D(rows[-1]["after"]) == D((await plain.fetch_balance())["USDT"]["total"])
    assert [row["info"]["type"] for row in await plain.fetch_ledger("BTC")] == ["TRANSFER_IN"]
    (funding,) = await plain.fetch_my_trades(BTC, params={"execType": "Funding"})
    assert D(funding["fee"]["cost"]) == 10


async def test_the_ledger_comes_in_pages(venue: PaperServer, plain: Client) -> None:
    for _ in range(70):
        await happen(venue, "transfer", account="plain", coin="USDC", amount="1")
    assert len(await plain.fetch_ledger("USDC")) == 20, "the default page, silently truncated"
    assert len(await plain.fetch_ledger("USDC", None, 200)) == 50, "the cap"
    every = await plain.fetch_ledger("USDC", None, None, {"paginate": True})
    assert {D(row["after"]) for row in every} == {D(500_000 + number) for number in range(1, 71)}


async def test_stops_are_children_that_nobody_asked_for_by_name(venue: PaperServer, plain: Client) -> None:
    stops = {"takeProfit": {"triggerPrice": "52000"}, "stopLoss": {"triggerPrice": "48000"}}
    parent = await plain.create_order(BTC, "market", "buy", "1", None, stops)
    orders = {order["info"]["stopOrderType"]: order for order in await plain.fetch_open_orders(BTC)}
    assert set(orders) == {"TakeProfit", "StopLoss"}
    loss = orders["StopLoss"]
    assert (loss["status"], loss["reduceOnly"], D(loss["triggerPrice"]), D(loss["stopLossPrice"])) == (
        "open", True, D(48_000), D(48_000),
    )  # fmt: skip
    assert len(await plain.fetch_open_orders(BTC, params={"trigger": True})) == 2
    venue.engine.set_price("BTCUSDT", D(47_900), hold=True, now_ms=0)
    assert await plain.fetch_open_orders(BTC) == []
    assert await plain.fetch_positions() == []
    created_by = {trade["order"]: trade["info"]["createType"] for trade in await plain.fetch_my_trades(BTC)}
    assert created_by == {parent["id"]: "CreateByUser", loss["id"]: "CreateByStopLoss"}


async def test_a_trader_sets_stops_by_hand(venue: PaperServer, plain: Client) -> None:
    await plain.create_order(BTC, "market", "sell", "1")
    placed = await happen(venue, "stops", account="plain", symbol="BTCUSDT", takeProfit="49000")
    (order,) = await plain.fetch_open_orders(BTC)
    assert (order["id"], order["side"], order["clientOrderId"]) == (placed["list"][0]["orderId"], "buy", None)
    assert order["info"]["createType"] == "CreateByTakeProfit"


async def test_a_contract_is_delivered_and_another_delisted(venue: PaperServer, plain: Client) -> None:
    await plain.create_order(BTC, "market", "buy", "1")
    await plain.create_order(USDC, "market", "buy", "1")
    await plain.create_order(BTC, "limit", "buy", "1", "49000")
    await happen(venue, "delivery", symbol="BTCUSDT", price="51000", execType="Settle")
    assert await plain.fetch_positions() == []
    assert await plain.fetch_open_orders(BTC) == []
    (settled,) = await plain.fetch_my_trades(BTC, params={"execType": "Settle"})
    assert (D(settled["price"]), D(settled["fee"]["cost"])) == (D(51_000), D(0))
    await happen(venue, "delisting", symbol="BTCPERP")
    assert len(await plain.fetch_positions(None, {"settleCoin": "USDC"})) == 1
    with pytest.raises(ccxt.ExchangeError, match="110074"):
        await plain.create_order(USDC, "market", "buy", "1")


async def test_an_account_changes_its_mode_by_event(venue: PaperServer, plain: Client) -> None:
    assert await happen(venue, "hedge", account="plain", on="true") == {"account": "plain", "hedge": True}
    await happen(venue, "fill", account="plain", symbol="BTCUSDT", side="Sell", qty="1", positionIdx="2")
    (position,) = await plain.fetch_positions()
    assert (position["side"], position["hedged"]) == ("short", True)


@pytest.mark.parametrize(
    ("params", "symbol"),
    [
        ({"category": "inverse"}, "NEW/USD:NEW"),
        ({"category": "linear", "quote": "USDC"}, "NEW/USDC:USDC"),
        ({"category": "spot"}, "NEW/USDT"),
    ],
)
async def test_any_kind_of_instrument_can_be_listed(
    venue: PaperServer, plain: Client, params: dict[str, str], symbol: str
) -> None:
    await happen(venue, "listing", base="NEW", price="2", **params)
    known = list(plain.markets.values())
    try:
        assert symbol in await plain.load_markets(reload=True)
    finally:
        plain.set_markets(known)
