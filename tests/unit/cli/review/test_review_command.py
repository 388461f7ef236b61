"""`risksvc review` from end to end: files or a journal in, the number and the reports out."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from risksvc.cli.review.output_folder import NAMES
from tests.conftest import DATA
from tests.unit.cli.fake_gate import Cli
from tests.unit.cli.review.files_of import BTC, write_files
from tests.unit.core.builders import given
from tests.unit.gate.review_journals import write_journal

D = Decimal
SAID = "time,strategy,instrument,quantity"


def reviewed(cli: Cli, folder: Path, *words: str) -> dict:  # type: ignore[type-arg]
    output = folder.parent / f"out-{folder.name}"
    result = cli("review", "--from-files", str(folder), "--half-spread", "0", "--output", str(output), *words)
    assert result.exit_code == 0, result.output
    return dict(json.loads((output / "review.json").read_text()))


def beliefs(count: int, quantity: str = "2") -> str:
    """The same belief, said so many times from one hour after the fill that it does not know of."""
    times = (f"2026-11-02T13:{minute // 60:02d}:{minute % 60:02d}Z" for minute in range(count))
    return SAID + "\n" + "".join(f"{time},mm,{BTC},{quantity}\n" for time in times)


@pytest.mark.parametrize("count", [1, 100])
def test_a_constant_divergence_costs_what_it_costs_once(cli_alone: Cli, tmp_path: Path, count: int) -> None:
    """2 BTC too many from 49,500 to 47,000: 2 x 2,500, by one decision or by a hundred; the hour before is apart."""
    found = reviewed(cli_alone, write_files(tmp_path / "in", beliefs=beliefs(count)))
    assert found["impact"]["belief_cost"]["total"] == "5000"
    assert found["impact"]["belief_cost"]["direction"] == "5000"
    assert (found["origin_cost"], found["total"]) == ("1000", "6000")
    assert found["impact"]["decisions"] == count + 1


def test_a_right_belief_costs_zero_which_is_a_number(cli_alone: Cli, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "in", beliefs=beliefs(3, "4"))
    result = cli_alone("review", "--from-files", str(folder), "--output", str(tmp_path / "out"))
    assert "  a wrong belief: 0.00 USD (between" in result.stdout
    assert "No divergence was found." in result.stdout
    text = (tmp_path / "out" / "review.md").read_text()
    assert "**What it cost: " in text
    assert "came from no decision of a strategy" in text


def test_an_inverse_contract_is_valued_in_its_coin(cli_alone: Cli, tmp_path: Path) -> None:
    """10 contracts of 100 USD too many, from 50,000 to 40,000: 1,000 x (1/40,000 - 1/50,000) coins, at 40,000."""
    symbol = "BTC/USD:BTC"
    folder = write_files(
        tmp_path / "in",
        instruments=f"instrument,kind,base,quote,contract_size\n{symbol},inverse,BTC,USD,100\n",
        fills=f"time,instrument,side,quantity,price\n2026-11-02T12:00:00Z,{symbol},buy,10,50000\n",
        orders=None,
        beliefs=f"{SAID}\n2026-11-02T13:00:00Z,mm,{symbol},0\n",
        intents=f"{SAID}\n2026-11-02T13:00:00Z,mm,{symbol},0\n",
        prices="time,price\n2026-11-02T12:00:00Z,50000\n2026-11-03T13:00:00Z,40000\n",
    )
    found = reviewed(cli_alone, folder)
    assert D(found["impact"]["belief_cost"]["total"]) == pytest.approx(D(200), abs=D("0.000001"))


@pytest.mark.data
def test_eleven_days_of_real_bars(cli_alone: Cli, tmp_path: Path) -> None:
    """The seed's 11 days: 4.65 BTC that the tracker never heard of, and one decision that would have sold them."""
    with (DATA / "btc-perp-1m-2022-01.csv").open(newline="") as file:
        bars = list(csv.DictReader(file))[: 11 * 1440]
    lines = [",".join(bar.values()) for bar in bars]
    said, first = bars[90], bars[0]["timestamp"]
    folder = write_files(
        tmp_path / "in",
        fills=f"time,instrument,side,quantity,price\n{bars[60]['timestamp']},{BTC},buy,4.65,{bars[60]['open']}\n",
        orders=None,
        beliefs=f"{SAID}\n{first},mm,{BTC},0\n{said['timestamp']},mm,{BTC},0\n",
        intents=f"{SAID}\n{first},mm,{BTC},0\n",
        prices="\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n",
    )
    found = reviewed(cli_alone, folder)
    assert D(found["impact"]["belief_cost"]["total"]) == D("4.65") * (D(said["open"]) - D(bars[-1]["close"]))
    assert D(found["origin_cost"]) == D("4.65") * (D(bars[60]["open"]) - D(said["open"]))
    assert len(found["impact"]["by_day"]) == 11


