"""What is looked at once more after a run of the whole suite, and what is not."""

import json
from pathlib import Path

import pytest

from tests import rows

KILLED, HALTED = "tests/scenario/test_kill_nine.py::test_a", "tests/integration/halt/test_halts.py::test_b[1]"
CALLED = "tests/integration/client/test_calls.py::test_c"
COMPILED = "tests/compiled/test_compiled_rules.py::test_e"
UNIT = "tests/unit/core/test_gate.py::test_d"


def test_files_of_tests_with_processes_are_looked_at_once_more() -> None:
    found = rows.worth_a_second_look([KILLED, HALTED, KILLED.replace("_a", "_z")])
    assert found == ["tests/integration/halt/test_halts.py", "tests/scenario/test_kill_nine.py"]
    assert rows.worth_a_second_look([COMPILED]) == ["tests/compiled/test_compiled_rules.py"]


@pytest.mark.parametrize("failed", [[], [UNIT], [KILLED, UNIT], [f"{KILLED}{n}" for n in range(4)]])
def test_all_else_has_failed(failed: list[str]) -> None:
    assert rows.worth_a_second_look(failed) == []


@pytest.mark.parametrize(("nodeid", "name"), [(KILLED, "by the clock"), (CALLED, "others"), (UNIT, None)])
def test_a_row_by_its_folder(nodeid: str, name: str | None) -> None:
    assert rows.row(nodeid) == name


@pytest.mark.parametrize(("body", "code"), [("pass", 0), ("assert False", 1)])
def test_the_second_look_is_what_counts(
    body: str, code: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tests" / "scenario"
    folder.mkdir(parents=True)
    (folder / "test_kill_nine.py").write_text(f"def test_a():\n    {body}\n")
    assert rows.second_look(1, tmp_path) == 1, "nothing is known to have failed, and yet something did"
    remembered = tmp_path / rows.LAST_FAILED
    remembered.parent.mkdir(parents=True)
    remembered.write_text(json.dumps({KILLED: True}))
    assert rows.second_look(1, tmp_path) == code
    assert rows.second_look(2, tmp_path) == 2, "a run that was broken off"
    said = capfd.readouterr().out
    assert ("PASSED ONLY ALONE" in said) == (code == 0)
    assert "once more with nothing beside: tests/scenario/test_kill_nine.py" in said
