import re
import stat
from pathlib import Path

import pytest

from risksvc.gate.limits_file import load_limits
from risksvc.gate.operator_tokens import find_operator, hash_token
from risksvc.gate.settings import load_settings
from risksvc.v1 import operator_pb2
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate

TOKEN_LINE = re.compile(r"^rsk_\S{40,}$", re.MULTILINE)
OK = operator_pb2.GetStatusResponse(ready=True)


def token_in(text: str) -> str:
    [token] = TOKEN_LINE.findall(text)
    return str(token)


# -- operator token -----------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_with_its_hash(cli_alone: Cli) -> None:
    result = cli_alone("operator", "token", "alice")
    token = token_in(result.stdout)
    assert result.exit_code == 0
    assert f"  - name: alice\n    token_sha256: {hash_token(token)}\n" in result.stdout
    assert result.stdout.count(token) == 1
    assert token not in token_in(cli_alone("operator", "token", "alice").stdout)


def test_a_token_for_programs(cli_alone: Cli) -> None:
    document = cli_alone.json("operator", "token", "alice")
    assert document["token_sha256"] == hash_token(document["token"])


def test_a_token_into_a_file(cli_alone: Cli) -> None:
    path = cli_alone.home / ".config" / "risksvc" / "token"
    result = cli_alone("operator", "token", "alice", "--write-token", str(path))
    assert path.read_text() == token_in(result.stdout) + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = cli_alone("operator", "token", "alice", "--write-token", str(path))
    assert again.exit_code == 1
    assert "exists and is not overwritten" in again.stderr
    assert not TOKEN_LINE.findall(again.output)


def test_a_name_that_the_settings_would_refuse(cli_alone: Cli) -> None:
    result = cli_alone("operator", "token", "alice smith")
    assert result.exit_code == 2
    assert "is not a name" in result.stderr


# -- init ---------------------------------------------------------------------------------------------------------


def test_init_writes_three_valid_files_and_lists_the_operator(cli_alone: Cli) -> None:
    result = cli_alone("init")
    assert result.exit_code == 0
    settings = load_settings(Path("risksvc.yaml"))
    operator = find_operator(settings.operators, token_in(result.stdout))
    assert operator is not None
    assert operator.name == "alice"
    assert load_limits(settings.limits_path).limits.accounts
    for words in (
        "wrote risksvc.yaml, limits.yaml and contacts.yaml",
        "risksvc limits check",
        "risksvc serve",
        "risksvc venue",
        "risksvc status",
    ):
        assert words in result.stdout, words
    assert cli_alone("limits", "check").exit_code == 0
    assert cli_alone("contacts", "check").exit_code == 0


def test_init_into_a_folder_that_is_not_there(cli_alone: Cli) -> None:
    result = cli_alone("init", "a/b", "--operator", "bob", "--write-token", "token")
    assert result.exit_code == 0
    assert load_settings(Path("a/b/risksvc.yaml")).operators[0].name == "bob"
    assert "risksvc serve --settings a/b/risksvc.yaml" in result.stdout
    assert Path("token").read_text().strip() == token_in(result.stdout)


def test_init_into_a_folder_whose_path_is_too_long_for_sockets(cli_alone: Cli) -> None:
    result = cli_alone("init", "long" * 30)
    assert result.exit_code == 2
    assert "nothing was written: listen.strategy: " in result.stderr
    assert "a socket's path has at most 107" in result.stderr
    assert list(Path().iterdir()) == []


def test_init_without_a_token(cli_alone: Cli) -> None:
    result = cli_alone("init", "--no-token")
    assert not TOKEN_LINE.findall(result.output)
    assert load_settings(Path("risksvc.yaml")).operators == ()
    assert cli_alone("init", "x", "--no-token", "--operator", "bob").exit_code == 2


@pytest.mark.parametrize("name", ["risksvc.yaml", "limits.yaml", "contacts.yaml"])
def test_init_overwrites_nothing(cli_alone: Cli, name: str) -> None:
    Path(name).write_text("mine")
    result = cli_alone("init")
    assert result.exit_code == 1
    assert f"already there: {name}; nothing was written" in result.stderr
    assert not TOKEN_LINE.findall(result.output)
    assert [path.name for path in Path().iterdir()] == [name]
    assert Path(name).read_text() == "mine"


def test_init_where_nothing_can_be_written(cli_alone: Cli) -> None:
    Path("file").write_text("")
    result = cli_alone("init", "file")
    assert result.exit_code == 2
    assert "can't be written" in result.stderr
    assert not TOKEN_LINE.findall(result.output)


# -- the settings file says where the gate is ---------------------------------------------------------------------


SETTINGS = """\
version: 1
gate: {{state_dir: {folder}}}
listen: {{operator: "unix:op.sock"}}
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
"""


def test_the_address_comes_from_the_settings(cli: Cli, gate: FakeGate, socket_folder: Path) -> None:
    gate.script("GetStatus", OK)
    Path("risksvc.yaml").write_text(SETTINGS.format(folder=socket_folder))
    Path("other.yaml").write_text(SETTINGS.format(folder="/nowhere"))
    assert cli("status", RISKSVC_OPERATOR_ADDRESS=None).exit_code == 0
    assert cli("status", "--settings", "other.yaml", RISKSVC_OPERATOR_ADDRESS=None).exit_code == 3
    assert cli("status", RISKSVC_OPERATOR_ADDRESS=None, RISKSVC_SETTINGS="other.yaml").exit_code == 3
    assert cli("status", "--settings", "other.yaml").exit_code == 3  # what is typed goes before the environment
    assert cli("status", RISKSVC_SETTINGS="other.yaml").exit_code == 0  # RISKSVC_OPERATOR_ADDRESS says it


def test_a_broken_settings_file_does_not_stop_a_halt(cli: Cli, gate: FakeGate, socket_folder: Path) -> None:
    gate.script("Halt", operator_pb2.HaltResponse(halt_id="h", effect=operator_pb2.HALT_EFFECT_EFFECTIVE))
    Path("risksvc.yaml").write_text(SETTINGS.format(folder=socket_folder) + "acounts: {}\n")
    result = cli("halt", "--reason", "drill", RISKSVC_OPERATOR_ADDRESS=None)
    assert result.exit_code == 0
    assert f"can't be used; asking the gate at {gate.address}, which it names" in result.stderr


@pytest.mark.parametrize("text", ["", "accounts: [", 'version: 1\nlisten: {operator: "10.0.0.1:1"}\n'])
def test_a_settings_file_that_names_no_address(cli_alone: Cli, text: str) -> None:
    Path("risksvc.yaml").write_text(text)
    result = cli_alone("status", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert "the settings file risksvc.yaml can't be used" in result.stderr
    assert "risksvc.yaml" in result.stderr.splitlines()[1]


def test_a_port_that_only_the_system_knows(cli_alone: Cli) -> None:
    text = SETTINGS.format(folder="state").replace('"unix:op.sock"', '"127.0.0.1:0"')
    Path("risksvc.yaml").write_text(text)
    result = cli_alone("status", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert "give --operator-address" in result.stderr
