"""The headline limits: inclusive, each scope its own aggregate, and who has used the headroom."""

from decimal import Decimal

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.events import OrderReport
from risksvc.core.limits import LimitMode, OnBreach, OrderLimits, StrategyInstrumentLimits
from risksvc.core.outputs import ExposureUse, NoticeKind
from risksvc.core.types import PositionRange, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ALPHA, BETA, BTC, ETH, INVERSE, SOL, XRP, D, instrument, limit, strategy

NET, TOTAL = DenialReason.MAX_NET_EXPOSURE, DenialReason.MAX_TOTAL_EXPOSURE
BAND, RESERVED = DenialReason.INTENDED_BAND, DenialReason.HEADROOM_RESERVED


def test_exactly_the_limit_passes() -> None:
    decision = given().buy(1, 50_000)
    assert decision.approved
    assert decision.instrument_exposure == ExposureUse(D(0), D(50_000), D(50_000), D(0))
    assert decision.total_exposure == ExposureUse(D(0), D(50_000), D(150_000), D(100_000))


@pytest.mark.parametrize("side", list(Side))
def test_a_cent_over_the_limit_does_not(side: Side) -> None:
    world = given()
    decision = world.check(world.order(side, 1, "50000.01"))
    assert reasons(decision) == [NET]
    assert decision.denials[0].observed == D("50000.01")
    assert decision.instrument_exposure == ExposureUse(D(0), D("50000.01"), D(50_000), D(50_000))
    assert world.book.total == 0


def fill_up(world: World) -> None:
    """Three instruments at their limits: the total is used up."""
    world.hold("a", 1)
    world.hold("b", -20, instrument=ETH)
    world.hold("c", 500, instrument=SOL)
    assert world.book.total == 150_000


def test_exactly_the_total_passes_and_a_cent_more_does_not() -> None:
    world = given()
    world.hold("a", 1)
    world.hold("b", -20, instrument=ETH)
    passing = world.buy(500, 100, instrument=SOL)
    assert passing.approved
    assert passing.total_exposure.headroom == 0
    world.fill(passing.client_order_id, Side.BUY, 500, instrument=SOL)
    denied = world.buy(1, "0.5", instrument=XRP)
    assert reasons(denied) == [TOTAL]
    assert denied.denials[0].observed == 150_005


def test_a_long_and_a_short_do_not_hide_each_other() -> None:
    world = given()
    fill_up(world)
    assert reasons(world.sell(1, 50_000, instrument=INVERSE)) == [TOTAL]


def test_both_sides_of_a_quote_count_as_the_larger_one() -> None:
    world = given()
    assert world.buy(1, 49_999).approved
    decision = world.sell(1, 50_000)
    assert decision.approved
    assert world.book.total == 50_000


def test_an_order_against_the_position_uses_its_headroom_up_first() -> None:
    world = given()
    world.hold("a", 1)
    assert world.sell(2, 50_000).approved
    assert world.line().worst.low == -1
    assert reasons(world.sell("0.001", 50_000)) == [RESERVED]


@pytest.mark.parametrize(
    ("intent", "side", "edge"),
    [
        (PositionRange(D("0.4"), D("0.4")), Side.BUY, "0.6"),
        (PositionRange(D("-0.4"), D("-0.4")), Side.SELL, "0.6"),
        (PositionRange(D("-0.2"), D("0.4")), Side.SELL, "0.3"),
    ],
)
def test_one_and_a_half_times_the_intent_passes_and_a_step_more_does_not(
    intent: PositionRange, side: Side, edge: str
) -> None:
    world = given()
    over = world.check(world.order(side, D(edge) + D("0.001"), 50_000), intent=intent)
    assert reasons(over) == [BAND]
    assert abs(over.denials[0].limit or 0) == D(edge)
    world = given()
    assert world.check(world.order(side, edge, 50_000), intent=intent).approved


