"""One id, one order, one decision, one reservation (I4); ids are remembered after their order has ended."""

from dataclasses import replace
from typing import Any

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.id_archive import GENERATIONS, IdArchive, Remembered
from risksvc.core.outputs import Decision
from risksvc.core.reservations import fingerprint
from risksvc.core.types import SECOND, Order, OrderType, ReplaceMode, Scope, Side, TradingState
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.builders import World, given, reasons
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, D

REUSED = DenialReason.CLIENT_ORDER_ID_REUSED


def approved(world: World) -> Decision:
    decision = world.buy("0.1", 50_000, client_order_id="a")
    assert decision.approved, decision.denials
    return decision


def test_the_same_question_gets_the_same_answer_and_one_reservation() -> None:
    world = given()
    first = approved(world)
    again = approved(world)
    assert again == first
    assert world.book.total == 5_000
    assert len(world.book.live()) == 1


def test_the_answer_is_never_given_a_new_end() -> None:
    world = given()
    first = approved(world)
    world.wait(1)
    assert approved(world).valid_until == first.valid_until < world.now


def test_equal_numbers_written_otherwise_are_the_same_order() -> None:
    world = given()
    first = approved(world)
    again = world.buy("0.100", "50000.00", client_order_id="a")
    assert again == first


OTHERS: dict[str, dict[str, Any]] = {
    "quantity": {"quantity": D("0.2")},
    "price": {"limit_price": D(49_999)},
    "side": {"side": Side.SELL},
    "type": {"type": OrderType.MARKET, "limit_price": None},
    "instrument": {"instrument": ETH},
    "strategy": {"strategy": BETA},
    "reduce only": {"reduce_only": True},
    "replaces": {"replaces": "x"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_order_under_the_id_is_denied(what: str) -> None:
    world = given()
    order = world.order(Side.BUY, "0.1", 50_000, client_order_id="a")
    assert world.check(order).approved
    assert REUSED in reasons(world.check(replace(order, **OTHERS[what])))
    assert len(world.book.live()) == 1


def test_the_way_of_replacing_is_part_of_an_order_that_replaces() -> None:
    order = Order(ACCOUNT, ALPHA, "a", BTC, Side.BUY, OrderType.LIMIT, D(1), D(1))
    amending = replace(order, replace_mode=ReplaceMode.AMEND)
    assert fingerprint(order) == fingerprint(amending)
    assert fingerprint(replace(order, replaces="b")) != fingerprint(replace(amending, replaces="b"))


def test_a_denied_id_stays_denied_for_the_same_reasons() -> None:
    world = given()
    first = world.buy("0.1005", 53_000, client_order_id="a")
    again = world.buy("0.1005", 53_000, client_order_id="a")
    assert reasons(again) == reasons(first)
    assert "new client order id" in again.denials[0].message
    assert REUSED in reasons(world.buy("0.1", 50_000, client_order_id="a"))


def test_after_a_halt_the_same_question_is_denied_and_the_reservation_stays() -> None:
    world = given()
    approved(world)
    world.halt()
    assert reasons(world.buy("0.1", 50_000, client_order_id="a")) == [DenialReason.HALTED]
    assert world.book.total == 5_000


def test_in_reducing_the_same_question_is_denied_unless_it_reduces() -> None:
    world = given()
    world.hold("h", 1)
    assert world.sell("0.1", 50_000, client_order_id="s").approved
    assert world.sell("0.1", 50_000, client_order_id="r", reduce_only=True).approved
    world.halt(state=TradingState.REDUCING)
    assert reasons(world.sell("0.1", 50_000, client_order_id="s")) == [DenialReason.REDUCING_ONLY]
    assert world.sell("0.1", 50_000, client_order_id="r", reduce_only=True).approved


def test_an_approval_from_before_a_halt_is_void_after_the_resume() -> None:
    world = given()
    approved(world)
    world.read([world.row("a", Side.BUY, "0.1", 50_000)])
    halt = world.halt(Scope(ACCOUNT, strategy=ALPHA))
    world.wait(1)
    world.resume(halt)
    assert world.halts() == []
    assert reasons(world.buy("0.1", 50_000, client_order_id="a")) == [REUSED]
    assert world.buy("0.1", 50_000).approved


def test_an_id_whose_order_has_ended_is_not_approved_again() -> None:
    world = given()
    approved(world)
    world.look_up(world.row("a", Side.BUY, "0.1", 50_000, status=VenueStatus.CANCELLED))
    assert world.reservation("a") is None
    assert reasons(world.buy("0.1", 50_000, client_order_id="a")) == [REUSED]
    assert world.book.total == 0


def test_an_id_that_was_found_at_the_venue_can_not_be_used() -> None:
    world = given()
    world.read([world.row("a", Side.BUY, "0.1", 50_000, venue_order_id="v")])
    assert REUSED in reasons(world.buy("0.1", 50_000, client_order_id="a", strategy=BETA))
    world.read()
    world.resume_by_two(*world.halts())
    assert reasons(world.buy("0.1", 50_000, client_order_id="a", strategy=BETA)) == [REUSED]


def test_ended_and_denied_ids_are_forgotten_after_ten_minutes_and_live_ones_never() -> None:
    world = given()
    approved(world)
    world.buy("1.001", 50_000, client_order_id="d", strategy=BETA)
    world.read([world.row("a", Side.BUY, "0.1", 50_000)])
    world.wait(601)
    world.buy("1.001", 50_000, client_order_id="e")
    assert world.book.archive.find("d", bytes(8)) is None
    assert reasons(world.buy("0.2", 50_000, client_order_id="a")) == [REUSED]


def test_an_order_that_ends_late_is_remembered_from_its_end() -> None:
    world = given()
    approved(world)
    world.read([world.row("a", Side.BUY, "0.1", 50_000)])
    world.wait(3_000)
    world.look_up(world.row("a", Side.BUY, "0.1", 50_000, status=VenueStatus.CANCELLED))
    world.buy("1.001", 50_000, client_order_id="d")
    assert reasons(world.buy("0.1", 50_000, client_order_id="a", strategy=ALPHA)) == [REUSED]


def test_a_void_or_unknown_account_remembers_nothing() -> None:
    world = given()
    world.buy("0.1", 50_000, account="other", client_order_id="x")
    assert len(world.book.archive) == 0


# -- the memory itself --------------------------------------------------------------------------------------------


def test_the_archive_keeps_what_was_asked_and_why_it_was_denied() -> None:
    archive = IdArchive(keep=10, keep_ns=SECOND)
    archive.add("a", b"12345678", reasons=(DenialReason.GATE_FAULT, DenialReason.HEADROOM_RESERVED), now=7)
    both = (DenialReason.GATE_FAULT, DenialReason.HEADROOM_RESERVED)
    assert archive.find("a", b"12345678") == Remembered(same=True, reasons=both)
    assert archive.find("a", b"87654321") == Remembered(same=False, reasons=both)
    archive.add("b", bytes(8), reasons=(), now=8)
    assert archive.find("b", bytes(8)) == Remembered(same=True, reasons=())
    assert archive.find("c", bytes(8)) is None


def test_the_archive_forgets_by_number() -> None:
    archive = IdArchive(keep=4 * GENERATIONS, keep_ns=SECOND)
    for number in range(20 * GENERATIONS):
        archive.add(f"o{number}", bytes(8), reasons=(), now=number)
        assert len(archive) <= 4 * GENERATIONS
    last = [f"o{number}" for number in range(20 * GENERATIONS - 3 * GENERATIONS, 20 * GENERATIONS)]
    assert all(archive.find(id_, bytes(8)) for id_ in last)
    assert archive.find("o0", bytes(8)) is None


def test_the_archive_forgets_by_age() -> None:
    archive = IdArchive(keep=1_000, keep_ns=SECOND)
    archive.add("a", bytes(8), reasons=(), now=0)
    archive.add("b", bytes(8), reasons=(), now=SECOND)
    assert archive.find("a", bytes(8))
    archive.add("c", bytes(8), reasons=(), now=SECOND + 1)
    assert archive.find("b", bytes(8))
    archive.add("d", bytes(8), reasons=(), now=2 * SECOND + 1)
    assert [archive.find(id_, bytes(8)) is not None for id_ in "abcd"] == [False, False, True, True]
