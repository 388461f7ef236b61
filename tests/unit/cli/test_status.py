import time

import grpc
import pytest

from risksvc.v1 import operator_pb2, types_pb2
from tests.unit.cli.fake_gate import TOKEN, Cli, FakeGate

SECOND = 1_000_000_000


def account(**changes: object) -> operator_pb2.AccountStatus:
    values: dict[str, object] = {
        "account": "main",
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
        "feed_connected": True,
        "feed_software": "risksvc-venue/0.1.0",
        "snapshot_age_ms": 850,
        "adopted": True,
        "strategies": [
            operator_pb2.StrategyStatus(
                strategy="mm",
                trading_state=types_pb2.TRADING_STATE_ACTIVE,
                watching=True,
                version="v7",
                belief_required=True,
            )
        ],
    }
    return operator_pb2.AccountStatus(**(values | changes))  # type: ignore[arg-type]


def status(**changes: object) -> operator_pb2.GetStatusResponse:
    now = time.time_ns()
    values: dict[str, object] = {
        "gate_id": "gate-a",
        "version": "0.1.0",
        "now_ns": now,
        "started_at_ns": now - 65 * SECOND,
        "ready": True,
        "trading_state": types_pb2.TRADING_STATE_ACTIVE,
        "accounts": [account()],
        "limits": operator_pb2.LimitsStatus(hash="ab" * 32, path="limits/limits.yaml", loaded_by="start", reloads=1),
        "kill_switch": operator_pb2.KillSwitchStatus(
            connected=True, lease_ms=240, lease_length_ms=300, bound_ms=400, epoch=7, store="unix:/run/redis.sock"
        ),
        "journal": operator_pb2.JournalStatus(entries=12, bytes=3456, durability="process", path="state/journal"),
    }
    return operator_pb2.GetStatusResponse(**(values | changes))  # type: ignore[arg-type]


def halt(**changes: object) -> types_pb2.ActiveHalt:
    values: dict[str, object] = {
        "halt_id": "h-1",
        "state": types_pb2.TRADING_STATE_HALTED,
        "severity": types_pb2.SEVERITY_P0,
        "trigger": "UNEXPECTED_FILL",
        "reason": "fill 77 of +2 BTC/USDT:USDT has no approval",
        "by": "gate:gate-a",
        "at_ns": time.time_ns() - 5 * SECOND,
    }
    return types_pb2.ActiveHalt(**(values | changes))  # type: ignore[arg-type]


def test_all_is_well(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status())
    result = cli("status")
    assert result.exit_code == 0
    assert "A C T I V E" in result.stdout
    assert "CLOSED" not in result.stdout
    assert "850 ms ago" in result.stdout
    assert "lease 240 ms left" in result.stdout
    assert "1 min 5 s" in result.stdout
    assert "risksvc halt --reason '<why>'" in result.stdout
    assert set(gate.credentials) == {f"Bearer {TOKEN}"}
    assert 4 < gate.deadlines["GetStatus"] < 6  # 5 s, and the clocks of two threads


def test_a_halt_is_big_and_says_what_to_type(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(trading_state=types_pb2.TRADING_STATE_HALTED, halts=[halt()]))
    text = cli("status").stdout
    assert "H A L T E D" in text
    assert "UNEXPECTED_FILL by gate:gate-a: fill 77" in text
    assert "risksvc resume h-1 --reason '<why it is safe>'" in text
    assert "risksvc positions" in text


def test_a_halted_account_does_not_hide_behind_an_active_whole(cli: Cli, gate: FakeGate) -> None:
    covered = halt(scope=types_pb2.Scope(account="main"), state=types_pb2.TRADING_STATE_REDUCING)
    gate.script("GetStatus", status(halts=[covered]))
    text = cli("status").stdout
    assert "R E D U C I N G" in text
    assert "REDUCING: account main" in text


def test_a_state_that_is_not_known_counts_as_halted(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(trading_state=types_pb2.TRADING_STATE_UNSPECIFIED))
    assert "UNKNOWN, treat as HALTED" in cli("status").stdout


