"""I16, I17 under random venues: partial fills, refusals, unknown outcomes, late fills, foreign fills, deaths anywhere.

Whatever happens: an id is sent once, no order of ours grows a position or takes it past zero, none asks for more than
is held, and FLAT is said only when the venue truly holds nothing and nothing can fill any more.
"""

from collections import Counter
from decimal import Decimal
from random import Random

import pytest

from risksvc.core.flatten.run import FlattenPhase
from risksvc.core.types import MILLISECOND, Order, Side
from tests.conftest import IN_CI
from tests.unit.core.catalogue import BETA, BTC, ETH, SOL
from tests.unit.gate.flatten_rig import Rig
from tests.unit.gate.flatten_venue import Fate

D = Decimal
WALKS = 300 if IN_CI else 60
LOTS = {BTC: ("0.1", "0.5", "-0.4"), ETH: ("3", "-12"), SOL: ("20", "-150")}


def fate(rng: Random) -> Fate:
    """What a bad venue makes of one order."""
    kind = rng.random()
    fills = D(rng.choice(("0", "0.1", "0.4", "0.9", "1", "1")))
    if kind < 0.1:
        return Fate(refused=True)
    if kind < 0.2:
        return Fate(lost=True)
    late = rng.randrange(0, 900) * MILLISECOND if kind < 0.4 else 0
    told = rng.randrange(0, 1500) * MILLISECOND if rng.random() < 0.3 else 0
    return Fate(fills=fills, unknown=kind < 0.5, late_ns=late, fills_told_late_ns=told)


def walk(seed: int, *, foreign: bool) -> Rig:
    """A random account, a random venue, random deaths."""
    rng = Random(seed)

    def of(_order: Order) -> Fate:
        return fate(rng)

    rig = Rig(fates=of)
    for symbol, lots in LOTS.items():
        if rng.random() < 0.8:
            rig.hold(symbol, rng.choice(lots))
    if rng.random() < 0.4:
        rig.hold(BTC, rng.choice(("0.2", "-0.2")), strategy=BETA)
    if rng.random() < 0.5:
        rig.rest(BTC, Side.BUY, "0.1", D(49_000))
    rig.halt()
    rig.request(patience_ns=120_000 * MILLISECOND)
    rig.points = 0
    rig.kill_at = tuple(rng.sample(range(1, 60), rng.randrange(0, 5)))
    rig.kills = rng.choice(("gate", "feed"))

    def interfere(point: str) -> None:
        # What somebody does after the read that proves it is not what FLAT speaks of.
        if foreign and point != "after read_now" and rig.venue.foreign < 3 and rng.random() < 0.05:
            rig.venue.trade(BTC, rng.choice(tuple(Side)), D(rng.choice(("0.05", "0.3"))))

    rig.during = interfere
    return rig


@pytest.mark.timeout(600)
@pytest.mark.parametrize("foreign", [False, True], ids=["alone", "others trade"])
async def test_it_never_doubles_never_flips_and_says_flat_only_when_it_is(foreign: bool) -> None:  # noqa: FBT001
    ends: Counter[FlattenPhase | None] = Counter()
    for seed in range(WALKS):
        rig = walk(seed, foreign=foreign)
        run = await rig.finish()
        rig.judge()
        ends[run.result] += 1
        if not foreign:
            assert run.result is FlattenPhase.FLAT, f"seed {seed}: {run.gaps}"
    assert ends[FlattenPhase.FLAT] > WALKS // 2
