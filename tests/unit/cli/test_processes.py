import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from risksvc.cli import processes
from risksvc.cli.errors import CliError
from risksvc.venue import paper as paper_venue
from tests.unit.cli.fake_gate import Cli

SETTINGS = """\
version: 1
accounts:
  main:
    venue:
      exchange: bybit
      key: {api_key_file: key, secret_env: THE_SECRET, uid_env: THE_UID}
      base_url: http://127.0.0.1:8780
      allow_orders: true
      options: {defaultType: swap}
    cadence: {positions: 1s, marks: 500ms}
"""


class Entry:
    """Stands for the entry of a process: keeps what it was called with."""

    def __init__(self, code: int | None = 0) -> None:
        self.code = code
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *words: Any, **options: Any) -> int | None:  # noqa: ANN401 - whatever the entry takes
        self.calls.append((words, options))
        return self.code


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, name: str, *, code: int = 0) -> Entry:
    """Replaces a module by one that has only this entry."""
    entry, fake = Entry(code), ModuleType(module)
    setattr(fake, name, entry)
    monkeypatch.setitem(sys.modules, module, fake)
    return entry


@pytest.fixture
def settings() -> Path:
    path = Path("risksvc.yaml")
    path.write_text(SETTINGS)
    key = Path("key")
    key.write_text("the-key\n")
    key.chmod(0o600)
    return path


# -- serve --------------------------------------------------------------------------------------------------------


