"""Reducing orders: they get out when nothing else does, and can neither grow nor turn a position."""

import pytest

from risksvc.core import events
from risksvc.core.denials import DenialReason
from risksvc.core.exposure import Working
from risksvc.core.limits import OrderLimits
from risksvc.core.types import Scope, Side, TradingState
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ALPHA, BETA, BTC, D, feed, instrument, limit, strategy

NOT_REDUCING = DenialReason.NOT_REDUCING


def holding(quantity: str = "0.5") -> World:
    world = given()
    world.hold("held", quantity)
    return world


def test_at_most_what_is_held_passes() -> None:
    assert holding().sell("0.5", 50_000, reduce_only=True).approved
    decision = holding().sell("0.501", 50_000, reduce_only=True)
    assert reasons(decision) == [NOT_REDUCING]
    assert (decision.denials[0].limit, decision.denials[0].observed) == (D("0.5"), D("0.501"))


def test_a_short_position_is_reduced_by_buying() -> None:
    world = holding("-0.5")
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [NOT_REDUCING]
    assert world.buy("0.5", 50_000, reduce_only=True).approved


def test_what_works_on_that_side_is_taken_off_whether_it_reduces_or_not() -> None:
    world = holding()
    assert world.sell("0.2", 50_000, reduce_only=True).approved
    assert world.sell("0.2", 51_000).approved
    assert reasons(world.sell("0.2", 50_000, reduce_only=True)) == [NOT_REDUCING]
    assert world.sell("0.1", 50_000, reduce_only=True).approved


def test_the_wrong_side_and_a_flat_account_reduce_nothing() -> None:
    assert reasons(holding().buy("0.1", 50_000, reduce_only=True)) == [NOT_REDUCING]
    decision = given().sell("0.1", 50_000, reduce_only=True)
    assert decision.denials[0].limit == 0


def test_while_ledger_and_venue_differ_the_smaller_end_counts() -> None:
    world = holding()
    world.read(positions={BTC: "0.3"})
    assert reasons(world.sell("0.4", 50_000, reduce_only=True)) == [NOT_REDUCING]
    assert world.sell("0.3", 50_000, reduce_only=True).approved


def test_an_interval_across_zero_leaves_nothing_to_reduce() -> None:
    world = holding()
    world.read(positions={BTC: "-0.5"})
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [NOT_REDUCING]
    assert reasons(world.buy("0.1", 50_000, reduce_only=True)) == [NOT_REDUCING]


def test_a_strategy_reduces_its_own_part_only() -> None:
    world = holding()
    world.hold("theirs", "0.4", strategy=BETA)
    assert reasons(world.sell("0.5", 50_000, reduce_only=True, strategy=BETA)) == [NOT_REDUCING]
    assert world.sell("0.4", 50_000, reduce_only=True, strategy=BETA).approved


def test_the_account_must_shrink_too() -> None:
    world = holding("0.5")
    world.hold("theirs", "-0.3", strategy=BETA)
    assert reasons(world.buy("0.3", 50_000, reduce_only=True, strategy=BETA)) == [NOT_REDUCING]


def test_over_the_limits_it_passes() -> None:
    world = holding()
    world.load(instruments={BTC: instrument(max_net_exposure=limit(24_000))}, total=limit(24_000))
    assert world.triggers() == ["PASSIVE_BREACH"] * 2
    assert world.sell("0.1", 50_000, reduce_only=True).approved


def test_it_needs_neither_intent_nor_belief_and_no_order_rate_stops_it() -> None:
    world = given(strategies={ALPHA: strategy(max_orders_per_second=limit(1))})
    world.hold("held", "0.5")
    for _ in range(3):
        assert world.sell("0.1", 50_000, reduce_only=True, intent=None, belief=None).approved


def test_in_reducing_it_passes_and_in_halted_it_does_not() -> None:
    world = holding()
    world.halt(state=TradingState.REDUCING)
    decision = world.sell("0.1", 50_000, reduce_only=True)
    assert decision.approved
    assert decision.trading_state is TradingState.REDUCING
    world.halt()
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [DenialReason.HALTED]


def test_while_the_instrument_is_suspect_it_passes() -> None:
    world = holding()
    world.read(positions={BTC: "0.4"})
    assert DenialReason.INSTRUMENT_SUSPECT in reasons(world.buy("0.1", 50_000))
    assert world.sell("0.1", 50_000, reduce_only=True).approved


