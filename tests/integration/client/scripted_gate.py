"""A real gRPC server whose answers a test scripts: real transport, no rules of its own.

Run as a program (`python -m tests.integration.client.scripted_gate ADDRESS`) it approves everything, so that a test can
stop, continue and kill it.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc

from risksvc.core.types import MILLISECOND, SECOND
from risksvc.v1 import strategy_pb2, types_pb2
from risksvc.v1.strategy_pb2_grpc import StrategyServiceServicer, add_StrategyServiceServicer_to_server
from tests.unit.client.messages import a_state, an_approval

Context = grpc.ServicerContext
Answer = Callable[[strategy_pb2.CheckOrderRequest, Context], strategy_pb2.CheckOrderResponse]

# Long enough for a busy machine; a test of expiry or silence says what it needs.
VALID_FOR_NS = 5 * SECOND
HEARTBEAT_MS = 2_000
PERIOD = 0.05
PATIENCE = 10.0


def approve(request: strategy_pb2.CheckOrderRequest, _: Context) -> strategy_pb2.CheckOrderResponse:
    return approval(request)


def approval(request: strategy_pb2.CheckOrderRequest, **changes: Any) -> strategy_pb2.CheckOrderResponse:  # noqa: ANN401
    return an_approval(request, **{"decided_at_ns": time.time_ns(), "valid_for_ns": VALID_FOR_NS, **changes})


class ScriptedGate(StrategyServiceServicer):
    """Answers as told, and keeps what it was asked and told. Everything may be changed while it runs."""

    def __init__(self) -> None:
        self.answer: Answer = approve
        self.batch_answer: Callable[[strategy_pb2.CheckBatchRequest], Any] = lambda request: request.orders
        self.known: Callable[[strategy_pb2.ReportOrderRequest], bool] = lambda _: True
        self.reports_fail: grpc.StatusCode | None = None
        self.ledger_position = "1"
        self.state: dict[str, Any] = {}
        self.silent = False
        self.heartbeat_ms = HEARTBEAT_MS
        self.checks: list[strategy_pb2.CheckOrderRequest] = []
        self.batches: list[strategy_pb2.CheckBatchRequest] = []
        self.reports: list[Any] = []
        self.watchers = 0
        self._changed = threading.Condition()
        self._stopped = False

    def say(self, **state: Any) -> None:  # noqa: ANN401 - fields of a trading state
        """Push this trading state now, and with every heartbeat from now on."""
        with self._changed:
            self.state = state
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def orders_reported(self, kind: strategy_pb2.OrderReport.ValueType) -> list[str]:
        with self._changed:
            reports = [one for one in self.reports if isinstance(one, strategy_pb2.ReportOrderRequest)]
        return [one.client_order_id for one in reports if one.report == kind]

    def wait_for(self, happened: Callable[[], bool]) -> bool:
        """Wait until something was asked or told that makes this true."""
        deadline = time.monotonic() + PATIENCE
        while not happened() and time.monotonic() < deadline:
            time.sleep(0.005)
        return happened()

    # -- the service ----------------------------------------------------------------------------------------------

    def CheckOrder(self, request: strategy_pb2.CheckOrderRequest, context: Any) -> Any:  # noqa: ANN401, N802
        self.checks.append(request)
        return self.answer(request, context)

    def CheckOrders(self, request_iterator: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802
        for request in request_iterator:
            yield self.CheckOrder(request, context)

    def CheckBatch(self, request: strategy_pb2.CheckBatchRequest, context: Any) -> Any:  # noqa: ANN401, N802
        self.batches.append(request)
        answered = self.batch_answer(request)
        return strategy_pb2.CheckBatchResponse(decisions=[self.CheckOrder(one, context) for one in answered])

    def WatchTradingState(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802
        self.watchers += 1
        sequence = 0
        while context.is_active() and not self._stopped:
            if not self.silent:
                sequence += 1
                fields = {"sent_at_ns": time.time_ns(), "heartbeat_ms": self.heartbeat_ms, **self.state}
                yield a_state(**{"sequence": sequence, **fields})
            with self._changed:
                self._changed.wait(PERIOD)

    def ReportOrder(self, request: strategy_pb2.ReportOrderRequest, context: Any) -> Any:  # noqa: ANN401, N802
        self._take(request, context)
        return strategy_pb2.ReportOrderResponse(known=self.known(request))

    def ReportFill(self, request: strategy_pb2.ReportFillRequest, context: Any) -> Any:  # noqa: ANN401, N802
        self._take(request, context)
        return strategy_pb2.ReportFillResponse(recorded=True)

    def ReportPosition(self, request: strategy_pb2.ReportPositionRequest, context: Any) -> Any:  # noqa: ANN401, N802
        self._take(request, context)
        agrees = request.believed_position == self.ledger_position
        return strategy_pb2.ReportPositionResponse(agrees=agrees, ledger_position=self.ledger_position)

    def _take(self, request: Any, context: Any) -> None:  # noqa: ANN401
        if self.reports_fail is not None:
            context.abort(self.reports_fail, "scripted")
        with self._changed:
            self.reports.append(request)


class RunningGate:
    """A scripted gate on an address of its own."""

    def __init__(self, script: ScriptedGate, address: str, *between: grpc.ServerInterceptor) -> None:
        self.script = script
        self._pool = futures.ThreadPoolExecutor(max_workers=16)
        self._server = grpc.server(self._pool, interceptors=list(between), options=(("grpc.so_reuseport", 0),))
        add_StrategyServiceServicer_to_server(script, self._server)
        port = self._server.add_insecure_port(address)
        self.target = address if address.startswith("unix:") else f"127.0.0.1:{port}"
        self._server.start()

    def kill(self) -> None:
        """Stop at once: calls under way break."""
        self.script.stop()
        self._server.stop(grace=0).wait()
        self._pool.shutdown(wait=True)


def halted(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a halt
    """The fields of a trading state that is halted by one halt."""
    fields: dict[str, Any] = {
        "halt_id": "halt-1",
        "state": types_pb2.TRADING_STATE_HALTED,
        "trigger": "OPERATOR",
        "reason": "position looks wrong",
        "by": "ana",
        **changes,
    }
    return {"trading_state": fields["state"], "halts": [types_pb2.ActiveHalt(**fields)]}


def main() -> None:
    """Serve until killed; says when it is ready."""
    script = ScriptedGate()
    script.heartbeat_ms = 200
    script.answer = lambda request, _: approval(request, valid_for_ns=500 * MILLISECOND)
    running = RunningGate(script, sys.argv[1])
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    threading.Event().wait()
    running.kill()


if __name__ == "__main__":
    main()
