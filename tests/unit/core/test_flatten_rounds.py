"""A flatten's rounds: when one may be sent, what its orders are, and what their answers and ends mean (I16)."""

from dataclasses import replace

import pytest

from risksvc.core import events, venue_events
from risksvc.core.flatten.events import FlattenOrderAnswered, FlattenOutcome, FlattenSliced, FlattenStopped
from risksvc.core.flatten.run import OrderEnd
from risksvc.core.outputs import Decision, RefusalReason
from risksvc.core.reservations import ReservationStatus
from risksvc.core.types import SECOND, OrderType, Scope, Side
from risksvc.core.venue_events import VenueStatus
from tests.unit.core.a_flatten import (
    answered,
    begin,
    cut,
    end_unfilled,
    fill_whole,
    holding,
    lines,
    phase,
    prove,
    ready,
    refused,
    send,
    waits,
)
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, D, feed, instrument, limit


def test_a_round_is_approved_reserved_and_kept_in_one_step() -> None:
    world = holding()
    run = ready(world)
    assert phase(world, run) == "SENDING"

    outputs = world.apply(FlattenSliced(run.flatten_id, (cut("0.2", price=49_000),)))

    decision = world.one(outputs, Decision)
    assert decision.approved
    (one,) = run.orders.values()
    assert (one.order.side, one.order.quantity, one.order.limit_price) == (Side.SELL, D("0.2"), D(49_000))
    assert (one.order.strategy, one.order.reduce_only, one.order.type) == (ALPHA, True, OrderType.LIMIT)
    assert one.valid_until - one.approved_at == 2 * SECOND
    assert world.reservation(decision.client_order_id) is not None
    assert phase(world, run) == "SETTLING"
    assert "0.2 BTC/USDT:USDT at 49000 of alpha" in lines(world, "FLATTEN_STEP")[0]


def test_an_id_is_hexadecimal_and_never_used_again() -> None:
    world = holding()
    run = ready(world)
    first, *_ = send(world, run, cut("0.2"))
    fill_whole(world, run, first)
    world.read()
    second, *_ = send(world, run, cut("0.1"))
    assert int(first, 16)
    assert (len(first), len(second)) == (22, 22)
    assert first[:-5] == second[:-5]
    assert int(second[-5:], 16) == int(first[-5:], 16) + 1


def test_an_id_is_as_short_as_the_venue_wants_it() -> None:
    world = holding()
    world.apply(feed(id_max_length=16))
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    assert len(sent) == 16


def test_a_round_never_takes_more_than_is_held_nor_off_the_step() -> None:
    world = holding("0.5")
    run = ready(world)
    (sent,) = send(world, run, cut("7.0005"))
    assert run.orders[sent].order.quantity == D("0.5")


def test_two_slices_of_one_instrument_share_what_is_held() -> None:
    world = holding("0.5")
    run = ready(world)
    sent = send(world, run, cut("0.4"), cut("0.4"))
    assert [run.orders[one].order.quantity for one in sent] == [D("0.4"), D("0.1")]


@pytest.mark.parametrize("slices", [cut("0.1", side=Side.BUY), cut("0.1", symbol=ETH)], ids=["side", "instrument"])
def test_what_is_not_on_the_way_to_the_target_is_not_made_an_order(slices: object) -> None:
    world = holding()
    run = ready(world)
    assert not send(world, run, slices)  # type: ignore[arg-type]
    assert run.read is not None, "nothing was sent, so the read still counts"


def test_a_round_is_shared_out_over_parts_in_the_files_order_then_nobodys() -> None:
    world = given()
    world.hold("b", "0.2", strategy=BETA)
    world.hold("a", "0.3")
    world.fill("", Side.BUY, "0.1")
    world.wait(3)
    run = ready(world)
    sent = send(world, run, cut("0.55"))
    made = [(run.orders[one].order.strategy, run.orders[one].order.quantity) for one in sent]
    assert made == [(ALPHA, D("0.3")), (BETA, D("0.2")), ("", D("0.05"))]


def test_a_market_order_has_no_price() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, replace(cut("0.1"), limit_price=None))
    assert run.orders[sent].order.type is OrderType.MARKET
    assert "0.1 BTC/USDT:USDT market of alpha" in lines(world, "FLATTEN_STEP")[0]


def test_what_the_gate_denies_is_told_and_its_id_is_not_used_again() -> None:
    world = holding()
    run = ready(world)
    assert not send(world, run, cut("0.2", price=1))
    assert run.denied.startswith("BTC/USDT:USDT: PRICE_COLLAR")
    assert phase(world, run) == "SENDING"
    assert waits(world, run) == run.denied
    (sent,) = send(world, run, cut("0.2"))
    assert int(sent[-5:], 16) == 2
    assert not run.denied


