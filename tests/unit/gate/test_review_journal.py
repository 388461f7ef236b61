"""A review's material from journals that real gates wrote: whose each fill is, what was decided, what is missing."""

from pathlib import Path

import pytest

from risksvc.core import events
from risksvc.core.impact.review import review
from risksvc.core.impact.types import DecisionKind
from risksvc.core.outputs import Decision, ExposureUse, IncidentChanged
from risksvc.core.types import MILLISECOND, SECOND, PositionRange, Side, TradingState
from risksvc.core.venue_events import BalancesReceived, CashFlow, CashFlowKind, FillKind, FillsReceived
from risksvc.gate.review.reading import account_of
from tests.unit.core.builders import given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, INVERSE, SPOT, D
from tests.unit.gate.review_journals import append, fills, material, told, write_journal

TARGET = PositionRange(D("0.4"), D("0.4"))


def test_a_decision_has_what_was_believed_wanted_and_sent(tmp_path: Path) -> None:
    world = given()
    world.check(world.order(Side.BUY, "0.4", 50_000), intent=TARGET, belief=0, version="v7")
    world.fill("o1", Side.BUY, "0.4", 50_000, fee=D("10"), fee_currency="USDT")
    world.wait(3)
    world.believe("0.4")
    found = told(world, tmp_path)
    first, second = found.case.decisions
    assert (first.decision_id, first.kind, first.version) == ("o1", DecisionKind.ORDER, "v7")
    assert (first.intended, first.believed, first.order) == (D("0.4"), D(0), D("0.4"))
    assert (second.kind, second.believed, second.order, second.intended) == (
        DecisionKind.BELIEF_REPORT, D("0.4"), D(0), D("0.4"),
    )  # fmt: skip
    (fill,) = found.case.fills
    assert (fill.strategy, fill.decision_id, fill.quantity, fill.fee) == (ALPHA, "o1", D("0.4"), D(10))
    assert (found.account, found.case.currency) == (ACCOUNT, "USD")
    assert [one.symbol for one in found.case.instruments] == [BTC]
    assert found.case.instruments[0].max_net_exposure == D(50_000)
    assert any("alpha runs version v7" in one.what for one in found.happenings)
    assert review(found.case).belief_cost.total == 0


def test_a_market_maker_s_range_is_no_target(tmp_path: Path) -> None:
    world = given()
    world.buy("0.1", 50_000, intent=PositionRange(D(-1), D(1)))
    (decision,) = told(world, tmp_path).case.decisions
    assert decision.intended is None


@pytest.mark.parametrize("report", [events.OrderReport.NEVER_SENT, events.OrderReport.SENT])
def test_an_order_that_was_never_sent_was_a_decision_to_send_nothing(
    tmp_path: Path, report: events.OrderReport
) -> None:
    world = given()
    world.buy("0.1", 50_000)
    world.report("o1", report)
    (decision,) = told(world, tmp_path).case.decisions
    assert decision.order == (D(0) if report is events.OrderReport.NEVER_SENT else D("0.1"))


def test_a_denied_order_was_too_and_its_id_may_come_again(tmp_path: Path) -> None:
    world = given()
    order = world.order(Side.BUY, 5, 50_000)
    assert not world.check(order).approved
    assert not world.check(order).approved
    first, second = told(world, tmp_path).case.decisions
    assert (first.order, second.order) == (D(0), D(0))
    assert first.decision_id == "o1" != second.decision_id


def test_the_same_question_again_is_one_decision(tmp_path: Path) -> None:
    world = given()
    order = world.order(Side.BUY, "0.1", 50_000)
    assert world.check(order).approved
    assert world.check(order).approved
    assert len(told(world, tmp_path).case.decisions) == 1


@pytest.mark.parametrize("all_or_none", [False, True])
def test_each_order_of_a_batch_is_a_decision_of_its_own(tmp_path: Path, all_or_none: bool) -> None:  # noqa: FBT001
    world = given()
    asked = tuple(
        events.OrderChecked(world.order(Side.BUY, size, 50_000), TARGET, D(0), "v8") for size in ("0.4", "0.1005")
    )
    world.apply(events.OrdersChecked(asked, all_or_none))
    if not all_or_none:
        world.fill("o1", Side.BUY, "0.4", 50_000)
    found = told(world, tmp_path)
    assert [(one.decision_id, one.order, one.version) for one in found.case.decisions] == [
        ("o1", D(0) if all_or_none else D("0.4"), "v8"),
        ("o2", D(0), "v8"),
    ]
    assert fills(found) == ([] if all_or_none else [(ALPHA, "o1", D("0.4"))])


def test_a_batch_of_nothing_is_about_no_account() -> None:
    assert account_of(events.OrdersChecked(())) == ""


# -- whose a fill is ----------------------------------------------------------------------------------------------


