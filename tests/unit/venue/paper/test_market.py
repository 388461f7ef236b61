"""Depth, price steps, held prices, resting orders."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risksvc.venue.paper.depth import DepthProfile, ladder
from risksvc.venue.paper.engine import Engine, Rules
from risksvc.venue.paper.instruments import EVERY_INSTRUMENT
from risksvc.venue.paper.market import Market
from risksvc.venue.paper.orders import Side
from tests.unit.venue.paper.builders import BTC, NOW, D, market


def test_the_default_depth_of_every_instrument_is_ordered_and_on_its_grid() -> None:
    for instrument in EVERY_INSTRUMENT:
        bids, asks = (
            ladder(instrument.price, side=side, profile=DepthProfile(), instrument=instrument) for side in Side
        )
        assert bids[0].price < instrument.price < asks[0].price
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            prices = [level.price for level in levels]
            assert len(set(prices)) == len(prices) == 25, instrument.symbol
            assert prices == sorted(prices, reverse=side is Side.BUY)
            assert all(level.price % instrument.tick == 0 and level.size % instrument.step == 0 for level in levels)
            assert all(level.size >= instrument.step for level in levels)


@pytest.mark.parametrize("mid", ["0.00001", "0.00002", "0.00005"])
def test_a_depth_near_zero_has_fewer_levels_but_never_a_price_of_zero(mid: str) -> None:
    doge = next(each for each in EVERY_INSTRUMENT if each.symbol == "DOGEUSDT")
    for side in Side:
        assert all(level.price > 0 for level in ladder(D(mid), side=side, profile=DepthProfile(), instrument=doge))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"levels": -1}, "levels"),
        ({"levels": 201}, "levels"),
        ({"gap_bps": D(-1)}, "negative"),
        ({"first_notional": D(-1)}, "negative"),
        ({"levels": 200, "gap_bps": D(50)}, "zero"),
        ({"level_qty": D(-1)}, "level_qty"),
        ({"refill_ms": -1}, "refill_ms"),
    ],
)
def test_a_senseless_depth_is_refused(changes: dict[str, int], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        DepthProfile(**changes)  # type: ignore[arg-type]  # a table of keywords


def test_taking_stops_when_the_depth_runs_out() -> None:
    found = market()
    available = found.available(Side.BUY, D(60_000))
    taken = found.consume(Side.BUY, D(100))
    assert sum(qty for _, qty in taken) == available
    assert found.best_ask is None
    assert found.best_bid is not None
    assert found.available(Side.BUY, D(60_000)) == 0


THIN = DepthProfile(levels=3, half_spread_bps=D(1), gap_bps=D(1), level_qty=D("0.5"), refill_ms=2_000)


def sizes(found: Market, side: Side) -> list[Decimal]:
    return [level.size for level in found.levels(side)]


def test_every_level_of_a_thin_depth_holds_the_same_quantity_and_fills_again_bit_by_bit() -> None:
    found = market(profile=THIN)
    found.pin(D(50_000))
    assert sizes(found, Side.SELL) == [D("0.5")] * 3
    found.consume(Side.BUY, D("0.75"))
    assert sizes(found, Side.SELL) == [D("0.25"), D("0.5")], "the best level is gone"
    assert found.best_ask is not None
    assert found.best_ask.price == D(50_010)
    found.move_to(500, passed_ms=500)
    assert sizes(found, Side.SELL) == [D("0.125"), D("0.375"), D("0.5")]
    found.move_to(2_000, passed_ms=1_500)
    assert sizes(found, Side.SELL) == [D("0.5")] * 3
    found.move_to(9_000, passed_ms=7_000)
    assert sizes(found, Side.SELL) == [D("0.5")] * 3, "never more than it was"


def test_a_moved_price_brings_nothing_back_to_a_depth_that_fills_again_bit_by_bit() -> None:
    found = market(profile=THIN)
    found.consume(Side.SELL, D("1.5"))
    found.pin(D(51_000))
    assert sizes(found, Side.BUY) == []
    found.reshape(THIN)
    assert sizes(found, Side.BUY) == [D("0.5")] * 3


def test_what_was_taken_is_back_with_the_next_step_where_nothing_else_is_said() -> None:
    found = market()
    found.consume(Side.BUY, D("0.1"))
    found.move_to(0, passed_ms=1)
    assert found.available(Side.BUY, D(60_000)) == market().available(Side.BUY, D(60_000))


def test_an_engine_lets_a_depth_fill_again_by_its_clock_whatever_the_speed_of_prices() -> None:
    engine = Engine(markets=[market(profile=THIN)], accounts=[], rules=Rules(step_ms=100, speed=D(50)), now_ms=NOW)
    found = engine.market("BTCUSDT")
    found.consume(Side.BUY, D("0.5"))
    engine.advance(NOW + 1_000)
    assert sizes(found, Side.SELL)[0] == D("0.25")


def test_only_what_lies_within_the_limit_is_available() -> None:
    found = market()
    found.pin(D(50_000))
    sizes = [found.available(Side.SELL, D(limit)) for limit in ("49995.1", "49995", "49990", "1")]
    assert [sizes[0], sizes[1] > 0, sizes[2] > sizes[1], sizes[3] > sizes[2]] == [0, True, True, True]


def test_a_held_price_stays_and_follows_its_path_again_when_let_go() -> None:
    found = market()
    free = found.mid
    found.pin(D(60_000))
    found.move_to(300_000)
    assert found.mid == 60_000
    found.move_to(0)
    found.pin(None)
    assert found.mid == free


def test_a_shifted_price_follows_its_path_from_there() -> None:
    path, found = market(), market()
    found.shift(D(100_000))
    assert found.mid == 100_000
    for elapsed in (60_000, 300_000, 1_000_000):
        path.move_to(elapsed)
        found.move_to(elapsed)
        assert abs(found.mid / path.mid - 100_000 / path.path.at(0)) < D("0.00001")


def test_the_days_figures_follow_prices_and_trades() -> None:
    found = market()
    found.pin(D(51_000))
    found.pin(D(49_000))
    found.traded(D(49_010), D(2))
    figures = (found.high, found.low, found.last, found.volume, found.turnover)
    assert figures == (D(51_000), D(49_000), D(49_010), D(2), D(98_020))


@pytest.mark.parametrize("name", ["price", "tick", "step", "min_qty", "max_qty"])
def test_an_instrument_without_a_grid_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(BTC, **{name: D(0)})  # type: ignore[arg-type]  # a name out of a table


def test_an_instrument_off_its_own_grid_or_of_another_category_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of step"):
        replace(BTC, min_qty=D("0.0015"))
    with pytest.raises(ValueError, match="only linear, inverse, spot"):
        replace(BTC, category="option")
    with pytest.raises(ValueError, match="settles in BTC"):
        replace(BTC, category="inverse")
