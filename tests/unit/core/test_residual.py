"""Many small leaks do not pass for rounding: what ledger and venue may differ by has a limit of its own."""

import pytest

from risksvc.core.limits import Limit, LimitMode
from risksvc.core.outputs import NoticeKind
from tests.unit.core.builders import World, given
from tests.unit.core.catalogue import D, limit

CLASS = "UNATTRIBUTED_RESIDUAL"


def leaking(most: Limit) -> World:
    """The asset is worth 100, its step is 0.0001: within one step the venue shows 0.01 less."""
    world = given(max_residual=most, account={"spot_baseline": {"LTC": D(5)}})
    world.read(positions={"LTC": "5"})
    world.read(positions={"LTC": "4.9999"})
    return world


def told(world: World) -> list[NoticeKind]:
    return [one.kind for one in world.notices() if one.name == CLASS]


def test_within_the_limit_it_is_shown_and_nothing_follows() -> None:
    world = leaking(limit("0.01"))
    assert world.book.residual == D("0.01")
    assert told(world) == []
    assert not world.book.conditions


def test_above_it_the_third_read_in_a_row_halts() -> None:
    world = leaking(limit("0.009"))
    assert told(world) == [NoticeKind.CONDITION]
    world.read(positions={"LTC": "4.9999"})
    assert told(world) == []
    assert world.halts() == []
    world.read(positions={"LTC": "4.9999"})
    assert told(world) == [NoticeKind.DIVERGED]
    assert [(one.trigger, one.severity.name) for one in world.halts()] == [(CLASS, "P0")]
    world.read(positions={"LTC": "4.9999"})
    assert len(world.halts()) == 1


def test_it_is_over_once_it_is_within_again_and_the_ledger_was_never_changed() -> None:
    world = leaking(limit("0.009"))
    ledger = world.book.lines["LTC"].ledger
    world.read(positions={"LTC": "5"})
    assert told(world) == [NoticeKind.CONDITION_CLEARED]
    assert (world.book.lines["LTC"].ledger, world.book.residual) == (ledger, D(0))


def test_what_stands_at_a_resume_halts_again() -> None:
    world = leaking(limit("0.009"))
    for _ in range(2):
        world.read(positions={"LTC": "4.9999"})
    world.cleared_elsewhere()
    assert world.halts() == []
    world.read(positions={"LTC": "4.9999"})
    assert world.triggers() == [CLASS]


@pytest.mark.parametrize("mode", [LimitMode.SHADOW])
def test_in_shadow_mode_it_binds_nobody(mode: LimitMode) -> None:
    world = leaking(limit("0.009", mode=mode))
    assert not world.book.conditions
