"""A second model of a review, as plain as can be: fractions, and everything anew from the whole history each time.

It knows one line without a belief's lag, steps or limits. PnL is added up fill by fill and charge by charge for both
ledgers; the cost is their difference. Nothing here is shared with the core but the values that it takes in.
"""

from dataclasses import dataclass
from fractions import Fraction

from risksvc.core.impact.types import ImpactCase, ImpactDecision, ImpactFill, TargetRule
from risksvc.core.types import InstrumentKind, Nanoseconds


@dataclass(slots=True)
class Trade:
    at: Nanoseconds
    quantity: Fraction
    worth: Fraction  # of one unit at its price
    fee: Fraction


class NaiveReview:
    """Reviews the case's only instrument and strategy."""

    def __init__(self, case: ImpactCase) -> None:
        self.case = case
        self.actual: list[Trade] = []
        self.would: list[Trade] = []
        self.direction = Fraction(0)
        self.heard: tuple[Nanoseconds, Fraction] | None = None  # when a belief last spoke, and how far off it was
        (self.listed,) = case.instruments
        self.start = sum((Fraction(one.actual) for one in self.case.starting), Fraction(0))
        self.believed = sum(
            (Fraction(one.actual if one.believed is None else one.believed) for one in self.case.starting), Fraction(0)
        )
        made = {decision.decision_id for decision in self.case.decisions}
        self.others = [fill for fill in self.case.fills if fill.decision_id not in made]
        for fill in self.others:
            self.actual.append(self.trade(fill))
            self.would.append(self.trade(fill))
        for decision in self.case.decisions:
            self.decide(decision)

    # -- the market ----------------------------------------------------------------------------------------------

    def worth(self, price: Fraction) -> Fraction:
        size = Fraction(self.listed.instrument.contract_size)
        return -size / price if self.listed.instrument.kind is InstrumentKind.INVERSE else size * price

    def mark(self, at: Nanoseconds) -> Fraction:
        marks = self.case.marks[self.listed.symbol]
        return Fraction(([point for point in marks if point.at <= at] or [marks[0]])[-1].mark)

    def trade(self, fill: ImpactFill) -> Trade:
        return Trade(fill.at, Fraction(fill.quantity), self.worth(Fraction(fill.price)), Fraction(fill.fee))

    def held(self, trades: list[Trade], at: Nanoseconds, *, inclusive: bool = True) -> Fraction:
        return self.start + sum(
            (one.quantity for one in trades if one.at < at or (inclusive and one.at == at)), Fraction(0)
        )

    # -- decisions -----------------------------------------------------------------------------------------------

    def off(self, decision: ImpactDecision) -> Fraction | None:
        """Believed - actual when this was decided; None: never said."""
        if all(one.believed is None for one in self.case.decisions) and all(
            one.believed is None for one in self.case.starting
        ):
            return None
        if decision.believed is not None:
            off = Fraction(decision.believed) - self.held(self.actual, decision.at)
            self.heard = (decision.at, off)
            return off
        since, off = self.heard or (-1, self.believed - self.start)
        unknown = [fill for fill in self.others if not fill.decision_id and since < fill.at <= decision.at]
        return off - sum((Fraction(fill.quantity) for fill in unknown), Fraction(0))

    def filled(self, decision: ImpactDecision) -> list[ImpactFill]:
        found = [fill for fill in self.case.fills if fill.decision_id == decision.decision_id]
        return sorted(found, key=lambda fill: fill.at)

    def booked(self, trades: list[Trade], decision: ImpactDecision) -> Fraction:
        """Held, with everything in it that earlier decisions have still to come; `trades` has no later ones yet."""
        later = sum((Fraction(fill.quantity) for fill in self.others if fill.at > decision.at), Fraction(0))
        return self.start + sum((one.quantity for one in trades), Fraction(0)) - later

    def decide(self, decision: ImpactDecision) -> None:
        fills, off = self.filled(decision), self.off(decision)
        done = sum((Fraction(fill.quantity) for fill in fills), Fraction(0))
        sent = max(Fraction(decision.order), done, key=abs)
        a, c = self.booked(self.actual, decision), self.booked(self.would, decision)
        by_belief = None if off is None else a + off + sent
        by_intent = None if decision.intended is None else Fraction(decision.intended)
        choices = [by_intent, by_belief]
        if self.case.assumptions.target is TargetRule.BELIEF_PLUS_ORDER:
            choices.reverse()
        target = next((one for one in choices if one is not None), None)
        wanted = sent if target is None or (off == 0 and a == c) else target - c
        mine = [self.trade(fill) for fill in fills]
        self.actual += mine
        shadow = mine if wanted == sent else self.shadow(decision, mine, sent=sent, wanted=wanted)
        self.would += shadow
        delta = done - sum((one.quantity for one in shadow), Fraction(0))
        moved = self.worth(self.mark(self.case.window.end)) - self.worth(self.mark(decision.at))
        self.direction -= delta * moved

    def shadow(self, decision: ImpactDecision, mine: list[Trade], *, sent: Fraction, wanted: Fraction) -> list[Trade]:
        """What the wanted order fills: as much as was filled, as it was filled; then what is beyond the order sent."""
        side = 1 if wanted > 0 else -1
        done = sum((one.quantity for one in mine), Fraction(0))
        value = sum((one.quantity * one.worth for one in mine), Fraction(0))
        fee = sum((one.fee for one in mine), Fraction(0))
        left = min(abs(wanted), max(done * side, Fraction(0)))
        found = list(mine) if left == abs(done) else []
        for one in [] if found else mine:
            part = min(left, abs(one.quantity))
            left -= part
            found.append(Trade(one.at, part * side, value / done, part * fee / abs(done)))
        beyond = abs(wanted) - max(sent * side, Fraction(0))
        if beyond > 0:
            assumed, mark = self.case.assumptions, self.mark(decision.at)
            points = (Fraction(assumed.half_spread_bps) + Fraction(assumed.impact_bps)) / 10_000
            worth = self.worth(mark + side * mark * points)
            rate = fee / abs(value) if value else Fraction(assumed.fee_rate)
            found.append(Trade(decision.at, beyond * side, worth, beyond * abs(worth) * rate))
        return found

    # -- the answer ----------------------------------------------------------------------------------------------

    def profit(self, trades: list[Trade], until: Nanoseconds) -> Fraction:
        """In the settle currency, at the mark of that time."""
        now = self.worth(self.mark(until))
        total = sum((one.quantity * (now - one.worth) - one.fee for one in trades if one.at <= until), Fraction(0))
        for point in self.case.funding:
            if point.at <= until and point.rate is not None:
                unit = Fraction(point.rate) * abs(self.worth(self.mark(point.at)))
                total -= self.held(trades, point.at, inclusive=False) * unit
        return total

    def converted(self, settled: Fraction) -> Fraction:
        rate = Fraction(self.listed.rate)
        inverse = self.listed.instrument.kind is InstrumentKind.INVERSE
        return settled * rate * (self.mark(self.case.window.end) if inverse else 1)

    def cost(self, until: Nanoseconds) -> Fraction:
        return self.converted(self.profit(self.would, until) - self.profit(self.actual, until))