def test_each_scope_limits_its_own_aggregate_and_all_must_pass() -> None:
    pair = StrategyInstrumentLimits(max_net_exposure=limit(10_000), order=OrderLimits(max_order_quantity=limit("0.2")))
    mine = strategy(max_net_exposure=limit(20_000), max_total_exposure=limit(25_000), instruments={BTC: pair})
    world = given(strategies={ALPHA: mine})
    assert reasons(world.buy("0.201", 50_000)) == [DenialReason.MAX_ORDER_QUANTITY, NET]
    world = given(strategies={ALPHA: mine})
    assert world.buy("0.2", 50_000).approved
    assert reasons(world.buy(9, 25_000, instrument=ETH)) == [NET, RESERVED]
    world = given(strategies={ALPHA: mine})
    assert world.buy("0.2", 50_000).approved
    assert world.buy(6, 25_000, instrument=ETH).approved
    assert reasons(world.buy(1, 100, instrument=SOL)) == [RESERVED]
    assert world.buy("0.5", 50_000, strategy=BETA).approved


def test_all_limits_that_are_broken_are_told_at_every_scope() -> None:
    mine = strategy(max_net_exposure=limit(20_000), max_total_exposure=limit(25_000))
    decision = given(strategies={ALPHA: mine}, total=limit(40_000)).buy("1.001", 50_000)
    assert reasons(decision) == [NET, NET, TOTAL, TOTAL]
    assert [denial.limit for denial in decision.denials] == [50_000, 20_000, 40_000, 25_000]


def test_order_size_is_inclusive_at_every_scope() -> None:
    pair = StrategyInstrumentLimits(order=OrderLimits(max_order_notional=limit(10_000)))
    world = given(
        instruments={BTC: instrument(order=OrderLimits(max_order_quantity=limit("0.5")))},
        strategies={ALPHA: strategy(instruments={BTC: pair}), BETA: strategy()},
    )
    assert world.buy("0.2", 50_000).approved
    assert reasons(world.buy("0.201", 50_000)) == [DenialReason.MAX_ORDER_NOTIONAL]
    assert world.buy("0.5", 50_000, strategy=BETA).approved
    assert reasons(world.sell("0.501", 50_000, strategy=BETA)) == [DenialReason.MAX_ORDER_QUANTITY]


def test_orders_per_second_count_approvals_of_the_last_second() -> None:
    world = given(strategies={ALPHA: strategy(max_orders_per_second=limit(2))}, max_orders_per_second=limit(3))
    assert world.buy("0.1", 50_000).approved
    assert world.buy("0.1", 50_000).approved
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.MAX_ORDERS_PER_SECOND]
    assert world.buy("0.1", 50_000, strategy=BETA).approved
    assert reasons(world.buy("0.1", 50_000, strategy=BETA)) == [DenialReason.MAX_ORDERS_PER_SECOND]
    world.wait(1)
    assert world.buy("0.1", 50_000).approved


# -- whose doing --------------------------------------------------------------------------------------------------


def test_room_that_another_strategy_uses_is_no_fault_of_this_one() -> None:
    world = given()
    world.hold("b", "0.9", strategy=BETA)
    decision = world.buy("0.2", 50_000)
    assert reasons(decision) == [RESERVED]
    assert decision.denials[0].transient
    assert world.halts() == []


def test_room_that_unproven_orders_use_is_no_fault_until_the_venue_shows_them() -> None:
    world = given()
    assert world.buy("0.9", 49_000, client_order_id="a").approved
    assert reasons(world.buy("0.2", 50_000)) == [RESERVED]
    world.read([world.row("a", Side.BUY, "0.9", 49_000)])
    assert reasons(world.buy("0.2", 50_000)) == [NET]
    assert world.triggers() == ["LIMIT_BREACH"]


def test_an_order_that_the_strategy_says_was_acknowledged_is_its_own_doing() -> None:
    world = given()
    world.buy("0.9", 49_000, client_order_id="a")
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    assert reasons(world.buy("0.2", 50_000)) == [NET]


def test_room_in_the_band_that_unproven_orders_use_is_no_fault() -> None:
    world = given()
    intent = PositionRange(D("0.4"), D("0.4"))
    assert world.buy("0.5", 49_000, intent=intent).approved
    assert reasons(world.buy("0.2", 50_000, intent=intent)) == [RESERVED]
    assert world.halts() == []


