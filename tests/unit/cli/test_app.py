import importlib
import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from risksvc import __version__
from risksvc.cli.app import COMMANDS, LazyGroup, app
from risksvc.cli.exit_codes import MEANINGS, ExitCode
from tests.unit.cli.fake_gate import Cli

HEAVY = ("ccxt", "redis", "aiohttp", "pydantic", "prometheus_client")


def loaded_by(module: str) -> list[str]:
    """Which heavy modules importing it brings into a fresh interpreter."""
    program = f"import {module}, sys; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return list(json.loads(result.stdout.replace("'", '"')))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_and_has_help(name: str) -> None:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_help_lists_every_command_exit_code_and_variable(cli_alone: Cli) -> None:
    text = cli_alone("--help").stdout
    for word in (*COMMANDS, *MEANINGS.values(), "RISKSVC_TOKEN_FILE"):
        assert word in text, word


def test_the_exit_codes_are_those_that_scripts_know() -> None:
    assert [code.value for code in MEANINGS] == [0, 1, 2, 3, 4, 5, 70, 130]
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("module", ["app", "status", "halt", "limits", "processes"])
def test_a_command_waits_for_nothing_that_it_does_not_need(module: str) -> None:
    assert loaded_by(f"risksvc.cli.{module}") == []


def test_version(cli_alone: Cli) -> None:
    assert f"risksvc {__version__}" in cli_alone("version").stdout
    assert cli_alone("--version").stdout.strip() == f"risksvc {__version__}"
    assert cli_alone.json("version")["risksvc"] == __version__


def test_an_unknown_command_is_usage(cli_alone: Cli) -> None:
    result = cli_alone("stauts")
    assert result.exit_code == 2
    assert "No such command 'stauts'" in result.stderr


class Failing(LazyGroup):
    """A group whose every command fails in its own way."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("risksvc")
        self.error = error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        def fail() -> None:
            raise self.error

        return click.Command(cmd_name, callback=fail)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("a [bug]\x1b"), 3, "unexpected ValueError: a [bug]?"),
        (ModuleNotFoundError("x", name="redis"), 2, "redis is not installed: pip install 'risksvc[server]'"),
        (ModuleNotFoundError("x", name="risksvc.gate.serve"), 2, "this installation lacks risksvc.gate.serve"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["bug", "library", "module", "Ctrl-C"],
)
def test_nothing_ends_in_a_stack_trace(error: BaseException, code: int, words: str) -> None:
    result = CliRunner().invoke(Failing(error), ["status"])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_client_install_says_what_is_missing() -> None:
    program = "import sys; sys.modules['click'] = None; from risksvc.cli.main import main; main()"
    result = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "risksvc: click is not installed: pip install 'risksvc[server]'\n"


def test_the_installed_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "risksvc.cli.main", "version"], check=True, capture_output=True, text=True
    )
    assert result.stdout.startswith("risksvc ")


def test_help_imports_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
