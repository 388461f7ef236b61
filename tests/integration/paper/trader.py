"""Unmodified ccxt clients, over HTTP and over sockets, that can reach nothing but a paper venue."""

from collections.abc import Sequence
from typing import Any, Final

import ccxt.async_support as ccxt
from ccxt import pro

from risksvc.venue.paper import PaperServer

BTC: Final = "BTC/USDT:USDT"
ETH: Final = "ETH/USDT:USDT"

# ccxt's client is untyped.
Client = Any


def new_client(key: str = "paper-trade", *, secret: str | None = None, **options: object) -> Client:
    """A client for `key`, unthrottled, exact numbers; it reaches nobody until it is pointed somewhere."""
    client = ccxt.bybit({
        "apiKey": key,
        "secret": f"{key}-secret" if secret is None else secret,
        "timeout": 2_000,
        "enableRateLimit": False,
        "number": str,
        "options": {"fetchMarkets": {"types": ["linear", "inverse"]}, "maxRetriesOnFailure": 0, **options},
    })  # fmt: skip
    point(client, "http://127.0.0.1:9")
    return client


def new_stream_client(
    paper: PaperServer, markets: Sequence[object], *, key: str = "paper-read", secret: str | None = None
) -> Client:
    """A client of ccxt.pro for `key` that knows its markets already."""
    client = pro.bybit({
        "apiKey": key,
        "secret": f"{key}-secret" if secret is None else secret,
        "enableRateLimit": False,
        "number": str,
        "options": {"watchPositions": {"fetchPositionsSnapshot": False}, "enableUnifiedAccount": True,
                    "enableUnifiedMargin": False},
    })  # fmt: skip
    sockets = _replaced(client.urls["api"]["ws"], paper.socket_url)
    point(client, paper.base_url)
    client.urls["api"]["ws"] = sockets
    client.set_markets(markets)
    return client


def point(client: Client, base_url: str) -> None:
    """Send everything to `base_url`: each address that ccxt knows is replaced, so that nothing can leak."""
    client.urls["api"] = _replaced(client.urls["api"], base_url)


def _replaced(node: object, base_url: str) -> object:
    return {key: _replaced(value, base_url) for key, value in node.items()} if isinstance(node, dict) else base_url
