"""What concerns an account as a whole, and what the venue makes by itself: told once, over when its cause is gone."""

import pytest

from risksvc.core.divergences import DIVERGENCES, DivergenceClass
from risksvc.core.outputs import Notice, NoticeKind
from risksvc.core.types import Side
from risksvc.core.venue_events import FillKind, HistoryGapFound, ReadFailed, VenueOrder
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, SPOT, D

ARISES, OVER = NoticeKind.CONDITION, NoticeKind.CONDITION_CLEARED


def told(world: World) -> list[tuple[NoticeKind, str]]:
    return [(one.kind, one.name) for one in world.notices()]


def test_every_class_has_its_rule() -> None:
    assert list(DIVERGENCES) == list(DivergenceClass)


@pytest.mark.parametrize(("unknown", "name"), [("", "UNREADABLE_VENUE"), ("NEW/USDT:USDT", "UNKNOWN_INSTRUMENT")])
def test_a_read_that_fails_is_a_condition_until_a_good_one(unknown: str, name: str) -> None:
    world = given()
    failed = ReadFailed(ACCOUNT, "positions", "HTTP 502", unknown)
    world.apply(failed)
    assert told(world) == [(ARISES, name)]
    world.apply(failed)
    assert told(world) == []
    assert world.book.conditions[name].seen == 2
    assert (unknown or "HTTP 502") in world.book.conditions[name].message
    world.read()
    assert (OVER, name) in told(world)
    assert not world.book.conditions


def test_a_venue_that_falls_silent_is_stale_until_it_is_read() -> None:
    world = given()
    world.wait(5, fresh=False).tick()
    assert told(world) == []
    world.wait(2, fresh=False).tick()
    assert told(world) == [(ARISES, "STALE_VENUE")]
    assert world.tick() == ()
    world.read()
    assert told(world) == [(OVER, "STALE_VENUE")]


@pytest.mark.parametrize("kind", [FillKind.LIQUIDATION, FillKind.ADL, FillKind.DELIVERY])
def test_what_the_venue_makes_is_told_and_closes_what_its_holder_had(kind: FillKind) -> None:
    world = given()
    world.hold("a", "0.5")
    world.fill("", Side.SELL, "0.5", kind=kind)
    assert (NoticeKind.VENUE_EVENT, kind.value) in told(world)
    assert (world.line().ledger, world.line().adopted, world.position()) == (D(0), D(0), D(0))
    assert world.triggers() == ([] if kind is FillKind.DELIVERY else [kind.value])


def test_a_transfer_of_an_asset_moves_the_ledger_and_halts_nothing() -> None:
    world = given()
    world.fill("", Side.BUY, 3, 1, instrument=SPOT)  # so that the asset has a line
    world.book.lines["LTC"].unexplained.clear()
    world.book.lines["LTC"].suspicions.clear()
    world.tell(world.make_fill("", Side.BUY, 2, 1, instrument="LTC", kind=FillKind.TRANSFER))
    assert (NoticeKind.VENUE_EVENT, "TRANSFER") in told(world)
    assert world.book.lines["LTC"].ledger == 5
    world.read(positions={"LTC": 5})
    assert world.halts() == []


def test_a_history_gap_is_told_and_closes_until_a_read_agrees_or_somebody_adopts() -> None:
    world = given()
    world.hold("a", "0.5")
    world.apply(HistoryGapFound(ACCOUNT, 1_000, 2_000))
    assert told(world) == [(NoticeKind.HISTORY_GAP, "HISTORY_GAP")]
    assert "from 1000 to 2000 ms" in world.book.last_read_failure
    assert [one.reason.name for one in world.buy("0.1", 50_000).denials] == ["NOT_ADOPTED"]
    world.read(positions={BTC: "0.9"})
    assert not world.book.adopted
    assert world.halts() == []
    world.read()
    assert world.book.adopted


@pytest.mark.parametrize("event", [ReadFailed("other", "fills", "x"), HistoryGapFound("other", 1, 2)])
def test_an_account_that_is_not_known_is_nobodys(event: ReadFailed | HistoryGapFound) -> None:
    assert given().apply(event) == ()


# -- take-profit and stop-loss ------------------------------------------------------------------------------------


def child(world: World, **changes: object) -> VenueOrder:
    chosen: dict[str, object] = {"attached": True, "reduce_only": True, "venue_order_id": "child"} | changes
    return world.row("", Side.SELL, "0.5", 60_000, **chosen)


def test_an_attached_order_inherits_the_approval_of_its_parent() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    row = world.row("a", Side.BUY, "0.5", 50_000, venue_order_id="v")
    world.read([row, child(world, parent_order_id="a")])
    assert world.halts() == []
    world.fill("a", Side.BUY, "0.5", venue_order_id="v")
    world.read([child(world, parent_order_id="v")])
    assert world.halts() == []
    world.fill("", Side.SELL, "0.5", venue_order_id="child")
    assert world.position() == 0
    world.read()
    assert world.halts() == []


def test_one_whose_parent_is_finished_is_its_as_well() -> None:
    world = given()
    assert world.buy("0.5", 50_000, client_order_id="a").approved
    world.fill("a", Side.BUY, "0.5", venue_order_id="v")
    assert world.reservation("a") is None
    world.read([child(world, parent_order_id="v")])
    assert world.halts() == []
    found = world.book.by_venue_id["child"]
    assert (found.order.strategy, found.explained) == (ALPHA, True)


def test_without_a_parent_it_is_the_only_holders() -> None:
    world = given()
    world.hold("a", "0.5")
    world.read([child(world)])
    assert world.halts() == []
    assert world.book.by_venue_id["child"].order.strategy == ALPHA


@pytest.mark.parametrize("wrong", [{"attached": False}, {"reduce_only": False}, {"parent_order_id": "nobody's"}])
def test_what_could_grow_or_belongs_to_nobody_is_unexpected(wrong: dict[str, object]) -> None:
    world = given()
    if "parent_order_id" not in wrong:
        world.hold("a", "0.5")
    world.read([child(world, **wrong)])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_notices_name_the_class() -> None:
    world = given()
    world.apply(ReadFailed(ACCOUNT, "fills", "timed out"))
    first = world.notices()[0]
    assert first == Notice(ARISES, ACCOUNT, "UNREADABLE_VENUE", "fills: timed out")
