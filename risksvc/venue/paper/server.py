"""The paper venue as a running server: HTTP and WebSocket on loopback, one process, one event loop.

It turns HTTP requests into plain messages for the gateway (paths under /v5/) and the control API (under /paper/),
hands private sockets over to the streams, and keeps the venue's time moving while nobody asks. It listens on loopback
only and answers the control API to loopback only.
"""

import asyncio
import contextlib
import ipaddress
import signal
import sys
import time
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from risksvc.core.types import use_exact_arithmetic
from risksvc.venue.paper.auth import Keyring
from risksvc.venue.paper.config import PaperConfig
from risksvc.venue.paper.control import PREFIX, Control
from risksvc.venue.paper.faults import SOCKET_PATH
from risksvc.venue.paper.gateway import Gateway
from risksvc.venue.paper.messages import DroppedError, Incoming, Reply
from risksvc.venue.paper.opening import open_venue
from risksvc.venue.paper.streams import Streams

# An idle client keeps its connection this long; stopping waits this long for requests under way.
KEEPALIVE_S: Final = 75.0
SHUTDOWN_S: Final = 1.0
BACKLOG: Final = 512


class PaperServer:
    """A paper venue; start it, read `base_url`, stop it, or use it as an asynchronous context manager."""

    def __init__(self, config: PaperConfig) -> None:
        self.config = config
        self.engine = open_venue(config, now_ms=_now_ms())
        self.gateway = Gateway(engine=self.engine, keyring=Keyring(config.accounts), clock=_now_ms)
        self.streams = Streams(self.gateway)
        self._control = Control(self.gateway, sockets=self.streams.rows)
        self._runner: web.ServerRunner | None = None
        self._mover: asyncio.Task[None] | None = None
        self._address: tuple[str, int] | None = None

    @property
    def socket_url(self) -> str:
        """Give where clients open private sockets; RuntimeError before the venue was started."""
        return f"ws{self.base_url.removeprefix('http')}{SOCKET_PATH}"

    @property
    def base_url(self) -> str:
        """Give where the venue listens, without a trailing slash; RuntimeError before it was started."""
        if self._address is None:
            raise RuntimeError("the paper venue has not been started")
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Begin to listen; OSError when the port is taken."""
        server = web.Server(
            self._handle,
            access_log=None,
            keepalive_timeout=KEEPALIVE_S,
            tcp_keepalive=True,
            handler_cancellation=False,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self.config.host, self.config.port, backlog=BACKLOG, reuse_address=True, reuse_port=False
        )
        await site.start()
        host, port, *_ = self._runner.addresses[0]
        self._address = (host, port)
        self._mover = asyncio.create_task(self._keep_moving())

    async def stop(self) -> None:
        """Let go of held requests, stop listening, close all connections; harmless when not running."""
        self.gateway.faults.clear_all()
        await self.streams.close()
        if self._mover is not None:
            self._mover.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._mover
            self._mover = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        if path == SOCKET_PATH:
            return await self.streams.serve(request)
        incoming = Incoming(
            method=request.method,
            path=path,
            query=query,
            headers=request.headers,
            body=await request.read() if request.can_read_body else b"",
        )
        if path.startswith(PREFIX):
            if not _is_loopback(request.remote):
                return web.Response(status=403, text="the control API answers loopback only")
            reply = self._control.answer(incoming)
        else:
            try:
                reply = await self.gateway.answer(incoming)
            except DroppedError:
                return _cut(request)
        if reply.promised > len(reply.body):
            return await _cut_within(request, reply)
        headers = {"Content-Type": reply.content_type, **reply.headers}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def _keep_moving(self) -> None:
        """Advance the venue once a step, so that resting orders fill while nobody asks."""
        pause = self.config.rules.step_ms / 1_000
        while True:
            await asyncio.sleep(pause)
            self.engine.advance(_now_ms())


async def serve_paper(config: PaperConfig) -> PaperServer:
    """Start a paper venue in the running event loop and give it; the caller stops it."""
    server = PaperServer(config)
    await server.start()
    return server


def run_paper(config: PaperConfig) -> None:
    """Run a paper venue until SIGTERM or SIGINT; print one line with its address once it listens."""
    use_exact_arithmetic()
    asyncio.run(_run_until_told(config))


async def _run_until_told(config: PaperConfig) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with PaperServer(config) as server:
        sys.stdout.write(f"paper venue listening on {server.base_url}\n")
        sys.stdout.flush()
        await told.wait()


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection; the response that must be given never leaves."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut_within(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send what there is of an answer under the promise of more, then close the connection."""
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
    response.content_length = reply.promised
    await response.prepare(request)
    await response.write(reply.body)
    if request.transport is not None:
        request.transport.close()
    return response


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
