"""Property: what is let through at a glance breaks no rule, on random walks; and the glance decides most approvals."""

import pytest

from risksvc.core.outputs import Decision
from tests.conftest import IN_CI
from tests.property.random_walk import STEPS, Walk
from tests.unit.core.a_glance import Audit

WALKS = 1_000 if IN_CI else 50


@pytest.mark.timeout(600)
def test_what_is_let_through_at_a_glance_breaks_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    audit, approved = Audit(monkeypatch), 0
    for seed in range(WALKS):
        walk = Walk(seed).run(STEPS)
        approved += sum(isinstance(one, Decision) and one.approved for _, _, outputs in walk.log for one in outputs)

    assert audit.left_to_the_rules > WALKS, "the rules were hardly asked"
    assert audit.plain > approved // 2, "the glance lets hardly anything through: it spares nobody anything"
