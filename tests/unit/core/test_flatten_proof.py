"""What proves that a scope is flat, and what does not (I17): a query in the middle of a flatten proves nothing."""

from risksvc.core import venue_events
from risksvc.core.events import OrderReport
from risksvc.core.flatten.events import FlattenConfirmed, FlattenOutcome, FlattenTarget
from risksvc.core.flatten.proof import phase_of
from risksvc.core.flatten.run import FlattenPhase, OrderEnd
from risksvc.core.types import MILLISECOND, SECOND, PositionRange, Scope, Side
from risksvc.core.venue_events import VenuePosition
from tests.unit.core.a_flatten import (
    answered,
    ask,
    begin,
    cut,
    fill_whole,
    holding,
    lines,
    name_cause,
    newest,
    phase,
    prove,
    ready,
    send,
    waits,
)
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BETA, BTC, ETH, SPOT, D, feed


def sold(world: World) -> tuple[str, World]:
    run = ready(world)
    (sent,) = send(world, run, cut("0.5"))
    return sent, world


def test_a_query_that_shows_flat_while_an_order_is_not_final_proves_nothing() -> None:
    """The seed's sixth failure: flat was read while orders were under way, and their fills came two minutes later."""
    sent, world = sold(holding())
    run = newest(world)
    order = run.orders[sent].order
    fill = world.make_fill(sent, Side.SELL, "0.3", 50_000)
    world.executed(fill)
    for _ in range(4):
        world.now += 2 * SECOND
        world.read(world.working_rows(), positions={})  # the venue's position list says: nothing is held
    assert run.runs
    assert phase(world, run) == "SETTLING"
    assert run.certificate is None
    world.tell(fill)
    assert order.quantity == D("0.5")
    assert run.certificate is None


def test_one_read_is_not_enough() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.read()
    assert phase(world, run) == "CONFIRMING"
    assert waits(world, run) == "a second complete read that shows the same"


def test_the_second_read_begins_when_the_positions_lag_is_over() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    for _ in range(3):
        world.now += 100 * MILLISECOND
        world.read()
    assert run.runs
    world.now += 2 * SECOND
    world.read()
    assert run.result is FlattenPhase.FLAT


def test_two_reads_that_overlap_count_as_one() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.now += 3 * SECOND
    world.read()
    world.read(took_ms=2_000)
    assert run.runs
    assert len(run.proof) == 1
    world.now += SECOND
    world.read()
    assert run.result is FlattenPhase.FLAT


def test_a_read_that_began_before_the_last_order_was_final_does_not_count() -> None:
    sent, world = sold(holding())
    run = newest(world)
    began = world.now
    fill_whole(world, run, sent)
    world.read(as_of=began)
    assert phase(world, run) == "READING"


def test_a_late_read_is_passed_over() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.read()
    known = run.proof
    world.read(as_of=run.started_at)
    assert run.proof == known


def test_an_order_that_the_venue_still_shows_is_no_proof() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.now += SECOND
    shown = world.row(sent, Side.SELL, "0.5", 50_000, reduce_only=True)
    world.read([shown])
    assert not run.proof


def test_a_trigger_order_in_scope_is_none_either() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    stop = world.row("stop", Side.SELL, "0.5", instrument=ETH, trigger_price=D(1), venue_order_id="v9")
    world.wait(3)
    world.read([stop])
    world.now += 3 * SECOND
    world.read([stop])
    assert phase(world, run) == "CANCELLING"
    assert run.certificate is None
    world.read()
    prove(world)
    assert run.result is FlattenPhase.FLAT


def test_a_foreign_fill_between_two_reads_begins_the_proof_anew() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.read()
    world.fill("", Side.BUY, "0.1")
    world.wait(3)
    assert run.runs
    assert phase(world, run) == "SENDING"
    (more,) = send(world, run, cut("0.1"))
    fill_whole(world, run, more)
    prove(world)
    assert run.result is FlattenPhase.FLAT


def test_a_difference_that_no_fill_explains_is_not_flat() -> None:
    sent, world = sold(holding())
    run = newest(world)
    fill_whole(world, run, sent)
    world.venue[BTC] = D("0.1")
    world.wait(3)
    world.wait(3)
    assert not run.proof
    world.wait(60)
    world.tick()
    assert run.result is FlattenPhase.GAPS
    assert any("the venue says 0.1, the ledger 0" in one for one in run.gaps)


