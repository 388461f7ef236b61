"""The example feed of deploy/feeds, as it stands there: a gate that knows no exchange trades on CSV files."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from risksvc.v1 import incident_pb2, incident_pb2_grpc, operator_pb2, strategy_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess, as_

FEED = Path(__file__).resolve().parents[3] / "deploy" / "feeds" / "csv_feed.py"
BTC = "BTC/USDT:USDT"
FLAT = {
    "instruments": f"instrument,kind,base,quote,contract_size,quantity_step,price_step\n"
    f"{BTC},INSTRUMENT_KIND_LINEAR,BTC,USDT,1,0.001,0.1\n",
    "marks": f"instrument,mark\n{BTC},50000\n",
    "positions": "instrument,quantity\n",
    "orders": "instrument,venue_order_id,client_order_id,side,quantity,filled,limit_price,status\n",
    "fills": "instrument,trade_id,venue_order_id,client_order_id,side,quantity,price,venue_time_ms\n",
}
Write = Callable[[str, str], None]


@pytest.fixture
def write(folder: Path) -> Write:
    """Replaces a file whole, as whoever feeds the feed must; the account is flat at first."""
    files = folder / "csv"
    files.mkdir()

    def replace(name: str, text: str) -> None:
        (files / "new").write_text(text)
        (files / "new").rename(files / f"{name}.csv")

    for name, text in FLAT.items():
        replace(name, text)
    return replace


@pytest.fixture
def csv_feed(gate: GateProcess, write: Write, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = (sys.executable, str(FEED), gate.socket("venue"), "main", str(folder / "csv"))
    with (folder / "feed.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    yield process
    process.terminate()
    process.wait(10)


def fill(trade_id: str, client_order_id: str, quantity: str) -> str:
    now_ms = time.time_ns() // 1_000_000
    return f"{BTC},{trade_id},v-{trade_id},{client_order_id},SIDE_BUY,{quantity},50000,{now_ms}\n"


def exposure(gate: GateProcess) -> operator_pb2.InstrumentExposure:
    answer = gate.operator().GetExposure(operator_pb2.GetExposureRequest(), timeout=5, metadata=as_("alice"))
    return next(one for one in answer.accounts[0].instruments if one.instrument == BTC)


def test_the_example_is_as_short_as_it_is_said_to_be() -> None:
    assert len(FEED.read_text(encoding="utf-8").splitlines()) <= 60


def test_csv_files_open_a_gate_explain_its_orders_and_halt_it(
    gate: GateProcess, csv_feed: subprocess.Popen[bytes], write: Write, order: Order
) -> None:
    gate.wait_for(lambda: gate.status().ready, "the CSV files have opened the gate")
    bought = order()
    assert gate.strategy.CheckOrder(bought, timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    ours = fill("t1", bought.client_order_id, "0.1")
    write(
        "orders",
        f"{FLAT['orders']}{BTC},v-t1,{bought.client_order_id},SIDE_BUY,0.1,0.1,50000,VENUE_ORDER_STATUS_FILLED\n",
    )
    write("fills", FLAT["fills"] + ours)
    write("positions", f"{FLAT['positions']}{BTC},0.1\n")
    gate.wait_for(lambda: exposure(gate).venue_position == exposure(gate).ledger_position == "0.1", "both ledgers")
    released = operator_pb2.ListReservationsRequest()
    gate.wait_for(
        lambda: not gate.operator().ListReservations(released, timeout=5, metadata=as_("alice")).reservations,
        "the look-up proves the order finished",
    )
    assert not gate.status().halts
    write("fills", FLAT["fills"] + ours + fill("t2", "nobody-asked", "0.2"))
    write("positions", f"{FLAT['positions']}{BTC},0.3\n")
    gate.wait_for(lambda: bool(gate.status().halts), "a fill that no approval explains halts")
    halted = gate.status().halts[0]
    assert (halted.trigger, halted.scope.account) == ("UNEXPECTED_FILL", "main")
    assert "nobody-asked" in halted.reason


def test_a_file_that_is_missing_is_a_failed_read_and_never_a_flat_account(
    gate: GateProcess, csv_feed: subprocess.Popen[bytes], write: Write, folder: Path
) -> None:
    gate.wait_for(lambda: gate.status().ready, "the CSV files have opened the gate")
    (folder / "csv" / "positions.csv").unlink()
    asked = operator_pb2.ReconcileRequest(account="main")
    answer = gate.operator().Reconcile(asked, timeout=20, metadata=as_("alice")).results[0]
    assert not answer.complete
    assert "positions.csv" in answer.problem
    flow = incident_pb2_grpc.IncidentServiceStub(gate.channel("operator"))
    looked = flow.Assess(incident_pb2.AssessRequest(), timeout=20, metadata=as_("alice"))
    assert not looked.complete
    assert "positions.csv" in looked.accounts[0].problem
    write("positions", FLAT["positions"])
    assert gate.operator().Reconcile(asked, timeout=20, metadata=as_("alice")).results[0].agrees