def test_serve(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = stand_in(monkeypatch, "risksvc.gate.serve", "run_gate", code=3)
    words = ["--settings", "a.yaml", "--limits", "l.yaml", "--redis-url", "redis://127.0.0.1", "--state-dir", "s"]
    assert cli_alone("serve", *words).exit_code == 3
    options = {"redis_url": "redis://127.0.0.1", "limits_path": Path("l.yaml"), "state_dir": Path("s")}
    assert entry.calls == [((Path("a.yaml"),), options)]


def test_serve_finds_the_settings_or_says_how_to_write_them(
    cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = stand_in(monkeypatch, "risksvc.gate.serve", "run_gate")
    result = cli_alone("serve")
    assert result.exit_code == 2
    assert "risksvc init" in result.stderr
    assert cli_alone("serve", RISKSVC_SETTINGS=str(tmp_path / "s.yaml")).exit_code == 0
    assert entry.calls[0][0] == (tmp_path / "s.yaml",)


def test_serve_refuses_to_run_without_assertions(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(processes.__file__).read_text()
    optimised: dict[str, Any] = {}
    exec(compile(source, "processes.py", "exec", optimize=1), optimised)  # noqa: S102 - what python -O makes of it
    with pytest.raises(CliError, match="assertions are part of its safety"):
        optimised["refuse_without_assertions"]()
    processes.refuse_without_assertions()


# -- venue --------------------------------------------------------------------------------------------------------


def test_venue_gets_what_the_settings_say(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, settings: Path) -> None:
    entry = stand_in(monkeypatch, "risksvc.venue.feed", "run_venue", code=4)
    result = cli_alone("venue", THE_SECRET="hush", THE_UID="7")
    assert result.exit_code == 4
    [((config,), _)] = entry.calls
    assert config.account == "main"
    assert config.gate_target == f"unix:{settings.absolute().parent}/state/venue.sock"
    assert config.exchange == "bybit"
    assert (config.api_key, config.api_secret, config.credentials) == ("the-key", "hush", {"uid": "7"})
    assert config.base_url == "http://127.0.0.1:8780"
    assert config.allow_orders
    assert not config.sandbox
    assert config.options == {"defaultType": "swap"}
    assert (config.positions_every_ms, config.marks_every_ms) == (1_000, 500)
    assert config.stream
    assert not config.spot
    assert (config.fills_every_ms, config.balances_every_ms, config.stream_debounce_ms) == (0, 30_000, 250)
    assert (config.deep_fills_every_ms, config.markets_every_ms, config.time_offset_every_ms) == (
        60_000,
        3_600_000,
        300_000,
    )


def test_venue_reads_as_often_as_the_settings_say(
    cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, settings: Path
) -> None:
    entry = stand_in(monkeypatch, "risksvc.venue.feed", "run_venue", code=0)
    written = settings.read_text()
    cadence = "{positions: 3s, fills: 400ms, marks: 2s, balances: 1m, deep_fills: 2m, markets: 30m, clock: 1m, "
    settings.write_text(
        written.replace("{positions: 1s, marks: 500ms}", cadence + "stream_debounce: 100ms}").replace(
            "    venue:\n", "    venue:\n      stream: false\n      kind: spot\n"
        )
    )
    assert cli_alone("venue", THE_SECRET="hush", THE_UID="7").exit_code == 0
    [((config,), _)] = entry.calls
    assert not config.stream
    assert config.spot
    assert (config.positions_every_ms, config.fills_every_ms, config.marks_every_ms) == (3_000, 400, 2_000)
    assert (config.balances_every_ms, config.deep_fills_every_ms, config.markets_every_ms) == (
        60_000,
        120_000,
        1_800_000,
    )
    assert (config.time_offset_every_ms, config.stream_debounce_ms) == (60_000, 100)


def test_a_key_that_can_not_be_had(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, settings: Path) -> None:
    entry = stand_in(monkeypatch, "risksvc.venue.feed", "run_venue")
    result = cli_alone("venue", THE_UID="7")
    assert result.exit_code == 4
    assert "THE_SECRET is not set" in result.stderr
    Path("key").chmod(0o644)
    assert "chmod o= " in cli_alone("venue", THE_SECRET="hush", THE_UID="7").stderr
    assert not entry.calls


def test_several_accounts_need_one_named(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, settings: Path) -> None:
    entry = stand_in(monkeypatch, "risksvc.venue.feed", "run_venue")
    settings.write_text(SETTINGS + SETTINGS.split("accounts:\n")[1].replace("main", "second"))
    environment: dict[str, str | None] = {"THE_SECRET": "hush", "THE_UID": "7"}
    unnamed = cli_alone("venue", **environment)
    assert unnamed.exit_code == 2
    assert "risksvc venue --account second" in unnamed.stderr
    assert cli_alone("venue", "--account", "third", **environment).exit_code == 2
    assert cli_alone("venue", "--account", "second", **environment).exit_code == 0
    assert entry.calls[0][0][0].account == "second"


def test_a_venue_port_that_only_the_system_knows(cli_alone: Cli, settings: Path) -> None:
    settings.write_text(SETTINGS + 'listen: {venue: "127.0.0.1:0"}\n')
    result = cli_alone("venue", THE_SECRET="hush", THE_UID="7")
    assert result.exit_code == 2
    assert "name one" in result.stderr


def test_mistakes_in_the_settings_are_all_told(cli_alone: Cli, settings: Path) -> None:
    settings.write_text(SETTINGS + "operator: []\nseconds_person: none\n")
    result = cli_alone("venue")
    assert result.exit_code == 2
    assert "risksvc.yaml:11: operator: unknown key" in result.stderr
    assert "risksvc.yaml:12: seconds_person: unknown key" in result.stderr


# -- paper, demo --------------------------------------------------------------------------------------------------


def test_paper(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(None)
    monkeypatch.setattr(paper_venue, "run_paper", entry)
    words = ["--port", "0", "--csv", "ETHUSDT=bars.csv", "--price", "BTCUSDT=43000.5", "--seed", "7", "--speed", "60"]
    result = cli_alone("paper", *words)
    assert result.exit_code == 0, result.output
    [((config,), _)] = entry.calls
    assert (config.host, config.port, config.seed, config.rules.speed) == ("127.0.0.1", 0, 7, Decimal(60))
    assert config.csv == {"ETHUSDT": Path("bars.csv")}
    assert config.prices == {"BTCUSDT": Decimal("43000.5")}
    assert "API key paper-read" in result.stderr


def test_paper_with_many_instruments(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = Entry(None)
    monkeypatch.setattr(paper_venue, "run_paper", entry)
    result = cli_alone("paper", "--synthetic", "600")
    assert result.exit_code == 0, result.output
    [((config,), _)] = entry.calls
    symbols = [one.symbol for one in config.instruments]
    assert symbols == [*(one.symbol for one in paper_venue.DEFAULT_INSTRUMENTS), *(f"X{n:04}USDT" for n in range(600))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "loopback only"),
        (["--synthetic", "5001"], "not between 0 and 5000"),
        (["--csv", "bars.csv"], "expected SYMBOL=path"),
        (["--price", "BTCUSDT=1e3"], "--price BTCUSDT: '1e3' is not a decimal"),
        (["--price", "NOPE=1"], "'NOPE' is not one of the instruments"),
        (["--speed", "0"], "--speed: '0' must be above 0"),
    ],
)
def test_paper_used_wrongly(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str) -> None:
    entry = Entry(None)
    monkeypatch.setattr(paper_venue, "run_paper", entry)
    result = cli_alone("paper", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not entry.calls


def test_a_paper_venue_that_can_not_start(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(_config: object) -> None:
        raise OSError(98, "address already in use")

    monkeypatch.setattr(paper_venue, "run_paper", in_use)
    result = cli_alone("paper")
    assert result.exit_code == 2
    assert "the paper venue can't start: [Errno 98] address already in use" in result.stderr


def test_demo(cli_alone: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = stand_in(monkeypatch, "risksvc.cli.demo", "run_demo", code=1)
    assert cli_alone("demo", "--keep-running", "--report", "r.json").exit_code == 1
    assert cli_alone("demo").exit_code == 1
    assert [options for _, options in entry.calls] == [
        {"keep_running": True, "report": Path("r.json")},
        {"keep_running": False, "report": Path("demo-report.json")},
    ]
