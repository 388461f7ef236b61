import shutil
import tempfile
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.types import use_exact_arithmetic
from risksvc.venue.paper import PaperConfig, serve_paper
from risksvc.venue.paper.server import PaperServer
from tests.integration.venue.rig import GateSide, Rig
from tests.integration.venue.shapes import every_shape


@pytest.fixture(scope="session", autouse=True)
def _exact_arithmetic() -> None:
    use_exact_arithmetic()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    folder = Path(tempfile.mkdtemp(prefix="rs"))  # a socket's path must be short
    paper = await serve_paper(PaperConfig(prices={"BTCUSDT": Decimal(50_000)}))
    try:
        async with Rig(paper, GateSide(), folder) as whole:
            yield whole
    finally:
        await paper.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def paper() -> AsyncIterator[PaperServer]:
    """A venue with accounts of every shape."""
    server = await serve_paper(every_shape())
    yield server
    await server.stop()


@pytest.fixture(params=["bybit", "unified"])
def listing(request: pytest.FixtureRequest) -> str:
    """Both ways to read an account."""
    return str(request.param)
