"""`risksvc assess` with real processes: by the gate and without it, in under two seconds each; and when things fail."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenario.conftest import Begin
from tests.scenario.world import BTC, ETH, ScenarioWorld

BOUND_S = 2.0
SLOW_MACHINE = 8  # a factor on the bound, for a machine that does much else meanwhile


@pytest.fixture(scope="module")
def world(new_world: Begin) -> Iterator[ScenarioWorld]:
    """A position that nobody meant to hold, and orders."""
    with new_world(settings="    calendar: {timezone: America/New_York, close: '16:00'}\n") as world:
        world.begin_open()
        world.paper("events", name="fill", account="main", symbol="BTCUSDT", side="Buy", qty="0.3")
        world.paper("events", name="stops", account="main", symbol="BTCUSDT", stopLoss="30000")
        limit = {"side": "Buy", "orderType": "Limit", "qty": "1", "price": "2000", "orderLinkId": "left-over"}
        world.paper("events", name="order", account="main", symbol="ETHUSDT", **limit)
        world.until(lambda: [one.trigger for one in world.halts()], "the halt that nobody explains")
        yield world


def timed(world: ScenarioWorld, *words: str, expect: int = 0) -> dict[str, Any]:
    """The command from its start to its end, interpreter and all."""
    began = time.monotonic()
    answer = world.run("alice", *words, expect=expect)
    assert time.monotonic() - began < BOUND_S * SLOW_MACHINE
    return answer


def check_page(answer: dict[str, Any]) -> Any:  # noqa: ANN401 - a row of JSON
    """What the venue holds, whoever read it; gives the position's row."""
    assert answer["complete"]
    (account,) = answer["accounts"]
    assert (account["account"], account["problem"], account["remarks"]) == ("main", "", account["remarks"])
    rows = {one["instrument"]: one for one in account["instruments"]}
    btc = rows[BTC]
    assert (btc["quantity"], btc["limit"]) == ("0.3", "50000")
    assert 14_000 < float(btc["value"]) < 16_000
    assert btc["exit_cost_now"]
    assert btc["exit_cost_sliced"]
    assert btc["depth"]
    assert btc["spread_bps"]
    assert 0 <= int(btc["mark_age_ms"]) < 5_000
    assert 0 <= btc["minutes_to_close"] < 5 * 24 * 60
    assert rows[ETH]["quantity"] == "0"
    orders = {one["instrument"]: one for one in account["open_orders"]}
    assert (orders[BTC]["trigger_price"], orders[BTC]["reduce_only"]) == ("30000", True)
    assert orders[ETH]["client_order_id"] == "left-over"
    return btc


def test_by_the_gate_it_is_recorded_and_meets_its_deadline(world: ScenarioWorld) -> None:
    answer = timed(world, "assess")
    btc = check_page(answer)
    assert btc["outside_band"], "nobody ever meant to hold it"
    assert answer["incident_id"]
    assert all(one["unexplained"] for one in answer["accounts"][0]["open_orders"])
    assert int(answer["took_ms"]) < 1_000 * BOUND_S, "of which the venue takes a tenth of a second"


def test_a_page_for_people_leads_on(world: ScenarioWorld) -> None:
    done = typed(world, "assess")
    assert done.returncode == 0
    for words in ("OUTSIDE ITS BAND", "the course is FLATTEN", "NO APPROVAL EXPLAINS IT", "risksvc decide --incident"):
        assert words in done.stdout, done.stdout


def typed(world: ScenarioWorld, *words: str) -> "subprocess.CompletedProcess[str]":
    """As a person types it."""
    token = str(world.folder / "alice.token")
    command = [sys.executable, "-m", "risksvc.cli.main", *words, "--settings", str(world.settings)]
    return subprocess.run(
        [*command, "--token-file", token], capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ)
    )


def test_without_the_gate_it_says_the_same_and_no_secret(world: ScenarioWorld) -> None:
    world.kill("venue")
    world.kill("gate")
    answer = timed(world, "assess", "--direct", "--account", "main")
    btc = check_page(answer)
    assert answer["direct"]
    assert (btc["outside_band"], btc["believed"], answer["incident_id"]) == (False, "", "")
    assert any("beliefs are not known" in remark for remark in answer["accounts"][0]["remarks"])
    done = typed(world, "assess", "--direct")
    assert "paper-read-secret" not in done.stdout + done.stderr
    assert "straight from the venue, without the gate" in done.stdout


def test_a_gate_that_is_down_names_the_way_without_it(world: ScenarioWorld) -> None:
    done = typed(world, "assess")
    assert done.returncode == 3
    assert "risksvc assess --direct" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_venue_that_does_not_answer_is_unknown_and_never_flat(world: ScenarioWorld) -> None:
    world.paper("faults", name="http_error", path="/v5/position/list", status=503)
    answer = world.run("alice", "assess", "--direct", expect=3)
    (account,) = answer["accounts"]
    assert not answer["complete"]
    assert "positions: " in account["problem"]
    assert account["total"] == ""
    assert [one["quantity"] for one in account["instruments"] if one["instrument"] == BTC] == [""]
