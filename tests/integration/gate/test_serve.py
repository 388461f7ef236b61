"""The gate process as its users meet it: a real process, a real store, a scripted venue."""

import signal
import time

import grpc
import pytest

from risksvc.v1 import operator_pb2, strategy_pb2, types_pb2
from tests.integration.gate.conftest import Order, open_gate
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed, hello
from tests.stopping import stop

APPROVED, DENIED = strategy_pb2.OUTCOME_APPROVED, strategy_pb2.OUTCOME_DENIED


def reasons(answer: strategy_pb2.CheckOrderResponse) -> list[str]:
    return [types_pb2.DenialReason.Name(one.reason).removeprefix("DENIAL_REASON_") for one in answer.denials]


def halt(gate: GateProcess, who: str = "alice", **fields: object) -> operator_pb2.HaltResponse:
    request = operator_pb2.HaltRequest(reason="test", **fields)  # type: ignore[arg-type]  # fields by name
    return gate.operator().Halt(request, timeout=5, metadata=as_(who))


def propose(gate: GateProcess, *halt_ids: str, who: str = "alice") -> operator_pb2.ResumeResponse:
    step = operator_pb2.ProposeResume(halt_ids=halt_ids, reason="it is over")
    return gate.operator().Resume(operator_pb2.ResumeRequest(propose=step), timeout=10, metadata=as_(who))


def confirm(gate: GateProcess, proposal_id: str, who: str) -> operator_pb2.ResumeResponse:
    step = operator_pb2.ConfirmResume(proposal_id=proposal_id)
    return gate.operator().Resume(operator_pb2.ResumeRequest(confirm=step), timeout=10, metadata=as_(who))


# -- deciding -----------------------------------------------------------------------------------------------------


def test_without_a_venue_read_everything_is_denied(gate: GateProcess, order: Order) -> None:
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert answer.outcome == DENIED
    assert reasons(answer) in (["STARTING"], ["SNAPSHOT_MISSING"])
    gate.wait_for(lambda: reasons(gate.strategy.CheckOrder(order(), timeout=5))[0] == "SNAPSHOT_MISSING", "a lease")
    assert not gate.status().ready


