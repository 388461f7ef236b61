"""An unmodified ccxt client that can reach nothing but a paper venue."""

from typing import Any, Final

import ccxt.async_support as ccxt

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


def point(client: Client, base_url: str) -> None:
    """Send everything to `base_url`: each address that ccxt knows is replaced, so that nothing can leak."""
    client.urls["api"] = _replaced(client.urls["api"], base_url)


def _replaced(node: object, base_url: str) -> object:
    return {key: _replaced(value, base_url) for key, value in node.items()} if isinstance(node, dict) else base_url
