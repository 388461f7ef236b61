"""Adoption in hedge mode: leg by leg, and the net where fills that named no leg have moved it alone."""

from risksvc.core.adoption import unexplained_items
from risksvc.core.outputs import Adopted
from risksvc.core.types import Side
from risksvc.core.venue_events import VenuePosition
from tests.unit.core.builders import given
from tests.unit.core.catalogue import BTC, D, feed


def test_in_hedge_mode_the_net_is_adopted_when_fills_without_a_leg_have_moved_it_alone() -> None:
    world = given()
    world.apply(feed(hedge_mode=True))
    world.fill("", Side.BUY, 1)  # told before the account was known to hedge
    shown = [VenuePosition(BTC, D("-0.4"), long=D(0), short=D("0.4"))]
    for _ in range(4):
        world.wait(2)
        world.read(shown=shown)
    for _ in range(3):  # the fill and a leg, then the net
        items = tuple(unexplained_items(world.book))
        if items:
            assert isinstance(world.adopt(*items), Adopted)
        world.wait(2)
        world.read(shown=shown)
    assert list(unexplained_items(world.book)) == []
    line = world.line()
    assert (line.ledger, line.long, line.short, line.suspicions) == (D("-0.4"), D(0), D("0.4"), {})
