"""A small server that speaks Bybit v5's private WebSocket, and what REST calls ccxt makes before it: for unit tests.

It misbehaves when told to: refuses a log-in or a subscription, stays silent, sends what can't be parsed, hangs up.
"""

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

_MARKET = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "launchTime": "1585526400000",
    "deliveryTime": "0",
    "leverageFilter": {"minLeverage": "1", "maxLeverage": "100"},
    "priceFilter": {"minPrice": "0.1", "maxPrice": "2000000", "tickSize": "0.1"},
    "lotSizeFilter": {"minOrderQty": "0.001", "maxOrderQty": "100", "qtyStep": "0.001", "minNotionalValue": "5"},
}
_RESULTS: dict[str, dict[str, Any]] = {
    "/v5/user/query-api": {"uta": 1, "unified": 0, "readOnly": 1},
    "/v5/account/info": {"unifiedMarginStatus": 6},
    "/v5/account/wallet-balance": {"list": [{"accountType": "UNIFIED", "coin": []}]},
    "/v5/market/time": {},
}


def execution(number: int, **changes: object) -> dict[str, object]:
    row = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "execId": f"e-{number}",
        "orderId": "v-1",
        "orderLinkId": "c-1",
        "side": "Buy",
        "execPrice": "50000",
        "execQty": "0.001",
        "execFee": "0.01",
        "execType": "Trade",
        "execTime": str(1_700_000_000_000 + number),
        "isMaker": False,
        "seq": number,
    }
    return {**row, **changes}


def order(**changes: object) -> dict[str, object]:
    row = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderId": "v-1",
        "orderLinkId": "c-1",
        "side": "Buy",
        "orderType": "Limit",
        "price": "50000",
        "qty": "0.003",
        "timeInForce": "GTC",
        "orderStatus": "New",
        "avgPrice": "",
        "leavesQty": "0.003",
        "cumExecQty": "0",
        "cumExecValue": "0",
        "reduceOnly": False,
        "createdTime": "1700000000000",
        "updatedTime": "1700000000000",
    }
    return {**row, **changes}


class PrivateServer:
    """One server on a port of its own. `requests` keeps what it is asked: when, path, query."""

    def __init__(self) -> None:
        self.refuse_log_in = self.refuse_subscription = self.silent = self.deaf = False
        self.connections = self.log_ins = 0
        self.subscribed: set[str] = set()
        self.requests: list[tuple[float, str, dict[str, str]]] = []
        self.base_url = ""
        self._sockets: list[web.WebSocketResponse] = []
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v5/private", self._private)
        app.router.add_get("/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _rest(self, request: web.Request) -> web.Response:
        self.requests.append((asyncio.get_running_loop().time(), request.path, dict(request.query)))
        listed = request.query.get("category") == "linear" and "status" not in request.query
        rows = [_MARKET] if listed and request.path.endswith("instruments-info") else []
        result = _RESULTS.get(request.path, {"list": rows, "nextPageCursor": "", "category": "linear"})
        answer = {"retCode": 0, "retMsg": "OK", "result": result, "time": time.time_ns() // 1_000_000}
        return web.json_response(answer)

    async def _private(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        self._sockets.append(socket)
        self.connections += 1
        async for message in socket:
            if message.type is WSMsgType.TEXT and not self.silent:
                await self._answer(socket, json.loads(message.data))
                async with self._changed:
                    self._changed.notify_all()
        if self.deaf:
            await asyncio.sleep(3_600)  # until the server is closed
        await socket.close()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        match asked["op"]:
            case "auth":
                self.log_ins += 1
                said = {"success": not self.refuse_log_in, "ret_msg": "", "op": "auth", "conn_id": "1"}
                if self.refuse_log_in:
                    said = {**said, "ret_msg": "Params Error", "request": {"op": "auth", "args": asked["args"]}}
            case "subscribe":
                ok = not self.refuse_subscription
                said = {"success": ok, "ret_msg": "" if ok else "no", "op": "subscribe", "req_id": asked["req_id"]}
                self.subscribed |= set(asked["args"])
            case _:
                said = {"success": True, "ret_msg": "pong", "op": "ping", "req_id": asked["req_id"]}
        await socket.send_json(said)

    async def until_subscribed(self, *topics: str) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: self.subscribed >= set(topics))

    async def push(self, topic: str, *rows: dict[str, object]) -> None:
        """Send one message to whoever is connected."""
        message = {"id": "x", "topic": topic, "creationTime": time.time_ns() // 1_000_000, "data": list(rows)}
        await self.send(json.dumps(message))

    async def send(self, text: str) -> None:
        for socket in self._sockets:
            if not socket.closed:
                await socket.send_str(text)

    async def hang_up(self) -> None:
        sockets, self._sockets = self._sockets, []
        self.subscribed.clear()
        for socket in sockets:
            await socket.close()
