"""Positions over a limit or outside a band: by quantity, or only because the market or the limits moved."""

from risksvc.core.limits import LimitMode, StrategyInstrumentLimits
from risksvc.core.types import PositionRange, Side
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ALPHA, BETA, BTC, ETH, SOL, D, instrument, limit, strategy


def holding(quantity: str | int = 1) -> World:
    world = given()
    world.hold("h", quantity)
    return world


def found(world: World) -> list[tuple[str, str, str, str]]:
    """Trigger, state, severity, and the narrowest thing that its scope names."""
    return [
        (one.trigger, one.state.name, one.severity.name, one.scope.instrument or one.scope.strategy or "account")
        for one in world.halts()
    ]


# -- passive ------------------------------------------------------------------------------------------------------


def test_a_mark_that_moves_a_position_over_its_limit_leaves_the_instrument_reducing() -> None:
    world = holding()
    world.mark(BTC, 50_000)
    assert world.halts() == []
    world.mark(BTC, "50000.01")
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", BTC)]
    assert world.buy(1, 100, instrument=SOL).approved


def test_at_120_percent_the_instrument_is_halted() -> None:
    world = holding()
    world.mark(BTC, 55_000)
    world.mark(BTC, "59999.99")
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", BTC)]
    world.mark(BTC, 60_000)
    assert found(world)[1:] == [("PASSIVE_BREACH_120", "HALTED", "P1", BTC)]


def test_it_is_raised_once_however_often_the_mark_comes() -> None:
    world = holding()
    for _ in range(5):
        world.mark(BTC, 51_000)
    assert len(world.halts()) == 1


def test_a_limit_that_is_lowered_is_passive() -> None:
    world = holding()
    world.load(instruments={BTC: instrument(max_net_exposure=limit(45_000))})
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", BTC)]


def test_a_rate_that_moves_is_passive() -> None:
    world = holding()
    world.load(rates={"USDT": D("1.1"), "USD": D(1)})
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", BTC)]


def test_the_total_over_its_limit_leaves_the_account_reducing() -> None:
    world = holding()
    world.hold("e", -20, instrument=ETH)
    world.load(total=limit(99_999))
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", "account")]
    world.load(total=limit(80_000))
    assert found(world)[1:] == [("PASSIVE_BREACH_120", "HALTED", "P1", "account")]


def test_working_orders_trip_nothing_only_positions_do() -> None:
    world = given()
    world.buy(1, 50_000)
    world.mark(BTC, 54_000)
    assert world.book.total == 54_000
    assert world.halts() == []


def test_a_short_position_counts_like_a_long_one() -> None:
    world = holding(-1)
    world.mark(BTC, 51_000)
    assert world.triggers() == ["PASSIVE_BREACH"]


def test_a_strategys_own_limits_are_watched_too() -> None:
    pair = StrategyInstrumentLimits(max_net_exposure=limit(30_000))
    world = given(strategies={ALPHA: strategy(instruments={BTC: pair}), BETA: strategy(max_net_exposure=limit(20_000))})
    world.hold("a", "0.6")
    world.hold("b", "0.4", strategy=BETA)
    world.load(instruments={BTC: instrument(max_net_exposure=limit(60_000))})
    assert world.halts() == []
    world.load(
        instruments={BTC: instrument(max_net_exposure=limit(60_000))},
        strategies={ALPHA: strategy(instruments={BTC: pair})},
    )
    world.mark(BTC, 50_001)
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", BTC)]
    assert "the position of alpha in BTC" in world.halts()[0].reason


def test_a_strategys_total_over_its_limit_leaves_that_strategy_reducing() -> None:
    world = given(strategies={ALPHA: strategy(max_total_exposure=limit(60_000))})
    world.hold("a", "0.6")
    world.hold("e", 12, instrument=ETH)
    world.mark(BTC, 50_100)
    assert found(world) == [("PASSIVE_BREACH", "REDUCING", "P1", ALPHA)]
    assert world.buy(1, 100, instrument=SOL, strategy=BETA).approved


