"""The three ledgers as operators get them: what is known is told, what is not is empty, and never more than so much."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from risksvc.core import conditions, events
from risksvc.core.divergences import DivergenceClass
from risksvc.core.types import MalformedInputError, Side
from risksvc.core.venue_events import Leg
from risksvc.gate import operations
from risksvc.gate.app import GateApp
from risksvc.gate.exposure_view import adoptable, divergences
from risksvc.gate.feeds import FeedLink
from risksvc.gate.reconciliation_view import MAX_FILLS, MAX_ORDERS
from risksvc.v1.operator_pb2 import AccountReconciliation, GetReconciliationRequest, InstrumentReconciliation
from tests.unit.core.an_account import account
from tests.unit.core.builders import World, given, started, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SPOT, D, feed


def app_of(world: World, link: FeedLink | None = None) -> GateApp:
    parts = {
        "settings": SimpleNamespace(accounts={ACCOUNT: None}),
        "clock": SimpleNamespace(now=lambda: world.now),
        "owner": SimpleNamespace(state=world.gate.state),
        "feeds": SimpleNamespace(link=lambda _: link),
    }
    return cast("GateApp", SimpleNamespace(**parts))


def look(
    world: World, *, account: str = "", instrument: str = "", link: FeedLink | None = None
) -> AccountReconciliation:
    request = GetReconciliationRequest(account=account, instrument=instrument)
    answer = asyncio.run(operations.get_reconciliation(app_of(world, link), request, "olga"))
    assert answer.now_ns == world.now
    [found] = answer.accounts
    return found


def line(world: World, instrument: str = BTC) -> InstrumentReconciliation:
    [found] = look(world, instrument=instrument).instruments
    return found


@pytest.fixture
def world() -> World:
    return given()


def test_a_flat_account_shows_no_instrument_and_what_was_measured(world: World) -> None:
    found = look(world)
    assert not found.instruments
    assert (found.account, found.residual, found.max_residual) == (ACCOUNT, "0", "50")
    assert (found.measured_lag_ms, found.settle_ms) == (0, 2000)
    assert found.read_age_ms >= 0
    assert not found.stream_connected


def test_what_was_never_read_is_empty_and_not_0() -> None:
    world = started()
    world.apply(feed())
    found = look(world, instrument=BTC)
    assert (found.read_age_ms, found.residual, found.measured_lag_ms) == (-1, "", -1)
    [instrument] = found.instruments
    assert (instrument.venue, instrument.difference, instrument.status) == ("", "", "")


def test_what_agrees_is_said_to_agree_with_the_fills_that_made_it(world: World) -> None:
    world.hold("o1", "0.4")
    world.believe("0.4")
    found = line(world)
    assert (found.venue, found.ledger, found.difference, found.status) == ("0.4", "0.4", "0", "AGREES")
    assert (found.low, found.high, found.adopted, found.unexplained) == ("0.4", "0.4", "0", "0")
    [strategy] = found.strategies
    assert (strategy.strategy, strategy.believed, strategy.ledger, strategy.agrees) == (ALPHA, "0.4", "0.4", True)
    assert strategy.believed_at_ns > 0
    [fill] = found.fills
    assert (fill.client_order_id, fill.quantity, fill.kind, fill.explained) == ("o1", "0.4", "TRADE", True)
    assert not found.divergences


def test_a_belief_that_was_not_said_is_empty_and_does_not_agree(world: World) -> None:
    world.hold("o1", "0.4")
    part = world.part()
    part.belief = None
    [strategy] = line(world).strategies
    assert (strategy.believed, strategy.believed_at_ns, strategy.agrees) == ("", 0, False)


def test_quantity_in_flight_is_shown_beside_the_belief_that_it_may_explain(world: World) -> None:
    world.buy("0.1", 50_000)
    world.sell("0.2", 50_000)
    [strategy] = line(world).strategies
    assert (strategy.in_flight_buy, strategy.in_flight_sell) == ("0.1", "0.2")


def test_the_ledger_is_the_sum_of_its_parts(world: World) -> None:
    world.hold("o1", "0.4")
    world.hold("o2", "0.1", strategy=BETA)
    world.fill("nobody's", Side.BUY, "0.3")
    found = line(world)
    parts = [*(one.ledger for one in found.strategies), found.adopted, found.unexplained]
    assert sum(map(D, parts)) == D(found.ledger) == D("0.8")
    assert found.unexplained == "0.3"


def test_an_unexpected_fill_is_told_with_its_divergence(world: World) -> None:
    world.fill("nobody's", Side.BUY, 4)
    world.read()
    found = line(world)
    assert found.status == "DIVERGED"
    assert [one.divergence_class for one in found.divergences] == ["UNEXPECTED_FILL"]
    [fill] = found.fills
    assert not fill.explained
    assert fill.explanation


def test_a_drift_shows_both_ends_of_what_can_be_true(world: World) -> None:
    world.hold("o1", "0.4")
    world.read(positions={BTC: 1})
    found = line(world)
    assert (found.venue, found.ledger, found.difference) == ("1", "0.4", "0.6")
    assert (found.low, found.high, found.status) == ("0.4", "1", "SUSPECT")


def test_a_read_that_removes_exposure_without_fills_is_unconfirmed(world: World) -> None:
    world.hold("o1", "0.4")
    world.read(positions={})
    [suspicion] = world.line().suspicions.values()
    assert line(world).status == "UNCONFIRMED"
    assert [one.status for one in divergences(world.book)] == ["UNCONFIRMED"]
    suspicion.diverged = True
    assert line(world).status == "DIVERGED"


def test_before_adoption_what_exists_does_not_agree() -> None:
    world = unread()
    world.read(positions={BTC: 1})
    found = line(world)
    assert (found.venue, found.ledger, found.difference, found.status) == ("1", "0", "1", "SUSPECT")


def test_an_order_that_nothing_explains_is_told(world: World) -> None:
    world.read([world.row("hand", Side.SELL, 2, 51_000, venue_order_id="v9")])
    found = line(world)
    [order] = found.orders
    assert (order.client_order_id, order.venue_order_id, order.quantity, order.filled) == ("hand", "v9", "2", "0")
    assert order.explanation
    assert found.status == "DIVERGED"


def test_an_order_that_the_venue_lost_is_told(world: World) -> None:
    world.buy("0.1", 50_000, client_order_id="gone")
    world.look_up(world.row("gone", Side.BUY, "0.1", 50_000, venue_order_id="v1"))
    world.wait(5)
    world.not_found("gone", venue_id="v1")
    found = line(world)
    [order] = found.orders
    assert (order.client_order_id, order.venue_order_id) == ("gone", "v1")
    assert "does not know it any more; 0.1 still counts" in order.explanation
    [lost] = found.divergences
    assert (lost.divergence_class, lost.strategy, lost.usd) == ("LOST_ORDER", ALPHA, "5000")
    [item] = adoptable(world.book)
    assert (item.lost_client_order_id, item.instrument) == ("gone", BTC)
    assert "BUY 0.1 that the venue does not know" in item.description


def test_a_fill_that_only_a_strategy_knows_is_told_apart(world: World) -> None:
    world.buy("0.1", 50_000, client_order_id="o1")
    told = world.make_fill("o1", Side.BUY, "0.1")
    world.apply(events.FillReported(ACCOUNT, ALPHA, told))
    found = line(world)
    [fill] = found.fills
    assert (fill.trade_id, fill.explained, fill.strategy) == (told.trade_id, False, ALPHA)
    assert (found.ledger, found.status) == ("0", "AGREES"), "the ledger has only what the venue's feed tells"
    for _ in range(4):
        world.wait(5)
    [phantom] = line(world).divergences
    assert (phantom.divergence_class, phantom.status, phantom.usd) == ("PHANTOM_FILL", "DIVERGED", "5000")
    assert f"that only {ALPHA} knows of" in adoptable(world.book)[0].description


def test_a_fill_that_the_venue_counts_and_does_not_list_is_missing(world: World) -> None:
    world.buy("0.2", 50_000, client_order_id="o1")
    ahead = world.row("o1", Side.BUY, "0.2", 50_000, venue_order_id="v1", filled="0.1")
    world.venue[BTC] = D("0.1")
    for _ in range(2):
        world.read([ahead])
    found = line(world)
    [missing] = found.divergences
    assert (missing.divergence_class, missing.status, missing.usd) == ("MISSING_FILL", "SUSPECT", "5000")
    assert (found.venue, found.ledger, found.difference, found.high) == ("0.1", "0", "0.1", "0.1")


def test_in_hedge_mode_the_legs_are_shown() -> None:
    world = given()
    assert (line(world).ledger_long, line(world).venue_long) == ("", "")
    world = unread()
    world.apply(feed(hedge_mode=True))
    assert (line(world).ledger_long, line(world).venue_long) == ("0", ""), "never read is not flat"
    world.marks()
    world.read()
    world.tell(world.make_fill("o1", Side.BUY, 2, leg=Leg.LONG), world.make_fill("o2", Side.SELL, 1, leg=Leg.SHORT))
    found = line(world)
    assert (found.ledger_long, found.ledger_short) == ("2", "1")
    assert (found.venue_long, found.venue_short) == ("0", "0")


def test_a_spot_asset_is_shown_under_its_own_name(world: World) -> None:
    world.hold("o1", 1, instrument=SPOT)
    assert [one.instrument for one in look(world).instruments] == ["LTC"]
    assert line(world, SPOT).venue == "1"
    assert line(world, "LTC").venue == "1"


def test_an_instrument_of_which_nothing_is_held_is_shown_when_it_is_named(world: World) -> None:
    found = line(world, ETH)
    assert (found.instrument, found.venue, found.ledger, found.status) == (ETH, "0", "0", "AGREES")


@pytest.mark.parametrize("instrument", ["BTC/USDT", "DOGE/USDT:USDT"])
def test_an_instrument_that_nobody_knows_is_refused_with_those_that_are(world: World, instrument: str) -> None:
    with pytest.raises(MalformedInputError, match=r"is not an instrument here; known: BTC/USDT:USDT"):
        look(world, instrument=instrument)


def test_an_account_that_nobody_knows_is_refused(world: World) -> None:
    with pytest.raises(MalformedInputError, match="allowed: main"):
        look(world, account="mian")


def test_of_many_fills_the_latest_are_shown_oldest_first(world: World) -> None:
    start = world.now // 10**6
    for number in range(MAX_FILLS + 20):
        world.fill(f"o{number}", Side.BUY, "0.001", venue_time_ms=start + number)
    shown = line(world).fills
    assert [one.venue_time_ms - start for one in shown] == list(range(20, MAX_FILLS + 20))


def test_a_fill_that_nothing_explains_is_not_hidden_by_later_ones(world: World) -> None:
    old = world.fill("nobody's", Side.BUY, "0.001")
    for _ in range(MAX_FILLS + 20):
        world.fill("nobody's", Side.BUY, "0.001")
    kept = world.line().unexplained
    world.line().unexplained = {(old.instrument, old.trade_id): kept[old.instrument, old.trade_id]}
    shown = line(world).fills
    assert len(shown) == MAX_FILLS
    assert (shown[0].trade_id, shown[0].explained) == (old.trade_id, False)
    assert all(one.explained for one in shown[1:])


def test_no_more_orders_than_can_be_read_are_shown(world: World) -> None:
    world.read([world.row(f"h{n}", Side.BUY, 1, 40_000, venue_order_id=f"v{n}") for n in range(MAX_ORDERS + 5)])
    assert len(line(world).orders) == MAX_ORDERS


def test_what_concerns_the_account_is_told_apart_from_instruments(world: World) -> None:
    book = world.book
    conditions.note(book.conditions, DivergenceClass.UNREADABLE_VENUE, "positions: timed out", now=world.now)
    book.residual = D("-12.5")
    diverged = conditions.note(book.conditions, DivergenceClass.UNATTRIBUTED_RESIDUAL, "12.50 over 10", now=world.now)
    diverged.diverged = True
    rows = {one.divergence_class: one for one in look(world).conditions}
    unreadable, residual = rows["UNREADABLE_VENUE"], rows["UNATTRIBUTED_RESIDUAL"]
    assert (unreadable.status, unreadable.instrument, unreadable.usd, unreadable.reads) == ("SUSPECT", "", "", 1)
    assert (residual.status, residual.usd, residual.account) == ("DIVERGED", "12.5", ACCOUNT)
    assert {one.divergence_class for one in divergences(book)} == set(rows)


def test_what_equity_leaves_unexplained_is_told_beside_what_it_may_be() -> None:
    held = account()
    assert (look(held.world).equity_difference, look(held.world).equity_tolerance) == ("", ""), "not checked yet"
    held.wallet["USDT"] -= 300
    held.read()
    found = look(held.world)
    assert (found.equity_difference, found.equity_tolerance) == ("-300", "25")
    [mismatch] = found.conditions
    assert (mismatch.divergence_class, mismatch.usd, mismatch.status) == ("EQUITY_MISMATCH", "300", "SUSPECT")


def test_the_stream_and_the_venue_s_limits_are_told(world: World) -> None:
    world.apply(feed(limitations=("reduce-only is not enforced",)))
    link = FeedLink(ACCOUNT, "venue 1", can_cancel=False, connected_at=0, stream_connected=True)
    found = look(world, link=link)
    assert found.stream_connected
    assert list(found.limitations) == ["reduce-only is not enforced"]


def test_looking_changes_nothing(world: World) -> None:
    world.hold("o1", "0.4")
    before, version = dict(world.book.lines), world.gate.state.version
    look(world, instrument=SPOT)
    look(world)
    assert (world.book.lines, world.gate.state.version) == (before, version)
