"""Each fault on a running venue, as the unmodified ccxt client meets it: what was processed, and what it raises."""

import asyncio
import time
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from risksvc.venue.paper import PaperServer
from risksvc.venue.paper.faults import FAULTS, Fault
from tests.integration.paper.test_paper_stream import SOCKET_FAULTS
from tests.integration.paper.trader import BTC, ETH, Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

D = Decimal
CREATE = "/v5/order/create"


async def buy(client: Client, link_id: str = "probe") -> dict[str, object]:
    """Buy 1 BTC at the market under a known client id."""
    params = {"clientOrderId": link_id}
    order: dict[str, object] = await client.create_order(BTC, "market", "buy", "1", None, params)
    return order


async def met(fault: Fault) -> None:
    """Wait until a request has met the fault."""
    while not fault.hits:  # noqa: ASYNC110 - a fault tells nobody that it was met
        await asyncio.sleep(0.01)


def held(paper: PaperServer) -> Decimal:
    return paper.engine.accounts["main"].position("BTCUSDT").size


# What a market order meets: fault, parameters, the class that ccxt raises, whether the order was accepted all the same.
# None: ccxt raises nothing and reports an order without an id.
ORDER_FAULTS: list[tuple[str, dict[str, int | str], type[Exception] | None, bool]] = [
    ("drop_before", {}, ccxt.ExchangeNotAvailable, False),
    ("drop_after", {}, ccxt.ExchangeNotAvailable, True),
    ("http_error", {"status": 500}, ccxt.ExchangeNotAvailable, False),
    ("http_error", {"status": 503}, ccxt.ExchangeNotAvailable, False),
    ("http_error", {"status": 429, "body": "slow down"}, ccxt.RateLimitExceeded, False),
    ("http_error", {"status": 403, "body": '{"error": "blocked"}'}, ccxt.ExchangeError, False),
    ("http_error_after", {"status": 502}, ccxt.ExchangeNotAvailable, True),
    ("ret_code", {"code": 10016, "message": "Server error."}, ccxt.ExchangeError, False),
    ("ret_code", {"code": 10006, "message": "Too many visits."}, ccxt.RateLimitExceeded, False),
    ("ret_code", {"code": 110007, "message": "ab not enough"}, ccxt.InsufficientFunds, False),
    ("ret_code_after", {}, ccxt.ExchangeError, True),
    ("non_json", {}, None, True),
    ("empty_body", {}, None, True),
    ("null_body", {}, None, True),
    ("null_result", {}, None, True),
    ("truncated_body", {"percent": 60}, ccxt.ExchangeError, True),
    ("broken_json", {"percent": 60}, None, True),
    ("clock_skew", {"ms": 60_000}, ccxt.InvalidNonce, False),
    ("clock_skew", {"ms": -60_000}, ccxt.InvalidNonce, False),
]


@pytest.mark.parametrize(
    ("name", "values", "error", "accepted"), ORDER_FAULTS, ids=[f"{row[0]}-{row[1]}" for row in ORDER_FAULTS]
)
async def test_an_order_meets_a_fault(
    paper: PaperServer,
    trader: Client,
    *,
    name: str,
    values: dict[str, int | str],
    error: type[Exception] | None,
    accepted: bool,
) -> None:
    paper.gateway.faults.switch_on(name, path=CREATE, count=1, **values)  # type: ignore[arg-type]  # a table
    if error is None:
        assert (await buy(trader))["id"] is None, "a silent success: the caller must look at the id"
    else:
        with pytest.raises(error):
            await buy(trader)
    assert held(paper) == (1 if accepted else 0)
    assert len(await trader.fetch_my_trades(BTC)) == (1 if accepted else 0)
    if accepted:
        with pytest.raises(ccxt.InvalidOrder, match="110072"):
            await buy(trader)
    else:
        assert (await buy(trader))["id"], "the fault was counted and is over"


# What a list of one position meets: fault, parameters, the class that ccxt raises, or how many positions it reports.
READ_FAULTS: list[tuple[str, dict[str, int | str], type[Exception] | int]] = [
    ("drop_before", {}, ccxt.ExchangeNotAvailable),
    ("drop_after", {}, ccxt.ExchangeNotAvailable),
    ("http_error", {"status": 500}, ccxt.ExchangeNotAvailable),
    ("http_error_after", {"status": 504}, ccxt.RequestTimeout),
    ("ret_code", {}, ccxt.ExchangeError),
    ("ret_code_after", {}, ccxt.ExchangeError),
    ("truncated_body", {"percent": 99}, ccxt.ExchangeError),
    ("clock_skew", {"ms": 60_000}, ccxt.InvalidNonce),
    ("non_json", {}, 0),
    ("empty_body", {}, 0),
    ("null_body", {}, 0),
    ("null_result", {}, 0),
    ("broken_json", {"percent": 99}, 0),
    ("empty_list", {}, 0),
    ("half_list", {}, 0),
    ("rate_limit", {}, ccxt.RateLimitExceeded),
    ("maintenance", {}, ccxt.ExchangeNotAvailable),
    ("duplicate_rows", {}, 2),
]


