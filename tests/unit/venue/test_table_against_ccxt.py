"""What the table of venues says about ccxt's calls, tried: the real classes, caught at their last step."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeAlias

import ccxt.async_support
import pytest

from risksvc.venue.guarded import build_exchange
from risksvc.venue.quirks import QUIRKS
from tests.unit.venue.builders import settings

pytestmark = pytest.mark.usefixtures("no_sockets")

Exchange: TypeAlias = Any  # ccxt carries no types
Call: TypeAlias = Callable[[Exchange, str], Awaitable[object]]

HERE = sorted(set(QUIRKS) & set(ccxt.async_support.exchanges))
CREDENTIALS = {"password": "P", "uid": "1", "walletAddress": "0x" + "11" * 20, "privateKey": "0x" + "11" * 32}
# Ids that every venue would take; two take only their own kind.
IDS = {"hyperliquid": "0x" + "ab" * 16, "htx": "7654321"}
BASE_IDS = {"hyperliquid": "27"}
START_MS, END_MS = 1_700_000_000_000, 1_700_000_123_456
# How venues write that end: milliseconds, seconds (rounded either way), ISO 8601.
WRITTEN_ENDS = ("1700000123456", "1700000123", "1700000124", "2023-11-14T22:15:23", "2023-11-14T22%3A15%3A23")
# Told before the first call, so that it isn't asked: whether the account is a unified one.
TOLD = {
    "kucoinfutures": {"uta": False},
    "gate": {"unifiedAccount": False},
    "gateeu": {"unifiedAccount": False},
    "hyperliquid": {"enableUnifiedMargin": False},
}


class SentError(Exception):
    """The request got as far as the network."""


def exchange_of(venue: str) -> tuple[Exchange, str, list[str]]:
    """The class as this process builds it, one instrument loaded; what it would send is kept in the list."""
    spot = QUIRKS[venue].options.get("defaultType") == "spot"
    config = settings(exchange=venue, credentials=CREDENTIALS, api_secret="U0VDUkVUU0VDUkVU")
    exchange = build_exchange(config, QUIRKS[venue], throttled=False)
    exchange.options.update(TOLD.get(venue, {}))
    symbol, settle = ("BTC/USDT", None) if spot else ("BTC/USDT:USDT", "USDT")
    market = {
        "id": "BTCUSDT", "lowercaseId": "btcusdt", "symbol": symbol, "base": "BTC", "quote": "USDT", "settle": settle,
        "baseId": BASE_IDS.get(venue, "BTC"), "quoteId": "USDT", "settleId": settle, "type": "spot" if spot else "swap",
        "spot": spot,
        "swap": not spot, "future": False, "option": False, "contract": not spot, "linear": None if spot else True,
        "inverse": None if spot else False, "contractSize": None if spot else "1", "numericId": 27, "active": True,
        "precision": {"amount": "0.001", "price": "0.1"}, "info": {},
    }  # fmt: skip
    coins: dict[str, Any] = {
        code: {"id": code, "code": code, "precision": "0.000001", "info": {}} for code in ("BTC", "USDT", "USDC")
    }
    exchange.set_markets([exchange.safe_market_structure(market)], coins)
    sent: list[str] = []

    async def catch(url: str, method: str = "GET", headers: object = None, body: object = None) -> None:
        del headers
        sent.append(f"{method} {url} {body or ''}")
        raise SentError

    exchange.fetch = catch
    return exchange, symbol, sent


async def first_request(venue: str, call: Call) -> str:
    """What the call would send first."""
    exchange, symbol, sent = exchange_of(venue)
    with pytest.raises(SentError):
        await call(exchange, symbol)
    return sent[0]


def client_id(venue: str) -> str:
    return IDS.get(venue, "CLIENTID77")


@pytest.mark.parametrize("venue", [name for name in HERE if QUIRKS[name].cancel_client_id_param])
async def test_a_cancel_by_client_id_sends_that_id_and_nothing_before_it(venue: str) -> None:
    params = {QUIRKS[venue].cancel_client_id_param: client_id(venue)}
    sent = await first_request(venue, lambda exchange, symbol: exchange.cancel_order(None, symbol, params))
    assert client_id(venue) in sent
    assert "None" not in sent


@pytest.mark.parametrize("venue", [name for name in HERE if QUIRKS[name].client_id_param])
async def test_a_look_up_by_client_id_asks_for_that_id(venue: str) -> None:
    params = {QUIRKS[venue].client_id_param: client_id(venue)}
    sent = await first_request(venue, lambda exchange, symbol: exchange.fetch_order(None, symbol, params))
    assert client_id(venue) in sent
    assert "None" not in sent, "a venue that is asked for the order `None` says truly that it does not know it"


NO_INSTRUMENT = [
    (venue, name) for venue in HERE for name, required in sorted(QUIRKS[venue].symbol_required.items()) if not required
]


@pytest.mark.parametrize(("venue", "name"), NO_INSTRUMENT)
async def test_a_call_that_the_table_says_wants_no_instrument_asks_without_one(venue: str, name: str) -> None:
    method = {"fetchOpenOrders": "fetch_open_orders", "fetchMyTrades": "fetch_my_trades"}[name]
    assert await first_request(venue, lambda exchange, _: getattr(exchange, method)(None, None, None, {}))


@pytest.mark.parametrize("venue", [name for name in HERE if getattr(ccxt.async_support, name)().has["fetchMyTrades"]])
async def test_fills_are_asked_for_up_to_an_end_or_the_table_says_that_they_are_not(venue: str) -> None:
    quirks = QUIRKS[venue]
    if quirks.unreadable or venue == "bullish":  # bullish signs in first; nothing can be said of it here
        return
    params = {**quirks.fills_params, "until": END_MS}
    sent = await first_request(venue, lambda exchange, symbol: exchange.fetch_my_trades(symbol, START_MS, 50, params))
    ends = any(written in sent for written in WRITTEN_ENDS) and "until" not in sent
    assert ends != ("no end of a span" in quirks.remarks.get("fills", "")), sent


@pytest.mark.parametrize("venue", HERE)
def test_what_a_request_costs_is_never_less_than_nothing(venue: str) -> None:
    for costs in (QUIRKS[venue].costs, QUIRKS[venue].spot_costs):
        assert min(costs.positions, costs.open_orders, costs.fills) > Decimal(0)
