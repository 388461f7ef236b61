import socket
import time
from pathlib import Path

import pytest

from risksvc.cli import connection
from risksvc.v1 import operator_pb2
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate

OK = operator_pb2.GetStatusResponse(ready=True)


def test_no_socket(cli_alone: Cli, socket_folder: Path) -> None:
    result = cli_alone("status", RISKSVC_OPERATOR_ADDRESS=f"unix:{socket_folder}/none", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 3
    assert "can't be reached: there is no socket" in result.stderr
    assert "A gate that is down approves nothing" in result.stderr
    assert "\n  risksvc serve  # " in result.stderr
    assert "\n  risksvc assess --direct  # " in result.stderr


def test_what_is_typed_without_a_gate_names_the_settings_that_were_given(
    cli_alone: Cli, socket_folder: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "my settings.yaml"
    settings.write_text(f"version: 1\ngate: {{state_dir: {socket_folder}}}\n")
    result = cli_alone("status", "--settings", str(settings), RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 3
    for words in ("serve", "assess --direct"):
        assert f"\n  risksvc {words} --settings '{settings}'  # " in result.stderr


def test_nobody_listens(cli_alone: Cli) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        result = cli_alone("status", "--operator-address", address, RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 3
    assert "nothing listens there" in result.stderr


def test_a_gate_that_hangs(cli: Cli, gate: FakeGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.Gate.ask, "__kwdefaults__", {"seconds": 0.2})

    def slow(_request: object) -> operator_pb2.GetStatusResponse:
        time.sleep(1)
        return OK

    gate.script("GetStatus", slow)
    result = cli("status")
    assert result.exit_code == 3
    assert "did not answer within 0.2 s: whether it did what was asked is not known" in result.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("10.0.0.1:5000", "would travel in clear text"),
        ("gate.example:5000", "would travel in clear text"),
        ("dns:///127.0.0.1", "is not an address"),
        ("5000", "is not an address"),
        ("127.0.0.1:http", "is not an address"),
    ],
)
def test_an_address_that_is_refused(cli_alone: Cli, address: str, words: str) -> None:
    result = cli_alone("status", "--operator-address", address, RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_plain_path_is_a_socket(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", OK)
    assert cli("status", "--operator-address", gate.address.removeprefix("unix:")).exit_code == 0


def test_no_address_and_no_settings(cli_alone: Cli) -> None:
    result = cli_alone("status", RISKSVC_TOKEN=TOKEN)
    assert result.exit_code == 2
    assert "there is no settings file" in result.stderr
    assert "risksvc init" in result.stderr


def test_no_token(cli: Cli) -> None:
    result = cli("status", RISKSVC_TOKEN=None)
    assert result.exit_code == 4
    assert "there is no operator token" in result.stderr
    assert "risksvc operator token NAME" in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hush-1\nhush-2\n", "more than one line"),
        (b"t\xc3\xb6ken", "not plain ASCII"),
        (b"\x00\x01", "not plain ASCII"),
        (b"x" * 5000, "larger than 4096 bytes"),
    ],
    ids=["nothing", "blanks", "two lines", "accents", "binary", "huge"],
)
def test_a_broken_token_file(cli: Cli, content: bytes, words: str) -> None:
    path = cli.home / "token"
    path.write_bytes(content)
    result = cli("status", "--token-file", str(path))
    assert result.exit_code == 4
    assert words in result.stderr
    assert "hush" not in result.stderr


def test_a_token_file_that_can_not_be_read(cli: Cli) -> None:
    for path in (cli.home, cli.home / "none"):
        result = cli("status", "--token-file", str(path))
        assert result.exit_code == 4
        assert "can't be read" in result.stderr


def test_where_the_token_is_looked_for(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", OK)
    places = [cli.home / name for name in ("given", "named", ".config/risksvc/token")]
    for number, path in enumerate(places):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"token-{number}\n")
        path.chmod(0o600)
    given, named, _default = map(str, places)
    cli("status", "--token-file", given, RISKSVC_TOKEN_FILE=named, RISKSVC_TOKEN="env")
    cli("status", RISKSVC_TOKEN_FILE=named, RISKSVC_TOKEN="env")
    cli("status", RISKSVC_TOKEN="env")
    cli("status", RISKSVC_TOKEN=None)
    assert gate.credentials == ["Bearer token-0", "Bearer token-1", "Bearer env", "Bearer token-2"]


def test_a_wrong_token(cli: Cli) -> None:
    result = cli("status", RISKSVC_TOKEN="other")
    assert result.exit_code == 4
    assert "does not accept the token from RISKSVC_TOKEN: unknown token" in result.stderr


def test_a_token_that_others_may_read_is_told(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", OK)
    path = cli.home / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    result = cli("status", "--token-file", str(path))
    assert result.exit_code == 0
    assert f"chmod 600 {path}" in result.stderr
    path.chmod(0o600)
    assert "chmod" not in cli("status", "--token-file", str(path)).stderr
