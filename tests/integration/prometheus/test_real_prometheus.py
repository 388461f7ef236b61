"""A real Prometheus scrapes a real gate: quiet while all is well, and firing once a fill comes that nobody approved."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gate.conftest import open_gate
from tests.integration.gate.gate_process import GateProcess
from tests.integration.gate.http_client import HttpClient
from tests.integration.prometheus.prometheus_process import PrometheusProcess

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(240)]

DIVERGENCE = 'ALERTS{alertname="RisksvcDivergence",alertstate="firing"}'


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rs") as name:
        yield Path(name)


@pytest.fixture
def gate(folder: Path) -> Iterator[GateProcess]:
    process = GateProcess(folder)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def prometheus(gate: GateProcess, tmp_path: Path) -> Iterator[PrometheusProcess]:
    process = PrometheusProcess(tmp_path, f"127.0.0.1:{HttpClient(gate).port}")
    try:
        process.start()
        yield process
    finally:
        process.stop()


def test_an_unexpected_fill_fires_the_divergence_alert(gate: GateProcess, prometheus: PrometheusProcess) -> None:
    feed = open_gate(gate)
    ready = prometheus.wait_for("risksvc_ready", lambda rows: [value for _, value in rows] == [1])
    assert ready[0][0]["job"] == "risksvc"
    assert prometheus.query(DIVERGENCE) == []
    assert "RisksvcHalted" not in prometheus.firing()

    feed.positions["BTC/USDT:USDT"] = "4"  # $200K net long that no strategy knows of
    feed.fill("t1", quantity="4")
    feed.snapshot()

    prometheus.wait_for(DIVERGENCE, bool)
    prometheus.wait_for('ALERTS{alertname="RisksvcHalted",alertstate="firing"}', bool)
    alerts = prometheus.firing()
    summaries = [one["annotations"]["summary"] for one in alerts["RisksvcDivergence"]]
    assert "UNEXPECTED_FILL in main BTC/USDT:USDT: 200000.00 USD" in summaries
    assert {one["labels"]["severity"] for one in alerts["RisksvcDivergence"]} == {"critical"}
    assert [one["annotations"]["summary"] for one in alerts["RisksvcHalted"]] == ["HALTED: main"]
    feed.close()


def test_a_gate_that_is_killed_fires_the_down_alert(gate: GateProcess, prometheus: PrometheusProcess) -> None:
    gate.kill()
    prometheus.wait_for('ALERTS{alertname="RisksvcDown",alertstate="firing"}', bool)