def test_worries_are_told(cli: Cli, gate: FakeGate) -> None:
    closed = account(
        closed_because=[types_pb2.DENIAL_REASON_NOT_ADOPTED],
        feed_connected=False,
        adopted=False,
        unknown_orders=2,
        flatten_required=True,
        last_read_failure="positions: timed out",
        strategies=[operator_pb2.StrategyStatus(strategy="mm", trading_state=types_pb2.TRADING_STATE_ACTIVE)],
        divergences=[
            operator_pb2.Divergence(
                divergence_class="POSITION_DRIFT", account="main", instrument="BTC/USDT:USDT", ledger="0", venue="2",
                believed="0", usd="200000", status="SUSPECT", reads=2, message="2 of 3 reads",
            )
        ],
    )  # fmt: skip
    answer = status(
        ready=False,
        accounts=[closed],
        closed_because=[types_pb2.DENIAL_REASON_KILL_SWITCH_UNREACHABLE],
        warnings=["second_person: none"],
        limits=operator_pb2.LimitsStatus(path="limits/my limits.yaml", last_error="limits.yaml:3: unknown key"),
        kill_switch=operator_pb2.KillSwitchStatus(problem="connection refused"),
    )
    gate.script("GetStatus", answer)
    text = cli("status").stdout
    for words in (
        "CLOSED: nothing is approved",
        "closed because KILL_SWITCH_UNREACHABLE",
        "account main closed because NOT_ADOPTED",
        "FLATTEN REQUIRED",
        "! second_person: none",
        "not connected",
        "risksvc venue --account main",
        "NOT REQUIRED",
        "positions: timed out",
        "connection refused",
        "POSITION_DRIFT",
        "200,000.00",
        "risksvc adopt",
        "risksvc reservations",
        "risksvc limits check 'limits/my limits.yaml'",
    ):
        assert words in text, words


def test_what_was_never_read_can_not_be_adopted(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(accounts=[account(snapshot_age_ms=-1, adopted=False)]))
    text = cli("status").stdout
    assert "never" in text
    assert "risksvc adopt" not in text


def test_proposals_say_how_another_operator_confirms(cli: Cli, gate: FakeGate) -> None:
    proposal = operator_pb2.Proposal(
        proposal_id="p-9", kind="resume", by="alice", items=["h-1"], expires_at_ns=time.time_ns() + 600 * SECOND
    )
    gate.script("GetStatus", status(halts=[halt()], proposals=[proposal]))
    text = cli("status").stdout
    assert "risksvc resume --confirm p-9" in text
    assert "as another operator than alice" in text
    assert "risksvc resume h-1" not in text  # it is proposed already


def test_many_halts_get_one_suggestion(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(halts=[halt(halt_id=f"h-{number}") for number in range(5)]))
    text = cli("status").stdout
    assert "risksvc resume --all --reason" in text
    assert "resume h-1" not in text


def test_json_has_the_names_of_the_proto_and_every_field(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(halts=[halt()]))
    document = cli.json("status")
    assert document["trading_state"] == "TRADING_STATE_ACTIVE"
    assert document["halts"][0]["halt_id"] == "h-1"
    assert document["proposals"] == []
    assert document["accounts"][0]["snapshot_age_ms"] == "850"
    assert document["kill_switch"]["problem"] == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"ready": False},
        {"halts": [halt()]},
        {"trading_state": types_pb2.TRADING_STATE_REDUCING},
        {"accounts": [account(closed_because=[types_pb2.DENIAL_REASON_NOT_ADOPTED])]},
        {"accounts": [account(trading_state=types_pb2.TRADING_STATE_UNSPECIFIED)]},
    ],
    ids=["not ready", "halt", "reducing", "account closed", "account unknown"],
)
def test_check_exits_1_unless_everything_is_open(cli: Cli, gate: FakeGate, changes: dict[str, object]) -> None:
    gate.script("GetStatus", status())
    assert cli("status", "--check").exit_code == 0
    gate.script("GetStatus", status(**changes))
    assert cli("status").exit_code == 0
    assert cli("status", "--check").exit_code == 1


def test_text_from_outside_can_not_steer_the_terminal(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(halts=[halt(reason="\x1b[2J[red]gone[/red] :skull:\nline")]))
    text = cli("status").stdout
    assert "\x1b" not in text
    assert "?[2J[red]gone[/red] :skull:?line" in text


def test_suggested_commands_reach_the_same_gate(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(accounts=[account(adopted=False)]))
    text = cli("status", "--operator-address", gate.address).stdout
    assert f"risksvc adopt --operator-address {gate.address}" in text


def test_a_suggested_venue_process_reads_the_same_settings(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status(accounts=[account(feed_connected=False)]))
    text = cli("status", "--operator-address", gate.address, "--settings", "my rules.yaml").stdout
    assert "risksvc venue --account main --settings 'my rules.yaml'  # nobody reads" in text


