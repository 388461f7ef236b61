"""One redis.asyncio client with every option that matters written out: its defaults break the guarantee.

Measured with redis-py 8.1's defaults: a hung server answers after 58 s (10 retries of 5 s), and a script whose reply
was lost runs twice. So: no retry, ever (the caller's next poll is the retry), 50 ms for a connect or a reply, RESP2 (it
needs no handshake, so a fresh connection costs no round trip), no library info sent (Redis 7.0's ACL knows no such
command), and a URL may say where the server is but not how patient the client is.
"""

import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from risksvc.core.types import RiskError
from risksvc.gate.kill_switch.address import Credentials

SOCKET_TIMEOUT_SECONDS = 0.05
MAX_CONNECTIONS = 8  # a poll, a halt and its message, a resume, its read back, a question about a halt; two to spare
MAX_SOCKET_PATH = 107  # Linux: sun_path holds 108 bytes with the final zero
_URL_OPTIONS = {"db"}
_TLS_URL_OPTIONS = _URL_OPTIONS | {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}

RedisClient = Redis


def connection_options() -> dict[str, Any]:
    """What every connection gets, whatever the address."""
    return {
        "socket_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_connect_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_read_size": 65536,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "retry_on_error": [],
        "health_check_interval": 0,
        "protocol": 2,
        "legacy_responses": True,
        "decode_responses": True,
        "encoding": "utf-8",
        "encoding_errors": "strict",
        "client_name": None,
        "driver_info": None,
        "redis_connect_func": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _tcp_options() -> dict[str, Any]:
    keepalive = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}
    return {"socket_keepalive": True, "socket_keepalive_options": keepalive}


def _tls_options() -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ciphers": None,
    }


# By the scheme of the address.
_KINDS: Mapping[str, tuple[type[Any], Any]] = {
    "unix": (UnixDomainSocketConnection, dict),
    "redis": (Connection, _tcp_options),
    "rediss": (SSLConnection, lambda: {**_tcp_options(), **_tls_options()}),
}


def open_client(url: str, user: Credentials | None = None) -> "RedisClient":
    """A client of the server at this address. Connects on first use; refuses an address that it can't take.

    `url`: redis://[user:password@]host[:port][/db], rediss://... (TLS), unix:///path/to/socket[?db=n]. `user`: over it.
    """
    address = _address(url)
    address.pop("connection_class", None)
    if user is not None:
        address.update(username=user.username or None, password=user.password or None)
    connection_class, options = _KINDS[urlsplit(url).scheme]
    pool = ConnectionPool(
        connection_class=connection_class,
        max_connections=MAX_CONNECTIONS,
        **connection_options(),
        **options(),
        **address,
    )
    return Redis.from_pool(pool)  # which closes the pool with the client


def _address(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in _KINDS:
        raise RiskError("--redis-url: must begin with redis://, rediss://, unix:// or redis+sentinel://")
    allowed = _TLS_URL_OPTIONS if parts.scheme == "rediss" else _URL_OPTIONS
    surplus = sorted(set(parse_qs(parts.query)) - allowed)
    if surplus:
        raise RiskError(
            f"--redis-url: {', '.join(surplus)} can't be set here, since timeouts and retries are part of the kill "
            f"switch's guarantee; allowed: {', '.join(sorted(allowed))}"
        )
    if parts.scheme == "unix" and not 0 < len(parts.path.encode()) <= MAX_SOCKET_PATH:
        raise RiskError(
            f"--redis-url: a socket's path has 1 to {MAX_SOCKET_PATH} bytes, not {len(parts.path.encode())}"
        )
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise RiskError(f"--redis-url: {error}") from error
