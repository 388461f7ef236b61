"""The private sockets of a running venue: unmodified ccxt.pro on them, and what each of their faults does to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from ccxt import pro

from risksvc.venue.paper import PaperServer, streams
from risksvc.venue.paper.faults import FAULTS, SOCKET_PATH
from risksvc.venue.paper.sockets import MAX_WAITING
from tests.integration.paper.raw_socket import links, opened_by_hand, raw, topics, until
from tests.integration.paper.trader import BTC, ETH, Client, new_stream_client

pytestmark = pytest.mark.asyncio(loop_scope="session")

D = Decimal
SOCKET_FAULTS = {
    "ws_refuse", "ws_auth_refuse", "ws_close", "ws_lose", "ws_duplicate", "ws_reorder", "ws_silent", "ws_delay",
}  # fmt: skip

MakeClient = Callable[..., Client]


@pytest_asyncio.fixture(loop_scope="session")
async def streaming(paper: PaperServer, trader: Client) -> AsyncIterator[MakeClient]:
    """Makes clients of ccxt.pro and closes them."""
    made: list[Client] = []

    def make(**options: str) -> Client:
        made.append(new_stream_client(paper, list(trader.markets.values()), **options))
        return made[-1]

    yield make
    await asyncio.gather(*(client.close() for client in made))


async def watching(paper: PaperServer, topic: str, coroutine: Any, *, account: str = "main") -> asyncio.Task[Any]:  # noqa: ANN401
    """Begin a watch_* call of ccxt and give it once the venue knows of its subscription."""
    task = asyncio.create_task(coroutine)
    await until(lambda: topic in topics(paper, account) or task.done())
    return task


async def rest_order(trader: Client, number: int) -> None:
    """An order that rests, and so makes one push of the topic order."""
    await trader.create_order(BTC, "limit", "buy", "0.01", str(40_000 + number), {"clientOrderId": f"n{number}"})


async def test_ccxt_watches_orders_trades_positions_and_balance(
    paper: PaperServer, trader: Client, streaming: MakeClient
) -> None:
    client = streaming()
    tasks = [
        await watching(paper, topic, call())
        for topic, call in (
            ("order", client.watch_orders),
            ("execution", client.watch_my_trades),
            ("position", client.watch_positions),
            ("wallet", client.watch_balance),
        )
    ]
    await trader.create_order(BTC, "market", "buy", "1", None, {"clientOrderId": "mine"})
    (order,), (trade,), (position,), balance = await asyncio.gather(*tasks)
    assert (order["clientOrderId"], order["status"], D(order["filled"])) == ("mine", "closed", D(1))
    assert (trade["order"], trade["symbol"], D(trade["amount"])) == (order["id"], BTC, D(1))
    assert (position["side"], D(position["contracts"]), D(position["entryPrice"])) == ("long", D(1), D(50_005))
    assert D(balance["USDT"]["total"]) < 1_000_000
    (listed,) = await trader.fetch_my_trades(BTC)
    assert (trade["id"], trade["info"]) == (listed["id"], listed["info"]), "the same row as over REST"


async def test_what_nobody_asked_for_is_pushed_with_its_type(
    paper: PaperServer, trader: Client, streaming: MakeClient
) -> None:
    client = streaming()
    client.options["watchMyTrades"]["execType"] = None  # as it comes, ccxt keeps funding to itself
    await trader.create_order(BTC, "market", "buy", "3")
    async with aiohttp.ClientSession() as session:
        for name, exec_type in (("funding", "Funding"), ("adl", "AdlTrade"), ("liquidation", "BustTrade")):
            task = await watching(paper, "execution", client.watch_my_trades())
            body = {"name": name, "account": "main", "symbol": "BTCUSDT"} | ({} if name == "funding" else {"qty": "1"})
            async with session.post(f"{paper.base_url}/paper/events", json=body) as response:
                assert response.status == 200
            assert (await task)[-1]["info"]["execType"] == exec_type


async def test_a_socket_hears_of_its_own_account_only(
    paper: PaperServer, trader: Client, stranger: Client, streaming: MakeClient
) -> None:
    ours, theirs = streaming(), streaming(key="other-key")
    heard = [
        await watching(paper, "order", ours.watch_orders()),
        await watching(paper, "order", theirs.watch_orders(), account="other"),
    ]
    await stranger.create_order(BTC, "limit", "buy", "1", "40000", {"clientOrderId": "theirs"})
    await trader.create_order(BTC, "limit", "buy", "1", "40000", {"clientOrderId": "ours"})
    assert [orders[0]["clientOrderId"] for orders in await asyncio.gather(*heard)] == ["ours", "theirs"]


async def test_a_subscription_is_given_up(paper: PaperServer, streaming: MakeClient) -> None:
    client = streaming()
    task = await watching(paper, "order", client.watch_orders())
    await client.un_watch_orders()
    await until(lambda: not topics(paper))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_category_can_be_watched_alone(paper: PaperServer, trader: Client) -> None:
    async with raw(paper, "order.linear", "order.spot") as client:
        await rest_order(trader, 1)
        (push,) = await client.pushed(1)
        assert (push["topic"], push["data"][0]["category"]) == ("order.linear", "linear")
        assert await client.silent()


async def test_a_wrong_secret_is_refused(streaming: MakeClient) -> None:
    with pytest.raises(pro.AuthenticationError):
        await streaming(secret="guessed").watch_orders()


async def test_a_signature_that_has_expired_on_the_venues_clock_is_refused(
    paper: PaperServer, streaming: MakeClient
) -> None:
    paper.gateway.faults.switch_on("clock_skew", ms=60_000)
    with pytest.raises(pro.AuthenticationError, match="expired"):
        await streaming().watch_orders()


async def test_auth_is_refused_on_command_and_works_again_afterwards(
    paper: PaperServer, trader: Client, streaming: MakeClient
) -> None:
    client = streaming()
    paper.gateway.faults.switch_on("ws_auth_refuse", account="main", count=1)
    with pytest.raises(pro.AuthenticationError, match="USVC1111"):
        await client.watch_orders()
    task = await watching(paper, "order", client.watch_orders())
    await rest_order(trader, 1)
    assert len(await task) == 1


async def test_the_upgrade_is_refused_on_command(paper: PaperServer, streaming: MakeClient) -> None:
    paper.gateway.faults.switch_on("ws_refuse", status=503)
    with pytest.raises(pro.NetworkError):
        await streaming().watch_orders()
    paper.gateway.faults.clear_all()
    task = await watching(paper, "order", streaming().watch_orders())
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("code", [1001, 1006])
async def test_a_closed_socket_is_opened_again_and_tells_nothing_of_what_was_missed(
    paper: PaperServer, trader: Client, streaming: MakeClient, code: int
) -> None:
    client = streaming()
    task = await watching(paper, "order", client.watch_orders())
    paper.gateway.faults.switch_on("ws_close", account="main", count=1, code=code)
    with pytest.raises(pro.NetworkError):
        await task
    await until(lambda: not paper.streams.rows())
    await rest_order(trader, 1)
    task = await watching(paper, "order", client.watch_orders())
    await rest_order(trader, 2)
    assert [order["clientOrderId"] for order in await task] == ["n2"]


async def test_a_socket_opened_while_closing_is_on_is_closed_once_authorised(
    paper: PaperServer, streaming: MakeClient
) -> None:
    fault = paper.gateway.faults.switch_on("ws_close", account="main", code=1012)
    with pytest.raises(pro.NetworkError, match="1012"):
        await streaming().watch_orders()
    assert fault.hits == 1


async def test_a_silent_socket_is_open_and_says_nothing(
    paper: PaperServer, trader: Client, streaming: MakeClient
) -> None:
    client = streaming()
    client.streaming["keepAlive"] = 100
    task = await watching(paper, "order", client.watch_orders())
    paper.gateway.faults.switch_on("ws_silent", account="main")
    await rest_order(trader, 1)
    with pytest.raises(pro.RequestTimeout):  # pongs are missing
        await task


async def test_only_pushes_or_only_pongs_can_be_silenced(paper: PaperServer, trader: Client) -> None:
    async with raw(paper, "order") as client:
        fault = paper.gateway.faults.switch_on("ws_silent", path=f"{SOCKET_PATH}/*")
        await rest_order(trader, 1)
        await client.say("ping")
        assert (await client.hear())["op"] == "pong"
        paper.gateway.faults.clear(fault.fault_id)
        paper.gateway.faults.switch_on("ws_silent", path=SOCKET_PATH)
        await client.say("ping")
        await rest_order(trader, 2)
        assert links(await client.pushed(1)) == ["n2"]


# What becomes of six pushes numbered from 1: fault, parameters, what comes.
BENT_PUSHES: list[tuple[str, dict[str, int], list[int]]] = [
    ("ws_lose", {"every": 2}, [1, 3, 5]),
    ("ws_lose", {"every": 3}, [1, 2, 4, 5]),
    ("ws_duplicate", {}, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
    ("ws_reorder", {"group": 3}, [3, 2, 1, 6, 5, 4]),
    # What is left of a group comes when the fault is cleared.
    ("ws_reorder", {"group": 4}, [4, 3, 2, 1, 6, 5]),
    ("ws_delay", {"ms": 100}, [1, 2, 3, 4, 5, 6]),
]


@pytest.mark.parametrize(("name", "values", "comes"), BENT_PUSHES, ids=[f"{row[0]}-{row[1]}" for row in BENT_PUSHES])
async def test_pushes_are_lost_doubled_reordered_and_late(
    paper: PaperServer, trader: Client, *, name: str, values: dict[str, int], comes: list[int]
) -> None:
    async with raw(paper, "order") as client:
        paper.gateway.faults.switch_on(name, path=f"{SOCKET_PATH}/order", **values)  # type: ignore[arg-type]  # a table
        for number in range(1, 7):
            await rest_order(trader, number)
        paper.gateway.faults.clear_all()
        pushes = await client.pushed(len(comes))
        assert links(pushes) == [f"n{number}" for number in comes]
        assert len({push["id"] for push in pushes}) == len(set(comes)), "a duplicate has the id of its twin"
        await rest_order(trader, 7)
        assert links(await client.pushed(1)) == ["n7"]


async def test_a_used_up_fault_lets_go_of_what_it_holds_back_from_any_socket(
    paper: PaperServer, trader: Client
) -> None:
    async with raw(paper, "order") as first, raw(paper, "order", "execution") as second:
        paper.gateway.faults.switch_on("ws_reorder", group=100, count=4)
        for number in (1, 2):
            await rest_order(trader, number)
        assert not paper.gateway.faults
        for client in (first, second):
            assert links(await client.pushed(2)) == ["n2", "n1"]


async def test_a_late_push_is_late(paper: PaperServer, trader: Client) -> None:
    async with raw(paper, "order") as client:
        paper.gateway.faults.switch_on("ws_delay", count=1, ms=300)
        await rest_order(trader, 1)
        asked = time.monotonic()
        (push,) = await client.pushed(1)
        assert time.monotonic() - asked > 0.2
        assert push["creationTime"] < time.time() * 1_000 - 200


async def test_trade_ids_of_pushes_repeat_across_instruments_too(paper: PaperServer, trader: Client) -> None:
    async with raw(paper, "execution") as client:
        paper.gateway.faults.switch_on("trade_ids_per_symbol")
        for symbol in (BTC, ETH):
            await trader.create_order(symbol, "market", "buy", "1")
        pushes = await client.pushed(2)
        assert len({push["data"][0]["execId"] for push in pushes}) == 1
        (listed,) = await trader.fetch_my_trades(BTC)
        assert listed["id"] == pushes[0]["data"][0]["execId"], "as the list has it"


async def test_a_client_that_does_not_read_is_cut_off(paper: PaperServer, trader: Client) -> None:
    reader, writer, connection = await opened_by_hand(paper)
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
    # Subscribed by hand: the venue's side of the socket is what is tested.
    await until(lambda: "order" in topics(paper))
    engine = paper.engine
    account = engine.accounts["main"]
    await rest_order(trader, 1)
    (order,) = account.open_orders.newest_first()
    most, pushes = 0, 0
    while paper.streams.rows():
        engine.amend(account, order, qty=None, price=D(30_000 + pushes % 1_000), now_ms=engine.now_ms)
        pushes += 1
        await asyncio.sleep(0)
        most = max(most, *(row["waiting"] for row in paper.streams.rows()), 0)
    assert 0 < most <= MAX_WAITING
    async with raw(paper, "order") as client:
        await rest_order(trader, 2)
        assert links(await client.pushed(1)) == ["n2"], "others are told as ever"
    writer.close()
    connection.close()
    assert not reader.at_eof()


async def test_a_plain_request_and_too_long_a_message_get_no_socket(paper: PaperServer) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{paper.base_url}{SOCKET_PATH}") as response:
            assert response.status == 400
        async with session.ws_connect(paper.socket_url) as ws:
            await ws.send_str("x" * 70_000)
            assert (await ws.receive(timeout=20)).type is aiohttp.WSMsgType.CLOSE
            assert ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_who_does_not_authorise_itself_in_time_is_closed(
    paper: PaperServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "AUTH_S", 0.1)
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.socket_url) as ws:
        assert (await ws.receive(timeout=20)).type is aiohttp.WSMsgType.CLOSE
        assert ws.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
    await until(lambda: not paper.streams.rows())


async def test_the_number_of_sockets_is_bounded(paper: PaperServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_SOCKETS", 1)
    async with raw(paper, "order"), aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await session.ws_connect(paper.socket_url)


async def test_stopping_says_goodbye_to_every_socket(paper: PaperServer, streaming: MakeClient) -> None:
    task = await watching(paper, "order", streaming().watch_orders())
    await paper.stop()
    with pytest.raises(pro.NetworkError, match="1001"):
        await task


async def test_the_state_shows_the_sockets_and_no_secret(paper: PaperServer) -> None:
    async with raw(paper, "order", "wallet"), aiohttp.ClientSession() as session:
        async with session.get(f"{paper.base_url}/paper/state") as response:
            state = await response.json()
        (row,) = state["sockets"]
        assert (row["account"], row["topics"], row["waiting"]) == ("main", ["order", "wallet"], 0)
        assert "secret" not in str(state)


async def test_every_fault_of_the_sockets_is_shown_here() -> None:
    """A new row of the table needs a test here."""
    assert {name for name in FAULTS if name.startswith("ws_")} == SOCKET_FAULTS
