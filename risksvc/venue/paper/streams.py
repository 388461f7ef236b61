"""The private sockets of the venue: who may open one, what each is told, and how they misbehave on command.

A socket hears of its own account only, and of nothing before it has authorised itself. Changes are collected while the
engine acts and told when it has come to rest. Bounded: at most `MAX_SOCKETS` at once, each with bounded memory
(`sockets.py`); one that isn't authorised in time, or silent for long, is closed. A socket never makes the engine wait.
"""

import asyncio
from collections.abc import Collection
from itertools import count
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from risksvc.venue.paper.effects import ROWS
from risksvc.venue.paper.faults import PUSH_STAGES, SOCKET_PATH, Fault, Stage
from risksvc.venue.paper.gateway import Gateway
from risksvc.venue.paper.messages import encode
from risksvc.venue.paper.pushes import TOPICS, Notes, batches, message, of_category
from risksvc.venue.paper.sessions import Session, read
from risksvc.venue.paper.sockets import WRITER_LIMIT, Socket
from risksvc.venue.paper.stream_effects import PUSHES, lateness
from risksvc.venue.paper.wire import Row

MAX_SOCKETS: Final = 200
# A client's message may be this long; a longer one closes its socket.
MAX_MESSAGE_BYTES: Final = 65_536
# Who is silent for so long is closed, as on Bybit; who isn't authorised after this, too.
IDLE_S: Final = 600.0
AUTH_S: Final = 10.0
CLOSE_S: Final = 1.0

_NO_FAULTS: Final[list[Fault]] = []