def test_an_order_within_the_limits_is_approved_and_reserved(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    request = order()
    answer = gate.strategy.CheckOrder(request, timeout=5)
    assert answer.outcome == APPROVED, reasons(answer)
    assert answer.valid_for_ns == 100_000_000
    assert answer.valid_until_ns == answer.decided_at_ns + answer.valid_for_ns
    assert (answer.instrument_exposure.before, answer.instrument_exposure.after) == ("0", "5000")
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    assert [one.order.client_order_id for one in listed.reservations] == [request.client_order_id]
    assert listed.reservations[0].reserved == "5000"


def test_an_order_over_a_limit_is_denied_with_its_numbers(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    answer = gate.strategy.CheckOrder(order(quantity="1.001"), timeout=5)
    assert answer.outcome == DENIED
    denial = next(one for one in answer.denials if one.reason == types_pb2.DENIAL_REASON_MAX_NET_EXPOSURE)
    assert (denial.limit, denial.observed) == ("50000", "50050")
    assert answer.valid_until_ns == 0


def test_orders_over_a_stream_are_answered_in_order(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    requests = [order(), order(quantity="nonsense"), order(quantity="100"), order()]
    answers = list(gate.strategy.CheckOrders(iter(requests), timeout=10))
    assert [one.client_order_id for one in answers] == [one.client_order_id for one in requests]
    assert answers[0].outcome == APPROVED
    assert reasons(answers[1]) == ["INVALID_REQUEST"]
    assert "quantity" in answers[1].denials[0].message
    assert answers[2].outcome == DENIED


def test_a_call_whose_deadline_has_passed_reserves_nothing(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    stub = gate.strategy
    assert stub.CheckOrder(order(), timeout=5).outcome == APPROVED  # connected
    assert gate.process is not None
    stop(gate.process.pid)
    try:
        for _ in range(20):
            with pytest.raises(grpc.RpcError) as late:
                stub.CheckOrder(order(quantity="0.001"), timeout=0.02)
            assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    finally:
        gate.process.send_signal(signal.SIGCONT)
    gate.wait_for(lambda: gate.status().ready, "the gate is open again")
    assert stub.CheckOrder(order(), timeout=5).outcome == APPROVED
    reserved = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    assert [one.order.client_order_id for one in reserved.reservations] == ["order-1", "order-22"]


def test_reports_are_taken(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    request = order()
    gate.strategy.CheckOrder(request, timeout=5)
    ids = {"account": "main", "strategy": "mm", "client_order_id": request.client_order_id}
    report = strategy_pb2.ReportOrderRequest(report=strategy_pb2.ORDER_REPORT_SENT, **ids)
    assert gate.strategy.ReportOrder(report, timeout=5).known
    fill = strategy_pb2.ReportFillRequest(
        instrument=request.instrument,
        trade_id="t1",
        side=types_pb2.SIDE_BUY,
        quantity="0.1",
        price="50000",
        venue_time_ms=time.time_ns() // 1_000_000,
        **ids,
    )
    assert gate.strategy.ReportFill(fill, timeout=5).recorded
    assert not gate.strategy.ReportFill(fill, timeout=5).recorded
    belief = strategy_pb2.ReportPositionRequest(
        account="main", strategy="mm", instrument=request.instrument, believed_position="0.1"
    )
    answer = gate.strategy.ReportPosition(belief, timeout=5)
    assert (answer.agrees, answer.ledger_position) == (True, "0")  # until the venue's own feed tells of it


# -- halting and resuming -----------------------------------------------------------------------------------------


def test_a_halt_denies_at_once_and_two_people_resume(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    halted = halt(gate)
    assert halted.effect == operator_pb2.HALT_EFFECT_EFFECTIVE, halted
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert reasons(answer) == ["HALTED"]
    assert "alice" in answer.denials[0].message

    refused = propose(gate, halted.halt_id)
    assert refused.outcome == operator_pb2.RESUME_OUTCOME_REFUSED
    assert [one.reason for one in refused.refusals] == [operator_pb2.REFUSAL_REASON_NO_READ_SINCE_HALT]

    feed.snapshot()
    feed.wait(lambda: propose(gate, halted.halt_id).outcome == operator_pb2.RESUME_OUTCOME_PROPOSED)
    proposed = propose(gate, halted.halt_id)
    alone = confirm(gate, proposed.proposal_id, "alice")
    assert [one.reason for one in alone.refusals] == [operator_pb2.REFUSAL_REASON_SAME_PERSON]
    cleared = confirm(gate, proposed.proposal_id, "bob")
    assert cleared.outcome == operator_pb2.RESUME_OUTCOME_CLEARED, cleared
    assert list(cleared.cleared) == [halted.halt_id]
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED


def test_a_gate_killed_while_halted_comes_back_halted(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    halted = halt(gate)
    feed.close()
    gate.kill()
    gate.start()
    assert [one.halt_id for one in gate.status().halts] == [halted.halt_id]
    again = ScriptedFeed(gate.channel("venue"))
    again.ready()
    assert again.welcome().fills_since_ms > 0
    answer = gate.strategy.CheckOrder(order(), timeout=5)
    assert "HALTED" in reasons(answer)
    again.close()


def test_a_halt_is_repeated_by_its_id_and_never_reused(gate: GateProcess, feed: ScriptedFeed) -> None:
    assert halt(gate, halt_id="stop-1").halt_id == halt(gate, halt_id="stop-1").halt_id == "stop-1"
    assert len(gate.status().halts) == 1
    with pytest.raises(grpc.RpcError, match="is another one"):
        halt(gate, halt_id="stop-1", scope=types_pb2.Scope(account="main"))


def test_a_misspelled_scope_is_refused_with_what_is_known(gate: GateProcess, feed: ScriptedFeed) -> None:
    for scope, known in (
        (types_pb2.Scope(account="mian"), "allowed: main"),
        (types_pb2.Scope(account="main", strategy="mmm"), "mm, trend"),
        (types_pb2.Scope(account="main", instrument="BTC"), "BTC/USDT:USDT"),
    ):
        with pytest.raises(grpc.RpcError, match=known) as refused:
            halt(gate, scope=scope)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not gate.status().halts


def test_watchers_hear_of_a_halt_and_of_its_end(gate: GateProcess, feed: ScriptedFeed) -> None:
    request = strategy_pb2.WatchTradingStateRequest(account="main", strategy="mm")
    stream = gate.strategy.WatchTradingState(request, timeout=60)
    first = next(stream)
    assert first.trading_state == types_pb2.TRADING_STATE_ACTIVE
    assert not first.closed_because
    halted = halt(gate, scope=types_pb2.Scope(account="main", strategy="mm"))
    told = next(one for one in stream if one.halts)
    assert told.trading_state == types_pb2.TRADING_STATE_HALTED
    assert [one.halt_id for one in told.halts] == [halted.halt_id]
    feed.snapshot()
    gate.wait_for(lambda: propose(gate, halted.halt_id).outcome != operator_pb2.RESUME_OUTCOME_REFUSED, "resumed")
    assert next(one for one in stream if not one.halts).trading_state == types_pb2.TRADING_STATE_ACTIVE
    stream.cancel()


# -- who may ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer wrong"),),
        (("authorization", "alice-secret-token"),),
        (("authorization", "Bearer "),),
        (("authorization", "Bearer alice-secret-token"), ("authorization", "Bearer bob-secret-token")),
    ],
)
def test_without_a_token_nobody_is_served(
    folder: object, gate: GateProcess, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        gate.operator().Halt(operator_pb2.HaltRequest(reason="x"), timeout=5, metadata=metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert not gate.status().halts


# -- feeds --------------------------------------------------------------------------------------------------------


def test_a_second_feed_and_an_unknown_account_are_refused(gate: GateProcess, feed: ScriptedFeed) -> None:
    second = ScriptedFeed(gate.channel("venue"))
    assert second.ended() is grpc.StatusCode.ALREADY_EXISTS
    unknown = ScriptedFeed(gate.channel("venue"), introduce=hello("nobody"))
    assert unknown.ended() is grpc.StatusCode.NOT_FOUND
    assert gate.status().ready
    feed.close()
    gate.wait_for(lambda: not gate.status().accounts[0].feed_connected, "the feed is gone")
    open_gate(gate).close()


# -- limits -------------------------------------------------------------------------------------------------------


def reload(gate: GateProcess, *, dry_run: bool = False) -> operator_pb2.ReloadLimitsResponse:
    request = operator_pb2.ReloadLimitsRequest(reason="test", dry_run=dry_run)
    return gate.operator().ReloadLimits(request, timeout=10, metadata=as_("alice"))


def test_a_reload_swaps_whole_or_not_at_all(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    old = gate.status().limits
    good = gate.limits.read_text()
    gate.limits.write_text(good + "defaults: {max_net_exposure: 4_000}\n")
    tried = reload(gate, dry_run=True)
    assert tried.loaded
    assert [(one.before, one.after) for one in tried.changes] == [("50000", "4000")] * 2
    assert gate.status().limits.hash == old.hash
    done = reload(gate)
    assert done.hash == gate.status().limits.hash != old.hash
    assert gate.status().limits.loaded_by == "alice"
    assert "MAX_NET_EXPOSURE" in reasons(gate.strategy.CheckOrder(order(), timeout=5))
    gate.limits.write_text(good + "defaults: {max_net_exposre: 4_000}\n")
    refused = reload(gate)
    assert not refused.loaded
    assert refused.errors[0].line
    assert "max_net_exposre" in refused.errors[0].key
    assert refused.hash == done.hash
    status = gate.status().limits
    assert (status.reloads, status.failures) == (1, 1)
    assert "max_net_exposre" in status.last_error


# -- life ---------------------------------------------------------------------------------------------------------


def test_sigterm_drains_and_ends_with_zero(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == APPROVED
    assert gate.stop() == 0
    gate.start()
    listed = gate.operator().ListReservations(operator_pb2.ListReservationsRequest(), metadata=as_("alice"))
    assert [one.order.client_order_id for one in listed.reservations] == ["order-1"]
    assert gate.status().journal.recovered > 0


def test_sockets_have_their_permissions(gate: GateProcess) -> None:
    modes = {
        name: (gate.folder / "s" / f"{name}.sock").stat().st_mode & 0o777 for name in ("strategy", "operator", "venue")
    }
    assert modes == {"strategy": 0o660, "operator": 0o660, "venue": 0o600}
    assert (gate.folder / "s").stat().st_mode & 0o777 == 0o700
