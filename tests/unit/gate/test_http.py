"""Where the HTTP side may listen, and which names of this machine it answers to."""

import logging
from typing import Any, cast

import pytest
from aiohttp.http import HttpProcessingError

from risksvc.gate import http
from risksvc.gate.http import start_http
from risksvc.gate.sockets import ListenError

NO_GATE = cast("Any", None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "", "localhost.example.com"])
async def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ListenError, match="not a loopback address"):
        await start_http(NO_GATE, host=host, port=0)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:9464", True),
        ("localhost:9464", True),
        ("LOCALHOST", True),
        ("[::1]:9464", True),
        ("127.8.8.8", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("user@127.0.0.1", True),  # a name before @ is no host
        ("127.0.0.1@evil.example", False),
        ("0.0.0.0", False),
        ("[bad", False),
        ("", False),
        ("127.1", False),
        ("2130706433", False),
    ],
)
def test_the_host_header_must_name_this_machine(host: str, *, ours: bool) -> None:
    assert http._is_this_machine(host) is ours


def test_only_what_strangers_send_is_kept_out_of_the_log() -> None:
    def kept(error: Exception | None) -> bool:
        found = None if error is None else (type(error), error, None)
        record = logging.LogRecord("aiohttp", logging.ERROR, "", 0, "Error handling request", None, found)
        return http._no_stranger(record)

    assert kept(None)
    assert kept(RuntimeError("ours"))
    assert not kept(HttpProcessingError(code=400, message="garbage"))


def test_every_call_is_listed_for_who_asks_for_another() -> None:
    assert set(http.CALLS) == {
        "GET /metrics",
        "GET /healthz",
        "GET /readyz",
        "POST /trading/halt",
        "GET /orders/open",
        "POST /orders/cancel-all",
        "GET /limits",
        "GET /status",
    }
