"""The 150 % rule: what a strategy says it means to hold, what stood when it said so, and where it may go."""

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.limits import StrategyInstrumentLimits
from risksvc.core.positions import account_band, flatten_required, strategy_band
from risksvc.core.types import PositionRange, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import Number, World, given, reasons
from tests.unit.core.catalogue import ALPHA, BETA, BTC, D, instrument, limit, strategy

BAND = DenialReason.INTENDED_BAND
BIG = {BTC: instrument(max_net_exposure=limit(10**9))}


def spread(low: Number, high: Number) -> PositionRange:
    return PositionRange(D(low), D(high))


def roomy(pair: StrategyInstrumentLimits | None = None) -> World:
    """Nothing but the band limits; `pair`: what the file says of alpha in BTC."""
    mine = strategy(instruments={BTC: pair or StrategyInstrumentLimits()})
    return given(instruments=BIG, total=limit(10**9), strategies={ALPHA: mine})


def band(world: World, name: str = ALPHA) -> PositionRange | None:
    own = world.book.limits
    assert own is not None
    return strategy_band(world.part(name), own.strategies[name], BTC)


def holding(quantity: int, intent: PositionRange) -> World:
    world = roomy()
    side = Side.BUY if quantity > 0 else Side.SELL
    assert world.check(world.order(side, abs(quantity), 50_000, client_order_id="h"), intent=intent).approved
    world.fill("h", side, abs(quantity))
    world.wait(3)
    return world


def test_an_intent_of_nothing_allows_only_the_exit() -> None:
    world = holding(100, spread(100, 100))
    assert world.sell(60, 50_000, intent=spread(0, 0), client_order_id="s").approved
    assert band(world) == spread(0, 100)
    world.fill("s", Side.SELL, 60)
    assert band(world) == spread(0, 40)
    world.wait(3)
    assert world.sell(40, 50_000, intent=spread(0, 0)).approved
    assert reasons(world.sell(1, 50_000, intent=spread(0, 0))) == [DenialReason.HEADROOM_RESERVED]
    assert reasons(world.buy(1, 50_000, intent=spread(0, 0))) == [BAND]


def test_a_flip_has_room_both_ways_and_the_top_follows_the_position_down() -> None:
    world = holding(100, spread(100, 100))
    assert world.sell(250, 50_000, intent=spread(-100, -100), client_order_id="flip").approved
    assert band(world) == spread(-150, 100)
    world.fill("flip", Side.SELL, 30)
    assert band(world) == spread(-150, 70)
    world.fill("flip", Side.SELL, 80)
    assert band(world) == spread(-150, 0)
    world.fill("flip", Side.SELL, 140)
    assert band(world) == spread(-150, 0)
    assert world.position() == -150


def test_what_stood_does_not_come_back() -> None:
    world = holding(100, spread(100, 100))
    world.sell(60, 50_000, intent=spread(0, 0), client_order_id="s")
    world.fill("s", Side.SELL, 60)
    world.wait(3)
    assert reasons(world.buy(1, 50_000, intent=spread(0, 0))) == [BAND]


def test_lowering_an_intent_makes_no_breach_of_what_stands() -> None:
    world = holding(100, spread(100, 100))
    assert world.sell(1, 50_000, intent=spread(10, 10)).approved
    world.refresh()
    assert world.halts() == []
    assert band(world) == spread(0, 100)
    assert reasons(world.buy(1, 50_000, intent=spread(10, 10))) == [BAND]


def test_lowering_an_intent_makes_no_breach_of_an_order_that_stands() -> None:
    world = roomy()
    world.buy(120, 50_000, intent=spread(100, 100), client_order_id="a")
    world.read([world.row("a", Side.BUY, 120, 50_000)])
    world.sell(1, 50_000, intent=spread(-1, 10), client_order_id="b")
    world.fill("a", Side.BUY, 120)
    world.wait(3)
    assert world.halts() == []
    assert band(world) == spread("-1.5", 120)


def test_room_that_an_order_held_is_given_up_when_it_ends() -> None:
    world = roomy()
    world.buy(120, 50_000, intent=spread(100, 100), client_order_id="a")
    world.buy(1, 50_000, intent=spread(10, 10), client_order_id="b")
    world.look_up(world.row("a", Side.BUY, 120, 50_000, status=VenueStatus.CANCELLED))
    assert band(world) == spread(0, 15)


