"""Every name that a person can meet has a line of documentation, and is written the same everywhere."""

import re
from pathlib import Path

import pytest

from risksvc.core.denials import TRANSIENT, DenialReason
from risksvc.core.divergences import DIVERGENCES, DivergenceClass
from risksvc.core.outputs import RefusalReason
from risksvc.v1 import types_pb2

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BY_ALERT = (ROOT / "risksvc/cli/runbook/alerts.md").read_text(encoding="utf-8")


def row_of(name: str, *, columns: int) -> list[str]:
    rows = [line.strip("|").split("|") for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    found = [[cell.strip() for cell in row] for row in rows if len(row) == columns]
    assert len(found) == 1, f"README.md has {len(found)} rows for {name}"
    return found[0]


@pytest.mark.parametrize("reason", list(DenialReason), ids=lambda reason: reason.name)
def test_every_denial_reason_is_explained_and_its_transience_told(reason: DenialReason) -> None:
    _, meaning, transient = row_of(reason.name, columns=3)
    assert len(meaning) > 10
    assert (transient == "yes") == (reason in TRANSIENT)


def test_denial_reasons_stand_in_their_order_of_precedence() -> None:
    places = [README.index(f"| `{reason.name}` |") for reason in DenialReason]
    assert places == sorted(places)
    assert [f"DENIAL_REASON_{reason.name}" for reason in DenialReason] == types_pb2.DenialReason.keys()[1:]


CLASSES = pytest.mark.parametrize("divergence", list(DivergenceClass), ids=lambda one: one.value)


@CLASSES
def test_every_divergence_class_is_explained_in_the_words_of_the_data(divergence: DivergenceClass) -> None:
    rule = DIVERGENCES[divergence]
    assert row_of(divergence.value, columns=3) == [f"`{divergence.value}`", rule.says, rule.becomes]


@CLASSES
def test_every_divergence_class_has_a_line_of_the_runbook(divergence: DivergenceClass) -> None:
    assert [part for part in BY_ALERT.split("\n## ")[1:] if f"`{divergence.value}`" in part]


@CLASSES
def test_every_divergence_class_is_a_label_that_dashboards_can_look_up(divergence: DivergenceClass) -> None:
    text = (ROOT / "deploy/prometheus/README.md").read_text(encoding="utf-8")
    assert f"`{divergence.value}`" in text


@CLASSES
def test_every_divergence_class_is_named_by_a_test(divergence: DivergenceClass) -> None:
    """By its name, in a test that says something about it: not one that goes through them all, as this does."""
    named = re.compile(rf"\b{divergence.value}\b")
    tests = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if path != Path(__file__).resolve()]
    assert any(named.search(path.read_text(encoding="utf-8")) for path in tests)


@pytest.mark.parametrize("refusal", list(RefusalReason), ids=lambda one: one.value)
def test_every_refusal_is_explained(refusal: RefusalReason) -> None:
    assert row_of(refusal.value, columns=2)
