"""One private socket on the wire: what waits to be sent, the task that sends it, the end of it.

Sends in order, one message at a time. Memory is bounded: a client that doesn't read, so that `MAX_WAITING` messages or
`MAX_WAITING_BYTES` wait for it, or that takes longer than `STALL_S` for one, is cut off. What is in a message is none
of its business.
"""

import asyncio
from collections import deque
from typing import Final

from aiohttp import WSMsgType, web

from risksvc.venue.paper.sessions import Session

MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 2_000_000
STALL_S: Final = 10.0
# What the system and aiohttp hold for a client that doesn't read comes on top of what waits here.
WRITER_LIMIT: Final = 65_536
# This close code is never sent: it is what the other side sees when a socket ends without a word.
CUT: Final = 1006


class Socket:
    """An open socket; `session` is what has been said on it."""

    def __init__(self, session: Session, ws: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.session = session
        self.ended = asyncio.Event()
        self._ws = ws
        self._transport = transport
        self._outbox: deque[tuple[float, WSMsgType, bytes]] = deque()
        self._waiting_bytes = 0
        self._closing: int | None = None
        self._stirred = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Give how many messages wait to be sent."""
        return len(self._outbox)

    def put(self, payload: bytes, *, late_ms: int = 0, kind: WSMsgType = WSMsgType.TEXT) -> None:
        """Queue a message to be sent in `late_ms`, never before those that were queued earlier."""
        if self._closing is not None:
            return
        if len(self._outbox) >= MAX_WAITING or self._waiting_bytes + len(payload) > MAX_WAITING_BYTES:
            self.end(CUT)
            return
        self._outbox.append((asyncio.get_running_loop().time() + late_ms / 1_000, kind, payload))
        self._waiting_bytes += len(payload)
        self._stirred.set()

    def end(self, code: int) -> None:
        """Close with `code` instead of sending what still waits; `CUT` ends the connection at once."""
        if self._closing is not None:
            return
        self._closing = code
        self._outbox.clear()
        self._waiting_bytes = 0
        self._stirred.set()
        if code == CUT:
            self._abort()

    async def write(self) -> None:
        """Send what is put until the socket ends; then say so."""
        while self._closing is None:
            if await self._wait_until_due():
                await self._send_next()
        if self._closing != CUT:
            await self._say_goodbye(self._closing)

    async def _say_goodbye(self, code: int) -> None:
        try:
            async with asyncio.timeout(STALL_S):
                await self._ws.close(code=code)
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _wait_until_due(self) -> bool:
        """Whether the oldest message is due; waits until it is, or until something is put or ended."""
        left = self._outbox[0][0] - asyncio.get_running_loop().time() if self._outbox else None
        if left is not None and left <= 0:
            return True
        self._stirred.clear()
        try:
            async with asyncio.timeout(left):
                await self._stirred.wait()
        except TimeoutError:
            pass
        return False

    async def _send_next(self) -> None:
        _, kind, payload = self._outbox.popleft()
        self._waiting_bytes -= len(payload)
        try:
            async with asyncio.timeout(STALL_S):
                await self._ws.send_frame(payload, kind)
        except (TimeoutError, ConnectionError):
            self.end(CUT)
