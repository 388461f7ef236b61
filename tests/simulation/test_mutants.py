"""The mutation gate: each broken design has to be noticed, or the simulator has lost its power.

The broken designs of the reservations have their gate in tests/property/test_reservation_proof.py.
"""

import pytest

from tests.simulation.mutants import MUTANTS, caught
from tests.simulation.world import run_seed


@pytest.mark.no_cover
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_design_is_caught(name: str) -> None:
    assert caught(MUTANTS[name]) is not None, f"{name!r} survives {MUTANTS[name].seeds}"


@pytest.mark.no_cover
@pytest.mark.parametrize("name", MUTANTS)
def test_the_same_runs_of_the_product_itself_are_clean(name: str) -> None:
    """So it is the broken design that is noticed, and not the mix."""
    mutant = MUTANTS[name]
    bad = {seed: found for seed in mutant.seeds[:10] if (found := run_seed(seed, mutant.mix).violations)}
    assert not bad