def test_a_fill_is_its_order_s_by_the_venue_s_id_whenever_that_is_learnt(tmp_path: Path) -> None:
    world = given()
    world.buy("0.2", 50_000)
    world.fill("", Side.BUY, "0.2", 50_000, venue_order_id="v-1", unresolved=True)
    world.report("o1", events.OrderReport.ACKNOWLEDGED, venue_id="v-1")
    assert fills(told(world, tmp_path)) == [(ALPHA, "o1", D("0.2"))]


def test_a_fill_on_the_other_side_is_not_the_order_s_whose_id_it_carries(tmp_path: Path) -> None:
    world = given()
    world.buy("0.2", 50_000)
    world.fill("o1", Side.SELL, "0.2", 50_000)
    assert fills(told(world, tmp_path)) == [("", "", D("-0.2"))]


@pytest.mark.parametrize("off_ms", [-60_000, 60_000])
def test_a_venue_s_clock_moves_no_fill_before_its_order_nor_after_it_was_heard_of(tmp_path: Path, off_ms: int) -> None:
    world = given()
    world.buy("0.2", 50_000)
    asked = world.now
    world.fill("o1", Side.BUY, "0.2", 50_000, venue_time_ms=world.now // MILLISECOND + off_ms)
    found = told(world, tmp_path)
    assert fills(found) == [(ALPHA, "o1", D("0.2"))]
    assert found.case.fills[0].at == (asked if off_ms < 0 else world.now)


def test_a_fill_that_comes_twice_counts_once(tmp_path: Path) -> None:
    world = given()
    world.buy("0.2", 50_000)
    fill = world.fill("o1", Side.BUY, "0.2", 50_000)
    world.tell(fill)
    assert fills(told(world, tmp_path)) == [(ALPHA, "o1", D("0.2"))]


def test_an_unexpected_fill_is_nobody_s_decision_until_somebody_adopts_it(tmp_path: Path) -> None:
    world = given()
    fill = world.fill("elsewhere", Side.BUY, "0.2", 50_000)
    found = told(world, tmp_path / "before")
    assert fills(found) == [("", "", D("0.2"))]
    world.refresh()
    world.adopt(events.AdoptItem(BTC, trade_id=fill.trade_id, owner=ALPHA))
    found = told(world, tmp_path / "after")
    assert fills(found) == [(ALPHA, "", D("0.2"))]
    assert any(one.what.startswith("adopted 1 items: manual-trade") for one in found.happenings)


def test_an_operator_s_exit_is_the_flatten_and_no_decision(tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    assert world.exit(Side.SELL, "0.4", 49_900, client_order_id="exit", strategy=ALPHA).approved
    fill = world.fill("exit", Side.SELL, "0.4", 49_900)
    found = told(world, tmp_path)
    assert fills(found) == [(ALPHA, "o-a", D("0.4")), (ALPHA, "", D("-0.4"))]
    assert found.case.flatten_fill_ids == (f"{BTC} {fill.trade_id}",)


@pytest.mark.parametrize(
    ("words", "parts"),
    [("of alpha", [(ALPHA, "-0.3")]), ("of nobody's part", [("", "-0.3")]), ("", [(BETA, "-0.2"), (ALPHA, "-0.1")])],
)
def test_an_order_that_the_gate_made_to_flatten_is_no_decision(
    tmp_path: Path, words: str, parts: list[tuple[str, str]]
) -> None:
    """Whose part it takes down stands in the flatten's line; where it does not, the largest holder's goes first."""
    world = given()
    world.hold("o-a", "0.1")
    world.hold("o-b", "0.2", strategy=BETA)
    folder = write_journal(world, tmp_path)
    none = ExposureUse()
    approved = Decision("f0a1", (), none, none, TradingState.HALTED, 0, world.now, "v1")
    line = IncidentChanged("g1-i1", "FLATTEN_STEP", f"round approved: f0a1 SELL 0.3 {BTC} at 49900 {words}")
    fill = world.make_fill("f0a1", Side.SELL, "0.3", 49_900)
    append(world, folder, [(events.Ticked(), (approved, line)), (FillsReceived(ACCOUNT, (fill,)), ())])
    found = material(folder)
    closing = [one for one in found.case.fills if one.quantity < 0]
    assert [(one.strategy, one.decision_id, one.quantity) for one in closing] == [
        (name, "", D(quantity)) for name, quantity in parts
    ]
    assert found.case.flatten_fill_ids == tuple(one.fill_id for one in closing)


def test_an_announced_order_is_a_person_s(tmp_path: Path) -> None:
    world = given()
    world.buy("0.1", 50_000)
    order = world.order(Side.BUY, "0.2", 50_000, client_order_id="by-hand")
    world.apply(events.OrderExpected(order, "olga", "hedge by hand", 60 * SECOND))
    world.fill("", Side.BUY, "0.2", 50_000, venue_order_id="v-9")
    found = told(world, tmp_path)
    assert fills(found) == [(ALPHA, "", D("0.2"))]
    assert [one.decision_id for one in found.case.decisions] == ["o1"]


def test_an_amendment_sends_what_its_order_has_not_filled(tmp_path: Path) -> None:
    world = given()
    world.buy("0.4", 49_900)
    world.fill("o1", Side.BUY, "0.1", 49_900)
    assert world.amend("o1", Side.BUY, "0.5", 49_950).approved
    world.fill("o1", Side.BUY, "0.4", 49_950)
    found = told(world, tmp_path)
    first, second = found.case.decisions
    assert (first.order, second.order) == (D("0.4"), D("0.4"))
    assert [(one.decision_id, one.quantity) for one in found.case.fills] == [
        (first.decision_id, D("0.1")), (second.decision_id, D("0.4")),
    ]  # fmt: skip


def test_what_the_venue_closes_comes_out_of_what_it_closed(tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    world.hold("o-b", "0.2", strategy=BETA)
    world.fill("", Side.SELL, "0.5", 48_000, kind=FillKind.LIQUIDATION, fee=D(7), fee_currency="USDT")
    found = told(world, tmp_path)
    closed = [one for one in found.case.fills if not one.decision_id]
    shares = [(one.strategy, one.quantity, one.fee) for one in closed]
    assert shares == [(ALPHA, D("-0.4"), D(7)), (BETA, D("-0.1"), D(0))]
    assert len({one.fill_id for one in found.case.fills}) == 4


def test_an_adopted_position_counts_from_then_on_at_the_mark(tmp_path: Path) -> None:
    world = given()
    world.venue[BTC] = D("0.3")
    world.wait(1)
    world.wait(1)
    world.adopt(events.AdoptItem(BTC, position_quantity=D("0.3"), owner=ALPHA))
    found = told(world, tmp_path)
    (fill,) = found.case.fills
    assert (fill.strategy, fill.quantity, fill.price) == (ALPHA, D("0.3"), D(50_000))
    assert any("adopted" in line for line in found.remarks)


# -- prices, fees, funding ----------------------------------------------------------------------------------------


def test_a_price_at_a_decision_is_kept_and_those_between_bound_it(tmp_path: Path) -> None:
    world = given()
    for price in (50_100, 50_300, 49_900, 50_000):
        world.mark(BTC, price)
    world.buy("0.1", 50_000)
    world.mark(BTC, 50_050, bid=50_040, ask=50_060)
    points = told(world, tmp_path, start=1).case.marks[BTC]
    assert [(one.mark, one.low, one.high) for one in points] == [
        (D(50_000), D(49_900), D(50_300)), (D(50_000), None, None), (D(50_050), None, None),
    ]  # fmt: skip
    assert points[-1].half_spread == D(10)


def test_a_fee_that_has_no_rate_is_left_out_and_told(tmp_path: Path) -> None:
    world = given()
    world.buy("0.2", 50_000)
    world.fill("o1", Side.BUY, "0.2", 50_000, fee=D("0.01"), fee_currency="BNB")
    found = told(world, tmp_path)
    assert found.case.fills[0].fee == 0
    assert "fees in BNB are left out: there is no rate for BNB" in found.missing


@pytest.mark.parametrize(
    ("symbol", "price", "fee", "currency", "settled"),
    [
        (BTC, 50_000, "3", "USDC", "3"),
        (INVERSE, 50_000, "0.001", "BTC", "0.001"),
        (INVERSE, 50_000, "100", "USDT", "0.002"),
        (BTC, 50_000, "0.001", "BTC", "50"),
    ],
)
def test_a_fee_is_brought_into_what_the_instrument_settles_in(  # noqa: PLR0917 - one column for each
    symbol: str, price: int, fee: str, currency: str, settled: str, tmp_path: Path
) -> None:
    world = given()
    world.buy(1 if symbol == INVERSE else "0.2", price, instrument=symbol)
    quantity = 1 if symbol == INVERSE else "0.2"
    world.fill("o1", Side.BUY, quantity, price, instrument=symbol, fee=D(fee), fee_currency=currency)
    (one,) = told(world, tmp_path).case.fills
    assert one.fee == D(settled)


def test_a_spot_fee_in_the_coin_comes_out_of_the_position_and_is_a_cost(tmp_path: Path) -> None:
    world = given()
    world.buy(10, 100, instrument=SPOT)
    world.fill("o1", Side.BUY, 10, 100, instrument=SPOT, fee=D("0.01"), fee_currency="LTC")
    (one,) = told(world, tmp_path).case.fills
    assert (one.quantity, one.fee) == (D("9.99"), D(1))


def test_funding_counts_once_and_is_told_where_it_has_no_instrument(tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    now_ms = world.now // MILLISECOND
    flows = tuple(
        CashFlow(id_, "USDT", CashFlowKind.FUNDING, D(amount), now_ms, instrument)
        for id_, amount, instrument in (("f1", "-2", BTC), ("f2", "-1", BTC), ("f3", "-5", ""))
    )
    for _ in range(2):
        world.apply(BalancesReceived(ACCOUNT, world.now, now_ms, (), flows))
    found = told(world, tmp_path)
    assert [(one.symbol, one.payment) for one in found.case.funding] == [(BTC, D(-3))]
    assert any("did not say the instrument" in line for line in found.missing)
