"""What strategies may ask: only converts and asks the owner. Decides nothing, holds nothing.

A denial is an answer; a status means that the gate could not decide. Whatever goes wrong here ends in a status or in a
denial, never in an approval. Bytes in, bytes out: deadlines, durability and statuses are the engine's
(`risksvc.gate.engine.methods`).
"""

from google.protobuf.message import DecodeError

from risksvc.core.denials import Denial, DenialReason
from risksvc.core.events import Input
from risksvc.core.outputs import Decision, ExposureUse, Output, ReportTaken
from risksvc.core.types import MalformedInputError, Scope, TradingState
from risksvc.gate import convert
from risksvc.gate.app import GateApp
from risksvc.gate.convert_batch import BatchRead, batch_reply, read_batch
from risksvc.gate.convert_strategy import (
    decision_bytes,
    fill_reported,
    number,
    order_checked,
    order_reported,
    position_reported,
)
from risksvc.gate.engine.methods import Method, Session, Unary, Watch, read_message
from risksvc.gate.state_streams import StateStreams
from risksvc.v1 import strategy_pb2


class StrategyService:
    """risksvc.v1.StrategyService over the owner."""

    def __init__(self, app: GateApp) -> None:
        self._app = app

    def methods(self) -> tuple[Method, ...]:
        """What is served."""
        name = f"/{strategy_pb2.DESCRIPTOR.services_by_name['StrategyService'].full_name}"
        return (
            Unary(f"{name}/CheckOrder", self.check_order),
            Session(f"{name}/CheckOrders", self.check_in_session),
            Unary(f"{name}/CheckBatch", self.check_batch),
            Unary(f"{name}/ReportOrder", self.report_order),
            Unary(f"{name}/ReportFill", self.report_fill),
            Unary(f"{name}/ReportPosition", self.report_position),
            Watch(f"{name}/WatchTradingState", StateStreams(self._app).follow),
        )

    def check_order(self, data: bytes) -> bytes:
        """Decides one order."""
        return self._check(read_message(strategy_pb2.CheckOrderRequest.FromString, data))

    def check_in_session(self, data: bytes) -> bytes:
        """Decides one order of a stream; a malformed one is denied and the stream goes on."""
        try:
            request = strategy_pb2.CheckOrderRequest.FromString(data)
        except DecodeError:
            request = strategy_pb2.CheckOrderRequest()  # refused like any malformed message
        try:
            return self._check(request)
        except MalformedInputError as error:
            self._app.counters.malformed += 1
            return self._denial(request, DenialReason.INVALID_REQUEST, str(error))

    def check_batch(self, data: bytes) -> bytes:
        """Decides several orders. Those that can't be read are denied as in a stream; under all or none, so are all."""
        request = read_message(strategy_pb2.CheckBatchRequest.FromString, data)
        batch = read_batch(request)
        self._app.counters.malformed += len(batch.refused)
        if self._app.owner.fault is not None:
            replies = [self._closed(order) for order in request.orders]
        elif batch.refused and batch.all_or_none:
            replies = self._denied_whole(request, batch)
        else:
            replies = self._decided(request, batch)
        return batch_reply(replies)

    def report_order(self, data: bytes) -> bytes:
        """What became of an order."""
        taken = self._report(order_reported(read_message(strategy_pb2.ReportOrderRequest.FromString, data)))
        return strategy_pb2.ReportOrderResponse(known=taken.known).SerializeToString()

    def report_fill(self, data: bytes) -> bytes:
        """A fill."""
        taken = self._report(fill_reported(read_message(strategy_pb2.ReportFillRequest.FromString, data)))
        return strategy_pb2.ReportFillResponse(recorded=taken.known).SerializeToString()

    def report_position(self, data: bytes) -> bytes:
        """A belief."""
        taken = self._report(position_reported(read_message(strategy_pb2.ReportPositionRequest.FromString, data)))
        ledger = number(taken.ledger_position)
        return strategy_pb2.ReportPositionResponse(agrees=taken.agrees, ledger_position=ledger).SerializeToString()

    def _check(self, request: strategy_pb2.CheckOrderRequest) -> bytes:
        event = order_checked(request)
        if self._app.owner.fault is not None:
            return self._closed(request)
        decision = self._submit(event)[0]
        if not isinstance(decision, Decision):
            raise TypeError(f"a check gave {type(decision).__name__}")
        return decision_bytes(decision)

    def _decided(self, request: strategy_pb2.CheckBatchRequest, batch: BatchRead) -> list[bytes]:
        asked = len(batch.asked)
        decisions = self._submit(batch.question())[:asked] if asked else ()
        replies = [decision_bytes(one) for one in decisions if isinstance(one, Decision)]
        if len(replies) != asked:
            raise TypeError(f"a batch of {asked} gave {len(replies)} decisions")
        for place, error in batch.refused.items():  # in order, so that each finds its place
            replies.insert(place, self._denial(request.orders[place], DenialReason.INVALID_REQUEST, str(error)))
        return replies

    def _denied_whole(self, request: strategy_pb2.CheckBatchRequest, batch: BatchRead) -> list[bytes]:
        first = next(iter(batch.refused))
        text = f"all or none: order {first + 1} of this batch is malformed ({batch.refused[first]})"
        return [
            self._denial(order, DenialReason.INVALID_REQUEST, str(batch.refused[place]))
            if place in batch.refused
            else self._denial(order, DenialReason.BATCH_DENIED, text)
            for place, order in enumerate(request.orders)
        ]

    def _closed(self, request: strategy_pb2.CheckOrderRequest) -> bytes:
        return self._denial(request, DenialReason.GATE_FAULT, "the gate met an internal error and is closed")

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

    def _denial(self, request: strategy_pb2.CheckOrderRequest, reason: DenialReason, text: str) -> bytes:
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
        return decision_bytes(decision)
