"""The alert rules by Prometheus' own tool: they can be read, and each fires when it should and not otherwise."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.prometheus

PROMETHEUS = Path(__file__).parents[3] / "deploy" / "prometheus"
RULES = PROMETHEUS / "alerts.yml"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
_FIRING = re.compile(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}')


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_can_be_read() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    number = sum(len(group["rules"]) for group in groups)
    assert f"{number} rules found" in promtool("check", "rules", RULES)


def test_the_example_of_a_configuration_can_be_read() -> None:
    assert "is valid prometheus config" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_each_alert_fires_when_it_should_and_not_otherwise(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)


def cases() -> Iterator[dict[str, Any]]:
    for path in TESTS:
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]


def test_every_alert_is_tested_both_ways() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    fires, stays_quiet = set(), set()
    for case in cases():
        for test in case.get("promql_expr_test", []):
            assert test["exp_samples"], test
            fires |= set(_FIRING.findall(test["expr"]))
        stays_quiet |= {test["alertname"] for test in case.get("alert_rule_test", []) if not test["exp_alerts"]}
    assert fires == alerts
    assert stays_quiet == alerts
