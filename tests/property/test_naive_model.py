"""Property: whatever strategies, operators, kill switch and venue do, the gate's books are what a plain model says.

I1 to I5 and I8 after every step of seeded random walks (see `naive_model`): 10,000 walks in CI, a few hundred on a desk.
A plain seeded walk finds more per second here than hypothesis does; a seed is repeated by the line that a failure shows.
"""

import pytest

from tests.conftest import IN_CI
from tests.property.naive_model import NaiveModel
from tests.property.random_walk import STEPS, Walk

WALKS = 10_000 if IN_CI else 300
CHUNKS = 10  # so that workers can share them


def walk(seed: int) -> NaiveModel:
    """One walk under the eyes of the model; a failure says how to repeat it."""
    model = NaiveModel()
    try:
        Walk(seed, watch=model).run(STEPS)
    except Exception as error:
        again = f"python -c 'from tests.property.test_naive_model import walk; walk({seed})'"
        error.add_note(f"seed {seed}; again: {again}")
        raise
    return model


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_gate_and_the_plain_model_agree_after_every_step(chunk: int) -> None:
    approved = sum(walk(seed).approved for seed in range(chunk, WALKS, CHUNKS))

    assert approved > 3 * WALKS / CHUNKS, "the walks hardly trade: they prove nothing"
