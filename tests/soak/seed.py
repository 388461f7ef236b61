"""The seed's bug: the tracker is flat while the venue holds $200K. Two ways in which it must be found.

By belief, on the next order, where the fills are known and only the tracker is wrong; and without any order, within two
intervals, where nobody approved the fills.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.soak.options import Options
from tests.soak.verdict import Verdict, timed
from tests.soak.watching import wall_ns, watching
from tests.soak.world import Shape, SoakWorld, soak_world

BTC = "BTC/USDT:USDT"
QUANTITY = "4"  # at 50,000
WIDE = Shape(most=400_000, total=400_000)
INTERVAL_S = 1.0
LATE_S = 0.5  # the read itself, and the looks of this program
ORDER: dict[str, Any] = {"instrument": BTC, "side": "buy", "quantity": "0.01", "price": "49000", "intended": QUANTITY}


def seed(_options: Options) -> Iterator[Verdict]:
    """Both ways."""
    yield by_belief()
    yield by_fills()


def by_belief() -> Verdict:
    """Approved orders built the position; the tracker has lost it."""
    verdict = Verdict("seed: the tracker is flat, found by belief")
    with timed(verdict), soak_world(WIDE) as world:
        trader = world.trader("taker")
        bought = trader.do("trade", instrument=BTC, side="buy", type="market", quantity=QUANTITY, intended=QUANTITY)
        assert bought["approved"], bought
        world.until(lambda: world.positions(BTC) == (Decimal(QUANTITY), Decimal(QUANTITY)), "$200K long")
        world.stop("taker")
        restarted = world.trader("taker")  # a tracker that begins at nothing
        asked = 0
        with watching(world) as watch:
            began_ns, reasons = wall_ns(), []
            while "BELIEF_MISMATCH" not in reasons and asked < 5:
                asked += 1
                reasons = restarted.do("ask", **ORDER)["reasons"]
            world.until(world.halts, "a halt")
            world.until(lambda: watch.first(lambda one: bool(one.halts)), "a look at it")
        halted = watch.first(lambda one: bool(one.halts), after_ns=began_ns)
        assert halted is not None
        verdict.most("orders until it is denied with BELIEF_MISMATCH", asked, 1)
        verdict.most("complete reads until the halt", watch.reads_between(began_ns, halted.at_ns), 2)
        verdict.figures["halted after"] = f"{(halted.at_ns - began_ns) / 1e9:.2f} s: {halted.halts[0]}"
    return verdict


def by_fills() -> Verdict:
    """Nobody approved the fills, and nobody orders anything."""
    verdict = Verdict("seed: $200K that nobody approved, found without an order")
    with timed(verdict), soak_world(WIDE) as world, watching(world) as watch:
        world.until(lambda: watch.looks, "a look")
        began_ns = wall_ns()
        world.paper("events", name="fill", account="main", symbol="BTCUSDT", side="Buy", qty=QUANTITY)
        world.until(lambda: watch.first(lambda one: bool(one.halts)), "a halt")
        halted = watch.first(lambda one: bool(one.halts))
        assert halted is not None
        verdict.most("found after", (halted.at_ns - began_ns) / 1e9, 2 * INTERVAL_S + LATE_S, "s")
        verdict.most("complete reads until the halt", watch.reads_between(began_ns, halted.at_ns), 2)
        verdict.figures["halt"] = halted.halts[0]
        _judge_open(world, verdict)
    return verdict


def _judge_open(world: SoakWorld, verdict: Verdict) -> None:
    """All of it counts, and nothing more is approved."""
    counted = Decimal(world.exposures()[BTC].exposure or 0)
    verdict.least("what the gate counts, USD", float(counted), 199_000)
