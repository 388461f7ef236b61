"""What is counted and what is shown: names, bounds, and that the unknown is never 0."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from risksvc.core.events import LeaseLost, OrderChecked, OrdersChecked
from risksvc.core.types import Scope, Side, TradingState
from risksvc.gate.kill_switch.follower import GateSeen, NamespaceStatus
from risksvc.gate.kill_switch.soundness import Check, Finding, Inspection
from risksvc.gate.owner import Fault
from tests.unit.core.builders import given, started, unread
from tests.unit.core.catalogue import ACCOUNT, ALPHA, BTC, ETH, WIDE, D, instrument, limit, strategy
from tests.unit.gate.scraped import Scraped

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"
ISSUED = {
    "risksvc_checks_total",
    "risksvc_check_seconds",
    "risksvc_batch_seconds",
    "risksvc_exposure_usd",
    "risksvc_limit_utilisation_ratio",
    "risksvc_trading_state",
    "risksvc_divergence_usd",
    "risksvc_snapshot_age_seconds",
    "risksvc_kill_switch_lease_seconds",
    "risksvc_limits_reloads_total",
}


@pytest.fixture
def scraped() -> Scraped:
    return Scraped(given())


# -- checks -------------------------------------------------------------------------------------------------------


def checks(scraped: Scraped) -> dict[tuple[str, str, str, str], float]:
    names = ("account", "strategy", "outcome", "reason")
    rows = scraped.read()["risksvc_checks_total"]
    return {tuple(dict(labels)[name] for name in names): value for labels, value in rows.items() if value}  # type: ignore[misc]


def test_a_check_is_counted_by_outcome_and_first_reason(scraped: Scraped) -> None:
    world = scraped.world
    world.buy("0.1", 50_000)
    world.buy("0.1", 50_000)
    world.buy(2, 50_000)
    assert checks(scraped) == {
        (ACCOUNT, ALPHA, "approved", ""): 2,
        (ACCOUNT, ALPHA, "denied", "MAX_NET_EXPOSURE"): 1,
    }
    assert scraped.one("risksvc_check_seconds_count") == 3


def test_each_order_of_a_batch_is_counted_and_its_halt_once(scraped: Scraped) -> None:
    world = scraped.world
    asked = [OrderChecked(world.order(Side.BUY, size, 50_000), WIDE, D(0)) for size in ("0.1", "0.1", "2", "0.1005")]
    asked.append(OrderChecked(world.order(Side.BUY, 1, 50_000, strategy="gamma"), WIDE, D(0)))
    world.apply(OrdersChecked(tuple(asked)))
    assert checks(scraped) == {
        (ACCOUNT, ALPHA, "approved", ""): 2,
        (ACCOUNT, ALPHA, "denied", "MAX_NET_EXPOSURE"): 1,
        (ACCOUNT, ALPHA, "denied", "QUANTITY_OFF_STEP"): 1,
        (ACCOUNT, "unlisted", "denied", "STRATEGY_UNKNOWN"): 1,
    }
    assert scraped.one("risksvc_batch_seconds_count") == 1
    assert scraped.one("risksvc_check_seconds_count") == 0
    assert scraped.one("risksvc_halts_total", trigger="LIMIT_BREACH") == 1


def test_every_listed_strategy_has_its_series_before_its_first_order(scraped: Scraped) -> None:
    world = scraped.world
    world.load(strategies={"gamma": strategy()})
    assert scraped.one("risksvc_checks_total", account=ACCOUNT, strategy="gamma", outcome="approved", reason="") == 0


def test_no_caller_can_make_series_without_end(scraped: Scraped) -> None:
    before = len(scraped.read()["risksvc_checks_total"])
    for number in range(200):
        scraped.world.buy("0.1", 50_000, strategy=f"s{number}")
        scraped.world.buy("0.1", 50_000, account=f"a{number}")
    found = scraped.read()["risksvc_checks_total"]
    assert len(found) == before + 2
    assert checks(scraped) == {
        (ACCOUNT, "unlisted", "denied", "STRATEGY_UNKNOWN"): 200,
        ("unlisted", "unlisted", "denied", "ACCOUNT_UNKNOWN"): 200,
    }


def test_an_operator_s_own_order_has_no_strategy(scraped: Scraped) -> None:
    scraped.world.hold("o", 1)
    scraped.world.exit(Side.SELL, 1, 50_000, strategy=ALPHA)
    scraped.world.exit(Side.SELL, 1, 50_000)
    found = checks(scraped)
    assert sum(value for (_, name, _, _), value in found.items() if not name) == 1


def test_a_child_is_bound_once(scraped: Scraped) -> None:
    scraped.world.buy("0.1", 50_000)
    bound = scraped.metrics.heard.__self__._bound  # type: ignore[attr-defined]
    children = dict(bound)
    scraped.world.buy("0.1", 50_000)
    assert all(bound[key] is child for key, child in children.items())


def test_halts_are_counted_by_trigger_and_begin_at_0(scraped: Scraped) -> None:
    assert set(scraped.read()["risksvc_halts_total"].values()) == {0}
    scraped.world.halt(halt_id="h")
    scraped.world.halt(halt_id="h")  # the same again
    assert scraped.one("risksvc_halts_total", trigger="OPERATOR") == 1


def test_notices_are_counted_by_kind(scraped: Scraped) -> None:
    scraped.world.hold("o", 1)
    rows = scraped.read()["risksvc_notices_total"]
    assert any(("kind", "UTILISATION") in labels and value for labels, value in rows.items())


# -- the state ----------------------------------------------------------------------------------------------------


def test_exposure_and_utilisation(scraped: Scraped) -> None:
    scraped.world.hold("o", "0.4")
    assert scraped.one("risksvc_exposure_usd", account=ACCOUNT, instrument=BTC) == 20_000
    assert scraped.one("risksvc_exposure_usd", account=ACCOUNT, instrument=ETH) == 0
    assert scraped.one("risksvc_total_exposure_usd", account=ACCOUNT) == 20_000
    used = "risksvc_limit_utilisation_ratio"
    assert scraped.one(used, account=ACCOUNT, instrument=BTC, limit="max_net_exposure") == pytest.approx(0.4)
    assert scraped.one(used, account=ACCOUNT, instrument="", limit="max_total_exposure") == pytest.approx(2 / 15)


def test_what_has_no_mark_is_not_known() -> None:
    world = unread()
    scraped = Scraped(world)
    world.read(positions={BTC: 1})
    assert math.isnan(scraped.one("risksvc_exposure_usd", account=ACCOUNT, instrument=BTC))
    assert math.isnan(scraped.one("risksvc_total_exposure_usd", account=ACCOUNT))
    used = scraped.one("risksvc_limit_utilisation_ratio", account=ACCOUNT, instrument=BTC, limit="max_net_exposure")
    assert math.isnan(used)
    assert scraped.one("risksvc_mark_age_seconds", account=ACCOUNT) == math.inf


def test_what_is_held_where_the_limit_is_0_uses_it_without_end(scraped: Scraped) -> None:
    scraped.world.hold("o", "0.4")
    none_allowed = instrument(max_net_exposure=limit(0))
    scraped.world.load(instruments={BTC: none_allowed, ETH: none_allowed})
    used = "risksvc_limit_utilisation_ratio"
    assert scraped.one(used, account=ACCOUNT, instrument=BTC, limit="max_net_exposure") == math.inf
    assert scraped.one(used, account=ACCOUNT, instrument=ETH, limit="max_net_exposure") == 0


def test_ages_grow_and_one_that_never_came_is_infinite() -> None:
    world = unread()
    scraped = Scraped(world)
    assert scraped.one("risksvc_snapshot_age_seconds", account=ACCOUNT) == math.inf
    assert scraped.one("risksvc_mark_age_seconds", account=ACCOUNT) == 0
    world.refresh()
    world.hold("o", "0.1")
    world.wait(4, fresh=False)
    assert scraped.one("risksvc_snapshot_age_seconds", account=ACCOUNT) == pytest.approx(4, abs=0.1)
    assert scraped.one("risksvc_mark_age_seconds", account=ACCOUNT) == pytest.approx(4, abs=0.1)
    assert scraped.one("risksvc_snapshot_max_age_seconds", account=ACCOUNT) == 6


def states(scraped: Scraped) -> dict[tuple[str, str], float]:
    rows = scraped.read()["risksvc_trading_state"]
    return {(dict(labels)["strategy"], dict(labels)["instrument"]): value for labels, value in rows.items()}


def test_trading_states_by_scope(scraped: Scraped) -> None:
    assert set(states(scraped).values()) == {1}
    scraped.world.halt(Scope(ACCOUNT, strategy=ALPHA), state=TradingState.REDUCING)
    scraped.world.halt(Scope(ACCOUNT, instrument=BTC))
    found = states(scraped)
    assert (found["", ""], found[ALPHA, ""], found["", BTC], found["", ETH]) == (1, 2, 3, 1)
    scraped.world.halt(Scope())
    assert set(states(scraped).values()) == {3}


def test_a_fault_halts_everything_whatever_the_state_says(scraped: Scraped) -> None:
    assert scraped.one("risksvc_fault") == 0
    scraped.owner.fault = Fault("journal", fatal=False)
    assert set(states(scraped).values()) == {3}
    assert (scraped.one("risksvc_fault"), scraped.one("risksvc_ready")) == (1, 0)


def test_accounts(scraped: Scraped) -> None:
    seen = {name: scraped.one(f"risksvc_{name}", account=ACCOUNT) for name in ("feed_connected", "adopted")}
    assert seen == {"feed_connected": 1, "adopted": 1}
    assert scraped.one("risksvc_flatten_required", account=ACCOUNT) == 0
    scraped.world.buy("0.1", 49_000)
    scraped.world.buy(100, 50_000)  # denied: reserves nothing
    assert scraped.one("risksvc_reservations", account=ACCOUNT, status="APPROVED") == 1
    assert scraped.one("risksvc_reservations", account=ACCOUNT, status="UNKNOWN") == 0


def test_the_process(scraped: Scraped) -> None:
    assert scraped.one("risksvc_kill_switch_lease_seconds") == pytest.approx(0.2)
    assert scraped.one("risksvc_halt_bound_seconds") == pytest.approx(0.4)
    assert scraped.one("risksvc_limits_reloads_total", outcome="loaded") == 2
    assert scraped.one("risksvc_limits_reloads_total", outcome="refused") == 1
    assert scraped.one("risksvc_limits_last_reload_successful") == 0
    assert scraped.one("risksvc_malformed_requests_total") == 3
    assert scraped.one("risksvc_late_loops_total") == 1
    assert scraped.one("risksvc_journal_entries") == 7
    assert scraped.one("risksvc_watchers") == 2
    assert scraped.one("risksvc_ready") == 1
    scraped.lease_left_ns = -5
    assert scraped.one("risksvc_kill_switch_lease_seconds") == 0
    scraped.world.apply(LeaseLost(store_lost=False, why="test"))
    assert scraped.one("risksvc_ready") == 0


def test_a_gate_that_has_only_just_started_can_be_scraped() -> None:
    scraped = Scraped(started())
    assert scraped.one("risksvc_ready") == 0
    assert math.isinf(scraped.one("risksvc_snapshot_age_seconds", account=ACCOUNT))


def test_scraping_changes_nothing(scraped: Scraped) -> None:
    scraped.world.hold("o", "0.4")
    lines, version = dict(scraped.world.book.lines), scraped.world.gate.state.version
    first = [line for line in scraped.text().splitlines() if "process_" not in line]
    second = [line for line in scraped.text().splitlines() if "process_" not in line]
    assert first == second
    assert (scraped.world.book.lines, scraped.world.gate.state.version) == (lines, version)


# -- names --------------------------------------------------------------------------------------------------------


def exposed() -> dict[str, str]:
    """Every metric of this gate by the name that people use, with its help."""
    scraped = Scraped(given())
    scraped.world.hold("o", 1)
    found = re.findall(r"^# HELP (risksvc_\w+) (.+)$", scraped.text(), re.MULTILINE)
    return dict(found)


def test_the_issued_names_are_exposed() -> None:
    assert exposed().keys() >= ISSUED


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    text = (PROMETHEUS / "README.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(risksvc_\w+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(exposed())
    assert all(exposed().values())


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def test_every_metric_that_an_alert_asks_for_exists() -> None:
    names = exposed().keys()
    for rule in rules():
        asked = set(re.findall(r"\b(?:risksvc_\w+|up)\b", rule["expr"]))
        assert asked, rule
        assert asked <= {*names, "up"}, rule["alert"]


def test_every_label_that_an_alert_asks_for_is_the_metric_s() -> None:
    scraped = Scraped(given())
    rows = scraped.read()
    for rule in rules():
        for name, matchers in re.findall(r"(risksvc_\w+)\{([^}]*)\}", rule["expr"]):
            labels = {label for row in rows[name] for label, _ in row}
            assert set(re.findall(r"(\w+)=", matchers)) <= labels, rule["alert"]


def test_every_alert_says_how_bad_what_and_what_to_type() -> None:
    for rule in rules():
        notes = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert notes["summary"].strip(), rule["alert"]
        assert "`" in notes["description"] or "log" in notes["description"], rule["alert"]
        assert re.fullmatch(r"risksvc/cli/runbook/alerts\.md#[a-z-]+", notes["runbook_url"]), rule["alert"]


def test_every_alert_is_documented_with_its_severity() -> None:
    text = (PROMETHEUS / "README.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `(Risksvc\w+)` \| (\w+) \|", text, re.MULTILINE))
    assert documented == {rule["alert"]: rule["labels"]["severity"] for rule in rules()}


def test_the_divergences_that_are_shown_are_plain_numbers(scraped: Scraped) -> None:
    scraped.world.fill("nobody's", Side.SELL, D("0.001"))
    assert "risksvc_divergence_usd" in scraped.text()
    assert 'status="SUSPECT"} 50.0' in scraped.text()


def test_skew_is_counted_by_account(scraped: Scraped) -> None:
    limits = scraped.owner.state.limits_hash
    assert scraped.one("risksvc_limits_skew", account=ACCOUNT) == 0
    others = {
        "g1": GateSeen("0.9", "before a reload", 50, "i", 400),
        "g2": GateSeen("1.0", "other", 50, "i", 400),
        "g3": GateSeen("1.1", limits, 50, "i", 400),
        "g4": GateSeen("1.1", "other", 60_000, "i", 400),
    }
    scraped.namespaces = (NamespaceStatus(ACCOUNT, "G", 1, 0, 0, others),)
    assert scraped.one("risksvc_limits_skew", account=ACCOUNT) == 1
    assert scraped.one("risksvc_version_skew", account=ACCOUNT) == 1


def test_the_bound_is_exported(scraped: Scraped) -> None:
    assert scraped.one("risksvc_halt_bound_seconds") == 0.4


def test_what_the_stores_server_is_fit_for(scraped: Scraped) -> None:
    unsound, unchecked = "risksvc_kill_switch_store_unsound", "risksvc_kill_switch_store_unchecked"
    assert scraped.one(unsound, check="eviction") == 0
    assert scraped.one(unchecked, check="eviction") == 1, "not inspected yet"
    findings = (Finding(Check.EVICTION, "evicts"), Finding(Check.ROLE), Finding(Check.APPEND_ONLY, unknown=True))
    scraped.inspection = Inspection("r1", findings)
    assert [scraped.one(unsound, check=name) for name in ("eviction", "role", "append_only")] == [1, 0, 0]
    assert [scraped.one(unchecked, check=name) for name in ("eviction", "role", "append_only")] == [0, 0, 1]
