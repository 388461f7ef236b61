"""Fixtures of the follower's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.gate.kill_switch.fake_store import FakeServer
from tests.unit.gate.kill_switch.gate_rig import Gate
from tests.unit.gate.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> FakeServer:
    return FakeServer(clock)


@pytest.fixture
def make_gate(server: FakeServer, tmp_path: Path) -> Iterator[Callable[..., Gate]]:
    gates: list[Gate] = []

    def make(gate_id: str = "g1", *, private: bool = False) -> Gate:
        gates.append(Gate(server, tmp_path, gate_id, private=private))
        return gates[-1]

    yield make
    for gate in gates:
        gate.follower._replica.close()
