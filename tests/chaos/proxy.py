"""A TCP proxy that stands between each gate and Redis, and misbehaves when told to.

| mode | what happens |
|---|---|
| pass | bytes pass |
| drop | nothing passes either way; what was on its way arrives when the mode ends, as TCP would deliver it: late |
| drop_reply | requests pass, answers vanish; such connections are cut when the mode ends |
| delay | every piece waits `delay` seconds |
| refuse | connections are cut and no new one is accepted |
| rst | connections are cut by a reset, new ones are reset at once |

A process of its own: a busy test driver must not slow the gates' way to Redis down.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_RESET = struct.pack("ii", 1, 0)


def proxy(ports: Sequence[int], *, upstreams: Sequence[str], control: Path) -> int:
    """Until it is killed. `upstreams`: a path or host:port for each port; `control`: a socket that takes JSON lines."""
    control.unlink(missing_ok=True)
    asyncio.run(_serve(ports, upstreams, control))
    return 0


def tell(control: Path, **words: Any) -> None:  # noqa: ANN401 - what the proxy's control takes
    """Gives the proxy one command, and waits until it has been done."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(control))
        client.sendall(json.dumps(words).encode() + b"\n")
        client.recv(16)


async def _serve(ports: Sequence[int], upstreams: Sequence[str], control: Path) -> None:
    links = [_Link(port, upstream) for port, upstream in zip(ports, upstreams, strict=True)]
    for link in links:
        await link.open()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = json.loads(await reader.readline())
        await links[words["link"]].switch(words["mode"], words.get("delay", 0.0), words.get("upstream"))
        writer.write(b"ok\n")
        writer.close()

    server = await asyncio.start_unix_server(take, str(control))
    async with server:
        await server.serve_forever()


class _Link:
    """One port."""

    def __init__(self, port: int, upstream: str) -> None:
        self._port, self._upstream = port, upstream
        self._mode, self._delay = "pass", 0.0
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self.flowing = asyncio.Event()
        self.flowing.set()

    @property
    def mode(self) -> str:
        return self._mode

    @property
    def delay(self) -> float:
        return self._delay

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def switch(self, mode: str, delay: float, upstream: str | None) -> None:
        self._mode, self._delay = mode, delay
        (self.flowing.clear if mode == "drop" else self.flowing.set)()
        moved = upstream is not None and upstream != self._upstream
        self._upstream = upstream or self._upstream
        for pair in list(self._pairs):
            if moved or mode in {"refuse", "rst"} or (pair.tainted and mode != "drop_reply"):
                pair.cut(reset=mode == "rst")
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        elif mode != "refuse" and self._server is None:
            await self.open()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "rst":
            _cut(writer, reset=True)
            return
        try:
            path = self._upstream
            host, _, port = path.rpartition(":")
            there = await (
                asyncio.open_unix_connection(path) if path.startswith("/") else asyncio.open_connection(host, int(port))
            )
        except OSError:
            _cut(writer, reset=True)
            return
        pair = _Pair(self, (reader, writer), there)
        self._pairs.add(pair)
        try:
            await pair.run()
        finally:
            self._pairs.discard(pair)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Pair:
    """One connection, on both sides."""

    def __init__(self, link: _Link, here: Ends, there: Ends) -> None:
        self._link, self._here, self._there = link, here, there
        self.tainted = False

    async def run(self) -> None:
        pumps = [
            asyncio.create_task(self._pump(self._here[0], self._there[1], reply=False)),
            asyncio.create_task(self._pump(self._there[0], self._here[1], reply=True)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.cut(reset=False)

    def cut(self, *, reset: bool) -> None:
        _cut(self._here[1], reset=reset)
        _cut(self._there[1], reset=False)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, reply: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._link.mode == "delay":
                    await asyncio.sleep(self._link.delay)
                await self._link.flowing.wait()
                if reply and self._link.mode == "drop_reply":
                    self.tainted = True
                    continue
                writer.write(data)
                await writer.drain()


def _cut(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    plug = writer.get_extra_info("socket")
    if reset and plug is not None:
        with contextlib.suppress(OSError):
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport = writer.transport
    transport.abort()
