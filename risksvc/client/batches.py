"""Several orders asked about in one call: each by itself, or all or none.

No I/O: `RiskGate` and `AsyncRiskGate` carry the messages. Rules: every order gets a decision, in the order of the
question, and each is judged as a single check's answer is; under all or none one that may not be sent, whoever says so,
leaves none that may be, and what the gate had approved of the others is reported NEVER_SENT.
"""

from abc import ABC
from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc

from risksvc.client.decision import Decision, LocalReason, local_denial
from risksvc.client.judgement import Question, refused, unclear
from risksvc.client.orders import OrderArguments
from risksvc.client.session import StrategySession
from risksvc.core.types import MalformedInputError
from risksvc.v1 import strategy_pb2

MAX_BATCH = 100


@dataclass(slots=True)
class Batch:
    """A batch under way. `questions`: all of them; `refusals`: what this library denied, by place from 0."""

    questions: list[Question]
    all_or_none: bool
    refusals: dict[int, Decision] = field(default_factory=dict)

    @property
    def asked(self) -> list[Question]:
        """Those that the gate is asked about; none: nothing is asked."""
        if self.all_or_none and self.refusals:
            return []
        return [one for place, one in enumerate(self.questions) if place not in self.refusals]

    def request(self) -> strategy_pb2.CheckBatchRequest:
        """The message that asks the gate."""
        each, whole = strategy_pb2.BATCH_MODE_EACH, strategy_pb2.BATCH_MODE_ALL_OR_NONE
        orders = [one.request for one in self.asked]
        return strategy_pb2.CheckBatchRequest(mode=whole if self.all_or_none else each, orders=orders)


class BatchSession(StrategySession, ABC):
    """What the blocking and the asyncio gate have in common for batches."""

    def _batch(self, orders: Iterable[OrderArguments], *, all_or_none: bool) -> Batch:
        if not isinstance(all_or_none, bool):
            raise TypeError(f"all_or_none: {all_or_none!r} is neither True nor False")
        batch = Batch([self._question(order) for order in orders], all_or_none)
        if len(batch.questions) > MAX_BATCH:
            raise MalformedInputError("orders", f"has {len(batch.questions)} orders; allowed: at most {MAX_BATCH}")
        ids = [one.client_order_id for one in batch.questions]
        twice = next((id_ for place, id_ in enumerate(ids) if id_ in ids[:place]), None)
        if twice is not None:
            raise MalformedInputError(
                "client_order_id", f"{twice!r} is used twice in one batch; every order needs its own"
            )
        batch.refusals = {
            place: denied
            for place, one in enumerate(batch.questions)
            if (denied := self._heard_against(one)) is not None
        }
        for question in batch.asked:
            self._leaves(question)
        return batch

    def _decided(self, batch: Batch, answer: object) -> list[Decision]:
        """The decisions on an answer that arrived."""
        asked = batch.asked
        given = list(answer.decisions) if isinstance(answer, strategy_pb2.CheckBatchResponse) else []
        if len(given) == len(asked):
            return self._together(batch, [self._judge(one, each) for one, each in zip(asked, given, strict=True)])
        for question in asked:
            self._give_up(question)
        problem = f"it has {len(given)} decisions on {len(asked)} orders"
        return self._together(batch, [unclear(one, problem) for one in asked])

    def _batch_failed(self, batch: Batch, code: grpc.StatusCode | None, details: str) -> list[Decision]:
        return self._together(batch, [self._failed(one, code, details) for one in batch.asked])

    def _batch_broke(self, batch: Batch, error: Exception) -> list[Decision]:
        return self._together(batch, [self._broke(one, error) for one in batch.asked])

    def _batch_given_up(self, batch: Batch) -> None:
        for question in batch.asked:
            self._give_up(question)

    def _together(self, batch: Batch, decisions: list[Decision]) -> list[Decision]:
        """All decisions in order. `decisions`: of the orders that were asked about."""
        came = iter(decisions)
        asked = {id(one) for one in batch.asked}
        found: list[Decision | None] = [
            next(came) if id(one) in asked else batch.refusals.get(place) for place, one in enumerate(batch.questions)
        ]
        broken_by = next((one for one in found if one is not None and not one.approved), None)
        if broken_by is None or not batch.all_or_none:
            return [one for one in found if one is not None]
        return [
            self._not_alone(question, one, broken_by=broken_by)
            for question, one in zip(batch.questions, found, strict=True)
        ]

    def _not_alone(self, question: Question, decision: Decision | None, *, broken_by: Decision) -> Decision:
        """Under all or none: of a batch that is broken no order may be sent."""
        if decision is not None and not decision.approved:
            return decision
        if decision is not None:
            self._give_up(question)
        text = f"all or none: order {broken_by.client_order_id} of this batch was denied ({broken_by.headline})"
        return refused(question, local_denial(LocalReason.BATCH_DENIED, text))
