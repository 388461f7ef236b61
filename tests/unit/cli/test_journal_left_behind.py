"""`risksvc journal` of a damaged folder saves and says what it can, and looking at a folder changes nothing in it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.fake_gate import Cli
from tests.unit.cli.test_journal import Written

SETTINGS = """
version: 1
gate: {id: gate-1, state_dir: s}
accounts:
  main:
    venue: {exchange: bybit, key: {api_key_env: K, secret_env: S}}
"""


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below, with its mode and when it was last changed."""
    found = {str(path.relative_to(folder)): path.lstat() for path in folder.rglob("*")}
    return {name: (stat.st_mode, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


# -- damaged --------------------------------------------------------------------------------------------------------


def test_show_of_a_damaged_journal_shows_what_came_before(cli_alone: Cli, written: Written) -> None:
    written.flip(2)
    result = cli_alone("journal", "show", str(written.folder))
    lines = [line for line in result.stdout.splitlines() if "1970-01-01T00:16:40" in line]
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert "no such entry" not in result.stdout
    found = cli_alone.json("journal", "show", str(written.folder), code=1)
    assert [one["seq"] for one in found] == [1, 2, 3]
    written.flip(1)
    assert not cli_alone("journal", "show", str(written.folder)).stdout
    assert cli_alone.json("journal", "show", str(written.folder), code=1) == []


def test_export_of_a_damaged_journal_says_how_much_it_saved(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    written.flip(2)
    target = tmp_path / "some.jsonl"
    result = cli_alone("journal", "export", str(written.folder), "--output", str(target))
    assert result.exit_code == 1
    assert f"{target} has 3 entries, up to number 3: all that comes before it" in result.stderr
    assert [json.loads(line)["seq"] for line in target.read_text().splitlines()] == [1, 2, 3]
    piped = cli_alone("journal", "export", str(written.folder))
    assert piped.stdout == target.read_text()
    assert "Standard output has 3 entries, up to number 3" in piped.stderr
    written.flip(1)
    nothing = cli_alone("journal", "export", str(written.folder), "--output", str(tmp_path / "none.jsonl"))
    assert f"{tmp_path / 'none.jsonl'} has no entry" in nothing.stderr


# -- untouched ------------------------------------------------------------------------------------------------------


def test_verify_changes_nothing_on_disk(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    settings = tmp_path / "risksvc.yaml"
    settings.write_text(SETTINGS)
    before = tree(tmp_path)
    result = cli_alone("journal", "verify", "--settings", str(settings))
    assert result.exit_code == 0
    assert f"{written.folder}: 3 files" in result.stdout
    assert "the anchors asked for could not be read" in result.stdout, "the private store does not run"
    assert tree(tmp_path) == before


def test_a_gate_id_file_that_holds_none_is_told(cli_alone: Cli, written: Written) -> None:
    (written.folder.parent / "gate-id").write_text("two words\n")
    result = cli_alone("journal", "verify", str(written.folder))
    assert result.exit_code == 2
    assert "holds no gate id" in result.stderr
