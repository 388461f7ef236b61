"""Walks one line's decisions in order and lets the counterfactual take each on its own path.

Booked at the decision: what fills of an order later counts here as filled at once, in both ledgers, so that a decision
taken while an older order was still filling is not taken for a wrong one. `held` is the actual ledger so booked,
`error` is e = a - c. With D = believed - actual, a decision that sent the order o had the target held + D + o, or the
recorded intent. `risksvc.core.impact.review` says why.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from risksvc.core.impact.belief import BeliefTrack, Divergences
from risksvc.core.impact.filling import Filling, Step, Terms, as_it_was, fill_both, order_sent
from risksvc.core.impact.line import Line
from risksvc.core.impact.money import ratio, whole_steps
from risksvc.core.impact.report import Divergence
from risksvc.core.impact.types import ImpactAssumptions, ImpactDecision, ImpactFill, MarkPoint, TargetRule
from risksvc.core.types import ZERO, Nanoseconds


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision with both its fillings. `judged` False: it had no target, or was taken before the fault began.

    `diverged`: taken on a wrong belief. `unclear`: recorded intent, and belief + order, name different targets.
    """

    decision: ImpactDecision
    mark: MarkPoint
    filling: Filling
    judged: bool
    diverged: bool = False
    unclear: bool = False
    target: Decimal = ZERO
    sent: Decimal = ZERO
    would_send: Decimal = ZERO


@dataclass(slots=True)
class DecidedLine:
    """A line walked to its end. `steps`: every change of its ledgers, in no order."""

    line: Line
    knows_belief: bool
    start_difference: Decimal
    decided: list[Decided] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    divergences: list[Divergence] = field(default_factory=list)


def decide(line: Line, assumed: ImpactAssumptions, *, affected_from: Nanoseconds | None) -> DecidedLine:
    """Takes every decision of a line, in both ledgers."""
    walk = _Walk(line, assumed, affected_from)
    others = _Others(line)
    for decision in line.decisions:
        for fill, unknown in others.until(decision.at):
            walk.take_fill(fill, unknown=unknown)
        walk.take_decision(decision)
    for fill, unknown in others.until(line.horizon):
        walk.take_fill(fill, unknown=unknown)
    walk.divergences.close(None)
    walk.result.divergences = walk.divergences.found
    return walk.result


class _Others:
    """Fills without a decision here, in order; the flag says that no belief can have held them."""

    def __init__(self, line: Line) -> None:
        fills = [(fill, True) for fill in (*line.unknown, *line.flatten)] + [(fill, False) for fill in line.own]
        self._fills = sorted(fills, key=lambda each: each[0].at)
        self._next = 0

    def until(self, time: Nanoseconds) -> Iterator[tuple[ImpactFill, bool]]:
        while self._next < len(self._fills) and self._fills[self._next][0].at <= time:
            self._next += 1
            yield self._fills[self._next - 1]


class _OwnFills:
    """What has really filled of the strategy's own, by time: a belief is about that, not about what is booked."""

    def __init__(self, line: Line) -> None:
        rows = [(fill.at, -1, fill.quantity) for fill in line.own]
        for number, decision in enumerate(line.decisions):
            rows += [(fill.at, number, fill.quantity) for fill in line.fills_of.get(decision.decision_id, ())]
        rows.sort(key=lambda row: row[:2])
        self.fills = [(at, quantity) for at, _, quantity in rows]
        self._rows = rows
        self.count, self.held = 0, ZERO

    def advance(self, at: Nanoseconds, number: int) -> None:
        """To just before this decision: of the fills of its own moment those of earlier decisions are in."""
        rows = self._rows
        while self.count < len(rows) and rows[self.count][:2] < (at, number):
            self.held += rows[self.count][2]
            self.count += 1


