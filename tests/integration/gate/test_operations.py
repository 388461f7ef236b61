"""The operator's steps against a running gate and a scripted venue: reconcile, adopt, reduce, cancel, look."""

import signal
import threading
from typing import Any

import grpc
import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2, venue_pb2
from tests.integration.gate.conftest import Order, open_gate
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed, hello
from tests.integration.gate.test_serve import reasons

BTC = "BTC/USDT:USDT"
APPROVED = strategy_pb2.OUTCOME_APPROVED


def reconcile(gate: GateProcess) -> operator_pb2.ReconcileResult:
    answer = gate.operator().Reconcile(operator_pb2.ReconcileRequest(), timeout=30, metadata=as_("alice"))
    return answer.results[0]


def adopt(gate: GateProcess, *items: operator_pb2.AdoptItem, who: str = "alice") -> operator_pb2.AdoptResponse:
    request = operator_pb2.AdoptRequest(account="main", items=items, cause="manual-trade", reason="test")
    return gate.operator().Adopt(request, timeout=5, metadata=as_(who))


def reduce(gate: GateProcess, quantity: str, **fields: object) -> strategy_pb2.CheckOrderResponse:
    request = operator_pb2.CheckReducingOrderRequest(
        account="main",
        instrument=BTC,
        side=types_pb2.SIDE_SELL,
        type=types_pb2.ORDER_TYPE_MARKET,
        quantity=quantity,
        reason="test",
        **fields,  # type: ignore[arg-type]  # fields by name
    )
    return gate.operator().CheckReducingOrder(request, timeout=5, metadata=as_("alice")).decision


def working(id_: str, *, reduce_only: bool = False, trigger: str = "") -> venue_pb2.FeedOrder:
    return venue_pb2.FeedOrder(
        instrument=BTC,
        venue_order_id=f"v-{id_}",
        client_order_id=id_,
        side=types_pb2.SIDE_BUY,
        quantity="0.1",
        filled="0",
        limit_price="50000",
        trigger_price=trigger,
        reduce_only=reduce_only,
        status=venue_pb2.VENUE_ORDER_STATUS_OPEN,
    )


# -- reconcile and adopt ------------------------------------------------------------------------------------------


def test_reconcile_of_a_flat_account_agrees(gate: GateProcess, feed: ScriptedFeed) -> None:
    found = reconcile(gate)
    assert (found.complete, found.agrees, found.problem) == (True, True, "")
    assert [one.instrument for one in found.exposure.instruments] == [BTC, "ETH/USDT:USDT"]
    assert found.exposure.instruments[0].venue_position == "0"


def test_reconcile_without_a_feed_says_so(gate: GateProcess) -> None:
    found = reconcile(gate)
    assert not found.complete
    assert "risksvc venue" in found.problem


def test_what_exists_at_the_first_start_is_adopted_by_two(gate: GateProcess, order: Order) -> None:
    feed = ScriptedFeed(gate.channel("venue"))
    feed.positions[BTC] = "0.5"
    feed.ready()
    gate.wait_for(lambda: "NOT_ADOPTED" in reasons(gate.strategy.CheckOrder(order(), timeout=5)), "not adopted")
    found = reconcile(gate)
    assert not found.agrees
    assert [(one.instrument, one.position_quantity) for one in found.unexplained] == [(BTC, "0.5")]
    wrong = operator_pb2.AdoptItem(instrument=BTC, position_quantity="0.4", owner="mm")
    assert adopt(gate, wrong).outcome == operator_pb2.ADOPT_OUTCOME_REFUSED
    item = found.unexplained[0]
    item.owner = "mm"
    proposed = adopt(gate, item)
    assert proposed.outcome == operator_pb2.ADOPT_OUTCOME_PROPOSED
    confirm = operator_pb2.AdoptRequest(confirm_proposal_id=proposed.proposal_id)
    done = gate.operator().Adopt(confirm, timeout=5, metadata=as_("bob"))
    assert (done.outcome, done.adopted) == (operator_pb2.ADOPT_OUTCOME_ADOPTED, 1)
    assert reconcile(gate).agrees
    exposure = gate.operator().GetExposure(operator_pb2.GetExposureRequest(), metadata=as_("alice"))
    line = exposure.accounts[0].instruments[0]
    assert (line.venue_position, line.ledger_position, line.exposure, line.utilisation) == (
        "0.5",
        "0.5",
        "25000",
        "0.5",
    )
    assert line.strategies[0].ledger_position == "0.5"
    feed.close()