class Streams:
    """All open private sockets of a gateway's venue."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._notes = Notes(self._wake)
        self._sockets: dict[str, Socket] = {}
        self._numbers = count(1)
        self._push_ids = count(1)
        gateway.engine.watch(self._notes)
        gateway.faults.listen(self._switched)

    def rows(self) -> list[Row]:
        """Show the open sockets for the control API."""
        return [
            {
                "id": each.session.conn_id,
                "account": each.session.account,
                "topics": list(each.session.topics),
                "waiting": each.waiting,
            }
            for each in self._sockets.values()
        ]

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Open a socket and serve it until it ends; answer a request that can't be one, or may not."""
        ws = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=MAX_MESSAGE_BYTES, writer_limit=WRITER_LIMIT, timeout=CLOSE_S
        )
        refused = self._refusal(request, ws)
        if refused is not None:
            return refused
        await ws.prepare(request)
        session = Session(f"paper-{next(self._numbers)}", self._gateway.keyring)
        socket = self._sockets[session.conn_id] = Socket(session, ws, request.transport)
        writer = asyncio.create_task(socket.write())
        try:
            await self._listen(socket, ws)
        finally:
            self._forget(socket)
            socket.end(WSCloseCode.OK)
            await asyncio.gather(writer, return_exceptions=True)
            socket.ended.set()
        return ws

    async def close(self) -> None:
        """Close all sockets; those that don't agree in time are cut by the server's own stopping."""
        open_now = list(self._sockets.values())
        for socket in open_now:
            socket.end(WSCloseCode.GOING_AWAY)
        await asyncio.gather(
            *(asyncio.wait_for(each.ended.wait(), CLOSE_S) for each in open_now), return_exceptions=True
        )

    def flush(self) -> None:
        """Tell the sockets what was noted."""
        engine, account_of = self._gateway.engine, self._gateway.engine.accounts
        for name, noted in self._notes.take().items():
            listeners = [each for each in self._sockets.values() if each.session.account == name]
            for topic, rows in batches(engine, account_of[name], noted):
                for socket in listeners:
                    self._tell(socket, topic, rows)

    def _wake(self) -> None:
        # The engine's methods never wait, so by the time this is called back it has come to rest.
        asyncio.get_running_loop().call_soon(self.flush)

    def _refusal(self, request: web.BaseRequest, ws: web.WebSocketResponse) -> web.Response | None:
        met = self._met(SOCKET_PATH, "", stages=(Stage.CONNECT,))
        if met:
            return web.Response(status=met[0].number("status"), text="Service Unavailable")
        if not ws.can_prepare(request):
            return web.Response(status=400, text="this path is for WebSocket clients")
        if len(self._sockets) >= MAX_SOCKETS:
            return web.Response(status=503, text=f"{MAX_SOCKETS} sockets are open already")
        return None

    async def _listen(self, socket: Socket, ws: web.WebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        opened = loop.time()
        while True:
            left = IDLE_S if socket.session.grant else opened + AUTH_S - loop.time()
            try:
                received = await ws.receive(timeout=max(left, 0.001))
            except TimeoutError:
                socket.end(WSCloseCode.POLICY_VIOLATION)
                return
            if received.type is WSMsgType.PING:
                self._send(socket, received.data, kind=WSMsgType.PONG)
            elif received.type is WSMsgType.TEXT:
                self._answer(socket, received.data)
            elif received.type is not WSMsgType.PONG:
                return

    def _answer(self, socket: Socket, text: str) -> None:
        session, was, asked = socket.session, socket.session.account, read(text)
        account = was or self._gateway.keyring.account_of_key(asked.key)
        refusing = self._met(SOCKET_PATH, account, stages=(Stage.AUTH,)) if asked.op == "auth" else _NO_FAULTS
        now_ms = self._gateway.clock() + self._skew_ms(account)
        reply = session.answer(asked, now_ms=now_ms, refuse_auth=refusing[0].text("message") if refusing else "")
        self._send(socket, encode(reply))
        if session.account != was:
            self._notes.audience.add(session.account)
            self._gateway.engine.accounts[session.account].silent_since_ms = None
            self._close_if_told(socket)

    def _send(self, socket: Socket, payload: bytes, *, kind: WSMsgType = WSMsgType.TEXT) -> None:
        late_ms = lateness(self._met(SOCKET_PATH, socket.session.account, stages=(Stage.SEND,)))
        if late_ms is not None:
            socket.put(payload, late_ms=late_ms, kind=kind)

    def _tell(self, socket: Socket, topic: str, rows: list[Row]) -> None:
        for name in socket.session.topics:
            wanted, category = TOPICS[name]
            shown = of_category(rows, category) if wanted == topic else []
            if shown:
                self._push(socket, name, shown)

    def _push(self, socket: Socket, topic: str, rows: list[Row]) -> None:
        """Send one push, bent by what it meets."""
        session = socket.session
        met = self._met(f"{SOCKET_PATH}/{topic}", session.account, stages=PUSH_STAGES)
        for fault in met:
            rows = ROWS[fault.name](rows) if fault.stage is Stage.ROWS else rows
        push_id = f"{self._gateway.engine.started_ms:x}-{next(self._push_ids)}"
        payloads = [encode(message(topic, rows, push_id=push_id, now_ms=self._gateway.clock()))]
        for fault in met:
            payloads = PUSHES[fault.name](fault, session.conn_id, payloads) if fault.stage is Stage.PUSH else payloads
        late_ms = lateness(met)
        if late_ms is not None:
            for payload in payloads:
                socket.put(payload, late_ms=late_ms)
        for fault in met:
            if fault.remaining == 0:
                self._release(fault)

    def _switched(self, fault: Fault) -> None:
        """Close what a fault closes when it is switched on; send what it held back when it is switched off."""
        if fault.cleared.is_set():
            self._release(fault)
        elif fault.stage is Stage.OPEN:
            for socket in list(self._sockets.values()):
                self._close_if_told(socket)

    def _release(self, fault: Fault) -> None:
        """Send what a fault that is over still holds back."""
        for conn_id, payloads in fault.waiting.items():
            for payload in reversed(payloads):
                self._sockets[conn_id].put(payload)
        fault.waiting.clear()

    def _close_if_told(self, socket: Socket) -> None:
        met = self._met(SOCKET_PATH, socket.session.account, stages=(Stage.OPEN,))
        if met:
            socket.end(met[0].number("code"))

    def _skew_ms(self, account: str) -> int:
        """Give how far the venue's clock is off; looking at the clock uses no fault up."""
        on = self._gateway.faults.awaiting(SOCKET_PATH, account, stages=(Stage.VIEW,))
        return sum(fault.number("ms") for fault in on if fault.name == "clock_skew")

    def _met(self, path: str, account: str, *, stages: Collection[Stage]) -> list[Fault]:
        faults = self._gateway.faults
        return faults.hit(path, account, stages=stages) if faults else _NO_FAULTS

    def _forget(self, socket: Socket) -> None:
        session = socket.session
        del self._sockets[session.conn_id]
        for fault in self._gateway.faults:
            fault.waiting.pop(session.conn_id, None)
        if all(each.session.account != session.account for each in self._sockets.values()):
            self._notes.audience.discard(session.account)
            if session.account:
                self._gateway.engine.accounts[session.account].silent_since_ms = self._gateway.clock()