def test_it_is_counted_as_reducing_only_where_the_venue_enforces_it() -> None:
    world = holding("1")
    world.sell(1, 50_000, reduce_only=True, client_order_id="r")
    assert world.line().working == Working(reduce_sell=D(1))
    assert world.line().worst.low == 0
    assert world.part().worst.low == 0
    world = holding("1")
    world.apply(feed(enforces_reduce_only=False))
    world.sell(1, 50_000, reduce_only=True, client_order_id="r")
    assert world.line().working == Working(sell=D(1), sell_value=D(50_000))


def test_one_that_the_venue_shows_without_its_flag_counts_as_ordinary() -> None:
    world = holding("1")
    world.sell(1, 50_000, reduce_only=True, client_order_id="r")
    world.read([world.row("r", Side.SELL, 1, 50_000, reduce_only=True)])
    assert world.line().working.reduce_sell == 1
    world.read([world.row("r", Side.SELL, 1, 50_000)])
    assert world.line().working == Working(sell=D(1), sell_value=D(50_000))
    assert world.halts() == []


def test_in_a_strategys_own_part_it_counts_as_ordinary_since_others_may_feed_it() -> None:
    """Both strategies are long; this one's exit stays when its position is gone: it then sells the other's."""
    world = holding("0.4")
    world.hold("theirs", "0.4", strategy=BETA)
    world.sell("0.4", 51_000, reduce_only=True, client_order_id="stop")
    world.sell("0.4", 50_000, client_order_id="exit")
    world.fill("exit", Side.SELL, "0.4")
    assert world.part().position == 0
    assert world.part().worst.low == D("-0.4")
    assert world.line().worst.low == 0


# -- the operator's ------------------------------------------------------------------------------------------------


def test_an_operator_gets_out_while_halted_and_without_a_lease() -> None:
    world = holding()
    world.halt(Scope())
    world.apply(events.LeaseLost(store_lost=True, why="gone"))
    world.apply(events.DrainStarted())
    decision = world.exit(Side.SELL, "0.5")
    assert decision.approved
    assert decision.trading_state is TradingState.HALTED
    kept = world.reservation(decision.client_order_id)
    assert kept is not None
    assert kept.by == "olga"


@pytest.mark.parametrize("quantity", ["0.501", "5"])
def test_an_operator_can_not_turn_the_position_either(quantity: str) -> None:
    world = holding()
    world.halt()
    assert reasons(world.exit(Side.SELL, quantity)) == [NOT_REDUCING]


def test_an_operator_may_close_what_no_strategy_owns_and_what_any_strategy_owns() -> None:
    world = holding()
    world.hold("theirs", "0.4", strategy=BETA)
    assert world.exit(Side.SELL, "0.6").approved
    assert world.exit(Side.SELL, "0.3", strategy=BETA).approved
    assert reasons(world.exit(Side.SELL, "0.1", strategy="gamma")) == [DenialReason.STRATEGY_UNKNOWN]


def test_an_operator_may_leave_an_instrument_that_the_file_does_not_list() -> None:
    world = given()
    world.hold("held", "0.5")
    world.load(instruments={BTC: None})
    assert reasons(world.sell("0.1", 50_000, reduce_only=True)) == [DenialReason.INSTRUMENT_UNKNOWN]
    decision = world.exit(Side.SELL, "0.5", 48_000)
    assert decision.approved
    assert decision.instrument_exposure.limit == 0


def test_an_operators_order_is_not_bound_by_order_size() -> None:
    world = holding()
    world.load(instruments={BTC: instrument(order=OrderLimits(max_order_quantity=limit("0.1")))})
    assert reasons(world.sell("0.5", 50_000, reduce_only=True)) == [DenialReason.MAX_ORDER_QUANTITY]
    assert world.exit(Side.SELL, "0.5", 48_000).approved


def test_an_operator_is_bound_by_the_collar_and_by_a_fault() -> None:
    world = holding()
    assert reasons(world.exit(Side.SELL, "0.1", 47_000)) == [DenialReason.PRICE_COLLAR]
    world.apply(events.FaultLatched("disk full"))
    assert reasons(world.exit(Side.SELL, "0.1")) == [DenialReason.GATE_FAULT]
