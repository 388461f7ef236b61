"""Whole worlds for scenario tests: started once for a module, stopped by their own handles, logs shown on failure."""

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.scenario.world import ScenarioWorld

Begin = Callable[..., AbstractContextManager[ScenarioWorld]]

_RUNNING: list[ScenarioWorld] = []


@contextmanager
def a_world(*, settings: str = "", limits: str = "") -> Iterator[ScenarioWorld]:
    """A world in a folder of its own (a short one: unix sockets need it); nothing runs yet."""
    with (
        tempfile.TemporaryDirectory(prefix="rs") as folder,
        ScenarioWorld(Path(folder), settings=settings, limits=limits) as world,
    ):
        _RUNNING.append(world)
        try:
            yield world
        finally:
            _RUNNING.remove(world)


@pytest.fixture(scope="module")
def new_world() -> Begin:
    return a_world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for world in _RUNNING:
            report.sections.append(("what the processes said last", world.last_words()))
    return report
