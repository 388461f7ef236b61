"""The compiled gate: what `make compiled` builds passes the tests of what is in it, and decides as the plain source.

Left out are tests that put another function or number into a module, where compiled code does not look, those that
read a module's source or a class's signature, which compiled ones lack, and those of what the type checker refuses.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.compiled import build
from tests.bench.compiled import FOLDER, ROOT, looking_in

BUILT_WITHIN, TESTED_WITHIN = 1_500, 1_500
SUITE = (
    "tests/unit/core",
    "tests/unit/gate/engine",
    "tests/unit/gate/test_approval_wire.py",
    "tests/unit/gate/test_batches.py",
    "tests/unit/gate/test_check_metrics.py",
    "tests/unit/gate/test_codec.py",
    "tests/unit/gate/test_constructing.py",
    "tests/unit/gate/test_convert.py",
    "tests/unit/gate/test_convert_feed.py",
    "tests/unit/gate/test_journal.py",
    "tests/unit/gate/test_listening.py",
    "tests/unit/gate/test_owner.py",
    "tests/unit/gate/test_owner_replay.py",
    "tests/unit/gate/test_recovery.py",
    "tests/unit/gate/test_snapshots.py",
    "tests/unit/gate/test_state_codec.py",
    "tests/unit/gate/test_stored_journals.py",
    "tests/integration/gate/engine",
    "tests/integration/gate/test_deciding.py",
    "tests/property/test_batches.py",
    "tests/property/test_naive_model.py",
    "tests/property/test_replay.py",
    "tests/property/test_worst_case.py",
)
LEFT_OUT = (
    "test_the_model_misses_a_rule_that_is_taken_out",
    "test_a_journal_that_gives_something_else_makes_no_snapshot",
    "test_memory_of_bookings_is_bounded_and_what_was_forgotten_is_nothing_new",
    "test_so_many_finished_orders_are_remembered",
    "test_the_fills_kept_in_sight_of_a_difference_are_bounded",
    "test_the_tables_name_exactly_what_a_state_is_made_of",
    "test_too_many_rows_are_refused",
    "test_what_fails_on_the_direct_engines_own_thread_is_told_and_ends_every_call",
    "test_what_has_no_place_in_a_journal_is_an_error",
    "test_what_waits_is_bounded",
    "test_while_balances_do_not_come_fills_do_not_pile_up",
    "test_every_field_of_a_value_can_be_given_by_name",
)
WHERE = "import risksvc.core.orders_in as one; from risksvc.gate.state_metrics import CORE; print(one.__file__, CORE)"
# What starts something when it is imported is left out.
EVERYTHING = """
import importlib, pkgutil, risksvc
for one in pkgutil.walk_packages(risksvc.__path__, "risksvc."):
    if not one.name.endswith(".__main__"):
        importlib.import_module(one.name)
"""


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
def test_the_tests_of_what_is_compiled_pass_on_it() -> None:
    run(["-m", "deploy.compiled.build", "--wheel", str(ROOT / "dist"), "--into", str(FOLDER)], seconds=BUILT_WITHIN)

    file, core = run(["-c", WHERE], seconds=60).split()
    assert Path(file).is_relative_to(FOLDER)
    assert (Path(file).suffix, core) == (".so", "compiled")

    run(["-c", EVERYTHING], seconds=60)  # what stays Python can be built on what is compiled

    left_out = " and ".join(f"not {name}" for name in LEFT_OUT)
    quiet = ("-q", "--no-cov", "-n0", "-p", "no:cacheprovider", "-o", f"pythonpath={FOLDER} .")
    said = run(["-m", "pytest", *quiet, "-k", left_out, *SUITE], seconds=TESTED_WITHIN)
    assert " passed" in said
    assert "skipped" not in said


def test_all_that_takes_an_input_in_is_compiled() -> None:
    core = ROOT / "risksvc" / "core"
    found = build.modules(core, build.FIRST, {})
    assert set(found) == {path.stem for path in core.glob("*.py")} - build.NEVER - {"__init__", "request_expiry"}


def test_what_carries_a_check_is_named_where_it_is() -> None:
    assert all((ROOT / "risksvc" / "gate" / f"{name}.py").is_file() for name in build.ON_THE_WAY)
