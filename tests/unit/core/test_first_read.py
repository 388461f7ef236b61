"""What filled before the very first read is in what that showed: a feed that begins anew tells of history."""

from risksvc.core.types import MILLISECOND, Side
from tests.unit.core.builders import given
from tests.unit.core.catalogue import BTC, D


def test_a_fill_of_before_the_first_read_is_not_counted_twice() -> None:
    world = given()
    world.tell(world.make_fill("", Side.BUY, 1, venue_time_ms=world.book.anchor_ms - 1))
    assert not world.line(BTC).ledger
    assert not world.line(BTC).unexplained


def test_one_of_after_it_counts() -> None:
    world = given()
    world.fill("", Side.BUY, 1, venue_time_ms=world.book.anchor_ms)
    assert world.line(BTC).ledger == 1
    assert world.line(BTC).unexplained


def test_one_that_an_approval_explains_counts_whatever_its_time_says() -> None:
    world = given()
    decision = world.buy("0.1", 50_000, client_order_id="a")
    assert decision.approved
    world.fill("a", Side.BUY, "0.1", venue_time_ms=world.book.anchor_ms - 1)
    assert world.position() == D("0.1")
    assert world.book.anchor_ms < world.now // MILLISECOND
