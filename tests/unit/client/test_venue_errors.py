"""What each class of ccxt error proves. The classes are ccxt's own; the client tells them by name."""

import aiohttp
import ccxt
import pytest
import requests
import urllib3.exceptions as urllib3_errors
from aiohttp.client_reqrep import ConnectionKey
from urllib3.connectionpool import HTTPConnectionPool

from risksvc.client import venue_errors
from risksvc.client.venue_errors import Proof, proof_of

KEY = ConnectionKey("venue", 443, is_ssl=False, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_every_class_named_in_the_tables_exists_in_ccxt() -> None:
    named = venue_errors._AMEND_REJECTIONS | venue_errors._WRAPPERS
    assert not [name for name in sorted(named) if not hasattr(ccxt, name)]


REJECTED = [
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.OrderImmediatelyFillable,
    ccxt.OrderNotFillable,
    ccxt.BadSymbol,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.AuthenticationError,
    ccxt.PermissionDenied,
    ccxt.AccountSuspended,
    ccxt.InvalidNonce,
    ccxt.MarketClosed,
]


@pytest.mark.parametrize("kind", REJECTED, ids=lambda kind: kind.__name__)
def test_a_definitive_refusal_is_rejected(kind: type[Exception]) -> None:
    assert proof_of(kind("no")) is Proof.REJECTED


UNKNOWN = [
    ccxt.RequestTimeout,
    ccxt.ExchangeNotAvailable,
    ccxt.OnMaintenance,
    ccxt.NetworkError,
    ccxt.BadResponse,
    ccxt.NullResponse,
    ccxt.ExchangeError,
    ccxt.OperationFailed,
    ccxt.OperationRejected,
    ccxt.RateLimitExceeded,
    ccxt.DDoSProtection,
    ccxt.DuplicateOrderId,  # an InvalidOrder that says that the order is there
    ccxt.OrderNotFound,
    ccxt.BaseError,
    KeyboardInterrupt,
    TypeError,
    KeyError,
]


@pytest.mark.parametrize("kind", UNKNOWN, ids=lambda kind: kind.__name__)
def test_everything_else_proves_nothing(kind: type[BaseException]) -> None:
    assert proof_of(kind("?")) is Proof.UNKNOWN


@pytest.mark.parametrize("kind", [ccxt.OrderNotFound, ccxt.NoChange, ccxt.InvalidOrder])
def test_an_amendment_of_an_order_that_is_gone_is_rejected(kind: type[Exception]) -> None:
    assert proof_of(kind("gone"), amending=True) is Proof.REJECTED


@pytest.mark.parametrize(
    "cause",
    [
        aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused")),
        aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no such host")),
        aiohttp.ClientProxyConnectionError(KEY, ConnectionRefusedError(111, "refused")),
        aiohttp.ConnectionTimeoutError("connecting took too long"),
    ],
    ids=lambda cause: type(cause).__name__,
)
@pytest.mark.parametrize("wrapper", [ccxt.ExchangeNotAvailable, ccxt.RequestTimeout])
def test_without_a_connection_nothing_was_sent_async(wrapper: type[Exception], cause: Exception) -> None:
    assert proof_of(caused(wrapper("bybit POST"), cause)) is Proof.NEVER_SENT


def requests_error(reason: Exception, kind: type[Exception] = requests.ConnectionError) -> Exception:
    pool = HTTPConnectionPool("venue")
    return kind(urllib3_errors.MaxRetryError(pool, "/v5/order/create", reason))


@pytest.mark.parametrize(
    "cause",
    [
        requests_error(urllib3_errors.NewConnectionError(HTTPConnectionPool("venue"), "refused")),  # type: ignore[arg-type]
        requests_error(urllib3_errors.ConnectTimeoutError("slow"), requests.ConnectTimeout),
    ],
    ids=["refused", "timeout"],
)
@pytest.mark.parametrize("wrapper", [ccxt.NetworkError, ccxt.RequestTimeout])
def test_without_a_connection_nothing_was_sent_sync(wrapper: type[Exception], cause: Exception) -> None:
    assert proof_of(caused(wrapper("bybit POST"), cause)) is Proof.NEVER_SENT


@pytest.mark.parametrize(
    "cause",
    [
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError(104, "reset by peer"),
        aiohttp.ServerTimeoutError("reading took too long"),
        TimeoutError(),
        ConnectionResetError(104, "reset by peer"),
        requests.ConnectionError(urllib3_errors.ProtocolError("Connection aborted.", ConnectionResetError(104))),
        requests.ReadTimeout(urllib3_errors.ReadTimeoutError(HTTPConnectionPool("venue"), "/", "slow")),
    ],
    ids=lambda cause: f"{type(cause).__module__}.{type(cause).__name__}",
)
@pytest.mark.parametrize("wrapper", [ccxt.ExchangeNotAvailable, ccxt.NetworkError, ccxt.RequestTimeout])
def test_a_connection_that_broke_proves_nothing(wrapper: type[Exception], cause: Exception) -> None:
    assert proof_of(caused(wrapper("bybit POST"), cause)) is Proof.UNKNOWN


def test_an_earlier_failed_connection_proves_nothing_about_this_one() -> None:
    """Only the explicit cause counts: a client that tried twice has the first failure in __context__."""
    error = ccxt.RequestTimeout("second attempt")
    error.__context__ = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
    assert proof_of(error) is Proof.UNKNOWN


def test_a_failed_connection_under_an_error_that_is_no_network_error_proves_nothing() -> None:
    cause = aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "refused"))
    assert proof_of(caused(ccxt.ExchangeError("?"), cause)) is Proof.UNKNOWN


def test_the_tables_of_certain_and_uncertain_errors_do_not_meet() -> None:
    assert not {kind.__name__ for kind in UNKNOWN} & venue_errors._REJECTIONS
