"""The settings file: what it becomes, its template, its warnings."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.core.config import RULES, AccountConfig, GateConfig, SecondPerson
from risksvc.core.types import MILLISECOND, SECOND
from risksvc.gate import templates
from risksvc.gate.config_problems import SettingsFileError
from risksvc.gate.limits_file import parse_limits
from risksvc.gate.listeners import Listener
from risksvc.gate.operator_tokens import Operator, hash_token
from risksvc.gate.secret_files import SecretSource
from risksvc.gate.settings import Settings, load_settings, parse_settings
from risksvc.gate.settings_schema import Durability
from risksvc.tls.endpoint import Endpoint

PATH = Path("/etc/risksvc/risksvc.yaml")
VENUE = "venue: {exchange: bybit, key: {api_key_file: key, secret_env: BYBIT_SECRET}}"
SMALL = f"version: 1\naccounts:\n  main:\n    {VENUE}\n"
ALICE = (
    f"operators: [{{name: alice, token_sha256: {hash_token('a')}, roles: [engineering, risk]}}, "
    f"{{name: bob, token_sha256: {hash_token('b')}, roles: [risk]}}]\n"
)
ROLELESS = re.sub(r", roles: \[[a-z, ]*\]", "", ALICE)


def load(text: str) -> Settings:
    return parse_settings(text, path=PATH)


# -- what it becomes ----------------------------------------------------------------------------------------------


def test_defaults_are_the_designs() -> None:
    settings = load(SMALL + ALICE)
    assert settings.gate_id is None
    assert (settings.approval_validity_ns, settings.lease_ns, settings.poll_ns, settings.heartbeat_ns) == (
        100 * MILLISECOND,
        300 * MILLISECOND,
        100 * MILLISECOND,
        100 * MILLISECOND,
    )
    assert settings.redis is None
    assert settings.second_person is SecondPerson.REQUIRED
    assert settings.cool_down_ns == 60 * SECOND
    assert settings.durability is Durability.PROCESS
    assert (settings.journal_keep_ns, settings.journal_max_bytes) == (30 * 86_400 * SECOND, 20 * 1024**3)
    assert settings.anchor_ns == 10 * SECOND
    assert settings.warnings == ()
    account = settings.accounts["main"]
    assert (account.cadence.positions_ns, account.cadence.marks_ns) == (2 * SECOND, SECOND)
    assert account.config == AccountConfig()


def test_the_cores_part_is_the_cores_defaults_where_nothing_is_written() -> None:
    assert load(SMALL).gate_config("gate-7") == GateConfig(
        gate_id="gate-7", accounts={"main": AccountConfig()}, rules=RULES
    )


def test_the_cores_part_has_what_is_written() -> None:
    text = SMALL + (
        "    cadence: {positions: 1s, marks: 500}\n"
        "    venue_window: 2s\n    settle: 0ms\n    drift_reads: 5\n    snapshot_max_age: 3s\n    mark_max_age: 4s\n"
        "    stale_denied_after: 20s\n    spot_baseline: {BTC: 1.5, ETH: -2}\n"
        "    equity_tolerance: 0.25\n    equity_tolerance_floor: 0\n"
        "gate: {id: g1, approval_validity: 50ms}\nsecond_person: none\ncool_down: 5m\n"
    )
    account = AccountConfig(
        venue_window_ns=2 * SECOND,
        settle_ns=0,
        drift_reads=5,
        snapshot_max_age_ns=3 * SECOND,
        mark_max_age_ns=4 * SECOND,
        stale_denied_after_ns=20 * SECOND,
        spot_baseline={"BTC": Decimal("1.5"), "ETH": Decimal(-2)},
        equity_tolerance=Decimal("0.25"),
        equity_tolerance_floor=Decimal(0),
    )
    settings = load(text)
    assert settings.gate_id == "g1"
    assert settings.accounts["main"].cadence.marks_ns == 500 * MILLISECOND
    assert settings.gate_config("g1") == GateConfig(
        gate_id="g1",
        accounts={"main": account},
        approval_validity_ns=50 * MILLISECOND,
        second_person=SecondPerson.NONE,
        cool_down_ns=300 * SECOND,
        rules=RULES,
    )


def test_a_slow_cadence_makes_reads_stale_later() -> None:
    config = load(SMALL + "    cadence: {positions: 5s}\n").accounts["main"].config
    assert (config.snapshot_max_age_ns, config.mark_max_age_ns) == (15 * SECOND, 6 * SECOND)


def test_paths_are_relative_to_the_file_and_sockets_to_the_state_folder() -> None:
    settings = load(
        SMALL + "limits: limits/live.yaml\ngate: {state_dir: ../state}\nlisten: {venue: unix:/run/venue.sock}\n"
    )
    state = Path("/etc/risksvc/../state")
    assert settings.limits_path == Path("/etc/risksvc/limits/live.yaml")
    assert settings.state_dir == state
    assert settings.strategy == Listener(path=state / "strategy.sock", mode=0o660)
    assert settings.operator == Listener(path=state / "operator.sock", mode=0o660)
    assert settings.venue == Listener(path=Path("/run/venue.sock"), mode=0o600)
    assert settings.venue.target == "unix:/run/venue.sock"
    assert settings.accounts["main"].venue.key["apiKey"].file == Path("/etc/risksvc/key")


def test_a_relative_file_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "risksvc.yaml").write_text(SMALL, "utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("risksvc.yaml")).limits_path == tmp_path / "limits.yaml"


def test_a_listener_is_a_socket_with_permissions_or_a_loopback_port() -> None:
    socket = "{address: 'unix:s.sock', mode: 0620, group: trading}"
    settings = load(SMALL + f"listen: {{strategy: {socket}, operator: '[::1]:0', http: localhost:80}}\n")
    assert (settings.strategy.mode, settings.strategy.group) == (0o620, "trading")
    assert settings.operator == Listener(host="::1", port=0)
    assert settings.operator.target == "[::1]:0"
    assert settings.http.target == "localhost:80"


def test_a_venue_is_a_ccxt_exchange_or_a_class_of_ones_own() -> None:
    text = SMALL.replace(VENUE, "venue: {class: my.venues:Mine, base_url: 'http://127.0.0.1:8780'}")
    venue = load(text).accounts["main"].venue
    assert (venue.exchange, venue.base_url, dict(venue.key)) == ("my.venues:Mine", "http://127.0.0.1:8780", {})


def test_keys_are_places_by_ccxts_names() -> None:
    key = "key: {api_key_file: /run/key, secret_env: S, wallet_address_env: W, private_key_file: p}"
    text = SMALL.replace("key: {api_key_file: key, secret_env: BYBIT_SECRET}", key)
    where = "accounts.main.venue.key"
    assert load(text).accounts["main"].venue.key == {
        "apiKey": SecretSource(f"{where}.api_key_file", file=Path("/run/key")),
        "secret": SecretSource(f"{where}.secret_env", variable="S"),
        "walletAddress": SecretSource(f"{where}.wallet_address_env", variable="W"),
        "privateKey": SecretSource(f"{where}.private_key_file", file=Path("/etc/risksvc/p")),
    }


def test_options_are_handed_on_with_the_types_that_json_has() -> None:
    options = "types: [linear, '5'], recvWindow: 5000, adjust: true, name: 'true', none: null, rate: 0.5, deep: {a: -1}"
    text = SMALL.replace("venue: {", f"venue: {{options: {{{options}}}, sandbox: true, allow_orders: true, ")
    venue = load(text).accounts["main"].venue
    assert venue.options == {
        "types": ["linear", "5"],
        "recvWindow": 5000,
        "adjust": True,
        "name": "true",
        "none": None,
        "rate": "0.5",
        "deep": {"a": -1},
    }
    assert (venue.sandbox, venue.allow_orders) == (True, True)


def test_instruments_are_symbols() -> None:
    text = SMALL.replace("venue: {", "venue: {instruments: [BTC/USDT:USDT, BTC/USD], ")
    assert load(text).accounts["main"].venue.instruments == ("BTC/USDT:USDT", "BTC/USD")
    assert load(SMALL).accounts["main"].venue.instruments == ()
    with pytest.raises(SettingsFileError, match=r"accounts.main.venue.instruments"):
        load(SMALL.replace("venue: {", "venue: {instruments: [BTCUSDT], "))


# -- templates ----------------------------------------------------------------------------------------------------


def test_the_template_loads_and_says_that_nobody_is_listed() -> None:
    settings = load(templates.settings_text())
    assert len(settings.warnings) == 1
    assert "operators: nobody is listed" in settings.warnings[0]


def test_the_template_takes_operators() -> None:
    operators = (Operator("alice", hash_token("a"), ("engineering",)), Operator("bob", hash_token("b"), ("risk",)))
    settings = load(templates.settings_text(operators))
    assert settings.operators == operators
    assert settings.warnings == ()


def uncommented(text: str) -> list[tuple[str, str]]:
    """The template with one commented key at a time brought to life, with the lines that are indented below it."""
    lines = text.splitlines()
    made = []
    for number in range(lines.index("version: 1"), len(lines)):
        found = re.fullmatch(r"( *)# ([a-z_]+):(?: .*)?", lines[number])
        if found is None:
            continue
        below = f"{found[1]}#   "
        last = number + 1
        while last < len(lines) and lines[last].startswith(below):
            last += 1
        alive = [re.sub(r"# ", "", line, count=1) for line in lines[number:last]]
        kept = [line for line in lines[:number] if not line.startswith(f"{found[1]}{found[2]}:")]
        made.append((found[2], "\n".join([*kept, *alive, *lines[last:]])))
    return made


@pytest.mark.parametrize(("key", "text"), uncommented(templates.settings_text()))
def test_every_key_that_the_template_has_in_a_comment_is_right_too(key: str, text: str) -> None:
    assert load(text).accounts, key


@pytest.mark.parametrize(("key", "text"), uncommented(templates.settings_text()))
def test_a_key_in_a_comment_shows_what_applies_without_it(key: str, text: str) -> None:
    examples = {"dead_man", "id", "redis", "gates", "base_url", "strategy", "spot_baseline", "calendar", "contacts"}
    assert key in {*examples, "connect"} or load(text) == load(templates.settings_text())


# -- warnings, errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("", "operators: nobody is listed"),
        ("operators: []\n", "operators: nobody is listed"),
        (f"operators: [{{name: a, token_sha256: {hash_token('a')}}}]\n", "operators: one operator alone can't clear"),
        (ALICE + "second_person: none\n", "second_person: none: one person alone clears"),
        (ROLELESS, "operators: nobody can put a hold in force"),
        (ALICE.replace("engineering, ", ""), "operators: nobody can put a hold in force"),
        (ALICE.replace("[risk]", "[trader]"), "operators: nobody can put a hold in force"),
        (
            ALICE + "listen: {strategy: 127.0.0.1:5000}\n",
            "listen.strategy: a port: every user of this machine can connect",
        ),
    ],
)
def test_what_is_allowed_and_worth_a_thought_is_a_warning(text: str, warning: str) -> None:
    assert len(load(SMALL + text).warnings) == 1
    assert warning in load(SMALL + text).warnings[0]


def test_a_firm_of_one_holds_by_one_person_with_both_roles() -> None:
    alone = re.sub(r", \{name: bob.*\}", "", ALICE) + "second_person: none\n"
    assert [one.partition(": ")[2] for one in load(SMALL + alone).warnings] == [
        "second_person: none: one person alone clears P0 and global halts, after the cool-down"
    ]
    without = load(SMALL + alone.replace("engineering, ", "")).warnings
    assert "operators: nobody can put a hold in force" in without[0]


def test_accounts_that_only_one_of_the_two_files_has_are_told() -> None:
    limits = parse_limits("version: 1\naccounts: {other: }\n", path=Path("limits.yaml")).limits
    main, other = load(SMALL).accounts_apart(limits)
    assert main == "account main is in the settings, but not in the limits file: every order of it is denied"
    assert other.startswith("account other is in the limits file, but not in the settings: it has no venue, and every")


def test_an_unreadable_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsFileError, match=r"risksvc.yaml: can't be read: No such file or directory"):
        load_settings(tmp_path / "risksvc.yaml")


def test_loading_settings_reads_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT_SECRET", "s3cret")
    assert "s3cret" not in repr(load(SMALL))


def test_a_venue_that_takes_late_orders_is_worth_a_warning() -> None:
    [warning] = load(f"version: 1\naccounts:\n  main: {{{VENUE.replace('bybit', 'bitget')}}}\n{ALICE}").warnings
    assert "accounts.main.venue.exchange: bitget refuses no order for being late" in warning


# -- other gates ---------------------------------------------------------------------------------------------------


def test_other_gates_are_addresses_by_their_ids() -> None:
    assert load(SMALL).gates == {}
    text = "gates: {g2: unix:../g2/op.sock, g3: unix:/run/g3.sock, g4: 127.0.0.1:9501}\n"
    assert load(SMALL + text).gates == {
        "g2": Endpoint("unix:/etc/risksvc/../g2/op.sock"),
        "g3": Endpoint("unix:/run/g3.sock"),
        "g4": Endpoint("127.0.0.1:9501"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gates: {g2: 127.0.0.1:0}", "port 0 is any free port"),
        ("gates: {g2: 10.0.0.1:9501}", "is not on this machine"),
        ("gates: {g2: nowhere}", "is not an address"),
        ("gates: [unix:/run/g3.sock]", "gates"),
    ],
)
def test_what_is_no_address_of_a_gate(text: str, problem: str) -> None:
    with pytest.raises(SettingsFileError, match=problem):
        load(f"{SMALL}{text}\n")


def test_the_dead_man_is_off_unless_it_is_written() -> None:
    assert load(SMALL).accounts["main"].venue.dead_man_ns == 0
    text = SMALL.replace("venue: {", "venue: {dead_man: 60s, allow_orders: true, ")
    assert load(text).accounts["main"].venue.dead_man_ns == 60 * SECOND
