"""The window in which the venue may still take an order: set where it can be, only ever tightened, else said."""

import logging
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from risksvc.client.request_window import RequestWindow
from risksvc.core.types import MalformedInputError


def exchange(exchange_id: str, **options: object) -> Any:  # noqa: ANN401 - like ccxt's
    return SimpleNamespace(id=exchange_id, options=dict(options), headers={})


@pytest.mark.parametrize("most", [0, -1, 1001, 1.0, True, "500", None])
def test_a_window_can_only_be_made_smaller(most: Any) -> None:  # noqa: ANN401 - what users pass
    with pytest.raises(MalformedInputError, match="venue_window_ms"):
        RequestWindow(exchange("bybit", recvWindow=5000), most)


@pytest.mark.parametrize(
    ("options", "most", "becomes"),
    [
        ({"recvWindow": 5000}, 1000, 1000),
        ({"recvWindow": 5000}, 300, 300),
        ({"recvWindow": 200}, 300, 200),
        ({}, 1000, 1000),
    ],
    ids=["the venue's default", "lowered", "the user's is smaller", "not even there"],
)
def test_the_option_of_the_venue_is_set(options: dict[str, object], most: int, becomes: int) -> None:
    ccxt = exchange("binanceusdm", **options)
    window = RequestWindow(ccxt, most)
    assert (ccxt.options["recvWindow"], window.window_ms) == (becomes, becomes)
    ccxt.options["recvWindow"] = 60_000
    window.begin({})
    assert ccxt.options["recvWindow"] == min(most, 1000)
    window.end()


def test_a_deadline_is_given_to_each_order_in_the_venues_own_form() -> None:
    for exchange_id, name in (("deribit", "valid_until"), ("krakenfutures", "processBefore")):
        window = RequestWindow(exchange(exchange_id), 400)
        before, params = time.time(), {"clientOrderId": "c"}
        window.begin(params)
        window.end()
        given: Any = params[name]
        deadline = given / 1000 if isinstance(given, int) else datetime.fromisoformat(given).timestamp()
        assert before + 0.39 < deadline < time.time() + 0.41
        assert window.window_ms == 400


def test_a_header_is_there_only_while_an_order_is_sent() -> None:
    ccxt = exchange("okx")
    window = RequestWindow(ccxt, 1000)
    assert not ccxt.headers
    window.begin({})
    first = ccxt.headers["expTime"]
    window.begin({})
    assert int(ccxt.headers["expTime"]) >= int(first) > time.time() * 1000
    window.end()
    assert "expTime" in ccxt.headers, "another order is under way"
    window.end()
    assert not ccxt.headers


@pytest.mark.parametrize("exchange_id", ["bitget", "gate", "hyperliquid", "elsewhere"])
def test_where_there_is_none_it_is_said(exchange_id: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="risksvc.client"):
        window = RequestWindow(exchange(exchange_id, recvWindow=5000), 1000)
    assert window.window_ms is None
    assert f"{exchange_id} refuses no order for being late" in caplog.text
    params: dict[str, Any] = {}
    window.begin(params)
    window.end()
    assert not params


def test_where_there_is_one_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    RequestWindow(exchange("bybit", recvWindow=5000), 1000)
    assert not caplog.text


def test_an_object_without_options_has_no_window_by_option() -> None:
    assert RequestWindow(SimpleNamespace(id="bybit"), 1000).window_ms is None
