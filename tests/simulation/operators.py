"""Simulated operators: they halt through any gate, look, think, resume what they saw, and initialise after a loss."""

import asyncio
from random import Random
from typing import Any

from risksvc.core.types import MILLISECOND, MalformedInputError, RiskError
from risksvc.gate import halting
from risksvc.gate.owner import GateClosedError
from risksvc.v1 import operator_pb2
from tests.simulation import catalogue
from tests.simulation.gates import GateHost, RunningGate
from tests.simulation.oracle import Oracle

TRIES = 6
_EFFECTIVE = operator_pb2.HALT_EFFECT_EFFECTIVE
_PROPOSED = operator_pb2.RESUME_OUTCOME_PROPOSED
_REFUSED = operator_pb2.RESUME_OUTCOME_REFUSED


class Operators:
    """Everybody with an operator's credential."""

    def __init__(self, oracle: Oracle, rng: Random, hosts: list[GateHost]) -> None:
        self._oracle = oracle
        self._rng = rng
        self._hosts = hosts
        self._count = 0
        self.appetite = rng.choice((0.0, 0.5, 1.0))  # how often a halt is soon followed by a resume

    def halt(self) -> None:
        """Through one gate, or through all of them, as `risksvc halt` does."""
        running = self._running()
        if not running:
            return
        self._count += 1
        if self._rng.random() < self.appetite:
            scheduler = running[0].process.scheduler
            scheduler.at(scheduler.now + self._rng.randint(50, 700) * MILLISECOND, self.resume)
        first = self._rng.choice(running)
        request = operator_pb2.HaltRequest(reason="drill", halt_id=f"h{self._count}")
        kind = self._rng.random()
        if kind < 0.45:
            request.scope.account = first.host.account
        if kind < 0.2:
            request.scope.strategy = self._rng.choice(catalogue.STRATEGIES)
        reached = [first] if self._rng.random() < 0.7 else [one for one in running if _follows(one, request)]
        for one in reached:
            one.process.create_task(self._halt(one, request))

    async def _halt(self, gate: RunningGate, request: operator_pb2.HaltRequest) -> None:
        try:
            answer = await halting.halt(gate.app, request, "olga")
        except MalformedInputError:
            return  # it has been cleared meanwhile
        effective = answer.effect == _EFFECTIVE
        if answer.halt_id in self._oracle.halts:
            self._oracle.answered(answer.halt_id, effective=effective, missing=answer.missing)

    def resume(self) -> None:
        """Looks at one gate's halts, and asks for some of them to be cleared."""
        running = self._running()
        if running:
            gate = self._rng.choice(running)
            gate.process.create_task(self._resume(gate, self._rng.random()))

    async def _resume(self, gate: RunningGate, appetite: float) -> None:
        seen = [halt.halt_id for halt in gate.owner.state.halts.active()]
        named = seen if appetite < 0.7 else seen[: len(seen) // 2]
        if not named:
            return
        self._oracle.named.update(dict.fromkeys(named))
        await asyncio.sleep(self._rng.random() * 0.2)
        request = operator_pb2.ResumeRequest()
        request.propose.halt_ids.extend(named)
        request.propose.reason = "drill over"
        for _ in range(TRIES):
            answer = await self._ask(gate, request, "ann")
            if answer is not None and answer.outcome == _PROPOSED:
                second = operator_pb2.ResumeRequest()
                second.confirm.proposal_id = answer.proposal_id
                answer = await self._ask(gate, second, "bob")
            if answer is None or answer.outcome != _REFUSED:
                return
            await asyncio.sleep(0.15)

    @staticmethod
    async def _ask(gate: RunningGate, request: operator_pb2.ResumeRequest, by: str) -> Any:  # noqa: ANN401 - a message or None
        try:
            return await halting.resume(gate.app, request, by)
        except GateClosedError:
            return None

    def initialise(self, host: GateHost) -> None:
        """`risksvc init` at this gate."""
        if host.running is not None:
            host.running.process.create_task(self._initialise(host.running))

    @staticmethod
    async def _initialise(gate: RunningGate) -> None:
        for _ in range(TRIES):
            try:
                await gate.follower.initialise()
            except RiskError:
                await asyncio.sleep(0.02)
            else:
                return

    def _running(self) -> list[RunningGate]:
        return [host.running for host in self._hosts if host.running is not None and not host.running.process.paused]


def _follows(gate: RunningGate, request: operator_pb2.HaltRequest) -> bool:
    return request.scope.account in ("", gate.host.account)
