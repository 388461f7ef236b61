"""Exact arithmetic, as every process of this project has it; and every glance held against the rules."""

import pytest

from risksvc.core.types import use_exact_arithmetic
from tests.unit.core.a_glance import Audit

use_exact_arithmetic()


@pytest.fixture(autouse=True)
def _audited_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    Audit(monkeypatch)
