"""What a gate says, in order; each test changes only what it is about."""

from typing import Any, cast

from risksvc.client.clock import Instant
from risksvc.client.following import Follower
from risksvc.client.judgement import Question
from risksvc.client.orders import OrderArguments, build_request
from risksvc.core.types import MILLISECOND, SECOND
from risksvc.v1 import strategy_pb2, types_pb2

Field = Any  # whatever a field or an argument takes

ACCOUNT = "main"
STRATEGY = "mm-1"
INSTRUMENT = "BTC/USDT:USDT"
# The gate's clock and the strategy's have nothing to do with each other.
GATE_TIME = 1_700_000_000 * SECOND
VALID_FOR = 100 * MILLISECOND
HEARTBEAT_MS = 100


def at(milliseconds: float) -> Instant:
    """A moment on the strategy's clock."""
    nanoseconds = SECOND + int(milliseconds * MILLISECOND)
    return Instant(nanoseconds, nanoseconds)


def an_order(**changes: Field) -> OrderArguments:
    order: dict[str, Any] = {
        "instrument": INSTRUMENT,
        "side": "buy",
        "type": "limit",
        "quantity": "0.5",
        "limit_price": "50000",
        **changes,
    }
    return cast("OrderArguments", order)


def a_request(**changes: Field) -> strategy_pb2.CheckOrderRequest:
    return build_request(account=ACCOUNT, strategy=STRATEGY, strategy_version="1.0", order=an_order(**changes))


def a_question(*, asked: Instant | None = None, generation: int = 0, **changes: Field) -> Question:
    return Question(a_request(**changes), asked or at(0), generation, may_report_never_sent=True)


def an_approval(request: strategy_pb2.CheckOrderRequest, **changes: Field) -> strategy_pb2.CheckOrderResponse:
    decided = changes.pop("decided_at_ns", GATE_TIME)
    valid_for = changes.pop("valid_for_ns", VALID_FOR)
    fields: dict[str, Any] = {
        "outcome": strategy_pb2.OUTCOME_APPROVED,
        "client_order_id": request.client_order_id,
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
        "decided_at_ns": decided,
        "valid_for_ns": valid_for,
        "valid_until_ns": decided + VALID_FOR if valid_for <= 0 else decided + valid_for,
        "limits_hash": "ab" * 32,
        "instrument_exposure": types_pb2.ExposureUse(before="0", after="25000", limit="50000", headroom="25000"),
        "total_exposure": types_pb2.ExposureUse(before="0", after="25000", limit="150000", headroom="125000"),
        **changes,
    }
    return strategy_pb2.CheckOrderResponse(**fields)


def a_denial(request: strategy_pb2.CheckOrderRequest, **changes: Field) -> strategy_pb2.CheckOrderResponse:
    denial = types_pb2.Denial(
        reason=types_pb2.DENIAL_REASON_MAX_NET_EXPOSURE,
        scope=types_pb2.Scope(account=ACCOUNT),
        limit="50000",
        observed="50000.01",
        message="worst-case net exposure would be 50000.01, the limit is 50000",
    )
    fields: dict[str, Any] = {
        "outcome": strategy_pb2.OUTCOME_DENIED,
        "client_order_id": request.client_order_id,
        "denials": [denial],
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
        "limits_hash": "ab" * 32,
        "decided_at_ns": GATE_TIME,
        **changes,
    }
    return strategy_pb2.CheckOrderResponse(**fields)


def a_halt(halt_id: str = "halt-1", **changes: Field) -> types_pb2.ActiveHalt:
    fields: dict[str, Any] = {
        "halt_id": halt_id,
        "scope": types_pb2.Scope(),
        "state": types_pb2.TRADING_STATE_HALTED,
        "severity": types_pb2.SEVERITY_P0,
        "trigger": "OPERATOR",
        "reason": "position looks wrong",
        "by": "ana",
        "at_ns": GATE_TIME,
        **changes,
    }
    return types_pb2.ActiveHalt(**fields)


def a_state(sequence: int = 1, **changes: Field) -> strategy_pb2.WatchTradingStateResponse:
    fields: dict[str, Any] = {
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
        "sequence": sequence,
        "sent_at_ns": GATE_TIME,
        "heartbeat_ms": HEARTBEAT_MS,
        **changes,
    }
    return strategy_pb2.WatchTradingStateResponse(**fields)


def a_follower(*states: strategy_pb2.WatchTradingStateResponse, heard: Instant | None = None) -> Follower:
    """A follower that has heard these states, or one ACTIVE, at this moment."""
    follower = Follower(account=ACCOUNT, strategy=STRATEGY)
    for state in states or (a_state(),):
        follower.hear(state, heard or at(0))
    return follower
