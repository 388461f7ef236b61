"""Announced orders: the same rules, a longer time, and when they end."""

from dataclasses import replace
from typing import Any

import pytest

from risksvc.core.denials import DenialReason
from risksvc.core.events import GateStarted, OrderReport
from risksvc.core.gate import RiskGate
from risksvc.core.outputs import LookUp, Notice
from risksvc.core.types import SECOND, ZERO, Side, TradingState
from tests.unit.core.a_desk import DESK, MINUTE, announce, ask, desk, ended, suspected
from tests.unit.core.builders import reasons
from tests.unit.core.catalogue import ACCOUNT, ALPHA, D, feed

# -- the check ----------------------------------------------------------------------------------------------------


def test_it_is_checked_like_any_order_and_reserves() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4")
    assert (reservation.expected, reservation.unnamed, reservation.by) == (True, True, "olga")
    assert reservation.valid_until == world.now + MINUTE
    assert world.line().worst.exposure == D(20_000)
    assert reasons(ask(world, world.order(Side.BUY, "0.7", 50_000, strategy=DESK)))[0] is DenialReason.HEADROOM_RESERVED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"strategy": "nobody"}, DenialReason.STRATEGY_UNKNOWN),
        ({"instrument": "DOGE/USDT:USDT"}, DenialReason.INSTRUMENT_UNKNOWN),
        ({"account": "other"}, DenialReason.ACCOUNT_UNKNOWN),
        ({"quantity": D("0.0001")}, DenialReason.QUANTITY_OFF_STEP),
        ({"limit_price": D(60_000)}, DenialReason.PRICE_COLLAR),
        ({"quantity": D(2)}, DenialReason.MAX_NET_EXPOSURE),
        ({"strategy": ALPHA}, DenialReason.INTENT_MISSING),
        ({"replaces": "x"}, DenialReason.INVALID_REQUEST),
        ({"limit_price": None}, DenialReason.INVALID_REQUEST),
    ],
)
def test_it_is_denied_like_any_order(change: dict[str, Any], reason: DenialReason) -> None:
    world = desk()
    order = replace(world.order(Side.BUY, "0.1", 50_000, strategy=DESK), **change)
    assert reasons(ask(world, order))[0] is reason


@pytest.mark.parametrize(("seconds", "passes"), [(0, False), (1, True), (3600, True), (3601, False)])
def test_it_may_take_a_second_to_an_hour(seconds: int, passes: bool) -> None:  # noqa: FBT001 - a table's column
    world = desk()
    decision = ask(world, world.order(Side.BUY, "0.1", 50_000, strategy=DESK), valid_for=seconds * SECOND)
    assert decision.approved is passes
    assert passes or reasons(decision) == [DenialReason.INVALID_REQUEST]


def test_halts_deny_it() -> None:
    world = desk()
    world.halt()
    assert reasons(ask(world, world.order(Side.SELL, "0.1", 50_000, strategy=DESK, reduce_only=True)))[0] is (
        DenialReason.HALTED
    )
    world = desk()
    world.halt(state=TradingState.REDUCING)
    assert DenialReason.REDUCING_ONLY in reasons(ask(world, world.order(Side.BUY, "0.1", 50_000, strategy=DESK)))


def test_a_desk_is_not_asked_for_a_belief_but_one_that_was_told_must_agree() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.fill("", Side.BUY, "0.4", venue_order_id="v1")
    world.wait(60)
    announce(world, "f", Side.BUY, "0.1")
    world.believe("0.2", strategy=DESK)
    assert DenialReason.BELIEF_MISMATCH in reasons(ask(world, world.order(Side.BUY, "0.1", 50_000, strategy=DESK)))


def test_what_was_announced_explains_no_difference_between_belief_and_ledger() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4", named=True)
    assert not world.believe("0.4", strategy=DESK).agrees


def test_a_breach_trips_like_any_orders() -> None:
    world = desk()
    ask(world, world.order(Side.BUY, 2, 50_000, strategy=DESK))
    assert world.triggers() == ["LIMIT_BREACH"]


def test_only_an_order_that_will_carry_its_id_needs_one_that_the_venue_can_carry() -> None:
    world = desk()
    order = world.order(Side.BUY, "0.1", 50_000, strategy=DESK, client_order_id="a name: of ours")
    assert reasons(ask(world, order, named=True)) == [DenialReason.CLIENT_ORDER_ID_INVALID]
    order = replace(order, client_order_id="another name: of ours")
    assert ask(world, order).approved


def test_the_same_announcement_twice_is_one() -> None:
    world = desk()
    order = world.order(Side.BUY, "0.4", 50_000, strategy=DESK)
    assert ask(world, order) == ask(world, order)
    assert world.line().working.buy == D("0.4")


# -- its end ------------------------------------------------------------------------------------------------------


def test_time_alone_never_ends_it_a_complete_read_after_it_does() -> None:
    world = desk()
    reservation = announce(world, "e", Side.BUY, "0.4")
    world.wait(50)
    assert world.reservation("e") is reservation
    over = reservation.valid_until + world.book.config.venue_window_ns
    world.now = over + SECOND
    world.lease()
    assert not [one for one in world.tick() if isinstance(one, LookUp)]
    world.not_found("e")
    world.read(as_of=over)
    assert world.reservation("e") is reservation
    world.read(as_of=over + 1)
    assert world.reservation("e") is None
    assert ended(world) == ["e: announced, and its time ran out without an order"]
    assert world.line().worst.exposure == ZERO


def test_with_a_name_it_ends_by_a_look_up_like_any_order() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4", named=True)
    world.wait(62)
    world.tick()
    assert world.one(world.outputs, LookUp).orders[0].client_order_id == "e"
    world.not_found("e")
    assert world.reservation("e") is None


def test_an_order_that_comes_after_its_end_is_unexpected() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.wait(62)
    world.read([world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    assert world.triggers() == ["UNEXPECTED_ORDER"]


def test_nobody_but_the_venue_says_what_became_of_it() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    for what in OrderReport:
        assert not world.report("e", what, strategy=DESK).known
    assert world.reservation("e") is not None


def test_it_outlives_a_restart_and_a_replay_gives_the_same() -> None:
    world = desk()
    announce(world, "e", Side.BUY, "0.4")
    world.apply(GateStarted(world.config))
    world.apply(feed())
    world.refresh()
    world.read([world.row("", Side.BUY, "0.4", 50_000, venue_order_id="v1")])
    again = RiskGate()
    outputs = [output for event, now in world.inputs for output in again.apply(event, now)]
    assert [one for one in outputs if isinstance(one, Notice)] == world.told
    assert again.state.accounts[ACCOUNT].by_venue_id["v1"].order.client_order_id == "e"
    assert suspected(world) == []
