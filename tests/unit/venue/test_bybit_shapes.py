"""Bybit's balances, transaction log, position mode and spot lists: what is asked, and what is made of the answers."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from risksvc.venue.balances import normalise_balances, normalise_booking
from risksvc.venue.bybit import BybitListing
from risksvc.venue.failures import ReadFailure
from risksvc.venue.listing import OrderReference
from risksvc.venue.markets import normalise_markets
from risksvc.venue.normalise import normalise_fill
from risksvc.venue.quirks import LedgerKind, quirks_of
from tests.unit.venue.builders import BTC, BYBIT
from tests.unit.venue.test_bybit import (
    EXECUTIONS,
    HISTORY,
    INVERSE,
    POSITIONS,
    REALTIME,
    USDC,
    Params,
    ScriptedBybit,
    listing,
    market,
    rows,
)

D = Decimal
SPOT = quirks_of("bybit", spot=True)
BTC_SPOT = "BTC/USDT"
WALLET, LEDGER = "account/wallet-balance", "account/transaction-log"
DAY = 86_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


def coin(name: str, wallet: str, **changes: str) -> Params:
    return {"coin": name, "walletBalance": wallet, "equity": wallet, "borrowAmount": "0", "spotBorrow": "0", **changes}


def wallet(*coins: Params) -> Params:
    return {"list": [{"accountType": "UNIFIED", "coin": list(coins)}]}


def spot_listing(answer: Callable[[str, Params], Any]) -> tuple[BybitListing, ScriptedBybit]:
    exchange = ScriptedBybit(answer)
    pair = {**market(BTC_SPOT, "BTCUSDT"), "type": "spot", "spot": True, "swap": False, "contract": False}
    pair.update({"linear": None, "inverse": None, "settle": None, "settleId": None, "contractSize": None})
    exchange.set_markets([pair])
    instruments = normalise_markets(exchange.markets, precision_mode=4, quirks=SPOT)
    assert list(instruments) == [BTC_SPOT]
    return BybitListing(exchange, quirks=SPOT, instruments=lambda: instruments), exchange


# --- balances ---


async def test_each_coin_with_its_equity_less_what_is_borrowed() -> None:
    coins = [
        coin("USDT", "1000", equity="1010.5"),
        coin("BTC", "2", spotBorrow="0.5", borrowAmount="0.7", equity="1.5"),
        {"coin": "ETH", "walletBalance": "3", "equity": "2", "borrowAmount": "1"},
    ]
    lists, exchange = listing(lambda *_: wallet(*coins))
    found = normalise_balances((await lists.balances()).rows)
    assert {name: (row.held, row.wallet, row.equity) for name, row in found.items()} == {
        "USDT": (D(1000), D(1000), D("1010.5")),
        "BTC": (D("1.5"), D(2), D("1.5")),
        "ETH": (D(2), D(3), D(2)),
    }
    assert exchange.params(WALLET) == [{"accountType": "UNIFIED"}]


async def test_coins_that_are_expected_and_not_shown_are_asked_for_by_name() -> None:
    def answer(_: str, params: Params) -> Params:
        return wallet(coin("BTC", "0"), coin("ETH", "0")) if params.get("coin") else wallet(coin("USDT", "5"))

    lists, exchange = listing(answer)
    found = await lists.balances(["ETH", "USDT", "BTC"])
    assert [(row["currency"], row["total"]) for row in found.rows] == [("USDT", "5"), ("BTC", "0"), ("ETH", "0")]
    assert [params.get("coin") for params in exchange.params(WALLET)] == [None, "BTC,ETH"]


@pytest.mark.parametrize(
    "answer", [rows(), {"list": [{"coin": None}]}, {"list": [{"coin": []}, {"coin": []}]}, {"list": None}], ids=str
)
async def test_an_answer_that_is_no_wallet_is_a_failure(answer: Params) -> None:
    lists, _ = listing(lambda *_: answer)
    with pytest.raises(ReadFailure, match="balances"):
        await lists.balances()


# --- the transaction log ---


def entry(name: str, change: str, **changes: str) -> Params:
    row = {"id": f"e-{name}", "type": name, "currency": "USDT", "change": change, "transactionTime": str(now())}
    return {"symbol": "", "cashFlow": "0", "funding": "", "fee": "0", "cashBalance": "100", **row, **changes}


async def test_entries_have_exact_signed_amounts() -> None:
    entries = [
        entry("SETTLEMENT", "-0.123456789012345678", symbol="BTCUSDT"),
        entry("TRANSFER_OUT", "-500"),
        entry("SETTLEMENT", "7.5", cashFlow="8", id="usdc", symbol="BTCPERP", currency="USDC"),
        entry("TRADE", "-1", symbol="BTCUSDT"),
    ]
    lists, _ = listing(lambda *_: rows(*entries))
    read = [normalise_booking(row, quirks=BYBIT) for row in (await lists.ledger(now() - 1_000)).rows]
    found = [each for each in read if each is not None]
    assert [(each.kind, each.currency, each.symbol, each.amount) for each in found] == [
        (LedgerKind.FUNDING, "USDT", BTC, D("-0.123456789012345678")),
        (LedgerKind.TRANSFER, "USDT", "", D(-500)),
        # The settlement turned 8 of profit into cash, which was in the equity before, and charged 0.5 of funding.
        (LedgerKind.FUNDING, "USDC", USDC, D("-0.5")),
    ]
    assert len(read) == 4


async def test_the_log_is_asked_for_in_spans_with_an_end() -> None:
    """Without an end the venue answers with one day."""
    lists, exchange = listing(lambda *_: rows())
    await lists.ledger(now() - 16 * DAY)
    asked = sorted(exchange.params(LEDGER), key=lambda params: params["startTime"])
    assert len(asked) == 3
    assert all(params["endTime"] - params["startTime"] < 7 * DAY for params in asked)
    assert [later["startTime"] for later in asked[1:]] == [params["endTime"] + 1 for params in asked[:-1]]
    assert asked[-1]["endTime"] >= now() - 5_000


async def test_a_log_that_is_full_of_trades_is_asked_for_by_kind() -> None:
    def answer(_: str, params: Params) -> Params:
        if "type" not in params:
            return rows(*[entry("TRADE", "1", id=f"t-{number}") for number in range(50)], cursor="more")
        return rows(entry(params["type"], "-5")) if params["type"] == "SETTLEMENT" else rows()

    lists, exchange = listing(answer)
    found = await lists.ledger(now() - 1_000)
    assert [row["id"] for row in found.rows] == ["e-SETTLEMENT"]
    kinds = {name for name, kind in BYBIT.ledger_kinds.items() if kind is not LedgerKind.TRADE}
    assert {params["type"] for params in exchange.params(LEDGER)[1:]} == kinds
    assert lists.has_ledger


# --- position mode ---


@pytest.mark.parametrize(
    ("index", "hedged"), [(0, False), ("0", False), (1, True), ("2", True), (None, False)], ids=repr
)
async def test_the_mode_is_asked_for_by_an_instrument_of_each_settle_coin(index: object, *, hedged: bool) -> None:
    flat = {"symbol": "BTCUSDT", "side": "", "size": "0", "positionIdx": index}
    lists, exchange = listing(lambda *_: rows(flat), only=(BTC, USDC, INVERSE))
    assert await lists.hedge_mode() is hedged
    assert sorted(params["symbol"] for params in exchange.params(POSITIONS)) == ["BTCPERP", "BTCUSD", "BTCUSDT"]


# --- spot ---


async def test_a_spot_accounts_lists_are_those_of_the_category() -> None:
    lists, exchange = spot_listing(lambda *_: rows())
    await lists.open_orders()
    await lists.fills(now() - 1_000)
    await lists.recent_orders([BTC_SPOT])
    await lists.order(OrderReference(BTC_SPOT, "c-1"))
    assert {params["category"] for _, params in exchange.asked} == {"spot"}
    assert not any("settleCoin" in params for _, params in exchange.asked)
    assert {name for name, _ in exchange.asked} == {REALTIME, HISTORY, EXECUTIONS}


async def test_rows_of_spot_are_of_the_pair_not_of_the_contract_with_the_same_name() -> None:
    execution = {
        "symbol": "BTCUSDT",
        "execId": "t-1",
        "orderId": "v-1",
        "side": "Buy",
        "execPrice": "50000",
        "execQty": "0.5",
        "execFee": "0.0005",
        "execTime": str(now()),
        "execType": "Trade",
        "feeCurrency": "BTC",
        "createType": "CreateByUser",
        "closedSize": "",
        "seq": 7,
    }
    lists, _ = spot_listing(lambda *_: rows(execution))
    (fill,) = [normalise_fill(row, quirks=SPOT) for row in (await lists.fills(now() - 1_000)).rows]
    assert fill is not None
    assert (fill.symbol, fill.fee, fill.fee_currency) == (BTC_SPOT, D("0.0005"), "BTC")


async def test_spot_tickers() -> None:
    ticker = {"symbol": "BTCUSDT", "lastPrice": "5", "bid1Price": "1", "ask1Price": "2"}
    lists, exchange = spot_listing(lambda *_: rows(ticker))
    (row,) = (await lists.tickers([BTC_SPOT])).rows
    assert (row["symbol"], row["bid"], row["ask"]) == (BTC_SPOT, "1", "2")
    assert exchange.asked[0][1]["category"] == "spot"