def test_what_stands_in_the_way_of_a_round_is_told() -> None:
    world = holding()
    run = ready(world)
    assert not send(world, run, problem="BTC: no book")
    assert waits(world, run) == "BTC: no book"


# -- when none may be sent ------------------------------------------------------------------------------------------


def none_may(world: World, flatten_id: str) -> list[RefusalReason]:
    return refused(world.apply(FlattenSliced(flatten_id, (cut("0.1"),)))[0])


def test_none_before_a_read_that_began_after_all_was_final() -> None:
    world = holding()
    run = begin(world)
    assert phase(world, run) == "READING"
    assert none_may(world, run.flatten_id) == [RefusalReason.ORDER_UNKNOWN]
    world.read(as_of=run.started_at)
    assert phase(world, run) == "READING"
    world.read()
    assert phase(world, run) == "SENDING"


def test_none_while_an_order_in_scope_works() -> None:
    world = given()
    world.hold("h", "0.5")
    world.buy("0.1", 49_000, client_order_id="w")
    world.read([world.row("w", Side.BUY, "0.1", 49_000)])
    world.halt()
    run = begin(world)
    world.read(world.working_rows())
    assert phase(world, run) == "CANCELLING"
    assert waits(world, run).startswith("w (BUY 0.1 BTC/USDT:USDT) is not final")
    assert none_may(world, run.flatten_id) == [RefusalReason.ORDER_UNKNOWN]
    world.look_up(world.row("w", Side.BUY, "0.1", 49_000, status=VenueStatus.CANCELLED))
    assert phase(world, run) == "READING"
    world.read()
    assert phase(world, run) == "SENDING"


def test_none_while_one_of_its_own_is_not_final() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    world.read(world.working_rows())
    assert none_may(world, run.flatten_id) == [RefusalReason.ORDER_UNKNOWN]
    fill_whole(world, run, sent)
    assert none_may(world, run.flatten_id) == [RefusalReason.ORDER_UNKNOWN]
    world.read()
    assert send(world, run, cut("0.2"))


def test_none_without_the_halt() -> None:
    world = holding()
    run = ready(world)
    world.cleared_elsewhere()
    assert none_may(world, run.flatten_id) == [RefusalReason.NOT_HALTED]
    assert "no halt is in force" in waits(world, run)


def test_none_on_an_old_read() -> None:
    world = holding()
    run = ready(world)
    world.wait(7, fresh=False)
    assert none_may(world, run.flatten_id) == [RefusalReason.NO_SNAPSHOT]


def test_none_of_one_that_is_unknown_stopped_or_over() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    assert none_may(world, run.flatten_id) == [RefusalReason.FLATTEN_UNKNOWN]
    fill_whole(world, run, sent)
    assert none_may(world, run.flatten_id) == [RefusalReason.FLATTEN_UNKNOWN]
    assert none_may(world, "x") == [RefusalReason.FLATTEN_UNKNOWN]


def test_where_reduce_only_is_not_enforced_a_read_must_outlast_the_positions_lag() -> None:
    world = holding()
    world.apply(feed(enforces_reduce_only=False))
    run = begin(world)
    world.read()
    assert phase(world, run) == "READING"
    world.now += 2 * SECOND
    world.read()
    assert phase(world, run) == "SENDING"


# -- what becomes of an order ---------------------------------------------------------------------------------------


def test_a_placed_order_is_looked_up_at_once_and_counted_until_it_is_proven() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    answered(world, run, sent, venue_id="v1")
    one = world.reservation(sent)
    assert one is not None
    assert (one.status, one.venue_order_id) == (ReservationStatus.CANCEL_REPORTED, "v1")
    end_unfilled(world, run, sent)
    assert run.orders[sent].end is OrderEnd.CANCELLED


def test_a_refused_order_is_counted_until_the_venue_does_not_know_it() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    answered(world, run, sent, FlattenOutcome.REFUSED)
    world.not_found(sent)
    assert run.orders[sent].end is OrderEnd.UNKNOWN
    assert "have passed and it does not know it" in waits(world, run)
    world.now += 4 * SECOND
    world.not_found(sent)
    assert run.orders[sent].end is OrderEnd.REJECTED
    assert f"{sent}: REFUSED: no" in lines(world, "FLATTEN_STEP")
    world.apply(FlattenStopped(run.flatten_id, "rita", "enough"))
    assert "the venue refused: no" in run.gaps


