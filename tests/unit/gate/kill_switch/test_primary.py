"""Whom the sentinels name: a majority of all that are configured, or nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from risksvc.gate.kill_switch.address import Credentials, StoreAddress
from risksvc.gate.kill_switch.primary import PrimaryFinder
from risksvc.gate.kill_switch.view import StoreUnreachableError

ADDRESS = StoreAddress.of("rediss+sentinel://u:secret@s1:1,s2:2,s3:3/m?db=3&ssl_ca_certs=/ca.pem")
OLD, NEW = ("10.0.0.1", 6379), ("10.0.0.2", 6379)


async def never() -> object:
    await asyncio.sleep(3600)
    return None


async def dead() -> object:
    raise RedisConnectionError("refused")


def says(place: object) -> Callable[[], Awaitable[object]]:
    async def say() -> object:
        return place

    return say


def finder(*answers: Callable[[], Awaitable[object]]) -> PrimaryFinder:
    made = PrimaryFinder(ADDRESS)
    clients: list[Any] = list(made._sentinels.values())
    for client, answer in zip(clients, answers, strict=True):
        client.sentinel_get_master_addr_by_name = lambda name, one=answer: one() if name == "m" else None
    return made


@pytest.mark.parametrize(
    "answers",
    [
        (says(NEW), says(NEW), says(NEW)),
        (says(OLD), says(NEW), says(NEW)),
        (dead, says(NEW), says(NEW)),
        (says(NEW), never, says(NEW)),
        (says(None), says(NEW), says(NEW)),
    ],
)
async def test_a_majority(answers: tuple[Callable[[], Awaitable[object]], ...]) -> None:
    assert await finder(*answers).find() == NEW


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((says(OLD), dead, dead), "1 name 10.0.0.1:6379; s2:2: refused; s3:3: refused"),
        ((says(OLD), says(NEW), never), "1 name 10.0.0.1:6379; 1 name 10.0.0.2:6379; s3:3: TimeoutError"),
        ((says(None), says(None), says(OLD)), "s1:1 knows no m; s2:2 knows no m"),
    ],
)
async def test_no_majority(answers: tuple[Callable[[], Awaitable[object]], ...], told: str) -> None:
    with pytest.raises(StoreUnreachableError, match="no primary that 2 of 3 sentinels name") as caught:
        await finder(*answers).find()
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_every_sentinel_and_every_primary_gets_the_pinned_options() -> None:
    made = PrimaryFinder(ADDRESS)
    clients: list[Any] = [*made._sentinels.values(), made.open(NEW)]
    for client in clients:
        connection = client.connection_pool.make_connection()
        assert (connection.socket_timeout, connection.socket_connect_timeout) == (0.05, 0.05)
        assert connection.retry.get_retries() == 0
        assert connection.ssl_context.check_hostname is True
        assert connection.ssl_context.ca_certs == "/ca.pem"
    primary = clients[-1].connection_pool.make_connection()
    assert (primary.host, primary.port, primary.db) == (*NEW, 3)
    assert (primary.username, primary.password) == ("u", "secret")
    sentinel = clients[0].connection_pool.make_connection()
    assert sentinel.db == 0, "a sentinel knows no SELECT"
    assert (sentinel.username, sentinel.password) == (None, None), "the servers' password is not the sentinels'"


async def test_one_server_needs_no_finding() -> None:
    made = PrimaryFinder(StoreAddress.of("redis://h:1"), user=Credentials("clear", "c"))
    assert await made.find() is None
    client: Any = made.open(None)
    assert client.connection_pool.make_connection().username == "clear"
