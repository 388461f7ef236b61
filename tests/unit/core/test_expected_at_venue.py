"""Announced orders: how the order at the venue is recognised, and what is not taken for it."""

from dataclasses import replace
from typing import Any

import pytest

from risksvc.core.outputs import LookUp
from risksvc.core.types import Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.a_desk import DESK, announce, desk, suspected
from tests.unit.core.catalogue import D


def test_with_a_name_it_is_known_by_it() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4", named=True)
    world.read([world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v9")])
    assert suspected(world) == ["UNEXPECTED_ORDER"]
    world.read([world.row("e", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    assert reservation.at_venue


def test_the_first_order_that_it_can_be_is_it() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4")
    world.read([world.row("web-7", Side.BUY, "0.3", 49_000, venue_order_id="v1")])
    assert (reservation.at_venue, reservation.venue_ids, reservation.ids) == (True, ["v1"], ("e", "web-7"))
    assert suspected(world) == []
    world.fill("web-7", Side.BUY, "0.3", 49_000, venue_order_id="v1")
    world.look_up(
        world.row("web-7", Side.BUY, "0.3", 49_000, venue_order_id="v1", status=VenueStatus.FILLED, filled="0.3")
    )
    assert world.position(DESK) == D("0.3")
    assert world.reservation("e") is None
    world.wait(3)
    assert (suspected(world), world.halts()) == ([], [])


def test_it_is_known_again_by_whatever_id_the_venue_shows() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4")
    for _ in range(3):
        world.read([world.row("web-7", Side.BUY, "0.4", 50_000)])
    assert reservation.ids == ("e", "web-7")
    world.read()
    asked = world.one(world.outputs, LookUp)
    assert [(one.client_order_id, one.venue_order_id) for one in asked.orders] == [("web-7", "")]


def test_the_first_fill_that_it_can_be_of_is_of_it() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4")
    world.fill("", Side.BUY, "0.1", 49_990, venue_order_id="v1")
    world.fill("", Side.BUY, "0.3", 50_000, venue_order_id="v1")
    assert reservation.venue_ids == ["v1"]
    assert (world.position(DESK), world.line().unexplained) == (D("0.4"), {})
    world.wait(3)
    assert (suspected(world), world.halts(), world.reservation("e")) == ([], [], None)


OTHERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("larger", {}, {"quantity": "0.5"}),
    ("at a worse price", {}, {"price": 50_001}),
    ("with no price", {}, {"price": None}),
    ("on the wrong side", {}, {"side": Side.SELL}),
    ("a stop of another order", {}, {"attached": True}),
    ("one that grows", {"side": Side.SELL, "reduce_only": True}, {"side": Side.SELL}),
    ("a market order's, far off the mark", {"price": None}, {"price": 60_000}),
]


@pytest.mark.parametrize(("announced", "shown"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_another_order_is_not_it(announced: dict[str, Any], shown: dict[str, Any]) -> None:
    world = desk()
    world.hold("h", "0.4", strategy=DESK)
    world.believe("0.4", strategy=DESK)
    chosen: dict[str, Any] = {"side": Side.BUY, "quantity": "0.4", "price": 50_000}
    reservation = announce(world, "e", **(chosen | announced))
    world.read([world.row("", **(chosen | shown), venue_order_id="v1")])
    assert not reservation.at_venue
    assert suspected(world) == ["UNEXPECTED_ORDER"]
    assert world.triggers() == ["UNEXPECTED_ORDER"]


@pytest.mark.parametrize("price", [None, 52_000, 48_000])
def test_a_market_order_may_be_shown_with_a_limit_near_the_mark(price: int | None) -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4", price=None)
    world.read([world.row("", Side.BUY, "0.4", price, venue_order_id="v1")])
    assert reservation.at_venue


def test_without_a_mark_nobody_knows_what_is_near_it() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4", price=None)
    world.line().marks.clear()
    world.read([world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    assert not reservation.at_venue


@pytest.mark.parametrize(
    ("side", "quantity", "price"),
    [(Side.BUY, "0.5", 50_000), (Side.BUY, "0.4", 50_001), (Side.SELL, "0.4", 50_000)],
)
def test_a_fill_of_another_order_is_not_of_it(side: Side, quantity: str, price: int) -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.fill("", side, quantity, price, venue_order_id="v1")
    assert len(world.line().unexplained) == 1
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_a_sale_is_no_worse_above_its_limit_and_a_market_order_at_any_price() -> None:
    world = desk()
    announce(world, "e", Side.SELL, "0.2")
    world.fill("", Side.SELL, "0.2", 50_100, venue_order_id="v1")
    announce(world, "f", Side.BUY, "0.2", price=None)
    world.fill("", Side.BUY, "0.2", 50_400, venue_order_id="v2")
    assert world.line().unexplained == {}
    announce(world, "g", Side.SELL, "0.2")
    world.fill("", Side.SELL, "0.2", 49_999, venue_order_id="v3")
    assert len(world.line().unexplained) == 1


def test_it_explains_one_order_only() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.read([world.row("", Side.BUY, "0.1", 50_000, venue_order_id="v1")])
    world.read([world.row("", Side.BUY, "0.1", 50_000, venue_order_id=one) for one in ("v1", "v2")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_one_that_grows_at_the_venue_beyond_what_was_announced_is_unexpected() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.read([world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    world.read([world.row("", Side.BUY, "0.6", 50_000, venue_order_id="v1")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_two_at_once_are_a_hedge() -> None:
    world = desk()
    long, short = announce(world, "e", Side.BUY, "0.4"), announce(world, "f", Side.SELL, "0.4")
    rows = [
        world.row("", side, "0.4", 50_000, venue_order_id=id_) for id_, side in (("v1", Side.SELL), ("v2", Side.BUY))
    ]
    world.read(rows)
    assert (long.venue_ids, short.venue_ids) == (["v2"], ["v1"])
    assert suspected(world) == []


def test_of_several_an_order_is_the_smallest_that_it_can_be() -> None:
    world = desk()
    large, small = announce(world, "e", Side.BUY, "0.5"), announce(world, "f", Side.BUY, "0.2")
    world.read([world.row("", Side.BUY, "0.2", 50_000, venue_order_id="v1")])
    assert (large.venue_ids, small.venue_ids) == ([], ["v1"])


@pytest.mark.parametrize(("quantity", "which"), [("0.2", "f"), ("0.1", "e")])
def test_of_several_a_fill_is_of_the_one_of_its_size_else_of_the_largest(quantity: str, which: str) -> None:
    world = desk()
    for id_, size in (("e", "0.5"), ("f", "0.2")):
        announce(world, id_, Side.BUY, size)
    world.fill("", Side.BUY, quantity, 50_000, venue_order_id="v1")
    assert world.position(DESK) == D(quantity)
    left = {"e": D("0.5"), "f": D("0.2")}
    live = {one.order.client_order_id: one.remaining for one in world.book.live()}
    left[which] -= D(quantity)
    assert live == {id_: size for id_, size in left.items() if size}


def test_a_fill_whose_order_the_feed_still_looks_for_waits() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    fill = world.fill("", Side.BUY, "0.4", venue_order_id="v1", unresolved=True)
    assert len(world.line().unexplained) == 1
    world.tell(replace(fill, unresolved=False))
    assert (world.line().unexplained, world.position(DESK)) == ({}, D("0.4"))


def test_it_explains_nothing_that_was_unexplained_before() -> None:
    world = desk()
    world.hold("h", "0.4", strategy=DESK)
    fill = world.fill("", Side.SELL, "0.1", 50_000, venue_order_id="v1")
    announce(world, "e", Side.SELL, "0.1", reduce_only=True)
    world.tell(fill)
    assert len(world.line().unexplained) == 1
    world.read()
    assert world.triggers() == ["UNEXPECTED_FILL"]


def test_a_late_fill_of_a_finished_order_is_not_of_it() -> None:
    world = desk()
    world.buy("0.4", 50_000, client_order_id="a")
    world.look_up(world.row("a", Side.BUY, "0.4", 50_000, status=VenueStatus.CANCELLED, filled=0, venue_order_id="v1"))
    reservation = announce(world, "e", Side.BUY, "0.4")
    world.fill("a", Side.BUY, "0.4", venue_order_id="v1")
    assert not reservation.at_venue
    assert world.position() == D("0.4")
    world.read([world.row("a", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    assert not reservation.at_venue


def test_a_name_at_the_venue_that_is_anothers_here_is_not_taken() -> None:
    world = desk()
    world.buy("0.1", 50_000, client_order_id="web-7")
    reservation = announce(world, "e", Side.SELL, "0.4")
    world.read([world.row("web-7", Side.SELL, "0.4", 50_000, venue_order_id="v1")])
    assert (reservation.at_venue, reservation.ids) == (True, ("e",))
