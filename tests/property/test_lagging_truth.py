"""Property: under every lag a true difference halts within so many reads, and nothing halts without one.

Positions lag by up to 1.9 s, executions are listed up to 5 s late, look-ups forget what has just changed, fills are
told twice and reported by strategies, the gate restarts; the truth always lies within what is counted.
"""

import pytest

from tests.conftest import IN_CI
from tests.property.lagging_market import Difference, Market

WALKS = 60 if IN_CI else 8
READS = 20  # at one a second: ten seconds for what venues list late, and the lags around it


def truth_is_counted(market: Market) -> None:
    """Nobody approved beyond what happened: what is truly held is within the worst case."""
    line = market.world.line()
    held = market.truth.net
    assert line.worst.low <= held <= line.worst.high, f"{held} is held; counted {line.worst}"


def named(seed: int, difference: Difference) -> str:
    return f"seed {seed}; again: Market({seed}).run({difference})"


@pytest.mark.timeout(300)
def test_nothing_halts_without_a_difference_and_the_truth_is_always_counted() -> None:
    traded = 0
    for seed in range(2 * WALKS):
        market = Market(seed).run(Difference.NOTHING, watch=truth_is_counted)
        assert market.world.triggers() == [], named(seed, Difference.NOTHING)
        traded += len(market.orders)
    assert traded > 60 * WALKS, "the market hardly trades: it proves nothing"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("difference", [one for one in Difference if one is not Difference.NOTHING])
def test_every_true_difference_halts_within_so_many_reads(difference: Difference) -> None:
    found = 0
    for seed in range(WALKS):
        market = Market(seed)
        if difference is Difference.LEGS and not market.hedged:
            continue
        market.run(difference)
        if market.differs:
            found += 1
            assert market.world.triggers(), named(seed, difference)
            assert market.reads <= READS, f"{market.reads} reads: {named(seed, difference)}"
    assert found, "it never happened"
