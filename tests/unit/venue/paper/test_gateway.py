"""Requests as plain data through the gateway: routes, permissions, parameters, and never an exception."""

import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risksvc.venue.paper.auth import Keyring
from risksvc.venue.paper.config import DEMO_ACCOUNT, PaperConfig
from risksvc.venue.paper.endpoints import ENDPOINTS
from risksvc.venue.paper.gateway import Gateway
from risksvc.venue.paper.instruments import EVERY_INSTRUMENT
from risksvc.venue.paper.messages import Incoming, Reply
from risksvc.venue.paper.opening import open_venue

NOW = 1_700_000_000_000


def gateway() -> Gateway:
    config = PaperConfig(instruments=EVERY_INSTRUMENT, prices={"BTCUSDT": Decimal(50_000)})
    engine = open_venue(config, now_ms=NOW)
    return Gateway(engine=engine, keyring=Keyring([DEMO_ACCOUNT]), clock=lambda: NOW)


def signed(method: str, path: str, *, query: str = "", body: bytes = b"") -> Incoming:
    key = DEMO_ACCOUNT.keys[0]
    payload = body if method == "POST" else query.encode()
    message = f"{NOW}{key.key}5000".encode() + payload
    headers = {
        "X-BAPI-API-KEY": key.key,
        "X-BAPI-TIMESTAMP": str(NOW),
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": hmac.digest(key.secret.encode(), message, "sha256").hex(),
    }
    return Incoming(method=method, path=path, query=query, headers=headers, body=body)


def ask(venue: Gateway, incoming: Incoming) -> Reply:
    """Without a switched fault the gateway never waits, so it needs no event loop."""
    try:
        venue.answer(incoming).send(None)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    raise AssertionError("the gateway waited")


def get(venue: Gateway, path: str, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(venue, signed("GET", path, query=urlencode(params))).body)
    return found


def post(venue: Gateway, path: str, **params: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(venue, signed("POST", path, body=json.dumps(params).encode())).body)
    return found


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v5/nothing"), ("GET", "/v5/order/create"), ("POST", "/v5/market/time"), ("GET", "/")]
)
def test_a_path_or_method_that_does_not_exist_is_told(method: str, path: str) -> None:
    reply = ask(gateway(), signed(method, path))
    assert (reply.status, json.loads(reply.body)["retCode"]) == (404, 10017)


@pytest.mark.parametrize("path", [path for path, each in ENDPOINTS.items() if each.access != "public"])
def test_every_private_path_needs_a_key(path: str) -> None:
    incoming = Incoming(method=ENDPOINTS[path].method, path=path, query="", headers={}, body=b"{}")
    assert json.loads(ask(gateway(), incoming).body)["retCode"] == 10003


@pytest.mark.parametrize(
    ("path", "categories"),
    [
        ("/v5/market/instruments-info", ["option"]),
        ("/v5/market/tickers", ["option"]),
        ("/v5/position/list", ["inverse", "spot", "option"]),
        ("/v5/order/realtime", ["inverse", "spot", "option"]),
        ("/v5/order/history", ["inverse", "spot", "option"]),
        ("/v5/execution/list", ["inverse", "spot", "option"]),
    ],
)
def test_categories_without_anything_are_valid_and_empty(path: str, categories: list[str]) -> None:
    for category in categories:
        answer = get(gateway(), path, category=category)
        assert (answer["retCode"], answer["result"]["list"]) == (0, [])


@pytest.mark.parametrize(
    ("category", "symbols"),
    [
        ("inverse", ["BTCUSD", "ETHUSD"]),
        ("spot", ["BTCUSDT", "ETHBTC", "ETHUSDT"]),
    ],
)
def test_each_category_lists_its_own_instruments(category: str, symbols: list[str]) -> None:
    venue = gateway()
    for path in ("/v5/market/instruments-info", "/v5/market/tickers"):
        rows = get(venue, path, category=category)["result"]["list"]
        assert sorted(row["symbol"] for row in rows) == symbols
    assert get(venue, "/v5/market/orderbook", category=category, symbol=symbols[0])["result"]["b"]
    assert get(venue, "/v5/market/orderbook", category=category, symbol="SOLUSDT")["retCode"] == 10001


