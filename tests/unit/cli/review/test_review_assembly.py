"""From parts to a case: whose a fill is, what an order believed and wanted, what stood before the window."""

from pathlib import Path

import pytest

from risksvc.cli.review.assemble import Moments, assemble
from risksvc.cli.review.cells import moment
from risksvc.cli.review.files import read_files
from risksvc.core.impact.types import DecisionKind
from risksvc.gate.review.case import ReviewWanted
from risksvc.gate.review.material import ReviewMaterial
from tests.unit.cli.review.files_of import BTC, write_files
from tests.unit.core.catalogue import D

ORDERS = "time,strategy,instrument,client_order_id,side,quantity,venue_order_id,belief,intent,outcome,person"
SAID = "time,strategy,instrument,quantity,version"
LIMITS = """
version: 1
currency: USD
rates: {USDT: 1.01}
accounts:
  main:
    max_total_exposure: 300000
    instruments:
      "BTC/USDT:USDT": {max_net_exposure: 150000}
    strategies:
      mm: {}
"""


def material(folder: Path, moments: Moments | None = None, **wanted: object) -> ReviewMaterial:
    parts = read_files(folder, lambda _: None)
    return assemble(parts, ReviewWanted(**wanted), moments or Moments(), source="files")  # type: ignore[arg-type]


def test_an_order_takes_the_last_belief_and_intent_before_it_where_it_says_none(tmp_path: Path) -> None:
    orders = f"{ORDERS}\n2026-11-02T10:00,mm,{BTC},o-1,buy,2,,,,,\n2026-11-02T11:00,mm,{BTC},o-2,buy,1,,5,6,,\n"
    beliefs = f"{SAID}\n2026-11-02T09:00,mm,{BTC},1,v1\n"
    intents = f"{SAID}\n2026-11-02T09:30,mm,{BTC},3,v1\n2026-11-02T12:00,mm,{BTC},4,v2\n"
    case = material(write_files(tmp_path, orders=orders, beliefs=beliefs, intents=intents)).case
    assert [(one.decision_id, one.kind, one.believed, one.intended) for one in case.decisions] == [
        ("belief 1", DecisionKind.BELIEF_REPORT, D(1), None),
        ("intent 2", DecisionKind.INTENT_REPORT, D(1), D(3)),
        ("o-1", DecisionKind.ORDER, D(1), D(3)),
        ("o-2", DecisionKind.ORDER, D(5), D(6)),
        ("intent 3", DecisionKind.INTENT_REPORT, D(5), D(4)),
    ]


def test_a_belief_of_an_order_s_own_moment_is_no_decision_of_its_own(tmp_path: Path) -> None:
    orders = f"{ORDERS}\n2026-11-02T10:00,mm,{BTC},o-1,buy,2,,,,,\n"
    beliefs = f"{SAID}\n2026-11-02T10:00,mm,{BTC},1,\n2026-11-02T10:00,other,{BTC},7,\n"
    case = material(write_files(tmp_path, orders=orders, beliefs=beliefs)).case
    assert [(one.decision_id, one.strategy, one.believed) for one in case.decisions] == [
        ("o-1", "mm", D(1)), ("belief 1", "other", D(7)),
    ]  # fmt: skip


@pytest.mark.parametrize(("outcome", "sent"), [("", 2), ("sent", 2), ("denied", 0), ("never_sent", 0)])
def test_what_was_not_sent_is_a_decision_to_send_nothing(tmp_path: Path, outcome: str, sent: int) -> None:
    orders = f"{ORDERS}\n2026-11-02T10:00,mm,{BTC},o-9,sell,2,,0,,{outcome},\n"
    case = material(write_files(tmp_path, orders=orders, beliefs=None)).case
    assert [one.order for one in case.decisions] == [D(-sent)]


