"""ccxt's own exchange classes, made to fail instead of answering with nothing.

Only official hooks are overridden. Without them an HTTP 200 with an empty, `null` or cut body reads as "no positions,
no orders", and an unlisted HTTP error as success (both were seen). Never retries by itself: a retried request is a
second request.
"""

import importlib
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from ccxt.base import errors as ccxt_errors

from risksvc.venue.abilities import has_test_network
from risksvc.venue.config import VenueConfig
from risksvc.venue.failures import StartError
from risksvc.venue.quirks import Envelope, Quirks

CcxtExchange: TypeAlias = Any  # ccxt carries no types
CcxtClass: TypeAlias = Any

_OK, _MULTIPLE_CHOICES, _BAD_REQUEST = 200, 300, 400
_SHOWN = 80
_BODY = 4  # its place among the hook's arguments after the status code


def check_body(code: int, body: object, envelope: Envelope | None) -> None:
    """Raise BadResponse unless a good status comes with a body that says something. Error bodies are left to ccxt."""
    if code >= _BAD_REQUEST:
        return
    if not _OK <= code < _MULTIPLE_CHOICES:
        raise ccxt_errors.BadResponse(f"HTTP {code}, which is neither an answer nor an error")
    text = body if isinstance(body, str) else ""
    try:
        parsed = json.loads(text)
    except ValueError:
        raise ccxt_errors.BadResponse(f"HTTP {code} with a body that is not JSON: {text[:_SHOWN]!r}") from None
    if not isinstance(parsed, (dict, list)) or parsed == {}:
        raise ccxt_errors.BadResponse(f"HTTP {code} with a body that says nothing: {text[:_SHOWN]!r}")
    if envelope is not None:
        _check_envelope(parsed, envelope)


def _check_envelope(parsed: dict[str, Any] | list[Any], envelope: Envelope) -> None:
    if not isinstance(parsed, dict) or envelope.code_key not in parsed:
        raise ccxt_errors.BadResponse(f"an answer without {envelope.code_key}")
    if str(parsed[envelope.code_key]) not in envelope.ok_codes:
        return  # an error that ccxt has a class for
    if not isinstance(parsed.get(envelope.data_key), envelope.data_types):
        raise ccxt_errors.BadResponse(f"success with {envelope.data_key} {parsed.get(envelope.data_key)!r}")


def guarded(exchange_class: CcxtClass, quirks: Quirks) -> CcxtClass:
    """Derive a class of an exchange's that fails rather than answers with nothing, and gives numbers as text."""

    class Guarded(exchange_class):  # type: ignore[misc]
        number = str

        def on_rest_response(self, code: int, *rest: object) -> object:
            check_body(code, rest[_BODY], quirks.envelope)
            return super().on_rest_response(code, *rest)

        def handle_http_status_code(self, code: int, *rest: object) -> None:
            super().handle_http_status_code(code, *rest)
            if code >= _BAD_REQUEST:  # ccxt raises for a list of statuses only
                raise ccxt_errors.ExchangeNotAvailable(f"{self.id} HTTP {code}")

    Guarded.__name__ = Guarded.__qualname__ = f"Guarded{exchange_class.__name__}"
    return Guarded


def exchange_class_of(name: str) -> CcxtClass:
    """Find a class by ccxt id ("bybit") or by "module:Name"; StartError when there is none."""
    library = importlib.import_module("ccxt.async_support")
    module_name, _, class_name = name.rpartition(":")
    if not module_name:
        if name not in library.exchanges:
            raise StartError(f"exchange {name!r} is not one of ccxt's; use a ccxt id (bybit, ...) or module:Name")
        return getattr(library, name)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise StartError(f"exchange class {name!r} can't be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, library.Exchange)):
        raise StartError(f"exchange class {name!r} is not a subclass of ccxt.async_support.Exchange")
    return found


def exchange_id_of(exchange_class: CcxtClass) -> str:
    """Give the exchange id that a class describes itself with."""
    return str(_built(exchange_class, {}).id)


def _built(exchange_class: CcxtClass, settings: dict[str, object]) -> CcxtExchange:
    try:
        return exchange_class(settings)
    except Exception as error:
        raise StartError(f"{exchange_class.__name__} can't be built with these settings: {error!r}") from error


def build_exchange(config: VenueConfig, quirks: Quirks, *, throttled: bool) -> CcxtExchange:
    """Build one guarded exchange. `throttled`: with ccxt's own rate limiter, which queues; else the caller paces."""
    return build_as(guarded(exchange_class_of(config.exchange), quirks), config, quirks=quirks, throttled=throttled)


def build_as(exchange_class: CcxtClass, config: VenueConfig, *, quirks: Quirks, throttled: bool) -> CcxtExchange:
    """Build an exchange of a guarded class, pointed at where the settings say."""
    # ccxt's debug lines show request headers, which carry the key.
    logging.getLogger("ccxt").setLevel(logging.WARNING)
    settings: dict[str, object] = {
        "apiKey": config.api_key,
        "secret": config.api_secret,
        **config.credentials,
        "timeout": config.request_timeout_ms,
        "enableRateLimit": throttled,
        "options": {**quirks.options, **config.options, "maxRetriesOnFailure": 0},
        "has": {"fetchCurrencies": False},  # one signed request less; currencies are not needed
        "urls": dict(config.urls),
        **({"rateLimit": quirks.rate_limit_ms} if quirks.rate_limit_ms else {}),
    }
    exchange = _built(exchange_class, settings)
    if config.sandbox:
        if not has_test_network(exchange):
            raise StartError(f"{exchange.id} has no test network in ccxt: leave `sandbox` out")
        exchange.set_sandbox_mode(True)
    if config.base_url:
        _point_at(exchange, config.base_url.rstrip("/"))
    return exchange


def _point_at(exchange: CcxtExchange, base_url: str) -> None:
    """Send every request to one server: an address left over would show the account's key to the real exchange."""
    exchange.urls["api"] = _rebased(exchange.urls["api"], base_url)
    http, ws = base_url, "ws" + base_url.removeprefix("http")
    for leaf in _leaves(exchange.urls["api"]):
        if not leaf.startswith((http, ws)):
            raise StartError(f"base_url: the address {leaf!r} of {exchange.id} could not be pointed at {base_url}")


def _rebased(value: object, base_url: str) -> object:
    if isinstance(value, Mapping):
        return {key: _rebased(inner, base_url) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    old, new = urlsplit(value), urlsplit(base_url)
    scheme = "ws" + new.scheme.removeprefix("http") if old.scheme.startswith("ws") else new.scheme
    return urlunsplit((scheme, new.netloc, new.path + old.path, old.query, ""))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _leaves(inner)
    else:
        yield str(value)