def test_colours_are_for_terminals_only(cli: Cli, gate: FakeGate) -> None:
    gate.script("GetStatus", status())
    assert "\x1b[" not in cli("status").stdout
    assert "\x1b[" in cli("status", FORCE_COLOR="1").stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, (4, "does not accept the token from RISKSVC_TOKEN")),
        (grpc.StatusCode.PERMISSION_DENIED, (4, "does not allow this")),
        (grpc.StatusCode.INVALID_ARGUMENT, (2, "does not understand")),
        (grpc.StatusCode.NOT_FOUND, (1, "does not know it")),
        (grpc.StatusCode.FAILED_PRECONDITION, (1, "refuses")),
        (grpc.StatusCode.UNAVAILABLE, (3, "whether it did what was asked is not known")),
        (grpc.StatusCode.UNIMPLEMENTED, (3, "does not serve operators")),
        (grpc.StatusCode.INTERNAL, (3, "could not decide: no{braces} (INTERNAL)")),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (3, "could not decide")),
    ],
)
def test_a_status_is_a_sentence_and_an_exit_code(
    cli: Cli, gate: FakeGate, code: grpc.StatusCode, expected: tuple[int, str]
) -> None:
    gate.details = "no{braces}"
    gate.script("GetStatus", code)
    result = cli("status", "--json")
    assert result.exit_code == expected[0]
    assert expected[1] in result.stderr
    assert result.stdout == ""


def registered(gate_id: str, **changes: object) -> operator_pb2.RegisteredGate:
    values: dict[str, object] = {"gate_id": gate_id, "version": "1.0", "limits_hash": "abc", "age_ms": 40, "live": True}
    return operator_pb2.RegisteredGate(**(values | changes))  # type: ignore[arg-type]


def test_every_gate_of_the_store_is_shown_and_one_that_is_not_alike_is_red(cli: Cli, gate: FakeGate) -> None:
    answer = status()
    answer.kill_switch.gates.append(registered("gate-a", incarnation="0123456789"))
    gate.script("GetStatus", answer)
    assert "Gates of this store" not in cli("status").stdout, "alone it needs no table"
    answer.kill_switch.gates.append(registered("gate-b", skewed=True, version="1.1", accounts=["main"]))
    answer.kill_switch.gates.append(registered("gate-c", live=False, age_ms=61_000))
    text = cli("status").stdout
    assert "Gates of this store (3)" in text
    for words in ("01234567", "OTHER LIMITS OR CODE", "silent: can approve nothing", "1.1"):
        assert words in text, words
    shown = cli.json("status")["kill_switch"]["gates"]
    assert [one["skewed"] for one in shown] == [False, True, False]


def test_the_bound_is_shown_with_what_it_is_made_of(cli: Cli, gate: FakeGate) -> None:
    answer = status()
    answer.kill_switch.lease_length_ms, answer.kill_switch.approval_validity_ms = 300, 100
    answer.kill_switch.bound_ms = 400
    gate.script("GetStatus", answer)
    assert (
        "lease 300 ms + approval 100 ms: no approval is usable later than 400 ms after a halt" in cli("status").stdout
    )
    assert cli.json("status")["kill_switch"]["bound_ms"] == "400"


def test_the_state_snapshot_is_told_in_words(cli: Cli, gate: FakeGate) -> None:
    answer = status()
    gate.script("GetStatus", answer)
    assert "made when the first part of the journal is full" in " ".join(cli("status").stdout.split())
    answer.journal.snapshot_entries, answer.journal.snapshot_age_ms, answer.journal.replayed = 10, 1500, 7
    gate.script("GetStatus", answer)
    text = " ".join(cli("status").stdout.split())
    assert "10 entries in it, 2 entries since; the last start applied 7 entries again" in text
    answer.journal.snapshot_failed = "journal entry 3: gives other outputs"
    gate.script("GetStatus", answer)
    assert "gives other outputs; the next start may be refused" in " ".join(cli("status").stdout.split())


def test_what_concerns_the_account_as_a_whole_is_listed_without_an_instrument(cli: Cli, gate: FakeGate) -> None:
    stale = operator_pb2.Divergence(
        divergence_class="STALE_VENUE", account="main", status="SUSPECT", reads=1, message="no complete read for 9 s"
    )
    gate.script("GetStatus", status(accounts=[account(divergences=[stale])]))
    text = cli("status").stdout
    [row] = [line for line in text.splitlines() if line.startswith("STALE_VENUE")]
    assert row.split()[:4] == ["STALE_VENUE", "SUSPECT", "main", "-"]
    assert "no complete read for 9 s" in row
    assert "risksvc reconcile --explain" in text
