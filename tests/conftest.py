"""What every test shares: hypothesis profiles, the recorded data, and what may be skipped where.

On a desk, a test whose tool or data is missing is skipped and says so. Under CI=true it fails: CI skips nothing.
Tests that start real processes run in two rows, one after another in each, however many workers there are. Workers
beyond those two run all else beside them, and only on the time of the processors that the rows leave.
"""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.rows import row

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI") == "true"
# A relative path counts from the repository, wherever pytest was started.
DATA = (ROOT / os.environ.get("RISKSVC_TEST_DATA", "../shared/data")).resolve()
SPARE_NICENESS = 19
# Thousands of examples take longer than the limit of an ordinary test (pyproject.toml).
CI_PROPERTY_TIMEOUT_S = 1800

settings.register_profile("dev", max_examples=200, deadline=None)
settings.register_profile(
    "ci",
    max_examples=1_000,
    derandomize=True,  # a red build is red again on the next run
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "dev"))


class Need(NamedTuple):
    """What a marked test cannot run without."""

    met: Callable[[], bool]
    otherwise: str


NEEDS = {
    "data": Need(DATA.is_dir, f"no recorded data at {DATA} (set RISKSVC_TEST_DATA to its folder)"),
    "prometheus": Need(
        lambda: bool(shutil.which("promtool") and shutil.which("prometheus")),
        "no promtool and prometheus on PATH (make prometheus)",
    ),
}


def _go_without(why: str) -> NoReturn:
    if IN_CI:
        pytest.fail(f"{why}; CI skips nothing", pytrace=False)
    pytest.skip(why)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and row(item.nodeid) is None:
        _give_way()
    for marker, need in NEEDS.items():
        if item.get_closest_marker(marker) and not need.met():
            _go_without(need.otherwise)


class ProcessesInARow(LoadScopeScheduling):  # type: ignore[misc]  # xdist's scheduler is untyped
    """Tests that start processes are two units of work, any other test is its own.

    Not `--dist loadgroup`: with pytest 9.2 it ignores its groups without a word (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return row(nodeid) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ProcessesInARow:
    return ProcessesInARow(config, log)


@functools.cache
def _give_way() -> None:
    """From now on this worker runs on what the others leave. It has no row, or is through with it."""
    os.nice(SPARE_NICENESS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/property/"):
            # Properties run a hundred million lines; that each line is reached is for the unit tests to show.
            item.add_marker("no_cover")
        if IN_CI and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.timeout(CI_PROPERTY_TIMEOUT_S))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of recorded data: `btc-perp-1m-2022-01.csv` and `venue-positions/<venue>.json`."""
    need = NEEDS["data"]
    if not need.met():
        _go_without(need.otherwise)
    return DATA
