import threading
import time
from collections.abc import Iterator

import pytest

from risksvc.client.timekeeping import Timekeeper
from risksvc.core.types import MILLISECOND, SECOND

DEADLINE_NS = 50 * MILLISECOND
PATIENCE = 10.0


class Waiting:
    """Something that waits until it is cancelled."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def keeper() -> Iterator[Timekeeper]:
    timekeeper = Timekeeper(DEADLINE_NS)
    yield timekeeper
    timekeeper.stop()
    timekeeper.join(PATIENCE)


def far() -> int:
    """A moment that no test reaches."""
    return time.monotonic_ns() + 1000 * SECOND


def test_only_what_is_late_is_cancelled(keeper: Timekeeper) -> None:
    late, early = Waiting(), Waiting()
    due = far()
    keeper.begin(1, due, late)
    keeper.begin(2, due + 1, early)
    assert keeper.look(due) == due + 1
    assert late.cancelled.is_set()
    assert not early.cancelled.is_set()
    assert not keeper.end(1)
    assert keeper.end(2)


def test_what_has_ended_is_never_cancelled(keeper: Timekeeper) -> None:
    waiting = Waiting()
    due = far()
    keeper.begin(1, due, waiting)
    assert keeper.end(1)
    assert keeper.look(due) == due + DEADLINE_NS
    assert not waiting.cancelled.is_set()


def test_one_that_cannot_be_cancelled_stops_nothing(keeper: Timekeeper, caplog: pytest.LogCaptureFixture) -> None:
    stubborn, late = Waiting(ValueError("not this one")), Waiting()
    due = far()
    keeper.begin(1, due, stubborn)
    keeper.begin(2, due, late)
    keeper.look(due)
    assert late.cancelled.is_set()
    assert "not this one" in caplog.text


def test_it_cancels_by_itself_when_the_time_has_come(keeper: Timekeeper) -> None:
    for number in range(3):
        waiting = Waiting()
        due = time.monotonic_ns() + DEADLINE_NS
        keeper.begin(number, due, waiting)
        assert waiting.cancelled.wait(PATIENCE)
        assert time.monotonic_ns() >= due


def test_after_a_rest_it_wakes_for_the_next_question(keeper: Timekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risksvc.client.timekeeping._LINGER_NS", 0)
    keeper.begin(1, far(), Waiting())
    assert keeper.end(1)
    deadline = time.monotonic() + PATIENCE
    while not keeper._parked and time.monotonic() < deadline:
        time.sleep(0.005)
    assert keeper._parked
    waiting = Waiting()
    keeper.begin(2, time.monotonic_ns() + DEADLINE_NS, waiting)
    assert waiting.cancelled.wait(PATIENCE)


def test_it_has_no_thread_before_anything_is_asked_and_none_once_stopped() -> None:
    keeper = Timekeeper(DEADLINE_NS)
    keeper.join(0)
    before = threading.active_count()
    keeper.begin(1, far(), Waiting())
    assert threading.active_count() == before + 1
    keeper.stop()
    keeper.join(PATIENCE)
    assert threading.active_count() == before
