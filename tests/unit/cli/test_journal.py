"""`risksvc journal`: what a folder holds, verified, shown, exported; no gate, no lock, no settings needed."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.cli.journal_view import WITHOUT_JOURNAL
from risksvc.core.events import OrdersChecked
from risksvc.core.gate import RiskGate
from risksvc.gate.anchors import Anchor
from risksvc.gate.codec import encode
from risksvc.gate.frames import HEADER_SIZE as FRAME_HEADER
from risksvc.gate.journal import Journal
from risksvc.gate.segments import HEADER_SIZE, JournalCorruptError, path_of
from tests.unit.cli.fake_gate import Cli
from tests.unit.gate.steps import StepClock, opening, order

SETTINGS = """
version: 1
gate: {{id: gate-1, state_dir: s}}
redis: {{url: "unix://{folder}/nothing.sock"}}
accounts:
  main:
    venue: {{exchange: bybit, key: {{api_key_env: K, secret_env: S}}}}
"""


class Written:
    """A journal of a small gate's life: six Inputs that open it, then two orders, one approved and one denied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "s" / "journal"
        self.anchors: list[Anchor] = []
        gate, clock = RiskGate(), StepClock()
        folder.joinpath("s").mkdir()
        with Journal(self.folder, segment_entries=3) as journal:
            list(journal.recover())
            for number, event in enumerate([*opening(), order("mine"), order("huge", quantity="100")], start=1):
                now = clock.now()
                journal.append(encode(number, now, event, gate.apply(event, now)))
                head = journal.head
                assert head is not None
                self.anchors.append(Anchor("gate-1", number, head.head, head.segment, now // 1_000_000))

    def flip(self, number: int) -> Path:
        path = path_of(self.folder, number)
        data = bytearray(path.read_bytes())
        data[HEADER_SIZE + FRAME_HEADER + 5] ^= 1
        path.write_bytes(data)
        return path

    def output(self, path: Path, numbers: tuple[int, ...] = (3, 8)) -> Path:
        """The gate's standard output as a collector keeps it."""
        lines = ["gate gate-1 listens:", "  http  127.0.0.1:1", '{"event": "other"}', '{"event": "journal_anchor"']
        for anchor in self.anchors:
            if anchor.seq in numbers:
                fields = json.dumps({"event": "journal_anchor", **anchor.fields()})
                lines.append(f"2026-11-22T20:00:00Z gate-1[77]: {fields}")
        path.write_text("\n".join(lines) + "\n")
        return path


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


# -- verify ---------------------------------------------------------------------------------------------------------


def test_verify_without_anchors_says_what_it_can_not_see(cli_alone: Cli, written: Written) -> None:
    result = cli_alone("journal", "verify", str(written.folder))
    assert result.exit_code == 0
    assert f"{written.folder}: 3 files, " in result.stdout
    assert "entries 1 to 8" in result.stdout
    assert f"head after entry 8: {written.anchors[-1].head.hex()}" in result.stdout
    assert "not covered: no anchors were given (--anchors, --redis-url): whoever rewrote the journal" in result.stdout
    assert "Nothing was found." in result.stdout


def test_verify_with_anchors(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    collected = written.output(tmp_path / "out.log")
    result = cli_alone("journal", "verify", str(written.folder), "--anchors", str(collected))
    assert result.exit_code == 0
    assert f"2 anchors from {collected}; 2 fit" in result.stdout
    assert "not covered" not in result.stdout
    assert "note: line 4 looks like an anchor and is none: " in result.stdout
    early = written.output(tmp_path / "early.log", (3,))
    result = cli_alone("journal", "verify", str(written.folder), "--anchors", str(early))
    assert "not covered: entries 4 to 8: they came after the last anchor (1970-01-01 00:16:40 UTC)" in result.stdout


def test_verify_names_what_was_changed(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    collected = written.output(tmp_path / "out.log")
    path = written.flip(2)
    result = cli_alone("journal", "verify", str(written.folder), "--anchors", str(collected))
    assert result.exit_code == 1
    place = f"({path}, byte {HEADER_SIZE})"
    assert f"FOUND: entries 4 to 6: a frame's payload does not match its checksum {place}" in result.stdout
    assert "NOT AS IT WAS WRITTEN: 1 finding." in result.stdout
    assert "saves everything before the damage" in result.stdout
    assert f"Restore the folder from a good copy, or {WITHOUT_JOURNAL}." in result.stdout
    assert WITHOUT_JOURNAL in str(JournalCorruptError(path, offset=0, problem="")), "the gate says the same"
    document = cli_alone.json("journal", "verify", str(written.folder), "--anchors", str(collected), code=1)
    assert document["findings"] == [
        {
            "first": 4,
            "last": 6,
            "problem": "a frame's payload does not match its checksum",
            "file": str(path),
            "byte": HEADER_SIZE,
        }
    ]
    assert document["anchors"]["vouched_for"] == 8, "what is behind it goes on from a head that was anchored"


def test_verify_finds_a_journal_written_anew(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Journal(other / "j", segment_entries=3) as journal:
        list(journal.recover())
        clock, gate = StepClock(), RiskGate()
        for number, event in enumerate([*opening(), order("mine", quantity="0.2")], start=1):
            now = clock.now()
            journal.append(encode(number, now, event, gate.apply(event, now)))
    collected = written.output(tmp_path / "out.log", (3, 6, 7))
    words = ("journal", "verify", str(other / "j"), "--anchors", str(collected))
    result = cli_alone(*words)
    assert result.exit_code == 1
    assert "FOUND: entry 7: the entries do not give the hash that was told at the time" in result.stdout
    assert cli_alone(*words, "--since", "1971-01-01").exit_code == 0, "the anchors of before a new beginning left out"
    assert cli_alone(*words, "--gate", "gate-2").exit_code == 0


def test_verify_reads_the_anchors_of_one_gate(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    collected = written.output(tmp_path / "out.log")
    text = collected.read_text()
    collected.write_text(text + text.replace('"gate-1"', '"gate-2"').replace('"seq": "8"', '"seq": "80"'))
    words = ("journal", "verify", str(written.folder), "--anchors", str(collected))
    result = cli_alone(*words)
    assert result.exit_code == 2
    assert "anchors of several gates: say whose journal it is, --gate gate-1 | gate-2" in result.output
    assert cli_alone(*words, "--gate", "gate-1").exit_code == 0
    (written.folder.parent / "gate-id").write_text("gate-1\n")
    assert cli_alone(*words).exit_code == 0


def test_verify_by_the_settings(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    settings = tmp_path / "risksvc.yaml"
    settings.write_text(SETTINGS.format(folder=tmp_path))
    result = cli_alone("journal", "verify", "--settings", str(settings))
    assert result.exit_code == 0
    assert "note: the store's anchors can't be read, so they were not compared: " in result.stdout
    assert "not covered: the anchors asked for could not be read: whoever rewrote" in result.stdout
    assert "no anchors were given" not in result.stdout
    assert "Nothing was found; but the anchors asked for could not be read." in result.stdout
    assert "Nothing was found." not in result.stdout
    assert cli_alone.json("journal", "verify", "--settings", str(settings))["anchors"]["unread"]
    asked = cli_alone("journal", "verify", str(written.folder), "--redis-url", f"unix://{tmp_path}/nothing.sock")
    assert asked.exit_code == 3
    assert "nothing.sock" in asked.output


@pytest.mark.parametrize("command", ["verify", "show", "export"])
def test_no_journal_there(cli_alone: Cli, tmp_path: Path, command: str) -> None:
    result = cli_alone("journal", command, str(tmp_path))
    assert result.exit_code == 2
    assert "no journal here (no file journal-00000001.rsj); name the journal's folder" in result.output


def test_verify_of_a_newer_schema(cli_alone: Cli, written: Written) -> None:
    path = path_of(written.folder, 3)
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)
    result = cli_alone("journal", "verify", str(written.folder))
    assert result.exit_code == 2
    assert "journal schema 9, this risksvc reads 1 and 2" in result.output


# -- show -----------------------------------------------------------------------------------------------------------


def test_show(cli_alone: Cli, written: Written) -> None:
    result = cli_alone("journal", "show", str(written.folder))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["entry", "time", "type", "input", "outcome"]
    assert len([line for line in lines if "1970-01-01T00:16:40" in line]) == 8
    [approved] = [line for line in lines if " OrderChecked " in line and "mine" in line]
    assert approved.lstrip().startswith("7 ")
    assert "APPROVED" in approved
    assert "order buy 0.1 BTC/USDT:USDT at 50000 (account main, strategy mm" in approved
    assert "DENIED MAX_NET_EXPOSURE: net exposure of account main" in result.stdout
    assert "state REDUCING" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("options", "entries"),
    [
        (["--from", "3", "--to", "5"], [3, 4, 5]),
        (["--type", "orderchecked"], [7, 8]),
        (["--order", "mine"], [7]),
        (["--order", "min"], []),
        (["--since", "1970-01-01T00:16:40"], [1, 2, 3, 4, 5, 6, 7, 8]),
        (["--since", "1970-01-01T02:16:41+02:00"], []),
        (["--from", "7", "--type", "OrderChecked", "--order", "huge"], [8]),
    ],
)
def test_show_some(cli_alone: Cli, written: Written, options: list[str], entries: list[int]) -> None:
    found = cli_alone.json("journal", "show", str(written.folder), *options)
    assert [one["seq"] for one in found] == entries
    assert ("no such entry" in cli_alone("journal", "show", str(written.folder), *options).stdout) == (not entries)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--type", "OrderCheked"], "is no type of input (did you mean 'OrderChecked'?)"),
        (["--since", "yesterday"], "write a time like 2026-11-22T14:30"),
        (["--from", "0"], "0 is not in the range"),
    ],
)
def test_show_what_can_not_be_meant(cli_alone: Cli, written: Written, options: list[str], said: str) -> None:
    result = cli_alone("journal", "show", str(written.folder), *options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_show_of_a_damaged_journal_says_where_to_look(cli_alone: Cli, written: Written) -> None:
    path = written.flip(2)
    result = cli_alone("journal", "show", str(written.folder))
    assert result.exit_code == 1
    assert f"{path}: corrupt at byte {HEADER_SIZE}" in result.output
    assert f"risksvc journal verify {written.folder}" in result.output


def test_escape_codes_do_not_reach_the_terminal(cli_alone: Cli, tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        list(journal.recover())
        journal.append(encode(1, 1, order("\x1b[2Jo"), ()))
    assert "\x1b" not in cli_alone("journal", "show", str(tmp_path / "j")).stdout


def batch_written(folder: Path) -> Path:
    """The small gate's life, and then a batch of which the second order is denied and trips."""
    gate, clock = RiskGate(), StepClock()
    asked = (order("mine"), order("huge", quantity="100"), order("later"))
    with Journal(folder) as journal:
        list(journal.recover())
        for number, event in enumerate([*opening(), OrdersChecked(asked)], start=1):
            now = clock.now()
            journal.append(encode(number, now, event, gate.apply(event, now)))
    return folder


def test_a_batch_is_shown_order_by_order(cli_alone: Cli, tmp_path: Path) -> None:
    folder = str(batch_written(tmp_path / "j"))
    lines = cli_alone("journal", "show", folder, "--type", "OrdersChecked").stdout.splitlines()
    mine, huge, later = (next(line for line in lines if id_ in line) for id_ in ("id mine", "id huge", "id later"))
    assert all(line.lstrip().startswith("7 ") for line in (mine, huge, later))
    assert "APPROVED" in mine
    assert "DENIED MAX_NET_EXPOSURE" in huge
    assert "DENIED REDUCING_ONLY" in later
    assert "HaltRaised" in "".join(lines[lines.index(later) :])
    only = cli_alone("journal", "show", folder, "--order", "huge").stdout
    assert "id huge" in only
    assert "id mine" not in only
    [whole] = cli_alone.json("journal", "show", folder, "--order", "huge")
    assert len(whole["input"]["orders"]) == 3, "for programs the entry is what was recorded"


# -- export ---------------------------------------------------------------------------------------------------------


def test_export_json_lines(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    target = tmp_path / "all.jsonl"
    result = cli_alone("journal", "export", str(written.folder), "--output", str(target))
    assert result.stdout == f"8 entries in {target}\n"
    entries = [json.loads(line) for line in target.read_text().splitlines()]
    assert [entry["seq"] for entry in entries] == list(range(1, 9))
    assert entries[6]["input"]["order"]["quantity"] == "0.1", "decimals are text"
    assert entries[6]["outputs"][0]["type"] == "Decision"
    assert entries[6]["now_ns"] == str(1_000 * 10**9 + 7_000)
    assert target.stat().st_mode & 0o077 == 0
    piped = cli_alone("journal", "export", str(written.folder))
    assert piped.stdout == target.read_text()


def test_export_csv(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    target = tmp_path / "all.csv"
    assert (
        cli_alone("journal", "export", str(written.folder), "--format", "csv", "--output", str(target)).exit_code == 0
    )
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert [row["seq"] for row in rows] == [str(number) for number in range(1, 9)]
    assert (rows[6]["client_order_id"], rows[6]["outcome"], rows[6]["quantity"]) == ("mine", "approved", "0.1")
    assert rows[7]["outcome"] == "denied"
    assert rows[7]["reasons"].split()[0] == "MAX_NET_EXPOSURE"
    assert Decimal(json.loads(rows[7]["input"])["order"]["quantity"]) == 100


def test_a_batch_is_a_row_for_each_order(cli_alone: Cli, tmp_path: Path) -> None:
    folder = str(batch_written(tmp_path / "j"))
    *_, mine, huge, later = csv.DictReader(
        cli_alone("journal", "export", folder, "--format", "csv").stdout.splitlines()
    )
    rows = [(row["seq"], row["client_order_id"], row["outcome"]) for row in (mine, huge, later)]
    assert rows == [("7", "mine", "approved"), ("7", "huge", "denied"), ("7", "later", "denied")]
    assert [len(json.loads(row["outputs"])) > 1 for row in (mine, huge, later)] == [False, False, True]


def test_a_spreadsheet_takes_no_cell_for_a_formula(cli_alone: Cli, tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        list(journal.recover())
        journal.append(encode(1, 1, order("=cmd()", quantity="-3.5"), ()))
    [row] = csv.DictReader(cli_alone("journal", "export", str(tmp_path / "j"), "--format", "csv").stdout.splitlines())
    assert (row["client_order_id"], row["quantity"]) == ("'=cmd()", "-3.5")


def test_export_overwrites_nothing(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    target.write_text("mine")
    result = cli_alone("journal", "export", str(written.folder), "--output", str(target))
    assert result.exit_code == 2
    assert "exists, and is not overwritten" in result.output
    assert target.read_text() == "mine"
    assert cli_alone("journal", "export", str(written.folder), "--output", str(tmp_path / "no" / "x")).exit_code == 2


# -- what nobody expects --------------------------------------------------------------------------------------------


def test_verify_of_what_is_torn_and_partly_gone(cli_alone: Cli, written: Written) -> None:
    path_of(written.folder, 1).unlink()
    last = path_of(written.folder, 3)
    last.write_bytes(last.read_bytes()[:-3])
    result = cli_alone("journal", "verify", str(written.folder))
    assert result.exit_code == 0
    assert "entries 4 to 7" in result.stdout
    assert f"not covered: the end, {last}: a frame of " in result.stdout
    assert "not covered: entries 1 to 3: their files are gone (journal.keep, journal.max_size)" in result.stdout


def test_verify_of_a_missing_segment_says_from_where_on(cli_alone: Cli, written: Written) -> None:
    path_of(written.folder, 2).unlink()
    result = cli_alone("journal", "verify", str(written.folder))
    assert result.exit_code == 1
    assert "FOUND: entries 4 and all after it: segment 3 does not continue the one before it" in result.stdout


def test_a_file_of_anchors_that_is_not_there(cli_alone: Cli, written: Written, tmp_path: Path) -> None:
    result = cli_alone("journal", "verify", str(written.folder), "--anchors", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "No such file" in result.output


@pytest.mark.parametrize(
    "payload", [b"\xc1", b"\x01", b"\x93\x01\x02\x03"], ids=["no MessagePack", "a number", "short"]
)
def test_what_is_no_entry(cli_alone: Cli, tmp_path: Path, payload: bytes) -> None:
    with Journal(tmp_path / "j") as journal:
        list(journal.recover())
        journal.append(payload)
    for command in ("show", "export"):
        result = cli_alone("journal", command, str(tmp_path / "j"))
        assert result.exit_code == 2
        assert "not a journal entry" in result.output
    assert cli_alone("journal", "verify", str(tmp_path / "j")).exit_code == 1


def test_very_many_entries_are_shown_from_the_end(cli_alone: Cli, tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        list(journal.recover())
        for number in range(1, 251):
            journal.append(encode(number, number, order(f"o-{number}"), ()))
    result = cli_alone("journal", "show", str(tmp_path / "j"))
    assert "the last 200 of 250; --from and --to choose, --json has them all" in result.stdout
    assert "client_order_id o-250" in result.stdout
    assert "client_order_id o-50," not in result.stdout
    assert len(cli_alone.json("journal", "show", str(tmp_path / "j"))) == 250


def test_a_journal_deleted_under_the_reader(cli_alone: Cli, written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr("risksvc.gate.journal.stored_link", gone)
    result = cli_alone("journal", "show", str(written.folder))
    assert result.exit_code == 3
    assert "went while it was read: the gate deletes what is old. Ask again" in result.output
