"""A network that is cut off: whatever is asked, no connection comes about, and nothing real is contacted.

The connector is handed to ccxt as its session's, which is the official way. With the fixture `no_sockets` a class that
goes another way fails its test, instead of reaching somebody.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import aiohttp

from risksvc.venue.connection import VenueConnection

WHY = "the network is cut off"


class CutOff(aiohttp.BaseConnector):
    """Never connects. `asked` counts the attempts."""

    asked = 0

    async def _create_connection(self, req: aiohttp.ClientRequest, traces: object, timeout: object) -> NoReturn:  # noqa: ASYNC109
        del traces, timeout
        type(self).asked += 1
        raise aiohttp.ClientConnectorError(req.connection_key, OSError(WHY))


@asynccontextmanager
async def cut_off(connection: VenueConnection) -> AsyncIterator[VenueConnection]:
    """The connection with both of its instances behind the cut."""
    session = aiohttp.ClientSession(connector=CutOff())
    for exchange in (connection.poll, connection.command):
        exchange.session, exchange.own_session = session, False
    try:
        yield connection
    finally:
        await connection.close()
        await session.close()
