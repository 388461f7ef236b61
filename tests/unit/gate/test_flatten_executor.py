"""I16, I17: a flatten goes on through every crash; it never sends twice, never flips, and says FLAT when it is."""

from collections.abc import Callable
from decimal import Decimal
from itertools import combinations

import pytest

from risksvc.core.flatten.run import FlattenPhase, FlattenRun, OrderEnd
from risksvc.core.types import MILLISECOND, SECOND, Order, Side
from tests.unit.core.catalogue import BTC, ETH
from tests.unit.gate.flatten_rig import Rig
from tests.unit.gate.flatten_venue import Fate

D = Decimal
Fates = Callable[[Order], Fate]


def first(fate: Fate, *, then: Fate | None = None) -> Fates:
    """The first order of each instrument has this fate, all after it another one (they fill)."""
    met: dict[str, None] = {}

    def of(order: Order) -> Fate:
        if order.instrument in met:
            return then or Fate()
        met[order.instrument] = None
        return fate

    return of


FATES: dict[str, Callable[[], Fates]] = {
    "fills": lambda: first(Fate()),
    "partial": lambda: first(Fate(fills=D("0.4"))),
    "nothing fills": lambda: first(Fate(fills=D(0))),
    "refused": lambda: first(Fate(refused=True)),
    "unknown, and it was filled": lambda: first(Fate(unknown=True)),
    "unknown, and it never came": lambda: first(Fate(lost=True)),
    "unknown, and it comes late": lambda: first(Fate(fills=D("0.6"), unknown=True, late_ns=900 * MILLISECOND)),
    "its fill is told late": lambda: first(Fate(fills_told_late_ns=1500 * MILLISECOND)),
}


def rig_of(fates: Fates, *, kill_at: tuple[int, ...] = (), kills: str = "gate") -> Rig:
    """A long, a short and an order that works; halted, and a flatten begun."""
    rig = Rig(fates=fates)
    rig.hold(BTC, "0.5")
    rig.hold(ETH, "-7")
    rig.rest(BTC, Side.BUY, "0.1", D(49_000))
    rig.halt()
    rig.request()
    rig.points, rig.names = 0, []
    rig.kill_at, rig.kills = kill_at, kills
    return rig


async def finished(rig: Rig) -> FlattenRun:
    run = await rig.finish()
    rig.judge()
    assert run.result is FlattenPhase.FLAT, (run.gaps, rig.names)
    return run


@pytest.mark.parametrize("fate", list(FATES))
async def test_flat_whatever_becomes_of_an_order(fate: str) -> None:
    run = await finished(rig_of(FATES[fate]()))

    assert all(one.end is not OrderEnd.UNKNOWN for one in run.orders.values())
    assert sum(one.traded for one in run.orders.values()) == D("7.5")


@pytest.mark.parametrize("kills", ["gate", "feed"])
@pytest.mark.parametrize("fate", list(FATES))
async def test_a_death_at_every_step_neither_doubles_nor_flips(fate: str, kills: str) -> None:
    whole = rig_of(FATES[fate]())
    await finished(whole)
    points = whole.points
    assert points > 15

    for at in range(1, points + 1):
        rig = rig_of(FATES[fate](), kill_at=(at,), kills=kills)
        await finished(rig)
        assert rig.restarts == (kills == "gate")


async def test_two_deaths_at_any_two_steps_neither_double_nor_flip() -> None:
    whole = rig_of(FATES["partial"]())
    await finished(whole)

    for kill_at in combinations(range(1, whole.points + 6, 2), 2):
        await finished(rig_of(FATES["partial"](), kill_at=kill_at))


async def test_what_was_approved_before_a_death_is_waited_for_and_never_sent() -> None:
    whole = rig_of(first(Fate()))
    await finished(whole)
    rig = rig_of(first(Fate()), kill_at=(whole.names.index("after FlattenSliced") + 1,))
    began = rig.clock.at

    run = await finished(rig)

    ends = [one.end for one in run.orders.values()]
    assert ends == [OrderEnd.NOT_FOUND, OrderEnd.NOT_FOUND, OrderEnd.FILLED, OrderEnd.FILLED]
    assert rig.venue.seen == list(run.orders)[2:]
    assert rig.clock.at - began > 3 * SECOND, "not before approval and venue window have run out"
