"""What strategies may ask: only converts and asks the owner. Decides nothing, holds nothing.

A denial is an answer; a status means that the gate could not decide. Whatever goes wrong here ends in a status or in a
denial, never in an approval.
"""

from collections.abc import AsyncIterator

from grpc import StatusCode

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import Input
from risksvc.core.outputs import Decision, ExposureUse, Output, ReportTaken
from risksvc.core.types import MILLISECOND, SECOND, MalformedInputError, Scope, TradingState
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.convert_strategy import (
    decision_message,
    fill_reported,
    number,
    order_checked,
    order_reported,
    position_reported,
)
from risksvc.gate.rpc_guard import Context, errors_as_statuses, refuse_late
from risksvc.gate.watching import TooManyWatchersError, Watcher, state_message
from risksvc.v1 import strategy_pb2, strategy_pb2_grpc


class StrategyService(strategy_pb2_grpc.StrategyServiceServicer):
    """risksvc.v1.StrategyService over the owner."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    async def CheckOrder(  # noqa: N802 - gRPC's name
        self, request: strategy_pb2.CheckOrderRequest, context: Context
    ) -> strategy_pb2.CheckOrderResponse:
        """Decides one order."""
        async with errors_as_statuses(self._app, context):
            await refuse_late(self._app, context)
            return self._check(request)

    async def CheckOrders(  # noqa: N802
        self, request_iterator: AsyncIterator[strategy_pb2.CheckOrderRequest], context: Context
    ) -> AsyncIterator[strategy_pb2.CheckOrderResponse]:
        """Decides orders one after the other; a malformed one is denied and the stream goes on."""
        async with errors_as_statuses(self._app, context):
            async for request in request_iterator:
                await refuse_late(self._app, context)
                yield self._check_or_deny(request)

    async def ReportOrder(  # noqa: N802
        self, request: strategy_pb2.ReportOrderRequest, context: Context
    ) -> strategy_pb2.ReportOrderResponse:
        """What became of an order."""
        async with errors_as_statuses(self._app, context):
            return strategy_pb2.ReportOrderResponse(known=self._report(order_reported(request)).known)

    async def ReportFill(  # noqa: N802
        self, request: strategy_pb2.ReportFillRequest, context: Context
    ) -> strategy_pb2.ReportFillResponse:
        """A fill."""
        async with errors_as_statuses(self._app, context):
            return strategy_pb2.ReportFillResponse(recorded=self._report(fill_reported(request)).known)

    async def ReportPosition(  # noqa: N802
        self, request: strategy_pb2.ReportPositionRequest, context: Context
    ) -> strategy_pb2.ReportPositionResponse:
        """A belief."""
        async with errors_as_statuses(self._app, context):
            taken = self._report(position_reported(request))
            ledger = number(taken.ledger_position)
            return strategy_pb2.ReportPositionResponse(agrees=taken.agrees, ledger_position=ledger)

    async def WatchTradingState(  # noqa: N802
        self, request: strategy_pb2.WatchTradingStateRequest, context: Context
    ) -> AsyncIterator[strategy_pb2.WatchTradingStateResponse]:
        """The state at once, on every change, and with every heartbeat."""
        async with errors_as_statuses(self._app, context):
            account = convert.name(request.account, field="account")
            strategy = convert.name(request.strategy, field="strategy")
            try:
                with self._app.watchers.following(account, strategy) as watcher:
                    async for message in self._follow(watcher):
                        yield message
            except TooManyWatchersError:
                text = f"{len(self._app.watchers)} streams are open; one per strategy is enough"
                await context.abort(StatusCode.RESOURCE_EXHAUSTED, text)

    async def _follow(self, watcher: Watcher) -> AsyncIterator[strategy_pb2.WatchTradingStateResponse]:
        app = self._app
        heartbeat_ns, sequence = app.settings.heartbeat_ns, 0
        while True:
            sequence += 1
            yield state_message(
                app.owner,
                watcher,
                sequence=sequence,
                heartbeat_ms=heartbeat_ns // MILLISECOND,
                now=app.clock.now(),
            )
            if app.watchers.ended:
                return
            await watcher.wait(heartbeat_ns / SECOND)

    def _check_or_deny(self, request: strategy_pb2.CheckOrderRequest) -> strategy_pb2.CheckOrderResponse:
        try:
            return self._check(request)
        except MalformedInputError as error:
            self._app.counters.malformed += 1
            return self._denial(request, DenialReason.INVALID_REQUEST, str(error))

    def _check(self, request: strategy_pb2.CheckOrderRequest) -> strategy_pb2.CheckOrderResponse:
        event = order_checked(request)
        if self._app.owner.fault is not None:
            return self._denial(request, DenialReason.GATE_FAULT, "the gate met an internal error and is closed")
        decision = self._submit(event)[0]
        if not isinstance(decision, Decision):
            raise TypeError(f"a check gave {type(decision).__name__}")
        return decision_message(decision)

    def _report(self, event: Input) -> ReportTaken:
        taken = self._submit(event)[0]
        if not isinstance(taken, ReportTaken):
            raise TypeError(f"a report gave {type(taken).__name__}")
        return taken

    def _submit(self, event: Input) -> tuple[Output, ...]:
        outputs = self._app.owner.submit(event)
        if not outputs:
            raise TypeError(f"{type(event).__name__} got no answer")
        return outputs

    def _denial(
        self, request: strategy_pb2.CheckOrderRequest, reason: DenialReason, text: str
    ) -> strategy_pb2.CheckOrderResponse:
        """An answer that the core was not asked for."""
        app = self._app
        decision = Decision(
            client_order_id=request.client_order_id[: convert.MAX_NAME],
            denials=(Denial(reason, Scope(), text),),
            instrument_exposure=ExposureUse(),
            total_exposure=ExposureUse(),
            trading_state=TradingState.HALTED if app.owner.fault else app.owner.state.state_of(request.account),
            valid_until=0,
            decided_at=app.clock.now(),
            limits_hash=app.owner.state.limits_hash,
        )
        return decision_message(decision)
