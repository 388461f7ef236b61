"""I12: the same Inputs at the same times give the same Outputs, in a fresh gate and in another process.

Walks are recorded and replayed. Subprocesses with other hash seeds make the same walks; a digest of all their Inputs
and Outputs must be the same: no decision hangs on the order of a set or of a hash.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from risksvc.core.gate import RiskGate
from risksvc.core.types import use_exact_arithmetic
from tests.conftest import IN_CI
from tests.property.random_walk import STEPS, recorded

ROOT = Path(__file__).resolve().parents[2]
WALKS = 1_000 if IN_CI else 50
PRINT_DIGEST = "from tests.property.test_replay import digest; print(digest({walks}))"


def digest(walks: int) -> str:
    """Of all Inputs, times and Outputs of so many walks."""
    use_exact_arithmetic()
    total = hashlib.sha256()
    for seed in range(walks):
        for event, now, outputs in recorded(seed, STEPS).log:
            total.update(repr((event, now, outputs)).encode())
    return total.hexdigest()


@pytest.mark.timeout(600)
def test_a_fresh_gate_gives_the_same_outputs_to_the_same_inputs() -> None:
    inputs = 0
    for seed in range(WALKS):
        fresh = RiskGate()
        for event, now, outputs in recorded(seed, STEPS).log:
            assert fresh.apply(event, now) == outputs, f"seed {seed}: {event}"
            inputs += 1

    assert inputs > 10 * WALKS


@pytest.mark.timeout(600)
def test_another_process_with_another_hash_seed_gives_the_same_outputs() -> None:
    digests = []
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", PRINT_DIGEST.format(walks=WALKS // 2)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.strip())

    assert digests[0] == digests[1]
    assert digests[0] == digest(WALKS // 2)
