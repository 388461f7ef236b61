import gc
from collections.abc import Iterator

import pytest

from risksvc.gate.memory import _spare_survivors, keep_collections_short


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.callbacks.remove(_spare_survivors)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_what_survived_a_full_collection_is_not_looked_at_again() -> None:
    remembered: list[list[int]] = [[number] for number in range(10_000)]
    keep_collections_short()
    assert gc.get_freeze_count() >= len(remembered)
    assert len(gc.get_objects()) < len(remembered)
    more: list[list[int]] = [[number] for number in range(10_000)]
    gc.collect()
    assert len(gc.get_objects()) < len(more)


@pytest.mark.usefixtures("collector")
def test_rings_that_are_dropped_before_are_collected() -> None:
    keep_collections_short()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1
