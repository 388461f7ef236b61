import shutil
import tempfile
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from tests.unit.cli.fake_gate import Cli, FakeGate, handlers, operator_cli


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="rs"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def gate(socket_folder: Path) -> Iterator[FakeGate]:
    address = f"unix:{socket_folder}/op.sock"
    fake = FakeGate(address)
    with futures.ThreadPoolExecutor(max_workers=4) as pool:
        server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        server.add_generic_rpc_handlers(handlers(fake))
        server.add_insecure_port(address)
        server.start()
        yield fake
        server.stop(grace=0).wait()


@pytest.fixture
def cli(gate: FakeGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line of an operator with a good token, in an empty folder."""
    return operator_cli(tmp_path, monkeypatch, address=gate.address)


@pytest.fixture
def cli_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The same without any gate, address or token."""
    return operator_cli(tmp_path, monkeypatch, address=None)
