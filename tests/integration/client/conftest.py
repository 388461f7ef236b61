import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from risksvc.client import RiskGate
from tests.integration.client.scripted_gate import PATIENCE, RunningGate, ScriptedGate


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="rs"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["unix", "tcp"])
def anywhere(request: pytest.FixtureRequest, folder: Path) -> str:
    """An address to listen on; the test runs once for each kind."""
    return f"unix:{folder}/s.sock" if cast("str", request.param) == "unix" else "127.0.0.1:0"


@pytest.fixture
def address(folder: Path) -> str:
    return f"unix:{folder}/s.sock"


@pytest.fixture
def running(address: str) -> Iterator[RunningGate]:
    server = RunningGate(ScriptedGate(), address)
    yield server
    server.kill()


@pytest.fixture
def script(running: RunningGate) -> ScriptedGate:
    return running.script


@pytest.fixture
def gate(running: RunningGate) -> Iterator[RiskGate]:
    """A blocking gate that has heard the scripted one. Its deadline is one that a busy machine keeps."""
    with RiskGate(running.target, account="main", strategy="mm-1", deadline=2.0) as connected:
        assert connected.wait_ready(PATIENCE)
        yield connected
