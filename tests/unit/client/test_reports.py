from typing import Any

import pytest

from risksvc.client.reports import KEEP_NS, KEEP_POSITION_NS, Report, Reporter, ReportQueue, fill_request, position_line
from risksvc.core.types import SECOND, MalformedInputError
from risksvc.v1 import strategy_pb2, types_pb2
from tests.unit.client.messages import ACCOUNT, INSTRUMENT, STRATEGY

REPORTER = Reporter(ACCOUNT, STRATEGY)
SENT = strategy_pb2.ORDER_REPORT_SENT
NEVER_SENT = strategy_pb2.ORDER_REPORT_NEVER_SENT
KNOWN = strategy_pb2.ReportOrderResponse(known=True)
UNKNOWN = strategy_pb2.ReportOrderResponse(known=False)


def sent(order_id: str, now_ns: int = 0) -> Report:
    return REPORTER.order(order_id, SENT, now_ns)


def delivered(queue: ReportQueue, now_ns: int = 0) -> list[Report]:
    out = []
    while (report := queue.take(now_ns)) is not None:
        queue.answered(KNOWN, now_ns)
        out.append(report)
    return out


def test_reports_of_one_order_keep_their_order() -> None:
    queue = ReportQueue()
    first, second, third = sent("a"), REPORTER.order("a", NEVER_SENT, 0), sent("b")
    for report in (first, second, third):
        assert queue.put(report)
    assert delivered(queue) == [first, second, third]
    assert queue.idle
    assert len(queue) == 0


def test_what_did_not_get_through_stays_first_and_waits_a_little_longer_each_time() -> None:
    queue = ReportQueue()
    report, later = sent("a"), sent("a")
    queue.put(report)
    queue.put(later)
    pauses = []
    now = 0
    for _ in range(8):
        assert queue.take(now) is report
        assert not queue.idle
        queue.failed(now)
        assert queue.take(now) is None
        due = queue.due_in(now)
        assert due is not None
        pauses.append(due // 1_000_000)
        now += due
    assert pauses == [50, 100, 200, 400, 800, 1000, 1000, 1000]
    assert delivered(queue, now) == [report, later]


def test_an_answer_makes_the_next_failure_wait_little_again() -> None:
    queue = ReportQueue()
    for name in ("a", "b"):
        queue.put(sent(name))
    queue.take(0)
    queue.failed(0)
    queue.take(SECOND)
    queue.answered(KNOWN, SECOND)
    queue.take(SECOND)
    queue.failed(SECOND)
    assert queue.due_in(SECOND) == 50_000_000


def test_a_full_queue_refuses_and_counts() -> None:
    queue = ReportQueue(most=2)
    assert [queue.put(sent(name)) for name in "abc"] == [True, True, False]
    assert (len(queue), queue.lost) == (2, 1)


def test_what_is_too_old_is_given_up_and_counted() -> None:
    queue = ReportQueue()
    queue.put(sent("a", 0))
    young = sent("b", SECOND)
    queue.put(young)
    assert delivered(queue, KEEP_NS + 1) == [young]
    assert queue.lost == 1


def test_a_report_the_gate_will_never_take_is_given_up_and_counted() -> None:
    queue = ReportQueue()
    queue.put(sent("a"))
    queue.take(0)
    queue.refused()
    assert (queue.idle, queue.lost) == (True, 1)


def test_never_sent_is_told_again_while_the_gate_does_not_know_the_order() -> None:
    """The check that timed out may reach the gate after this report did."""
    queue = ReportQueue()
    report = REPORTER.order("a", NEVER_SENT, 0)
    queue.put(report)
    now = 0
    for due in (SECOND // 2, 2 * SECOND):
        assert queue.take(now) is report
        queue.answered(UNKNOWN, now)
        assert queue.idle  # answered: nobody who flushes waits for the repeats
        assert queue.take(now) is None
        assert queue.due_in(now) == due
        now += due
    assert queue.take(now) is report
    queue.answered(UNKNOWN, now)
    assert queue.due_in(now) is None
    assert (len(queue), queue.lost) == (0, 0)


def test_other_reports_of_unknown_orders_are_told_once() -> None:
    queue = ReportQueue()
    queue.put(sent("a"))
    queue.take(0)
    queue.answered(UNKNOWN, 0)
    assert queue.due_in(0) is None


def belief(quantity: str, now_ns: int = 0, instrument: str = INSTRUMENT) -> Report:
    return REPORTER.position(instrument, quantity, now_ns)


def test_only_the_newest_belief_of_an_instrument_waits() -> None:
    queue = ReportQueue()
    old, other, new = belief("1"), belief("5", instrument="ETH/USDT:USDT"), belief("2")
    for report in (old, other, new):
        queue.put(report)
    assert delivered(queue) == [new, other]


def test_a_belief_that_failed_gives_way_to_a_newer_one() -> None:
    queue = ReportQueue()
    old, new = belief("1"), belief("2")
    queue.put(old)
    queue.take(0)
    queue.put(new)
    queue.failed(0)
    assert delivered(queue, SECOND // 2) == [new]
    assert (len(queue), queue.idle) == (0, True)


def test_a_late_belief_is_dropped_and_is_no_loss() -> None:
    queue = ReportQueue()
    queue.put(belief("1"))
    assert queue.take(KEEP_POSITION_NS + 1) is None
    assert (len(queue), queue.lost) == (0, 0)


def test_a_check_that_carries_a_belief_replaces_the_one_that_waits() -> None:
    queue = ReportQueue()
    queue.put(belief("1"))
    queue.drop_line(position_line(INSTRUMENT))
    queue.drop_line(position_line(INSTRUMENT))
    assert (len(queue), queue.idle, queue.take(0)) == (0, True, None)


def test_a_fill_goes_on_the_wire_as_it_was_said() -> None:
    request = REPORTER.fill(fill(), 0).request
    assert request == strategy_pb2.ReportFillRequest(
        account=ACCOUNT,
        strategy=STRATEGY,
        instrument=INSTRUMENT,
        client_order_id="a",
        trade_id="t-1",
        side=types_pb2.SIDE_SELL,
        quantity="0.5",
        price="50000",
        venue_time_ms=1_700_000_000_000,
    )


def fill(**changes: Any) -> strategy_pb2.ReportFillRequest:  # noqa: ANN401 - wrong values too
    fields: dict[str, Any] = {
        "client_order_id": "a",
        "instrument": INSTRUMENT,
        "side": "sell",
        "quantity": "0.50",
        "price": 50_000,
        "trade_id": "t-1",
        "venue_time_ms": 1_700_000_000_000,
        **changes,
    }
    return fill_request(**fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": "0"},
        {"price": "-1"},
        {"trade_id": ""},
        {"venue_time_ms": 0},
        {"side": "x"},
        {"client_order_id": ""},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_fill_that_can_not_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedInputError, match=next(iter(changes))):
        fill(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"quantity": 0.5}, {"price": 1.5}, {"venue_time_ms": 1.5}, {"venue_time_ms": True}],
    ids=["quantity", "price", "time", "truth"],
)
def test_a_fill_of_the_wrong_type_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        fill(**changes)
