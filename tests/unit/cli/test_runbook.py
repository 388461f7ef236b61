import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from risksvc.cli.app import app
from risksvc.cli.runbook.pages import find, near, sections, steps

ROOT = Path(__file__).resolve().parents[3]
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def say(*words: str, expect: int = 0) -> str:
    result = CliRunner().invoke(app, ["runbook", *words])
    assert result.exit_code == expect, result.output
    return result.output


def test_it_prints_the_steps_without_a_gate() -> None:
    said = say()
    assert said.startswith("# Runbook")
    assert "risksvc halt --reason" in said
    assert "risksvc runbook --list" in said


def test_readme_and_command_say_the_same() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, after = readme.partition("<!-- runbook -->\n")
    shown, _, rest = after.partition("<!-- /runbook -->")
    assert rest
    # One level deeper there.
    assert re.sub(r"^#(#+ )", r"\1", shown, flags=re.MULTILINE).strip() == steps().strip()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_section(rule: dict[str, dict[str, str]]) -> None:
    (found,) = find(str(rule["alert"]), sections())
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (ROOT / page).is_file()
    assert found.anchor == anchor


def test_no_section_names_an_alert_that_there_is_not() -> None:
    named = [alert for one in sections() for alert in one.alerts]
    assert sorted(named) == sorted(str(rule["alert"]) for rule in RULES)


def test_a_section_is_found_by_alert_heading_anchor_and_word() -> None:
    every = sections()
    by_alert = find("RisksvcDivergence", every)
    assert by_alert == find("Divergence", every) == find("divergence", every)
    assert by_alert[0] in find("LOST_ORDER", every)
    assert find("KILL_SWITCH_STORE_LOST", every)


def test_what_is_not_there_is_told_with_what_was_meant() -> None:
    assert near("RisksvcDivergense", sections())[0] == "RisksvcDivergence"
    assert "risksvc runbook 'RisksvcDivergence'" in say("RisksvcDivergense", expect=1)


def test_programs_get_json() -> None:
    (section,) = json.loads(say("RisksvcDivergence", "--json"))
    assert section["alerts"] == ["RisksvcDivergence"]
    assert json.loads(say("--json"))["markdown"] == steps()
    assert {"heading", "alerts"} == set(json.loads(say("--list", "--json"))[0])


def test_a_word_that_many_sections_hold_names_the_rest() -> None:
    assert "... and: " in say("risksvc")


def test_the_list_names_every_section() -> None:
    lines = say("--list").splitlines()
    assert len(lines) == len(sections())