def test_a_fill_that_nothing_explains_halts_and_is_adopted(gate: GateProcess, feed: ScriptedFeed) -> None:
    feed.fill("t-1", quantity="0.2")
    feed.positions[BTC] = "0.2"
    feed.snapshot()
    gate.wait_for(lambda: [one.trigger for one in gate.status().halts] == ["UNEXPECTED_FILL"], "halted")
    found = reconcile(gate)
    assert [one.divergence_class for one in found.divergences] == ["UNEXPECTED_FILL"]
    assert found.divergences[0].usd == "10000"
    assert [one.trade_id for one in found.unexplained] == ["t-1"]
    proposed = adopt(gate, *found.unexplained)
    confirm = operator_pb2.AdoptRequest(confirm_proposal_id=proposed.proposal_id)
    gate.operator().Adopt(confirm, timeout=5, metadata=as_("bob"))
    assert reconcile(gate).agrees


# -- the operator's exit ------------------------------------------------------------------------------------------


def test_an_operator_reduces_while_halted_and_never_more_than_is_held(gate: GateProcess, feed: ScriptedFeed) -> None:
    feed.fill("t-1", quantity="0.2")
    feed.positions[BTC] = "0.2"
    feed.snapshot()
    gate.wait_for(lambda: bool(gate.status().halts), "halted")
    assert reasons(reduce(gate, "0.3")) == ["NOT_REDUCING"]
    answer = reduce(gate, "0.2")
    assert answer.outcome == APPROVED, reasons(answer)
    assert 0 < len(answer.client_order_id) <= 36
    assert answer.client_order_id.isalnum()
    assert reasons(reduce(gate, "0.1")) == ["NOT_REDUCING"], "all that is held works already"
    named = reduce(gate, "0.1", client_order_id="mine")
    assert named.client_order_id == "mine"


# -- orders -------------------------------------------------------------------------------------------------------


def cancel_all(gate: GateProcess, *, protective: bool = False) -> operator_pb2.CancelAllResponse:
    request = operator_pb2.CancelAllRequest(reason="test", include_protective=protective)
    return gate.operator().CancelAll(request, timeout=30, metadata=as_("alice"))


def with_orders(feed: ScriptedFeed, gate: GateProcess, *, held: str = "0.2") -> None:
    if held:
        feed.fill("t-1", quantity=held)
        feed.positions[BTC] = held
    feed.orders = [working("plain"), working("stop", trigger="60000"), working("exit", reduce_only=True)]
    feed.snapshot()
    listing = operator_pb2.ListOpenOrdersRequest()
    gate.wait_for(lambda: len(gate.operator().ListOpenOrders(listing, metadata=as_("bob")).orders) == 3, "orders")


def test_cancelling_keeps_what_protects(gate: GateProcess, feed: ScriptedFeed) -> None:
    with_orders(feed, gate)
    done = cancel_all(gate)
    assert [one.client_order_id for one in done.cancelled] == ["plain"]
    assert sorted(one.client_order_id for one in done.kept) == ["exit", "stop"]
    assert feed.cancelled == ["v-plain"]
    assert feed.swept == [], "what protects may have come since the last read"
    everything = cancel_all(gate, protective=True)
    assert len(everything.cancelled) == 3
    assert not everything.kept
    assert feed.swept == [()]


def test_where_nothing_is_open_nothing_is_protected_and_all_goes_at_once(gate: GateProcess, feed: ScriptedFeed) -> None:
    with_orders(feed, gate, held="")
    done = cancel_all(gate)
    assert sorted(one.client_order_id for one in done.cancelled) == ["exit", "plain", "stop"]
    assert not done.kept
    assert (feed.swept, feed.cancelled) == ([()], [])


def test_a_feed_that_may_not_cancel_leaves_it_to_people(gate: GateProcess) -> None:
    feed = ScriptedFeed(gate.channel("venue"), introduce=hello(can_cancel=False))
    feed.ready()
    with_orders(feed, gate)
    done = cancel_all(gate)
    assert [one.client_order_id for one in done.by_hand] == ["plain"]
    assert not done.cancelled
    assert "read-only" in done.problem
    feed.close()
    gate.wait_for(lambda: not gate.status().accounts[0].feed_connected, "the feed is gone")
    assert "risksvc venue" in cancel_all(gate).problem