class _Walk:
    def __init__(self, line: Line, assumed: ImpactAssumptions, affected_from: Nanoseconds | None) -> None:
        self.line, self.assumed, self.affected_from = line, assumed, affected_from
        self.own = _OwnFills(line)
        believed = line.actual if line.believed is None else line.believed
        knows = line.says_beliefs or line.believed is not None
        start = believed - line.actual
        self.track = BeliefTrack(start, self.own.fills, lag=assumed.belief_lag)
        self.divergences = Divergences(line.strategy, line.symbol)
        self.result = DecidedLine(line, knows, start)
        self.held, self.error, self.unknown = line.actual, ZERO, ZERO
        self._terms = Terms(line.value, assumed)
        self._note_difference(line.start, decision=False)

    def take_fill(self, fill: ImpactFill, *, unknown: bool) -> None:
        """A fill that is the same in both ledgers."""
        self.held += fill.quantity
        change = ZERO
        if unknown:
            self.unknown += fill.quantity
            self.track.unknown(fill.quantity)
            change = -fill.quantity
            self._note_difference(fill.at, decision=False)
        self.result.steps.append(Step(fill.at, fill.quantity, fill.quantity, difference=change))

    def take_decision(self, decision: ImpactDecision) -> None:
        """Books a decision in both ledgers."""
        self._hear(decision)
        fills = self.line.fills_of.get(decision.decision_id, [])
        sent = order_sent(decision.order, fills, decision_id=decision.decision_id)
        mark = self.line.marks.at(decision.at)
        taken = self._take(decision, fills, sent, mark=mark)
        self.held += taken.filling.filled
        self.error += taken.filling.delta
        self.result.decided.append(taken)
        self.result.steps += taken.filling.steps

    def _hear(self, decision: ImpactDecision) -> None:
        self.own.advance(decision.at, len(self.result.decided))
        if decision.believed is not None:
            before = self.track.difference
            actual = self.line.actual + self.own.held + self.unknown
            self.track.hear(decision.believed, actual=actual, own=self.own.count, at=decision.at)
            if self.track.difference != before:
                change = self.track.difference - before
                self.result.steps.append(Step(decision.at, ZERO, ZERO, difference=change))
        self._note_difference(decision.at, decision=True)

    def _note_difference(self, at: Nanoseconds, *, decision: bool) -> None:
        if self.result.knows_belief:
            self.divergences.see(self.track.difference, at=at, decision=decision)

    def _take(self, decision: ImpactDecision, fills: list[ImpactFill], sent: Decimal, *, mark: MarkPoint) -> Decided:
        knows, difference = self.result.knows_belief, self.track.difference
        by_belief = self.held + difference + sent if knows else None
        target = self._target(decision.intended, by_belief)
        early = self.affected_from is not None and decision.at < self.affected_from
        if target is None or early:
            return Decided(decision, mark, as_it_was(fills), judged=False, diverged=knows and bool(difference))
        right = knows and not difference and not self.error and self.affected_from is None
        target, would_send = (self.held + sent, sent) if right else self._would_send(decision, target, sent, mark=mark)
        if would_send == sent:
            filling = as_it_was(fills)
        else:
            filling = fill_both(would_send, sent=sent, fills=fills, at=decision.at, mark=mark, terms=self._terms)
        return Decided(
            decision,
            mark,
            filling,
            judged=True,
            diverged=knows and bool(difference),
            unclear=not right and None not in (by_belief, decision.intended) and by_belief != decision.intended,
            target=target,
            sent=sent,
            would_send=would_send,
        )

    def _target(self, intended: Decimal | None, by_belief: Decimal | None) -> Decimal | None:
        first, second = intended, by_belief
        if self.assumed.target is TargetRule.BELIEF_PLUS_ORDER:
            first, second = by_belief, intended
        return second if first is None else first

    def _would_send(
        self, decision: ImpactDecision, target: Decimal, sent: Decimal, *, mark: MarkPoint
    ) -> tuple[Decimal, Decimal]:
        """Where the counterfactual goes, and the order that takes it there, within limits and in whole steps."""
        counterfactual, step = self.held - self.error, self.line.listed.instrument.quantity_step
        most = self._most(decision, mark)
        if most is not None:
            allowed = max(min(target, max(most, counterfactual)), min(-most, counterfactual))
            if allowed != target:
                return allowed, whole_steps(allowed - counterfactual, step)
        # What was sent was in whole steps: its correction is rounded, so that a rest below a step corrects nothing.
        return target, sent + whole_steps(target - counterfactual - sent, step)

    def _most(self, decision: ImpactDecision, mark: MarkPoint) -> Decimal | None:
        """The largest |position| that the limits allow at this mark."""
        limit, bounds = self.line.listed.max_net_exposure, []
        if limit is not None:
            bounds.append(ratio(limit, self.line.value.exposure(Decimal(1), mark.mark)))
        if decision.max_position is not None:
            bounds.append(decision.max_position)
        return min(bounds, default=None)