def test_fills_find_their_orders_by_either_id_and_a_person_s_is_no_decision(tmp_path: Path) -> None:
    orders = (
        f"{ORDERS}\n2026-11-02T09:00:00,mm,{BTC},o-1,buy,2,,0,,,\n2026-11-02T10:00:00,mm,{BTC},o-2,buy,1,v-2,2,,,\n"
        f"2026-11-02T11:00:00,mm,{BTC},hand,sell,1,,,,,olga\n"
    )
    fills = (
        "time,instrument,side,quantity,price,client_order_id,venue_order_id,strategy,kind\n"
        f"2026-11-02T08:59:59,{BTC},buy,2,50000,o-1,,,\n2026-11-02T10:00:01,{BTC},buy,1,50000,,v-2,,\n"
        f"2026-11-02T11:00:01,{BTC},sell,1,50000,hand,,,flatten\n2026-11-02T12:00:00,{BTC},sell,1,50000,,,beta,\n"
    )
    found = material(write_files(tmp_path, orders=orders, fills=fills, beliefs=None))
    assert [(one.strategy, one.decision_id) for one in found.case.fills] == [
        ("mm", "o-1"), ("mm", "o-2"), ("mm", ""), ("beta", ""),
    ]  # fmt: skip
    assert found.case.fills[0].at == moment("2026-11-02T09:00:00"), "never before its decision"
    assert found.case.flatten_fill_ids == (found.case.fills[2].fill_id,)
    assert any("by hand" in one.what and one.who == "olga" for one in found.happenings)


def test_what_was_before_the_window_is_the_start(tmp_path: Path) -> None:
    positions = f"instrument,strategy,actual,believed\n{BTC},mm,1,0.5\n{BTC},,7,\n"
    folder = write_files(tmp_path, positions=positions)
    first = moment("2026-11-02T09:00:00")
    whole = {(one.strategy, one.actual, one.believed) for one in material(folder).case.starting}
    assert whole == {("mm", D(1), D("0.5")), ("", D(7), None)}
    later = material(folder, start=first + 2 * 3600 * 10**9).case
    assert {(one.strategy, one.actual, one.believed) for one in later.starting} == {
        ("mm", D(3), D(0)), ("", D(7), None),
    }  # fmt: skip
    assert [one.at for one in later.fills] == [moment("2026-11-02T12:00:00")]


def test_limits_bring_rates_and_limits_and_the_instruments_file_comes_first(tmp_path: Path) -> None:
    case = material(write_files(tmp_path / "a", **{"limits.yaml": LIMITS}), account="main").case
    (one,) = case.instruments
    assert (one.rate, one.max_net_exposure, case.max_total_exposure) == (D("1.01"), D(150_000), D(300_000))
    instruments = f"instrument,kind,base,quote,contract_size,rate,max_net_exposure\n{BTC},linear,BTC,USDT,1,0.9,5\n"
    changed = {"limits.yaml": LIMITS, "instruments": instruments}
    (one,) = material(write_files(tmp_path / "b", **changed), account="main").case.instruments
    assert (one.rate, one.max_net_exposure) == (D("0.9"), D(5))


def test_what_can_not_be_valued_is_left_out_and_told(tmp_path: Path) -> None:
    header = "instrument,kind,base,quote,contract_size"
    instruments = f"{header}\n{BTC},linear,BTC,USDT,1\nX/EUR:EUR,linear,X,EUR,1\nY,linear,Y,USD,1\n"
    beliefs = f"{SAID}\n2026-11-02T13:00,mm,X/EUR:EUR,1,\n2026-11-02T13:00,mm,Y,1,\n"
    prices = f"time,instrument,price\n2026-11-02,{BTC},50000\n2026-11-02,X/EUR:EUR,5\n"
    found = material(write_files(tmp_path, instruments=instruments, beliefs=beliefs, prices=prices))
    assert {one.symbol for one in found.case.instruments} == {BTC}
    assert "X/EUR:EUR: there is no rate for EUR: it is left out" in found.missing
    assert "Y has no price: it is left out" in found.missing
    assert "1 USDT counts as 1 USD: no rate was given" in found.remarks


def test_what_a_person_says_of_the_incident_is_the_window_s(tmp_path: Path) -> None:
    window = material(write_files(tmp_path), Moments(1, 2, 3, 4, 5)).case.window
    assert (window.affected_from, window.discovered_at, window.halted_at) == (1, 2, 3)
    assert (window.corrected_at, window.flat_at) == (4, 5)
