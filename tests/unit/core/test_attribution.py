"""Whose an unexplained fill or order may be, and by what an explained one is explained."""

import pytest

from risksvc.core.attribution import describe_unexplained, explain_fill
from risksvc.core.events import FillReported
from risksvc.core.types import SECOND, Side
from risksvc.core.venue_events import Fill, FillKind
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, D


def whose(world: World, fill: Fill) -> str:
    return describe_unexplained(world.book, world.line(), fill)


def explained(world: World, fill: Fill) -> tuple[str, str, bool]:
    found = explain_fill(world.book, world.line(), fill)
    return found.strategy, found.text, found.explained


def test_a_fill_is_explained_by_its_order_live_or_finished() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    part = world.fill("a", Side.BUY, "0.2", venue_order_id="v")
    assert explained(world, part) == (ALPHA, "approved order a", True)
    rest = world.fill("", Side.BUY, "0.3", venue_order_id="v")
    assert world.reservation("a") is None
    assert explained(world, rest) == (ALPHA, "approved order a", True)


def test_what_the_venue_makes_is_explained_by_its_kind() -> None:
    world = given()
    made = world.fill("", Side.SELL, 1, kind=FillKind.DELIVERY)
    assert explained(world, made) == ("", "made by the venue: DELIVERY", True)


def test_what_only_a_strategy_tells_is_not_explained() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    made = world.make_fill("a", Side.BUY, "0.2")
    world.apply(FillReported(ACCOUNT, ALPHA, made))
    assert explained(world, made) == (ALPHA, f"reported by {ALPHA}; the venue has not listed it", False)


def test_what_was_adopted_or_forgotten_is_explained() -> None:
    world = given()
    assert explained(world, world.make_fill("gone", Side.BUY, 1)) == (
        "",
        "adopted, or its order was forgotten since",
        True,
    )


def test_an_unexplained_fill_says_whose_it_may_be() -> None:
    world = given()
    made = world.fill("x", Side.BUY, "0.2")
    text = "nobody has approvals of BUY BTC/USDT:USDT that it resembles: another program, or by hand"
    assert explained(world, made) == ("", text, False)


def test_an_id_of_ours_on_another_order() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    assert "its id is alpha's order a (BUY 0.5 " in whose(world, world.make_fill("a", Side.SELL, "0.2"))


def test_an_id_that_was_denied_before() -> None:
    world = given()
    assert not world.buy(10**6, 50_000, client_order_id="big").approved
    assert "was asked about before: sent though denied" in whose(world, world.make_fill("big", Side.BUY, 1))


@pytest.mark.parametrize(("id_", "names"), [("beta-2", True), ("bet", False), ("gamma-1", False)])
def test_an_id_that_begins_like_a_strategys(id_: str, *, names: bool) -> None:
    world = given()
    assert world.sell("0.1", 50_000, client_order_id="beta-0", strategy=BETA).approved
    told = whose(world, world.make_fill(id_, Side.BUY, 1))
    assert ("begins like those of beta (beta…)" in told) is names


def test_an_approval_of_the_same_side_that_was_not_seen_yet() -> None:
    world = given()
    assert world.sell("0.3", 50_000, client_order_id="o").approved
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    same, other = world.make_fill("", Side.BUY, "0.5"), world.make_fill("", Side.BUY, "0.1")
    assert "alpha was approved a on this side lately (the same quantity), not seen yet" in whose(world, same)
    assert "(quantity 0.5)" in whose(world, other)
    world.now += 11 * SECOND
    world.read()
    assert "nobody has approvals" in whose(world, same)


def test_the_incident_carries_whose_an_order_may_be() -> None:
    world = given()
    world.read([world.row("x", Side.BUY, "0.5", 50_000, venue_order_id="v", instrument=BTC)])
    assert "another program, or by hand" in world.halts()[0].reason
    assert world.line().working.buy == D("0.5")
