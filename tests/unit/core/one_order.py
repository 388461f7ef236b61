"""A world with one approved order, "a", and when it is certain that nothing of it is on its way any more."""

from risksvc.core.types import SECOND
from tests.unit.core.builders import World, given

WINDOW = SECOND  # the venue window of the defaults; an approval is valid for 100 ms


def approved() -> World:
    """Buy 0.5 at 50,000 under the id "a"."""
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    return world


def closed(world: World) -> int:
    """The time at which approval and venue window have run out."""
    found = world.reservation("a")
    assert found is not None
    return found.valid_until + WINDOW
