"""Bad input: 10,000 malformed requests over every field and type. Each is refused or denied, and nothing changes."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from risksvc.core.events import LeaseLost, LeaseRenewed
from risksvc.gate.codec import decode
from risksvc.gate.journal import read_journal
from risksvc.v1 import operator_pb2, operator_pb2_grpc, strategy_pb2, strategy_pb2_grpc, types_pb2
from tests.integration.gate.conftest import Order
from tests.integration.gate.gate_process import GateProcess, as_
from tests.integration.gate.scripted_feed import ScriptedFeed

REQUESTS = 10_000
SEED = 20_261_122

_LONG = "x" * 600
_NOT_NAMES = ("", "a b", "é", "\0", "a\nb", "名", "x" * 65, "a;b", "${x}", "' or 1=1", "\u202e", "a\tb", _LONG)
_NOT_IDS = ("a b", "é", "\0", "a\nb", "x" * 200, "\x7f", "\uff11", _LONG)
_NOT_DECIMALS = (
    *(
        "abc",
        "1e5",
        "1E-5",
        "NaN",
        "-NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "inf",
        "-",
        ".",
        "1.",
        ".5",
        "1,000",
        "0x10",
    ),
    *(
        "\uff11",
        "\u0663",
        "1_000",
        "+1",
        "--1",
        " 1",
        "1 ",
        "1\n",
        "1.0.0",
        "\u00bd",
        "1" * 16,
        "0." + "1" * 19,
        "1e400",
        "\0",
        _LONG,
    ),
)
_NOT_POSITIVE = (*_NOT_DECIMALS, "", "0", "-1", "-0", "0.000000000000000000")
_NOT_MEMBERS = (0, 99, -1, 2**31 - 1, -(2**31))
_NOT_TEXT = ("a\nb", "\0", "x" * 65, "\u2028", _LONG)
_NOT_REASONS = ("", "   ", "\n", "a\nb", "x" * 501)
_NOT_TIMES = (0, -1, 2**63 - 1, -(2**63))

# By the name of the field: what it must not hold.
BAD: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("account", "strategy", "instrument"), _NOT_NAMES),
    **dict.fromkeys(("client_order_id", "trade_id"), (*_NOT_IDS, "")),
    **dict.fromkeys(("replaces_client_order_id", "venue_order_id", "halt_id", "confirm_proposal_id"), _NOT_IDS),
    "strategy_version": _NOT_TEXT,
    **dict.fromkeys(("quantity", "price", "limit_price"), _NOT_POSITIVE),
    **dict.fromkeys(("intended_position", "believed_position"), (*_NOT_DECIMALS, "")),
    **dict.fromkeys(("side", "type", "report"), _NOT_MEMBERS),
    "state": (1, 99, -1, 2**31 - 1),
    "replace_mode": (1, 2, 99, -1),
    "reason": _NOT_REASONS,
    "cause": ("a b", "", "x" * 65, "é"),
    "venue_time_ms": _NOT_TIMES,
    "valid_ms": (-1, 1, 999, 3_600_001, 2**63 - 1, -(2**63)),
}


def valid_requests() -> dict[str, Message]:
    """One of each, whole: a mistake is then the only one in it. None of them would change a halted, unread account."""
    scope = types_pb2.Scope(account="main")
    item = operator_pb2.AdoptItem(instrument="BTC/USDT:USDT", trade_id="t", owner="mm")
    order: dict[str, Any] = {
        "account": "main",
        "strategy": "mm",
        "instrument": "BTC/USDT:USDT",
        "side": types_pb2.SIDE_BUY,
        "quantity": "0.1",
    }
    priced = {**order, "type": types_pb2.ORDER_TYPE_LIMIT, "limit_price": "50000", "client_order_id": "bad-1"}
    return {
        "CheckOrder": strategy_pb2.CheckOrderRequest(**priced, believed_position="0", intended_position="1"),
        "ReportOrder": strategy_pb2.ReportOrderRequest(
            account="main", strategy="mm", client_order_id="bad-1", report=strategy_pb2.ORDER_REPORT_SENT
        ),
        "ReportFill": strategy_pb2.ReportFillRequest(
            **order, client_order_id="bad-1", trade_id="t", price="1", venue_time_ms=1_700_000_000_000
        ),
        "ReportPosition": strategy_pb2.ReportPositionRequest(
            account="main", strategy="mm", instrument="BTC/USDT:USDT", believed_position="0"
        ),
        "Halt": operator_pb2.HaltRequest(scope=scope, reason="x", halt_id="h"),
        "Resume": operator_pb2.ResumeRequest(propose=operator_pb2.ProposeResume(halt_ids=["nobody's"], reason="x")),
        "ReloadLimits": operator_pb2.ReloadLimitsRequest(reason="x", dry_run=True),
        "Adopt": operator_pb2.AdoptRequest(account="main", items=[item], cause="manual-trade", reason="x"),
        "CheckReducingOrder": operator_pb2.CheckReducingOrderRequest(**priced, reason="x"),
        "ExpectOrder": operator_pb2.ExpectOrderRequest(**priced, valid_ms=60_000, reason="x"),
        "CancelAll": operator_pb2.CancelAllRequest(scope=scope, reason="x"),
    }


# What the general tables would get wrong: an empty scope or owner is allowed, these fields are refused otherwise.
_MAY_BE_EMPTY = {
    ("Halt", "account"),
    ("CancelAll", "account"),
    ("CheckReducingOrder", "strategy"),
    ("CheckReducingOrder", "client_order_id"),
    ("ExpectOrder", "client_order_id"),
    ("Adopt", "trade_id"),
}
_SPECIAL: dict[tuple[str, str], tuple[Any, ...]] = {
    ("Adopt", "owner"): _NOT_NAMES[1:],
    ("Adopt", "position_quantity"): ("1", "abc"),  # beside a trade id
    ("Adopt", "venue_order_id"): ("v1",),  # beside a trade id
    ("Adopt", "lost_client_order_id"): ("c1",),  # beside a trade id
    ("Adopt", "leg"): (1, 2, 99),  # beside a trade id
    ("Halt", "strategy"): _NOT_NAMES[1:],
    ("Halt", "instrument"): _NOT_NAMES[1:],
    ("CancelAll", "strategy"): _NOT_NAMES[1:],
    ("CancelAll", "instrument"): _NOT_NAMES[1:],
}


def mistakes() -> Iterator[tuple[str, Message]]:
    """Every field of every request with every value that it must not hold."""
    for method, request in valid_requests().items():
        for path, field in _fields(request):
            for value in _bad_values(method, field):
                wrong = type(request)()
                wrong.CopyFrom(request)
                target = wrong
                for step in path:
                    target = getattr(target, step)
                    target = target[0] if hasattr(target, "__len__") else target
                setattr(target, field.name, value)
                yield method, wrong
        yield method, type(request)()


def _fields(message: Message, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None:
            if not field.is_repeated:
                yield path, field
            continue
        inner = getattr(message, field.name)
        if field.is_repeated and len(inner):
            yield from _fields(inner[0], (*path, field.name))
        elif not field.is_repeated and message.HasField(field.name):
            yield from _fields(inner, (*path, field.name))


def _bad_values(method: str, field: Any) -> tuple[Any, ...]:  # noqa: ANN401 - protobuf has two kinds of it
    special = _SPECIAL.get((method, field.name))
    if special is not None:
        return special
    values = BAD.get(field.name, ())
    return tuple(value for value in values if value or (method, field.name) not in _MAY_BE_EMPTY)


def _garbage(rng: random.Random) -> bytes:
    return bytes([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]) + rng.randbytes(rng.randrange(40))


def fingerprint(gate: GateProcess) -> tuple[object, ...]:
    """Everything of the state that anybody can see, without ages."""
    operator, alice = gate.operator(), as_("alice")
    exposure = operator.GetExposure(operator_pb2.GetExposureRequest(), metadata=alice)
    for account in exposure.accounts:
        account.snapshot_age_ms = 0
        for instrument in account.instruments:
            for strategy in instrument.strategies:
                strategy.belief_age_ms = 0
    reservations = operator.ListReservations(operator_pb2.ListReservationsRequest(), metadata=alice)
    status = operator.GetStatus(operator_pb2.GetStatusRequest(), metadata=alice)
    shown = (status.halts, status.proposals, status.limits, status.trading_state)
    return exposure, reservations, [str(one) for one in shown], taken_in(gate)


def taken_in(gate: GateProcess) -> list[str]:
    """What the journal holds; but for the lease, which a busy machine may lose and find again at any time."""
    inputs = (decode(payload).input for payload in read_journal(gate.folder / "s" / "journal"))
    return [type(one).__name__ for one in inputs if not isinstance(one, LeaseRenewed | LeaseLost)]


def test_malformed_requests_are_refused_and_change_nothing(gate: GateProcess, feed: ScriptedFeed, order: Order) -> None:
    assert gate.strategy.CheckOrder(order(), timeout=5).outcome == strategy_pb2.OUTCOME_APPROVED
    working = strategy_pb2.ReportOrderRequest(
        account="main",
        strategy="mm",
        client_order_id="order-1",
        report=strategy_pb2.ORDER_REPORT_ACKNOWLEDGED,
        venue_order_id="v1",
    )
    assert gate.strategy.ReportOrder(working, timeout=5).known  # nothing about it changes by time any more
    before = fingerprint(gate)
    call = _caller(gate)
    every = list(mistakes())
    rng = random.Random(SEED)
    chosen = every + rng.choices(every, k=REQUESTS - len(every))
    for method, request in chosen:
        code, details = call(method, request.SerializeToString())
        assert code is grpc.StatusCode.INVALID_ARGUMENT, (method, request, code, details)
        assert ":" in details
    for method in valid_requests():
        for _ in range(20):
            code, details = call(method, _garbage(rng))
            assert code is grpc.StatusCode.INVALID_ARGUMENT, (method, code, details)
    assert fingerprint(gate) == before
    log = gate.log_text()
    assert "Traceback" not in log
    assert " error " not in log
    feed.marks()  # so many requests take longer than the venue's last word is good for
    feed.snapshot()
    gate.wait_for(lambda: gate.status().ready, "an open gate")


def _caller(gate: GateProcess) -> Callable[[str, bytes], tuple[grpc.StatusCode, str]]:
    """Sends bytes as they are, as a client in another language might."""
    channels = {"StrategyService": gate.channel("strategy"), "OperatorService": gate.channel("operator")}
    of = {
        "StrategyService": strategy_pb2_grpc.StrategyServiceServicer,
        "OperatorService": operator_pb2_grpc.OperatorServiceServicer,
    }
    calls: dict[str, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {
        method: channel.unary_unary(f"/risksvc.v1.{service}/{method}")
        for service, channel in channels.items()
        for method in valid_requests()
        if hasattr(of[service], method)
    }

    def call(method: str, data: bytes) -> tuple[grpc.StatusCode, str]:
        ended = calls[method].future(data, timeout=10, metadata=as_("alice"))
        return ended.code(), str(ended.details())

    return call


def test_malformed_messages_on_a_stream_are_denied_one_by_one(
    gate: GateProcess, feed: ScriptedFeed, order: Order
) -> None:
    stream: grpc.StreamStreamMultiCallable[bytes, strategy_pb2.CheckOrderResponse] = gate.channel(
        "strategy"
    ).stream_stream(
        "/risksvc.v1.StrategyService/CheckOrders",
        response_deserializer=strategy_pb2.CheckOrderResponse.FromString,
    )
    wrong = [request.SerializeToString() for method, request in mistakes() if method == "CheckOrder"]
    wrong += [_garbage(random.Random(SEED)) for _ in range(20)]
    answers = list(stream(iter([*wrong, order().SerializeToString()]), timeout=60))
    assert len(answers) == len(wrong) + 1
    for answer in answers[:-1]:
        assert [one.reason for one in answer.denials] == [types_pb2.DENIAL_REASON_INVALID_REQUEST]
        assert answer.outcome == strategy_pb2.OUTCOME_DENIED
    assert answers[-1].outcome == strategy_pb2.OUTCOME_APPROVED
    assert "Traceback" not in gate.log_text()


def test_a_message_that_is_too_large_is_refused(gate: GateProcess) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        gate.strategy.CheckOrder(strategy_pb2.CheckOrderRequest(account="x" * 70_000), timeout=5)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
