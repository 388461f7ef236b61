"""A paper venue of its own for each test, and ccxt clients that are shared: closing them is what costs."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest_asyncio

from risksvc.venue.paper import (
    DEMO_ACCOUNT,
    AccountConfig,
    ApiKey,
    DepthProfile,
    PaperConfig,
    PaperServer,
    Rules,
    serve_paper,
)
from tests.integration.paper.trader import Client, new_client, point

OTHER = AccountConfig(name="other", keys=(ApiKey(key="other-key", secret="other-key-secret", permission="trade"),))
CONFIG = PaperConfig(
    accounts=(DEMO_ACCOUNT, OTHER),
    prices={"BTCUSDT": Decimal(50_000), "ETHUSDT": Decimal(2_500)},
    # One endless step: neither prices nor depth change while a test runs, unless it says so, however slow the machine.
    rules=Rules(step_ms=24 * 3_600_000),
    depth=DepthProfile(levels=10, half_spread_bps=Decimal(1), first_notional=Decimal(100_000)),
)


@pytest_asyncio.fixture(loop_scope="session")
async def paper() -> AsyncIterator[PaperServer]:
    """A fresh venue: BTC held at 50,000, ETH at 2,500, accounts `main` and `other`."""
    server = await serve_paper(CONFIG)
    try:
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_clients() -> AsyncIterator[dict[str, Client]]:
    clients = {key: new_client(key) for key in ("paper-trade", "paper-read", "other-key")}
    server = await serve_paper(CONFIG)
    try:
        for client in clients.values():
            point(client, server.base_url)
            await client.load_markets()
        yield clients
    finally:
        await server.stop()
        for client in clients.values():
            await client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def trader(paper: PaperServer, shared_clients: dict[str, Client]) -> Client:
    """A client of account `main` that may trade."""
    return _pointed(shared_clients["paper-trade"], paper)


@pytest_asyncio.fixture(loop_scope="session")
async def reader(paper: PaperServer, shared_clients: dict[str, Client]) -> Client:
    """A client of account `main` that may only look."""
    return _pointed(shared_clients["paper-read"], paper)


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(paper: PaperServer, shared_clients: dict[str, Client]) -> Client:
    """A client of account `other`."""
    return _pointed(shared_clients["other-key"], paper)


def _pointed(client: Client, paper: PaperServer) -> Client:
    point(client, paper.base_url)
    return client
