import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from risksvc.v1 import strategy_pb2, types_pb2
from tests.integration.gate.gate_process import GateProcess
from tests.integration.gate.http_client import HttpClient
from tests.integration.gate.scripted_feed import ScriptedFeed

Order = Callable[..., strategy_pb2.CheckOrderRequest]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose sockets' paths stay short."""
    path = Path(tempfile.mkdtemp(prefix="rs"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def gate(folder: Path) -> Iterator[GateProcess]:
    """A running gate."""
    process = GateProcess(folder)
    process.start()
    yield process
    process.stop()
    if " critical " in process.log_text() or " error " in process.log_text():
        print(process.log_text())  # noqa: T201 - shown when the test fails


@pytest.fixture
def feed(gate: GateProcess) -> Iterator[ScriptedFeed]:
    """A venue feed that shows a flat account, so that the gate is open."""
    connected = open_gate(gate)
    yield connected
    connected.close()


def connect_feed(gate: GateProcess) -> ScriptedFeed:
    """A feed that has said what it says first: marks, and a complete read of a flat account."""
    feed = ScriptedFeed(gate.channel("venue"))
    feed.ready()
    return feed


def open_gate(gate: GateProcess) -> ScriptedFeed:
    feed = connect_feed(gate)
    gate.wait_for(lambda: gate.status().ready, "the gate is open")
    return feed


@pytest.fixture
def order() -> Order:
    """Makes orders that pass, each with its own id; keywords change fields."""
    numbers = itertools.count(1)

    def make(**fields: object) -> strategy_pb2.CheckOrderRequest:
        usual: dict[str, object] = {
            "account": "main",
            "strategy": "mm",
            "client_order_id": f"order-{next(numbers)}",
            "instrument": "BTC/USDT:USDT",
            "side": types_pb2.SIDE_BUY,
            "type": types_pb2.ORDER_TYPE_LIMIT,
            "quantity": "0.1",
            "limit_price": "50000",
            "intended_position": "1",
            "believed_position": "0",
        }
        chosen = {key: value for key, value in {**usual, **fields}.items() if value is not None}
        return strategy_pb2.CheckOrderRequest(**chosen)  # type: ignore[arg-type]  # fields by name

    return make


@pytest.fixture
def http(gate: GateProcess) -> HttpClient:
    return HttpClient(gate)


@pytest.fixture(scope="module")
def quiet_gate() -> Iterator[GateProcess]:
    """One gate for all tests after which it is as it was."""
    with tempfile.TemporaryDirectory(prefix="rs") as folder:
        process = GateProcess(Path(folder))
        process.start()
        yield process
        process.stop()


@pytest.fixture(scope="module")
def quiet(quiet_gate: GateProcess) -> HttpClient:
    return HttpClient(quiet_gate)
