"""A flatten as operators see it. Only reads."""

from risksvc.core.flatten.proof import phase_of, waiting_for
from risksvc.core.flatten.run import Certificate, FlattenOrder, FlattenRun
from risksvc.core.state import GateState
from risksvc.core.types import Nanoseconds, Side, plain
from risksvc.gate.convert_strategy import scope_message
from risksvc.v1 import incident_pb2 as pb
from risksvc.v1 import types_pb2

_SIDES = {Side.BUY: types_pb2.SIDE_BUY, Side.SELL: types_pb2.SIDE_SELL}


def flatten_message(state: GateState, run: FlattenRun, *, now: Nanoseconds) -> pb.Flatten:
    """Everything about one."""
    phase = phase_of(state.accounts.get(run.account), run)
    return pb.Flatten(
        flatten_id=run.flatten_id,
        incident_id=run.incident_id,
        scope=scope_message(run.scope),
        phase=pb.FlattenPhase.Value(f"FLATTEN_PHASE_{phase.value}"),
        target=pb.FlattenTarget.Value(f"FLATTEN_TARGET_{run.asked.target.value}"),
        started_at_ns=run.started_at,
        by=run.by,
        reason=run.asked.reason,
        orders=[_order(one) for one in run.orders.values()],
        waiting_for="; ".join(waiting_for(state, run, now=now)),
        ended_at_ns=run.ended_at or 0,
        certificate=None if run.certificate is None else _certificate(run.certificate),
        gaps=run.gaps,
        cost=plain(run.cost),
    )


def _order(one: FlattenOrder) -> pb.FlattenOrder:
    order = one.order
    return pb.FlattenOrder(
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        strategy=order.strategy,
        side=_SIDES[order.side],
        quantity=plain(order.quantity),
        filled=plain(one.traded),
        limit_price="" if order.limit_price is None else plain(order.limit_price),
        state=one.end.value,
    )


def _certificate(proof: Certificate) -> pb.FlatCertificate:
    return pb.FlatCertificate(
        at_ns=proof.at,
        reads=[
            pb.CertificateRead(
                as_of_ns=read.as_of, window_start_ms=read.window_start_ms, window_end_ms=read.window_end_ms
            )
            for read in proof.reads
        ],
        positions=[f"{symbol} {plain(quantity)}" for symbol, quantity in proof.positions],
        not_seen=proof.not_seen,
    )