def test_the_total_is_ones_own_doing_only_with_ones_own_positions_and_proven_orders() -> None:
    world = given(total=limit(100_000))
    world.hold("a", 1)
    world.hold("b", 20, instrument=ETH, strategy=BETA)
    assert reasons(world.buy(1, 100, instrument=SOL)) == [RESERVED]
    world = given(total=limit(100_000))
    world.hold("a", 1)
    world.buy(20, 24_000, instrument=ETH, client_order_id="b")
    assert reasons(world.buy(100, 100, instrument=SOL)) == [RESERVED]
    world.read([world.row("b", Side.BUY, 20, 24_000, instrument=ETH)])
    assert reasons(world.buy(100, 100, instrument=SOL)) == [TOTAL]


def test_an_amendment_of_an_unproven_order_counts_whole_as_ones_own_doing() -> None:
    world = given()
    world.buy("0.9", 50_000, client_order_id="a")
    assert reasons(world.amend("a", Side.BUY, "1.1", 50_000)) == [NET]


# -- what trips ---------------------------------------------------------------------------------------------------


def test_a_breach_leaves_the_strategy_reducing_and_the_other_one_trading() -> None:
    world = given()
    world.buy("1.001", 50_000)
    halt = world.halts()[0]
    assert (halt.trigger, halt.state.name, halt.severity.name) == ("LIMIT_BREACH", "REDUCING", "P2")
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.REDUCING_ONLY]
    assert world.buy("0.1", 50_000, strategy=BETA).approved


def test_the_third_breach_within_a_minute_halts_the_strategy() -> None:
    world = given()
    world.buy("1.001", 50_000)
    world.wait(29)
    world.buy("1.001", 50_000)
    assert world.triggers() == ["LIMIT_BREACH"]
    world.wait(29)
    world.buy("1.001", 50_000)
    assert world.triggers() == ["LIMIT_BREACH", "REPEATED_LIMIT_BREACH"]
    assert world.state(ALPHA).name == "HALTED"
    assert reasons(world.buy("0.1", 50_000)) == [DenialReason.HALTED]
    assert world.buy("0.1", 50_000, strategy=BETA).approved


def test_breaches_older_than_a_minute_are_forgotten() -> None:
    world = given()
    for _ in range(4):
        world.buy("1.001", 50_000)
        world.wait(31)
    assert world.triggers() == ["LIMIT_BREACH"]


def test_a_resume_lets_breaches_count_from_nothing() -> None:
    world = given()
    world.buy("1.001", 50_000)
    world.buy("1.001", 50_000)
    world.wait(1)
    world.resume(*world.halts())
    assert world.halts() == []
    world.buy("1.001", 50_000)
    assert world.triggers() == ["LIMIT_BREACH"]


def test_a_repeated_question_is_no_second_breach() -> None:
    world = given()
    for _ in range(3):
        assert NET in reasons(world.buy("1.001", 50_000, client_order_id="a"))
    assert world.triggers() == ["LIMIT_BREACH"]


@pytest.mark.parametrize(
    ("on_breach", "triggers"),
    [(OnBreach.DENY, []), (OnBreach.REDUCE, ["LIMIT_BREACH"]), (OnBreach.HALT, ["REPEATED_LIMIT_BREACH"])],
)
def test_what_a_breach_trips_is_the_limits_own_choice(on_breach: OnBreach, triggers: list[str]) -> None:
    world = given(instruments={BTC: instrument(max_net_exposure=limit(50_000, on_breach=on_breach))})
    assert reasons(world.buy("1.001", 50_000)) == [NET]
    assert world.triggers() == triggers


def test_the_strictest_of_several_broken_limits_decides_what_trips() -> None:
    world = given(total=limit(50_000, on_breach=OnBreach.HALT))
    world.buy("1.001", 50_000)
    assert world.triggers() == ["REPEATED_LIMIT_BREACH"]


def test_leaving_the_band_is_a_breach() -> None:
    world = given()
    world.buy("0.601", 50_000, intent=PositionRange(D(0), D("0.4")))
    assert world.triggers() == ["LIMIT_BREACH"]


def test_an_order_that_makes_nothing_worse_is_denied_and_trips_nothing() -> None:
    world = given()
    world.hold("a", "0.9")
    world.load(instruments={BTC: instrument(max_net_exposure=limit(40_000))})
    world.resume(*world.halts())
    assert NET in reasons(world.sell("0.1", 50_000))
    assert world.triggers() == ["PASSIVE_BREACH"]
    assert NET in reasons(world.buy("0.1", 50_000))
    assert world.triggers() == ["PASSIVE_BREACH", "LIMIT_BREACH"]


