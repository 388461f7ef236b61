"""`risksvc review --from-venue`: the unmodified ccxt client reads the paper venue's past; beliefs come from a file."""

import asyncio
import json
import time
from pathlib import Path

from click.testing import CliRunner, Result

from risksvc.cli.app import app
from tests.integration.venue.rig import BTC, Rig

SETTINGS = """
version: 1
gate: {{id: g1, state_dir: state}}
accounts:
  main:
    venue:
      exchange: bybit
      base_url: {base_url}
      key: {{api_key_env: PAPER_KEY, secret_env: PAPER_SECRET}}
"""
KEYS = {"PAPER_KEY": "paper-read", "PAPER_SECRET": "paper-read-secret"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def reviewed(rig: Rig, tmp_path: Path, *words: str, start: int) -> tuple[Result, dict]:  # type: ignore[type-arg]
    settings, out = tmp_path / "risksvc.yaml", tmp_path / f"out-{len(words)}"
    settings.write_text(SETTINGS.format(base_url=rig.paper.base_url))
    command = ["review", "--from-venue", "main", "--settings", str(settings), "--output", str(out)]
    command += ["--start", str(start), "--half-spread", "0", *words]
    result = await asyncio.to_thread(CliRunner(env=KEYS).invoke, app, command)
    found = json.loads((out / "review.json").read_text()) if result.exit_code == 0 else {}
    return result, found


async def test_a_belief_that_missed_a_fill_costs_what_the_price_moved(rig: Rig, tmp_path: Path) -> None:
    start = now_ms()
    await rig.order("o-1", "buy", "2")
    await rig.order("elsewhere", "buy", "2")
    files = tmp_path / "files"
    files.mkdir()
    said = now_ms() + 1
    header = "time,strategy,instrument,client_order_id,side,quantity,belief,intent"
    (files / "orders.csv").write_text(f"{header}\n{start},mm,{BTC},o-1,buy,2,0,2\n")
    (files / "beliefs.csv").write_text(f"time,strategy,instrument,quantity\n{said},mm,{BTC},2\n")
    prices = f"time,price\n{start},50000\n{said + 10},49000\n"
    (files / "prices.csv").write_text(prices)
    result, found = await reviewed(rig, tmp_path, "--from-files", str(files), start=start)
    assert result.exit_code == 0, result.output
    assert found["impact"]["belief_cost"]["direction"] == "2000", "2 BTC too many, from 50,000 to 49,000"
    (line,) = found["impact"]["lines"]
    assert (line["strategy"], line["symbol"]) == ("mm", BTC)
    assert found["source"].startswith("the history of account main at bybit, and the files in")
    assert "a wrong belief: 2,000.00 USD lost" in result.stdout


async def test_without_files_only_what_was_carried_is_told(rig: Rig, tmp_path: Path) -> None:
    start = now_ms()
    await rig.order("o-1", "buy", "2")
    result, found = await reviewed(rig, tmp_path, start=start)
    assert result.exit_code == 0, result.output
    assert found["impact"]["decided"] is False
    assert found["impact"]["belief_cost"]["total"] == "0"
    assert "There are no records of decisions" in result.stdout


async def test_a_venue_that_can_not_be_read_is_told(rig: Rig, tmp_path: Path) -> None:
    rig.fault("http_error", path="/v5/execution/list", status=500)
    result, _ = await reviewed(rig, tmp_path, start=now_ms())
    assert result.exit_code == 3
    assert "bybit can't be read: fills" in result.stderr
    assert "paper-read-secret" not in result.output
