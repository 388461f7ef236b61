from pathlib import Path

import pytest

from risksvc.v1 import operator_pb2
from risksvc.v1.operator_pb2 import GetLimitsResponse, LimitsChange, LimitsError, ReloadLimitsResponse
from tests.unit.cli.fake_gate import Cli, FakeGate

FILE = """\
version: 1
accounts:
  main:
    max_total_exposure: 150000
    instruments:
      BTC/USDT:USDT: {max_net_exposure: 50000}
    strategies:
      mm:
        instruments:
          BTC/USDT:USDT: {max_intended: 1}
"""
LOWERED = FILE.replace("50000}", "40000}")
BROKEN = FILE.replace("max_net_exposure", "max_net_exposur")
KEY = "accounts.main.instruments.BTC/USDT:USDT.max_net_exposure"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return written(tmp_path / "good.yaml", FILE)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return written(tmp_path / "broken.yaml", BROKEN)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


# -- check --------------------------------------------------------------------------------------------------------


def test_a_valid_file(cli_alone: Cli, good: Path) -> None:
    result = cli_alone("limits", "check", str(good))
    assert result.exit_code == 0
    assert f"{good}: valid, 1 account, hash " in result.stdout
    document = cli_alone.json("limits", "check", str(good))
    assert document["valid"] is True
    assert len(document["hash"]) == 64


def test_a_mistake_has_file_line_and_key(cli_alone: Cli, broken: Path) -> None:
    result = cli_alone("limits", "check", str(broken))
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{broken}:6: {KEY.removesuffix('e')}: ")
    assert "did you mean 'max_net_exposure'?" in result.stdout
    assert "NOT VALID, 1 mistake" in result.stdout
    [error] = cli_alone.json("limits", "check", str(broken), code=1)["errors"]
    assert error["line"] == 6


def test_a_file_that_is_not_there(cli_alone: Cli, tmp_path: Path) -> None:
    result = cli_alone("limits", "check", str(tmp_path / "none.yaml"))
    assert result.exit_code == 1
    assert "none.yaml: " in result.stdout


def test_warnings_stop_nothing(cli_alone: Cli, tmp_path: Path) -> None:
    path = written(tmp_path / "open.yaml", FILE.replace("{max_intended: 1}", "{}"))
    result = cli_alone("limits", "check", str(path))
    assert result.exit_code == 0
    assert f"warning: {path}:" in result.stdout


# -- show ---------------------------------------------------------------------------------------------------------


def test_show(cli: Cli, gate: FakeGate) -> None:
    answer = GetLimitsResponse(hash="ab12", yaml=FILE, effective=[LimitsChange(key=KEY, after="50000")])
    gate.script("GetLimits", answer)
    assert cli("limits", "show").stdout == f"# limits in force, hash ab12\n{FILE}"
    effective = cli("limits", "show", "--effective").stdout
    assert KEY in effective
    assert "50000" in effective
    assert cli.json("limits", "show")["effective"][0]["after"] == "50000"


# -- diff ---------------------------------------------------------------------------------------------------------


def test_diff_of_two_files_asks_no_gate(cli_alone: Cli, good: Path, broken: Path, tmp_path: Path) -> None:
    lowered = written(tmp_path / "lowered.yaml", LOWERED)
    result = cli_alone("limits", "diff", str(good), str(lowered))
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if line.startswith(KEY))
    assert row.split()[1:] == ["50000", "40000"]
    assert "no limit changes" in cli_alone("limits", "diff", str(good), str(good)).stdout
    assert cli_alone.json("limits", "diff", str(good), str(lowered))["changes"] == [
        {"key": KEY, "before": "50000", "after": "40000"}
    ]
    refused = cli_alone("limits", "diff", str(good), str(broken))
    assert refused.exit_code == 1
    assert f"{broken}:6: " in refused.stdout
    assert cli_alone("limits", "diff", "a", "b", "c").exit_code == 2


def test_diff_of_a_file_with_the_limits_in_force(cli: Cli, gate: FakeGate, good: Path, broken: Path) -> None:
    gate.script("GetLimits", GetLimitsResponse(hash="ab12", yaml=LOWERED))
    result = cli("limits", "diff", str(good))
    row = next(line for line in result.stdout.splitlines() if line.startswith(KEY))
    assert row.split()[1:] == ["40000", "50000"]
    assert cli("limits", "diff", str(broken)).exit_code == 1
    gate.script("GetLimits", GetLimitsResponse(hash="ab12", yaml="something newer"))
    unread = cli("limits", "diff", str(good))
    assert unread.exit_code == 3
    assert "can't be read by this version" in unread.stderr


def test_diff_alone_is_a_dry_run(cli: Cli, gate: FakeGate) -> None:
    change = LimitsChange(key=KEY, before="50000", after="40000")
    gate.script("ReloadLimits", ReloadLimitsResponse(loaded=True, hash="cd34", changes=[change]))
    result = cli("limits", "diff")
    [request] = gate.asked("ReloadLimits")
    assert request.dry_run
    assert result.exit_code == 0
    assert "1 change:" in result.stdout
    assert "in force now" not in result.stdout
    assert "risksvc limits reload --reason '<why>'" in result.stdout


# -- reload -------------------------------------------------------------------------------------------------------


def test_reload(cli: Cli, gate: FakeGate) -> None:
    change = LimitsChange(key=KEY, before="50000")
    answer = ReloadLimitsResponse(loaded=True, hash="cd34", changes=[change], warnings=["no max_intended"])
    gate.script("ReloadLimits", answer)
    result = cli("limits", "reload", "--reason", "desk asked")
    assert gate.asked("ReloadLimits") == [operator_pb2.ReloadLimitsRequest(reason="desk asked")]
    assert result.exit_code == 0
    for words in ("not set", "in force now: hash cd34", "warning: no max_intended"):
        assert words in result.stdout, words
    assert cli("limits", "reload").exit_code == 2


def test_a_refused_reload_says_where_and_that_the_old_stand(cli: Cli, gate: FakeGate) -> None:
    error = LimitsError(file="limits/limits.yaml", line=7, key="accounts.main", message="unknown key")
    gate.script("ReloadLimits", ReloadLimitsResponse(hash="ab12", errors=[error]))
    result = cli("limits", "reload", "--reason", "desk asked")
    assert result.exit_code == 1
    assert "limits/limits.yaml:7: accounts.main: unknown key" in result.stdout
    assert "REFUSED: the old limits stand, 1 mistake; in force: hash ab12" in result.stdout
    assert "risksvc limits check limits/limits.yaml" in result.stdout
    assert cli.json("limits", "reload", "--reason", "x", code=1)["errors"][0]["line"] == 7