@pytest.mark.parametrize("doubt", ["mark", "age", "amendment"])
def test_while_nobody_knows_what_an_order_would_do_it_trips_nothing(doubt: str) -> None:
    world = given()
    world.hold("a", "0.9")
    if doubt == "mark":
        world.mark(BTC, 70_000)
        denied = world.buy("0.1", 70_000)
    elif doubt == "age":
        world.wait(7, fresh=False)
        denied = world.buy("0.2", 50_000)
    else:
        denied = world.amend("a", Side.BUY, "0.9", 50_000)
    assert NET in reasons(denied)
    assert world.halts() == []


def test_order_size_and_rate_trip_nothing() -> None:
    world = given(instruments={BTC: instrument(order=OrderLimits(max_order_quantity=limit("0.1")))})
    assert reasons(world.buy("0.2", 50_000)) == [DenialReason.MAX_ORDER_QUANTITY]
    assert world.halts() == []


# -- shadow and warnings ------------------------------------------------------------------------------------------


def test_a_limit_in_shadow_mode_only_tells() -> None:
    shadow = limit(10_000, mode=LimitMode.SHADOW)
    world = given(instruments={BTC: instrument(max_net_exposure=shadow)}, total=shadow)
    assert world.buy(1, 50_000).approved
    told = [notice for notice in world.notices() if notice.kind is NoticeKind.SHADOW_BREACH]
    assert [notice.name for notice in told] == ["MAX_NET_EXPOSURE", "MAX_TOTAL_EXPOSURE"]
    assert "would have been denied" in told[0].message
    assert world.halts() == []


def test_a_band_or_a_clamp_in_shadow_mode_binds_nobody() -> None:
    pair = StrategyInstrumentLimits(max_intended=limit("0.1", mode=LimitMode.SHADOW))
    mine = strategy(band=limit(150, mode=LimitMode.SHADOW), instruments={BTC: pair})
    world = given(strategies={ALPHA: mine})
    assert world.buy("0.3", 50_000, intent=PositionRange(D(0), D("0.2"))).approved
    assert not [notice for notice in world.notices() if notice.kind is NoticeKind.SHADOW_BREACH]
    assert world.buy("0.3", 50_000, intent=PositionRange(D(0), D("0.2"))).approved
    assert world.notices()[0].name == "INTENDED_BAND"
    assert world.halts() == []


def warned(world: World) -> list[tuple[str, Decimal | None]]:
    return [(one.name, one.value) for one in world.notices() if one.kind is NoticeKind.UTILISATION]


def test_warnings_come_once_at_50_75_and_90_percent() -> None:
    world = given(total=limit(100_000))
    world.buy("0.49", 50_000)
    assert warned(world) == []
    world.buy("0.01", 50_000)
    assert warned(world) == [("max_net_exposure", D(25_000))]
    world.buy("0.01", 50_000)
    assert warned(world) == []
    world.buy("0.4", 50_000)
    assert warned(world) == [("max_net_exposure", D(45_500))]
    world.buy(2, 25_000, instrument=ETH)
    assert warned(world) == [("max_total_exposure", D(50_500))]


def test_a_warning_comes_again_after_use_has_fallen() -> None:
    world = given()
    world.buy("0.6", 50_000, client_order_id="a")
    assert len(warned(world)) == 1
    world.look_up(world.row("a", Side.BUY, "0.6", 50_000, status=VenueStatus.CANCELLED))
    world.marks()
    world.buy("0.6", 50_000)
    assert len(warned(world)) == 1


def test_a_mark_that_moves_warns_as_well() -> None:
    world = given()
    world.hold("a", "0.48")
    world.mark(BTC, 53_000)
    assert warned(world) == [("max_net_exposure", D(25_440))]


def test_a_limit_of_nothing_warns_of_nothing_while_nothing_is_held() -> None:
    world = given(instruments={BTC: instrument(max_net_exposure=limit(0))})
    world.mark(BTC, 50_000)
    assert warned(world) == []
