"""A venue's history as parts: every fill once, funding by instrument and time, candles unless a file has prices."""

from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.cli.review import venue_source
from risksvc.cli.review.assemble import Moments
from risksvc.cli.review.parts import Parts
from risksvc.cli.review.request import Request
from risksvc.core.types import Instrument, InstrumentKind, Side
from risksvc.core.venue_events import CashFlow, CashFlowKind, Fill
from risksvc.gate.review.case import ReviewWanted
from risksvc.venue.config import VenueConfig
from risksvc.venue.history import MINUTE_MS, Candle, VenueHistory
from tests.unit.cli.review.files_of import BTC

D = Decimal
START = 1_793_577_600_000
MS = 10**6


def candle(minute: int, price: str) -> Candle:
    return Candle(BTC, START + minute * MINUTE_MS, D(price), D(price) + 2, D(price) - 2, D(price) + 1)


def flow(id_: str, kind: CashFlowKind, amount: str, instrument: str = BTC) -> CashFlow:
    return CashFlow(id_, "USDT", kind, D(amount), START, instrument)


HISTORY = VenueHistory(
    "bybit",
    (Instrument(BTC, InstrumentKind.LINEAR, "BTC", "USDT", D(1)),),
    (
        Fill(BTC, "t-1", Side.BUY, D(1), D(50_000), START, client_order_id="o-1"),
        Fill(BTC, "t-2", Side.SELL, D(1), D(50_000), START + 5),
    ),
    (
        flow("a", CashFlowKind.FUNDING, "-2"),
        flow("b", CashFlowKind.FUNDING, "-1"),
        flow("c", CashFlowKind.FUNDING, "-1", ""),
        flow("d", CashFlowKind.TRANSFER, "9"),
    ),
    (candle(0, "50000"), candle(1, "50010")),
    ("a gap",),
)


def parts(monkeypatch: pytest.MonkeyPatch, files: Path | None = None) -> Parts:
    monkeypatch.setattr(venue_source, "read_history", lambda *_, **__: HISTORY)
    request = Request(None, files, "main", None, ReviewWanted(start=START * MS), Moments())
    return venue_source.venue_parts(VenueConfig(account="main", gate_target="none"), request, lambda _: None)


def test_fills_candles_and_funding(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parts(monkeypatch)
    assert [(one.at, one.fill.trade_id) for one in found.fills] == [(START * MS, "t-1"), ((START + 5) * MS, "t-2")]
    assert [(one.mark, one.low, one.high) for one in found.marks[BTC]] == [
        (D(50_000), D(49_998), D(50_002)), (D(50_010), D(50_008), D(50_012)), (D(50_011), None, None),
    ]  # fmt: skip
    assert [(one.symbol, one.payment) for one in found.funding] == [(BTC, D(-3))]
    assert found.missing == ["funding that the venue did not say the instrument of is left out", "a gap"]


def test_files_beside_it_bring_decisions_and_may_bring_prices_and_fills(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "prices.csv").write_text(f"time,price\n{START},49000\n")
    (tmp_path / "beliefs.csv").write_text(f"time,strategy,instrument,quantity\n{START + 9},mm,{BTC},1\n")
    row = f"{START},{BTC},buy,1,50000,t-1,flatten"
    (tmp_path / "fills.csv").write_text(f"time,instrument,side,quantity,price,trade_id,kind\n{row}\n")
    found = parts(monkeypatch, tmp_path)
    assert [one.mark for one in found.marks[BTC]] == [D(49_000)]
    assert [(one.fill.trade_id, one.flatten) for one in found.fills] == [("t-1", True), ("t-2", False)]
    assert [one.quantity for one in found.statements] == [D(1)]
