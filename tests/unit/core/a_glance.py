"""The glance that spares the usual order the rules, held against them: what it lets through, they let through."""

import pytest

from risksvc.core import deciding
from risksvc.core.check import Check
from risksvc.core.checks import CHECKS, none_objects


class Audit:
    """Stands where the glance stood; every order is judged by the rules as well."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.plain = self.left_to_the_rules = 0
        patch.setattr(deciding, "none_objects", self)

    def __call__(self, check: Check) -> bool:
        if not none_objects(check):
            self.left_to_the_rules += 1
            return False
        self.plain += 1
        objections = [denial for denial in (rule(check) for rule in CHECKS) if denial is not None]
        assert not objections, f"let through at a glance: {objections}"
        return True
