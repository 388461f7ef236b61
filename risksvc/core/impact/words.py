"""The method and its assumptions in words, as the report states them."""

from risksvc.core.impact.types import ImpactAssumptions, ImpactCase, TargetRule
from risksvc.core.types import HUNDRED, SECOND, plain


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


FORMULAS = _paragraphs("""
a: the actual ledger, of all fills. c: the counterfactual ledger, of the same start and the same fills that were not the
strategy's decisions; each decision k sends q*(k) = g(k) - c instead, on c's own path.

g(k), the target: the recorded intent, else belief + order sent. Every order, belief report and intent report is a
decision, also when nothing was sent.

q*(k) is brought within limits and to whole quantity steps. It fills at k's actual average price up to the quantity that
k filled on that side; beyond the order that was sent, at mark +- half spread +- impact, at the same fee rate.

e = a - c; delta(k): the change of e by decision k; v(M): what one unit is worth at M: size x M, inverse - size / M (in
the coin); H: the horizon.

belief cost = PnL(c) - PnL(a) = - sum over k of delta(k) x (v(M(H)) - v(M(k))) + differences in execution, fees and
funding; exactly, with nothing left over.

execution(k) = sum of q x (v(price) - v(M(k))) over k's fills in a, less the same in c. fees(k): paid in a, less paid in
c. funding(k): what its part of e was charged until H.

origin cost = - q x (v(M) - v(price)) + fee + funding of a fill that no decision made, M the mark at the next decision,
else at H. The fill is in a and in c, so no part of this is in the belief cost.

flatten = sum of q x (v(price) - v(mark on arrival)) + fees. Halt delay: what the orders decided between discovery and
halt have cost by H; they are in the belief cost already, so it is not added.

Inverse contracts: profit in the coin, converted at M(H).
""")


def assumptions(case: ImpactCase) -> tuple[str, ...]:
    """What the numbers rest on, each a sentence or two."""
    assumed = case.assumptions
    return _paragraphs(f"""
Targets and market are held fixed: other orders would not have moved the market, nor changed what the strategy wanted.
What the venue did not fill of an order that was sent, it would not have filled in the counterfactual.

Where the market shows no spread, half of it is {plain(assumed.half_spread_bps)} bp of the mark; the impact of what was
never sent is {plain(assumed.impact_bps)} bp.

A decision without a fill would have paid {plain(assumed.fee_rate * HUNDRED)} % of the value in fees.

A belief may lack the strategy's own fills of the last {_seconds(assumed)} s. A decision on a right belief, while both
ledgers agree, is the same in both.

{_target_in_words(assumed.target)}

What was never sent keeps the instrument's limit at the mark of its decision, each strategy by itself.

The range is an envelope, not a confidence interval: the horizon's mark at its low or high; what was never sent at the
best price and no spread, or at the worst and {plain(assumed.spread_range)} x spread and impact.

Other currencies are converted into {case.currency} at one rate for the whole window.
""")


def _seconds(assumed: ImpactAssumptions) -> str:
    whole, rest = divmod(assumed.belief_lag, SECOND)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def _target_in_words(rule: TargetRule) -> str:
    if rule is TargetRule.INTENT_FIRST:
        return "The target of a decision is its recorded intent, else belief + order sent."
    return "The target of a decision is belief + order sent, else its recorded intent: orders are slices of the intent."
