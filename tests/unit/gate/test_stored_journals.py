"""What old versions wrote (`tests/corpus`) is replayed bit for bit: the same Outputs, the same state, any hash seed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from risksvc.core.events import Input
from risksvc.core.outputs import Output
from risksvc.gate.codec import decode, encode
from risksvc.gate.journal import read_journal
from tests.corpus.store import EXPECTED, JOURNALS, unpack, what_it_gives

ROOT = Path(__file__).resolve().parents[3]
STORED = sorted(path for path in JOURNALS.iterdir() if path.is_dir())
REPLAY = (
    "import json, sys; from pathlib import Path; from tests.corpus.store import what_it_gives; "
    "print(json.dumps(what_it_gives(Path(sys.argv[1]))))"
)
# Types that no stored journal holds yet. One that is added to a union is named here until the next version's journal
# is stored (tests/corpus/store.py); then it must go.
NOT_YET_STORED = frozenset(
    {
        "BalancesReceived",
        "FlattenConfirmed",
        "FlattenOrderAnswered",
        "FlattenRequested",
        "FlattenSliced",
        "FlattenStopped",
        "HistoryGapFound",
        "OrderExpected",
        "OrdersChecked",
        "ReadAgain",
        "AssessmentTaken",
        "CauseNamed",
        "CourseChosen",
        "DeliveryRecorded",
        "HoldReminded",
        "IncidentChanged",
        "IncidentClosed",
        "IncidentNoted",
        "IncidentOpened",
        "IncidentTaken",
        "MessageAddressed",
        "ReviewRecorded",
        "StrategyWatched",
    }
)


def expected(stored: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stored / EXPECTED).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_stored_journal_gives_what_it_gave(stored: Path, hash_seed: str, tmp_path: Path) -> None:
    folder = unpack(stored, tmp_path / "journal")

    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected(stored)


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.name)
def test_an_entry_that_is_written_again_reads_as_the_same(stored: Path, tmp_path: Path) -> None:
    for payload in read_journal(unpack(stored, tmp_path / "journal")):
        entry = decode(payload)
        assert decode(encode(entry.seq, entry.now, entry.input, entry.outputs)) == entry


def test_every_type_occurs_in_a_stored_journal() -> None:
    stored: dict[str, int] = {}
    for path in STORED:
        stored |= expected(path)["inputs"] | expected(path)["outputs"]
    every = {kind.__name__ for kind in (*get_args(Input), *get_args(Output))}

    assert every - stored.keys() == NOT_YET_STORED


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in JOURNALS.rglob("*") if path.is_file()) < 1_500_000


def test_what_must_never_change_is_compared(tmp_path: Path) -> None:
    found = what_it_gives(unpack(STORED[0], tmp_path / "journal"))

    assert found.keys() == expected(STORED[0]).keys()
