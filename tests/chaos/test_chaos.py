"""The short version of `make chaos`, a hundred kill -9 cycles included; and that its oracle sees what it must see."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.halts import Halted
from tests.chaos.oracle import BOUND_NS, broken
from tests.chaos.records import Asked
from tests.chaos.world import VALIDITY_NS

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--cycles", "100", "--halts", "30", "--outages", "2", "--jobs", "2", "--no-bars")
MS = 1_000_000


@pytest.mark.timeout(900)
def test_no_halt_is_lost_or_overrun() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *SHORT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    print(done.stdout)  # noqa: T201 - the table, for whoever reads the log
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"


def submitted(*, asked: int, usable: int) -> Asked:
    return Asked(asked * MS, usable * MS, usable * MS + 1, "")


@pytest.mark.parametrize(
    ("asked", "usable", "rule"),
    [
        (1, 2, ""),
        (39, 41, ""),  # under way as the answer came
        (41, 42, "effective"),
        (39, 40 + VALIDITY_NS // MS + 1, "effective"),
        (41, BOUND_NS // MS + 1, "bound"),
    ],
)
def test_the_oracle_knows_a_late_order(asked: int, usable: int, rule: str) -> None:
    halt = Halted("h", "", issued=0, acknowledged={1: 40 * MS}, effective=40 * MS)
    assert broken(submitted(asked=asked, usable=usable), halt, gate=2, bound_ns=BOUND_NS) == rule


def test_a_latched_halt_holds_at_once_where_it_was_answered() -> None:
    halt = Halted("h", "", issued=0, acknowledged={1: 40 * MS})
    late = submitted(asked=60, usable=61)
    assert broken(late, halt, gate=1, bound_ns=BOUND_NS) == "local"
    assert not broken(late, halt, gate=2, bound_ns=BOUND_NS)
