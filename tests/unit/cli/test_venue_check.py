"""`risksvc venue check`: what it reads, what it prints, how it ends. The report is tested with the venue's rules."""

from pathlib import Path

import pytest

from risksvc.cli import venue_check_view
from risksvc.cli.exit_codes import ExitCode
from risksvc.venue import check as venue_check
from risksvc.venue.check import VenueCheck
from risksvc.venue.config import VenueConfig
from tests.unit.cli.fake_gate import Cli

SETTINGS = """\
version: 1
listen: {venue: "127.0.0.1:0"}
accounts:
  main:
    venue:
      exchange: bybit
      key: {api_key_file: key, secret_env: THE_SECRET}
    cadence: {positions: 1s}
  other:
    venue:
      exchange: deribit
      key: {api_key_env: NOT_SET, secret_env: NOT_SET}
      instruments: [BTC/USD:BTC]
"""


@pytest.fixture
def settings() -> Path:
    path = Path("risksvc.yaml")
    path.write_text(SETTINGS)
    key = Path("key")
    key.write_text("the-key\n")
    key.chmod(0o600)
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[VenueConfig, bool]]:
    """Stands for the check: keeps what it was asked, finds nothing wrong."""
    calls: list[tuple[VenueConfig, bool]] = []

    def check(config: VenueConfig, *, offline: bool) -> VenueCheck:
        calls.append((config, offline))
        return VenueCheck(account=config.account, exchange=config.exchange)

    monkeypatch.setattr(venue_check, "check_venue", check)
    return calls


def test_offline_it_needs_no_key_and_no_gate_and_takes_every_account(
    cli_alone: Cli, settings: Path, asked: list[tuple[VenueConfig, bool]]
) -> None:
    assert cli_alone("venue", "check", "--offline").exit_code == 0
    assert [(config.account, config.exchange, offline) for config, offline in asked] == [
        ("main", "bybit", True),
        ("other", "deribit", True),
    ]
    assert all(config.secrets() == () for config, _ in asked)
    assert asked[1][0].instruments == ("BTC/USD:BTC",)
    assert asked[0][0].positions_every_ms == 1_000


def test_with_the_network_it_reads_the_key_of_the_account_that_is_named(
    cli_alone: Cli, settings: Path, asked: list[tuple[VenueConfig, bool]]
) -> None:
    for words in (("venue", "check", "--account", "main"), ("venue", "--account", "main", "check")):
        assert cli_alone(*words, THE_SECRET="hush").exit_code == 0
    for config, offline in asked:
        assert (config.api_key, config.api_secret, offline) == ("the-key", "hush", False)
    assert len(asked) == 2


def test_a_key_that_can_not_be_had_ends_it(
    cli_alone: Cli, settings: Path, asked: list[tuple[VenueConfig, bool]]
) -> None:
    result = cli_alone("venue", "check", "--account", "other")
    assert result.exit_code == 4
    assert "NOT_SET is not set" in result.stderr
    assert not asked


def test_without_settings_an_exchange_or_a_class_is_named(
    cli_alone: Cli, asked: list[tuple[VenueConfig, bool]]
) -> None:
    assert cli_alone("venue", "check", "--exchange", "kraken", "--spot", "--offline").exit_code == 0
    assert cli_alone("venue", "check", "--class", "my.module:Mine").exit_code == 0
    assert [(config.exchange, config.options, offline) for config, offline in asked] == [
        ("kraken", {"defaultType": "spot"}, True),
        ("my.module:Mine", {}, False),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--exchange", "bybit", "--class", "a:B"), "one of --exchange and --class"),
        (("--class", "Mine"), "MODULE:NAME"),
        (("--spot",), "--spot goes with"),
        (("--account", "third", "--offline"), "there are: main, other"),
    ],
)
def test_what_can_not_be_meant(cli_alone: Cli, settings: Path, words: tuple[str, ...], told: str) -> None:
    result = cli_alone("venue", "check", *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_the_table_and_the_document_say_the_same(cli_alone: Cli, settings: Path) -> None:
    document = cli_alone.json("venue", "check", "--offline")
    main, other = document["accounts"]
    assert (main["account"], main["exchange"], main["usable"], main["problem"]) == ("main", "bybit", True, "")
    assert main["tried"] == []
    assert {row["verdict"] for row in main["findings"]} == {"yes", "partly"}
    table = cli_alone("venue", "check", "--offline").stdout
    assert "account main at bybit" in table
    lines = [" ".join(line.split()) for line in table.splitlines()]
    for found in main["findings"]:
        assert " ".join((found["name"], found["verdict"], found["says"], found["do"])).strip() in lines
    for found in other["findings"]:  # long ones are wrapped: every row begins a line
        assert any(line.startswith(f"{found['name']} {found['verdict']} ") for line in lines)


def test_a_venue_that_can_not_be_used_is_said_in_one_line(cli_alone: Cli) -> None:
    result = cli_alone("venue", "check", "--exchange", "derive", "--offline")
    assert result.exit_code == 2
    *_, last = result.stdout.strip().splitlines()
    assert last == "derive can't be used: marks: no list of tickers: nothing can be valued"
    assert cli_alone.json("venue", "check", "--exchange", "derive", "--offline", code=2)["accounts"][0]["findings"]


@pytest.mark.parametrize(
    ("exchange", "told"),
    [
        ("nowhere", "nowhere can't be used: exchange 'nowhere' is not one of ccxt's"),
        ("deribit", "open orders: listed per instrument only, and none is named"),
    ],
)
def test_why_it_can_not_be_used(cli_alone: Cli, exchange: str, told: str) -> None:
    result = cli_alone("venue", "check", "--exchange", exchange, "--offline")
    assert result.exit_code == 2
    assert told in result.stdout
    assert "  -  " not in result.stdout


def test_of_several_accounts_the_worst_decides() -> None:
    def ended(*codes: int) -> ExitCode:
        return venue_check_view.worst([VenueCheck(account="a", exchange="x", code=code) for code in codes])

    assert ended(0, 0) is ExitCode.OK
    assert ended(0, 3, 0) is ExitCode.UNDECIDED
    assert ended(3, 4) is ExitCode.PERMISSION
    assert ended(4, 2, 3) is ExitCode.USAGE
