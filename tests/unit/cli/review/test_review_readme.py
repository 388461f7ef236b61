"""deploy/review/README.md says what the files may hold as it is, and its example is run as it stands there."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from risksvc.cli.review.csv_table import Table
from risksvc.cli.review.file_tables import NEEDED, TABLES
from risksvc.cli.review.output_folder import NAMES
from tests.unit.cli.fake_gate import Cli

FOLDER = Path(__file__).resolve().parents[4] / "deploy" / "review"
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
def test_every_column_is_described_as_it_is(table: Table) -> None:
    needed = " (needed)" if table in NEEDED else ""
    (section,) = [part for part in README.split("\n### ") if part.startswith(f"`{table.file}`{needed}\n")]
    assert table.says.lower() in section.lower()
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| {' or '.join(f'`{name}`' for name in column.names)} | {'yes' if column.required else ''} | {column.says} |"
        for column in table.columns
    ]


def test_the_example_prints_what_the_page_says(cli_alone: Cli, tmp_path: Path) -> None:
    command, printed = re.findall(r"```(?:console)?\n(.*?)```", README, re.DOTALL)[:2]
    shutil.copytree(FOLDER, Path.cwd() / "deploy" / "review")
    words = shlex.split(command.strip().removeprefix("$ risksvc "))
    result = cli_alone(*words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(printed)
    assert "carried until it could be known: 1,000.00 USD lost" in result.stdout
    assert {path.name for path in Path("cost").iterdir()} == set(NAMES)
    assert tmp_path in Path.cwd().parents


def test_every_written_file_is_named() -> None:
    assert all(f"`{name}`" in README for name in NAMES)
