"""Private sockets without ccxt, which show each message as it comes, and what the venue knows of them."""

import asyncio
import contextlib
import hmac
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from risksvc.venue.paper import PaperServer
from risksvc.venue.paper.faults import SOCKET_PATH


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds; the test's own time limit ends it."""
    while not condition():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


def topics(paper: PaperServer, account: str = "main") -> set[str]:
    return {topic for row in paper.streams.rows() if row["account"] == account for topic in row["topics"]}


class RawSocket:
    """A private socket without ccxt, which shows each message as it comes."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws

    async def say(self, op: str, *args: str) -> None:
        await self._ws.send_json({"op": op, "args": args, "req_id": op})

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._ws.receive_json(timeout=20)
        return message

    async def pushed(self, count: int) -> list[dict[str, Any]]:
        return [await self.hear() for _ in range(count)]

    async def silent(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await self._ws.receive(timeout=0.2)
            return False
        return True


@asynccontextmanager
async def raw(paper: PaperServer, *subscriptions: str, key: str = "paper-read") -> AsyncIterator[RawSocket]:
    async with aiohttp.ClientSession() as session, session.ws_connect(paper.socket_url) as ws:
        client = RawSocket(ws)
        await client.say("auth", *signed(key))
        assert (await client.hear())["success"]
        if subscriptions:
            await client.say("subscribe", *subscriptions)
            assert (await client.hear())["success"]
        yield client


def signed(key: str) -> tuple[str, str, str]:
    expires = str(int(time.time() * 1_000) + 10_000)
    return key, expires, hmac.digest(f"{key}-secret".encode(), f"GET/realtime{expires}".encode(), "sha256").hex()


def links(pushes: list[dict[str, Any]]) -> list[str]:
    return [push["data"][0]["orderLinkId"] for push in pushes]


async def opened_by_hand(paper: PaperServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]:
    """A socket with a small buffer that has authorised itself and subscribed to orders."""
    host, port = paper.base_url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(
        f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    for op, args in (("auth", signed("paper-read")), ("subscribe", ("order",))):
        writer.write(masked(json.dumps({"op": op, "args": args}).encode()))
    return reader, writer, connection


def masked(payload: bytes) -> bytes:
    """A text frame of a client, masked with zeros."""
    assert 125 < len(payload) < 65_536 or len(payload) <= 125
    size = bytes([0x80 | len(payload)]) if len(payload) <= 125 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload
