import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.halt.fleet import Fleet
from tests.integration.kill_switch.real_server import RealServer, binary_of


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose sockets' paths stay short."""
    path = Path(tempfile.mkdtemp(prefix="rs"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def redis(folder: Path) -> Iterator[RealServer]:
    server = RealServer(binary_of("redis-server"), folder / "r")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fleet(folder: Path, redis: RealServer) -> Iterator[Fleet]:
    """Three gates on one Redis."""
    made = Fleet(folder, redis)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def pair(folder: Path, redis: RealServer) -> Iterator[Fleet]:
    """Two gates on one Redis."""
    made = Fleet(folder, redis, size=2)
    try:
        made.start()
        yield made
    finally:
        made.stop()
