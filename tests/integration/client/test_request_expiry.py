"""Each row of the table of request expiry, against the installed ccxt: what it signs and sends, and what it has not.

No network: the request is taken where ccxt would send it.
"""

import inspect
import json
from typing import Any

import ccxt
import pytest

from risksvc.client.request_window import RequestWindow
from risksvc.core.request_expiry import REQUEST_EXPIRY, ExpiryKind

BOUNDED = sorted(name for name, row in REQUEST_EXPIRY.items() if row.bounded)
UNBOUNDED = sorted(set(REQUEST_EXPIRY) - set(BOUNDED))
SYMBOL = "BTC/USDT:USDT"
WINDOW = 700
# Where each is to be found in the request.
EXPECTED = {
    "binance": "recvWindow=700",
    "binanceusdm": "recvWindow=700",
    "binancecoinm": "recvWindow=700",
    "bybit": '"X-BAPI-RECV-WINDOW": "700"',
    "backpack": '"X-Window": "700"',
    "okx": '"expTime": "{deadline}"',
    "krakenfutures": "processBefore={deadline}",
    "deribit": "valid_until={deadline}",
}


class SentError(Exception):
    pass


class Line:
    """A ccxt object with one market, whose requests end here."""

    def __init__(self, exchange_id: str) -> None:
        secret = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="  # noqa: S105 - nobody's
        self.exchange: Any = getattr(ccxt, exchange_id)({"apiKey": "k" * 20, "secret": secret, "password": "p"})
        self.exchange.set_markets([market(inverse=exchange_id == "binancecoinm")])
        self.exchange.fetch = self._fetch
        self.sent = ""

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> None:  # noqa: ANN401 - ccxt's
        self.sent = " ".join((method, url, json.dumps(dict(self.exchange.prepare_request_headers(headers))), str(body)))
        raise SentError

    def order(self, params: dict[str, Any]) -> str:
        with pytest.raises(SentError):
            self.exchange.create_order(SYMBOL, "limit", "buy", 1, 50_000, params)
        return self.sent


def market(*, inverse: bool) -> dict[str, Any]:
    return {
        "id": "BTCUSDT",
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "settleId": "USDT",
        "type": "swap",
        "spot": False,
        "margin": False,
        "swap": True,
        "future": False,
        "option": False,
        "contract": True,
        "linear": not inverse,
        "inverse": inverse,
        "subType": "inverse" if inverse else "linear",
        "active": True,
        "contractSize": 1.0,
        "precision": {"amount": 0.001, "price": 0.1},
        "limits": {"amount": {"min": 0.001}},
        "info": {"orderTypes": ["LIMIT"]},
    }


@pytest.mark.parametrize("exchange_id", BOUNDED)
def test_an_order_leaves_with_its_window(exchange_id: str) -> None:
    line = Line(exchange_id)
    window = RequestWindow(line.exchange, WINDOW)
    params: dict[str, Any] = {}
    window.begin(params)
    row = REQUEST_EXPIRY[exchange_id]
    deadline = str(params.get(row.name) or line.exchange.headers.get(row.name, "")).replace(":", "%3A")
    assert EXPECTED[exchange_id].format(deadline=deadline) in line.order(params)
    assert window.window_ms == WINDOW
    window.end()
    assert row.name not in line.exchange.headers


@pytest.mark.parametrize("exchange_id", BOUNDED)
def test_without_it_the_venues_own_default_would_be_far_wider_or_none(exchange_id: str) -> None:
    line, row = Line(exchange_id), REQUEST_EXPIRY[exchange_id]
    if row.kind is ExpiryKind.OPTION:
        assert int(line.exchange.options[row.name]) >= 5_000
    else:
        assert row.name not in line.order({})


@pytest.mark.parametrize("exchange_id", UNBOUNDED)
def test_ccxt_sends_no_expiry_with_an_order_there(exchange_id: str) -> None:
    exchange = getattr(ccxt, exchange_id)()
    parts = [exchange.sign, exchange.create_order, getattr(exchange, "create_order_request", exchange.create_order)]
    source = "\n".join(inspect.getsource(part) for part in parts).lower()
    found = {word for word in ("recvwindow", "recv_window", "exptime", "expiresafter", "validuntil") if word in source}
    assert found == ({"recvwindow"} if exchange_id == "mexc" else set())


def test_mexcs_window_goes_with_spot_requests_only() -> None:
    exchange = ccxt.mexc({"apiKey": "k", "secret": "s"})
    order = exchange.sign("order/create", ["contract", "private"], "POST", {"symbol": "BTC_USDT"})
    assert "recvwindow" not in json.dumps(order).lower()
    assert "recvWindow=" in exchange.sign("order", ["spot", "private"], "POST", {"symbol": "BTCUSDT"})["url"]