def test_what_the_venue_has_never_shown_is_told_as_unknown() -> None:
    world = holding()
    run = ready(world)
    world.line(ETH).differ((world.line(ETH).drift.__class__(D(1)),))
    world.wait(61, fresh=False)
    world.tick()
    assert run.result is FlattenPhase.GAPS


def test_an_account_that_is_not_adopted_is_not_flat() -> None:
    world = given()
    world.halt()
    run = begin(world)
    world.book.adopted = False
    world.book.feed_connected = True
    world.read(shown=[VenuePosition(ETH, D(1))])
    world.now += 3 * SECOND
    assert not run.proof


def test_nothing_held_is_flat_after_two_reads() -> None:
    world = given()
    world.halt()
    run = begin(world)
    prove(world)
    assert run.result is FlattenPhase.FLAT
    assert "0 orders" in lines(world, "FLAT")[0]


def test_dust_below_the_step_is_a_gap_at_once() -> None:
    world = given()
    world.buy("1", 100, client_order_id="l", instrument=SPOT)
    world.fill("l", Side.BUY, "1", 100, instrument=SPOT, fee=D("0.00005"), fee_currency="LTC")
    world.venue["LTC"] = D("0.99995")
    world.wait(3)
    world.halt()
    run = ready(world)
    (sent,) = send(world, run, cut("1", symbol=SPOT))
    assert run.orders[sent].order.quantity == D("0.9999")
    fill_whole(world, run, sent)
    world.read()
    world.now += 3 * SECOND
    world.read()
    assert run.result is FlattenPhase.GAPS
    assert run.gaps == (
        "what is left can't be traded",
        f"{SPOT}: 0.00005 is below the venue's step 0.0001: no order can trade it",
    )


def test_parts_that_offset_each_other_are_flat_where_the_venue_holds_nothing() -> None:
    world = given()
    world.hold("a", "0.3")
    world.hold("b", "-0.1", strategy=BETA)
    world.halt()
    run = ready(world)
    (sent,) = send(world, run, cut("0.5"))
    assert (run.orders[sent].order.quantity, run.orders[sent].order.strategy) == (D("0.2"), ALPHA)
    fill_whole(world, run, sent)
    prove(world)
    assert run.result is FlattenPhase.FLAT
    assert (world.position(ALPHA), world.position(BETA)) == (D("0.1"), D("-0.1"))


def test_a_part_that_others_offset_is_a_gap_that_says_so() -> None:
    world = given()
    world.hold("a", "0.3")
    world.hold("b", "-0.3", strategy=BETA)
    world.halt()
    run = ready(world, scope=Scope(ACCOUNT, strategy=ALPHA))
    world.now += 3 * SECOND
    world.read()
    assert run.result is FlattenPhase.GAPS
    assert "0.3 of alpha is left; other parts or orders of the account stand against it" in run.gaps[1]


def test_another_strategys_order_is_no_gap_of_this_one() -> None:
    world = given()
    world.hold("a", "0.3")
    world.buy("0.1", 49_000, client_order_id="b", strategy=BETA)
    rows = [world.row("b", Side.BUY, "0.1", 49_000)]
    world.read(rows)
    world.halt()
    run = ready(world, scope=Scope(ACCOUNT, strategy=ALPHA))
    (sent,) = send(world, run, cut("0.3"))
    fill_whole(world, run, sent)
    prove(world)
    assert run.result is FlattenPhase.FLAT


# -- to the authorised size -----------------------------------------------------------------------------------------


