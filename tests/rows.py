"""Which tests start real processes: they run in two rows, and one that failed beside the others is looked at once more.

`python -m tests.rows CODE` is that second look, after a run of the suite that ended so: two processors carry three
workers and all their processes, so a test of real processes may fail for want of time. If that is all that failed, the
files of what failed run once more with nothing beside them, and what passed only then is named. Anything else that
failed has failed.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAST_FAILED = ".pytest_cache/v/cache/lastfailed"
# Two rows of about the same length: what goes by the clock (leases, halts), and what does not much. The first row that
# fits counts.
ROWS = {
    "others": (
        "tests/integration/cli/",
        "tests/integration/client/",
        "tests/integration/paper/",
        "tests/integration/prometheus/",
        "tests/integration/telling/",
        "tests/integration/venue/",
        "tests/scenario/incident/",
    ),
    "by the clock": ("tests/chaos/", "tests/integration/", "tests/scenario/"),
}
# Runs tests of real processes too, at the lowest priority.
ALSO = "tests/compiled/"
# More than these at once is no want of time.
MOST_LOOKED_AT_AGAIN = 3


def row(nodeid: str) -> str | None:
    """The row of a test that starts processes; None for any other."""
    return next((row for row, folders in ROWS.items() if nodeid.startswith(folders)), None)


def worth_a_second_look(failed: Iterable[str]) -> list[str]:
    """The files to run once more; none where something failed that has no processes to wait for, or too much did."""
    failed = sorted(failed)
    if len(failed) > MOST_LOOKED_AT_AGAIN or not all(row(nodeid) or nodeid.startswith(ALSO) for nodeid in failed):
        return []
    return sorted({nodeid.partition("::")[0] for nodeid in failed})


def second_look(code: int, root: Path = ROOT) -> int:
    """Runs them; gives the exit code. A run that ended otherwise than with tests that failed has not seen them all."""
    if code != pytest.ExitCode.TESTS_FAILED:
        return code
    remembered = root / LAST_FAILED
    failed = json.loads(remembered.read_text()) if remembered.exists() else {}
    files = worth_a_second_look(failed)
    if not files:
        return code
    sys.stdout.write(f"test: failed beside the others, so once more with nothing beside: {', '.join(files)}\n")
    sys.stdout.flush()
    code = subprocess.run([sys.executable, "-m", "pytest", *files], cwd=root, check=False).returncode
    if code == 0:
        sys.stdout.write(f"test: PASSED ONLY ALONE, look at it when you can: {', '.join(sorted(failed))}\n")
    return code


if __name__ == "__main__":
    sys.exit(second_look(int(sys.argv[1])))
