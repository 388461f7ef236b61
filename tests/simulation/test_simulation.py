"""A fixed range of seeds without a violation; runs in which something happens; the same seed, the same run."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.simulation.world import Mix, run_seed

SEEDS, CHUNKS = 2000, 20
PORTION = SEEDS // CHUNKS
ROOT = Path(__file__).resolve().parents[2]
TRACE = "from tests.simulation.test_simulation import digest; print(digest({seed}))"


def digest(seed: int) -> str:
    return sha256("\n".join(run_seed(seed, trace=True).trace).encode()).hexdigest()


@pytest.mark.no_cover
@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_rule_is_violated(chunk: int) -> None:
    outcomes = [run_seed(seed) for seed in range(chunk * PORTION, (chunk + 1) * PORTION)]
    bad = {one.seed: one.violations[:3] for one in outcomes if one.violations}
    assert not bad, f"{bad}; replay: python -m tests.simulation --seed {next(iter(bad))} --trace"
    # Something happened: strategies traded, halts were answered, clears were written.
    assert sum(one.counts.submits >= 10 for one in outcomes) > PORTION // 2
    assert sum(one.counts.effective for one in outcomes) > PORTION // 3
    assert sum(one.counts.clears for one in outcomes) > PORTION // 4


@pytest.mark.no_cover
def test_without_faults_every_halt_is_effective_and_strategies_trade() -> None:
    for seed in range(20):
        outcome = run_seed(seed, Mix(kinds=(), halts=1, resumes=1, hints=True))
        counts = outcome.counts
        assert not outcome.violations
        assert counts.effective
        assert not counts.latched
        assert counts.submits >= 5


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", [3, 87])
def test_a_seed_gives_the_same_run_whatever_the_hash_seed(seed: int) -> None:
    def elsewhere(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", TRACE.format(seed=seed)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            cwd=ROOT,
        )
        return done.stdout.strip()

    first = elsewhere("0")
    assert len(first) == 64
    assert first == elsewhere("4711")
