"""`risksvc init --store` waits for a store that is slow for a moment, and tells when it stays away."""

import pytest

from risksvc.cli import store
from risksvc.gate.kill_switch.address import StoreAddress
from risksvc.gate.kill_switch.initialising import InitialiseOutcome, NamespaceInitialised
from risksvc.gate.kill_switch.view import StoreError, StoreUnreachableError
from risksvc.gate.latch import LatchState

DONE = NamespaceInitialised("main", InitialiseOutcome.CREATED, "1")


async def begun(monkeypatch: pytest.MonkeyPatch, *answers: StoreError | None) -> int:
    """How often the store was asked; an error of `answers` is raised at its turn."""
    asked = 0

    async def initialise(*_: object, **__: object) -> NamespaceInitialised:
        nonlocal asked
        asked += 1
        answer = answers[min(asked, len(answers)) - 1]
        if answer is not None:
            raise answer
        return DONE

    monkeypatch.setattr(store, "initialise_namespace", initialise)
    monkeypatch.setattr(store, "PAUSE_SECONDS", 0)
    try:
        assert await store._initialise(StoreAddress("redis://127.0.0.1:1"), ["main"], LatchState()) == [DONE]
    except StoreError:
        return -asked
    return asked


async def test_one_that_is_slow_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = StoreUnreachableError("no answer in time")
    assert await begun(monkeypatch, slow, slow, None) == 3


async def test_one_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await begun(monkeypatch, StoreUnreachableError("no answer in time")) == -store.ATTEMPTS


async def test_what_no_waiting_mends_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await begun(monkeypatch, StoreError("another version")) == -1