def test_the_authorised_size_is_reached_and_said_so() -> None:
    world = given()
    world.hold("a", "0.9")
    world.buy("0.001", 49_000, client_order_id="say", intent=PositionRange(D("0.2"), D("0.4")))
    world.not_found("say", as_of=world.now + 10 * SECOND)
    world.halt()
    name_cause(world)
    answer = ask(world, target=FlattenTarget.AUTHORISED)
    world.apply(FlattenConfirmed(answer.proposal_id, "rita"))  # type: ignore[union-attr]
    run = newest(world)
    assert run.targets == {(BTC, ALPHA): D("0.4")}
    world.read(world.working_rows())
    (sent,) = send(world, run, cut(1))
    assert run.orders[sent].order.quantity == D("0.5")
    fill_whole(world, run, sent)
    prove(world)
    assert run.result is FlattenPhase.REACHED
    assert run.certificate is not None
    assert run.certificate.positions == ((BTC, D("0.4")),)
    assert "the authorised size is REACHED" in lines(world, "FLAT")[0]


# -- hedge mode -----------------------------------------------------------------------------------------------------


def hedged() -> World:
    world = given()
    world.apply(feed(hedge_mode=True))
    for id_, side, leg in (("l", Side.BUY, venue_events.Leg.LONG), ("s", Side.SELL, venue_events.Leg.SHORT)):
        strategy = ALPHA if side is Side.BUY else BETA
        world.check(world.order(side, "0.3", 50_000, client_order_id=id_, strategy=strategy))
        world.tell(world.make_fill(id_, side, "0.3", 50_000, leg=leg))
    show(world, "0.3", "0.3")
    world.halt()
    return world


def show(world: World, long: str, short: str) -> None:
    world.now += 3 * SECOND
    world.lease()
    world.marks()
    row = VenuePosition(BTC, D(long) - D(short), long=D(long), short=D(short))
    world.read(shown=[row] if D(long) or D(short) else [])


def test_in_hedge_mode_both_legs_are_closed() -> None:
    world = hedged()
    run = begin(world)
    show(world, "0.3", "0.3")
    assert phase(world, run) == "SENDING"
    sent = send(world, run, cut("0.3"), cut("0.3", side=Side.BUY))
    made = [(run.orders[one].order.side, run.orders[one].order.strategy) for one in sent]
    assert made == [(Side.SELL, ALPHA), (Side.BUY, BETA)]
    for one, leg in zip(sent, (venue_events.Leg.LONG, venue_events.Leg.SHORT), strict=True):
        answered(world, run, one)
        world.tell(world.make_fill(one, run.orders[one].order.side, "0.3", 50_000, leg=leg))
    show(world, "0.1", "0.1")
    assert not run.proof, "the net is nothing, and both legs are open"
    show(world, "0", "0")
    show(world, "0", "0")
    assert run.result is FlattenPhase.FLAT, run.gaps


def test_an_account_whose_book_is_gone_reads() -> None:
    world = holding()
    run = begin(world)
    assert phase_of(None, run) is FlattenPhase.READING
    answered(world, run, "nothing", FlattenOutcome.PLACED)
    assert OrderEnd.UNKNOWN not in {one.end for one in run.orders.values()}


def test_what_no_read_can_show_at_this_venue_is_in_the_certificate() -> None:
    unseen = "bybit: conditional orders: no: in a list of their own, which is not read"
    world = given()
    world.apply(feed(limitations=(unseen, "bybit: spot: partly")))
    world.halt()
    run = begin(world)
    prove(world)
    assert run.certificate is not None
    assert run.certificate.not_seen == (unseen,)
    assert lines(world, "FLAT")[0].endswith(f"; NOT SEEN: {unseen}")


def test_without_a_feed_in_memory_nothing_is_said_of_it() -> None:
    world = given()
    world.halt()
    run = begin(world)
    world.book.feed = None
    prove(world)
    world.wait(3)
    assert run.certificate is not None
    assert run.certificate.not_seen == ()


def test_a_read_that_began_before_a_report_settled_an_order_does_not_count() -> None:
    """The venue's fill names its order by an id that only the strategy's report ties to it; that proves it final."""
    world = given()
    world.buy("0.5", client_order_id="a")
    world.halt()
    run = begin(world)
    fill = world.make_fill("", Side.BUY, "0.5", venue_order_id="v1")
    world.executed(fill)
    world.tell(fill)
    assert phase(world, run) == "CANCELLING"
    began = world.now
    world.now += SECOND
    world.report("a", OrderReport.ACKNOWLEDGED, venue_id="v1")
    assert phase(world, run) == "READING"
    assert run.settled_after == world.now
    world.read(as_of=began)
    assert run.read is None
