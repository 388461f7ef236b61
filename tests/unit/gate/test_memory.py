import gc
import sys
from collections.abc import Iterator

import pytest

from risksvc.gate.memory import SWITCH_SECONDS, keep_collections_short, keep_threads_short


@pytest.fixture
def as_it_was() -> Iterator[None]:
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.clear()
    sys.setswitchinterval(interval)
    gc.unfreeze()


@pytest.mark.usefixtures("as_it_was")
def test_what_is_remembered_is_never_looked_at_again() -> None:
    remembered: list[list[int]] = [[number] for number in range(10_000)]
    keep_collections_short()
    assert gc.get_freeze_count() >= len(remembered)
    full = gc.get_stats()[2]["collections"]
    more: list[list[list[int]]] = [[[number]] for number in range(100_000)]
    assert gc.get_stats()[2]["collections"] == full
    assert len(gc.get_objects(generation=0)) + len(gc.get_objects(generation=1)) < len(more) / 10


@pytest.mark.usefixtures("as_it_was")
def test_rings_that_are_dropped_soon_are_collected() -> None:
    keep_collections_short()
    before = sum(generation["collected"] for generation in gc.get_stats())
    for _ in range(10_000):
        ring: list[object] = []
        ring.append(ring)
    assert sum(generation["collected"] for generation in gc.get_stats()) > before + 5_000


@pytest.mark.usefixtures("as_it_was")
def test_a_busy_thread_gives_way_soon() -> None:
    keep_threads_short()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