@pytest.mark.parametrize(
    ("intent", "expected"),
    [
        (spread(100, 100), spread(0, 150)),
        (spread(-100, -100), spread(-150, 0)),
        (spread(-20, 40), spread(-30, 60)),
        (spread(50, 100), spread(0, 150)),
        (spread(-100, -50), spread(-150, 0)),
        (spread(0, 0), spread(0, 0)),
    ],
)
def test_the_band_of_an_intent_on_a_flat_position(intent: PositionRange, expected: PositionRange) -> None:
    world = roomy()
    world.check(world.order(Side.BUY, 10_000, 50_000), intent=intent)
    assert band(world) == expected


def test_the_same_declaration_again_changes_nothing_and_a_new_one_replaces_it() -> None:
    world = holding(100, spread(100, 100))
    world.sell(1, 50_000, intent=spread(0, 0))
    world.sell(1, 50_000, intent=spread(0, 0))
    assert world.part().standing == spread(0, 100)
    world.sell(1, 50_000, intent=spread(-10, -10))
    assert band(world) == spread(-15, 100)


def test_an_order_that_shrinks_the_position_passes_outside_the_band() -> None:
    world = holding(-100, spread(-100, -100))
    world.load(instruments=BIG, total=limit(10**9), strategies={ALPHA: strategy(band=limit(50))})
    assert world.triggers() == ["OUTSIDE_BAND"]
    world.cleared_elsewhere()
    world.believe(-100)
    assert world.buy(10, 50_000, intent=None).approved
    assert reasons(world.sell(1, 50_000, intent=None)) == [BAND]


def test_a_declaration_is_clamped_by_the_file() -> None:
    pair = StrategyInstrumentLimits(max_intended=limit(10))
    world = roomy(pair)
    assert world.buy(15, 50_000, intent=spread(-1000, 1000)).approved
    assert band(world) == spread(-15, 15)


def test_the_file_stands_in_for_what_is_not_declared() -> None:
    pair = StrategyInstrumentLimits(intended=spread(-2, 4))
    world = roomy(pair)
    assert world.buy(6, 50_000, intent=None).approved
    assert band(world) == spread(-3, 6)
    assert world.sell(9, 50_000, intent=spread(-6, 0)).approved


def test_no_intent_anywhere_is_denied_and_the_last_one_stands() -> None:
    world = roomy()
    assert reasons(world.buy(1, 50_000, intent=None)) == [DenialReason.INTENT_MISSING]
    world.buy(1, 50_000, intent=spread(4, 4))
    assert world.buy(5, 50_000, intent=None).approved
    assert DenialReason.HEADROOM_RESERVED in reasons(world.buy(1, 50_000, intent=None))


def test_an_intent_belongs_to_one_strategy_in_one_instrument() -> None:
    world = roomy()
    world.buy(1, 50_000, intent=spread(4, 4))
    assert reasons(world.buy(1, 50_000, intent=None, strategy=BETA)) == [DenialReason.INTENT_MISSING]


def test_the_accounts_band_is_the_sum_and_what_was_adopted() -> None:
    world = roomy()
    world.buy(1, 50_000, intent=spread(4, 4))
    world.sell(1, 50_000, intent=spread(-2, 2), strategy=BETA)
    world.line().adopted = D(10)
    own = world.book.limits
    assert own is not None
    assert account_band(world.line(), own) == spread(7, 19)
    world.line().strategies["gone"] = world.part("gone")
    world.part("gone").position = D(-5)
    assert account_band(world.line(), own) == spread(2, 19)


def test_flatten_is_required_when_the_position_is_outside_the_accounts_band() -> None:
    world = roomy()
    assert not flatten_required(world.book)
    world.buy(1, 50_000, intent=spread(4, 4))
    world.fill("", Side.BUY, 6, venue_order_id="x")
    assert not flatten_required(world.book)
    world.fill("", Side.BUY, 1, venue_order_id="x")
    assert flatten_required(world.book)
    world.book.limits = None
    assert not flatten_required(world.book)


def test_flatten_is_required_when_a_strategy_is_outside_its_own_band() -> None:
    world = holding(100, spread(100, 100))
    assert not flatten_required(world.book)
    world.load(instruments=BIG, total=limit(10**9), strategies={ALPHA: strategy(band=limit(50))})
    assert flatten_required(world.book)
    assert world.triggers() == ["OUTSIDE_BAND"]
