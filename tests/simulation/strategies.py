"""A simulated strategy: asks its gate, holds the approval as the client library does, and submits while it is usable.

The approval and its clock are the client library's own (`Decision`, `HeldPermit`, `Follower`): counted from before the
request left, looked at again in the moment of sending. What it submits goes to the oracle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, cast

from risksvc.client.clock import Instant
from risksvc.client.decision import Decision as Held
from risksvc.client.decision import Denial
from risksvc.client.following import Follower
from risksvc.client.judgement import HeldPermit, Question
from risksvc.core.events import OrderChecked, OrderReport, OrderReported
from risksvc.core.types import MILLISECOND, Order
from risksvc.gate.owner import GateClosedError
from risksvc.v1 import strategy_pb2
from tests.simulation import catalogue
from tests.simulation.gates import GateHost
from tests.simulation.network import Network
from tests.simulation.virtual_time import Due, Process

if TYPE_CHECKING:
    from risksvc.core.outputs import Decision

DEADLINE_NS = 100 * MILLISECOND
Submitted = Callable[[Order, str], None]


class Unheard(Follower):
    """The state stream of a strategy that trusts approvals alone: it forbids nothing, so time is all that protects."""

    def denial(self, instrument: str, *, reduce_only: bool, now: Instant) -> Denial | None:
        return None

    def voided(self, instrument: str, *, reduce_only: bool, since: int) -> Denial | None:
        return None


@dataclass(slots=True)
class Asked:
    """One question under way."""

    order: Order
    question: Question
    gone: Due


class Strategy:
    """One strategy and the gate that it asks. `pace`: nanoseconds between two questions, at most."""

    def __init__(self, process: Process, *, name: str, host: GateHost, network: Network, rng: Random) -> None:
        self.process = process
        self.name = name
        self.host = host
        self.pace = 60 * MILLISECOND
        self.dawdle = 0.0
        self.submitted: Submitted = lambda order, gate: None
        self.usable: Callable[[Held], bool] = Held.usable
        self._network = network
        self._rng = rng
        self._count = 0
        self._asked: Asked | None = None
        self._follower = Unheard(account=host.account, strategy=name)
        request = strategy_pb2.CheckOrderRequest(account=host.account, strategy=name, instrument=catalogue.BTC)
        self._request = request

    def start(self) -> None:
        self._later(int(self.pace * self._rng.random()), self._ask)

    def _later(self, delay: int, act: Callable[..., object], *arguments: object) -> Due:
        scheduler = self.process.scheduler
        return scheduler.at(scheduler.now + delay, act, *arguments, process=self.process)

    def _instant(self) -> Instant:
        now = self.process.scheduler.now
        return Instant(now, now)

    def _ask(self) -> None:
        self._count += 1
        host = self.host
        order = catalogue.order(host.account, self.name, f"{self.process.name}-{self._count}")
        question = Question(self._request, self._instant(), 0, may_report_never_sent=True)
        asked = self._asked = Asked(order, question, self._later(DEADLINE_NS, self._give_up))
        running = host.running
        if running is not None:
            name, gate = self.process.name, host.name
            self._network.send(name, gate, self._decide, asked, running, process=running.process)

    def _decide(self, asked: Asked, running: Any) -> None:  # noqa: ANN401 - at the gate
        try:
            decision = running.owner.submit(OrderChecked(asked.order, catalogue.WIDE, catalogue.ZERO))[0]
        except GateClosedError:
            return
        self._network.send(self.host.name, self.process.name, self._hear, asked, decision, process=self.process)

    def _hear(self, asked: Asked, answer: object) -> None:
        decision = cast("Decision", answer)
        if self._asked is not asked:
            return
        self._asked = None
        asked.gone.cancel()
        if not decision.approved:
            self._next(2)
            return
        permit = HeldPermit(
            asked.question,
            lasts_ns=decision.valid_until - decision.decided_at,
            follower=self._follower,
            clock=self._instant,
        )
        held = Held(asked.order.client_order_id, permit=permit)
        think = int(self._rng.random() * 12 * MILLISECOND)
        if self.dawdle and self._rng.random() < self.dawdle:
            think = int(self._rng.random() * 150 * MILLISECOND)
        self._later(think, self._submit, asked, held)

    def _submit(self, asked: Asked, held: Held) -> None:
        """The last look, and then it is on its way."""
        order, host = asked.order, self.host
        if self.usable(held):
            host.venue.arrived[order.client_order_id] = None
            self.submitted(order, host.name)
            if host.running is not None:
                self._network.send("venue", host.name, host.running.told_of, order, process=host.running.process)
        else:
            self._report_never_sent(order)
        self._next()

    def _report_never_sent(self, order: Order) -> None:
        running = self.host.running
        if running is not None:
            report = OrderReported(order.account, order.strategy, order.client_order_id, OrderReport.NEVER_SENT)
            self._network.send(self.process.name, self.host.name, running._feed, report, process=running.process)

    def _give_up(self) -> None:
        if self._asked is not None:
            order, self._asked = self._asked.order, None
            self._report_never_sent(order)
        self._next()

    def _next(self, slower: int = 1) -> None:
        self._later(int(slower * self.pace * (0.3 + 0.7 * self._rng.random())), self._ask)