@pytest.mark.parametrize(("name", "values", "outcome"), READ_FAULTS, ids=[f"{row[0]}-{row[1]}" for row in READ_FAULTS])
async def test_a_read_meets_a_fault(
    paper: PaperServer, trader: Client, *, name: str, values: dict[str, int | str], outcome: type[Exception] | int
) -> None:
    await buy(trader)
    paper.gateway.faults.switch_on(name, path="/v5/position/list", **values)  # type: ignore[arg-type]  # a table
    if isinstance(outcome, int):
        assert len(await trader.fetch_positions()) == outcome
    else:
        with pytest.raises(outcome):
            await trader.fetch_positions()
    paper.gateway.faults.clear_all()
    (position,) = await trader.fetch_positions()
    assert D(position["contracts"]) == 1


@pytest.mark.parametrize("name", ["delay", "delay_reply"])
async def test_a_slow_venue_answers_late_or_too_late(paper: PaperServer, trader: Client, name: str) -> None:
    paper.gateway.faults.switch_on(name, path=CREATE, count=1, ms=100)
    started = time.monotonic()
    assert (await buy(trader, "late"))["id"]
    assert time.monotonic() - started >= 0.1
    paper.gateway.faults.switch_on(name, path=CREATE, ms=60_000)
    trader.timeout = 100
    try:
        with pytest.raises(ccxt.RequestTimeout):
            await buy(trader, "too-late")
    finally:
        trader.timeout = 2_000
    assert held(paper) == (2 if name == "delay_reply" else 1)


async def test_a_held_request_is_processed_when_the_fault_is_cleared(paper: PaperServer, trader: Client) -> None:
    fault = paper.gateway.faults.switch_on("hang", path=CREATE)
    waiting = asyncio.create_task(buy(trader))
    await met(fault)
    assert not held(paper)
    assert await trader.fetch_positions() == [], "other paths go on"
    paper.gateway.faults.clear(fault.fault_id)
    assert (await waiting)["id"]
    assert held(paper) == 1


async def test_a_caller_that_gave_up_still_gets_its_held_order_unless_its_window_has_passed(
    paper: PaperServer, trader: Client
) -> None:
    for window, processed in ((60_000, True), (50, False)):
        fault = paper.gateway.faults.switch_on("hang", path=CREATE)
        before, trader.timeout, trader.options["recvWindow"] = held(paper), 200, window
        try:
            with pytest.raises(ccxt.RequestTimeout):
                await buy(trader, f"window-{window}")
        finally:
            trader.timeout, trader.options["recvWindow"] = 2_000, 5_000
        paper.gateway.faults.clear(fault.fault_id)
        await trader.fetch_time()  # the released request was ahead of this one
        assert held(paper) - before == (1 if processed else 0)


async def test_positions_lag_while_fills_do_not(paper: PaperServer, trader: Client) -> None:
    await buy(trader)
    paper.gateway.faults.switch_on("position_lag", ms=30_000)
    assert await trader.fetch_positions() == []
    assert D((await trader.fetch_position(BTC))["contracts"]) == 0
    assert len(await trader.fetch_my_trades(BTC)) == 1
    paper.gateway.faults.clear_all()
    assert len(await trader.fetch_positions()) == 1


async def test_fills_lag_while_positions_do_not(paper: PaperServer, trader: Client) -> None:
    await buy(trader)
    paper.gateway.faults.switch_on("execution_lag", ms=3_600_000)
    assert await trader.fetch_my_trades(BTC) == []
    assert len(await trader.fetch_positions()) == 1


async def test_pages_shrink_and_may_end_with_a_cursor_to_nothing(paper: PaperServer, trader: Client) -> None:
    for number in range(5):
        await buy(trader, f"order-{number}")
    paper.gateway.faults.switch_on("page_size", rows=2)
    assert len(await trader.fetch_my_trades(BTC)) == 2
    every = await trader.fetch_my_trades(BTC, params={"paginate": True})
    assert sum(D(trade["amount"]) for trade in every) == 5
    paper.gateway.faults.switch_on("always_cursor")
    page = await trader.private_get_v5_position_list({"category": "linear", "settleCoin": "USDT"})
    assert page["result"]["nextPageCursor"], "one row, all there is, and yet a cursor"
    cursor = page["result"]["nextPageCursor"]
    page = await trader.private_get_v5_position_list({"category": "linear", "settleCoin": "USDT", "cursor": cursor})
    assert (page["result"]["list"], page["result"]["nextPageCursor"]) == ([], "")


