"""The compiled rules: what `make compiled` builds passes the core's own tests, and decides as the plain source does.

Left out are tests that put another function into a module of the core, where compiled code does not look, and those
that read annotations or signatures, which compiled classes lack.
"""

import dataclasses
import subprocess
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.compiled import build
from risksvc.core.events import Input
from risksvc.core.limits import Limits
from risksvc.core.outputs import Output
from tests.bench.compiled import FOLDER, ROOT, looking_in

BUILT_WITHIN, TESTED_WITHIN = 1_500, 1_500
SUITE = (
    "tests/unit/core",
    "tests/unit/gate/test_codec.py",
    "tests/unit/gate/test_recovery.py",
    "tests/unit/gate/test_snapshots.py",
    "tests/unit/gate/test_state_codec.py",
    "tests/unit/gate/test_stored_journals.py",
    "tests/property/test_batches.py",
    "tests/property/test_naive_model.py",
    "tests/property/test_replay.py",
    "tests/property/test_worst_case.py",
)
LEFT_OUT = (
    "test_the_model_misses_a_rule_that_is_taken_out",
    "test_a_journal_that_gives_something_else_makes_no_snapshot",
    "test_the_tables_name_exactly_what_a_state_is_made_of",
    "test_every_field_of_a_value_can_be_given_by_name",
)
WHERE = "import risksvc.core.orders_in as one; from risksvc.gate.state_metrics import CORE; print(one.__file__, CORE)"


def run(words: Sequence[str], *, seconds: float) -> str:
    """What a process with the compiled package first on its path printed; it must end well."""
    environment = looking_in(FOLDER, ROOT) | {"HYPOTHESIS_PROFILE": "dev"}
    for name in ("CI", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-10_000:]
    return done.stdout


@pytest.mark.timeout(BUILT_WITHIN + TESTED_WITHIN)
def test_the_core_s_own_tests_pass_on_the_compiled_rules() -> None:
    run(["-m", "deploy.compiled.build", "--wheel", str(ROOT / "dist"), "--into", str(FOLDER)], seconds=BUILT_WITHIN)

    file, core = run(["-c", WHERE], seconds=60).split()
    assert Path(file).is_relative_to(FOLDER)
    assert (Path(file).suffix, core) == (".so", "compiled")

    left_out = " and ".join(f"not {name}" for name in LEFT_OUT)
    quiet = ("-q", "--no-cov", "-n0", "-p", "no:cacheprovider", "-o", f"pythonpath={FOLDER} .")
    said = run(["-m", "pytest", *quiet, "-k", left_out, *SUITE], seconds=TESTED_WITHIN)
    assert " passed" in said
    assert "skipped" not in said


def of_the_core(kind: Any, found: set[type]) -> None:  # noqa: ANN401 - types are values here
    """The core's dataclasses that a type is made of."""
    for part in typing.get_args(kind):
        of_the_core(part, found)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind not in found:
        found.add(kind)
        for hint in typing.get_type_hints(kind).values():
            of_the_core(hint, found)


def test_nothing_is_compiled_that_is_read_from_journals_and_limits() -> None:
    read: set[type] = set()
    for kind in (Input, Output, Limits):
        of_the_core(kind, read)
    compiled = build.modules(ROOT / "risksvc" / "core", build.FIRST, {})
    assert {kind.__module__.removeprefix("risksvc.core.") for kind in read}.isdisjoint(compiled)


def test_what_is_compiled_is_what_decides_a_check_and_all_that_it_imports() -> None:
    found = build.modules(ROOT / "risksvc" / "core", build.FIRST, {})
    assert {"batches", "orders_in", "check", "checks", "sizing", "exposure", "book", "reservations"} <= set(found)
