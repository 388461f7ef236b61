"""The settings files of `deploy/venues`: each loads, its venue can be used, and its cadence can be kept."""

import re
from pathlib import Path

import pytest

from risksvc.cli.venue_settings import check_config
from risksvc.gate.settings import load_settings
from risksvc.venue.abilities import Verdict
from risksvc.venue.check import USABLE, check_venue

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "venues"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
DERIVATIVES = {
    "binanceusdm", "okx", "bybit", "bitget", "gate", "kucoinfutures", "hyperliquid", "deribit", "krakenfutures", "mexc",
}  # fmt: skip
SPOT = {"kraken", "coinbase"}

pytestmark = pytest.mark.usefixtures("no_sockets")


def test_there_is_one_for_each_venue_and_the_readme_lists_them() -> None:
    assert {path.stem for path in EXAMPLES} == DERIVATIVES | SPOT
    listed = re.findall(r"^\| `(\w+)\.yaml` \|.*\| `(\w+)` \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in listed} == DERIVATIVES | SPOT
    assert all(name == exchange for name, exchange in listed)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_loads_and_its_venue_can_be_used_as_it_says(path: Path) -> None:
    settings = load_settings(path)
    (account,) = settings.accounts
    check = check_venue(check_config(settings, account, keys=False), offline=True)
    assert check.exchange == path.stem
    assert (check.code, check.problem) == (USABLE, "")
    rows = {row.name: row for row in check.report}
    assert rows["rate limit"].verdict is Verdict.YES, rows["rate limit"].line
    assert (rows["spot"].says == "this account is read as a spot account") == (path.stem in SPOT)
    # Where a list is read per instrument, the file names some.
    for name in ("open orders", "fills"):
        assert "per instrument" not in rows[name].says or settings.accounts[account].venue.instruments, name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_its_head_says_what_the_report_says(path: Path) -> None:
    """The figures and names in the head are the report's: a change of the table must change them too."""
    settings = load_settings(path)
    (account,) = settings.accounts
    report = check_venue(check_config(settings, account, keys=False), offline=True).report
    rows = {row.name: row for row in report}
    head = " ".join(line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    assert ("refused for being late" in head) <= (rows["request expiry"].verdict is Verdict.NO)
    assert ("Conditional (trigger) orders are in a list of their own" in head) == (
        rows["conditional orders"].verdict is Verdict.NO
    )
    assert ("can't be looked up by its client id" in head) == (rows["look-up by client id"].verdict is Verdict.PARTLY)
    assert ("one-way mode" in head) <= (rows["hedge mode"].verdict is Verdict.PARTLY)
    assert ("It tells no time" in head) == (rows["clock"].verdict is Verdict.NO)
    assert ("listed per instrument only" in head) == ("per instrument only" in rows["fills"].says)
