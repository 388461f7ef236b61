"""What a flatten costs: its fills against the middles of the books when it started; fills of others cost it nothing."""

from decimal import Decimal

from risksvc.core.flatten.events import Mid
from risksvc.core.types import Side
from tests.unit.core.a_flatten import answered, cut, end_unfilled, fill_whole, holding, ready, send
from tests.unit.core.builders import World
from tests.unit.core.catalogue import BTC, INVERSE, D


def sold(world: World, price: int, *, mid: int = 50_000) -> Decimal:
    run = ready(world, mids=(Mid(BTC, D(mid)),))
    (sent,) = send(world, run, cut("0.5", price=price))
    fill_whole(world, run, sent, price)
    return run.cost


def test_the_cost_is_against_the_mid_at_the_start() -> None:
    assert sold(holding(), 49_900) == 50


def test_a_better_price_is_a_gain() -> None:
    assert sold(holding(), 50_100) == -50


def test_without_a_mid_nothing_is_made_up() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.5"))
    fill_whole(world, run, sent, 49_000)
    assert run.cost == 0
    assert run.orders[sent].traded == D("0.5")


def test_a_fill_that_names_only_the_venues_id_is_counted_once_that_is_known() -> None:
    world = holding()
    run = ready(world, mids=(Mid(BTC, D(50_000)),))
    (sent,) = send(world, run, cut("0.5", price=49_900))
    fill = world.make_fill("", Side.SELL, "0.2", 49_900, venue_order_id="v1")
    world.executed(fill)
    world.tell(fill)
    assert run.orders[sent].traded == 0
    answered(world, run, sent, venue_id="v1")
    world.fill("", Side.SELL, "0.3", 49_900, venue_order_id="v1")
    assert run.orders[sent].traded == D("0.5")
    assert run.cost == 50


def test_fills_of_others_cost_it_nothing() -> None:
    world = holding()
    run = ready(world, mids=(Mid(BTC, D(50_000)),))
    world.fill("", Side.SELL, "0.1", 49_000)
    world.fill("strange", Side.SELL, "0.1", 49_000)
    fill = world.fill("", Side.SELL, "0.1", 49_000, venue_order_id="x")
    world.tell(fill)
    assert run.cost == 0
    assert run.unnamed["x"][0] == D("0.1")


def test_a_late_fill_counts_as_what_its_order_traded() -> None:
    world = holding()
    run = ready(world, mids=(Mid(BTC, D(50_000)),))
    (sent,) = send(world, run, cut("0.2", price=49_900))
    answered(world, run, sent)
    end_unfilled(world, run, sent)
    world.fill(sent, Side.SELL, "0.2", 49_900)
    assert run.orders[sent].traded == D("0.2")


def test_an_inverse_contract_costs_in_the_limits_currency() -> None:
    world = holding("100", symbol=INVERSE)
    run = ready(world, mids=(Mid(INVERSE, D(50_000)),))
    (sent,) = send(world, run, cut(100, symbol=INVERSE, price=40_000 * D("1.2")))
    fill_whole(world, run, sent)
    assert run.cost == D(100) * 100 * 2000 / 48_000
