import gc
import os
import weakref

import pytest

from risksvc.client import forking, orders


class Forked:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def before_fork(self) -> None:
        self.told.append("before")

    def after_fork_in_child(self) -> None:
        self.told.append("in the child")


def test_whoever_lives_is_told_and_nobody_is_kept_alive() -> None:
    first, second = Forked(), Forked()
    forking.remember(first)
    forking.remember(second)
    forking._before()
    forking._in_child()
    assert first.told == second.told == ["before", "in the child"]
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
    forking._before()
    assert second.told[2:] == ["before"]


def test_a_real_fork_tells_parent_and_child() -> None:
    forked = Forked()
    forking.remember(forked)
    child = os.fork()
    if child == 0:
        os._exit(0 if forked.told == ["before", "in the child"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert forked.told == ["before"]


def test_ids_made_in_a_child_are_none_of_the_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risksvc.client.orders.time.time_ns", lambda: 1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, orders.new_client_order_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len(theirs) == 32
    assert theirs not in {orders.new_client_order_id() for _ in range(10)}