async def test_a_venue_that_answers_yesterday(paper: PaperServer, trader: Client) -> None:
    paper.gateway.faults.switch_on("frozen", path="/v5/position/*")
    assert await trader.fetch_positions() == []
    await buy(trader)
    assert await trader.fetch_positions() == []
    paper.gateway.faults.clear_all()
    assert len(await trader.fetch_positions()) == 1


async def test_the_venues_clock_can_be_off(paper: PaperServer, trader: Client) -> None:
    paper.gateway.faults.switch_on("clock_skew", ms=600_000)
    assert await trader.fetch_time() - time.time() * 1_000 > 500_000
    with pytest.raises(ccxt.InvalidNonce):
        await trader.fetch_positions()
    await trader.load_time_difference()
    try:
        assert await trader.fetch_positions() == [], "a client that measures the difference gets through"
    finally:
        trader.options["timeDifference"] = 0


async def test_an_order_is_acknowledged_then_rejected(paper: PaperServer, trader: Client) -> None:
    paper.gateway.faults.switch_on("reject_after_ack", path=CREATE, count=1)
    order_id = (await buy(trader))["id"]
    order = await trader.fetch_order(order_id, BTC, {"acknowledged": True})
    assert (order["status"], order["info"]["orderStatus"], D(order["filled"])) == ("rejected", "Rejected", D(0))
    assert not held(paper)


async def test_a_limited_or_maintained_venue_says_when_to_come_back(paper: PaperServer, trader: Client) -> None:
    paper.gateway.faults.switch_on("rate_limit", count=1, reset_ms=5_000)
    with pytest.raises(ccxt.RateLimitExceeded):
        await trader.fetch_positions()
    headers = {name.lower(): value for name, value in trader.last_response_headers.items()}
    assert headers["x-bapi-limit-status"] == "0"
    assert 0 < int(headers["x-bapi-limit-reset-timestamp"]) - time.time() * 1_000 <= 5_000
    paper.gateway.faults.switch_on("maintenance", count=1, retry_after_s=7)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await trader.fetch_positions()
    assert {name.lower(): value for name, value in trader.last_response_headers.items()}["retry-after"] == "7"


async def test_trade_ids_may_repeat_across_instruments(paper: PaperServer, trader: Client) -> None:
    paper.gateway.faults.switch_on("trade_ids_per_symbol")
    for symbol in (BTC, ETH):
        await trader.create_order(symbol, "market", "buy", "1")
        await trader.create_order(symbol, "market", "sell", "1")
    ids = {symbol: [trade["id"] for trade in await trader.fetch_my_trades(symbol)] for symbol in (BTC, ETH)}
    assert ids[BTC] == ids[ETH]
    assert len(set(ids[BTC])) == 2


async def test_a_fault_can_be_for_one_account_only(paper: PaperServer, trader: Client, stranger: Client) -> None:
    paper.gateway.faults.switch_on("http_error", account="other")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await stranger.fetch_positions()
    assert await trader.fetch_positions() == []


async def test_faults_combine_in_the_order_of_their_stages(paper: PaperServer, trader: Client) -> None:
    await buy(trader)
    paper.gateway.faults.switch_on("truncated_body", path="/v5/position/list", percent=0)
    paper.gateway.faults.switch_on("http_error", path="/v5/position/list", status=500)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await trader.fetch_positions()


async def test_stopping_lets_go_of_held_requests(paper: PaperServer, trader: Client) -> None:
    fault = paper.gateway.faults.switch_on("hang", path="/v5/market/time")
    waiting = asyncio.create_task(trader.fetch_time())
    await met(fault)
    await paper.stop()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], int | ccxt.NetworkError)


async def test_every_fault_is_shown_against_a_real_client() -> None:
    """A new row of the table needs a test here."""
    shown = {row[0] for row in ORDER_FAULTS} | {row[0] for row in READ_FAULTS}
    alone = {
        "delay", "delay_reply", "hang", "position_lag", "execution_lag", "page_size", "always_cursor", "frozen",
        "reject_after_ack", "trade_ids_per_symbol",
    }  # fmt: skip
    assert shown | alone | SOCKET_FAULTS == set(FAULTS)
