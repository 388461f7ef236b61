"""The client's options, pinned one by one: redis-py's defaults break the guarantee, and change between versions."""

import socket
import ssl
from typing import Any

import pytest
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from risksvc.core.types import RiskError
from risksvc.gate.kill_switch.address import shown_address
from risksvc.gate.kill_switch.redis_client import open_client


def connection_of(url: str) -> Any:  # noqa: ANN401 - of three kinds
    pool: Any = open_client(url).connection_pool
    return pool.make_connection()


URLS = ["redis://127.0.0.1:6379/0", "rediss://127.0.0.1:6379/0", "unix:///tmp/redis.sock"]


@pytest.mark.parametrize("url", URLS)
def test_every_option_that_matters(url: str) -> None:
    connection = connection_of(url)
    assert connection.socket_timeout == 0.05
    assert connection.socket_connect_timeout == 0.05
    assert connection.retry.get_retries() == 0
    assert connection.retry_on_timeout is False
    assert connection.retry_on_error == []
    assert connection.health_check_interval == 0
    assert connection.protocol == 2
    assert connection.client_name is None
    assert connection.driver_info is None
    assert connection.redis_connect_func is None
    assert connection.maint_notifications_config is None or not connection.maint_notifications_config.enabled
    assert (connection.encoder.encoding, connection.encoder.encoding_errors) == ("utf-8", "strict")
    assert connection.encoder.decode_responses is True


@pytest.mark.parametrize("url", URLS)
def test_the_pool(url: str) -> None:
    client: Any = open_client(url)
    assert client.connection_pool.max_connections == 8
    assert client.single_connection_client is False
    assert client.auto_close_connection_pool is True
    assert client.connection_pool.maint_notifications_enabled() in (None, False)


def test_a_tcp_connection_finds_out_that_its_peer_is_gone() -> None:
    connection = connection_of("redis://127.0.0.1:6379")
    assert connection.socket_keepalive is True
    assert connection.socket_keepalive_options == {
        socket.TCP_KEEPIDLE: 5,
        socket.TCP_KEEPINTVL: 1,
        socket.TCP_KEEPCNT: 3,
    }


def test_tls_checks_who_answers() -> None:
    context = connection_of("rediss://127.0.0.1:6379").ssl_context
    assert context.cert_reqs is ssl.CERT_REQUIRED
    assert context.check_hostname is True
    assert context.min_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("redis://user:secret@10.0.0.1:7000/3", Connection, {"host": "10.0.0.1", "port": 7000, "db": 3}),
        ("redis://user:secret@10.0.0.1", Connection, {"username": "user", "password": "secret"}),
        ("rediss://h:1/0?ssl_ca_certs=/ca.pem", SSLConnection, {"host": "h"}),
        ("unix:///run/redis.sock?db=2", UnixDomainSocketConnection, {"path": "/run/redis.sock", "db": 2}),
    ],
)
def test_addresses(url: str, kind: type, said: dict[str, Any]) -> None:
    connection = connection_of(url)
    assert type(connection) is kind
    assert {name: getattr(connection, name) for name in said} == said


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("localhost:6379", "must begin with redis://"),
        ("http://localhost", "must begin with redis://"),
        ("redis://h?socket_timeout=5", "socket_timeout can't be set here"),
        ("redis://h?retry_on_timeout=1&protocol=3", "protocol, retry_on_timeout can't be set here"),
        ("rediss://h?ssl_cert_reqs=none", "ssl_cert_reqs can't be set here"),
        ("unix://", "a socket's path has 1 to 107 bytes, not 0"),
        ("unix:///" + "x" * 107, "a socket's path has 1 to 107 bytes, not 108"),
    ],
)
def test_addresses_that_are_refused(url: str, told: str) -> None:
    with pytest.raises(RiskError, match=told):
        open_client(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:secret@h:1/0", "redis://h:1/0"),
        ("rediss://:secret@h", "rediss://h"),
        ("unix:///a/b.sock", "unix:///a/b.sock"),
    ],
)
def test_no_credentials_are_shown(url: str, shown: str) -> None:
    assert shown_address(url) == shown