def test_every_file_is_written_for_its_owner_and_sums_add_up(cli_alone: Cli, tmp_path: Path) -> None:
    found = reviewed(cli_alone, write_files(tmp_path / "in", beliefs=beliefs(5)))
    out = tmp_path / "out-in"
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    impact = found["impact"]
    whole = D(impact["belief_cost"]["total"])
    for by in ("by_instrument", "by_strategy", "by_version", "by_decision_day"):
        assert sum(D(share["cost"]["total"]) for share in impact[by]) == whole, by
    assert sum(D(day["cost"]) for day in impact["by_day"]) == whole
    with (out / "decisions.csv").open(newline="") as file:
        assert sum(D(row["cost"]) for row in csv.DictReader(file)) == whole
    with (out / "attribution.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for by in ("instrument", "strategy", "version", "decision day", "day"):
        assert sum(D(row["cost"]) for row in rows if row["by"] == by) == whole, by
    with (out / "ledgers.csv").open(newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert (last["believed"], last["actual"], last["counterfactual"]) == ("2", "4", "2")
    with (out / "cost.csv").open(newline="") as file:
        assert D(list(csv.DictReader(file))[-1]["cost"]) == whole


def test_the_page_leads_on(cli_alone: Cli, tmp_path: Path) -> None:
    folder, out = write_files(tmp_path / "in"), tmp_path / "out"
    words = ("--discovered", "2026-11-04T09:00Z", "--halted", "2026-11-04T09:02Z", "--flat", "2026-11-04T10:00Z")
    result = cli_alone("review", "--from-files", str(folder), "--half-spread", "0", "--output", str(out), *words)
    lines = result.stdout.splitlines()
    assert lines[0] == "What it cost: 1,000.00 USD lost"
    assert lines[1].startswith("  a wrong belief: 0.00 USD"), "at 49,500 until the next price"
    assert "Valued at 2026-11-04 10:00:00 UTC: the positions were proven flat." in lines
    assert "Due: 2026-11-06 09:00:00 UTC  (passed)" in lines
    assert any(line.startswith(f"  less {out}/review.md") for line in lines)


def test_json_is_the_whole_review(cli_alone: Cli, tmp_path: Path) -> None:
    folder, out = write_files(tmp_path / "in"), tmp_path / "out"
    document = cli_alone.json("review", "--from-files", str(folder), "--half-spread", "0", "--output", str(out))
    assert document["impact"]["belief_cost"]["total"] == "5000"
    assert document["record"] == {
        "incident_id": "",
        "recorded": False,
        "why_not": "no incident's record goes with this review",
    }
    assert document["folder"] == str(out)


def test_mistakes_end_it_before_anything_is_reviewed(cli_alone: Cli, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "in", fills="time\n")
    result = cli_alone("review", "--from-files", str(folder), "--output", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "4 mistakes in" in result.stderr
    assert f"{folder}/fills.csv:1: price: this column is missing" in result.stderr
    assert not (tmp_path / "out").exists(), "nothing is left of a review that was not made"


@pytest.mark.parametrize(
    ("accounts", "words", "says"),
    [
        (("main",), (), ""),
        (("main", "other"), ("--account", "main"), ""),
        (("main", "other"), (), "it has several; name one with --account: main, other"),
        (("main",), ("--account", "mian"), "mian is not in it; name one with --account: main"),
    ],
)
def test_limits_are_of_an_account(
    cli_alone: Cli, tmp_path: Path, *, accounts: tuple[str, ...], words: tuple[str, ...], says: str
) -> None:
    instruments = f"{{'{BTC}': {{max_net_exposure: 150000}}}}"
    row = f"{{max_total_exposure: 150000, instruments: {instruments}, strategies: {{mm: {{}}}}}}"
    limits = "version: 1\naccounts:\n" + "".join(f"  {name}: {row}\n" for name in accounts)
    folder = write_files(tmp_path / "in", **{"limits.yaml": limits})
    result = cli_alone("review", "--from-files", str(folder), "--output", str(tmp_path / "out"), *words)
    assert result.exit_code == (2 if says else 0), result.output
    assert says in result.stderr
    assert ("limit breaches caused by a wrong belief" in result.stdout) is not bool(says)


def test_a_review_is_never_overwritten(cli_alone: Cli, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "in")
    reviewed(cli_alone, folder)
    result = cli_alone("review", "--from-files", str(folder), "--output", str(tmp_path / "out-in"))
    assert result.exit_code == 2
    assert "has a review already (review.md, review.html" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("j", "--from-files", "f"), "name one source"),
        (("--from-venue", "main"), "--from-venue needs --start"),
        (("--from-files", "f", "--incident", "i"), "files and venues know no incidents"),
        (("--start", "2026-11-02", "--end", "2026-11-01"), "--end must be later than --start"),
        (("--start", "soon"), "'soon' is not a time; allowed: ISO 8601"),
        (("--half-spread", "1e3"), "'1e3' is not a decimal"),
    ],
)
def test_what_does_not_go_together(cli_alone: Cli, words: tuple[str, ...], says: str) -> None:
    result = cli_alone("review", *words)
    assert result.exit_code == 2
    assert says in result.stderr


def test_from_a_state_folder_or_its_journal(cli_alone: Cli, tmp_path: Path) -> None:
    world = given()
    world.hold("o-a", "0.4")
    world.mark(BTC, 49_000)
    world.wait(60)
    world.believe(0)
    world.mark(BTC, 48_000)
    write_journal(world, tmp_path / "state" / "journal")
    for number, folder in enumerate((tmp_path / "state", tmp_path / "state" / "journal")):
        out = tmp_path / f"out-{number}"
        result = cli_alone("review", str(folder), "--output", str(out), "--no-record")
        assert result.exit_code == 0, result.output
        found = json.loads((out / "review.json").read_text())
        assert found["source"] == f"the journal {tmp_path / 'state' / 'journal'}"
        assert found["account"] == "main"
        assert [one["largest"] for one in found["impact"]["divergences"]] == ["-0.4"]


def test_without_a_source_both_are_offered(cli_alone: Cli) -> None:
    result = cli_alone("review")
    assert result.exit_code == 2
    assert "risksvc review STATE_FOLDER" in result.stderr
    assert "risksvc review --from-files DIR" in result.stderr


def test_a_folder_without_a_journal(cli_alone: Cli, tmp_path: Path) -> None:
    result = cli_alone("review", str(tmp_path), "--output", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "no journal here" in result.stderr