@pytest.mark.parametrize("encode", [str, quote, lambda cursor: quote(quote(cursor, safe=""), safe="")])
def test_a_cursor_is_accepted_however_often_it_was_encoded(encode: Any) -> None:  # noqa: ANN401
    venue = gateway()
    for _ in range(3):
        post(venue, "/v5/order/create", category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty="0.01")
    first = get(venue, "/v5/execution/list", category="linear", limit="2")["result"]
    raw = f"category=linear&limit=2&cursor={encode(first['nextPageCursor'])}"
    second = json.loads(ask(venue, signed("GET", "/v5/execution/list", query=raw)).body)["result"]
    assert (len(first["list"]), len(second["list"]), second["nextPageCursor"]) == (2, 1, "")
    assert first["list"][-1]["execId"] != second["list"][0]["execId"]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v5/execution/list", {"limit": "0"}),
        ("/v5/execution/list", {"limit": "ten"}),
        ("/v5/execution/list", {"cursor": "x"}),
        ("/v5/execution/list", {"startTime": "5", "endTime": "4"}),
        ("/v5/execution/list", {"startTime": "0", "endTime": "604800001"}),
        ("/v5/market/orderbook", {"symbol": "BTCUSDT", "limit": "501"}),
        ("/v5/market/orderbook", {}),
        ("/v5/market/tickers", {"symbol": "NOSUCH"}),
        ("/v5/account/wallet-balance", {"accountType": "SPOT"}),
    ],
)
def test_a_parameter_out_of_range_is_refused(path: str, params: dict[str, str]) -> None:
    assert get(gateway(), path, **{"category": "linear", **params})["retCode"] == 10001


def test_numbers_in_a_body_may_be_json_numbers_and_stay_exact() -> None:
    venue = gateway()
    body = b'{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":0.001,"price":49000.1}'
    assert json.loads(ask(venue, signed("POST", "/v5/order/create", body=body)).body)["retCode"] == 0
    (order,) = venue.engine.accounts["main"].open_orders.newest_first()
    assert (str(order.qty), str(order.price)) == ("0.001", "49000.1")


def test_history_is_filtered_by_status_and_time() -> None:
    venue = gateway()
    order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "qty": "0.01"}
    post(venue, "/v5/order/create", **order, orderType="Market")
    post(venue, "/v5/order/create", **order, orderType="Limit", price="40000", timeInForce="IOC")
    path = "/v5/order/history"

    def statuses(**params: str) -> list[str]:
        return [row["orderStatus"] for row in get(venue, path, category="linear", **params)["result"]["list"]]

    assert statuses() == ["Cancelled", "Filled"]
    assert statuses(orderStatus="Filled") == ["Filled"]
    assert statuses(startTime=str(NOW + 1)) == []
    assert statuses(endTime=str(NOW - 1)) == []
    assert statuses(startTime=str(NOW), endTime=str(NOW)) == ["Cancelled", "Filled"]
    assert statuses(symbol="ETHUSDT") == []
    assert statuses(orderFilter="StopOrder") == []
    recent = get(venue, "/v5/order/realtime", category="linear", settleCoin="USDT", openOnly="1")["result"]["list"]
    assert len(recent) == 2


NAMES = st.sampled_from([
    "category", "symbol", "settleCoin", "baseCoin", "side", "orderType", "qty", "price", "orderId", "orderLinkId",
    "limit", "cursor", "startTime", "endTime", "timeInForce", "reduceOnly", "positionIdx", "accountType", "coin",
    "status", "execType", "orderStatus", "orderFilter", "openOnly", "triggerPrice", "takeProfit", "stopLoss",
    "marketUnit", "mode", "currency", "type",
])  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from([
        "linear", "BTCUSDT", "USDT", "BTC", "Buy", "Sell", "Limit", "Market", "1", "0.001", "50000", "-1", "1e9", "NaN",
        "999999999999999.999999999999999999", "0", "GTC", "PostOnly", "UNIFIED", "Trade", "true",
        "18446744073709551616", "inverse", "spot", "BTCUSD", "ETHBTC", "quoteCoin", "StopOrder", "3", "TRADE",
    ]),
    st.text(max_size=40),
)  # fmt: skip
JSON_VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(TEXTS, max_size=2))
PATHS = {method: [path for path, each in ENDPOINTS.items() if each.method == method] for method in ("GET", "POST")}

# Parsing text is slow, and what it must hold is shown by fewer examples than the money rules need.
A_FEW = settings(max_examples=min(2_000, settings().max_examples))


def assert_answered(reply: Reply) -> None:
    answer = json.loads(reply.body)
    assert reply.status == 200
    assert isinstance(answer["retCode"], int)


@A_FEW
@given(st.sampled_from(PATHS["GET"]), st.dictionaries(NAMES, TEXTS))
def test_any_query_is_answered(path: str, params: Mapping[str, str]) -> None:
    assert_answered(ask(gateway(), signed("GET", path, query=urlencode({"category": "linear", **params}))))


@A_FEW
@given(st.sampled_from(PATHS["POST"]), st.dictionaries(NAMES, JSON_VALUES))
def test_any_body_is_answered(path: str, params: Mapping[str, object]) -> None:
    usual = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1"}
    body = json.dumps({**usual, "price": "49000", **params}).encode()
    assert_answered(ask(gateway(), signed("POST", path, body=body)))


@A_FEW
@given(st.sampled_from(PATHS["POST"]), st.binary(max_size=60))
def test_any_bytes_are_answered(path: str, body: bytes) -> None:
    assert_answered(ask(gateway(), signed("POST", path, body=body)))