def test_a_reported_cancel_is_looked_up_at_once(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    request = order()
    gate.strategy.CheckOrder(request, timeout=5)
    report = strategy_pb2.ReportOrderRequest(
        account="main",
        strategy="mm",
        client_order_id=request.client_order_id,
        report=strategy_pb2.ORDER_REPORT_CANCELLED,
    )
    assert gate.strategy.ReportOrder(report, timeout=5).known
    feed.wait(lambda: any(one.command.HasField("look_up_orders") for one in feed.received))
    cancelled = venue_pb2.FeedOrder(
        instrument=BTC,
        venue_order_id="v-9",
        client_order_id=request.client_order_id,
        side=types_pb2.SIDE_BUY,
        quantity="0.1",
        filled="0",
        status=venue_pb2.VENUE_ORDER_STATUS_CANCELLED,
    )
    states = venue_pb2.FeedOrderStates(orders=[cancelled], as_of_gate_time_ns=feed.beat())
    feed.send(order_states=states)
    listing = operator_pb2.ListReservationsRequest()
    gate.wait_for(
        lambda: not gate.operator().ListReservations(listing, metadata=as_("bob")).reservations, "the reservation ends"
    )


# -- feeds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        {"snapshot": venue_pb2.FeedSnapshot(as_of_gate_time_ns=2**62, window_start_ms=1, window_end_ms=2)},
        {"snapshot": venue_pb2.FeedSnapshot(as_of_gate_time_ns=0, window_start_ms=1, window_end_ms=2)},
        {"marks": venue_pb2.FeedMarks(marks=[venue_pb2.FeedMark(instrument=BTC, mark="NaN")], as_of_gate_time_ns=1)},
        {"fills": venue_pb2.FeedFills(fills=[venue_pb2.FeedFill(instrument=BTC, trade_id="t", quantity="1")])},
        {"hello": hello()},
        {},
    ],
)
def test_a_feed_message_that_cannot_be_read_counts_as_a_failed_read(
    gate: GateProcess, feed: ScriptedFeed, message: dict[str, object]
) -> None:
    feed.send(**message)
    gate.wait_for(lambda: "refused by the gate" in gate.status().accounts[0].last_read_failure, "told")
    assert gate.status().accounts[0].feed_connected
    feed.snapshot()
    gate.wait_for(lambda: not gate.status().accounts[0].last_read_failure, "a good read ends it")


def test_a_reload_asks_the_feed_for_the_marks_that_are_needed_now(gate: GateProcess, feed: ScriptedFeed) -> None:
    assert list(feed.welcome().mark_instruments) == [BTC, "ETH/USDT:USDT"]
    gate.limits.write_text(gate.limits.read_text().replace("      ETH/USDT:USDT:", "      SOL/USDT:USDT:"))
    request = operator_pb2.ReloadLimitsRequest(reason="test")
    assert gate.operator().ReloadLimits(request, metadata=as_("alice")).loaded
    feed.wait(lambda: [BTC, "SOL/USDT:USDT"] in [list(one.welcome.mark_instruments) for one in feed.received])


def test_a_feed_that_says_nothing_first_is_not_kept(gate: GateProcess) -> None:
    feed = ScriptedFeed(gate.channel("venue"), introduce=hello("main"))
    feed.welcome()
    feed.close()
    stub = gate.channel("venue")
    call: grpc.StreamStreamMultiCallable[Any, bytes] = stub.stream_stream(
        "/risksvc.v1.VenueFeedService/Feed", request_serializer=venue_pb2.FeedRequest.SerializeToString
    )
    with pytest.raises(grpc.RpcError, match="hello") as refused:
        list(call(iter([venue_pb2.FeedRequest(marks=venue_pb2.FeedMarks())]), timeout=10))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    gate.wait_for(lambda: not gate.status().accounts[0].feed_connected, "the feed is gone")
    open_gate(gate).close()


# -- watching -----------------------------------------------------------------------------------------------------


def test_a_watcher_hears_heartbeats_and_that_the_gate_goes(gate: GateProcess, feed: ScriptedFeed) -> None:
    heard: list[strategy_pb2.WatchTradingStateResponse] = []
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    stream = gate.strategy.WatchTradingState(request, timeout=60)
    heard.append(next(stream))
    assert heard[0].heartbeat_ms == 100
    reader = threading.Thread(target=lambda: heard.extend(stream))
    reader.start()
    gate.wait_for(lambda: len(heard) > 3, "heartbeats")
    assert gate.process is not None
    gate.process.send_signal(signal.SIGTERM)
    reader.join(20)
    assert gate.process.wait(20) == 0
    assert types_pb2.DENIAL_REASON_DRAINING in heard[-1].closed_because
    assert [one.sequence for one in heard] == list(range(1, len(heard) + 1))


def test_an_unlisted_strategy_is_told_so(gate: GateProcess, feed: ScriptedFeed) -> None:
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="stranger")
    stream = gate.strategy.WatchTradingState(request, timeout=10)
    assert types_pb2.DENIAL_REASON_STRATEGY_UNKNOWN in next(stream).closed_because
    stream.cancel()