def test_shadow_limits_trip_nothing() -> None:
    world = holding()
    shadow = limit(1, mode=LimitMode.SHADOW)
    world.load(
        instruments={BTC: instrument(max_net_exposure=shadow)},
        total=shadow,
        strategies={ALPHA: strategy(band=limit(0, mode=LimitMode.SHADOW))},
    )
    assert world.halts() == []


def test_a_position_in_an_instrument_or_of_a_strategy_that_the_file_no_longer_lists() -> None:
    world = holding()
    world.load(instruments={BTC: None}, strategies={ALPHA: None})
    assert world.halts() == []
    world.load(instruments={BTC: None}, strategies={ALPHA: None}, total=limit(10_000))
    assert found(world) == [("PASSIVE_BREACH_120", "HALTED", "P1", "account")]


# -- by quantity --------------------------------------------------------------------------------------------------


def test_more_than_was_approved_over_a_limit_halts_the_account_at_once() -> None:
    world = given()
    world.fill("", Side.BUY, 4, venue_order_id="rogue")
    world.mark(BTC, 50_000)
    assert found(world) == [("POSITION_OVER_LIMIT", "HALTED", "P0", "account")]
    assert "worth 200000; the limit is 50000, and more is held than was approved" in world.halts()[0].reason


def test_more_than_was_approved_within_the_limits_is_left_to_the_next_read() -> None:
    world = given()
    world.fill("", Side.BUY, "0.5", venue_order_id="rogue")
    world.marks()
    assert world.halts() == []


def test_an_overfill_over_a_limit_is_by_quantity() -> None:
    world = given()
    world.buy(1, 50_000, client_order_id="a")
    world.fill("a", Side.BUY, "1.1")
    world.marks()
    assert world.triggers() == ["UNEXPECTED_FILL", "POSITION_OVER_LIMIT"]


def test_an_overfill_in_one_instrument_makes_the_total_by_quantity() -> None:
    world = given(total=limit(60_000))
    world.hold("h", "0.9")
    world.fill("", Side.BUY, 8, instrument=ETH, venue_order_id="rogue")
    world.marks()
    assert found(world) == [("POSITION_OVER_LIMIT", "HALTED", "P0", "account")]


def test_outside_its_band_by_quantity_halts_the_account() -> None:
    world = given()
    world.buy("0.3", 50_000, client_order_id="a", intent=PositionRange(D(0), D("0.2")))
    world.fill("a", Side.BUY, "0.4")
    world.marks()
    assert found(world)[1:] == [("POSITION_OVER_LIMIT", "HALTED", "P0", "account")]
    assert "outside 0 to 0.3: flatten required" in world.halts()[1].reason


def test_outside_its_band_because_the_file_changed_leaves_the_instrument_reducing() -> None:
    world = holding("0.5")
    pair = StrategyInstrumentLimits(max_intended=limit("0.3"))
    world.load(strategies={ALPHA: strategy(instruments={BTC: pair})})
    assert found(world) == [("OUTSIDE_BAND", "REDUCING", "P1", BTC)]


def test_a_position_without_any_intent_has_no_band() -> None:
    world = given()
    world.fill("", Side.BUY, "0.1", venue_order_id="desk", trade_id="t")
    world.book.give(world.line(), BETA, signed=D("0.1"), now=world.now)
    world.marks()
    assert world.halts() == []


def test_bands_are_watched_even_on_a_doubtful_mark() -> None:
    world = holding("0.5")
    world.mark(BTC, 60_000)
    pair = StrategyInstrumentLimits(max_intended=limit("0.3"))
    world.load(strategies={ALPHA: strategy(instruments={BTC: pair})})
    assert world.triggers() == ["OUTSIDE_BAND"]


def test_an_account_that_is_not_adopted_or_not_listed_is_not_judged() -> None:
    world = holding()
    world.book.adopted = False
    world.mark(BTC, 54_000)
    assert world.halts() == []
    world.book.adopted = True
    world.book.limits = None
    world.mark(BTC, 54_000)
    assert world.halts() == []
