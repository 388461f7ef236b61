"""The paper venue as a process of its own: says where it listens, serves a blocking client, stops when told."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import ccxt
import pytest

from tests.integration.paper.trader import BTC, point

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys
from decimal import Decimal
from pathlib import Path
from risksvc.venue.paper import PaperConfig, Rules, run_paper
run_paper(PaperConfig(csv={"BTCUSDT": Path(sys.argv[1])}, rules=Rules(step_ms=50, speed=Decimal(sys.argv[2]))))
"""


@contextmanager
def running(bars: Path, *, speed: str = "1") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start a paper venue on a free port, give the process and its address, end it by its own handle."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(bars), speed], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"paper venue listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found is not None, line
        yield process, found[1]
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Two bars: 41,000 for a minute, then up to 42,000."""
    file = tmp_path / "bars.csv"
    file.write_text(
        "timestamp,open,high,low,close,volume\n"
        "2022-01-10 00:00:00,41000,41000,41000,41000,1\n"
        "2022-01-10 00:01:00,41000,42000,41000,42000,1\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_when_told(bars: Path, number: signal.Signals) -> None:
    with running(bars) as (process, base_url):
        client = ccxt.bybit({
            "apiKey": "paper-trade",
            "secret": "paper-trade-secret",
            "enableRateLimit": False,
            "number": str,
            "options": {"fetchMarkets": {"types": ["linear"]}},
        })  # fmt: skip
        point(client, base_url)
        client.create_order(BTC, "market", "buy", "1")
        (position,) = client.fetch_positions()
        assert abs(Decimal(position["markPrice"]) - 41_000) < 1_100
        client.close()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0


def test_prices_follow_the_bars_faster_when_told(bars: Path) -> None:
    with running(bars, speed="100000") as (_, base_url):
        client = ccxt.bybit(
            {"enableRateLimit": False, "number": str, "options": {"fetchMarkets": {"types": ["linear"]}}}
        )
        point(client, base_url)
        price = client.fetch_ticker(BTC)["last"]
        while Decimal(price) != 42_000:  # the test's own time limit ends a venue that never gets there
            price = client.fetch_ticker(BTC)["last"]
        client.close()


def test_the_paper_venue_does_not_import_ccxt() -> None:
    code = "import sys, risksvc.venue.paper; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0