def test_an_unknown_order_is_waited_for_and_never_sent_again() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    answered(world, run, sent, FlattenOutcome.UNKNOWN)
    world.now += 4 * SECOND
    world.tick()
    assert "look-ups repeat every second" in waits(world, run)
    world.not_found(sent)
    assert run.orders[sent].end is OrderEnd.NOT_FOUND
    world.refresh()
    assert send(world, run, cut("0.2")) != [sent]


def test_an_order_that_the_venue_has_lost_waits_for_a_person() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    answered(world, run, sent)
    world.read([world.row(sent, Side.SELL, "0.2", 50_000, reduce_only=True)])
    world.now += 4 * SECOND
    world.not_found(sent)
    assert "adopt" in waits(world, run)
    world.adopt(events.AdoptItem(BTC, lost_client_order_id=sent))
    assert run.orders[sent].end is not OrderEnd.UNKNOWN


def test_an_answer_about_an_order_that_is_not_its_own_changes_nothing() -> None:
    world = holding()
    run = ready(world)
    for flatten_id, id_ in ((run.flatten_id, "x"), ("x", "y")):
        assert not world.apply(FlattenOrderAnswered(flatten_id, id_, FlattenOutcome.PLACED))


def test_an_answer_that_comes_when_all_is_over_is_kept_and_not_told() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    world.wait(61, fresh=False)
    world.tick()
    assert not run.runs
    answered(world, run, sent, FlattenOutcome.UNKNOWN)
    assert run.orders[sent].error == "no"
    assert not any("UNKNOWN" in one for one in lines(world, "FLATTEN_STEP"))


def test_many_that_are_not_final_are_told_in_short() -> None:
    world = given()
    for number in range(7):
        world.buy("0.01", 49_000, client_order_id=f"w{number}")
    world.halt()
    run = begin(world)
    assert waits(world, run).endswith("… and 2 orders more")


def test_fewer_orders_to_cancel_are_progress() -> None:
    world = given()
    for id_ in ("a", "b"):
        world.buy("0.01", 49_000, client_order_id=id_)
    world.halt()
    rows = [world.row(id_, Side.BUY, "0.01", 49_000) for id_ in ("a", "b")]
    world.read(rows)
    run = begin(world)
    world.read(rows)
    first = run.progress_at
    world.now += 30 * SECOND
    world.read(rows)
    assert run.progress_at == first
    world.look_up(world.row("a", Side.BUY, "0.01", 49_000, status=VenueStatus.CANCELLED))
    world.read(rows[1:])
    assert run.progress_at > first


def test_fills_of_another_account_are_none_of_its_business() -> None:
    world = holding()
    run = ready(world)
    fill = world.make_fill("", Side.SELL, 1)
    world.apply(venue_events.FillsReceived("other", (fill,)))
    world.apply(venue_events.SnapshotReceived("other", world.now, 1, 2, (), ()))
    assert phase(world, run) == "SENDING"
    assert not run.unnamed


def test_a_position_nearer_to_its_target_than_ever_is_progress() -> None:
    world = holding()
    run = ready(world, scope=Scope(ACCOUNT, instrument=BTC))
    world.now += 30 * SECOND
    world.refresh()
    (sent,) = send(world, run, cut("0.2"))
    fill_whole(world, run, sent)
    world.wait(45)
    assert run.runs
    prove(world)
    world.wait(45)
    assert not run.runs


def test_an_order_first_seen_when_it_is_over_need_not_show_that_it_was_reduce_only() -> None:
    world = holding()
    run = ready(world)
    (sent,) = send(world, run, cut("0.2"))
    world.look_up(world.row(sent, Side.SELL, "0.2", 50_000, status=VenueStatus.CANCELLED, reduce_only=False))
    assert run.orders[sent].end is OrderEnd.CANCELLED
    assert world.reservation(sent) is None


def test_what_waits_for_nothing_says_nothing_and_what_waits_for_a_read_says_so() -> None:
    world = holding()
    run = begin(world)
    assert "complete read" in waits(world, run)
    world.read()
    assert waits(world, run) == ""


def test_what_was_denied_last_is_among_the_gaps() -> None:
    world = holding()
    run = ready(world)
    send(world, run, cut("0.2", price=1))
    world.wait(61, fresh=False)
    world.tick()
    assert phase(world, run) == "GAPS"
    assert any("PRICE_COLLAR" in one for one in run.gaps)


def test_an_order_that_warns_of_a_limit_is_an_order_all_the_same() -> None:
    world = holding()
    run = ready(world)
    world.load(instruments={BTC: instrument(max_net_exposure=limit(30_000))})
    assert send(world, run, cut("0.2"))
    assert [one.name for one in world.notices()] == ["max_net_exposure"]
